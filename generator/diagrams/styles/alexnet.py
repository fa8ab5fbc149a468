"""AlexNet: tensors as cuboids with their three numbers, a window inside each and a pyramid to the next, dense layers as bars.

After the figure of Krizhevsky et al. (2012), as NN-SVG draws it: channels to the right, height upright, width into the depth.
A real map may lie on the side that the next operation looks at.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from generator.diagrams.architecture import Architecture
from generator.diagrams.extras import faces_of
from generator.diagrams.frame import EDGE, Frame, nothing
from generator.diagrams.options import choice, colour, flag, number
from generator.diagrams.palette import EDGES, FILLS, LINE
from generator.diagrams.row import spread
from generator.diagrams.scale import sized
from generator.diagrams.stages import Stage, maps, stages, tops
from generator.diagrams.styles import style
from generator.diagrams.svg import Drawing, Point, num, text_width

LEAST = 4.0


@style
@dataclass(frozen=True)
class AlexNet:
    """Tensors as cuboids."""

    depth: int = number(-1, "levels of blocks that are opened; -1: as many as stay readable", -1, 6, 1)
    tensors: int = number(16, "tensors in a row, where more would be drawn neighbours are joined", 4, 40, 1)
    spacing: float = number(22.0, "pixels between two tensors", 8, 160, 2)
    scale: Literal["log", "sqrt", "linear"] = choice("sqrt", "how heights and widths grow with their pixels")
    size: float = number(115.0, "pixels of the largest height", 40, 400, 5)
    channel_scale: Literal["log", "sqrt", "linear"] = choice("sqrt", "how lengths grow with the number of channels")
    length: float = number(50.0, "pixels of the longest row of channels", 10, 300, 5)
    dense_length: float = number(115.0, "pixels of the longest dense layer", 20, 400, 5)
    angle: float = number(42.0, "degrees by which the depth rises", 10, 80, 1)
    foreshortening: float = number(0.5, "how long the depth is drawn", 0.1, 1, 0.05)
    faces: bool = flag(True, "a real map on the far side, where one is known")
    kernels: bool = flag(True, "the window of each operation, and its pyramid to the next tensor")
    labels: bool = flag(True, "heights, widths and channels")
    names: bool = flag(True, "operations below the gaps")
    font_size: float = number(13.0, "pixels of the letters", 6, 30, 1)
    by_kind: bool = flag(True, "colours by the kind of operation")
    tensor_colour: str = colour("#dfe5f2", "of the cuboids, where not by kind")
    border_colour: str = colour("#3d5a96", "of their edges, where not by kind")
    kernel_colour: str = colour("#c2502e", "of the windows")
    pyramid_colour: str = colour("#3d5a96", "of the pyramids")
    border_width: float = number(0.9, "pixels of the edges", 0, 4, 0.1)
    opacity: float = number(0.55, "of the cuboids", 0.05, 1, 0.05)
    pyramid_opacity: float = number(0.14, "of the pyramids", 0, 1, 0.02)

    def draw(self, it: Architecture) -> Drawing:
        """The main path of the network in cuboids."""
        row = stages(it, self.tensors, self.depth)
        return _Picture(self, it, row).drawing() if row else nothing(it.title, "No operation is known.", self.font_size)


class _Body:
    """One cuboid: its sides in pixels and, once placed, where its front's upper left corner is."""

    def __init__(self, options: AlexNet, stage: Stage, top: tuple[int, int, int]) -> None:
        o, self.stage, self.maps = options, stage, maps(stage.op.shape)
        self.x = 0.0
        turn = math.radians(o.angle)
        if self.maps is None:
            size = max(stage.op.shape, default=1)
            self.long, self.high, deep = 2 * LEAST, sized(size, top[2], "log", o.dense_length, 2 * LEAST), 2 * LEAST
            said = (str(size) if stage.op.shape else "?", "", "")
        else:
            channels, height, width = self.maps
            self.long = sized(channels, top[1], o.channel_scale, o.length, LEAST)
            self.high = sized(height, top[0], o.scale, o.size, LEAST)
            deep = sized(width, top[0], o.scale, o.size, LEAST)
            said = (str(channels) if len(stage.op.shape) > 2 else "", str(height), str(width))
        self.into = (deep * o.foreshortening * math.cos(turn), -deep * o.foreshortening * math.sin(turn))
        self.said = said if o.labels else ("", "", "")
        self.y = -(self.high + self.into[1]) / 2
        """So that the cuboid's whole height is centred on 0."""
        wide = [text_width(text, o.font_size) if text else 0.0 for text in self.said]
        self.lead = max(wide[1] + EDGE / 2 if wide[1] else 0.0, (wide[0] - self.long) / 2)
        behind = self.into[0] / 2 + EDGE / 2 + wide[2] if wide[2] else 0.0
        self.length = self.lead + self.long + max(self.into[0], behind, (wide[0] - self.long) / 2)

    def at(self, x: float, y: float, z: float) -> Point:
        """The corner of shares (right, down, deep) of its sides."""
        return (self.x + x * self.long + z * self.into[0], self.y + y * self.high + z * self.into[1])


