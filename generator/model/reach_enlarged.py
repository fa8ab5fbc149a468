"""Reaches of what lays windows over each other or makes maps finer: transposed convolutions, folding, resampling, shuffling."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

from generator.model.graph import Node
from generator.model.operations import pair
from generator.model.reach import Reach
from generator.model.reach_rule import both, unknown
from generator.model.span import Span


def transposed(node: Node, reads: list[Reach]) -> Reach:
    """Each place is made from the places whose kernels are laid over it."""
    settings = node.settings
    sides = zip(
        pair(settings["kernel_size"]),
        pair(settings.get("stride") or (1 if node.family != "unpool" else settings["kernel_size"])),
        pair(settings.get("padding", 0)),
        pair(settings.get("dilation", 1)),
        strict=True,
    )
    y, x = sides
    return both(reads[0], Span.spread, y, x)


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
    """Each place from those that the mode reads."""
    said = node.settings
    mode = said.get("mode", "nearest")
    taps = {"nearest": 1, "nearest-exact": 1, "area": 1, "bilinear": 2, "bicubic": 4}.get(mode)
    if taps is None or len(node.outputs[0].shape) != 4:
        return unknown(node, reads)

    def axis(span: Span, size: int, out: int, told: float | None) -> Span | None:
        if size == 1:
            return span.repeated(out)
        if mode == "area":
            return span if size == out else span.pooled(size, out)
        scale = Fraction(size, out) if told is None else 1 / Fraction(told).limit_denominator(10**6)
        if taps == 1:
            return span if size == out else span.read(nearest(size, out, scale, told, mode == "nearest-exact"), scale)
        if said.get("align_corners"):
            scale, start = Fraction(size - 1, max(1, out - 1)), Fraction(0)
        else:
            start = (scale - 1) / 2
        if said.get("antialias") and scale > 1:  # as wide as what is left out asks for
            return span.read(_smoothed(scale, taps, out), scale)
        return span.between(scale, start, out, taps)

    (h, w), (oh, ow) = node.inputs[0].shape[-2:], node.outputs[0].shape[-2:]
    given = None if said.get("size") is not None or said.get("recompute_scale_factor") else said.get("scale_factor")
    factors = (None, None) if given is None else pair(given)
    return both(reads[0], axis, (h, oh, factors[0]), (w, ow, factors[1]))


def nearest(size: int, out: int, scale: Fraction, told: float | None, exact: bool = False) -> list[tuple[int, int]]:
    """The one place of `size` that each of `out` reads, floor(i scale) or floor((i + 1/2) scale), as `Span.read` has windows.

    As torch computes it, in float32: where i scale is a whole number that rounding misses, that is the place before.
    """
    half = 0.5 if exact else 0.0
    factor = np.float32(size / out if told is None else 1 / told)
    found = np.floor(((np.arange(out) + half) * float(factor)).astype(np.float32)).astype(int)
    turn = [math.floor((k + Fraction(half)) * scale) for k in range(min(out, scale.denominator))]
    even = [turn[k % len(turn)] + k // len(turn) * scale.numerator for k in range(out)]
    return [(at, at) for at in (turn if even == found.tolist() else np.minimum(found, size - 1).tolist())]


def _smoothed(scale: Fraction, taps: int, out: int) -> list[tuple[int, int]]:
    """The places that a filter `taps` new places wide lies over: those whose middles are less than half of it away."""
    reached = scale * taps / 2
    middles = [scale * (k + Fraction(1, 2)) - Fraction(1, 2) for k in range(min(out, scale.denominator))]
    return [(math.floor(m - reached) + 1, math.ceil(m + reached) - 1) for m in middles]


def shuffle(node: Node, reads: list[Reach]) -> Reach:
    """Channels become places: the image is finer, and each place sees what it saw."""
    factor = int(node.settings["upscale_factor"])
    return both(reads[0], Span.repeated, (factor,), (factor,))
