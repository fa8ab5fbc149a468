"""What stands at the head of a frame, between the lines that come in there.

┌─ name ─│─ class  ×3 ─┐      words in their order, each moved on behind a line that would run through it
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from generator.diagrams.layout.shapes import Rect, Wire, Words

HIGH = 18.0
"""Pixels of a frame's head that its words fill."""
INDENT, CLEAR, EDGE = 8.0, 4.0, 5.0
"""Before the first word; between a word and a line; between the last word and the frame."""
STEPS = 8
"""Pieces that a curve is looked at in."""
Span = tuple[float, float]
Point = tuple[float, float]


def beside(words: Words, start: float, lines: Sequence[Span]) -> list[float]:
    """Where each word begins, from `start` on, clear of the `lines`, which are given from left to right; and where the last ends."""
    found, x = [], start
    for gap, wide in words:
        x += gap
        for left, right in lines:
            if left - CLEAR < x + wide and right + CLEAR > x:
                x = right + CLEAR
        found.append(x)
        x += wide
    return [*found, x]


class Heads:
    """The lines of a drawing, asked for where they run through the heads of its frames, or behind other words."""

    def __init__(self, wires: Sequence[Wire]) -> None:
        self._paths = [(wire, *_bounds(wire)) for wire in wires]

    def through(self, at: Rect, high: float = HIGH) -> list[Span]:
        """From where to where through the upper pixels of `at`, from left to right."""
        right, low = at.x + at.width, at.y + high
        found = []
        for wire, x0, x1, y0, y1 in self._paths:
            if x1 <= at.x or x0 >= right or y1 <= at.y or y0 >= low:
                continue
            for a, b in pairwise(_points(wire)):
                if max(a[1], b[1]) > at.y and min(a[1], b[1]) < low:
                    span = (min(a[0], b[0]), max(a[0], b[0]))
                    if span[1] > at.x and span[0] < right:
                        found.append(span)
        return sorted(found)


def _bounds(wire: Wire) -> tuple[float, float, float, float]:
    xs = [x for _, numbers in wire.path for x in numbers[::2]]
    ys = [y for _, numbers in wire.path for y in numbers[1::2]]
    return min(xs), max(xs), min(ys), max(ys)


def _points(wire: Wire) -> Iterator[Point]:
    """Along it: the ends of lines, curves in pieces."""
    at = (0.0, 0.0)
    for letter, numbers in wire.path:
        corners = list(zip(numbers[::2], numbers[1::2], strict=True))
        if letter in ("M", "L"):
            yield corners[0]
        else:
            for k in range(1, STEPS + 1):
                some = [at, *corners]
                while len(some) > 1:  # as de Casteljau has it
                    some = [_between(a, b, k / STEPS) for a, b in pairwise(some)]
                yield some[0]
        at = corners[-1]


def _between(a: Point, b: Point, t: float) -> Point:
    return (1 - t) * a[0] + t * b[0], (1 - t) * a[1] + t * b[1]