class _Picture:
    def __init__(self, options: AlexNet, it: Architecture, row: tuple[Stage, ...]) -> None:
        self.o, self.it, self.frame = options, it, Frame()
        self.canvas = self.frame.canvas
        top = tops(row)
        self.bodies = [_Body(options, stage, top) for stage in row]
        self.words = [stage.words if options.names else () for stage in row]

    def drawing(self) -> Drawing:
        """All of it, framed."""
        size = self.o.font_size
        words = [max((text_width(text, size) for text in lines), default=0.0) for lines in self.words]
        starts, middles = spread([b.length for b in self.bodies], [0.0] * len(words), words, self.o.spacing)
        for body, start in zip(self.bodies, starts, strict=True):
            body.x = start + body.lead
        for k, body in enumerate(self.bodies):
            self._body(body)
            if self.o.kernels and k + 1 < len(self.bodies):
                self._between(body, self.bodies[k + 1])
        for body in self.bodies:
            self._numbers(body)
        bottom = self.frame.bottom
        for k, lines in enumerate(self.words):
            for n, text in enumerate(lines):
                at = (middles[k], bottom + EDGE + (n + 0.8) * 1.25 * size)
                self.frame.text(at, text, size, anchor="middle", dim=True)
        return self.frame.drawing(self.it.title)

    def _body(self, body: _Body) -> None:
        o, kind = self.o, body.stage.ops[0].kind
        fill, edge = (FILLS[kind], EDGES[kind]) if o.by_kind else (o.tensor_colour, o.border_colour)
        border = {"stroke": edge, "stroke_width": o.border_width, "stroke_linejoin": "round"}
        more = {"fill": fill, "fill_opacity": o.opacity, **border, "class_": f"ca-k-{kind}" if o.by_kind else None}
        at, canvas = body.at, self.canvas
        self.frame.cover(body.x, body.y + body.into[1], body.long + body.into[0], body.high - body.into[1])
        with canvas.group(title=body.stage.tooltip, class_="ca-op", data_id=body.stage.op.id):
            hidden = {**border, "stroke_opacity": 0.4, "class_": "ca-frame"}
            for end in (at(0, 0, 1), at(0, 1, 0), at(1, 1, 1)):
                canvas.line(at(0, 1, 1), end, **hidden)
            canvas.polygon([at(0, 0, 0), at(1, 0, 0), at(1, 0, 1), at(0, 0, 1)], **more)
            canvas.polygon([at(0, 0, 0), at(1, 0, 0), at(1, 1, 0), at(0, 1, 0)], **more)
            side = [at(1, 0, 0), at(1, 0, 1), at(1, 1, 1), at(1, 1, 0)]
            faces = faces_of(self.it, body.stage.ops) if o.faces and body.maps is not None else ()
            if faces:
                x, y = at(1, 0, 0)
                grid = ",".join(num(value) for value in (*body.into, 0, body.high, x, y))
                canvas.image(0, 0, 1, 1, faces[0], transform=f"matrix({grid})", image_rendering="pixelated")
                canvas.polygon(side, fill="none", **border, class_="ca-frame")
            else:
                canvas.polygon(side, **more)

    def _between(self, a: _Body, b: _Body) -> None:
        """The window through all channels, and the pyramid that ends in its one value; all to all otherwise."""
        o, tip = self.o, b.at(0, 0.5, 0.5)
        if a.maps is None or b.maps is None or b.stage.kernel is None:
            high = min(a.high, b.high) / 2
            for cross in (-high, high):
                ends = [(one.at(share, 0.5, 0.5)[0], one.at(0, 0.5, 0.5)[1] + cross) for one, share in ((a, 1), (b, 0))]
                self.canvas.line(*ends, stroke=LINE, stroke_width=0.8, class_="ca-line")
            return
        high = max(LEAST / a.high, min(1.0, b.stage.kernel[0] / a.maps[1])) / 2
        deep = max(LEAST / a.high, min(1.0, b.stage.kernel[1] / a.maps[2])) / 2
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
                self.canvas.line(corner, tip, stroke=o.pyramid_colour, stroke_width=0.7, stroke_opacity=0.6)

    def _numbers(self, body: _Body) -> None:
        size = self.o.font_size
        channels, height, width = body.said
        left, right = body.at(0, 1, 0), body.at(1, 1, 0.5)
        if channels:
            self.frame.text((left[0] + body.long / 2, left[1] + size + 2), channels, size, anchor="middle")
        if height:
            low = max(left[1] - 2, 0.75 * size + 3)  # below the pyramid that ends here
            self.frame.text((left[0] - EDGE / 2, low), height, size, anchor="end")
        if width:
            self.frame.text((right[0] + EDGE / 2, right[1] + size * 0.8), width, size)
