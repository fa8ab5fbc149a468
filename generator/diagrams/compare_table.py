"""A comparison as text for a terminal, and as rows of plain values for HTML and CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping

from generator.diagrams.architecture import shape_words
from generator.diagrams.compare import Comparison, Part, Summary, cost
from generator.pages.escape import clean

Value = str | int | float | None
Records = tuple[dict[str, Value], ...]
MACS = "multiply-accumulates"
WIDEST = 32
"""Characters of a name in a terminal, at most."""


def text(it: Comparison) -> str:
    """The sums, the kinds of op, and the blocks beside each other."""
    head = ("", _short(it.a.title), _short(it.b.title), "B / A")
    lines = [
        head,
        *(_sum(row, it) for row in sums(it)),
    ]
    kinds = [("operations", "", "", ""), *((f"  {kind}", f"{a:,}", f"{b:,}", ratio(a, b)) for kind, a, b in it.kinds)]
    blocks: list[tuple[str, ...]] = [("block by block", "parameters A", "B", "MACs A", "B", "layers A", "B")]
    blocks += [_block(row.a, row.b) for row in it.rows]
    return "\n".join((*_columns([*lines, ("", "", "", ""), *kinds]), "", *_columns(blocks)))


def _sum(row: Mapping[str, Value], it: Comparison) -> tuple[str, ...]:
    if row["what"] == MACS:
        return MACS, *(cost(side, _said) for side in (it.a, it.b)), macs_ratio(it)
    return _said(row["what"]), *map(_said, (row["a"], row["b"])), ratio(row["a"], row["b"])


def sums(it: Comparison) -> Records:
    """``{"what": "parameters", "a": 11689512, "b": 25557032}``, one for each number of a whole network."""
    a, b = it.a, it.b
    return (
        {"what": "parameters", "a": a.parameters, "b": b.parameters},
        {"what": MACS, "a": a.macs, "b": b.macs},
        {"what": "activations, bytes", "a": a.memory, "b": b.memory},
        {"what": "layers deep", "a": a.depth, "b": b.depth},
        {"what": "operations", "a": a.ops, "b": b.ops},
        {"what": "receptive field, pixels", "a": seen(a), "b": seen(b)},
    )


def blocks(it: Comparison) -> Records:
    """One record for each row of the alignment; None where a network has no such part."""
    return tuple(
        {f"{name}_{side}": value for side, part in (("a", row.a), ("b", row.b)) for name, value in _values(part)}
        for row in it.rows
    )


def csv_text(it: Comparison) -> str:
    """The blocks as CSV, with a head. A name that a spreadsheet would run as a formula is given an apostrophe."""
    found = blocks(it)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(found[0] if found else ())
    writer.writerows([_plain(value) for value in record.values()] for record in found)
    return out.getvalue()


def _values(part: Part | None) -> tuple[tuple[str, Value], ...]:
    if part is None:
        return tuple((name, None) for name in ("name", "op", "shape", "layers", "parameters", "macs", "bytes"))
    return (
        ("name", part.name),
        ("op", part.op),
        ("shape", shape_words(part.shape)),
        ("layers", part.layers),
        ("parameters", part.parameters),
        ("macs", "not counted" if part.uncounted and not part.macs else part.macs),
        ("bytes", part.memory),
    )


def _plain(value: Value) -> Value:
    if not isinstance(value, str):
        return value
    value = clean(value)
    return f"'{value}" if value[:1] in ("=", "+", "-", "@", "\t") else value


def _block(a: Part | None, b: Part | None) -> tuple[str, ...]:
    return (
        _label(a, b),
        *(f"{part.parameters:,}" if part else "" for part in (a, b)),
        *(cost(part, _said) if part else "" for part in (a, b)),
        *(f"{part.layers:,}" if part else "" for part in (a, b)),
    )


def _label(a: Part | None, b: Part | None) -> str:
    """``layer1``, or ``conv1 | features.0`` where partners have different names, ``| extra`` where only B has it."""
    first, second = (_short(part.name) if part else "" for part in (a, b))
    return first if a and b and a.name == b.name else f"{first} | {second}".strip()


def seen(side: Summary) -> str:
    """``427 × 427, then all``: what the last places see that do not see the whole input, and whether there is more behind."""
    if side.receptive_field is None:
        return "all"
    height, width = side.receptive_field
    return f"{height:,} × {width:,}{', then all' if side.whole else ''}"


def _said(value: Value) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


def ratio(a: Value, b: Value) -> str:
    """Three digits: ``2.19``, ``21.4``, ``141``, ``0.0616``."""
    if not (isinstance(a, int) and isinstance(b, int) and a):
        return ""
    return f"{b / a:,.0f}" if b >= 100 * a else f"{b / a:#.3g}"


def macs_ratio(it: Comparison) -> str:
    """Nothing where one of them does work that is not counted."""
    return "" if it.a.uncounted or it.b.uncounted else ratio(it.a.macs, it.b.macs)


def _short(name: str) -> str:
    name = clean(name)
    return name if len(name) <= WIDEST else f"{name[: WIDEST - 1]}…"


def _columns(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    return [
        "  ".join(
            cell.rjust(width) if k else cell.ljust(width)
            for k, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
