"""The lines of a graph: wires with their arrowheads, and the shapes of their tensors beside them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from generator.diagrams.architecture import Architecture, Op, shape_words
from generator.diagrams.layout import Heads, Layout, Rect, Wire
from generator.diagrams.palette import DASHES, DIM, LINE
from generator.diagrams.svg import Canvas, num, text_width

LABEL, OFF = 9.0, 5.0
"""Size of a shape's text, and how far it stands from its line."""


def lines(canvas: Canvas, laid: Layout, it: Architecture, down: bool) -> None:
    """All wires: arcs beneath, then skips, then the trunk's and the branches'."""
    place = {op.id: k for k, op in enumerate(it.ops)}
    targets = [place[edge.target] for edge in it.edges]
    for kind in ("arc", "skip", "trunk"):
        for wire in laid.wires:
            if wire.kind != kind:
                continue
            dashed = all(it.edges[k].dashed for k in wire.edges)
            thin = kind == "arc"
            with canvas.group(
                class_=f"ca-wire ca-wire-{kind}",
                data_from=str(wire.source),
                data_to=" ".join(str(targets[k]) for k in wire.edges),
            ):
                canvas.path(
                    _d(wire),
                    fill="none",
                    stroke=LINE,
                    stroke_width=0.7 if thin else 1.4,
                    stroke_opacity=0.45 if thin else None,
                    stroke_dasharray=DASHES if dashed else None,
                )
                if wire.tip is not None:
                    x, y, way = wire.tip
                    angle = (
                        (math.pi / 2 if way == "along" else math.pi)
                        if down
                        else (0.0 if way == "along" else -math.pi / 2)
                    )
                    canvas.arrowhead((x, y), angle, 4 if thin else 7, fill=LINE, fill_opacity=0.6 if thin else None)


def _d(wire: Wire) -> str:
    return " ".join(f"{letter} {' '.join(num(number) for number in numbers)}" for letter, numbers in wire.path)


def shown_shapes(it: Architecture, which: str) -> list[str]:
    """The shape that stands below each op: where it is asked for, of what the op itself gives, whatever those that are not
    drawn make of it; else nothing."""
    found = []
    for op in it.ops:
        out, into = it.outputs_of[op.id], it.inputs_of[op.id]
        shape = (op.shape or out[0].shape) if out else ()
        same = which == "changes" and bool(into) and all(edge.shape == shape for edge in into)
        found.append("" if not shape or which == "none" or same else shape_words(shape))
    return found


def reach(words: str, op: Op) -> float:
    """How far to the right of its line a shape stands."""
    return OFF + _sheets(op) + text_width(words, LABEL) if words else 0.0


def labels(canvas: Canvas, laid: Layout, it: Architecture, shapes: Sequence[str], down: bool, heads: Heads) -> None:
    """The shapes, each beside the line out of its op, on a ground of their own where another line or a frame's rim is behind."""
    rims = (*laid.frames, *(rest for _, rest in laid.rests))
    for op, box, words in zip(it.ops, laid.boxes, shapes, strict=True):
        if not words:
            continue
        off = _sheets(op)
        if down:
            at = (box.x + box.width / 2 + OFF, box.y + box.height + 12 + off / 2)  # a skip may turn 18 below
        else:
            at = (box.x + box.width + OFF + off, box.y + box.height / 2 - 4)
        ground = Rect(at[0] - 1, at[1] - 8, text_width(words, LABEL), 10)
        if heads.through(ground, ground.height) or any(_cuts(rim, ground) for rim in rims):
            canvas.rect(ground.x, ground.y, ground.width, ground.height, fill="#ffffff", class_="ca-ground")
        canvas.text(at, words, LABEL, fill=DIM, class_="ca-dim")


def _cuts(rim: Rect, at: Rect) -> bool:
    """Whether a part of `at` is inside a frame, and another is not."""
    right, low, out, below = at.x + at.width, at.y + at.height, rim.x + rim.width, rim.y + rim.height
    if right <= rim.x or at.x >= out or low <= rim.y or at.y >= below:
        return False
    return at.x < rim.x or right > out or at.y < rim.y or low > below


def _sheets(op: Op) -> float:
    """Room for the sheets behind a closed block."""
    return 4.0 if op.kind == "block" else 0.0
