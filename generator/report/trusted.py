"""What was found of a report's maps, for its pages: numbers, means beside the baselines, agreement, curves, a verdict."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from generator.images import ImageRecord
from generator.methods import registry
from generator.model.preprocess import Preprocess
from generator.names import INPUT, LayerName
from generator.pages.trust_views import (
    Agreement,
    Doubt,
    Estimate,
    MapId,
    Metric,
    SanityCurve,
    Settings,
    Standing,
    Summary,
    Trust,
)
from generator.report.keys import code_digest
from generator.report.sanity import Check, curves_of
from generator.report.trusting import Judging, doubt_of, judged, localised, mask_of, per_place_of
from generator.store import Store, key_of
from generator.trust import agreement, sanity, statistics, verdict
from generator.trust.effect import Reach
from generator.trust.metrics import DECIDING, METRICS
from generator.trust.metrics import metric as measure
from generator.trust.verdict import BASELINES

SHARES = ("increase", "pointing_game")
"""Numbers that are yes or no for an image."""


def trust_of(judging: Judging, check: Check, store: Store, preprocess: Preprocess) -> Trust:
    """Everything the store knows of whether to believe the maps. Runs no pass."""
    images: dict[str, dict[MapId, dict[str, float]]] = {}
    ends: dict[str, list[float]] = {}
    shares = False
    for found in judged(judging, store):
        of = MapId(found.request.name, found.request.layer)
        images.setdefault(found.image.slug, {})[of] = dict(found.values)
        ends.setdefault(found.image.slug, []).extend(found.reach)
        shares = found.shares
    for image in judging.images:
        where = mask_of(judging, store, image, preprocess)
        if where is None:
            continue
        for request in judging.requests:
            if numbers := localised(judging, store, request, image, where):
                of = MapId(request.name, request.layer)
                images.setdefault(image.slug, {}).setdefault(of, {}).update(numbers)
    taken = [metric for metric in METRICS if any(metric.name in v for maps in images.values() for v in maps.values())]
    doubted: dict[str, dict[MapId, Doubt]] = {}
    for image in judging.images:
        for request in judging.requests:
            of = MapId(request.name, request.layer)
            speaks = doubt_of(judging, store, request, image) if of in images.get(image.slug, {}) else None
            if speaks is not None:
                doubted.setdefault(image.slug, {})[of] = speaks
    agreements = {image.slug: one for image in judging.images if (one := _agreement(judging, store, image))}
    summaries = _summaries(images, [m.name for m in taken], judging.jobs.seed)
    each = curves_of(check, store)
    curves = {of: tuple(sum(column) / len(column) for column in zip(*found, strict=True)) for of, found in each.items()}
    findings = {of: sanity.finding(curve, check.stages) for of, curve in curves.items()}
    doubts = {of: sanity.doubt(found, check.stages) for of, found in each.items()}
    reach = Reach.of(((min(each), max(each)) for each in ends.values() if each), shares=shares)
    kept = {of: curve[0] for of, curve in curves.items() if curve and check.telling}
    rows = _rows(images, summaries, findings, doubts, kept, len(judging.layers))
    rows = [
        replace(row, own=_own(doubted, images, summary.of))
        for row, summary in zip(rows, _without_baselines(summaries), strict=True)
    ]
    checked = max(map(len, each.values()), default=0)
    return Trust(
        metrics=tuple(Metric(m.name, m.title, m.better, m.summary, m.unit, decides=m.decides) for m in taken),
        baselines=BASELINES,
        images=images,
        summaries=tuple(summaries),
        stages=("trained", *(stage.name for stage in check.stages)),
        sanity=tuple(_sanity(curves, {of: len(found) for of, found in each.items()}, findings, doubts)),
        sentences=verdict.sentences(rows, checked, reach if reach.ranges else None) if taken else (),
        agreement=agreements,
        agreement_of_set=_mean_agreement(list(agreements.values())),
        doubts=doubted,
        settings=_settings(judging, len(images), len(check.stages), checked),
    )


def _settings(judging: Judging, images: int, stages: int, checked: int) -> Settings:
    options = judging.options
    return Settings(
        images, options.steps, options.shares, options.samples, stages if checked else 0, checked, judging.layers
    )


def _column(images: Mapping[str, Mapping[MapId, Mapping[str, float]]], of: MapId, metric: str) -> list[float]:
    """A map's numbers of one metric, image by image; NaN where an image has none."""
    return [maps.get(of, {}).get(metric, math.nan) for maps in images.values()]


def _summaries(
    images: Mapping[str, Mapping[MapId, Mapping[str, float]]], metrics: Sequence[str], seed: int
) -> list[Summary]:
    maps = list(dict.fromkeys(of for found in images.values() for of in found))
    bases = {name: next((of for of in maps if of.method == name), None) for name in BASELINES}
    made = []
    for of in maps:
        estimates = {}
        for name in metrics:
            column = _column(images, of, name)
            found = statistics.share(column) if name in SHARES else statistics.mean(column, seed)
            estimates[name] = Estimate(*found)
        beside = {
            base: {name: _standing(images, of, at, name, seed) for name in metrics}
            for base, at in bases.items()
            if at is not None
        }
        made.append(Summary(of, estimates, beside))
    return made


