"""Kernels: the weights of any convolution or linear layer in one layout, (units, input channels of the unit's group, taps).

A linear layer is a convolution of one tap. A transposed convolution stores its inputs first: it is turned round.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from generator.artifacts import NotApplicable
from generator.methods.kernels import outputs_first
from generator.model.graph import Node


@dataclass(frozen=True)
class Kernels:
    """The weights of a layer, without its bias."""

    weight: Float[Tensor, "o i t"]
    """float32; o are the units in order, i the input channels of one group."""
    groups: int = 1

    @property
    def shaped(self) -> Float[Tensor, "o i t"]:
        """Each unit's weights as shares of its largest: what of a unit does not depend on its size is read from these, whose squares
        neither vanish (weight decay leaves kernels of 1e-30) nor overflow. A kernel of zeros stays one."""
        largest = self.weight.abs().amax(dim=(1, 2), keepdim=True)
        return torch.where(largest > 0, self.weight / largest, 0)

    @property
    def units(self) -> int:
        """How many units it has."""
        return self.weight.shape[0]

    @property
    def channels(self) -> int:
        """How many input channels it reads."""
        return self.weight.shape[1] * self.groups


def kernels_of(node: Node, module: nn.Module) -> Kernels | NotApplicable:
    """The kernels of a convolution or linear layer, as they are stored in `module`."""
    if not node.module:
        return NotApplicable("it is a function call whose weights belong to no module.")
    weight = getattr(module.get_submodule(node.path), "weight", None)
    if not isinstance(weight, Tensor):
        return NotApplicable("its module keeps no weights under that name.")
    groups = int(node.settings.get("groups", 1))
    W = weight.detach().float()
    if node.family == "conv_transpose":
        W = outputs_first(W, groups)
    return Kernels(W.flatten(2) if W.dim() > 2 else W.unsqueeze(2), groups)


def linear_kernels(layer: nn.Module) -> Kernels:
    """The kernels of a linear head: its units are the classes."""
    assert isinstance(layer, nn.Linear)
    return Kernels(layer.weight.detach().float().unsqueeze(2))
