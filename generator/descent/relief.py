"""Descents on their surface seen from the side: the map of a `picture` as a relief, with ways that hills hide.

heights ──▶ patches, the farthest first ──▶ ground        runs ──▶ pieces on the patches, seen or hidden ──▶ ways over it

Turned and lit as `surface-view.js` does it, but without its perspective: what a place is hidden by lies on one straight line.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby

import numpy as np
import torch
from numpy.typing import NDArray

from generator.descent.picture import FOOT, HIGH, INK, LEFT, LOW, MAP, TOP, height_of, mark, named, run_place
from generator.descent.runs import Run
from generator.descent.surfaces import Surface
from generator.diagrams.svg import Canvas, num

COLUMNS, ROWS = 72, 60
"""Patches."""
YAW, PITCH = -28.0, 42.0
"""Degrees, as on the page."""
DEEP, TALL = 0.8, 0.42
"""Of the relief, against its width of 1."""
NET, EVERY = "#7d879f", 6
"""The colour of the lines that are drawn on it, and the patches from one to the next."""
ABOVE = 0.006
"""By how much a way lies over its patches."""
FAINT = 0.3
"""How much of what a hill hides shines through."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Piece:
    """A short part of a way on the relief."""

    a: tuple[float, float]
    b: tuple[float, float]
    """In the drawing."""
    hidden: bool


