"""The nouns of Conv Atlas: what a layer, a unit and a target are called everywhere.

    layer   a module call (or traced function call) whose output has height and width
    unit    one channel of a layer
    target  the scalar that gradients start from

A layer's name is the dotted module path; the second call of a shared module is ``path@2``, a functional
call is ``path.F.relu``. The same name is used in the config, on the command line, in URLs and in Python.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NewType

LayerName = NewType("LayerName", str)
Digest = NewType("Digest", str)
"""A sha256 in hexadecimal."""

Phases = tuple[tuple[float, float], ...]
"""For the places of an axis in turn, how far what each sees begins and ends from where an even grid has it; empty where never."""

NEAR = 1e-4
"""Distances in pixels below which a place counts as that of a pixel."""


def pixel(place: float) -> float:
    """A place of the input, without what rounding left behind: pixels are whole numbers."""
    return float(round(place)) if abs(place - round(place)) < NEAR else place


INPUT = LayerName("@input")
"""The model's own input, where a layer name is expected."""

Kind = Literal["conv", "norm", "act", "pool", "block", "merge", "attention", "linear", "other"]


@dataclass(frozen=True)
class Layer:
    """One row of the layer table: a spatial layer and its facts for one image of the model's input size.

    `shape` is (channels, height, width) of the output. `macs` counts multiply-accumulates of this call.
    `receptive_field` is the side in input pixels a unit sees, as (height, width), or None where it is the whole
    input (after global pooling or attention). `jump` is the distance in input pixels between neighbouring units
    and `offset` the input coordinate of the centre of unit (0, 0), both (y, x). Behind an enlargement units see unlike
    parts: then the field is what those see that see most, and `phases` tells the rest (`sees`).
    """

    name: LayerName
    kind: Kind
    op: str
    """The class or function: ``Conv2d``, ``F.relu``."""
    shape: tuple[int, int, int]
    parameters: int
    macs: int
    receptive_field: tuple[int, int] | None
    jump: tuple[float, float] | None
    offset: tuple[float, float] | None
    depth: int
    """Order of execution, from 0."""
    path: str
    """Dotted path of the module called ("" for the model itself)."""
    attributes: tuple[tuple[str, str], ...] = ()
    """What a reader wants to know of it: ``(("kernel", "3x3"), ("stride", "2"), ("padding", "1"), ...)``."""
    inputs: tuple[str, ...] = ()
    """Names of the layers whose output it reads, nearest spatial ancestors."""
    read: bool = True
    """Whether the scores depend on its places: not in an auxiliary head, nor where only a class token is read on."""
    uncounted: bool = False
    """Whether it does work that `macs` does not tell of."""
    limits: tuple[float, float] | None = None
    """Of an activation that clamps: the lowest and the highest value that its call lets through, infinite where there is none."""
    phases: tuple[Phases, Phases] = ((), ())
    """For rows and for columns: how far what the units there see begins and ends, in turn, from where the even grid of fields
    has it, in input pixels; empty where they lie even."""

    def sees(self, axis: int, place: int) -> tuple[float, float] | None:
        """The first and the last input pixel, by row (axis 0) or column (axis 1), that a unit sees from a row or a column of its
        map, in a picture without end; None where that is not known."""
        if self.receptive_field is None or self.jump is None or self.offset is None:
            return None
        half, phases = (self.receptive_field[axis] - 1) / 2, self.phases[axis]
        start, end = phases[place % len(phases)] if phases else (0.0, 0.0)
        middle = self.offset[axis] + place * self.jump[axis]
        return pixel(middle - half + start), pixel(middle + half + end)

    @property
    def units(self) -> int:
        """How many units it has."""
        return self.shape[0]


@dataclass(frozen=True)
class Unit:
    """One channel of a layer, and a place in its map where one is meant."""

    layer: LayerName
    channel: int
    position: tuple[int, int] | None = None
    """(row, column), or None for the mean over the map."""


@dataclass(frozen=True)
class ClassTarget:
    """The logit of one class; `index` counts from 0."""

    index: int


@dataclass(frozen=True)
class RankTarget:
    """The logit of the class that the model itself ranks `rank`-th for each image, from 1."""

    rank: int


@dataclass(frozen=True)
class TrueTarget:
    """The logit of the class that each image is labelled with; an image without a label has no such target."""


@dataclass(frozen=True)
class GroupTarget:
    """The sum of the logits of several classes: `classes` are their indices, `name` what they are called together."""

    name: str
    classes: tuple[int, ...]


@dataclass(frozen=True)
class CallTarget:
    """A function of the model's raw output: ``package.module:function`` or ``file.py:function``, (output) -> (n,).

    `digest` is the sha256 of the function's file, so that a changed function is another target.
    """

    function: str
    digest: str = ""


Target = ClassTarget | RankTarget | TrueTarget | GroupTarget | CallTarget | Unit


@dataclass(frozen=True)
class Paper:
    """A reference. `key` is the BibTeX key; `arxiv` or `doi` (or `url`) says where it stands."""

    key: str
    authors: str
    year: int
    title: str
    venue: str = ""
    arxiv: str = ""
    doi: str = ""
    url: str = ""
