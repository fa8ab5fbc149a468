"""LeNet: stacks of maps with a window and its lines to the next stack, dense layers as parallelograms.

After the figure of LeCun et al. (1998), as NN-SVG draws it. Sides grow with the maps' sides on the chosen scale; a stack
has as many sheets as there are maps where they are few, else a number that grows with theirs. Real maps may lie on them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Literal

from generator.diagrams import row_options as row
from generator.diagrams import skips
from generator.diagrams.architecture import Architecture
from generator.diagrams.extras import faces_of
from generator.diagrams.frame import EDGE, Frame, nothing
from generator.diagrams.options import choice, colour, flag, number
from generator.diagrams.palette import DASHES, EDGES, FILLS, INK, LINE
from generator.diagrams.row import printed, spread
from generator.diagrams.scale import grown, sized
from generator.diagrams.stages import Stage, label, maps, stages, tokens, tops
from generator.diagrams.styles import style
from generator.diagrams.svg import Drawing, Point, text_width

THIN = 9.0
"""Thickness of a dense layer."""
LEAN = 0.3
"""How far a dense layer's far end is shifted, by its length."""
LEAST = 4.0
MOST = 90.0
"""Pixels of the largest map's side, where it is not asked for."""


@style
@dataclass(frozen=True)
class LeNet:
    """Stacks of maps."""

    direction: Literal["right", "down"] = row.direction()
    depth: int = row.depth()
    tensors: int = row.tensors()
    spacing: float = row.spacing(12.0)
    scale: Literal["log", "sqrt", "linear"] = row.scale()
    size: float = row.size(MOST)
    channel_scale: Literal["log", "sqrt", "linear"] = choice(
        "log", "how the sheets of a stack grow with the number of its maps"
    )
    sheets: int = number(8, "sheets of the thickest stack", 1, 40, 1)
    offset: float = number(3.5, "pixels by which a sheet lies off the one behind it", 1, 20, 0.5)
    dense_length: float = row.dense_length(80.0)
    faces: bool = flag(True, "real maps on the sheets, where they are known")
    kernels: bool = flag(True, "the window of each operation, and its lines to the next stack")
    skips: bool = row.skips()
    labels: bool = flag(True, "sizes beside the stacks")
    names: bool = row.names()
    font_size: float = row.font_size()
    colours: Literal["kind", "two"] = choice("kind", "sheets by the kind of operation, or two colours by turns")
    first_colour: str = colour("#e4e7ee", "of the odd sheets, with two colours", colours="two")
    second_colour: str = colour("#bcc4d4", "of the even sheets, with two colours", colours="two")
    border_colour: str = colour("#12151c", "of the sheets' borders, with two colours", colours="two")
    border_width: float = number(0.8, "pixels of the borders", 0, 4, 0.1)
    opacity: float = number(0.9, "of the sheets", 0.1, 1, 0.05)

    def draw(self, it: Architecture) -> Drawing:
        """The main path of the network in stacks."""
        found = stages(it, self.tensors, self.depth)
        if not found:
            return nothing(it.title, "No operation is known.", self.font_size)
        return printed(
            self.size, MOST, self.font_size, lambda size: _Picture(replace(self, size=size), it, found).drawing()
        )