@dataclass(frozen=True)
class Relief:
    """A surface from the side, and these runs on it."""

    surface: Surface
    runs: Sequence[Run]

    @cached_property
    def heights(self) -> Array:
        """(ROWS + 1, COLUMNS + 1) from 0 to 1, the first row at the back, where y is greatest."""
        x0, x1, y0, y1 = self.surface.box
        grid = np.meshgrid(np.linspace(x0, x1, COLUMNS + 1), np.linspace(y1, y0, ROWS + 1))
        return height_of(self.surface, self.surface.value(*(torch.from_numpy(one) for one in grid)).numpy())

    @cached_property
    def fit(self) -> tuple[float, float, float]:
        """(scale, left, top): as large as the map's frame holds, in its middle."""
        v, u = np.mgrid[0 : 1 : (ROWS + 1) * 1j, 0 : 1 : (COLUMNS + 1) * 1j]  # type: ignore[misc]
        x, y, _ = self._turned(u, v, self.heights)
        scale = min((MAP - LEFT) / float(np.ptp(x)), (FOOT - TOP) / float(np.ptp(y)))
        left = (LEFT + MAP) / 2 - scale * float(x.max() + x.min()) / 2
        return scale, left, (TOP + FOOT) / 2 - scale * float(y.max() + y.min()) / 2

    def _turned(self, u: Array, v: Array, h: Array) -> tuple[Array, Array, Array]:
        """Across, down and towards the eye, of places from 0 to 1."""
        (sa, ca), (sb, cb) = _waves(YAW), _waves(PITCH)
        x, y, z = u - 0.5, (v - 0.5) * DEEP, (h - 0.5) * TALL
        across, near = x * ca - y * sa, x * sa + y * ca
        return across, near * sb - z * cb, near * cb + z * sb

    def at(self, u: Array, v: Array, h: Array) -> tuple[Array, Array]:
        """In the drawing."""
        scale, left, top = self.fit
        x, y, _ = self._turned(u, v, h)
        return left + scale * x, top + scale * y

    def on(self, u: Array, v: Array) -> Array:
        """The height of the patches at places from 0 to 1."""
        x, y = u * COLUMNS, v * ROWS
        i, j = np.clip(np.floor(x), 0, COLUMNS - 1).astype(int), np.clip(np.floor(y), 0, ROWS - 1).astype(int)
        p, q, h = x - i, y - j, self.heights
        return (h[j, i] * (1 - p) + h[j, i + 1] * p) * (1 - q) + (h[j + 1, i] * (1 - p) + h[j + 1, i + 1] * p) * q

    def hidden(self, u: Array, v: Array) -> NDArray[np.bool_]:
        """Whether a nearer hill stands between these places of the surface and the eye."""
        (sa, ca), (sb, cb) = _waves(YAW), _waves(PITCH)
        t = np.arange(1, 121)[:, None] * (TALL / sb / 120)  # steps towards the eye, until over the highest hill
        us, vs = u + t * cb * sa, v + t * cb * ca / DEEP
        ray = self.on(u, v) + ABOVE + t * sb / TALL
        within = (us >= 0) & (us <= 1) & (vs >= 0) & (vs <= 1)
        over = self.on(np.clip(us, 0, 1), np.clip(vs, 0, 1)) > ray + 1e-9
        return np.asarray((within & over).any(axis=0))

    def share(self, place: tuple[float, float]) -> tuple[float, float]:
        """x and y as from 0 to 1, across and from the back to the front."""
        x0, x1, y0, y1 = self.surface.box
        return (place[0] - x0) / (x1 - x0), (y1 - place[1]) / (y1 - y0)

    def ground(self) -> Sequence[str]:
        """The patches, and a dashed ring around each minimum."""
        canvas = Canvas()
        for d, tint, net in self._patches():
            canvas.path(d, fill=tint, stroke=tint, stroke_width=0.7)
            if net:
                canvas.path(net, fill="none", stroke=NET, stroke_width=0.6, stroke_opacity=0.45)
        for one in self.surface.minima:
            turn = np.linspace(0, 2 * math.pi, 49)
            x0, x1, y0, y1 = self.surface.box
            u0, v0 = self.share((one.x, one.y))
            u = u0 + self.surface.radius / (x1 - x0) * np.cos(turn)
            v = v0 + self.surface.radius / (y1 - y0) * np.sin(turn)
            x, y = self.at(u, v, self.on(u, v) + ABOVE)
            canvas.path(
                _line(zip(x.tolist(), y.tolist(), strict=True)), fill="none", stroke=INK, stroke_dasharray="3 3"
            )
        return canvas.parts

    def _patches(self) -> Iterator[tuple[str, str, str]]:
        """(outline, colour, lines of the net) of each patch, the farthest first; light falls from the upper left."""
        v, u = np.mgrid[0 : 1 : (ROWS + 1) * 1j, 0 : 1 : (COLUMNS + 1) * 1j]  # type: ignore[misc]
        x, y = self.at(u, v, self.heights)
        h, (sa, ca) = self.heights, _waves(YAW)
        across, back = h[:, 1:] - h[:, :-1], h[1:] - h[:-1]
        slopes = (across[1:] + across[:-1]) * (0.8 * ca + 0.5 * sa) * COLUMNS
        slopes = slopes + (back[:, 1:] + back[:, :-1]) * (0.5 * -ca - 0.8 * sa) * ROWS
        lit = np.clip(0.06 * slopes, -0.3, 0.22)
        middle = (h[1:, 1:] + h[1:, :-1] + h[:-1, 1:] + h[:-1, :-1]) / 4
        columns = range(COLUMNS) if sa >= 0 else range(COLUMNS - 1, -1, -1)
        for j in range(ROWS):  # the eye stands in front
            for i in columns:
                a, b, c, d = ((float(x[k]), float(y[k])) for k in ((j, i), (j, i + 1), (j + 1, i + 1), (j + 1, i)))
                net = [
                    side for side, k in (((a, b), j), ((a, d), i), ((d, c), j + 1), ((b, c), i + 1)) if k % EVERY == 0
                ]
                yield _line((a, b, c, d)) + "Z", _tint(float(middle[j, i]), float(lit[j, i])), "".join(map(_line, net))

    @cached_property
    def ways(self) -> list[list[list[Piece]]]:
        """Of each run, of each of its steps: its pieces on the relief. What lies outside the box has none."""
        return [
            [self._pieces(run_place(run, t), run_place(run, t + 1)) for t in range(len(run.losses) - 1)]
            for run in self.runs
        ]

    def _pieces(self, first: tuple[float, float], last: tuple[float, float]) -> list[Piece]:
        (u0, v0), (u1, v1) = self.share(first), self.share(last)
        far = max(abs(u1 - u0) * COLUMNS, abs(v1 - v0) * ROWS)
        if not far < 1e4:
            return []
        t = np.linspace(0, 1, max(1, math.ceil(2 * far)) + 1)
        u, v = u0 + (u1 - u0) * t, v0 + (v1 - v0) * t
        inside = (u >= 0) & (u <= 1) & (v >= 0) & (v <= 1)
        cu, cv = np.clip(u, 0, 1), np.clip(v, 0, 1)
        x, y = self.at(cu, cv, self.on(cu, cv) + ABOVE)
        behind = self.hidden(cu, cv)
        places = list(zip(x.tolist(), y.tolist(), strict=True))
        return [
            Piece(places[k], places[k + 1], bool(behind[k] and behind[k + 1]))
            for k in range(len(t) - 1)
            if inside[k] and inside[k + 1]
        ]

    def over(self, canvas: Canvas, now: int) -> None:
        """The ways until a step, the start, the names of the minima, and where each run is."""
        for run, steps in zip(self.runs, self.ways, strict=True):
            self._way(canvas, run, [piece for pieces in steps[:now] for piece in pieces])
        for one in self.surface.minima:
            place, _ = self._place((one.x, one.y))
            named(canvas, self.surface, one, (place[0], min(FOOT - 4, place[1] + 30)))
        for k, run in enumerate(self.runs):
            if k == 0 and (start := self._place(run_place(run, 0)))[1]:
                canvas.circle(start[0], 7, fill="none", stroke="#ffffff", stroke_width=5)
                canvas.circle(start[0], 7, fill="none", stroke=INK, stroke_width=2)
        for run in self.runs:
            place, inside = self._place(run_place(run, now))
            if inside:
                mark(canvas, run, place, 7)

    def _way(self, canvas: Canvas, run: Run, pieces: Sequence[Piece]) -> None:
        """Pieces that hang together as one line; those that are hidden are faint."""
        for hidden, some in groupby(pieces, lambda piece: piece.hidden):
            d, before = "", None
            for piece in some:
                d += "" if piece.a == before else f"M{num(piece.a[0])} {num(piece.a[1])}"
                d += f"L{num(piece.b[0])} {num(piece.b[1])}"
                before = piece.b
            shown = {"fill": "none", "stroke_linejoin": "round", "stroke_linecap": "round"}
            if not hidden:
                canvas.path(d, stroke="#ffffff", stroke_width=4.5, stroke_opacity=0.75, **shown)
            canvas.path(
                d, stroke=run.optimizer.colour, stroke_width=2.4, stroke_opacity=FAINT if hidden else 1, **shown
            )

    def _place(self, place: tuple[float, float]) -> tuple[tuple[float, float], bool]:
        """In the drawing, and whether the box holds it."""
        u, v = self.share(place)
        if not (0 <= u <= 1 and 0 <= v <= 1):
            return (0.0, 0.0), False
        us, vs = np.array([u]), np.array([v])
        x, y = self.at(us, vs, self.on(us, vs) + ABOVE)
        return (float(x[0]), float(y[0])), True


def _waves(degrees: float) -> tuple[float, float]:
    """Sine and cosine."""
    return math.sin(math.radians(degrees)), math.cos(math.radians(degrees))


def _line(places: Iterable[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{num(x)} {num(y)}" for x, y in places)


def _tint(height: float, lit: float) -> str:
    share = math.sqrt(max(0.0, min(1.0, height)))
    mixed = (a + (b - a) * share for a, b in zip(LOW, HIGH, strict=True))
    return "#" + "".join(f"{round(c * (1 + lit) if lit < 0 else c + (255 - c) * lit):02x}" for c in mixed)
