"""A model as its code builds it may answer every picture alike: its last layer begins as zeros, to be trained from there.

torchvision's ViT, for one, gives each of 1,000 classes 0.1 % whatever it sees: no map of it shows anything.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd
from torch.nn.parameter import is_lazy


def drawn(module: nn.Module) -> tuple[str, ...]:
    """Give linear layers and convolutions whose weights are all zero the weights that torch gives a new one, from its random
    numbers as they stand; the paths of these layers."""
    found = []
    for name, part in module.named_modules():
        if isinstance(part, (nn.Linear, _ConvNd)) and _known(part.weight) and not part.weight.any():
            part.reset_parameters()
            found.append(name)
    return tuple(found)


def _known(weight: Tensor) -> bool:
    return not is_lazy(weight) and not weight.is_meta
