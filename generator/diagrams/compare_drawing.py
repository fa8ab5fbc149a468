"""A comparison as a drawing: a row for each pair of blocks, its parameters and multiply-accumulates as bars that grow outwards.

           resnet18                                 resnet50
     parameters      MACs                     MACs        parameters
        2.1 M ████   ██ 411 M     layer3    1.46 G ██████  ████████ 7.1 M

One scale for each of the two numbers, the same on both sides: the longest bar is the largest part of either network.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from generator.diagrams.architecture import OpKind, shape_words
from generator.diagrams.compare import Comparison, Part, Summary, cost
from generator.diagrams.compare_table import seen
from generator.diagrams.palette import DIM, EDGES, FILLS, INK, LINE, mixed
from generator.diagrams.svg import Canvas, Drawing, text_width
from generator.diagrams.words import short
from generator.pages.escape import clean


@dataclass(frozen=True)
class ComparisonDrawing:
    """How a comparison is drawn."""

    bar: float = field(default=110, metadata={"doc": "Length of the longest bar, in pixels."})
    row: float = field(default=30, metadata={"doc": "Height of a row, in pixels."})
    size: float = field(default=11, metadata={"doc": "Height of the text, in pixels."})

    def draw(self, it: Comparison) -> Drawing:
        """Rows from the input down. A pure function, to the byte."""
        return _Sheet(self, it).drawn()


NUMBERS: tuple[tuple[str, Callable[[Part], int]], ...] = (
    ("MACs", lambda part: part.macs),
    ("parameters", lambda part: part.parameters),
)
"""From the middle outwards."""
GAP = 10


class _Sheet:
    def __init__(self, style: ComparisonDrawing, it: Comparison) -> None:
        self.style, self.it, self.canvas = style, it, Canvas()
        size = style.size
        parts = [part for row in it.rows for part in (row.a, row.b) if part is not None]
        self.most = [max([read(part) for part in parts] + [1]) for _, read in NUMBERS]
        partly = [cost(part, short) for part in parts if part.uncounted]
        self.number = max(text_width(words, size) for words in ("88.8 M", *partly)) + 4
        names = [self.cut(part.name) for part in parts]
        self.name = max(text_width(name, size) for name in (*names, "classifier")) + 42
        self.column = style.bar + self.number + GAP
        self.side = self.name + 2 * self.column
        self.middle = self.side + 2 * GAP
        self.width = 2 * self.middle

    def cut(self, name: str) -> str:
        """At most 26 characters: the end of a dotted name, from a dot on where that leaves enough."""
        name = clean(name)
        if len(name) <= 26:
            return name
        tail = name[-25:]
        whole = tail[tail.find(".") + 1 :]
        return f"…{whole if len(whole) > 8 else tail}"

    def drawn(self) -> Drawing:
        it, size, step = self.it, self.style.size, self.style.row
        top = self.head()
        for index, row in enumerate(it.rows):
            y = top + index * step
            if index % 2 == 0:
                self.canvas.rect(GAP, y, self.width - 2 * GAP, step, fill="#f6f7f9", class_="ca-band")
            for sign, part in ((-1, row.a), (1, row.b)):
                if part is None:
                    x = self.middle + sign * (self.side - 10)
                    self.text((x, y + step / 2 + size * 0.36), "–", sign, fill=DIM)
                else:
                    self.part(part, sign, y)
            if row.a and row.b and _same(row.a, row.b):
                self.canvas.text((self.middle, y + step / 2 + size * 0.36), "=", size, text_anchor="middle", fill=DIM)
        bottom = top + len(it.rows) * step
        line = {"stroke": LINE, "stroke_width": 1, "class_": "ca-line"}
        self.canvas.line((GAP, top), (self.width - GAP, top), **line)
        self.canvas.line((GAP, bottom), (self.width - GAP, bottom), **line)
        return self.canvas.drawing(self.width, bottom + GAP, title=f"{it.a.title} beside {it.b.title}")

    # ---- what stands above the rows

    def head(self) -> float:
        """The titles, the sums and the columns' names; returns where the rows begin."""
        size = self.style.size
        facts = 5 * (size + 6)
        for sign, side in ((-1, self.it.a), (1, self.it.b)):
            x = self.middle + sign * (self.side / 2 + GAP)
            self.canvas.text(
                (x, 26),
                self.fitted(side.title, self.side),
                size * 1.45,
                text_anchor="middle",
                font_weight="bold",
                fill=INK,
                class_="ca-ink",
            )
            for number, line in enumerate(_facts(side)):
                self.canvas.text(
                    (x, 48 + number * (size + 6)), line, size, text_anchor="middle", fill=DIM, class_="ca-dim"
                )
        y = 52 + facts + 8
        for sign in (-1, 1):
            for place, (name, _) in enumerate(NUMBERS):
                self.text((self.start(sign, place), y), name, -sign, fill=DIM)
            self.text((self.middle + sign * (self.side - 10), y), "block", sign, fill=DIM)
        return y + 8

    def fitted(self, words: str, room: float) -> str:
        words = clean(words)
        while len(words) > 4 and text_width(words, self.style.size * 1.45, bold=True) > room:
            words = f"{words[:-2].rstrip('…')}…"
        return words

    # ---- one part

    def start(self, sign: int, place: int) -> float:
        """Where the bars of a column begin, nearest to the middle."""
        return self.middle + sign * (2 * GAP + place * self.column)

    def part(self, part: Part, sign: int, y: float) -> None:
        size, step = self.style.size, self.style.row
        base = y + step / 2 + size * 0.36
        tooltip = f"{part.name}: {part.op}, {shape_words(part.shape)}, {part.parameters:,} parameters, {cost(part, '{:,}'.format)} MACs"
        with self.canvas.group(title=tooltip, class_="ca-op"):
            for place, (name, read) in enumerate(NUMBERS):
                value, x = read(part), self.start(sign, place)
                length = max(self.style.bar * value / self.most[place], 1.0 if value else 0.0)
                if value:
                    self.canvas.rect(
                        x if sign > 0 else x - length, y + step * 0.24, length, step * 0.52,
                        fill=bar(part.kind), stroke=EDGES[part.kind], stroke_width=0.75, class_=f"ca-k-{part.kind}",
                    )  # fmt: skip
                said = cost(part, short) if name == "MACs" else short(value)
                self.text((x + sign * (length + 4), base), said, -sign, fill=INK if value else DIM)
            edge = self.middle + sign * (self.side - 10)
            self.canvas.rect(
                edge - (10 if sign > 0 else 0), y + step / 2 - 5, 10, 10,
                rx=2, fill=FILLS[part.kind], stroke=EDGES[part.kind], class_=f"ca-k-{part.kind}",
            )  # fmt: skip
            self.text((edge - sign * 15, base), self.cut(part.name), sign, fill=INK)

    def text(self, at: tuple[float, float], words: str, sign: int, fill: str) -> None:
        """Words that end at `at` where `sign` is 1, and begin there where it is -1."""
        anchor = "end" if sign > 0 else "start"
        kind = "ca-ink" if fill == INK else "ca-dim"
        self.canvas.text(at, words, self.style.size, text_anchor=anchor, fill=fill, class_=kind)


def bar(kind: OpKind) -> str:
    """The fill of a bar: no words stand on it, and a pale one would be lost where a page turns the drawing dark."""
    return mixed(FILLS[kind], EDGES[kind], 0.4)


def _same(a: Part, b: Part) -> bool:
    return (a.parameters, a.macs, a.shape) == (b.parameters, b.macs, b.shape)


def _facts(side: Summary) -> tuple[str, ...]:
    return (
        f"{short(side.parameters)} parameters",
        f"{cost(side, short)} multiply-accumulates"
        if side.macs or not side.uncounted
        else "multiply-accumulates not counted",
        f"{side.depth} layers deep, {side.ops} operations",
        f"{short(side.memory)}B of activations",
        f"places see {seen(side)}",
    )
