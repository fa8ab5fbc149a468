"""What drives a unit, and where its thread goes, written a second way: loops over single weights, one unit and one place at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

K = 6
"""Inputs kept of a unit."""


@dataclass(frozen=True)
class Recorded:
    """Of every layer asked, over all images: what it reads and gives, (n, c, h, w)."""

    modules: Mapping[str, nn.Module]
    reads: Mapping[str, Tensor]
    gives: Mapping[str, Tensor]


def recorded(model: nn.Module, x: Tensor, names: Sequence[str]) -> Recorded:
    """All of it from plain hooks."""
    modules, reads, gives = dict(model.named_modules()), {}, {}

    def hook(name: str):
        def keep(module: nn.Module, given: tuple[Tensor, ...], out: Tensor) -> None:
            reads[name], gives[name] = given[0].clone(), out.clone()

        return keep

    hooks = [modules[name].register_forward_hook(hook(name)) for name in names]
    with torch.no_grad():
        model(x)
    for one in hooks:
        one.remove()
    return Recorded({name: modules[name] for name in names}, reads, gives)


def top(maps: Tensor, unit: int, k: int = 3) -> list[tuple[int, int, int]]:
    """(image, row, column) of a unit's strongest places, one an image."""
    flat = maps[:, unit].flatten(1)
    order = sorted(range(len(flat)), key=lambda n: (-float(flat[n].max()), n))[:k]
    at = [(n, int(flat[n].argmax())) for n in order if float(flat[n].max()) != 0]
    return [(n, *divmod(place, maps.shape[3])) for n, place in at]


def mean(it: Recorded, name: str) -> Tensor:
    """(c,) of what a layer reads, over the images in which any of its units has one of its three strongest places."""
    units = range(it.gives[name].shape[1])
    images = sorted({n for unit in units for n, _, _ in top(it.gives[name], unit)})
    return it.reads[name][images].mean(dim=(0, 2, 3))


def adds(it: Recorded, name: str, unit: int, at: tuple[int, int, int]) -> tuple[dict[int, float], dict[int, float]]:
    """By channel: what it adds to a unit at a place beyond what its mean would, and whether it is above its mean there (> 0)."""
    conv, x, usual = it.modules[name], it.reads[name], mean(it, name)
    W = conv.weight.detach()
    n, row, column = at
    many = W.shape[1]
    first = unit // (W.shape[0] // conv.groups) * many
    added, above = {}, {}
    for i in range(many):
        c = first + i
        added[c] = above[c] = 0.0
        for p in range(W.shape[2]):
            for q in range(W.shape[3]):
                y = row * conv.stride[0] - conv.padding[0] + p * conv.dilation[0]
                z = column * conv.stride[1] - conv.padding[1] + q * conv.dilation[1]
                inside = 0 <= y < x.shape[2] and 0 <= z < x.shape[3]
                beyond = (float(x[n, c, y, z]) if inside else 0.0) - float(usual[c])
                added[c] += float(W[unit, i, p, q]) * beyond
                above[c] += abs(float(W[unit, i, p, q])) * beyond
    return added, above


def driving(it: Recorded, name: str, unit: int, way: Mapping[int, int] | None = None) -> list[tuple[int, float, int]]:
    """(channel, share, sign) of the inputs that drive a unit at its three strongest places, strongest first."""
    places = top(it.gives[name], unit)
    each = [adds(it, name, unit, at) for at in places]
    t = {c: sum(added[c] for added, _ in each) / len(each) for c in each[0][0]}
    above = {c: sum(part[c] for _, part in each) / len(each) for c in t}
    t = {c: v if above[c] * (way or {}).get(c, 1) > 0 else 0.0 for c, v in t.items()}
    whole = sum(v * v for v in t.values()) ** 0.5
    found = sorted((c for c in t if t[c]), key=lambda c: -abs(t[c]))[:K]
    return [(c, abs(t[c]) / whole, (1 if t[c] > 0 else -1) * (1 if above[c] > 0 else -1)) for c in found]


def strongest(it: Recorded, name: str, unit: int, at: tuple[int, int, int]) -> int | None:
    """The channel that adds most at one place, of those that are above their mean; None where none of these adds."""
    added, above = adds(it, name, unit, at)
    return max((c for c in added if above[c] > 0 and added[c] > 0), key=lambda c: added[c], default=None)
