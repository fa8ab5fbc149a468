"""What stands under the boxes, and that no two lines of it touch.

A group's caption says which modules it holds and of which classes. Where captions are wider than their groups are apart,
they stand on several levels, with a thin line up to theirs.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from generator.diagrams.architecture import Op
from generator.diagrams.svg import text_width
from generator.diagrams.words import span

if TYPE_CHECKING:
    from generator.diagrams.solids.layout import Placed

NAME, CLASS, LABEL, LEADING = 10.0, 10.0, 10.0, 12.0
"""Sizes of text, and from baseline to baseline. Nothing is smaller than 10, so that 980 pixels on 17.5 cm keep 5 pt."""
WIDEST = 110.0
"""Of a caption, in pixels."""
OFF = 9.5
"""From a box's lower edge to the base of what is written along it: the letters and 2 pixels."""
BENEATH = 12.5
"""From an axis to the base of what is written under it: half an arrow, 1.5 pixels and the digits."""
UNDER, CLEAR = 3.5, 2.5
"""From a box's lower edge to the tops of its channels' digits; room between these and what is written along the edge."""


@dataclass(frozen=True)
class Caption:
    """Lines of names, then lines of classes."""

    names: tuple[str, ...]
    classes: tuple[str, ...]

    @property
    def width(self) -> float:
        return max([text_width(line, NAME) for line in (*self.names, *self.classes)], default=0)

    @property
    def lines(self) -> int:
        return len(self.names) + len(self.classes)


def caption(ops: Sequence[Op], prefix: str, what: str) -> Caption:
    """Of a group: ``features.0 … 4`` and ``Conv2d ×2, MaxPool2d``. `prefix` is the path of a frame that says its own name.

    Args:
        what: ``both``, ``name``, ``class`` or ``none``.
    """
    functions = bool(ops) and all(op.id.startswith("F.") and re.split("[@#]", op.id)[0] == op.op for op in ops)
    named = what == "name" or (what == "both" and not functions)  # a function's name is what it does
    names = in_two(span(_names(ops, prefix), sum(op.times for op in ops))) if named else ()
    said: list[tuple[str, int]] = []
    for op in ops:
        name = "" if op.kind == "input" else op.op.removeprefix("F.")
        if said and said[-1][0] == name:
            said[-1] = (name, said[-1][1] + op.times)
        else:
            said.append((name, op.times))
    words = ", ".join(f"{name} ×{times}" if times > 1 else name for name, times in said)
    return Caption(names, wrapped(words) if what in ("both", "class") else ())


def in_two(words: str) -> tuple[str, ...]:
    """Names on two lines where they can be: what is outermost goes, and an ellipsis tells; a tooltip has all of it."""
    lines, rest = wrapped(words), words
    while len(lines) > 2:
        outer, point, rest = rest.partition(".")
        if not point or " " in outer:
            return wrapped(words)
        lines = wrapped(f"…{rest}")
    return lines


def _names(ops: Sequence[Op], prefix: str) -> list[str]:
    found = []
    for op in ops:
        for name in (op.id, op.last):
            if name:
                given = op.kind == "input" and not op.learned
                plain = f"{name} ?" if op.missing else "input" if given else name
                found.append(plain[len(prefix) + 1 :] if prefix and plain.startswith(f"{prefix}.") else plain)
    return found


def wrapped(words: str, widest: float = WIDEST) -> tuple[str, ...]:
    """Lines that are no wider than `widest`, broken at spaces and behind points."""
    lines: list[str] = []
    for word in words.replace("… ", "…\u00a0").split(" "):
        if lines and text_width(f"{lines[-1]} {word}", NAME) <= widest:
            lines[-1] = f"{lines[-1]} {word}"
            continue
        for k, piece in enumerate(pieces(word, widest)):
            if k and text_width(lines[-1] + piece, NAME) <= widest:
                lines[-1] += piece
            elif piece:
                lines.append(piece)
    return tuple(lines)


def pieces(word: str, widest: float) -> list[str]:
    """A word, or where it is too wide its parts: behind points and before capitals, else behind underscores; each is cut to be narrow enough."""
    if text_width(word, NAME) <= widest:
        return [word]
    parts, start = [], 0
    for k in range(1, len(word)):
        point = word[k - 1] == "." and k - start > 2
        capital = "A" <= word[k] <= "Z" and "a" <= word[k - 1] <= "z"
        if point or capital:
            parts.append(word[start:k])
            start = k
    return [piece for part in (*parts, word[start:]) for piece in _underscored(part, widest)]


def _underscored(word: str, widest: float) -> list[str]:
    """A part that is too wide still, broken behind underscores."""
    found = [word] if text_width(word, NAME) <= widest else re.findall("[^_]*_|[^_]+$", word)
    return [shortened(part, widest) for part in found]


def shortened(word: str, widest: float) -> str:
    """Its start: ``Conv2dStaticSameP…``."""
    if text_width(word, NAME) <= widest:
        return word
    characters = list(word)
    while characters and text_width("".join(characters) + "…", NAME) > widest:
        characters = characters[:-1]
    return "".join(characters) + "…"


def tail(name: str, widest: float) -> str:
    """A dotted name, or its end alone, which tells it from others: ``…5, 6``; nothing where that does not fit. Any other's start."""
    first = name.partition(",")[0].partition(" ")[0]
    if text_width(name, NAME) <= widest or "." not in first:
        return shortened(name, widest)
    ends = [f"…{name[k + 1 :]}" for k, letter in enumerate(first) if letter == "."]
    return next((end for end in ends if text_width(end, NAME) <= widest), "")


def levels(wanted: Sequence[tuple[float, float]], apart: float) -> list[int]:
    """A level for each (left, right), from left to right, so that none overlaps another on its level."""
    ends: list[float] = []
    found = []
    for left, right in wanted:
        level = next((k for k, end in enumerate(ends) if left >= end + apart), len(ends))
        if level == len(ends):
            ends.append(right)
        ends[level] = right
        found.append(level)
    return found


def side_label(item: Placed, angle: tuple[float, float]) -> tuple[float, float, bool, float]:
    """Where the spatial size starts below the lower edge into the depth, whether it is slanted as that edge is, and how far
    right it reaches. Beside a small box it is level."""
    cos, sin = angle
    long, edge = text_width(item.side, LABEL), (item.solid.dx + item.solid.dy) / (cos + sin)
    x, y = item.x + item.solid.w, item.bottom
    if edge < 0.6 * long:
        left, base = x + item.solid.dx / 2 + 4, y + 1
        if base < item.axis + BENEATH:  # an arrow leaves so small a box right above
            left, base = (
                max(left, x + (text_width(item.solid.deep, LABEL) - item.solid.w) / 2 + CLEAR),
                item.axis + BENEATH,
            )
        return left, base, False, left + long
    spare = max(0.0, (edge - long) / 2) + max(0.0, 30 * (cos - 0.71))  # flat ones would meet the channels' label
    beyond = (text_width(item.solid.deep, LABEL) - item.solid.w) / 2 + CLEAR  # so would those of narrow boxes
    spare = max(spare, min(beyond * cos - UNDER * sin, (OFF * cos - UNDER + CLEAR) / sin))
    x, y = x + spare * cos + OFF * sin, y - spare * sin + OFF * cos
    return x, y, True, x + long * cos
