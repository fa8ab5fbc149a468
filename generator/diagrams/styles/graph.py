"""The graph: every operation as a box, every tensor as a line, blocks as frames that open and close."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from generator.diagrams import graph_frames as outlines
from generator.diagrams import graph_parts as parts
from generator.diagrams.architecture import Architecture
from generator.diagrams.graph_lines import labels, lines, reach, shown_shapes
from generator.diagrams.layout import Box, Frame, Heads, Layout, Rect, Spacing, Wire, arrange, in_columns
from generator.diagrams.named import without_use
from generator.diagrams.options import number
from generator.diagrams.palette import DIM, INK
from generator.diagrams.shown import fitting, prepared, view
from generator.diagrams.styles import style
from generator.diagrams.svg import Canvas, Drawing, num, text_width
from generator.diagrams.words import begun, short

MARGIN = 14.0
HEAD, BELOW = 42.0, 14.0
"""Height of the title, and of the line below it that tells what is unused."""
UNUSED, LETTERS = 340.0, 200
"""Width of that line, at most, and its letters."""
LEARNED = 0.25
"""Weight of a parameter that joins the data: it stands beside the way of the image, never in it."""
FITS = 40
"""Boxes that a drawing on paper may have where no depth is asked for."""
PAGE = (17.5 / 2.54 * 96, 24 / 2.54 * 96)
"""What of a page of a paper a drawing may fill, in pixels."""
MOST = 8
"""Columns."""
LARGER = 1.1
"""How much larger the letters on a page get by a further column, at least, where it is not asked for."""


@style
@dataclass(frozen=True)
class Graph:
    """See the file's docstring."""

    depth: int = number(-1, "levels of blocks that stand open; -1: as many as leave at most 40 boxes", -1, 12, 1)
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
    columns: int = number(
        1,
        "columns side by side that a tall drawing is cut into (rows, where data flows to the right), fewer where no line runs alone; "
        "0: as many as make the letters largest on a page of a paper, 17.5 × 24 cm",
        0,
        MOST,
        1,
    )
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

    def without_use(self, it: Architecture) -> str:
        """What is wrong with the first block or repetition that an option names in vain; empty where there is none such."""
        if not (self.opened or self.shut or self.each):
            return ""
        whole = prepared(it, fuse=self.fuse, silent=self.silent)
        return without_use(whole, self._depth(whole), self.opened, self.shut, self.each, fold=self.fold)

    def _depth(self, whole: Architecture) -> int:
        return self.depth if self.depth >= 0 else fitting(whole, FITS, fold=self.fold)

    def linked(self, it: Architecture, pages: Mapping[str, str], *, live: bool = False) -> Drawing:
        """The same with links: op or block id -> address. A `live` drawing has handles for opening and no tooltips."""
        whole = prepared(it, fuse=self.fuse, silent=self.silent)
        seen = view(whole, self._depth(whole), self.opened, self.shut, fold=self.fold, each=self.each)
        canvas = Canvas()
        width, height = _paint(canvas, seen, it, self, pages, live)
        return canvas.drawing(width, height, title=it.title)


def _paint(
    canvas: Canvas, it: Architecture, whole: Architecture, how: Graph, pages: Mapping[str, str], live: bool
) -> tuple[float, float]:
    around = parts.around(it)
    made = [parts.look(op, around[k], how.names) for k, op in enumerate(it.ops)]
    down = how.direction == "down"
    frames = [outlines.frame(block, it) for block in it.blocks]
    shapes = shown_shapes(it, how.labels)
    laid = _fitted(_laid(made, shapes, it, frames, how), it, whole, how)
    head = _head_size(whole, how)[1]
    if how.title:
        _head(canvas, whole)
    with canvas.group(transform=f"translate({num(MARGIN)} {num(MARGIN + head)})"):
        for k, block in enumerate(it.blocks):
            outlines.draw_frame(canvas, block, laid.frames[k])
        for k, rest in laid.rests:
            outlines.draw_frame(canvas, it.blocks[k], rest)
        lines(canvas, laid, it, down)
        heads = Heads(laid.wires)
        for k, block in enumerate(it.blocks):
            outlines.draw_caption(canvas, block, frames[k], laid.frames[k], heads, pages, live)
        for k, rest in laid.rests:
            outlines.draw_caption(canvas, it.blocks[k], outlines.again(frames[k]), rest, heads, pages, live)
        for k, op in enumerate(it.ops):
            parts.draw(canvas, op, k, made[k], laid.boxes[k], how.colours == "kind", pages, live)
        labels(canvas, laid, it, shapes, down, heads)
    width, height = _size(laid, it, whole, how)
    if how.legend:
        parts.legend(canvas, it, MARGIN, MARGIN + head + laid.height + 16, width)
    return math.ceil(width + 2 * MARGIN), math.ceil(height + 2 * MARGIN)


