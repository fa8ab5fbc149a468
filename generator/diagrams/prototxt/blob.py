"""What flows between Caffe's layers, as far as it is known from the file, and what a layer's rule says of it.

Sides that the file does not tell (of images in a database) are None, and so is what follows from them; what does not
follow from them (a fully connected layer's output) is known again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from generator.diagrams.prototxt.layer import Layer
from generator.diagrams.prototxt.message import MOST
from generator.model.span import Span

Dim = int | None
Dims = tuple[Dim, ...]
LARGEST = 2**48
"""A side that is longer than this is taken to be a slip and shown as unknown."""


@dataclass(frozen=True)
class Blob:
    """A tensor with its batch, and what the places of its last two axes see of the input along height and width (None: all of it)."""

    dims: Dims | None = None
    """None where not even the number of axes is known."""
    y: Span | None = None
    x: Span | None = None

    def side(self, axis: int) -> Dim:
        """The length of one axis, counted from the end where negative; None where there is none."""
        return self.dims[axis] if self.dims is not None and -len(self.dims) <= axis < len(self.dims) else None

    def count(self, start: int = 0, stop: int | None = None) -> Dim:
        """Values along the axes from `start` up to, not including, `stop`."""
        return None if self.dims is None else product(self.dims[start:stop])

    @property
    def single(self) -> bool:
        """Whether it has one place: its last two axes of four are 1 long."""
        return self.dims is not None and len(self.dims) == 4 and self.dims[2:] == (1, 1)


UNKNOWN = Blob()


@dataclass(frozen=True)
class Given:
    """What a layer gives: its blobs in the order of its tops, and what that costs."""

    blobs: tuple[Blob, ...]
    weights: Dims = ()
    """Values in each of its learned parameter blobs."""
    macs: Dim = 0
    """For the whole batch."""
    note: str = ""


Rule = Callable[[Layer, tuple[Blob, ...]], Given]


def product(sides: Iterable[Dim]) -> Dim:
    """The product; None where a side is not known."""
    sides = tuple(sides)
    return None if None in sides else math.prod(side for side in sides if side is not None)


class Refused(Exception):
    """A setting that does not fit what the layer reads, in a sentence: Caffe would stop, a drawing goes on without its shape.

    It is no UserError, for what the layer reads may itself be a guess, after a layer that is not known.
    """


def axis_of(layer: Layer, name: str, default: int, axes: int) -> int:
    """The axis that a setting names, counted from the front. Raises Refused where a blob of so many `axes` has none such."""
    axis = layer.own.integer(name, default, least=-MOST)
    if not -axes <= axis < axes:
        raise Refused(f"Its {name} is {axis}, but what it reads has {axes} {'axis' if axes == 1 else 'axes'}.")
    return axis % axes


def replaced(dims: Sequence[Dim], axis: int, side: Dim) -> Dims:
    """`dims` with another length of one axis."""
    return (*dims[:axis], side, *dims[axis + 1 :])


def sane(blob: Blob) -> Blob:
    """The blob with sides that cannot be as unknown ones."""
    if blob.dims is None:
        return blob
    return Blob(tuple(d if d is not None and 0 < d <= LARGEST else None for d in blob.dims), blob.y, blob.x)
