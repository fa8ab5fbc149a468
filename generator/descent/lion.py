"""Lion, which torch.optim lacks: the sign of an interpolated momentum, and weight decay beside it.

Chen et al., "Symbolic Discovery of Optimization Algorithms", 2023 (arXiv 2302.06675), algorithm 2:

    c = beta1 m + (1 - beta1) g
    w = w - lr (sign(c) + decay w)
    m = beta2 m + (1 - beta2) g
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor


class Lion(torch.optim.Optimizer):
    """Evolved sign momentum. Every weight moves by the learning rate, whatever its gradient's size.

    Args:
        params: what is learned.
        lr: the step of every weight; the paper takes a third to a tenth of AdamW's.
        betas: how slowly the direction, and the momentum, forget.
        weight_decay: decoupled, as in AdamW.

    Raises:
        ValueError: a rate or decay below zero, or a beta outside [0, 1).
    """

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
    ) -> None:
        if lr < 0 or weight_decay < 0 or not all(0 <= beta < 1 for beta in betas):
            raise ValueError(
                f"expected lr >= 0, betas in [0, 1), weight_decay >= 0, received {lr}, {betas}, {weight_decay}"
            )
        super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:  # type: ignore[override]
        """One update of every parameter that has a gradient; the closure's loss, where there is one."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            for p in group["params"]:
                if p.grad is None:
                    continue
                m = self.state[p].setdefault("exp_avg", torch.zeros_like(p))
                direction = (m * beta1 + p.grad * (1 - beta1)).sign()
                p.mul_(1 - group["lr"] * group["weight_decay"]).add_(direction, alpha=-group["lr"])
                m.mul_(beta2).add_(p.grad, alpha=1 - beta2)
        return loss
