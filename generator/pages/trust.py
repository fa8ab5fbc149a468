"""Whether to believe the maps: the page of the whole set, and the parts of it that stand on other pages.

verdict ▸ table over the set ▸ sanity curves ▸ agreement          trust.html
table and agreement of one image                                  its page, and trust.html when it is picked
estimates and sanity curve of one method                          its page
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from generator.pages import escape
from generator.pages.context import Site
from generator.pages.numbers import compact
from generator.pages.trust_agreement import Matrix, matrix
from generator.pages.trust_sanity import Sanity, sanity
from generator.pages.trust_table import Row, Table, judged, of_image, of_set, ordered
from generator.pages.views import Heat
from generator.trust.sanity import KEPT, NEAR


def write(site: Site) -> None:
    """Write trust.md and its data scripts, one for the set and one an image that was judged."""
    trust = judged(site)
    table, agreement, curves = of_set(site), matrix(site), sanity(site)
    empty = not (table.rows or trust.images or curves or agreement)
    pictured = [i for i in site.report.images if i.slug in trust.images or i.slug in trust.agreement]
    for image in pictured:
        site.script(
            address(image.slug), "trust", image.slug, data(site, of_image(site, image.slug), matrix(site, image.slug))
        )
    if not empty:
        titles = [escape.clean(site.method_title(b)) for b in trust.baselines]
        whole = {**data(site, table, agreement), "curves": curve_rows(curves), "baselines": titles}
        site.script("data/trust.js", "trust", "", whole)
    site.page(
        "trust.md",
        "trust.html",
        title=site.t("trust.title"),
        section="trust",
        description=site.t("trust.description", model=site.report.title),
        empty=empty,
        table=table,
        matrix=agreement,
        curves=curves,
        sanity_lead=site.t("trust.sanity_lead", limit=f"{KEPT:.2f}", near=f"{NEAR:g}"),
        sentences=trust.sentences,
        metrics=ordered(trust.metrics),
        baselines=[site.method_title(b) for b in trust.baselines],
        images=[(image, site.photo(image), address(image.slug)) for image in pictured],
        changed=changed(site, table),
        settings=settings(site),
    )


def settings(site: Site) -> str:
    """With what the numbers of the report were taken, in one line; "" where nothing was judged."""
    trust = judged(site)
    found = trust.settings
    if found is None or not (trust.summaries or trust.sanity):
        return ""
    taken = {metric.name for metric in trust.metrics}
    curves = [m.title for m in trust.metrics if m.name in ("insertion", "deletion")]
    parts = [site.t("trust.set_images", n=found.images)] if taken else []
    if curves:
        parts.append(site.t("trust.set_steps", metrics=_listed(site, curves), n=found.steps))
    if "road" in taken:
        shares = ", ".join(f"{100 * share:g}" for share in found.shares)
        parts.append(site.t("trust.set_shares", shares=shares))
    if "infidelity" in taken:
        parts.append(site.t("trust.set_squares", n=found.squares))
    if found.checked:
        parts.append(site.t("trust.set_sanity", stages=found.stages, n=found.checked))
    return site.t("trust.settings", parts="; ".join(parts))


def changed(site: Site, table: Table) -> list[tuple[str, str, list[tuple[str, str, str]]]]:
    """The methods of the table that ran with other options than their own: (name, title, [(option, here, its own)])."""
    shown = {row.of.method for row in table.rows}
    found = []
    for method in site.report.methods:
        other = [(o, method.used[o], own) for o, own, _ in method.options if method.used.get(o, own) != own]
        if method.name in shown and other:
            found.append((method.name, method.title, other))
    return found


def image_part(site: Site, slug: str) -> dict[str, Any] | None:
    """What an image's page shows, or None where its maps were not judged."""
    table, agreement = of_image(site, slug), matrix(site, slug)
    if not table.rows and agreement is None:
        return None
    return {
        "table": table,
        "matrix": agreement,
        "script": address(slug),
        "first": rated_best(site, table),
        "flat": any(cell.value is None for row in table.rows for cell in row.cells),
        "baselines": [site.method_title(b) for b in judged(site).baselines],
    }


def method_part(site: Site, method: str) -> dict[str, Any] | None:
    """What a method's page shows: its rows of the set's table beside the baselines', and its curves."""
    table, curves = of_set(site), sanity(site)
    rows = [row for row in table.rows if row.of.method == method]
    drawn = [] if curves is None else [d for d in (*curves.drawings, *curves.faint) if d.of.method == method]
    maps = list(dict.fromkeys([row.of for row in rows] + [d.of for d in drawn]))
    if not maps:
        return None
    base = [(b, next((row for row in table.rows if row.of.method == b), None)) for b in judged(site).baselines]
    others = [(k, b, row) for k, (b, row) in enumerate(base) if row is not None and b != method]
    return {
        "table": table,
        "curves": curves,
        "baselines": [(site.method_title(b), row) for _, b, row in others],
        "places": [k for k, _, _ in others],
        "maps": [
            (next((r for r in rows if r.of == of), None), next((d for d in drawn if d.of == of), None)) for of in maps
        ],
    }


def mark(site: Site, method: str) -> str:
    """What stands under a method's name wherever its maps are: that it is a baseline, or fails the sanity check; or ""."""
    trust = site.report.trust
    if trust is None:
        return ""
    if method in trust.baselines:
        return site.t("trust.baseline")
    failed = any(curve.of.method == method and curve.passed is False for curve in trust.sanity)
    return site.t("trust.insane") if failed else ""


def limits(site: Site, method: str) -> Mapping[str, float]:
    """From which value on a fact that the method states of its own map speaks against it."""
    return site.methods[method].limits if method in site.methods else {}


