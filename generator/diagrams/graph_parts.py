"""The parts of a graph: boxes with their bands, frames, the legend."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from generator.diagrams.architecture import Architecture, Block, Op, OpKind, shape_words
from generator.diagrams.layout import Rect
from generator.diagrams.palette import DIM, EDGES, FILLS, INK, LINE, SHARED, tint
from generator.diagrams.shown import count
from generator.diagrams.svg import Canvas, Point, num, text_width
from generator.diagrams.words import about, begun, fitted, function, short, symbol, title, within

TITLE, NAME, BAND = 11.0, 9.5, 9.0
"""Sizes of text."""
MOST = 224.0
"""Width that a text may have."""
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

    title: str
    name: str
    """Under the title; nothing where there is none."""
    bands: tuple[Op, ...]
    """What is fused below the first op."""
    sign: str
    """Drawn as a circle with this in it, where it is not empty."""
    width: float
    height: float


@dataclass(frozen=True)
class FrameLook:
    """What stands on a frame, and the room it takes."""

    title: str
    op: str
    width: float


def around(it: Architecture) -> list[str]:
    """The path of the innermost open block around each op."""
    found = [""] * len(it.ops)
    for block in it.blocks:
        for k in range(block.start, block.stop):
            found[k] = block.path or block.id
    return found


def look(op: Op, inside: str, names: bool) -> Look:
    """How an op is drawn that stands in the block `inside`."""
    if op.kind in ("input", "output"):
        words = shape_words(op.shape) if op.shape else ""
        head = fitted(op.id.rpartition(".")[2], TITLE, MOST) if op.learned else op.kind
        wide = max(text_width(head, TITLE, bold=True), text_width(words, NAME)) + 28
        return Look(head, words, (), "", wide, 34 if words else 24)
    if sign := symbol(op):
        return Look(title(op), "", (), sign, 22, 22)
    times = f" × {op.times}" if op.times > 1 else ""
    if op.kind == "block":
        head = fitted(within(op.id, inside), TITLE, MOST - 40) + times
        n = count(op)
        said = f"{n} {'op' if n == 1 else 'ops'}, {short(op.parameters)}" if op.parameters else f"{n} ops"
        under = f"{function(op)} · {said}"
        wide = max(text_width(head, TITLE, bold=True) + 20, text_width(under, NAME)) + 18
        return Look(head, under, (), "", max(wide, 110), 44)
    head = begun(title(op), TITLE, MOST) + times
    name = fitted(within(op.id, inside), NAME, MOST) if names and not op.op.startswith("F.") else ""
    bands = op.parts[1:]
    texts = [
        text_width(head, TITLE, bold=True),
        text_width(name, NAME),
        *(text_width(title(part), BAND) for part in bands),
    ]
    return Look(head, name, bands, "", max(max(texts) + 18, 92), (34 if name else 24) + 14 * len(bands))


def frame(block: Block, it: Architecture) -> FrameLook:
    """How an open block is named."""
    inside = ""
    for other in it.blocks:
        if other is block:
            break
        if other.start <= block.start and block.stop <= other.stop:
            inside = other.path or other.id
    name = fitted(within(block.id, inside), NAME, MOST)
    op = fitted(block.op, NAME, MOST)
    return FrameLook(name, op, text_width(name, NAME, bold=True) + text_width(op, NAME) + 36)


def draw_frame(canvas: Canvas, block: Block, said: FrameLook, at: Rect, pages: Mapping[str, str], live: bool) -> None:
    """A light frame with its name."""
    with canvas.group(class_="ca-frame", data_block=block.id):
        canvas.rect(
            at.x,
            at.y,
            at.width,
            at.height,
            rx=6,
            fill="#596174",
            fill_opacity=0.05,
            stroke=LINE,
            stroke_width=0.8,
            stroke_opacity=0.7,
            class_="ca-rim",
        )
        x = at.x + (20 if live else 8)
        wide = text_width(said.title, NAME, bold=True)
        canvas.rect(at.x + 3, at.y + 3, said.width - 8, 15, rx=3, fill="#f7f8fb", class_="ca-chip")
        if live:
            _handle(canvas, at.x + 6, at.y + 5.5, "−")
        with canvas.group(href=pages.get(block.id, ""), class_="ca-name"):
            canvas.text((x, at.y + 14), said.title, NAME, font_weight="bold", fill=DIM, class_="ca-dim")
        canvas.text((x + wide + 5, at.y + 14), said.op, NAME, fill=DIM, class_="ca-dim")


def draw(
    canvas: Canvas, op: Op, number: int, said: Look, at: Rect, coloured: bool, pages: Mapping[str, str], live: bool
) -> None:
    """A box with all that is on it."""
    tip = "" if live else " · ".join([f"{op.id} ({function(op)})", *(f"{name} {value}" for name, value in about(op))])
    with canvas.group(title=tip, class_=f"ca-node ca-is-{op.kind}", data_n=str(number), data_id=op.id):
        if said.sign:
            centre = (at.x + at.width / 2, at.y + at.height / 2)
            canvas.circle(centre, 11, **_paint(op.kind, coloured))
            canvas.text((centre[0], centre[1] + 5), said.sign, 15, text_anchor="middle", fill=INK, class_="ca-on")
            return
        _body(canvas, op, said, at, coloured)
        middle = at.x + at.width / 2
        with canvas.group(href=pages.get(op.id, ""), class_="ca-name"):
            canvas.text(
                (middle, at.y + 15.5),
                said.title,
                TITLE,
                font_weight="bold",
                text_anchor="middle",
                fill=INK,
                class_="ca-on",
            )
        if said.name:
            canvas.text((middle, at.y + 28), said.name, NAME, text_anchor="middle", fill="#3b4252", class_="ca-on-dim")
        for k, part in enumerate(said.bands):
            top = at.y + at.height - 14 * (len(said.bands) - k)
            canvas.text((middle, top + 10), title(part), BAND, text_anchor="middle", fill=INK, class_="ca-on")
        if op.shared:
            _share(canvas, (at.x + at.width - 2, at.y + 2), op.shared)
        if live and op.kind == "block":
            _handle(canvas, at.x + 5, at.y + 6, "+")


def _body(canvas: Canvas, op: Op, said: Look, at: Rect, coloured: bool) -> None:
    """The box itself: bands below its first part, stripes of what a closed block holds."""
    round_ = at.height / 2 if op.kind in ("input", "output") else 4
    if op.kind == "block":
        for off in (5, 2.5):
            canvas.rect(
                at.x + off, at.y + off, at.width, at.height, rx=4, stroke_width=0.8, **_paint("block", coloured)
            )
    canvas.rect(at.x, at.y, at.width, at.height, rx=round_, **_paint(op.kind, coloured))
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


def _handle(canvas: Canvas, x: float, y: float, sign: str) -> None:
    """What a reader presses to open or close."""
    with canvas.group(class_="ca-handle"):
        canvas.rect(x - 4, y - 4, 18, 18, fill="#ffffff", fill_opacity=0)
        canvas.rect(x, y, 10, 10, rx=2, fill="#ffffff", stroke=DIM, stroke_width=0.9, class_="ca-knob")
        canvas.line((x + 2.5, y + 5), (x + 7.5, y + 5), stroke=DIM, stroke_width=1.2)
        if sign == "+":
            canvas.line((x + 5, y + 2.5), (x + 5, y + 7.5), stroke=DIM, stroke_width=1.2)


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
    if any(op.shared for op in it.ops):
        if at and at + 16 + text_width(SHARED, NAME) + 12 > width:
            at, row = 0.0, row + 1
        _share(canvas, (x + at + 5.5, y + 16 * row + 5.5), 1)
        canvas.text((x + at + 16, y + 16 * row + 9.5), SHARED, NAME, fill=DIM, class_="ca-dim")
    return 16.0 * (row + 1) + 12