class _Body:
    """One stack or parallelogram: its size and, once placed, where it lies."""

    def __init__(self, options: LeNet, stage: Stage, top: tuple[int, int, int]) -> None:
        self.stage, self.offset = stage, options.offset
        self.down = options.direction == "down"
        self.maps = maps(stage.op.shape)
        self.x = self.y = 0.0
        if self.maps is None:
            length = sized(
                max(stage.op.shape, default=1), top[2], options.channel_scale, options.dense_length, 2 * LEAST
            )
            self.sheets, behind = 1, LEAN * length
            self.sheet = (length, THIN) if self.down else (THIN, length)
            self.width, self.height = self.sheet[0] + behind * (not self.down), self.sheet[1] + behind * self.down
            return
        channels, height, width = self.maps
        largest = (
            max(height, width) if tokens(stage.op.shape) else top[0]
        )  # as long as the largest map, and in proportion
        self.sheets = _sheets(channels, top[1], options)
        self.sheet = (
            sized(width, largest, options.scale, options.size, LEAST),
            sized(height, largest, options.scale, options.size, LEAST),
        )
        behind = (self.sheets - 1) * options.offset
        self.width, self.height = self.sheet[0] + behind, self.sheet[1] + behind

    @property
    def front(self) -> Point:
        """The upper left corner of the sheet in front."""
        return (self.x + self.width - self.sheet[0], self.y + self.height - self.sheet[1])

    @property
    def along(self) -> tuple[float, float]:
        """Where it begins and how long it is, in the direction of the network."""
        return (self.y, self.height) if self.down else (self.x, self.width)

    @property
    def across(self) -> tuple[float, float]:
        """The same, across it."""
        return (self.x, self.width) if self.down else (self.y, self.height)

    def ends(self, cross: float) -> tuple[float, float]:
        """Where its near and its far edge are, `cross` off the middle: a dense layer leans, a stack has steps."""
        start, length = self.along
        first, wide = self.across
        if self.maps is None:
            near = start + LEAN * (cross - first)
            return near, near + THIN
        steps = (self.sheets - 1) * self.offset
        sheet = wide - steps
        near = start + self.offset * math.ceil(max(0.0, cross - first - sheet) / self.offset)
        far = start + length - self.offset * math.ceil(max(0.0, first + steps - cross) / self.offset)
        return near, far


def _sheets(channels: int, top: int, options: LeNet) -> int:
    if top <= options.sheets or channels <= 1:
        return max(1, min(channels, options.sheets))
    wanted = options.sheets * grown(channels, options.channel_scale) / grown(top, options.channel_scale)
    return max(1, min(channels, options.sheets, max(3, math.floor(wanted + 0.5))))