def doubtful(heat: Heat, most: Mapping[str, float]) -> list[str]:
    """The facts of a map that speak against it."""
    return [escape.clean(fact) for fact, value in heat.facts if fact in most and abs(value) > most[fact]]


def first_sentence(site: Site) -> str:
    """The verdict's first sentence, or ""."""
    return next(iter(judged(site).sentences), "")


def rated_best(site: Site, table: Table) -> str:
    """The sentence that says which map the deciding numbers rate best on an image, beside the baselines' numbers. A map that
    fails the sanity check is none to be rated best: where its number is better, that is said of it. "" where there is no
    number, or where a baseline has one as good."""
    said, blind = [], []
    for k, column in [(k, c) for k, c in enumerate(table.columns) if c.decides][:2]:
        metric = next(m for m in judged(site).metrics if m.name == column.name)
        sign = 1 if column.better == "higher" else -1
        known = [(sign * v, row) for row in table.rows if (v := row.cells[k].value) is not None]
        sane = [(v, row) for v, row in known if not row.name.baseline and not _fails(row)]
        if not sane:
            continue
        top = max(v for v, _ in sane)
        if any(row.name.baseline and v >= top for v, row in known):
            continue
        best = [row for v, row in sane if v == top]
        beside = [f"{row.name.title} {row.cells[k].text}" for _, row in known if row.name.baseline]
        number = f"{best[0].cells[k].text} {column.unit}".strip()
        said.append((metric.title, _listed(site, [r.name.full for r in best]), "; ".join([number, *beside])))
        if ahead := [row.name.full for v, row in known if _fails(row) and v > top]:
            blind.append(site.t("trust.rate_failed", metric=metric.title, maps=_listed(site, ahead)))
    if not said:
        return ""
    one, maps, number = said[0]
    if len(said) == 1:
        return " ".join([site.t("trust.rate_one", metric=one, maps=maps, number=number), *blind])
    other, others, another = said[1]
    key = "trust.rate_both" if maps == others else "trust.rate_two"
    words = {"one": one, "maps": maps, "number": number, "other": other, "others": others, "another": another}
    return " ".join([site.t(key, **words), *blind])


def _fails(row: Row) -> bool:
    return row.sanity is not None and row.sanity.passed is False


def _listed(site: Site, words: Sequence[str]) -> str:
    """a; a and b; a, b and 3 more"""
    if len(words) > 2:
        return site.t("trust.more", some=", ".join(words[:2]), n=len(words) - 2)
    return site.t("trust.joined", one=words[0], other=words[1]) if len(words) == 2 else words[0]


def address(slug: str) -> str:
    """Where an image's data script is."""
    return f"data/trust/{escape.slug(slug)}.js"


def data(site: Site, table: Table, agreement: Matrix | None) -> dict[str, Any]:
    """A table and a matrix as the page's scripts put them in place of others, and as rows of CSV."""
    return {
        "by": "interval" if table.intervals else "number",
        "columns": [{"unit": c.unit, "left": c.left, "right": c.right, "log": c.log, "lines": c.lines} for c in table.columns],
        "rows": {
            row.name.id: {
                "wins": row.wins,
                "judged": row.judged,
                "cells": [
                    {
                        "t": c.text, "v": None if c.value is None else compact(c.value), "i": c.interval, "at": c.at, "lo": c.low, "hi": c.high,
                        "s": c.standing or "", "m": [s or "" for s in c.beside], "best": c.best,
                    }
                    for c in row.cells
                ],
            }
            for row in table.rows
        },
        "csv": table_rows(site, table),
        "matrix": matrix_data(agreement),
    }  # fmt: skip


def matrix_data(agreement: Matrix | None) -> dict[str, Any] | None:
    """{of: names, rows: numbers}"""
    if agreement is None:
        return None
    return {
        "ids": [n.id for n in agreement.of],
        "of": [escape.clean(n.full) for n in agreement.of],
        "rows": [[None if v is None else round(v, 4) for v in row] for row in agreement.values],
    }


def table_rows(site: Site, table: Table) -> list[list[str | float | int | None]]:
    """The table as CSV: names, then of each metric its mean, interval, number of images and standings, or its number alone."""
    baselines = judged(site).baselines
    head: list[str | float | int | None] = ["method", "layer", "sanity"]
    for c in table.columns:
        head += [c.name]
        if table.intervals:
            head += [f"{c.name}_low", f"{c.name}_high", f"{c.name}_n"]
        head += [f"{c.name}_vs_{b}" for b in baselines]
    head += ["own_check_fails"]
    estimates = {s.of: s.estimates for s in judged(site).summaries}
    made = [head]
    for row in table.rows:
        passed = row.sanity.passed if row.sanity else None
        word = "" if row.sanity is None else "undecided" if passed is None else "passed" if passed else "failed"
        line: list[str | float | int | None] = [escape.clean(row.of.method), row.name.layer_or_input, word]
        for c, cell in zip(table.columns, row.cells, strict=True):
            line += [cell.value if cell.value is None else compact(cell.value)]
            if table.intervals:
                e = estimates[row.of].get(c.name)
                line += [compact(e.low), compact(e.high), e.n] if e else [None, None, None]
            line += list(cell.beside) if cell.beside else [None] * len(baselines)
        made.append([*line, row.doubt.images if row.doubt else 0])
    return made


def curve_rows(curves: Sanity | None) -> list[list[str | float | int | None]]:
    """The sanity curves as CSV."""
    if curves is None:
        return []
    made: list[list[str | float | int | None]] = [
        ["method", "layer", "verdict", "n", *map(escape.clean, curves.stages)]
    ]
    for d in (*curves.drawings, *curves.faint):
        numbers = [None if v is None else compact(v) for v in d.values]
        made.append([escape.clean(d.of.method), d.name.layer_or_input, d.verdict, d.n, *numbers])
    return made
