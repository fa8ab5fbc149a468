"""The loss around the model's weights: landscape.html with its contours as SVG, all its numbers as CSV, and a relief to turn.

Landscape ──▶ data/landscape.js, landscape.svg, .png, .csv      Line ──▶ landscape-line.csv      Path ──▶ landscape-path.csv
"""

from __future__ import annotations

import csv
import io
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generator.artifacts import NotApplicable
from generator.diagrams.export import export
from generator.diagrams.svg import Drawing
from generator.pages import contour_scale, escape
from generator.pages.context import Site, safe
from generator.pages.contours import HEIGHT, SIDE, WIDTH, Contours, Mark, contours
from generator.pages.findings import plain
from generator.pages.learning_views import Landscape, Path, Place
from generator.pages.numbers import compact

PNG = 3.0
"""Pixels of the picture for each of the drawing's."""
SAME = 1e-3
"""Of the plane's width: weights that are no further away are the same but for their rounding."""


def write(site: Site) -> None:
    """Write landscape.md and its files, where the report asks for it."""
    found = site.report.landscape
    if found is None:
        return
    if isinstance(found, NotApplicable):
        _page(site, why=site.sentence(found.reason))
        return
    drawn = contours(found.loss, found.steps, found.rows)
    way = [Mark(one.x, one.y, one.label) for one in found.path.places] if found.path else []
    own = elsewhere(found)
    other = None if own is None else Mark(own.x, own.y, site.t("landscape.own"))
    word = site.t("landscape.columns.loss")
    alone = drawn.svg(site.t("landscape.svg_title", model=site.report.title), word, "#12151c", way, other)
    site.tree.write("landscape.svg", alone)
    site.tree.write("landscape.png", export(Drawing(WIDTH, HEIGHT, alone), "png", PNG).data)
    site.tree.write("landscape.csv", table(found))
    if found.line is not None:
        site.tree.write("landscape-line.csv", line_table(found))
    if found.path is not None:
        site.tree.write("landscape-path.csv", path_table(found.path))
    site.script("data/landscape.js", "landscape", "all", numbers(found, drawn))
    here, right = float(found.loss[found.middle]), float(found.right[found.middle])
    low, high = (f"{v:.3g}" for v in (drawn.levels[0], drawn.levels[-1]))
    pictures: dict[str, Any] = {
        "drawing": safe(drawn.svg(site.t("landscape.figure"), word, way=way, other=other)),
        "ramp": safe(drawn.ramp(site.t("landscape.ramp", low=low, high=high), word)),
        "gaps": drawn.gaps,
        "below": low if drawn.below else "",
    }
    _page(site, found=found, here=here, right=right, says=sentence(site, found), elsewhere=own, **pictures)


def elsewhere(found: Landscape) -> Place | None:
    """Where the report's own weights are, if not at 0, 0."""
    own = found.path.own if found.path else None
    if own is None or math.hypot(own.x, own.y, own.off) <= SAME * (found.steps[-1] - found.steps[0]):
        return None
    return own


def _page(site: Site, why: str = "", **parts: Any) -> None:
    title = site.t("landscape.title")
    description = site.t("landscape.description", model=site.report.title)
    learned = site.report.training is not None
    site.page("landscape.md", "landscape.html", title=title, section="learn", description=description, learned=learned, why=why, **parts)  # fmt: skip


def numbers(found: Landscape, drawn: Contours) -> dict[str, object]:
    """What the page's scripts read: row 0 is at the first step."""
    line, own = found.line, elsewhere(found)
    return {
        "steps": [compact(v) for v in found.steps],
        "rows": [compact(v) for v in found.rows],
        "loss": [known(v) for v in found.loss.ravel().tolist()],
        "right": [known(v) for v in found.right.ravel().tolist()],
        "levels": [compact(v) for v in drawn.levels],
        "below": drawn.below,
        "ticks": [[contour_scale.said(v), compact(x / SIDE)] for v, x in contour_scale.spread(drawn.levels, SIDE)],
        "way": [[compact(one.x), compact(one.y)] for one in found.path.places] if found.path else [],
        "own": None if own is None else [compact(own.x), compact(own.y)],
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
    far = reach(found.loss, found.steps, found.rows)
    if found.last is not None:
        return "" if far is None else site.t("landscape.doubles_apart", far=f"{far:.2g}")
    if far is None:
        return site.t("landscape.never", span=f"{found.steps[-1]:g}")
    return site.t("landscape.doubles", far=f"{far:.2g}")


def reach(loss: NDArray[np.float32], steps: tuple[float, ...], rows: tuple[float, ...]) -> float | None:
    """The distance from 0, 0 to the nearest place whose loss is twice the loss there, and at least 0.1 nats above it; None
    where there is none. A place whose loss is no number counts."""
    here = float(loss[rows.index(0.0), steps.index(0.0)])
    limit = max(2 * here, here + 0.1)
    y, x = np.meshgrid(rows, steps, indexing="ij")
    beyond = ~(loss < limit)
    return float(np.hypot(x, y)[beyond].min()) if beyond.any() else None


def table(found: Landscape) -> str:
    """Every place as CSV."""
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(["across", "up", "loss", "right"])
    for row, y in enumerate(found.rows):
        for column, x in enumerate(found.steps):
            rows.writerow([f"{x:.6g}", f"{y:.6g}", f"{found.loss[row, column]:.6g}", f"{found.right[row, column]:.6g}"])
    return out.getvalue()


def path_table(path: Path) -> str:
    """The checkpoints, and the report's own weights where they are none of them, as CSV."""
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(["across", "up", "off", "loss", "right", "checkpoint"])
    for one in (*path.places, *([path.own] if path.own else [])):
        numbers = [f"{value:.6g}" for value in (one.x, one.y, one.off, one.loss, one.right)]
        rows.writerow([*numbers, plain(one.label)])
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
