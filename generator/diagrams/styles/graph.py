"""The graph: every operation as a box, every tensor as a line, blocks as frames that open and close."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from generator.diagrams import graph_frames as outlines
from generator.diagrams import graph_parts as parts
from generator.diagrams.architecture import Architecture
from generator.diagrams.graph_lines import labels, lines, reach, shown_shapes
from generator.diagrams.layout import Box, Frame, Layout, Rect, Spacing, Wire, arrange
from generator.diagrams.palette import DIM, INK
from generator.diagrams.shown import fitting, prepared, view
from generator.diagrams.styles import style
from generator.diagrams.svg import Canvas, Drawing, num, text_width
from generator.diagrams.words import short

MARGIN = 14.0
LEARNED = 0.25
"""Weight of a parameter that joins the data: it stands beside the way of the image, never in it."""
FITS = 40
"""Boxes that a drawing on paper may have where no depth is asked for."""


@style
@dataclass(frozen=True)
class Graph:
    """See the file's docstring."""

    depth: int = field(
        default=-1, metadata={"doc": "levels of blocks that stand open; -1: as many as leave at most 40 boxes"}
    )
    opened: tuple[str, ...] = field(default=(), metadata={"doc": "names of further blocks that stand open"})
    shut: tuple[str, ...] = field(default=(), metadata={"doc": "names of blocks that stand closed all the same"})
    fold: bool = field(
        default=True,
        metadata={"doc": "draw what repeats one behind the other once, with how many there are"},
    )
    each: tuple[str, ...] = field(
        default=(),
        metadata={"doc": "names of repetitions that are drawn one by one all the same: of the first in each"},
    )
    fuse: bool = field(
        default=True,
        metadata={
            "doc": "draw a convolution and the normalisation and activation that alone read it as one box of bands"
        },
    )
    silent: bool = field(default=False, metadata={"doc": "draw operations too that only reshape or hand on"})
    direction: Literal["down", "right"] = field(default="down", metadata={"doc": "whither the data flows"})
    labels: Literal["changes", "all", "none"] = field(
        default="changes", metadata={"doc": "which lines say the shape of their tensor: where it changes, all, or none"}
    )
    colours: Literal["kind", "plain"] = field(
        default="kind", metadata={"doc": "a colour for each kind of operation, or white boxes"}
    )
    names: bool = field(default=True, metadata={"doc": "write the modules' names into the boxes"})
    legend: bool = field(default=True, metadata={"doc": "say what the colours mean"})
    title: bool = field(default=True, metadata={"doc": "write name, parameters and MACs above the drawing"})

    def draw(self, it: Architecture) -> Drawing:
        """The whole architecture."""
        return self.linked(it, {})

    def linked(self, it: Architecture, pages: Mapping[str, str], *, live: bool = False) -> Drawing:
        """The same with links: op or block id -> address. A `live` drawing has handles for opening and no tooltips."""
        whole = prepared(it, fuse=self.fuse, silent=self.silent)
        depth = self.depth if self.depth >= 0 else fitting(whole, FITS, fold=self.fold)
        seen = view(whole, depth, self.opened, self.shut, fold=self.fold, each=self.each)
        canvas = Canvas()
        width, height = _paint(canvas, seen, it, self, pages, live)
        return canvas.drawing(width, height, title=it.title)


def _paint(
    canvas: Canvas, it: Architecture, whole: Architecture, how: Graph, pages: Mapping[str, str], live: bool
) -> tuple[float, float]:
    around = parts.around(it)
    made = [parts.look(op, around[k], how.names) for k, op in enumerate(it.ops)]
    down = how.direction == "down"
    place = {op.id: k for k, op in enumerate(it.ops)}
    edges = [(place[edge.source], place[edge.target]) for edge in it.edges]
    frames = [outlines.frame(block, it) for block in it.blocks]
    shapes = shown_shapes(it, how.labels)
    laid = _laid(made, shapes, edges, it, frames, down)
    head = _head(canvas, whole) if how.title else 0.0
    with canvas.group(transform=f"translate({num(MARGIN)} {num(MARGIN + head)})"):
        for k, block in enumerate(it.blocks):
            outlines.draw_frame(canvas, block, laid.frames[k])
        lines(canvas, laid, it, down)
        for k, block in enumerate(it.blocks):
            outlines.draw_caption(canvas, block, frames[k], laid.frames[k], pages, live)
        for k, op in enumerate(it.ops):
            parts.draw(canvas, op, k, made[k], laid.boxes[k], how.colours == "kind", pages, live)
        labels(canvas, laid, it, shapes, down)
    width = max(laid.width, _head_width(whole) if how.title else 0.0)
    under = parts.legend(canvas, it, MARGIN, MARGIN + head + laid.height + 16, width) if how.legend else 0.0
    return math.ceil(width + 2 * MARGIN), math.ceil(laid.height + head + under + 2 * MARGIN)


def _laid(
    made: list[parts.Look],
    shapes: list[str],
    edges: list[tuple[int, int]],
    it: Architecture,
    frames: list[outlines.FrameLook],
    down: bool,
) -> Layout:
    said = any(shapes)
    wide = [reach(words, op) for words, op in zip(shapes, it.ops, strict=True)]
    weights = [LEARNED if op.learned else 1 for op in it.ops]
    if down:
        boxes = [Box(a.width, a.height, far, w) for a, far, w in zip(made, wide, weights, strict=True)]
        rims = [Frame(b.start, b.stop, frame.width) for b, frame in zip(it.blocks, frames, strict=True)]
        return arrange(boxes, edges, rims, Spacing(gap=34 if said else 26))
    boxes = [Box(look.height, look.width, 0, weight) for look, weight in zip(made, weights, strict=True)]
    rims = [Frame(b.start, b.stop, 0, frame.width) for b, frame in zip(it.blocks, frames, strict=True)]
    laid = arrange(boxes, edges, rims, Spacing(gap=max(34, max([0.0, *wide]) + 9), side=16, head=0, before=18))
    return Layout(
        tuple(_turned(box) for box in laid.boxes),
        tuple(_turned(rim) for rim in laid.frames),
        tuple(_turned_wire(wire) for wire in laid.wires),
        laid.height,
        laid.width,
    )


def _turned(box: Rect) -> Rect:
    return Rect(box.y, box.x, box.height, box.width)


def _turned_wire(wire: Wire) -> Wire:
    path = tuple((letter, tuple(numbers[k ^ 1] for k in range(len(numbers)))) for letter, numbers in wire.path)
    tip = None if wire.tip is None else (wire.tip[1], wire.tip[0], wire.tip[2])
    return Wire(wire.source, wire.edges, path, tip, wire.kind, (wire.start[1], wire.start[0]))


def _facts(it: Architecture) -> str:
    return f"{short(it.parameters)} parameters · {short(it.macs)} MACs"


def _head(canvas: Canvas, it: Architecture) -> float:
    canvas.text((MARGIN, MARGIN + 12), it.title, 14, font_weight="bold", fill=INK, class_="ca-ink")
    canvas.text((MARGIN, MARGIN + 27), _facts(it), 10, fill=DIM, class_="ca-dim")
    return 42.0


def _head_width(it: Architecture) -> float:
    return max(text_width(it.title, 14, bold=True), text_width(_facts(it), 10))
