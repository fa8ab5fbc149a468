"""Made-up judgements of maps: plausible, from one seed, with intervals and standings worked out as the real ones are."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from generator.names import INPUT, LayerName
from generator.pages.trust_views import (
    Agreement,
    Estimate,
    MapId,
    Metric,
    SanityCurve,
    Standing,
    Summary,
    Trust,
)

METRICS = (
    Metric("deletion", "Deletion", "lower", "Pixels are emptied, the most relevant first: the area under the target's score.", decides=False),
    Metric("insertion", "Insertion", "higher", "A blurred picture is made sharp, the most relevant pixels first: the area under the target's score."),
    Metric("road", "ROAD", "higher", "Pixels are filled in from their neighbours: half of what the score loses more without the most relevant ones."),
    Metric("average_drop", "Average drop", "lower", "The picture is darkened by its map: what the target's score loses, in percent.", "%", decides=False),
    Metric("increase", "Increase in confidence", "higher", "The share of pictures that score higher when darkened by their map.", decides=False),
    Metric("infidelity", "Infidelity", "lower", "Random squares are emptied: the share of what the score loses that the map does not foretell.", decides=False),
)  # fmt: skip
BOXES = (
    Metric("pointing_game", "Pointing game", "higher", "Whether the map's highest place is on an object of the target's kind.", decides=False),
    Metric("energy_in_box", "Energy in the box", "higher", "The share of the map's positive values that lies on an object of the target's kind.", decides=False),
)  # fmt: skip
RANDOM, EDGES = "random_map", "sobel_edges"
QUALITY: Mapping[str, float] = {
    RANDOM: 0.0, EDGES: 0.28, "grad_cam": 0.78, "grad_cam_pp": 0.74, "layer_cam": 0.82, "hires_cam": 0.76, "xgrad_cam": 0.74, "grad_cam_elementwise": 0.72,
    "eigen_cam": 0.45, "eigen_grad_cam": 0.7, "full_grad": 0.66, "score_cam": 0.8, "ablation_cam": 0.81, "cam": 0.79, "guided_grad_cam": 0.52, "counterfactual_grad_cam": -0.25,
    "saliency": 0.34, "input_x_gradient": 0.3, "guided_backprop": 0.4, "deconvnet": 0.12, "smooth_grad": 0.44, "integrated_gradients": 0.46, "occlusion": 0.86,
    "lrp": 0.55, "input_response": 0.33,
}  # fmt: skip
"""How good the made-up maps of each method are: from 0, a random map, to 1."""
ON_INPUT = (RANDOM, EDGES, "saliency", "input_x_gradient", "guided_backprop", "deconvnet", "smooth_grad", "integrated_gradients", "occlusion", "lrp", "guided_grad_cam")  # fmt: skip
BLIND = ("guided_backprop", "deconvnet", "guided_grad_cam")
"""Those whose sanity curve stays up."""
FEW = (RANDOM, EDGES, "grad_cam", "grad_cam_pp", "cam", "saliency", "guided_backprop", "deconvnet", "input_response", "integrated_gradients", "occlusion")  # fmt: skip


def trust(
    images: Sequence[str],
    layers: Sequence[LayerName],
    *,
    methods: Sequence[str] = FEW,
    metrics: Sequence[Metric] = METRICS,
    stages: Sequence[str] = ("trained", "_fc", "_conv_head", "_blocks.12", "_blocks.8", "_blocks.4", "_conv_stem"),
    seed: int = 0,
) -> Trust:
    """Judged maps of `methods` at every one of `layers` (or on the input) on `images`."""
    rng = np.random.default_rng(seed)
    maps = [MapId(m, layer) for m in methods for layer in ((INPUT,) if m in ON_INPUT else tuple(layers))]
    ease = {slug: float(rng.normal(0, 0.2)) for slug in images}
    values: dict[str, dict[MapId, dict[str, float]]] = {slug: {} for slug in images}
    for of in maps:
        depth = 0.0 if of.layer == INPUT else 0.3 * (len(layers) - 1 - list(layers).index(of.layer))
        for slug in images:
            q = QUALITY[of.method] - depth + ease[slug] + float(rng.normal(0, 0.13))
            values[slug][of] = {m.name: _number(m.name, q, rng) for m in metrics}
    return Trust(
        metrics=tuple(metrics),
        images=values,
        summaries=tuple(_summary(of, maps, values, metrics) for of in maps),
        stages=tuple(stages),
        sanity=tuple(_curve(of, len(stages), rng) for of in maps),
        agreement={slug: _agreement(maps, np.random.default_rng(seed + 1 + k)) for k, slug in enumerate(images)},
        agreement_of_set=_agreement(maps, np.random.default_rng(seed)),
        sentences=(
            "Occlusion and Grad-CAM are better than the random and the edge map by every metric, and pass the sanity check.",
            "Guided backprop and Deconvnet fail the sanity check: their maps hardly change when the weights become random.",
            "Saliency and Input x response are no better than the edge map by deletion and insertion.",
        ),
    )  # fmt: skip


def _number(metric: str, q: float, rng: np.random.Generator) -> float:
    """What a map of quality `q` comes to."""
    noise = float(rng.normal(0, 0.05))
    if metric == "increase":
        return float(rng.random() < 0.05 + 0.45 * max(0.0, q))
    if metric == "pointing_game":
        return float(rng.random() < 0.25 + 0.7 * max(0.0, q))
    if metric == "infidelity":
        return float(10 ** (-2.2 - 1.6 * q + 4 * noise))
    ends = {"deletion": (0.42, 0.05), "insertion": (0.3, 0.75), "road": (0.02, 0.3), "average_drop": (85.0, 18.0), "energy_in_box": (0.3, 0.75)}  # fmt: skip
    low, high = ends[metric]
    return float(np.clip(low + (high - low) * (q + noise), 0.005, 0.995 * (100 if metric == "average_drop" else 1)))


def _interval(numbers: Sequence[float]) -> tuple[float, float, float]:
    """Mean and 95 % interval, by the normal approximation; without one where there is one number."""
    mean = float(np.mean(numbers))
    if len(numbers) < 2:
        return mean, math.nan, math.nan
    half = 1.96 * float(np.std(numbers, ddof=1)) / math.sqrt(len(numbers))
    return mean, mean - half, mean + half


def _summary(of: MapId, maps: Sequence[MapId], values: Mapping[str, Any], metrics: Sequence[Metric]) -> Summary:
    estimates, beside = {}, {}
    for m in metrics:
        estimates[m.name] = Estimate(*_interval([v[of][m.name] for v in values.values()]), len(values))
    for name in (RANDOM, EDGES):
        base = next((b for b in maps if b.method == name), None)
        if base is not None:
            beside[name] = {m.name: _standing(m, of, base, values) for m in metrics}
    return Summary(of, estimates, beside)


def _standing(metric: Metric, of: MapId, base: MapId, values: Mapping[str, Any]) -> Standing:
    if of.method in (RANDOM, EDGES):
        return "baseline"
    sign = 1 if metric.better == "higher" else -1
    _, low, high = _interval([sign * (v[of][metric.name] - v[base][metric.name]) for v in values.values()])
    return "better" if low > 0 else "worse" if high < 0 else "undecided"


def _curve(of: MapId, stages: int, rng: np.random.Generator) -> SanityCurve:
    k = np.arange(stages)
    if of.method == EDGES:
        curve = np.ones(stages)
    elif of.method == RANDOM:
        curve = np.where(k == 0, 1.0, rng.normal(0, 0.02, stages))
    elif of.method in BLIND:
        curve = 1 - 0.3 * (1 - np.exp(-k / 2)) + rng.normal(0, 0.03, stages)
    else:
        curve = np.exp(-k / rng.uniform(0.6, 1.6)) + rng.normal(0, 0.05, stages)
    curve[0] = 1.0
    passed = None if of.method in ("smooth_grad", "input_response") else of.method not in BLIND
    return SanityCurve(of, tuple(float(v) for v in np.clip(curve, -1, 1)), 2, passed)


def _agreement(maps: Sequence[MapId], rng: np.random.Generator) -> Agreement:
    """Correlations of random vectors with a common part a family: CAMs, gradients, perturbations, baselines apart."""
    rows = []
    common = {f: np.random.default_rng(1000 + f).normal(size=60) for f in range(3)}
    for of in maps:
        family = (
            None if of.method in (RANDOM, EDGES) else 0 if of.layer != INPUT else 1 if of.method != "occlusion" else 2
        )
        own = rng.normal(size=60)
        part = 0.0 if family is None else 0.55 + 0.4 * float(rng.random())
        sign = -1 if of.method == "counterfactual_grad_cam" else 1
        shared = common[0] * 0.45 + common[family] if family is not None else own
        rows.append(sign * part * shared + (1 - part) * own)
    matrix = np.corrcoef(np.asarray(rows))
    np.fill_diagonal(matrix, 1.0)
    return Agreement(tuple(maps), tuple(tuple(float(v) for v in row) for row in matrix))
