"""Layers that Caffe itself has not, but well-known forks of it have: SegNet's, DeepLab's, SSD's, Fast R-CNN's."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from generator.diagrams.prototxt.blob import LARGEST, UNKNOWN, Blob, Dim, Given, Refused, product
from generator.diagrams.prototxt.layer import Layer
from generator.model.span import Span


def upsample(layer: Layer, inputs: tuple[Blob, ...]) -> Given:
    """SegNet's unpooling: `scale` times as large, or as large as it is told."""
    blob, said = (*inputs, UNKNOWN)[0], layer.own
    factor = said.integer("scale", 2, least=1)
    if blob.dims is None or len(blob.dims) != 4:
        return Given((replace(blob, y=None, x=None),))
    told = (said.integer(f"upsample_{side}", 0) for side in "hw")
    sides = (one or (side and side * factor) for one, side in zip(told, blob.dims[2:], strict=True))
    y, x = (span and span.repeated(factor) for span in (blob.y, blob.x))
    return Given((Blob((*blob.dims[:2], *sides), y, x),))


def interp(layer: Layer, inputs: tuple[Blob, ...]) -> Given:
    """DeepLab's bilinear interpolation, corner to corner: to a size, by a factor, or to the size of a second blob. What it pads with
    is negative: it cuts so much off."""
    blob, said = (*inputs, UNKNOWN)[0], layer.own
    start, end = (said.integer(f"pad_{where}", 0, least=-LARGEST) for where in ("beg", "end"))
    if start > 0 or end > 0:
        raise Refused("Its padding is above 0, which Caffe would refuse.")
    shrink, zoom = said.integer("shrink_factor", 1, least=1), said.integer("zoom_factor", 1, least=1)

    def change(side: Dim) -> Dim:
        if side is None:
            return None
        side = (side + start + end - 1) // shrink + 1
        return side + (side - 1) * (zoom - 1)

    if blob.dims is None or len(blob.dims) != 4:
        return Given((replace(blob, y=None, x=None),))
    sides = tuple(map(change, blob.dims[2:]))
    if said.has("height", "width"):
        sides = tuple(said.integer(name, 1, least=1) for name in ("height", "width"))
    elif len(inputs) > 1:
        sides = (inputs[1].side(2), inputs[1].side(3))
    if any(side is not None and side + start + end < 1 for side in blob.dims[2:]):
        raise Refused("It cuts off all that it reads.")
    seen = (
        _between(span and span.window(1, 1, start), old and old + start + end, new)
        for span, old, new in zip((blob.y, blob.x), blob.dims[2:], sides, strict=True)
    )
    return Given((Blob((*blob.dims[:2], *sides), *seen),))


def _between(span: Span | None, old: Dim, new: Dim) -> Span | None:
    """What places see that lie evenly between the first and the last of the old ones."""
    if span is None or not old or not new or new < 1:
        return None
    return span.repeated(new) if old == 1 else span.between(Fraction(old - 1, max(1, new - 1)), Fraction(0), new)


def roi_pooling(layer: Layer, inputs: tuple[Blob, ...]) -> Given:
    """Fast R-CNN's: every region as a grid of one size."""
    blob, regions = (*inputs, UNKNOWN, UNKNOWN)[:2]
    sides = (layer.own.integer(name, 1, least=1) for name in ("pooled_h", "pooled_w"))
    return Given((Blob((regions.side(0), blob.side(1), *sides)),))


def prior_box(layer: Layer, inputs: tuple[Blob, ...]) -> Given:
    """SSD's boxes: four corners and four variances for each box of each place."""
    blob, said = (*inputs, UNKNOWN)[0], layer.own
    smallest, largest = max(len(tuple(said.every("min_size"))), 1), len(tuple(said.every("max_size")))
    ratios = len(tuple(said.every("aspect_ratio"))) * (2 if said.flag("flip", True) else 1)
    boxes = smallest * (1 + ratios) + largest
    return Given((Blob((1, 2, product((blob.side(2), blob.side(3), boxes * 4)))),))


def axpy(layer: Layer, inputs: tuple[Blob, ...]) -> Given:
    """SENet's: a factor for each channel times the second blob, and the third."""
    blob = (*inputs[1:], UNKNOWN)[0]
    return Given((Blob(blob.dims),))