class _Picture:
    def __init__(self, options: LeNet, it: Architecture, row: tuple[Stage, ...]) -> None:
        self.o, self.it, self.frame = options, it, Frame()
        self.canvas = self.frame.canvas
        top = tops(row)
        self.bodies = [_Body(options, stage, top) for stage in row]
        self.texts = [label(stage.op.shape) if options.labels else "" for stage in row]
        self.words = [stage.words if options.names else () for stage in row]
        self.line = options.font_size * 1.25
        self.down = options.direction == "down"

    def drawing(self) -> Drawing:
        """All of it, framed."""
        middles = self._place()
        for body in self.bodies:
            self._body(body)
        for before, after in pairwise(self.bodies):
            if self.o.kernels:
                self._between(before, after)
        if self.o.skips:
            self._skips()
        self._texts(middles)
        return self.frame.drawing(self.it.title)

    def _wide(self, text: str) -> float:
        return text_width(text, self.o.font_size) if text else 0.0

    def _label_wide(self, k: int) -> float:
        """Of a label that stands over its body's middle, or as much of one over a dense layer's far end."""
        body = self.bodies[k]
        beside = body.width - THIN if body.maps is None and self.texts[k] else 0.0
        return self._wide(self.texts[k]) + beside

    def _place(self) -> list[float]:
        count = range(len(self.bodies))
        if self.down:
            labels = [self.line if text else 0.0 for text in self.texts]
            words = [len(lines) * self.line for lines in self.words]
        else:
            labels = [self._label_wide(k) for k in count]
            words = [max(map(self._wide, lines), default=0.0) for lines in self.words]
        starts, middles = spread([body.along[1] for body in self.bodies], labels, words, self.o.spacing)
        for body, start in zip(self.bodies, starts, strict=True):
            across = -body.across[1] / 2
            body.x, body.y = (across, start) if self.down else (start, across)
        return middles

    def _body(self, body: _Body) -> None:
        o, kind = self.o, body.stage.ops[0].kind
        two = o.colours == "two"
        faced = o.faces and body.maps is not None and not tokens(body.stage.op.shape)
        pictures = faces_of(self.it, body.stage.ops) if faced else ()
        border: dict[str, Any] = {"stroke": o.border_colour if two else EDGES[kind], "stroke_width": o.border_width}
        name = None if two else f"ca-k-{kind}"
        self.frame.cover(body.x, body.y, body.width, body.height)
        with self.canvas.group(title=body.stage.tooltip, class_="ca-op", data_id=body.stage.op.id):
            for k in range(body.sheets):
                fill = (o.first_colour if k % 2 == 0 else o.second_colour) if two else FILLS[kind]
                filled: dict[str, Any] = {"fill": fill, "fill_opacity": o.opacity, **border, "class_": name}
                x, y = body.x + k * o.offset, body.y + k * o.offset
                picture = body.sheets - 1 - k  # the first picture in front
                if body.maps is None:
                    self.canvas.polygon(_corners(body), **filled)
                elif picture < len(pictures):
                    self.canvas.image(x, y, *body.sheet, pictures[picture], image_rendering="pixelated")
                    self.canvas.rect(x, y, *body.sheet, fill="none", **border, class_="ca-frame")
                else:
                    self.canvas.rect(x, y, *body.sheet, **filled)

    def _between(self, a: _Body, b: _Body) -> None:
        """How one becomes the next: a window and two lines to where its value lies, or lines that say all to all."""
        dashes = DASHES if b.stage.dashed else None
        thin: dict[str, Any] = {"stroke": LINE, "stroke_width": 0.8, "stroke_dasharray": dashes, "class_": "ca-line"}
        if a.maps is None or b.maps is None or b.stage.kernel is None:
            reach = min(a.across[1], b.across[1]) / 2
            for cross in (-reach, reach):
                far, near = a.ends(cross)[1], b.ends(cross)[0]
                ends = ((cross, far), (cross, near)) if self.down else ((far, cross), (near, cross))
                self.canvas.line(*ends, **thin)
            return
        (x, y), (wide, high) = a.front, a.sheet
        w = max(LEAST, min(wide, b.stage.kernel[1] / a.maps[2] * wide))
        h = max(LEAST, min(high, b.stage.kernel[0] / a.maps[1] * high))
        left, upper = x + 0.68 * (wide - w), y + 0.68 * (high - h)
        tip = (b.front[0] + 0.32 * b.sheet[0], b.front[1] + 0.5 * b.sheet[1])
        corners = (
            ((left, upper + h), (left + w, upper + h)) if self.down else ((left + w, upper), (left + w, upper + h))
        )
        for corner in corners:
            self.canvas.line(corner, tip, **thin)
        self.canvas.rect(left, upper, w, h, fill="#ffffff", fill_opacity=0.55, stroke=INK, stroke_width=0.8)

    def _skips(self) -> None:
        spans = [(k, stop) for stop, body in enumerate(self.bodies) for k in body.stage.skips]
        places = []
        for body, text in zip(self.bodies, self.texts, strict=True):
            (start, long), (first, wide) = body.along, body.across
            beyond = EDGE + (self._wide(text) if self.down else self.o.font_size) if text else 0.0
            places.append(skips.Place(start + long / 2, (first + wide if self.down else -first) + beyond))
        dashed = [body.stage.dashed for body in self.bodies]
        skips.draw(self.frame, spans, places, dashed, down=self.down)

    def _texts(self, middles: list[float]) -> None:
        left, bottom, size = self.frame.left, self.frame.bottom, self.o.font_size
        for k, body in enumerate(self.bodies):
            middle = THIN / 2 if body.maps is None else body.width / 2
            if self.texts[k] and self.down:
                self.frame.text(
                    (body.x + body.width + EDGE, body.y + body.height / 2 + 0.35 * size), self.texts[k], size
                )
            elif self.texts[k]:
                self.frame.text((body.x + middle, body.y - EDGE), self.texts[k], size, anchor="middle")
            high = len(self.words[k]) * self.line
            for n, text in enumerate(self.words[k]):
                line = (n + 0.8) * self.line
                if self.down:
                    self.frame.text((left - EDGE, middles[k] - high / 2 + line), text, size, anchor="end", dim=True)
                else:
                    self.frame.text((middles[k], bottom + EDGE + line), text, size, anchor="middle", dim=True)


def _corners(body: _Body) -> list[Point]:
    start, length = body.along[0], body.across[1]
    flat = [(0.0, 0.0), (THIN, 0.0), (THIN + LEAN * length, length), (LEAN * length, length)]
    return [(body.x + b, start + a) if body.down else (start + a, body.y + b) for a, b in flat]
