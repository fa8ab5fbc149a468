"""Contours of a function over a square as SVG: filled bands on a logarithmic scale, with a cross in the middle."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import contourpy
import numpy as np
from matplotlib import colormaps
from numpy.typing import NDArray

from generator.pages import escape

SIDE = 320.0
"""Of the square, in the drawing's own units."""
BANDS = 14
LEAST = 1e-4
"""Of the largest value: below that a logarithmic scale would tell more of rounding than of the function."""


@dataclass(frozen=True)
class Contours:
    """Bands from the lowest to the highest level."""

    levels: tuple[float, ...]
    steps: tuple[float, ...]
    bands: tuple[str, ...]
    """An SVG path for each band, the lowest first."""

    def svg(self, title: str, colour: str = "currentColor") -> str:
        """The drawing, with its axes; by itself it is a file for a paper."""
        ramp = colormaps["viridis"].resampled(max(2, len(self.bands)))
        shapes = "".join(
            f'<path d="{band}" fill="{_hex(ramp(k))}" stroke="{_hex(ramp(k))}" stroke-width="0.4"/>'
            for k, band in enumerate(self.bands)
            if band
        )
        span = self.steps[-1]
        marks = "".join(
            f'<text x="{40 + SIDE * (v + span) / (2 * span):g}" y="{SIDE + 28:g}" text-anchor="middle">{v:g}</text>'
            f'<text x="34" y="{14 + SIDE * (span - v) / (2 * span):g}" text-anchor="end">{v:g}</text>'
            for v in (-span, -span / 2, 0.0, span / 2, span)
        )
        middle = SIDE / 2
        cross = f"M{middle - 6:g} {middle:g}h12M{middle:g} {middle - 6:g}v12"
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {SIDE + 50:g} {SIDE + 40:g}" role="img" '
            f'font-family="sans-serif" font-size="11" fill="{colour}"><title>{escape.clean(title)}</title>'
            f'<g transform="translate(40 10)"><rect width="{SIDE:g}" height="{SIDE:g}" fill="#808080"/>{shapes}'
            f'<path d="{cross}" fill="none" stroke="#000" stroke-width="4"/><path d="{cross}" fill="none" stroke="#fff" stroke-width="2"/></g>'
            f"{marks}</svg>"
        )


def contours(values: NDArray[np.float32], steps: tuple[float, ...]) -> Contours:
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
    return Contours(tuple(map(float, levels)), steps, bands)


def _paths(found: Any, shape: tuple[int, ...]) -> Iterator[str]:
    """Polygons with holes as SVG: each ring closed."""
    across, up = SIDE / (shape[1] - 1), SIDE / (shape[0] - 1)
    for points, offsets in zip(*found, strict=True):
        for begin, end in pairwise(offsets):
            ring = points[begin : end - 1]
            yield "M" + "L".join(f"{x * across:.1f} {SIDE - y * up:.1f}" for x, y in ring) + "Z"


def _hex(rgba: tuple[float, float, float, float]) -> str:
    return "#" + "".join(f"{round(255 * v):02x}" for v in rgba[:3])