def _standing(
    images: Mapping[str, Mapping[MapId, Mapping[str, float]]], of: MapId, base: MapId, metric: str, seed: int
) -> Standing:
    """Of a map beside a baseline: by the interval of the paired difference."""
    if of == base:
        return "baseline"
    return verdict.standing(measure(metric), _column(images, of, metric), _column(images, base, metric), seed)


def _rows(
    images: Mapping[str, Mapping[MapId, Mapping[str, float]]],
    summaries: Sequence[Summary],
    findings: Mapping[tuple[str, str], sanity.Finding | None],
    doubts: Mapping[tuple[str, str], sanity.Doubt | None],
    kept: Mapping[tuple[str, str], float],
    layers: int,
) -> list[verdict.Row]:
    """What the verdict is made of: every map but the baselines, called as pages call it; `kept` is the first of each curve."""
    rows = []
    for summary in _without_baselines(summaries):
        of = summary.of
        title = registry()[of.method].title
        at = f" at {of.layer}" if layers > 1 and of.layer != INPUT else ""
        n = min((e.n for name, e in summary.estimates.items() if name in DECIDING), default=0)
        beside = {base: {k: v for k, v in found.items() if v != "baseline"} for base, found in summary.beside.items()}
        where = (of.method, str(of.layer))
        means = {name: e.mean for name, e in summary.estimates.items() if name in DECIDING and math.isfinite(e.mean)}
        bases = [other.of for other in summaries if other.of.method in BASELINES]
        gains = {name: _gain(images, of, bases, name) for name in means}
        rows.append(
            verdict.Row(
                title + at, n, beside, findings.get(where), doubts.get(where), kept.get(where), means=means, gains=gains
            )
        )
    return rows


def _gain(
    images: Mapping[str, Mapping[MapId, Mapping[str, float]]], of: MapId, bases: Sequence[MapId], name: str
) -> float:
    """By how much a map is better than the better of the baselines: the mean of the differences, image by image."""
    sign = 1.0 if measure(name).better == "higher" else -1.0
    mine = _column(images, of, name)
    gaps = []
    for base in bases:
        pairs = zip(mine, _column(images, base, name), strict=True)
        known = [sign * (a - b) for a, b in pairs if math.isfinite(a) and math.isfinite(b)]
        gaps += [sum(known) / len(known)] if known else []
    return min(gaps, default=0.0)


def _without_baselines(summaries: Sequence[Summary]) -> list[Summary]:
    return [summary for summary in summaries if summary.of.method not in BASELINES]


def _own(
    doubted: Mapping[str, Mapping[MapId, Doubt]], images: Mapping[str, Mapping[MapId, Mapping[str, float]]], of: MapId
) -> verdict.OwnCheck | None:
    """What the own checks of a method's maps say against them, over the images."""
    found = [maps[of] for maps in doubted.values() if of in maps]
    if not found:
        return None
    worst = max(found, key=lambda one: abs(one.value) / one.limit)
    return verdict.OwnCheck(
        worst.fact, abs(worst.value), worst.limit, len(found), sum(of in maps for maps in images.values())
    )


def _sanity(
    curves: Mapping[tuple[str, str], tuple[float, ...]],
    images: Mapping[tuple[str, str], int],
    findings: Mapping[tuple[str, str], sanity.Finding | None],
    doubts: Mapping[tuple[str, str], sanity.Doubt | None],
) -> Iterator[SanityCurve]:
    for (method, layer), curve in curves.items():
        found, why = findings[method, layer], doubts[method, layer]
        passed = None if found is None or why is not None else found == "passed"
        yield SanityCurve(MapId(method, LayerName(layer)), (1.0, *curve), images[method, layer], passed, why or "")


def _agreement(judging: Judging, store: Store, image: ImageRecord) -> Agreement | None:
    """The rank correlations of an image's maps: computed once, then read."""
    drawn = [r for r in judging.requests if store.get(judging.jobs.key(r, image)) is not None]
    key = key_of(
        {
            "agreement": [judging.jobs.key(r, image) for r in drawn],
            "code": [code_digest("generator.trust.agreement"), code_digest("generator.trust.maps")],
        }
    )
    record = store.get(key)
    if record is None:
        maps = [(r, per_place_of(judging, store, r, image)) for r in drawn]
        kept = [(r, map_) for r, map_ in maps if map_ is not None]
        matrix = agreement.matrix([map_ for _, map_ in kept])
        rows = [[None if math.isnan(v) else round(float(v), 5) for v in row] for row in matrix]
        record = store.put(key, {"of": [[r.name, r.layer] for r, _ in kept], "matrix": rows})
    of = tuple(MapId(name, layer) for name, layer in record.meta["of"])
    if len(of) < 2:
        return None
    return Agreement(of, tuple(tuple(math.nan if v is None else v for v in row) for row in record.meta["matrix"]))


def _mean_agreement(of_images: Sequence[Agreement]) -> Agreement | None:
    """The mean over images, for maps that some image has."""
    if not of_images:
        return None
    maps = list(dict.fromkeys(of for found in of_images for of in found.of))
    matrices = []
    for found in of_images:
        at = [found.of.index(of) if of in found.of else None for of in maps]
        matrices.append(
            np.array([[math.nan if i is None or j is None else found.matrix[i][j] for j in at] for i in at])
        )
    total, _ = agreement.mean(matrices)
    return Agreement(tuple(maps), tuple(tuple(float(v) for v in row) for row in total))
