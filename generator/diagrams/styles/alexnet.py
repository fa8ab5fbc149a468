"""AlexNet: tensors as cuboids with their three numbers, a window inside each and a pyramid to the next, dense layers as bars.

After the figure of Krizhevsky et al. (2012), as NN-SVG draws it: channels to the right, height upright, width into the depth; or,
in a row that leads down, channels upright. A real map may lie on the side that the next operation looks at, or on top.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

from generator.diagrams import row_options as row
from generator.diagrams import skips
from generator.diagrams.architecture import Architecture
from generator.diagrams.extras import faces_of
from generator.diagrams.frame import EDGE, Frame, nothing
from generator.diagrams.options import choice, colour, flag, number
from generator.diagrams.palette import DASHES, EDGES, FILLS, LINE
from generator.diagrams.row import printed, spread
from generator.diagrams.scale import sized
from generator.diagrams.stages import Stage, label, maps, stages, tokens, tops
from generator.diagrams.styles import style
from generator.diagrams.svg import Drawing, Point, num, text_width

LEAST = 4.0
MOST = 105.0
"""Pixels of the largest map's side, where it is not asked for."""


@style
@dataclass(frozen=True)
class AlexNet:
    """Tensors as cuboids."""

    direction: Literal["right", "down"] = row.direction()
    depth: int = row.depth()
    tensors: int = row.tensors()
    spacing: float = row.spacing(12.0)
    scale: Literal["log", "sqrt", "linear"] = row.scale()
    size: float = row.size(MOST)
    channel_scale: Literal["log", "sqrt", "linear"] = choice("sqrt", "how lengths grow with the number of channels")
    length: float = number(40.0, "pixels of the longest row of channels", 10, 300, 5)
    dense_length: float = row.dense_length(115.0)
    angle: float = number(42.0, "degrees by which the depth rises", 10, 80, 1)
    foreshortening: float = number(0.5, "how long the depth is drawn", 0.1, 1, 0.05)
    faces: bool = flag(True, "a real map on the side that is looked at, where one is known")
    kernels: bool = flag(True, "the window of each operation, and its pyramid to the next tensor")
    skips: bool = row.skips()
    labels: bool = flag(True, "heights, widths and channels")
    names: bool = row.names()
    font_size: float = row.font_size()
    by_kind: bool = flag(True, "colours by the kind of operation")
    tensor_colour: str = colour("#dfe5f2", "of the cuboids, where not by kind", by_kind=False)
    border_colour: str = colour("#3d5a96", "of their edges, where not by kind", by_kind=False)
    kernel_colour: str = colour("#c2502e", "of the windows")
    pyramid_colour: str = colour("#3d5a96", "of the pyramids")
    border_width: float = number(0.9, "pixels of the edges", 0, 4, 0.1)
    opacity: float = number(0.55, "of the cuboids", 0.05, 1, 0.05)
    pyramid_opacity: float = number(0.14, "of the pyramids", 0, 1, 0.02)

    def draw(self, it: Architecture) -> Drawing:
        """The main path of the network in cuboids."""
        found = stages(it, self.tensors, self.depth)
        if not found:
            return nothing(it.title, "No operation is known.", self.font_size)
        return printed(
            self.size, MOST, self.font_size, lambda size: _Picture(replace(self, size=size), it, found).drawing()
        )


class _Body:
    """One cuboid: its sides in pixels and, once placed, where its box's upper left corner is.

    right: channels to the right, height upright, width into the depth; the next operation looks at the right side
    down: channels upright, width to the right, height into the depth; it looks from below, and the map lies on top
    """

    def __init__(self, options: AlexNet, stage: Stage, top: tuple[int, int, int]) -> None:
        o, self.stage, self.maps = options, stage, maps(stage.op.shape)
        self.down = o.direction == "down"
        self.x = self.y = 0.0
        turn = math.radians(o.angle)
        if self.maps is None:
            size = max(stage.op.shape, default=1)
            self.long, deep = 2 * LEAST, 2 * LEAST
            self.high = sized(size, top[2], "log", o.dense_length, 2 * LEAST)
            said = (str(size) if stage.op.shape else "?", "", "")
        else:
            flat = tokens(stage.op.shape)
            if flat:  # a slab: features are its channels, tokens its height
                self.maps = (stage.op.shape[1], stage.op.shape[0], 1)
            channels, *sides = self.maps
            self.long = sized(channels, top[1], o.channel_scale, o.length, LEAST)
            height, width = (sized(side, top[0], o.scale, o.size, LEAST) for side in sides)
            self.high, deep = (width, height) if self.down else (height, width)
            if flat:
                self.high, deep = height, 2 * LEAST
            said = (str(channels), str(sides[0]), "" if flat else str(sides[1]))
        self.into = (deep * o.foreshortening * math.cos(turn), -deep * o.foreshortening * math.sin(turn))
        self.said = said if o.labels and not self.down else ("", "", "")
        self.text = label(stage.op.shape) if o.labels and self.down else ""
        wide = [text_width(text, o.font_size) if text else 0.0 for text in self.said]
        self.lead = max(wide[1] + EDGE / 2 if wide[1] else 0.0, (wide[0] - self.long) / 2)
        behind = self.into[0] / 2 + EDGE / 2 + wide[2] if wide[2] else 0.0
        self.length = self.lead + self.long + max(self.into[0], behind, (wide[0] - self.long) / 2)
        if self.down:
            self.lead, self.length = 0.0, self.height

    @property
    def width(self) -> float:
        """Of its box."""
        return self.into[0] + (self.high if self.down else self.long)

    @property
    def height(self) -> float:
        """Of its box."""
        return (self.long if self.down else self.high) - self.into[1]

    def put(self, start: float) -> None:
        """Stand at `start` along the row, in its middle across it."""
        if self.down:
            self.x, self.y = -self.width / 2, start
        else:
            self.x, self.y = start + self.lead, -self.height / 2

    def at(self, c: float, across: float, deep: float) -> Point:
        """The corner of shares of its sides: channels, the side across the row, and depth, near to far."""
        right, below = (across * self.high, c * self.long) if self.down else (c * self.long, across * self.high)
        return (self.x + right + deep * self.into[0], self.y - self.into[1] + below + deep * self.into[1])


