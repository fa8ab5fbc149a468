"""Fully connected: dense layers as columns of circles, and a line for every weight.

Lines have the weight's sign as their colour and its size as their width, where weights are known; of a wide layer the strongest
units are drawn and the rest is three dots. Of a network of convolutions it is the classifier at its end.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

from generator.diagrams.architecture import Architecture
from generator.diagrams.dense import Columns, columns
from generator.diagrams.extras import Dense, dense_of
from generator.diagrams.frame import EDGE, Frame, nothing
from generator.diagrams.options import choice, colour, flag, number
from generator.diagrams.palette import DASHES
from generator.diagrams.row import spread
from generator.diagrams.styles import style
from generator.diagrams.svg import Drawing, Point, num, text_width

RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
NONE = "This network has no fully connected layer."
FAINT = 0.08
"""The least of an edge's width and opacity that is drawn, of the most."""


@style
@dataclass(frozen=True)
class FCNN:
    """Columns of circles."""

    reads_weights: ClassVar = True
    """Whoever has the model may give its weights with the architecture (`with_weights`)."""

    direction: Literal["right", "down"] = choice("right", "where the network leads to")
    units: int = number(12, "units of a column, where it has more the strongest are drawn", 2, 32, 1)
    layer_spacing: float = number(150.0, "pixels between the middles of two columns", 40, 400, 10)
    node_spacing: float = number(7.0, "pixels between two circles", 0, 60, 1)
    node_size: float = number(16.0, "pixels of a circle", 4, 60, 1)
    node_colour: str = colour("#ffffff", "of the circles")
    node_border: str = colour("#12151c", "of their borders")
    border_width: float = number(1.0, "pixels of the borders", 0, 4, 0.1)
    bias: bool = flag(False, "a circle for the bias in front of each layer")
    bezier: bool = flag(False, "edges as curves")
    arrows: bool = flag(False, "arrowheads at the edges' ends")
    colour_by_weight: bool = flag(True, "edges coloured by the weight's sign, where it is known")
    width_by_weight: bool = flag(True, "edges as wide as the weight is large, where it is known")
    opacity_by_weight: bool = flag(True, "edges as opaque as the weight is large, where it is known")
    edge_width: float = number(1.6, "pixels of the widest edge", 0.1, 8, 0.1)
    edge_opacity: float = number(0.8, "of the most opaque edge", 0.05, 1, 0.05)
    edge_colour: str = colour("#8a91a3", "of edges whose weight is not known")
    positive_colour: str = colour("#b4442a", "of edges with a weight above zero", colour_by_weight=True)
    negative_colour: str = colour("#2f62b3", "of edges with a weight below zero", colour_by_weight=True)
    labels: bool = flag(True, "what each column is and how many units it has")
    names: bool = flag(False, "the layers' own names")
    font_size: float = number(13.0, "pixels of the letters", 6, 30, 1)

    def refuses(self, it: Architecture) -> str:
        """Why there is nothing to draw; empty where there is."""
        return "" if columns(it).ops else NONE

    def draw(self, it: Architecture) -> Drawing:
        """The dense layers at the network's end."""
        found = columns(it)
        if not found.ops:
            return nothing(it.title, NONE, self.font_size)
        return _Picture(self, it, found).drawing()


@dataclass(frozen=True)
class _Column:
    units: tuple[int, ...]
    """Those drawn, in order; their own numbers."""
    slots: tuple[int, ...]
    """The place of each in its column, of `length` places."""
    length: int
    dots: int | None
    """The place of the three dots."""


