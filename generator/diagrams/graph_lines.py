"""The lines of a graph: wires with their arrowheads, and the shapes of their tensors beside them."""

from __future__ import annotations

import math

from generator.diagrams.architecture import Architecture, shape_words
from generator.diagrams.layout import Layout, Wire
from generator.diagrams.palette import DIM, LINE
from generator.diagrams.svg import Canvas, num, text_width

LABEL = 9.0
"""Size of a shape's text."""


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
                    stroke_dasharray="4 3" if dashed else None,
                )
                if wire.tip is not None:
                    x, y, way = wire.tip
                    angle = (math.pi / 2 if way == "along" else math.pi) if down else (0.0 if way == "along" else -math.pi / 2)
                    canvas.arrowhead((x, y), angle, 4 if thin else 7, fill=LINE, fill_opacity=0.6 if thin else None)


def _d(wire: Wire) -> str:
    return " ".join(f"{letter} {' '.join(num(number) for number in numbers)}" for letter, numbers in wire.path)


def labels(canvas: Canvas, laid: Layout, it: Architecture, which: str, down: bool) -> None:
    """A shape beside the first line out of each op, where it is asked for."""
    done: set[int] = set()
    for wire in laid.wires:
        op = it.ops[wire.source]
        box = laid.boxes[wire.source]
        at_box = wire.start[1] == box.y + box.height if down else wire.start[0] == box.x + box.width
        if wire.kind != "trunk" or wire.source in done or not at_box:
            continue
        done.add(wire.source)
        shape = it.edges[wire.edges[0]].shape
        into = it.inputs_of[op.id]
        if not shape or which == "none" or (which == "changes" and into and all(edge.shape == shape for edge in into)):
            continue
        words = shape_words(shape)
        x, y = wire.start
        off = 4 if op.kind == "block" else 0  # the sheets behind a closed block
        at = (x + 5, y + 12 + off) if down else (x + 5 + off, y - 4)
        wide = text_width(words, LABEL)
        canvas.rect(at[0] - 1, at[1] - 8, wide, 10, fill="#ffffff", fill_opacity=0.85, class_="ca-ground")
        canvas.text(at, words, LABEL, fill=DIM, class_="ca-dim")
