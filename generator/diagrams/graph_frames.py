"""The frames of a graph: open blocks and repetitions, each with its caption, and the signs that a reader presses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from generator.diagrams.architecture import Architecture, Block, Op
from generator.diagrams.layout import Heads, Rect, Words, beside
from generator.diagrams.layout.heads import EDGE, INDENT
from generator.diagrams.palette import DIM, INK, LINE
from generator.diagrams.svg import Canvas, text_width
from generator.diagrams.words import fitted, span, within

NAME = 9.5
"""Size of text."""
MOST = 320.0
"""Width that a text may have."""
FOLD = text_width("fold", NAME, bold=True) + 10
"""Width of the sign that folds what is drawn one by one."""


@dataclass(frozen=True)
class FrameLook:
    """What stands on a frame, and the room it takes."""

    title: str
    op: str
    width: float
    """Of all that is written on it."""
    words: Words
    """Name, class and, of a repetition, how many."""


def named(one: Op | Block, inside: str) -> str:
    """What an op or block is called that stands in the block `inside`: ``3``, or ``1 … 5`` of a repetition."""
    names = [within(one.head if isinstance(one, Block) else one.id, inside), within(one.last, inside)]
    return span(names, one.times) if one.last else names[0]


def pill(times: int) -> float:
    """Width of the sign that says how many."""
    return text_width(f"×{times}", NAME, bold=True) + 10


def frame(block: Block, it: Architecture) -> FrameLook:
    """How an open block is named."""
    inside = ""
    for other in it.blocks:
        if other is block:
            break
        if other.start <= block.start and block.stop <= other.stop and not other.run:
            inside = other.path or other.id
    name = fitted(named(block, inside), NAME, MOST)
    op = fitted(block.op, NAME, MOST)
    more = pill(block.times) + 6 if block.times > 1 else FOLD + 6 if block.run else 0.0
    bold, plain = text_width(name, NAME, bold=True), text_width(op, NAME)
    words = [(0.0, bold), *([(8.0, plain)] if op else []), *([(6.0, pill(block.times))] if block.times > 1 else [])]
    return FrameLook(name, op, bold + plain + 39 + more, tuple(words))


def again(said: FrameLook) -> FrameLook:
    """The same on a further piece of the frame: it is the block that was there before."""
    more = text_width("… ", NAME, bold=True)
    (_, name), *rest = said.words
    return replace(said, title=f"… {said.title}", width=said.width + more, words=((0.0, name + more), *rest))


def draw_frame(canvas: Canvas, block: Block, at: Rect) -> None:
    """A light frame; its caption is drawn when the lines are, which pass behind it."""
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


def draw_caption(
    canvas: Canvas, block: Block, said: FrameLook, at: Rect, heads: Heads, pages: Mapping[str, str], live: bool
) -> None:
    """The name of a frame, its words between the lines that come in; on a strip over them where these are too many."""
    with canvas.group(class_="ca-caption", data_block=block.id):
        opens, folds = live and not block.run, live and block.run and block.times == 1
        start = at.x + (20 if opens else INDENT)
        words = (*said.words, (6.0, FOLD)) if folds else said.words
        lines = heads.through(at)
        starts, end = beside(words, start, ()), at.x + at.width - EDGE
        if (between := beside(words, start, lines))[-1] <= end:
            starts = between
        else:
            far = said.width - 10 - (0 if opens else 12)
            canvas.rect(at.x + 3, at.y + 3, far, 15, rx=3, fill="#f7f8fb", class_="ca-chip")
        if opens:
            handle(canvas, at.x + 6, at.y + 5.5, "−")
        with canvas.group(href=pages.get(block.id, ""), class_="ca-name"):
            canvas.text((starts[0], at.y + 14), said.title, NAME, font_weight="bold", fill=DIM, class_="ca-dim")
        if said.op:
            canvas.text((starts[1], at.y + 14), said.op, NAME, fill=DIM, class_="ca-dim")
        last = (starts[-2], at.y + 3.5)
        if block.times > 1:
            draw_pill(canvas, last, f"×{block.times}", pill(block.times), block.head)
        elif folds:
            draw_pill(canvas, last, "fold", FOLD, block.head)


def draw_pill(canvas: Canvas, at: tuple[float, float], words: str, wide: float, head: str) -> None:
    """How many there are; in the page what a reader presses to see each, or one for all."""
    with canvas.group(class_="ca-times", data_head=head):
        canvas.rect(*at, wide, 14, rx=7, fill="#ffffff", stroke=DIM, stroke_width=0.9, class_="ca-knob")
        middle = (at[0] + wide / 2, at[1] + 10.5)
        canvas.text(middle, words, NAME, font_weight="bold", text_anchor="middle", fill=INK, class_="ca-ink")


def handle(canvas: Canvas, x: float, y: float, sign: str) -> None:
    """What a reader presses to open or close."""
    with canvas.group(class_="ca-handle"):
        canvas.rect(x - 4, y - 4, 18, 18, fill="#ffffff", fill_opacity=0)
        canvas.rect(x, y, 10, 10, rx=2, fill="#ffffff", stroke=DIM, stroke_width=0.9, class_="ca-knob")
        canvas.line((x + 2.5, y + 5), (x + 7.5, y + 5), stroke=DIM, stroke_width=1.2)
        if sign == "+":
            canvas.line((x + 5, y + 2.5), (x + 5, y + 7.5), stroke=DIM, stroke_width=1.2)
