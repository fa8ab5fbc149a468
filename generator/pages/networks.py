"""The report's network beside others, for each: sums, kinds of operation, the drawing, and block by block.

Architecture, others ──▶ compare ──▶ sums, blocks (compare_table.py), networks/<n>.svg, networks/<n>.csv
"""

from __future__ import annotations

from dataclasses import dataclass

from generator.diagrams.compare import Comparison, Row, Summary, compare
from generator.diagrams.compare_drawing import ComparisonDrawing
from generator.diagrams.compare_table import csv_text, macs_ratio, ratio, seen
from generator.pages import escape
from generator.pages.context import Site


@dataclass(frozen=True)
class Number:
    """One row of the sums: what it is, in both networks, and how many times as large it is in the second."""

    key: str
    a: int | str
    b: int | str
    ratio: str


@dataclass(frozen=True)
class Beside:
    """One comparison on the page."""

    name: str
    """Of its files and its place: ``2-resnet50``."""
    a: Summary
    b: Summary
    numbers: tuple[Number, ...]
    kinds: tuple[tuple[str, int, int], ...]
    rows: tuple[Row, ...]
    width: float
    height: float


def write(site: Site) -> None:
    """Write networks.md and its files, where there are networks to be put beside this one."""
    it, others = site.report.architecture, site.report.others
    if it is None or not others:
        return
    found = tuple(
        _beside(site, compare(it, other), f"{k}-{escape.slug(other.title)}") for k, other in enumerate(others, 1)
    )
    site.page(
        "networks.md",
        "networks.html",
        title=site.t("networks.title"),
        section="architecture",
        description=site.t("networks.description", model=it.title, others=", ".join(other.title for other in others)),
        found=found,
    )


def _beside(site: Site, it: Comparison, name: str) -> Beside:
    drawing = ComparisonDrawing().draw(it)
    site.tree.write(f"networks/{name}.svg", f"{drawing.svg}\n")
    site.tree.write(f"networks/{name}.csv", csv_text(it))
    return Beside(name, it.a, it.b, numbers(it), it.kinds, it.rows, drawing.width, drawing.height)


def numbers(it: Comparison) -> tuple[Number, ...]:
    """The sums of both networks."""
    pairs: tuple[tuple[str, int | str, int | str], ...] = (
        ("parameters", it.a.parameters, it.b.parameters),
        ("macs", it.a.macs, it.b.macs),
        ("memory", it.a.memory, it.b.memory),
        ("depth", it.a.depth, it.b.depth),
        ("ops", it.a.ops, it.b.ops),
        ("field", seen(it.a), seen(it.b)),
    )
    return tuple(Number(key, a, b, macs_ratio(it) if key == "macs" else ratio(a, b)) for key, a, b in pairs)
