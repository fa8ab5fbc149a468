"""The parts of a graph: boxes with their bands, and the legend."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from generator.diagrams.architecture import Architecture, Op, OpKind, shape_words
from generator.diagrams.graph_frames import MOST, NAME, draw_pill, handle, named, pill
from generator.diagrams.layout import Rect
from generator.diagrams.palette import DIM, EDGES, FILLS, INK, SHARED, tint
from generator.diagrams.shown import count
from generator.diagrams.svg import Canvas, Point, num, text_width
from generator.diagrams.words import about, fitted, function, headed, short, symbol, title

TITLE, BAND = 11.0, 9.0
"""Sizes of text."""
NARROW = 1.08
"""How much wider yet a title of narrow letters (i, l, t) is in bold DejaVu Sans: it must not run under the sign beside it."""
LINE_MOST = 200.0
"""Width from which on a title goes on in a second line."""
LEADING = 13.0
"""From one line of a title to the next."""
STRIPES = 80
"""Ops of a closed block that are shown as stripes."""
KINDS: Mapping[OpKind, str] = {
    "conv": "convolution",
    "norm": "normalisation",
    "act": "activation",
    "pool": "pooling",
    "linear": "linear",
    "attention": "attention",
    "merge": "merge",
    "softmax": "softmax",
    "resample": "resampling",
    "reshape": "reshaping",
    "copy": "copy",
    "block": "block, closed",
    "other": "other",
}


@dataclass(frozen=True)
class Look:
    """What a box says, and its size."""

    title: tuple[str, ...]
    """In lines."""
    name: str
    """Under the title; nothing where there is none."""
    bands: tuple[Op, ...]
    """What is fused below the first op."""
    sign: str
    """Drawn as a circle with this in it, where it is not empty."""
    width: float
    height: float


def around(it: Architecture) -> list[str]:
    """The path of the innermost open block around each op."""
    found = [""] * len(it.ops)
    for block in it.blocks:
        if not block.run:
            for k in range(block.start, block.stop):
                found[k] = block.path or block.id
    return found


def look(op: Op, inside: str, names: bool) -> Look:
    """How an op is drawn that stands in the block `inside`."""
    if op.missing:
        head = f"{fitted(op.id, TITLE, MOST)} ?"
        return Look((head,), "", (), "", text_width(head, TITLE, bold=True) + 28, 24)
    if op.kind in ("input", "output"):
        words = shape_words(op.shape) if op.shape else ""
        head = fitted(op.id.rpartition(".")[2], TITLE, MOST) if op.learned else op.kind
        wide = max(text_width(head, TITLE, bold=True), text_width(words, NAME)) + 28
        return Look((head,), words, (), "", wide, 34 if words else 24)
    if op.times == 1 and (sign := symbol(op)):
        return Look((title(op),), "", (), sign, 22, 22)
    beside = 2 * (pill(op.times) + 4) if op.times > 1 else 0.0
    if op.kind == "block":
        head = fitted(named(op, inside), TITLE, MOST - 40)
        n = count(op)
        said = f"{n} {'op' if n == 1 else 'ops'}, {short(op.parameters)}" if op.parameters else f"{n} ops"
        under = f"{function(op)} · {said}{' in all' if op.times > 1 else ''}"
        bold = text_width(head, TITLE, bold=True) * (NARROW if op.times > 1 else 1)
        wide = max(bold + max(beside, 20), text_width(under, NAME)) + 18
        return Look((head,), under, (), "", max(wide, 110), 44)
    lines = headed(title(op), TITLE, LINE_MOST, MOST)
    name = fitted(named(op, inside), NAME, MOST) if names and not op.op.startswith("F.") else ""
    bands = op.parts[1:]
    texts = [
        text_width(lines[0], TITLE, bold=True) + beside,
        *(text_width(line, TITLE, bold=True) for line in lines[1:]),
        text_width(name, NAME),
        *(text_width(title(part), BAND) for part in bands),
    ]
    high = (34 if name else 24) + LEADING * (len(lines) - 1) + 14 * len(bands)
    return Look(lines, name, bands, "", max(max(texts) + 18, 92), high)


def draw(
    canvas: Canvas, op: Op, number: int, said: Look, at: Rect, coloured: bool, pages: Mapping[str, str], live: bool
) -> None:
    """A box with all that is on it."""
    name = f"{op.id} … {op.last} ×{op.times}" if op.last else op.id
    tip = "" if live else " · ".join([f"{name} ({function(op)})", *(f"{key} {value}" for key, value in about(op))])
    with canvas.group(title=tip, class_=f"ca-node ca-is-{op.kind}", data_n=str(number), data_id=op.id):
        if said.sign:
            centre = (at.x + at.width / 2, at.y + at.height / 2)
            canvas.circle(centre, 11, **_paint(op.kind, coloured))
            canvas.text((centre[0], centre[1] + 5), said.sign, 15, text_anchor="middle", fill=INK, class_="ca-on")
            return
        _body(canvas, op, said, at, coloured)
        middle = at.x + at.width / 2
        top = at.y + (5 if op.kind == "block" and len(_leaves(op)) > STRIPES else 0)  # no stripes stand below the words
        with canvas.group(href=pages.get(op.id, ""), class_="ca-name"):
            for k, line in enumerate(said.title):
                canvas.text(
                    (middle, top + 15.5 + LEADING * k),
                    line,
                    TITLE,
                    font_weight="bold",
                    text_anchor="middle",
                    fill=INK,
                    class_="ca-on",
                )
        if op.times > 1:
            wide = pill(op.times)
            draw_pill(canvas, (at.x + at.width - wide - 5, at.y + 5), f"×{op.times}", wide, op.id)
        if said.name:
            below = top + 28 + LEADING * (len(said.title) - 1)
            canvas.text((middle, below), said.name, NAME, text_anchor="middle", fill="#3b4252", class_="ca-on-dim")
        for k, part in enumerate(said.bands):
            low = at.y + at.height - 14 * (len(said.bands) - k)
            canvas.text((middle, low + 10), title(part), BAND, text_anchor="middle", fill=INK, class_="ca-on")
        if op.shared:
            _share(canvas, (at.x + at.width - 2, at.y + 2), op.shared)
        if live and op.kind == "block":
            handle(canvas, at.x + 5, at.y + 6, "+")


def _body(canvas: Canvas, op: Op, said: Look, at: Rect, coloured: bool) -> None:
    """The box itself: bands below its first part, stripes of what a closed block holds."""
    round_ = at.height / 2 if op.kind in ("input", "output") and not op.missing else 4
    dash = "4 3" if op.missing else None
    if op.kind == "block":
        for off in (5, 2.5):
            canvas.rect(
                at.x + off, at.y + off, at.width, at.height, rx=4, stroke_width=0.8, **_paint("block", coloured)
            )
    canvas.rect(at.x, at.y, at.width, at.height, rx=round_, stroke_dasharray=dash, **_paint(op.kind, coloured))
    for k, part in enumerate(said.bands):
        top = at.y + at.height - 14 * (len(said.bands) - k)
        last = k == len(said.bands) - 1
        shape = f"M {num(at.x)} {num(top)} h {num(at.width)} v {10 if last else 14} "
        shape += f"a 4 4 0 0 1 -4 4 h {num(8 - at.width)} a 4 4 0 0 1 -4 -4 Z" if last else f"h {num(-at.width)} Z"
        canvas.path(shape, data_id=part.id, **_paint(part.kind, coloured))
    if op.kind == "block":
        inner = _leaves(op)
        if len(inner) <= STRIPES:
            wide = (at.width - 12) / len(inner)
            for k, leaf in enumerate(inner):
                canvas.rect(
                    at.x + 6 + k * wide,
                    at.y + at.height - 9,
                    wide,
                    5,
                    fill=FILLS[leaf.kind] if coloured else "#ffffff",
                    stroke=EDGES[leaf.kind],
                    stroke_width=0.4,
                    class_=f"ca-k-{leaf.kind}",
                )


def _leaves(op: Op) -> list[Op]:
    return [leaf for part in op.parts for leaf in _leaves(part)] if op.parts else [op]


def _paint(kind: OpKind, coloured: bool) -> dict[str, object]:
    return {"fill": FILLS[kind] if coloured else "#ffffff", "stroke": EDGES[kind], "class_": f"ca-k-{kind}"}


def _share(canvas: Canvas, at: Point, number: int) -> None:
    """The number of those that share weights."""
    canvas.circle(at, 7, fill=tint(number), class_="ca-share")
    canvas.text((at[0], at[1] + 3), str(number), 8, font_weight="bold", text_anchor="middle", fill="#ffffff")


def legend(canvas: Canvas, it: Architecture, x: float, y: float, width: float) -> float:
    """What the colours mean, in rows; returns their height."""
    seen = {leaf.kind for op in it.ops for leaf in (op, *_leaves(op))}
    at, row = 0.0, 0
    for kind, words in KINDS.items():
        if kind not in seen:
            continue
        wide = 16 + text_width(words, NAME) + 12
        if at and at + wide > width:
            at, row = 0.0, row + 1
        canvas.rect(x + at, y + 16 * row, 11, 11, rx=2, **_paint(kind, True))
        canvas.text((x + at + 16, y + 16 * row + 9.5), words, NAME, fill=DIM, class_="ca-dim")
        at += wide
    if shared := [op.shared for op in it.ops if op.shared]:
        if at and at + 16 + text_width(SHARED, NAME) + 12 > width:
            at, row = 0.0, row + 1
        _share(canvas, (x + at + 5.5, y + 16 * row + 5.5), min(shared))
        canvas.text((x + at + 16, y + 16 * row + 9.5), SHARED, NAME, fill=DIM, class_="ca-dim")
    return 16.0 * (row + 1) + 12
