"""The loss around the model's weights: landscape.html with its contours as SVG, all its numbers as CSV, and a relief to turn.

Landscape ──▶ data/landscape.js, landscape.svg, landscape.csv      Line ──▶ landscape-line.csv
"""

from __future__ import annotations

import csv
import io
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generator.artifacts import NotApplicable
from generator.pages import escape
from generator.pages.context import Site, safe
from generator.pages.contours import Contours, contours
from generator.pages.findings import plain
from generator.pages.learning_views import Landscape
from generator.pages.numbers import compact


def write(site: Site) -> None:
    """Write landscape.md and its files, where the report asks for it."""
    found = site.report.landscape
    if found is None:
        return
    if isinstance(found, NotApplicable):
        _page(site, why=site.sentence(found.reason))
        return
    drawn = contours(found.loss, found.steps)
    site.tree.write(
        "landscape.svg", drawn.svg(site.t("landscape.svg_title", model=site.report.title), colour="#12151c")
    )
    site.tree.write("landscape.csv", table(found))
    if found.line is not None:
        site.tree.write("landscape-line.csv", line_table(found))
    site.script("data/landscape.js", "landscape", "all", numbers(found, drawn))
    middle = len(found.steps) // 2
    _page(site, found=found, here=float(found.loss[middle, middle]), right=float(found.right[middle, middle]), drawing=safe(drawn.svg(site.t("landscape.figure"))), says=sentence(site, found))  # fmt: skip


def _page(site: Site, why: str = "", **parts: Any) -> None:
    title = site.t("landscape.title")
    description = site.t("landscape.description", model=site.report.title)
    learned = site.report.training is not None
    site.page("landscape.md", "landscape.html", title=title, section="landscape", description=description, learned=learned, why=why, **parts)  # fmt: skip


def numbers(found: Landscape, drawn: Contours) -> dict[str, object]:
    """What the page's scripts read: row 0 is at the first step."""
    line = found.line
    return {
        "steps": [compact(v) for v in found.steps],
        "loss": [known(v) for v in found.loss.ravel().tolist()],
        "right": [known(v) for v in found.right.ravel().tolist()],
        "levels": [compact(v) for v in drawn.levels],
        "line": None
        if line is None
        else {
            "first": escape.clean(line.first),
            "last": escape.clean(line.last),
            "shares": [compact(v) for v in line.shares],
            "loss": [known(v) for v in line.loss],
            "right": [known(v) for v in line.right],
        },
    }


def known(value: float) -> float | None:
    """A number for a script; None where it is none."""
    return compact(float(value)) if math.isfinite(value) else None


def sentence(site: Site, found: Landscape) -> str:
    """What the picture comes to: how far one may go before the loss has doubled, along the worse and the better direction."""
    far = reach(found.loss, found.steps)
    if far is None:
        return site.t("landscape.never", span=f"{found.steps[-1]:g}")
    return site.t("landscape.doubles", far=f"{far:.2g}")


def reach(loss: NDArray[np.float32], steps: tuple[float, ...]) -> float | None:
    """The distance from the middle to the nearest place whose loss is twice the middle's, and at least 0.1 nats above it;
    None where there is none. A place whose loss is no number counts."""
    middle = len(steps) // 2
    limit = max(2 * float(loss[middle, middle]), float(loss[middle, middle]) + 0.1)
    y, x = np.meshgrid(steps, steps, indexing="ij")
    beyond = ~(loss < limit)
    return float(np.hypot(x, y)[beyond].min()) if beyond.any() else None


def table(found: Landscape) -> str:
    """Every place as CSV."""
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(["across", "up", "loss", "right"])
    for row, y in enumerate(found.steps):
        for column, x in enumerate(found.steps):
            rows.writerow([f"{x:.6g}", f"{y:.6g}", f"{found.loss[row, column]:.6g}", f"{found.right[row, column]:.6g}"])
    return out.getvalue()


def line_table(found: Landscape) -> str:
    """The line between the checkpoints as CSV."""
    assert found.line is not None
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(["share", "loss", "right", "first", "last"])
    line = found.line
    for share, loss, right in zip(line.shares, line.loss, line.right, strict=True):
        rows.writerow([f"{share:.6g}", f"{loss:.6g}", f"{right:.6g}", plain(line.first), plain(line.last)])
    return out.getvalue()
