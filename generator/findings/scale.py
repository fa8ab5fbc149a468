r"""Scale along depth: activations that explode or vanish from layer to layer.

The scale of a layer is the root mean square of all that its units give. It is compared along the network between layers of
one kind: dense convolutions, depthwise ones, normalisations, activations, blocks. What counts is the largest growth, and the
largest decay, from any layer to any later one of its kind. In sound networks, trained or fresh with a fitting initialisation,
it stays within a factor of a hundred; plain stacks without normalisation, begun with weights that do not fit, grow or fade
by a factor a layer.

A second question is half precision: float16 ends at 65,504 on either side of zero, and a value beyond is infinite there.
Above zero it is asked of all places of all images, below zero of the sample of places, of which every unit's value is kept.

Limits: a value far below zero at a few places only may be missed by the sample. Layers that were not asked are not seen. A residual sum grows along a stage by design, a little. A layer that gives
zeros only is a decay without bounds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from generator.artifacts import NotApplicable
from generator.dataset.answers import Answers
from generator.dataset.health import ENOUGH
from generator.findings import check
from generator.findings.evidence import NO_ANSWERS, Evidence
from generator.findings.finding import SEVERITIES, Dot, Drawing, Finding, Place, graded
from generator.findings.words import counted, few
from generator.names import Layer, Paper

HALF = 65504.0
"""The largest number of float16, and less its sign the lowest."""
KINDS = ("dense convolutions", "depthwise convolutions", "normalisations", "activations", "blocks")


@dataclass(frozen=True)
class _Change:
    """The largest growth or decay within a kind: from a layer to a later one, as a factor of 1 or more."""

    kind: str
    factor: float
    grows: bool
    before: Layer
    after: Layer


@check
@dataclass(frozen=True)
class Scale:
    """Looks at the scale of each layer along the network, kind by kind."""

    note: float = 100.0
    warning: float = 1000.0
    serious: float = 1e6

    papers: ClassVar[tuple[Paper, ...]] = (
        Paper("he2015", "Kaiming He, Xiangyu Zhang, Shaoqing Ren and Jian Sun", 2015, "Delving Deep into Rectifiers: Surpassing Human-Level Performance on ImageNet Classification", venue="ICCV", arxiv="1502.01852"),
    )  # fmt: skip
    advice: ClassVar[str] = (
        "Normalise between the layers, or begin with weights whose scale keeps that of the activations; for half precision, "
        "use bfloat16 or scale the layer down."
    )

    def judge(self, evidence: Evidence) -> Finding | NotApplicable:
        if not evidence.sound:
            return NO_ANSWERS
        series = _series(evidence)
        compared = {kind: rows for kind, rows in series.items() if len(rows) > 1}
        if not compared:
            return NotApplicable("no two layers of one kind were asked, so that there is nothing to compare.")
        worst = max((one for kind, rows in compared.items() for one in _changes(kind, rows)), key=lambda c: c.factor)
        beyond = [
            (layer, far)
            for layer in evidence.layers
            if (found := evidence.sound.get(layer.name)) is not None and abs(far := _farthest(found)) > HALF
        ]
        severity = graded(worst.factor, self.note, self.warning, self.serious)
        if beyond:
            severity = SEVERITIES[min(SEVERITIES.index(severity), SEVERITIES.index("warning"))]
        raised = worst.factor >= self.note
        places = [Place(layer.name, f"{'up' if far > 0 else 'down'} to {few(far)}") for layer, far in beyond]
        if raised:
            places += [Place(one.name, f"scale {few(scale)}") for one, scale in _ends(series, worst)]
        return Finding(
            severity,
            _said(worst, raised, compared) + (f" In float16, {counted(len(beyond), 'layer')} would overflow." if beyond else ""),
            f"A note from a factor of {few(self.note)} within a kind, a warning from {few(self.warning)}, serious from 1e6 on; "
            "a warning where a value is beyond float16. Sound networks stay within a hundred, and float16 holds six "
            "powers of ten at full precision.",
            tuple(places),
            _drawing(series, worst, raised),
        )  # fmt: skip


def _series(evidence: Evidence) -> Mapping[str, Sequence[tuple[Layer, float]]]:
    """Kind -> its layers and their scales, in order of execution."""
    found: dict[str, list[tuple[Layer, float]]] = {}
    for layer in evidence.layers:
        answers = evidence.sound.get(layer.name)
        if answers is None or answers.sampled < ENOUGH or (kind := _kind(layer)) is None:
            continue
        found.setdefault(kind, []).append((layer, answers.scale))
    return {kind: found[kind] for kind in KINDS if kind in found}


def _farthest(answers: Answers) -> float:
    """Of a layer's values the one farthest from zero: of the highest of all places, and the lowest of the sample."""
    top, low = float(np.max(answers.highest, initial=0)), float(np.min(answers.histogram_lo, initial=0))
    return top if top >= -low else low


def _kind(layer: Layer) -> str | None:
    if layer.kind == "conv":
        return KINDS[1] if "depthwise" in dict(layer.attributes).get("groups", "") else KINDS[0]
    return {"norm": KINDS[2], "act": KINDS[3], "block": KINDS[4]}.get(layer.kind)


def _changes(kind: str, rows: Sequence[tuple[Layer, float]]) -> list[_Change]:
    """The largest growth and the largest decay."""
    low = high = rows[0]
    growth = decay = _Change(kind, 1.0, True, rows[0][0], rows[0][0])
    for layer, scale in rows[1:]:
        up, down = _factor(scale, low[1]), _factor(high[1], scale)
        if up > growth.factor:
            growth = _Change(kind, up, True, low[0], layer)
        if down > decay.factor:
            decay = _Change(kind, down, False, high[0], layer)
        low, high = min(low, (layer, scale), key=lambda r: r[1]), max(high, (layer, scale), key=lambda r: r[1])
    return [growth, decay]


def _factor(large: float, small: float) -> float:
    return large / small if small > 0 else math.inf if large > 0 else 1.0


def _ends(series: Mapping[str, Sequence[tuple[Layer, float]]], change: _Change) -> list[tuple[Layer, float]]:
    return [(layer, scale) for layer, scale in series[change.kind] if layer in (change.before, change.after)]


def _said(change: _Change, raised: bool, compared: Mapping[str, Sequence[tuple[Layer, float]]]) -> str:
    many = counted(sum(map(len, compared.values())), "layer")
    factor = "a factor without bounds" if math.isinf(change.factor) else f"a factor of {few(change.factor)}"
    where = f"from `{change.before.name}` to `{change.after.name}`"
    if raised:
        return f"Activations {'explode' if change.grows else 'vanish'}: the scale of {change.kind} {'grows' if change.grows else 'falls'} by {factor} {where}."  # fmt: skip
    if change.factor == 1:
        return f"The scale of {many} does not change within a kind."
    return f"Within a kind, the scale of {many} changes by {factor} at most: {change.kind}, {where}."


def _drawing(series: Mapping[str, Sequence[tuple[Layer, float]]], worst: _Change, raised: bool) -> Drawing:
    ends = (worst.before, worst.after) if raised else ()
    kinds = tuple(series)
    dots = [
        Dot(layer.name, scale, f"scale {few(scale)}", series=kinds.index(kind), raised=layer in ends)
        for kind, rows in series.items()
        for layer, scale in rows
    ]
    order = {layer.name: layer.depth for rows in series.values() for layer, _ in rows}
    dots.sort(key=lambda dot: order[dot.layer])
    return Drawing("Root mean square of what each layer gives", "dots", tuple(dots), kinds, log=True)