class _Picture:
    def __init__(self, options: FCNN, it: Architecture, found: Columns) -> None:
        self.o, self.it, self.found, self.frame = options, it, found, Frame()
        self.canvas = self.frame.canvas
        self.down = options.direction == "down"
        self.dense = [dense_of(it, op) for op in found.ops]
        self.columns = [_column(size, self._order(k, size), options.units) for k, size in enumerate(found.sizes)]
        self.along: list[float] = []

    def _order(self, k: int, size: int) -> tuple[int, ...]:
        """The units of column `k`, the strongest first where weights are known."""
        if k < len(self.dense) and (after := self.dense[k]) is not None:
            return after.inputs
        if k > 0 and (before := self.dense[k - 1]) is not None:
            return before.outputs
        return tuple(range(size))

    def drawing(self) -> Drawing:
        """All of it, framed."""
        size, texts = self.o.node_size, [self._texts(k) for k in range(len(self.columns))]
        line = self.o.font_size * 1.3
        wide = [max((text_width(text, self.o.font_size) for text in lines), default=0.0) for lines in texts]
        lengths = [len(lines) * line for lines in texts] if self.down else wide
        starts, _ = spread([size] * len(texts), lengths, [0.0] * len(texts), self.o.layer_spacing - size)
        self.along = [start + size / 2 for start in starts]
        for k in range(len(self.found.ops)):
            self._edges(k)
        for k in range(len(self.columns)):
            self._nodes(k)
        left, bottom = self.frame.left, self.frame.bottom
        for k, lines in enumerate(texts):
            for n, text in enumerate(lines):
                if self.down:
                    at = (left - 2 * EDGE, self.along[k] + (n + 0.8 - len(lines) / 2) * line)
                    self.frame.text(at, text, self.o.font_size, anchor="end", dim=n > 0)
                else:
                    at = (self.along[k], bottom + EDGE + (n + 0.8) * line)
                    self.frame.text(at, text, self.o.font_size, anchor="middle", dim=n > 0)
        return self.frame.drawing(self.it.title)

    def _texts(self, k: int) -> list[str]:
        last = len(self.columns) - 1
        found = []
        if self.o.labels:
            what = "Input layer" if k == 0 else "Output layer" if k == last else "Hidden layer"
            found += [what, f"∈ ℝ{str(self.found.sizes[k]).translate(RAISED)}"]
        if self.o.names and k > 0:
            found.append(self.found.ops[k - 1].path or self.found.ops[k - 1].id)
        return found

    def _at(self, k: int, slot: int) -> Point:
        """The middle of a place of column `k`; place -1 is the bias's, before the first."""
        across = (slot - (self.columns[k].length - 1) / 2) * (self.o.node_size + self.o.node_spacing)
        return (across, self.along[k]) if self.down else (self.along[k], across)

    def _edges(self, k: int) -> None:
        before, after, dense = self.columns[k], self.columns[k + 1], self.dense[k]
        weights = _weights(dense, before.units, after.units)
        biases = _biases(dense, after.units)
        top = max((abs(value) for row in weights for value in row), default=0.0)
        top = max([top, *(abs(value) for value in biases if self.o.bias)])
        with self.canvas.group(class_="ca-edges"):
            for row, slot in enumerate(after.slots):
                for column, start in enumerate(before.slots):
                    self._edge(k, start, slot, weights[row][column] if weights else None, top)
                if self.o.bias:
                    self._edge(k, -1, slot, biases[row] if biases else None, top)

    def _edge(self, k: int, start: int, slot: int, weight: float | None, top: float) -> None:
        o, radius = self.o, self.o.node_size / 2
        share = 1.0 if weight is None or top == 0 else max(FAINT, abs(weight) / top)
        signed = o.negative_colour if (weight or 0) < 0 else o.positive_colour
        tint = o.edge_colour if weight is None or not o.colour_by_weight else signed
        width = o.edge_width * (share if o.width_by_weight else 1.0)
        if weight is None:
            width = min(width, 0.6)  # all alike: a net of full width would be black
        more = {
            "stroke": tint,
            "stroke_width": width,
            "stroke_opacity": o.edge_opacity * (share if o.opacity_by_weight else 1.0),
            "stroke_dasharray": DASHES if self.found.dashed[k] else None,
        }
        name = "ca-line" if tint == o.edge_colour else None
        a, b = self._at(k, start), self._at(k + 1, slot)
        if self.down:
            a, b = (a[0], a[1] + radius), (b[0], b[1] - radius)
            bend = ((a[0], (a[1] + b[1]) / 2), (b[0], (a[1] + b[1]) / 2))
        else:
            a, b = (a[0] + radius, a[1]), (b[0] - radius, b[1])
            bend = (((a[0] + b[0]) / 2, a[1]), ((a[0] + b[0]) / 2, b[1]))
        if o.bezier:
            corners = " ".join(f"{num(x)},{num(y)}" for x, y in (*bend, b))
            self.canvas.path(f"M{num(a[0])},{num(a[1])} C{corners}", fill="none", **more, class_=name)
        else:
            self.canvas.line(a, b, **more, class_=name)
        if o.arrows:
            self.canvas.arrowhead(
                b, _angle(a, b, o.bezier, self.down), 5.0, fill=tint, fill_opacity=more["stroke_opacity"]
            )

    def _nodes(self, k: int) -> None:
        o, column = self.o, self.columns[k]
        radius = o.node_size / 2
        border = {"fill": o.node_colour, "stroke": o.node_border, "stroke_width": o.border_width, "class_": "ca-node"}
        for unit, slot in zip(column.units, column.slots, strict=True):
            at = self._at(k, slot)
            self.frame.cover(at[0] - radius, at[1] - radius, o.node_size, o.node_size)
            with self.canvas.group(title=f"unit {unit}"):
                self.canvas.circle(at, radius, **border)
        if column.dots is not None:
            x, y = self._at(k, column.dots)
            for step in (-1, 0, 1):
                shift = step * o.node_size * 0.4
                at = (x + shift, y) if self.down else (x, y + shift)
                self.canvas.circle(at, max(1.0, o.node_size * 0.08), fill=o.node_border, class_="ca-dots")
        if o.bias and k < len(self.found.ops):
            x, y = self._at(k, -1)
            self.frame.cover(x - radius, y - radius, o.node_size, o.node_size)
            with self.canvas.group(title="bias"):
                self.canvas.circle((x, y), radius, **{**border, "fill": "#e9ecf3"})
                at = (x, y + o.node_size * 0.25)
                self.canvas.text(at, "1", o.node_size * 0.7, text_anchor="middle", fill="#12151c")


def _column(size: int, order: tuple[int, ...], most: int) -> _Column:
    units = tuple(sorted(order[:most]))
    if len(units) == size:
        return _Column(units, tuple(range(size)), size, None)
    upper = (len(units) + 1) // 2
    slots = tuple(k if k < upper else k + 1 for k in range(len(units)))
    return _Column(units, slots, len(units) + 1, upper)


def _weights(dense: Dense | None, before: tuple[int, ...], after: tuple[int, ...]) -> list[list[float]]:
    """A row for each unit of `after`; empty where they are not known."""
    if dense is None:
        return []
    column = {unit: k for k, unit in enumerate(dense.inputs)}
    row = {unit: k for k, unit in enumerate(dense.outputs)}
    return [[dense.weights[row[to]][column[one]] for one in before] for to in after]


def _biases(dense: Dense | None, after: tuple[int, ...]) -> list[float]:
    if dense is None or not dense.bias:
        return []
    row = {unit: k for k, unit in enumerate(dense.outputs)}
    return [dense.bias[row[unit]] for unit in after]


def _angle(a: Point, b: Point, bezier: bool, down: bool) -> float:
    """The direction in which an edge arrives."""
    if bezier:
        return math.pi / 2 if down else 0.0
    return math.atan2(b[1] - a[1], b[0] - a[0])
