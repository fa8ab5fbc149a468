"""What is wrong with the model, and what is not: a card for each finding, gravest first, and what was not found behind them.

verdict ▸ cards: evidence, drawing, layers and units, what to do, threshold ▸ not found ▸ not judged
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from dataclasses import dataclass
from typing import Any

from generator.artifacts import NotApplicable
from generator.findings.finding import SEVERITIES, Finding, Place
from generator.names import LayerName
from generator.pages import bibtex, escape
from generator.pages.context import Site, safe
from generator.pages.findings_drawing import Chart, chart
from generator.pages.findings_views import Checked
from generator.pages.named import filter_of
from generator.pages.prose import to_html

FEW = 300
"""Images below which a word of caution stands on the page: see the check of dead units."""
ROWS = 5
"""Layers of a finding that stand open."""
UNITS = 12
"""Units of a layer that have a link of their own."""
MOST = 512
"""Units of a layer that have one where the page of all units cannot list them; findings.csv has all."""
UNJUDGED = "not judged"


@dataclass(frozen=True)
class Row:
    """A layer of a finding, with its links."""

    layer: LayerName
    address: str
    """Of its page, as the finding's filter shows it, or of that of the layer whose units they are; "" where it has none."""
    text: str
    units: tuple[tuple[int, str], ...]
    """(unit, address) of the first few."""
    more: int
    """How many units there are beside them."""
    query: str = ""
    """Where the page of all units lists them all."""
    rest: tuple[tuple[int, str], ...] = ()
    """Otherwise (unit, address) of the others, up to `MOST`."""
    by: LayerName | None = None
    """The layer whose page shows them, where theirs has none."""


@dataclass(frozen=True)
class Card:
    """One thing that was looked for, ready to be printed."""

    of: Checked
    severity: str
    """`serious` to `fine`, or `unjudged`."""
    evidence: list[str]
    """Text and `code` by turns."""
    threshold: str
    body: Any
    """HTML: how it is judged."""
    rows: tuple[Row, ...]
    chart: Chart | None
    sources: tuple[tuple[str, str], ...]
    """(short, address)"""
    query: tuple[str, str] = ("", "")
    """What the page of all units is asked for such units, and the address of that."""


def write(site: Site) -> None:
    """Write findings.md and findings.csv."""
    found = site.report.findings
    made = [card(site, one) for one in found.checked] if found else []
    if found:
        site.tree.write("findings.csv", table(found.checked))
    site.page(
        "findings.md",
        "findings.html",
        title=site.t("findings.title"),
        section="findings",
        description=site.t("findings.description", model=site.report.title),
        found=[one for one in made if one.severity in ("serious", "warning", "note")],
        fine=[one for one in made if one.severity == "fine"],
        unjudged=[one for one in made if one.severity == "unjudged"],
        verdict=verdict(site),
        basis=[escape.code_spans(text) for text in basis(site)],
        counts=[(severity, n) for severity in (*SEVERITIES, "unjudged") if (n := sum(c.severity == severity for c in made))],
        shown=ROWS,
        address_of=lambda dot: _unit(site, dot.layer, dot.unit) if dot.unit is not None else _layer(site, dot.layer, ""),
    )  # fmt: skip


def verdict(site: Site) -> str:
    """The page's first sentence, which stands on the home page too; "" where nothing was looked for."""
    found = site.report.findings
    if found is None:
        return ""
    counts: Counter[str] = Counter(one.result.severity for one in found.checked if isinstance(one.result, Finding))
    worst = next((severity for severity in SEVERITIES if counts[severity]), "fine")
    if worst == "fine":
        return site.t("findings.says_fine")
    n = counts[worst]
    return site.t(f"findings.says_{worst}{'_1' if n == 1 else ''}", n=n)


def basis(site: Site) -> list[str]:
    """What it is judged by, and how far that carries."""
    found = site.report.findings
    if found is None:
        return []
    if not found.layers:
        return [site.t("findings.by_weights")]
    images = site.t("findings.images_1") if found.images == 1 else site.t("findings.images", n=f"{found.images:,}")
    said = [site.t("findings.by_both", layers=found.layers, images=images)]
    return [*said, site.t("findings.few", n=found.images)] if found.images < FEW else said


def card(site: Site, of: Checked) -> Card:
    """One check's result, its links and its drawing."""
    result = of.result
    sources = tuple((bibtex.short(paper), bibtex.address(paper)) for paper in of.papers)
    body = to_html(of.body)
    if isinstance(result, NotApplicable):
        return Card(of, "unjudged", escape.code_spans(site.sentence(result.reason)), "", body, (), None, sources)
    rows = tuple(row(site, place) for place in result.places)
    drawn = chart(result.drawing) if result.drawing else None
    evidence = escape.code_spans(result.evidence)
    query = result.query, safe(f"units.html#q={escape.url(result.query)}") if result.query else ""
    return Card(of, result.severity, evidence, result.threshold, body, rows, drawn, sources, query)


def row(site: Site, place: Place) -> Row:
    """A layer with links to its page and to its units: the first few, and those after them on the page of all units, or behind."""
    units = tuple((unit, _unit(site, place.layer, unit)) for unit in place.units[:MOST])
    view, more = site.shows(place.layer), max(0, len(place.units) - UNITS)
    known = view is not None and view.layer.name == place.layer and view.answers is not None and place.query
    asked = escape.url(f'{place.query} layer:"{escape.clean(place.layer)}"')
    return Row(
        place.layer,
        _layer(site, place.layer, filter_of(place)),
        place.text,
        units[:UNITS],
        more,
        safe(f"units.html#q={asked}") if known and more and '"' not in place.layer else "",
        units[UNITS:],
        view.layer.name if view is not None and view.layer.name != place.layer else None,
    )


def _layer(site: Site, layer: LayerName, mark: str) -> str:
    view = site.shows(layer)
    if view is None:
        return ""
    page = f"layers/{escape.slug(view.slug)}.html"
    return safe(f"{page}#f={mark}" if mark and view.answers is not None else page)


def _unit(site: Site, layer: LayerName, unit: int) -> str:
    page = _layer(site, layer, "")
    return safe(f"{page}#u={unit}{_raised(site, layer, unit)}") if page else ""


def _raised(site: Site, layer: LayerName, unit: int) -> str:
    """``&i=cat`` where the image that raises a unit most is one of the report's: its map is nothing on many another."""
    view = site.shows(layer) if site.shown else None
    if view is None or view.answers is None:
        return ""
    image = site.shown.get(int(view.answers.images[unit, 0]))
    return f"&amp;i={image}" if image else ""


def table(checked: tuple[Checked, ...]) -> str:
    """All findings as CSV, a row for each place; one that has none has one row."""
    out = io.StringIO()
    lines = csv.writer(out, lineterminator="\n")
    lines.writerow(["finding", "severity", "layer", "what", "units", "evidence"])
    for one in checked:
        result = one.result
        judged = isinstance(result, Finding)
        severity, said = (
            (result.severity, result.evidence) if isinstance(result, Finding) else (UNJUDGED, result.reason)
        )
        places = result.places if judged and isinstance(result, Finding) else ()
        for place in places or (None,):
            where = ("", "", "") if place is None else (place.layer, place.text, " ".join(map(str, place.units)))
            lines.writerow([plain(text) for text in (one.name, severity, *where, said)])
    return out.getvalue()


def plain(text: str) -> str:
    """Text that a spreadsheet takes for text: what begins like a formula gets an apostrophe in front."""
    cleaned = escape.clean(text)
    return f"'{cleaned}" if cleaned[:1] in ("=", "+", "-", "@") else cleaned