def _size(laid: Layout, it: Architecture, whole: Architecture, how: Graph) -> tuple[float, float]:
    """Of all that is drawn, without its margins."""
    wide, high = _head_size(whole, how)
    width = max(laid.width, wide)
    under = parts.legend(Canvas(), it, 0, 0, width) if how.legend else 0.0
    return width, laid.height + high + under


def _fitted(layouts: Callable[[int], Layout], it: Architecture, whole: Architecture, how: Graph) -> Layout:
    """The layout in as many columns as are asked for, or as make the letters largest on a page."""
    if how.columns:
        return layouts(how.columns)
    best, found = 0.0, layouts(1)
    for count in range(1, MOST + 1):
        laid = found if count == 1 else layouts(count)
        width, height = (side + 2 * MARGIN for side in _size(laid, it, whole, how))
        share = min(1.0, PAGE[0] / width, PAGE[1] / height)
        if share > best * LARGER:
            best, found = share, laid
    return found


def _laid(
    made: list[parts.Look], shapes: list[str], it: Architecture, frames: list[outlines.FrameLook], how: Graph
) -> Callable[[int], Layout]:
    """The layout, by the number of columns."""
    place = {op.id: k for k, op in enumerate(it.ops)}
    edges = [(place[edge.source], place[edge.target]) for edge in it.edges]
    wide = [reach(words, op) for words, op in zip(shapes, it.ops, strict=True)]
    weights = [LEARNED if op.learned else 1 for op in it.ops]
    if how.direction == "down":
        boxes = [Box(a.width, a.height, far, w) for a, far, w in zip(made, wide, weights, strict=True)]
        rims = [
            Frame(b.start, b.stop, frame.width, words=frame.words) for b, frame in zip(it.blocks, frames, strict=True)
        ]
        tall = arrange(boxes, edges, rims, Spacing(gap=34 if any(shapes) else 26))
        return lambda count: in_columns(tall, boxes, count, [0.0] * len(boxes))
    boxes = [Box(look.height, look.width, 0, weight) for look, weight in zip(made, weights, strict=True)]
    rims = [Frame(b.start, b.stop, 0, frame.width) for b, frame in zip(it.blocks, frames, strict=True)]
    long = arrange(boxes, edges, rims, Spacing(gap=max(34, max([0.0, *wide]) + 9), side=16, head=0, before=18))
    return lambda count: _turned_layout(in_columns(long, boxes, count, wide, through=False))


def _turned_layout(laid: Layout) -> Layout:
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
    least = "at least " if any(op.uncounted for op in it.ops) else ""
    return f"{short(it.parameters)} parameters · {least}{short(it.macs)} MACs"


def _unused(it: Architecture) -> str:
    """How many modules and parameters nothing called, and which."""
    return begun(f"{len(it.unused)} unused: {', '.join(it.unused)}"[:LETTERS], 10, UNUSED) if it.unused else ""


def _head(canvas: Canvas, it: Architecture) -> None:
    canvas.text((MARGIN, MARGIN + 12), it.title, 14, font_weight="bold", fill=INK, class_="ca-ink")
    canvas.text((MARGIN, MARGIN + 27), _facts(it), 10, fill=DIM, class_="ca-dim")
    if it.unused:
        canvas.text((MARGIN, MARGIN + 27 + BELOW), _unused(it), 10, fill=DIM, class_="ca-dim")


def _head_size(it: Architecture, how: Graph) -> tuple[float, float]:
    """Width and height of what stands above the drawing."""
    if not how.title:
        return 0.0, 0.0
    wide = max(text_width(it.title, 14, bold=True), text_width(_facts(it), 10), text_width(_unused(it), 10))
    return wide, HEAD + BELOW if it.unused else HEAD
