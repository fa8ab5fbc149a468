"""A small transformer whose attention is masked: by a function's argument, by a table of biases, by a module's mask."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Masked(nn.Module):
    """Each token asks only those before it; then all, with a bias for each head; then those near it."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 8, 8, 8)
        self.qkv = nn.Linear(8, 24)
        self.bias = nn.Parameter(torch.randn(2, 16, 16))
        self.module = nn.MultiheadAttention(8, 2, batch_first=True)
        self.fc = nn.Linear(8, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2)
        for how in ({"is_causal": True}, {"attn_mask": self.bias[None]}):
            q, k, v = self.qkv(x).reshape(1, 16, 3, 2, 4).permute(2, 0, 3, 1, 4).unbind(0)
            x = x + F.scaled_dot_product_attention(q, k, v, **how).transpose(1, 2).reshape(1, 16, 8)  # type: ignore[arg-type]
        far = (torch.arange(16)[:, None] - torch.arange(16)).abs() > 5
        x = x + self.module(x, x, x, need_weights=False, attn_mask=far)[0]
        return self.fc(x.mean(1))  # type: ignore[no-any-return]


def masked() -> nn.Module:
    """The model with random weights, the same each time."""
    torch.manual_seed(0)
    model = Masked()
    for parameter in model.parameters():
        nn.init.normal_(parameter, 0.0, 0.25)
    return model.eval()
