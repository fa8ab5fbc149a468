"""A moment of some descents as a drawing, 16:9 for slides: the surface from above with the ways so far, losses, a legend.

It is drawn in the shapes of generator/diagrams/svg.py, so that an SVG, a PNG and each frame of an animation are one drawing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from typing import Any, Protocol, cast

import numpy as np
import torch
from contourpy import FillType, contour_generator

from generator.descent.marks import outline
from generator.descent.runs import Run
from generator.descent.surfaces import Minimum, Surface
from generator.diagrams.svg import Canvas, Drawing, num
from generator.pages.numbers import raw

WIDTH, HEIGHT = 960, 540
LEVELS = 14
LOW, HIGH = (158, 172, 206), (247, 248, 251)
INK, DIM, LINE = "#12151c", "#596174", "#d5d9e4"
LEFT, TOP, FOOT = 44, 56, 500
MAP = 540
"""Where the map ends, and the losses begin."""
LOST = 1e6


class Side(Protocol):
    """The map, seen otherwise than from above (relief.py)."""

    def ground(self) -> Sequence[str]:
        """The shapes of the surface alone."""

    def over(self, canvas: Canvas, now: int) -> None:
        """Draw what runs have done until a step."""


def ground(surface: Surface, side: Side | None = None) -> Drawing:
    """The surface alone: what every frame of an animation has in common."""
    return Canvas([*_under(surface, side)]).drawing(WIDTH, HEIGHT, title=surface.title)


def _under(surface: Surface, side: Side | None) -> list[str]:
    if side is None:
        return [*_ground(surface.name)]
    canvas = Canvas()
    canvas.rect(0, 0, WIDTH, HEIGHT, fill="#ffffff")
    return [*canvas.parts, *side.ground()]


def picture(
    surface: Surface, runs: Sequence[Run], step: int | None = None, *, under: str = "", side: Side | None = None
) -> Drawing:
    """The runs up to `step`, of all their steps where it is not given; all began at one place.

    `under`: the `ground` as a data address, where many frames are drawn; else its shapes. `side`: who draws the map, where it
    is not seen from above.
    """
    steps = len(runs[0].losses) - 1 if runs else 0
    now = steps if step is None else min(step, steps)
    canvas = Canvas([] if under else _under(surface, side))
    if under:
        canvas.image(0, 0, WIDTH, HEIGHT, under)
    if side is None:
        _from_above(canvas, surface, runs, now)
    else:
        side.over(canvas, now)
    canvas.text((LEFT, 34), surface.title, 20, fill=INK, font_weight=700)
    canvas.text((WIDTH - 24, 34), f"step {now} of {steps}", 15, fill=DIM, text_anchor="end")
    _losses(canvas, surface, runs, now)
    _legend(canvas, surface, runs, now)
    names = ", ".join(run.optimizer.title for run in runs)
    return canvas.drawing(WIDTH, HEIGHT, title=f"{surface.title}: {names} after {now} steps")


def _from_above(canvas: Canvas, surface: Surface, runs: Sequence[Run], now: int) -> None:
    """The ways until a step, the start, the names of the minima, and where each run is."""
    x, y = _lens(surface)
    canvas.parts.append(
        f'<clipPath id="map"><rect x="{LEFT}" y="{TOP}" width="{MAP - LEFT}" height="{FOOT - TOP}"/></clipPath>'
    )
    with canvas.group(clip_path="url(#map)"):
        for run in runs:
            _trail(canvas, run, now, x, y)
        _names(canvas, surface)
        if runs:
            at = run_place(runs[0], 0)
            canvas.circle((x(at[0]), y(at[1])), 7, fill="none", stroke="#ffffff", stroke_width=5)
            canvas.circle((x(at[0]), y(at[1])), 7, fill="none", stroke=INK, stroke_width=2)
        for run in runs:
            px, py = run_place(run, now)
            if max(abs(px), abs(py)) < LOST:
                mark(canvas, run, (x(px), y(py)), 7)


def run_place(run: Run, step: int) -> tuple[float, float]:
    """Where it is at a step."""
    px, py = run.points[step].tolist()
    return (px, py) if math.isfinite(px) and math.isfinite(py) else (LOST, LOST)


def _lens(surface: Surface):  # type: ignore[no-untyped-def]
    """From a surface's x and y to the drawing's."""
    x0, x1, y0, y1 = surface.box
    return (
        lambda v: LEFT + (v - x0) / (x1 - x0) * (MAP - LEFT),
        lambda v: TOP + (y1 - v) / (y1 - y0) * (FOOT - TOP),
    )


def height_of(surface: Surface, values: np.ndarray) -> np.ndarray:
    """Losses as heights from 0, the lowest in the box, to 1: their logarithms where the surface says so."""
    above = np.clip(values - values.min(), 0, None)
    drawn = np.log1p(above) if surface.log else above
    return np.asarray(drawn / drawn.max())


@cache
def _ground(name: str) -> tuple[str, ...]:
    """The paper, the levels, the minima and the scales: the same in every frame."""
    from generator.descent.surfaces import SURFACES

    surface = SURFACES[name]
    x0, x1, y0, y1 = surface.box
    xs, ys = np.linspace(x0, x1, 181), np.linspace(y0, y1, 161)
    grid = np.meshgrid(xs, ys)
    heights = height_of(surface, surface.value(*(torch.from_numpy(one) for one in grid)).numpy())
    x, y = _lens(surface)
    canvas = Canvas()
    canvas.rect(0, 0, WIDTH, HEIGHT, fill="#ffffff")
    found = contour_generator(x=xs, y=ys, z=heights * LEVELS, fill_type=FillType.OuterOffset)
    for level in range(LEVELS):
        share = math.sqrt(level / LEVELS)
        tint = "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in zip(LOW, HIGH, strict=True))
        corners, offsets = cast(Any, found.filled(level - (level == 0), level + 1 + (level == LEVELS - 1)))
        d = "".join(
            "M" + "L".join(f"{num(x(float(px)))} {num(y(float(py)))}" for px, py in places[a:b]) + "Z"
            for places, starts in zip(corners, offsets, strict=True)
            for a, b in pairwise(starts)
        )
        if d:
            canvas.path(d, fill=tint, fill_rule="evenodd", stroke="#7d879f", stroke_width=0.6)
    canvas.rect(LEFT, TOP, MAP - LEFT, FOOT - TOP, fill="none", stroke=LINE)
    for v in ticks(x0, x1):
        canvas.text((x(v), FOOT + 18), _said(v), 12, fill=DIM, text_anchor="middle")
    for v in ticks(y0, y1):
        canvas.text((LEFT - 8, y(v) + 4), _said(v), 12, fill=DIM, text_anchor="end")
    for one in surface.minima:
        rx, ry = _ring(surface)
        canvas.shape("ellipse", cx=x(one.x), cy=y(one.y), rx=rx, ry=ry, fill="none", stroke=INK, stroke_dasharray="3 3")
    return tuple(canvas.parts)


def _ring(surface: Surface) -> tuple[float, float]:
    """The half axes of what counts as in a well."""
    x0, x1, y0, y1 = surface.box
    return surface.radius / (x1 - x0) * (MAP - LEFT), surface.radius / (y1 - y0) * (FOOT - TOP)


def _names(canvas: Canvas, surface: Surface) -> None:
    """The minima's names, over the ways that lead there."""
    x, y = _lens(surface)
    ry = _ring(surface)[1]
    for one in surface.minima:
        below = y(one.y) + ry + 16 < FOOT
        named(canvas, surface, one, (x(one.x), y(one.y) + (ry + 15 if below else -ry - 6)))