class _Picture:
    def __init__(self, options: AlexNet, it: Architecture, row: tuple[Stage, ...]) -> None:
        self.o, self.it, self.frame = options, it, Frame()
        self.canvas = self.frame.canvas
        self.down = options.direction == "down"
        self.line = 1.25 * options.font_size
        top = tops(row)
        self.bodies = [_Body(options, stage, top) for stage in row]
        self.words = [stage.words if options.names else () for stage in row]

    def drawing(self) -> Drawing:
        """All of it, framed."""
        middles = self._place()
        for k, body in enumerate(self.bodies):
            self._body(body)
            if self.o.kernels and k + 1 < len(self.bodies):
                self._between(body, self.bodies[k + 1])
        if self.o.skips:
            self._skips()
        for body in self.bodies:
            self._numbers(body)
        self._names(middles)
        return self.frame.drawing(self.it.title)

    def _wide(self, text: str) -> float:
        return text_width(text, self.o.font_size) if text else 0.0

    def _place(self) -> list[float]:
        """Place the bodies; the middles of the gaps in front of them."""
        words = [
            len(lines) * self.line if self.down else max(map(self._wide, lines), default=0.0) for lines in self.words
        ]
        labels = [self.line if body.text else 0.0 for body in self.bodies]
        starts, middles = spread([body.length for body in self.bodies], labels, words, self.o.spacing)
        for body, start in zip(self.bodies, starts, strict=True):
            body.put(start)
        return middles

    def _names(self, middles: list[float]) -> None:
        left, bottom, size = self.frame.left, self.frame.bottom, self.o.font_size
        for k, lines in enumerate(self.words):
            for n, text in enumerate(lines):
                line = (n + 0.8) * self.line
                if self.down:
                    at = (left - EDGE, middles[k] - len(lines) * self.line / 2 + line)
                    self.frame.text(at, text, size, anchor="end", dim=True)
                else:
                    self.frame.text((middles[k], bottom + EDGE + line), text, size, anchor="middle", dim=True)

    def _skips(self) -> None:
        spans = [(k, stop) for stop, body in enumerate(self.bodies) for k in body.stage.skips]
        places = []
        for body in self.bodies:
            if self.down:
                beyond = EDGE + self._wide(body.text) if body.text else 0.0
                places.append(skips.Place(body.y + body.height / 2, body.x + body.width + beyond))
            else:
                places.append(skips.Place(body.x + body.width / 2, -body.y))
        dashed = [body.stage.dashed for body in self.bodies]
        skips.draw(self.frame, spans, places, dashed, down=self.down)

    def _body(self, body: _Body) -> None:
        o, kind = self.o, body.stage.ops[0].kind
        fill, edge = (FILLS[kind], EDGES[kind]) if o.by_kind else (o.tensor_colour, o.border_colour)
        border = {"stroke": edge, "stroke_width": o.border_width, "stroke_linejoin": "round"}
        more = {"fill": fill, "fill_opacity": o.opacity, **border, "class_": f"ca-k-{kind}" if o.by_kind else None}
        at, canvas = body.at, self.canvas
        self.frame.cover(body.x, body.y, body.width, body.height)
        corner = (1, 0, 1) if self.down else (0, 1, 1)  # the hidden one
        with canvas.group(title=body.stage.tooltip, class_="ca-op", data_id=body.stage.op.id):
            hidden = {**border, "stroke_opacity": 0.4, "class_": "ca-frame"}
            for k in (1, 2, 0):
                end = [1 - one if n == k else one for n, one in enumerate(corner)]
                canvas.line(at(*corner), at(*end), **hidden)
            upper = [at(0, 0, 0), at(1, 0, 0), at(1, 0, 1), at(0, 0, 1)]
            front = [at(0, 0, 0), at(1, 0, 0), at(1, 1, 0), at(0, 1, 0)]
            side = [at(1, 0, 0), at(1, 0, 1), at(1, 1, 1), at(1, 1, 0)]
            if self.down:  # the right one, and the map's
                upper = [at(0, 1, 0), at(0, 1, 1), at(1, 1, 1), at(1, 1, 0)]
                side = [at(0, 0, 0), at(0, 0, 1), at(0, 1, 1), at(0, 1, 0)]
            canvas.polygon(upper, **more)
            canvas.polygon(front, **more)
            faced = o.faces and body.maps is not None and not tokens(body.stage.op.shape)
            faces = faces_of(self.it, body.stage.ops) if faced else ()
            if faces:
                x, y = at(0, 0, 1) if self.down else at(1, 0, 0)
                span = (body.high, 0, -body.into[0], -body.into[1]) if self.down else (*body.into, 0, body.high)
                grid = ",".join(num(value) for value in (*span, x, y))
                canvas.image(0, 0, 1, 1, faces[0], transform=f"matrix({grid})", image_rendering="pixelated")
                canvas.polygon(side, fill="none", **border, class_="ca-frame")
            else:
                canvas.polygon(side, **more)

    def _between(self, a: _Body, b: _Body) -> None:
        """The window through all channels, and the pyramid that ends in its one value; all to all otherwise."""
        o, tip = self.o, b.at(0, 0.5, 0.5)
        dashes = DASHES if b.stage.dashed else None
        if a.maps is None or b.maps is None or b.stage.kernel is None:
            high = 0.4 * min(a.high, b.high)  # clear of the width, which stands below the middle
            for cross in (-high, high):
                ends = [one.at(share, 0.5, 0.5) for one, share in ((a, 1), (b, 0))]
                ends = [(x + cross, y) if self.down else (x, y + cross) for x, y in ends]
                self.canvas.line(*ends, stroke=LINE, stroke_width=0.8, stroke_dasharray=dashes, class_="ca-line")
            return
        across, into = (1, 0) if self.down else (0, 1)
        high = max(LEAST / a.high, min(1.0, b.stage.kernel[across] / a.maps[1 + across])) / 2
        deep = max(LEAST / a.high, min(1.0, b.stage.kernel[into] / a.maps[1 + into])) / 2
        low, near = (0.5 - high, 0.5 + high), (0.5 - deep, 0.5 + deep)
        window = [
            a.at(1, low[0], near[0]),
            a.at(1, low[0], near[1]),
            a.at(1, low[1], near[1]),
            a.at(1, low[1], near[0]),
        ]
        inner = [a.at(0, low[0], near[0]), a.at(0, low[0], near[1]), a.at(0, low[1], near[1]), a.at(0, low[1], near[0])]
        line = {"stroke": o.kernel_colour, "stroke_width": o.border_width}
        with self.canvas.group(class_="ca-window"):
            self.canvas.polygon(inner, fill="none", stroke_opacity=0.5, **line)
            for one, other in zip(inner, window, strict=True):
                self.canvas.line(one, other, stroke_opacity=0.5, **line)
            self.canvas.polygon(window, fill=o.kernel_colour, fill_opacity=0.2, **line)
            for one, other in pairwise([*window, window[0]]):
                self.canvas.polygon([one, other, tip], fill=o.pyramid_colour, fill_opacity=o.pyramid_opacity)
            for corner in window:
                edge = {"stroke": o.pyramid_colour, "stroke_width": 0.7, "stroke_opacity": 0.6}
                self.canvas.line(corner, tip, **edge, stroke_dasharray=dashes)

    def _numbers(self, body: _Body) -> None:
        size = self.o.font_size
        if body.text:
            at = (body.x + body.width + EDGE, body.y + body.height / 2 + 0.35 * size)
            self.frame.text(at, body.text, size)
        channels, height, width = body.said
        left, right = body.at(0, 1, 0), body.at(1, 1, 0.5)
        if channels:
            self.frame.text((left[0] + body.long / 2, left[1] + size + 2), channels, size, anchor="middle")
        if height:
            low = max(left[1] - 2, 0.75 * size + 3)  # below the pyramid that ends here
            self.frame.text((left[0] - EDGE / 2, low), height, size, anchor="end")
        if width:
            self.frame.text((right[0] + EDGE / 2, right[1] + size * 0.8), width, size)
