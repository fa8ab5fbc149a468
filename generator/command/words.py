"""What is typed and what is printed: lists, columns, sizes, names as a terminal has them."""

from __future__ import annotations

from collections.abc import Sequence


def listed(text: str | None) -> list[str] | None:
    """``"conv,layer4.*"`` as a list; None where the option was not given. A comma in quotes is part of a label."""
    if text is None:
        return None
    parts, quote = [""], ""
    for c in text:
        if quote:
            quote = "" if c == quote else quote
        elif c in "\"'":
            quote = c if not parts[-1].strip() else ""
        if c == "," and not quote:
            parts.append("")
        else:
            parts[-1] += c
    return [part.strip() for part in parts if part.strip()]


def columns(rows: Sequence[tuple[str, ...]], right: tuple[int, ...] = ()) -> str:
    """Rows as lines, their cells below one another; those of the columns `right` end at one place."""
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            cell.rjust(width) if k in right else cell.ljust(width)
            for k, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def first_authors(authors: str) -> str:
    """``Zeiler and Fergus`` of ``Matthew D. Zeiler and Rob Fergus``, ``Zhou et al.`` of more."""
    names = [name.strip() for part in authors.split(",") for name in part.split(" and ") if name.strip()]
    last = [name.split()[-1] for name in names]
    return f"{last[0]} et al." if len(last) > 2 or "et al" in authors else " and ".join(last)


def human(size: int) -> str:
    """``812 B``, ``3.4 KB``, ``41.0 MB`` (powers of 1000, as file managers count)"""
    value, units = float(size), ["B", "KB", "MB", "GB"]
    while value >= 999.95 and len(units) > 1:
        value, units = value / 1000, units[1:]
    return f"{size} B" if units[0] == "B" else f"{value:.1f} {units[0]}"
