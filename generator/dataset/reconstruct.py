"""What of an image raised a unit at one place, sent back to the pixels: many units and places from one forward.

    image ──▶ one forward, all layers kept ──▶ round 1: layer a, unit 3 at (2, 5)  +  layer a, unit 9 at (0, 1)
                                               round 2: layer b, unit 4 at (1, 1)      one backward a round and rule

The start is 1 at the unit's place. Places whose receptive fields do not touch share a round: what comes back from each stays
within its own field at every layer on the way, also under rules that are not linear. In a batch, each image has a place of its
own in a round. Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014, figure 2.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from generator.engine.capture import prepared
from generator.engine.needs import Rule
from generator.engine.passes import Engine
from generator.engine.rules import RuleBook
from generator.names import Layer, LayerName

Rect = tuple[int, int, int, int]
"""Top, left, bottom, right in input pixels, the latter two exclusive; may reach beyond the picture."""


@dataclass(frozen=True)
class Start:
    """A unit at a place of its layer's map in one image: where a reconstruction starts."""

    layer: LayerName
    unit: int
    row: int
    column: int


@dataclass(frozen=True)
class Round:
    """Starts of one image that share a backward, with what each sees; `depth` is that of the deepest one's layer."""

    starts: tuple[tuple[Start, Rect], ...]
    depth: int


def seen_from(layer: Layer, row: int, column: int, size: tuple[int, int]) -> Rect:
    """What the layer's units see from a place, of a picture of `size` (height, width): all of it where that is not known.

    Behind an enlargement some places see less than others: there too it is as much as any sees, so that all are of one size.
    """
    rows, columns = layer.sees(0, row), layer.sees(1, column)
    if rows is None or columns is None or layer.receptive_field is None:
        return 0, 0, *size
    top, left = (math.ceil(first) for first, _ in (rows, columns))
    return top, left, top + layer.receptive_field[0], left + layer.receptive_field[1]


def rounds(starts: Sequence[Start], layers: dict[LayerName, Layer], size: tuple[int, int]) -> tuple[Round, ...]:
    """The fewest rounds that first fit finds for one image's starts, shallow layers first: those cost least."""
    found: list[tuple[list[tuple[Start, Rect]], int]] = []
    for start in sorted(starts, key=lambda s: (layers[s.layer].depth, s.unit, s.row, s.column)):
        layer = layers[start.layer]
        rect = seen_from(layer, start.row, start.column, size)
        for taken, _ in found:
            if all(_apart(rect, other) for _, other in taken) and layers[taken[0][0].layer].name == start.layer:
                taken.append((start, rect))
                break
        else:
            found.append(([(start, rect)], layer.depth))
    return tuple(Round(tuple(taken), depth) for taken, depth in found)


def _apart(a: Rect, b: Rect) -> bool:
    return a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]


Wants = Callable[[int, Start, Rule], bool]
"""Whether an image of the batch, by its number there, wants a start sent back by a rule."""


def every(image: int, start: Start, rule: Rule) -> bool:
    """All of them by all rules."""
    return True


def sent(planned: Sequence[Sequence[Round]], rule: Rule, k: int, wants: Wants) -> list[tuple[int, Start, Rect]]:
    """What the k-th round of a batch of images sends back by a rule: (image, start, what it sees)."""
    rounds_ = ((image, one[k]) for image, one in enumerate(planned) if k < len(one))
    return [(image, *each) for image, round_ in rounds_ for each in round_.starts if wants(image, each[0], rule)]


def backwards(planned: Sequence[Sequence[Round]], rules: Sequence[Rule], wants: Wants = every) -> int:
    """Backward passes for a batch of images with these rounds."""
    most = max(map(len, planned), default=0)
    return sum(bool(sent(planned, rule, k, wants)) for k in range(most) for rule in rules)


def reconstruct(
    engine: Engine,
    x: Float[Tensor, "n c h w"],
    planned: Sequence[Sequence[Round]],
    rules: Sequence[Rule],
    wants: Wants = every,
) -> Iterator[tuple[int, Start, Rule, Float[Tensor, "c p q"]]]:
    """(image of the batch, start, rule, what came back within the start's field, cut out and padded with 0) of all rounds.

    One forward of `x`, and a backward for each rule and round of which anything is wanted: `backwards`. Layers whose output
    the model overwrites must be among the engine's `copies`.
    """
    names = frozenset(start.layer for one in planned for round_ in one for start, _ in round_.starts)
    if not names:
        return
    with prepared(engine.module):
        leaf = engine.batch(x).detach().clone().requires_grad_()
        book = RuleBook(intercept=True)
        _, kept = engine.forward(leaf, names, book, stop=True)
        maps = engine.maps(kept)
        todo = [
            (rule, now)
            for k in range(max(map(len, planned), default=0))
            for rule in rules
            if (now := sent(planned, rule, k, wants))
        ]
        for number, (rule, now) in enumerate(todo):
            scalar = torch.stack([
                maps[start.layer][image, start.unit, start.row, start.column] for image, start, _ in now
            ]).sum()  # fmt: skip
            book.current = rule
            found = None
            if scalar.requires_grad:
                (found,) = torch.autograd.grad(scalar, leaf, retain_graph=number < len(todo) - 1, allow_unused=True)
            back = torch.zeros_like(leaf) if found is None else found  # a model may cut its gradients off
            engine.counts.backward += 1
            for image, start, rect in now:
                yield image, start, rule, cut(back[image].detach().float(), rect)
        book.current = "plain"


def cut(x: Float[Tensor, "c h w"], rect: Rect) -> Float[Tensor, "c p q"]:
    """The rectangle of a picture, 0 beyond its edges; where it is as large as the picture, the picture itself."""
    height, width = x.shape[1:]
    top, left, bottom, right = rect
    if bottom - top >= height and right - left >= width:
        return x.clone()
    found = x.new_zeros(len(x), bottom - top, right - left)
    inner = slice(max(0, top), min(height, bottom)), slice(max(0, left), min(width, right))
    part = x[:, inner[0], inner[1]]
    y, z = max(0, -top), max(0, -left)
    found[:, y : y + part.shape[1], z : z + part.shape[2]] = part
    return found
