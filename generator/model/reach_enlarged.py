"""Reaches of what lays windows over each other or makes maps finer: transposed convolutions, folding, resampling, shuffling."""

from __future__ import annotations

import math

from generator.model.graph import Node
from generator.model.operations import pair
from generator.model.reach import Reach, Span
from generator.model.reach_rule import both, unknown


def transposed(node: Node, reads: list[Reach]) -> Reach:
    """Each place is made from so many neighbours."""
    settings = node.settings
    kernel, dilation = pair(settings["kernel_size"]), pair(settings.get("dilation", 1))
    stride, padding = pair(settings.get("stride") or 1), pair(settings.get("padding", 0))

    def axis(k: int, d: int, s: int, p: int) -> tuple[float, int, float]:
        reach = d * (k - 1) + 1
        return s, math.ceil(reach / s), (p - (reach - 1) / 2) / s

    y, x = (axis(*side) for side in zip(kernel, dilation, stride, padding, strict=True))
    return both(reads[0], Span.finer, y, x)


def fold(node: Node, reads: list[Reach]) -> Reach:
    """Windows laid over each other where they were taken from: each place sees what the windows over it see."""
    said, tokens = node.settings, reads[0].tokens
    sides = zip(*(pair(said.get(key, other)) for key, other in _FOLDED), strict=True)
    places = [(out + 2 * p - d * (k - 1) - 1) // s + 1 for out, k, d, p, s in sides]
    if tokens is None or tokens.axis != -1 or tokens.prefix or [tokens.height, tokens.width] != places:
        return unknown(node, reads)
    return transposed(node, reads)


_FOLDED = (("output_size", 0), ("kernel_size", 1), ("dilation", 1), ("padding", 0), ("stride", 1))


def resample(node: Node, reads: list[Reach]) -> Reach:
    """Each place from as many neighbours as the mode reads."""
    taps = {"nearest": 1, "nearest-exact": 1, "area": 1, "bilinear": 2, "bicubic": 4}.get(
        node.settings.get("mode", "nearest")
    )
    if taps is None or len(node.outputs[0].shape) != 4:
        return unknown(node, reads)

    def axis(span: Span, size: int, out: int) -> Span | None:
        if size == out:
            return span
        if size == 1:
            return span.finer(out, 1)
        if node.settings.get("mode") == "area":
            return span.window(math.ceil(size / out), size / out, 0)
        if node.settings.get("antialias") and out < size:  # as wide as what is left out asks for
            reached = math.ceil(taps * size / out)
            return span.window(reached, size / out, (reached - size / out) / 2)
        if node.settings.get("align_corners") and out > 1:
            return span.finer((out - 1) / (size - 1), taps, 0)
        return span.finer(out / size, taps)

    (h, w), (oh, ow) = node.inputs[0].shape[-2:], node.outputs[0].shape[-2:]
    return both(reads[0], axis, (h, oh), (w, ow))


def shuffle(node: Node, reads: list[Reach]) -> Reach:
    """Channels become places: the image is finer, and each place sees what it saw."""
    factor = int(node.settings["upscale_factor"])
    return both(reads[0], Span.finer, (factor, 1), (factor, 1))