def named(canvas: Canvas, surface: Surface, one: Minimum, at: tuple[float, float]) -> None:
    """A minimum's name, with a white edge."""
    both = len({each.lowest for each in surface.minima}) > 1
    words = f"{one.name} ({'global' if one.lowest else 'local'})" if both else one.name
    for more in ({"stroke": "#ffffff", "stroke_width": 4, "stroke_linejoin": "round"}, {}):
        canvas.text(at, words, 12, fill=INK, font_weight=700, text_anchor="middle", **more)


def ticks(a: float, b: float) -> list[float]:
    """Round numbers from a to b, five or so."""
    rough = (b - a) / 5
    unit = 10 ** math.floor(math.log10(rough))
    step = next(m * unit for m in (1, 2, 5, 10) if m * unit >= rough)
    return [round(k * step, 10) for k in range(math.ceil(a / step - 1e-9), math.floor(b / step + 1e-9) + 1)]


def _said(value: float) -> str:
    return f"{value:g}".replace("-", "−")


def _trail(canvas: Canvas, run: Run, now: int, x, y) -> None:  # type: ignore[no-untyped-def]
    places = [run_place(run, t) for t in range(now + 1)]
    lost = next((k for k, (a, b) in enumerate(places) if max(abs(a), abs(b)) >= LOST), len(places))
    drawn = [(x(a), y(b)) for a, b in places[:lost]]
    if len(drawn) < 2:
        return
    d = "M" + "L".join(f"{num(a)} {num(b)}" for a, b in drawn)
    for more in (
        {"stroke": "#ffffff", "stroke_width": 4.5, "stroke_opacity": 0.75},
        {"stroke": run.optimizer.colour, "stroke_width": 2.4},
    ):
        canvas.path(d, fill="none", stroke_linejoin="round", stroke_linecap="round", **more)
    before = drawn[0]
    for place in drawn[1:]:
        if math.dist(before, place) > 9:
            canvas.circle(place, 3, fill=run.optimizer.colour)
            before = place


