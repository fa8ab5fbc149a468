"""What the colours of contours say: a bar from the lowest to the highest level, with round numbers under it.

levels ─▶ ticks ─▶ bar: 14 steps of colour beside contours, a smooth ramp beside the same as a surface
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib import colormaps
from matplotlib.ticker import MaxNLocator

from generator.pages import escape

HIGH = 9.0
"""Of the bar."""
TALL = 26.0
"""Of the bar with its numbers."""
GLYPH, APART = 6.2, 7.0
"""How wide a digit is, and how far two numbers are apart at least."""
MARGIN = 9.0
"""Room on the right of the bar, into which a number may reach."""
MANY = 6
"""Numbers under a bar, at most."""
SMOOTH = 64
"""Steps of a smooth ramp."""


def shades(count: int) -> list[str]:
    """So many colours from low to high."""
    ramp = colormaps["viridis"].resampled(max(2, count))
    return [colour(ramp(k)) for k in range(count)]


def colour(rgba: tuple[float, float, float, float]) -> str:
    """An sRGB colour as `#rrggbb`."""
    return "#" + "".join(f"{round(255 * v):02x}" for v in rgba[:3])


def said(value: float) -> str:
    """A round number as it stands beside a drawing."""
    return f"{value:g}".replace("-", "\N{MINUS SIGN}")


def ticks(low: float, high: float) -> list[float]:
    """Round numbers from `low` to `high`, which both are above 0: whole powers of ten where there are three, else 1, 2 and 5 of
    each where there are three, else even steps."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    for leads in ((1,), (1, 2, 5)):
        found = [lead * 10.0**power for power in range(first, last + 1) for lead in leads]
        found = [float(f"{v:.3g}") for v in found if low <= v <= high]
        if len(found) >= 3:
            return found[:: -(-len(found) // MANY)]
    even = (float(f"{v:.12g}") for v in MaxNLocator(MANY, steps=[1, 2, 5, 10]).tick_values(low, high))
    return [v for v in even if low <= v <= high]


def share(value: float, levels: Sequence[float]) -> float:
    """Where on the logarithmic bar a value stands, from 0 to 1."""
    return math.log(value / levels[0]) / math.log(levels[-1] / levels[0])


def spread(levels: Sequence[float], width: float) -> list[tuple[float, float]]:
    """Round numbers and their places along a bar so wide, none so near to another that they would touch."""
    found: list[tuple[float, float]] = []
    end = -math.inf
    for value in ticks(levels[0], levels[-1]):
        x, half = width * share(value, levels), GLYPH * len(said(value)) / 2
        if x - half >= end + APART:
            found.append((value, x))
            end = x + half
    return found


def bar(levels: Sequence[float], width: float, word: str, ink: str, below: bool = False, smooth: bool = False) -> str:
    """An SVG group of `width` by `TALL`: the colours of the bands between `levels`, or of a `smooth` ramp, and numbers under
    them; `word`, what the numbers are, stands on its left. It ends in a point on the left where values `below` have the
    lowest colour too."""
    parts = shades(SMOOTH if smooth else len(levels) - 1)
    step = width / len(parts)
    steps = "".join(
        f'<path d="M{k * step:.2f} 0H{width:g}V{HIGH:g}H{k * step:.2f}z" fill="{hue}"/>' for k, hue in enumerate(parts)
    )
    point = f'<path d="M0.2 0L{-HIGH / 2:g} {HIGH / 2:g}L0.2 {HIGH:g}z" fill="{parts[0]}"/>' if below else ""
    numbers = "".join(
        f'<path d="M{x:.1f} {HIGH:g}v3" stroke="{ink}" fill="none"/>'
        f'<text x="{min(x, width + MARGIN - GLYPH * len(said(v)) / 2):.1f}" y="{HIGH + 14:g}" text-anchor="middle">{said(v)}</text>'
        for v, x in spread(levels, width)
    )
    return f'<g>{steps}{point}{numbers}<text x="-8" y="{HIGH:g}" text-anchor="end">{escape.md(word)}</text></g>'
