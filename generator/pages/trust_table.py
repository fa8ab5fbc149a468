"""Judged maps as rows of a table whose cells are small plots: a dot with its interval on the axis of its column.

    worse ◀──┃────┆──────├──●──┤──▶ better        ┃ the random map, ┆ the edge map

Right is better in every column, so that one glance reads them all: the axis of a metric that is better low runs backwards.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from generator.names import INPUT
from generator.pages import escape
from generator.pages.context import Site
from generator.pages.trust_axis import Axis, Writer, sure
from generator.pages.trust_views import Better, Estimate, MapId, Metric, SanityCurve, Standing, Trust


@dataclass(frozen=True)
class Name:
    """What a map is called, and where it is explained (addresses from the site's root, "" where there is no page)."""

    id: str
    title: str
    layer: str
    """"" for maps on the input."""
    full: str
    """Grad-CAM at layer4"""
    method_page: str
    layer_page: str
    baseline: bool

    @property
    def layer_or_input(self) -> str:
        """For files of numbers."""
        return escape.clean(self.layer) or "input"


@dataclass(frozen=True)
class Column:
    """A metric: its axis in words and the places of the baselines on it, in percent from the left."""

    name: str
    title: str
    unit: str
    better: Better
    n: int
    """Over how many images at most: a row says where it has fewer."""
    left: str
    right: str
    log: bool
    lines: tuple[float | None, ...]
    """One a baseline."""
    decides: bool


@dataclass(frozen=True)
class Cell:
    """One number of one map: as text, and as places on the column's axis in percent from the left (None: not drawn)."""

    text: str
    value: float | None
    interval: str = ""
    at: float | None = None
    low: float | None = None
    high: float | None = None
    standing: Standing | None = None
    """Beside all baselines at once: better than every one, worse than one at least, or neither."""
    beside: tuple[Standing | None, ...] = ()
    best: bool = False
    """The best number of its column, where numbers of one image stand there."""


@dataclass(frozen=True)
class Doubted:
    """That a map does not hold by its own check."""

    images: int
    """On how many of those it was judged on."""
    of: int
    text: str
    """completeness error up to 63 %, allowed: 5 %"""


@dataclass(frozen=True)
class Row:
    """A map and its numbers."""

    of: MapId
    name: Name
    cells: tuple[Cell, ...]
    sanity: SanityCurve | None
    """None for the baselines too: they are what the others are held against."""
    wins: int
    """In how many of the columns that decide it is better than every baseline."""
    judged: int
    """Of how many."""
    n: int | None = None
    """The fewest images that one of its numbers rests on, where these are fewer than the column says."""
    doubt: Doubted | None = None
    """None where its own check says nothing against it, or where it has none."""


@dataclass(frozen=True)
class Table:
    """Rows in the order of trust, the baselines last."""

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    widest: int
    """Characters of the longest number."""
    layer: Name | None
    """A map of the only layer that maps are at, where there is only one: it is then said once."""
    all_decide: bool
    """Whether the verdict rests on every column."""
    intervals: bool
    """Whether standings come from intervals over images; else one number was held against another."""


def judged(site: Site) -> Trust:
    """What is known of the report's maps; nothing where they were not judged."""
    return site.report.trust or Trust()


def name(site: Site, of: MapId) -> Name:
    """A map's name and addresses."""
    title = site.method_title(of.method)
    view = site.layer_views.get(of.layer)
    layer = "" if of.layer == INPUT else str(of.layer)
    short = hashlib.sha256(f"{of.method}\0{of.layer}".encode("utf-8", "surrogatepass")).hexdigest()[:6]
    return Name(
        id=f"{escape.slug(f'{of.method}-{layer}')}-{short}",
        title=title,
        layer=layer,
        full=site.t("trust.map_at", method=title, layer=layer) if layer else title,
        method_page=f"methods/{of.method}.html" if of.method in site.methods else "",
        layer_page=f"layers/{escape.slug(view.slug)}.html" if view else "",
        baseline=of.method in judged(site).baselines,
    )


def of_set(site: Site) -> Table:
    """The maps over the set of images, the most trusted first: those that failed the sanity check after the others, then by
    the number of metrics in which they are better than every baseline, of those that decide and then of all, then by their
    mean rank; the baselines last."""
    trust = judged(site)
    table = _table(site, {s.of: s.estimates for s in trust.summaries}, {s.of: s.beside for s in trust.summaries})
    table = _doubted(site, table, trust.images)
    ranks: dict[MapId, list[int]] = {row.of: [] for row in table.rows}
    for k, column in enumerate(table.columns):
        known = [(row.cells[k].value, row.of) for row in table.rows]
        values = sorted({v for v, _ in known if v is not None}, reverse=column.better == "higher")
        for value, of in known:
            if value is not None and column.decides:
                ranks[of].append(values.index(value))

    def key(row: Row) -> tuple[bool, bool, int, int, float]:
        failed = row.sanity is not None and row.sanity.passed is False
        return (
            row.name.baseline,
            failed,
            -row.wins,
            -sum(c.standing == "better" for c in row.cells),
            sum(ranks[row.of]) / len(ranks[row.of]) if ranks[row.of] else math.inf,
        )

    return replace(table, rows=tuple(sorted(table.rows, key=key)))


def of_image(site: Site, slug: str) -> Table:
    """The maps of one image in the order of the set, their numbers held against the baselines' own on it."""
    found = judged(site).images.get(slug, {})
    single = {
        of: {metric: Estimate(value, math.nan, math.nan, 1) for metric, value in values.items()}
        for of, values in found.items()
    }
    ordered = [row.of for row in of_set(site).rows if row.of in single]
    return _doubted(site, _table(site, {of: single[of] for of in (*ordered, *single)}, None), [slug])


def _doubted(site: Site, table: Table, slugs: Iterable[str]) -> Table:
    """The table with what maps' own checks on these images say against them."""
    trust = judged(site)
    here = [slug for slug in slugs if slug in trust.images]

    def found(of: MapId) -> Doubted | None:
        against = [doubt for slug in here if (doubt := trust.doubts.get(slug, {}).get(of)) is not None]
        if not against:
            return None
        worst = max(against, key=lambda one: abs(one.value) / one.limit)
        text = site.t(
            "trust.own_check", fact=worst.fact, value=f"{100 * abs(worst.value):.0f}", limit=f"{100 * worst.limit:g}"
        )
        return Doubted(len(against), sum(of in trust.images[slug] for slug in here), text)

    return replace(table, rows=tuple(replace(row, doubt=found(row.of)) for row in table.rows))


def _table(
    site: Site,
    estimates: Mapping[MapId, Mapping[str, Estimate]],
    beside: Mapping[MapId, Mapping[str, Mapping[str, Standing]]] | None,
) -> Table:
    """Rows as `estimates` has them; without `beside`, or where no estimate has an interval, numbers are compared."""
    trust = judged(site)
    called = {of: name(site, of) for of in estimates}
    intervals = beside is not None and any(sure(e) for row in estimates.values() for e in row.values())
    cells: dict[MapId, list[Cell]] = {of: [] for of in estimates}
    columns = []
    for metric in ordered(trust.metrics):
        found = {of: row[metric.name] for of, row in estimates.items() if _known(row.get(metric.name))}
        axis = Axis.of(found.values(), metric.better)
        write = Writer.of([e.mean for e in found.values()], axis.log)
        base = [next((e.mean for of, e in found.items() if of.method == b), None) for b in trust.baselines]
        columns.append(
            Column(
                name=metric.name,
                title=metric.title,
                unit=" ".join(filter(None, (write.unit, metric.unit))),
                better=metric.better,
                n=max((e.n for e in found.values()), default=0),
                left=write.short(axis.left),
                right=write.short(axis.right),
                log=axis.log,
                lines=tuple(None if b is None else axis.place(b) for b in base),
                decides=metric.decides or not any(m.decides for m in trust.metrics),
            )
        )
        best = (min if metric.better == "lower" else max)((e.mean for e in found.values()), default=None)
        for of, row in cells.items():
            estimate = found.get(of)
            if estimate is None:
                row.append(Cell("–", None))
                continue
            stands: tuple[Standing | None, ...] = ()
            if not called[of].baseline:
                stands = tuple(
                    beside.get(of, {}).get(baseline, {}).get(metric.name)
                    if intervals and beside is not None
                    else _compared(estimate.mean, number, metric.better)
                    for baseline, number in zip(trust.baselines, base, strict=True)
                )
            ends = sorted(axis.place(v) for v in (estimate.low, estimate.high)) if sure(estimate) else (None, None)
            row.append(
                Cell(
                    text=write(estimate.mean),
                    value=estimate.mean,
                    interval=f"{write(estimate.low)} – {write(estimate.high)}" if sure(estimate) else "",
                    at=axis.place(estimate.mean),
                    low=ends[0],
                    high=ends[1],
                    standing="baseline" if called[of].baseline else _together(stands),
                    beside=stands,
                    best=not intervals and len(found) > 1 and estimate.mean == best,
                )
            )
    deciding = [k for k, column in enumerate(columns) if column.decides]
    curves = {curve.of: curve for curve in trust.sanity}
    rows = tuple(
        Row(
            of=of,
            name=called[of],
            cells=tuple(made),
            sanity=None if called[of].baseline else curves.get(of),
            wins=sum(made[k].standing == "better" for k in deciding),
            judged=sum(made[k].standing not in (None, "baseline") for k in deciding),
            n=_fewer(estimates[of], columns),
        )
        for of, made in cells.items()
    )
    widest = max((len(c.text) for row in rows for c in row.cells), default=1)
    at = {of.layer: called[of] for of in estimates if of.layer != INPUT}
    only = next(iter(at.values())) if len(at) == 1 else None
    return Table(tuple(columns), rows, widest, only, all(c.decides for c in columns), intervals)


def _fewer(own: Mapping[str, Estimate], columns: Sequence[Column]) -> int | None:
    """The fewest images of a map's numbers that rest on fewer than their columns do."""
    return min((e.n for c in columns if _known(e := own.get(c.name)) and e is not None and e.n < c.n), default=None)


def ordered(metrics: Iterable[Metric]) -> list[Metric]:
    """In the order of columns: those that decide come first, in sight on a telephone too."""
    return sorted(metrics, key=lambda metric: not metric.decides)


def _known(estimate: Estimate | None) -> bool:
    return estimate is not None and math.isfinite(estimate.mean)


def _compared(value: float, baseline: float | None, better: Better) -> Standing | None:
    if baseline is None:
        return None
    if value == baseline:
        return "undecided"
    return "better" if (value < baseline) == (better == "lower") else "worse"


def _together(beside: Sequence[Standing | None]) -> Standing | None:
    known = [s for s in beside if s is not None]
    if not known:
        return None
    return "worse" if "worse" in known else "better" if all(s == "better" for s in known) else "undecided"