def mark(canvas: Canvas, run: Run, at: tuple[float, float], size: float) -> None:
    """The run's own mark, with a white edge."""
    d = outline(run.optimizer.mark, at, size)
    canvas.path(d, fill="none", stroke="#ffffff", stroke_width=3, stroke_linejoin="round")
    canvas.path(d, fill=run.optimizer.colour)


def _losses(canvas: Canvas, surface: Surface, runs: Sequence[Run], now: int) -> None:
    left, right, top, foot = MAP + 62, WIDTH - 24, TOP + 18, 250
    steps = len(runs[0].losses) - 1 if runs else 1
    lowest = _range(surface)[0]
    low, high = _ends(surface, runs)

    def y(loss: float) -> float:
        value = math.log10(max(1e-7, loss - lowest)) if surface.log else loss
        return top + (1 - (value - low) / (high - low)) * (foot - top)

    def x(t: int) -> float:
        return left + t / max(1, steps) * (right - left)

    said = "loss above the lowest" if surface.log else "loss"
    canvas.text((left, TOP + 6), said, 12, fill=DIM)
    for v in ticks(low, high):
        if surface.log and v % 1:
            continue
        at = top + (1 - (v - low) / (high - low)) * (foot - top)
        canvas.line((left, at), (right, at), stroke=LINE)
        canvas.text((left - 6, at + 4), f"1e{int(v)}" if surface.log else _said(v), 11, fill=DIM, text_anchor="end")
    for v in ticks(0, max(1, steps)):
        canvas.text((x(int(v)), foot + 16), _said(v), 11, fill=DIM, text_anchor="middle")
    canvas.parts.append(
        f'<clipPath id="loss"><rect x="{left - 8}" y="{top - 8}" width="{right - left + 16}" height="{foot - top + 12}"/></clipPath>'
    )
    with canvas.group(clip_path="url(#loss)"):
        for run in runs:
            losses = run.losses.tolist()
            kept = next((k for k, v in enumerate(losses) if not abs(v) < 1e12), len(losses))
            for until, opacity in ((kept, 0.25), (min(kept, now + 1), 1)):
                places = [(x(t), y(losses[t])) for t in range(until)]
                if len(places) > 1:
                    d = "M" + "L".join(f"{num(a)} {num(b)}" for a, b in places)
                    canvas.path(d, fill="none", stroke=run.optimizer.colour, stroke_width=2, stroke_opacity=opacity)
        for run in runs:
            loss = float(run.losses[now])
            if abs(loss) < 1e12:
                mark(canvas, run, (x(now), y(loss)), 5)


def _ends(surface: Surface, runs: Sequence[Run]) -> tuple[float, float]:
    low, high = _range(surface)
    first = float(runs[0].losses[0]) if runs else high
    if surface.log:
        return -6, max(1, math.ceil(math.log10(max(1e-6, first - low))))
    return low - (high - low) * 0.03, max(first, low + (high - low) * 0.3) + (high - low) * 0.05


def _range(surface: Surface) -> tuple[float, float]:
    """The lowest and the highest loss in the box."""
    x0, x1, y0, y1 = surface.box
    xs, ys = (torch.linspace(a, b, 61, dtype=torch.float64) for a, b in ((x0, x1), (y0, y1)))
    values = surface.value(xs[None, :], ys[:, None])
    minima = [surface.value(torch.tensor(m.x), torch.tensor(m.y)) for m in surface.minima]
    return min(float(values.min()), *map(float, minima)), float(values.max())


def _legend(canvas: Canvas, surface: Surface, runs: Sequence[Run], now: int) -> None:
    """What each is, at which rate, and where it is now."""
    left, top = MAP + 36, 288
    row = min(27, (FOOT + 10 - top) / max(1, len(runs)))
    canvas.text((left + 122, top), "rate", 11, fill=DIM)
    canvas.text((left + 180, top), "loss", 11, fill=DIM)
    canvas.text((left + 254, top), "where", 11, fill=DIM)
    for k, run in enumerate(runs):
        y = top + row * (k + 0.85)
        mark(canvas, run, (left + 7, y - 4), 6)
        canvas.text((left + 22, y), run.optimizer.title, 14, fill=INK, font_weight=700)
        canvas.text((left + 122, y), f"{run.settings['lr']:g}", 13, fill=DIM)
        loss = float(run.losses[now])
        canvas.text((left + 180, y), raw(loss) if math.isfinite(loss) and abs(loss) < LOST else "∞", 13, fill=DIM)
        canvas.text((left + 254, y), where(surface, run, now), 13, fill=INK)


def where(surface: Surface, run: Run, step: int) -> str:
    """In which well a run is at a step, in words."""
    px, py = run_place(run, step)
    near = [one.name for one in surface.minima if math.hypot(px - one.x, py - one.y) <= surface.radius]
    if near:
        return near[0]
    x0, x1, y0, y1 = surface.box
    return "on its way" if x0 <= px <= x1 and y0 <= py <= y1 else "outside" if max(abs(px), abs(py)) < LOST else "lost"
