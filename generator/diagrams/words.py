"""Operations in a reader's words, short enough for a box."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

from generator.diagrams.architecture import SHARES, Op
from generator.diagrams.svg import text_width

SYMBOLS = {
    "add": "+",
    "iadd": "+",
    "add_": "+",
    "mul": "×",
    "imul": "×",
    "mul_": "×",
    "sub": "−",
    "isub": "−",
    "div": "÷",
    "matmul": "·",
}
"""Functions that are drawn as a sign in a circle."""
DIGITS = "0123456789"
OTHERS = 3
"""Names that a sentence says, at most."""


def shares(name: str, all_of_them: Collection[str]) -> str:
    """``Shares its weights with conv@2.``"""
    others = [one for one in all_of_them if one != name]
    more = f" and {len(others) - OTHERS} more" if len(others) > OTHERS else ""
    return f"{SHARES} {', '.join(others[:OTHERS])}{more}."


def short(number: int) -> str:
    """``950``, ``1.2 k``, ``25.6 M``, ``1.82 G``: three digits, rounded half up."""
    if number < 1000:
        return str(number)
    value, units = number / 1000, [" k", " M", " G", " T"]
    while value >= 999.5 and len(units) > 1:
        value /= 1000
        units.pop(0)
    unit = units[0]
    places = 100 if value < 9.995 else 10 if value < 99.95 else 1
    scaled = math.floor(value * places + 0.5)
    rest = str(places + scaled % places)[1:].rstrip("0")
    return f"{scaled // places}.{rest}{unit}" if rest else f"{scaled // places}{unit}"


def function(op: Op) -> str:
    """``Conv2d``, ``add``."""
    return op.op.removeprefix("F.")


def symbol(op: Op) -> str:
    """The sign of an op that is drawn as one, or nothing."""
    return SYMBOLS.get(function(op), "") if op.kind in ("merge", "other") and not op.parts else ""


def title(op: Op) -> str:
    """``Conv2d 3×3 /2``"""
    facts = dict(op.attributes)
    words = [{"cat": "concat"}.get(function(op), function(op))]
    if "kernel" in facts:
        words.append(facts["kernel"])
        if facts.get("stride", "1") != "1":
            words.append(f"/{facts['stride']}")
    if "groups" in facts:
        words.append("depthwise" if "depthwise" in facts["groups"] else f"÷{facts['groups']}")
    return " ".join(words)


def within(path: str, around: str) -> str:
    """A dotted name, less the name of the block that it stands in."""
    return path[len(around) + 1 :] if around and path.startswith(f"{around}.") else path


def span(names: Sequence[str], many: int) -> str:
    """``a.b.0 … 3`` for `many` names from a.b.0 to a.b.3, ``layer1 … 6`` where numbers alone differ; two have a comma."""
    first, last = names[0], names[-1]
    if first == last:
        return first
    common = first.rfind(".") + 1
    if common and last.startswith(first[:common]):
        last = last[common:]
    if many > 2 and (stem := first[common:].rstrip(DIGITS)) and stem == last.rstrip(DIGITS) != last:
        last = last[len(stem) :]
    return f"{first}, {last}" if many == 2 else f"{first} … {last}"


def fitted(words: str, size: float, room: float) -> str:
    """The end of `words` that fits, with an ellipsis in front where something is left out."""
    if text_width(words, size) <= room:
        return words
    letters = list(words)
    while letters and text_width("…" + "".join(letters), size) > room:
        letters.pop(0)
    return "…" + "".join(letters)


def headed(words: str, size: float, line: float, room: float) -> tuple[str, ...]:
    """A title in bold, in two lines where it is wider than `line`: what is done, and how. None is wider than `room`."""
    first, _, rest = words.partition(" ")
    wide = rest and text_width(words, size, bold=True) > line
    return tuple(begun(part, size, room) for part in ((first, rest) if wide else (words,)))


def begun(words: str, size: float, room: float) -> str:
    """The beginning of `words` that fits, with an ellipsis behind where something is left out."""
    if text_width(words, size) <= room:
        return words
    letters = list(words)
    while letters and text_width("".join(letters) + "…", size) > room:
        letters.pop()
    return "".join(letters) + "…"


def about(op: Op) -> list[tuple[str, str]]:
    """All that is known of an op, for a tooltip."""
    found = [("output", " × ".join(map(str, op.shape)) or "?"), *op.attributes]
    if op.parameters:
        found.append(("parameters", f"{op.parameters:,}"))
    if op.counted:
        found.append(("MACs", op.counted))
    if op.receptive_field:
        found.append(("receptive field", " × ".join(map(str, op.receptive_field))))
    if op.note:
        found.append(("note", op.note))
    return found
