"""Contours of a function over a square as SVG: filled bands on a logarithmic scale, what their colours say, a cross at 0, 0 and a
way over them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import contourpy
import numpy as np
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from generator.pages import contour_scale, escape

SIDE = 320.0
"""Of the square, in the drawing's own units."""
WIDTH, HEIGHT = SIDE + 50, SIDE + 72
"""Of the whole drawing."""
BANDS = 14
LEAST = 1e-4
"""Of the largest value: below that a logarithmic scale would tell more of rounding than of the function."""


@dataclass(frozen=True)
class Mark:
    """A place to be drawn over the bands."""

    x: float
    y: float
    title: str
    """Said of it: hostile."""


@dataclass(frozen=True)
class Contours:
    """Bands from the lowest to the highest level."""

    levels: tuple[float, ...]
    steps: tuple[float, ...]
    """Across."""
    rows: tuple[float, ...]
    """Up."""
    bands: tuple[str, ...]
    """An SVG path for each band, the lowest first."""
    below: bool = False
    """Whether there are values below the lowest level, which have its colour."""
    gaps: bool = False
    """Whether there are places without a number."""

    def svg(
        self, title: str, word: str, colour: str = "currentColor", way: Sequence[Mark] = (), other: Mark | None = None
    ) -> str:
        """The drawing, with its axes, a bar of its colours with numbers, which are called `word`, a cross at 0, 0, the places of a
        `way` joined in their order, and an `other` as a ring; by itself it is a file for a paper."""
        shapes = "".join(
            f'<path d="{band}" fill="{hue}" stroke="{hue}" stroke-width="0.4"/>'
            for hue, band in zip(contour_scale.shades(len(self.bands)), self.bands, strict=True)
            if band
        )
        bar = contour_scale.bar(self.levels, SIDE, word, colour, self.below)
        scales = "".join(
            f'<text x="{40 + self._x(v):g}" y="{SIDE + 28:g}" text-anchor="middle">{contour_scale.said(v)}</text>' for v in _round(self.steps)
        ) + "".join(
            f'<text x="34" y="{14 + self._y(v):g}" text-anchor="end">{contour_scale.said(v)}</text>' for v in _round(self.rows)
        )  # fmt: skip
        cross = f"M{self._x(0) - 6:.1f} {self._y(0):.1f}h12M{self._x(0):.1f} {self._y(0) - 6:.1f}v12"
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH:g} {HEIGHT:g}" role="img" '
            f'font-family="sans-serif" font-size="11" fill="{colour}"><title>{escape.md(title)}</title>'
            f'<g transform="translate(40 10)"><rect width="{SIDE:g}" height="{SIDE:g}" fill="#808080"/>{shapes}{self._way(way)}'
            f'<path d="{cross}" fill="none" stroke="#000" stroke-width="4"/><path d="{cross}" fill="none" stroke="#fff" stroke-width="2"/>'
            f"{self._dots([] if other is None else [other], 5, 'none')}</g>{scales}"
            f'<g transform="translate(40 {SIDE + 42:g})">{bar}</g></svg>'
        )

    def ramp(self, title: str, word: str, colour: str = "currentColor") -> str:
        """The bar by itself, smooth, as wide as the drawing: for the same as a surface, whose colours have no steps."""
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH:g} {contour_scale.TALL + 2:g}" role="img" '
            f'font-family="sans-serif" font-size="11" fill="{colour}"><title>{escape.md(title)}</title>'
            f'<g transform="translate(40 2)">{contour_scale.bar(self.levels, SIDE, word, colour, self.below, smooth=True)}</g></svg>'
        )

    def _way(self, way: Sequence[Mark]) -> str:
        """A line through all places, and a dot on each that the square holds; the square cuts it."""
        if not way:
            return ""
        d = "M" + "L".join(f"{self._x(one.x):.1f} {self._y(one.y):.1f}" for one in way)
        line = "".join(
            f'<path d="{d}" fill="none" stroke="{hue}" stroke-width="{width}" stroke-linejoin="round"/>'
            for hue, width in (("#000", 3.5), ("#fff", 1.7))
        )
        box = f'viewBox="0 0 {SIDE:g} {SIDE:g}" width="{SIDE:g}" height="{SIDE:g}"'
        return f"<svg {box}>{line}{self._dots(way, 3.2, '#fff')}</svg>"

    def _dots(self, marks: Sequence[Mark], radius: float, fill: str) -> str:
        return "".join(
            f'<g><title>{escape.md(one.title)}</title><circle cx="{self._x(one.x):.1f}" cy="{self._y(one.y):.1f}" r="{radius:g}" '
            f'fill="{fill}" stroke="#000" stroke-width="{4 if fill == "none" else 1.4:g}"/>'
            + (
                f'<circle cx="{self._x(one.x):.1f}" cy="{self._y(one.y):.1f}" r="{radius:g}" fill="none" stroke="#fff" stroke-width="2"/>'
                if fill == "none"
                else ""
            )
            + "</g>"
            for one in marks
        )

    def _x(self, value: float) -> float:
        return SIDE * (value - self.steps[0]) / (self.steps[-1] - self.steps[0])

    def _y(self, value: float) -> float:
        return SIDE * (self.rows[-1] - value) / (self.rows[-1] - self.rows[0])


def _round(steps: Sequence[float]) -> list[float]:
    """Round numbers within the steps, five or so."""
    low, high = steps[0], steps[-1]
    slack = 1e-9 * (high - low)
    found = MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
    return [float(v) for v in found if low - slack <= v <= high + slack]


def contours(values: NDArray[np.float32], steps: tuple[float, ...], rows: tuple[float, ...]) -> Contours:
    """Bands of `values` (rows, columns), row 0 at the bottom; a place without a number is left out."""
    finite = np.isfinite(values)
    some = values[finite]
    high = float(some.max()) if some.size else 1.0
    low = max(float(some.min()) if some.size else 0.0, LEAST * high, 1e-12)
    levels = np.geomspace(low, max(high, low * 1.001), BANDS + 1)
    generator = contourpy.contour_generator(
        z=np.ma.masked_array(np.clip(np.where(finite, values, low), low, None), ~finite), fill_type="OuterOffset"
    )
    ends = [0.0, *levels[1:-1], np.inf]
    bands = tuple("".join(_paths(generator.filled(below, above), values.shape)) for below, above in pairwise(ends))
    below = bool(some.size) and float(some.min()) < 0.999 * low
    return Contours(tuple(map(float, levels)), steps, rows, bands, below, gaps=not finite.all())


def _paths(found: Any, shape: tuple[int, ...]) -> Iterator[str]:
    """Polygons with holes as SVG: each ring closed."""
    across, up = SIDE / (shape[1] - 1), SIDE / (shape[0] - 1)
    for points, offsets in zip(*found, strict=True):
        for begin, end in pairwise(offsets):
            ring = points[begin : end - 1]
            yield "M" + "L".join(f"{x * across:.1f} {SIDE - y * up:.1f}" for x, y in ring) + "Z"
