"""Whether to believe a report's maps: which are judged, what the store lacks of that, what it costs, and doing it.

    maps in the store ──▶ per place, at the input's size ──▶ changed inputs ──▶ numbers of each map, kept under its key

Maps are of the first target, at the layers that `trust.layers` says. A map that has no ranking (no value above zero, or
not drawn at all) is not judged.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from generator.command.progress import Stage
from generator.config import TrustConfig
from generator.encode import from_npy
from generator.engine.abreast import abreast
from generator.engine.capture import prepared
from generator.engine.passes import Engine
from generator.engine.plan import Request
from generator.engine.probe import Probe, probe_of
from generator.engine.targets import resolve
from generator.images import ImageRecord, load
from generator.images.boxes import Annotations, mask, read
from generator.model.preprocess import Preprocess
from generator.names import INPUT, CallTarget, Digest, LayerName, Target, TrueTarget, Unit
from generator.pages.trust_views import Doubt
from generator.pages.views import Passes
from generator.report.jobs import Jobs
from generator.report.keys import code_digest, own_digest
from generator.store import Store, key_of
from generator.trust import faithfulness as measures
from generator.trust.localisation import TOLERANCE, energy_in_box, pointing_game
from generator.trust.maps import at_size, per_place

Values = dict[str, float | None]
"""Numbers of a map, None where one has no value."""
Curves = dict[str, list[list[float]]]
NOT_JUDGED = ("predictions", "feature_maps", "input_response")


@dataclass(frozen=True)
class Judging:
    """What of a report is judged."""

    jobs: Jobs
    config: TrustConfig
    layers: tuple[LayerName, ...]
    """At which maps of layers are judged."""
    images: tuple[ImageRecord, ...]
    labels: tuple[str, ...] | None = None
    """The classes' names, by which objects in a file of boxes are told to be of the target's kind."""

    @cached_property
    def annotations(self) -> Annotations | None:
        """The boxes and masks, where the configuration names a file."""
        return None if self.config.boxes is None else read(Path(self.config.boxes))

    @cached_property
    def requests(self) -> tuple[Request, ...]:
        """The maps that are judged, one request each."""
        if not self.jobs.targets:
            return ()
        return tuple(
            r for r in self.jobs.requests if r.name not in NOT_JUDGED and (r.layer == INPUT or r.layer in self.layers)
        )

    @property
    def target(self) -> Target:
        """Whose maps are judged."""
        return self.jobs.targets[0]

    @cached_property
    def options(self) -> measures.Options:
        """How maps are tested."""
        c = self.config
        return measures.Options(steps=c.steps, shares=c.shares, samples=c.samples, seed=self.jobs.seed)

    @property
    def per_image(self) -> int:
        """Evaluations that are the same for every map of an image."""
        return 3 + self.options.samples if self.config.metrics else 0

    @property
    def per_map(self) -> int:
        """Evaluations of one map."""
        costs = {
            "deletion": self.options.steps - 1,
            "insertion": self.options.steps - 1,
            "road": 2 * len(self.options.shares),
            "average_drop": 1,
        }
        chosen = set(self.config.metrics)
        if "increase" in chosen:
            chosen.add("average_drop")  # one evaluation tells both
        return sum(costs.get(name, 0) for name in chosen)

    def key(self, request: Request, image: ImageRecord) -> Digest:
        """The key of a map's numbers."""
        return key_of(
            {
                "judged": self.jobs.key(request, image),
                "target": [type(self.target).__name__, asdict(self.target)],
                "truth": self.jobs.truth(image) if isinstance(self.target, TrueTarget) else None,
                "metrics": list(self.config.metrics),
                "options": asdict(self.options),
                "code": [
                    code_digest("generator.trust.faithfulness"),
                    code_digest("generator.trust.maps"),
                    own_digest("generator.report.trusting"),
                ],
            }
        )

    def has_target(self, image: ImageRecord) -> bool:
        """Whether the first target means something for the image."""
        return not isinstance(self.target, TrueTarget) or self.jobs.truth(image) is not None

    def lacking(self, store: Store, image: ImageRecord) -> tuple[Request, ...]:
        """The maps of an image that are to be judged: what is not known to be drawn yet counts as drawn."""
        if not self.config.metrics or not self.has_target(image):
            return ()
        found = []
        for request in self.requests:
            record = store.get(self.jobs.key(request, image))
            drawn = record is None or _ranks(record.meta["maps"][0])
            if drawn and store.get(self.key(request, image)) is None:
                found.append(request)
        return tuple(found)

    def passes(self, store: Store) -> Passes:
        """The evaluations that `fill_judgements` will make; exact once the store has the maps."""
        forward = 0
        for image in self.images:
            lacks = len(self.lacking(store, image))
            forward += lacks * self.per_map + (self.per_image if lacks else 0)
        return Passes(forward, 0)


def _ranks(meta: Mapping[str, object]) -> bool:
    """Whether a stored map has places that stand above others."""
    return "not_applicable" not in meta and not meta.get("empty", False)


def values_of(judging: Judging, store: Store, request: Request, image: ImageRecord) -> Tensor | None:
    """A map of the first target as it lies in the store, (h, w) or (c, h, w); None where there is none to rank."""
    record = store.get(judging.jobs.key(request, image))
    if record is None or not _ranks(record.meta["maps"][0]):
        return None
    return torch.from_numpy(from_npy(store.blob(record, "0.values.npy"))).nan_to_num(nan=0.0)


def doubt_of(judging: Judging, store: Store, request: Request, image: ImageRecord) -> Doubt | None:
    """What a map's own check says against it, the worst of several; None where nothing."""
    limits: Mapping[str, float] = getattr(request.method, "limits", {})
    record = store.get(judging.jobs.key(request, image)) if limits else None
    stated = [] if record is None else record.meta["maps"][0].get("facts", [])
    found = [Doubt(fact, value, limits[fact]) for fact, value in stated if fact in limits and abs(value) > limits[fact]]
    return max(found, key=lambda one: abs(one.value) / one.limit, default=None)


def per_place_of(judging: Judging, store: Store, request: Request, image: ImageRecord) -> Tensor | None:
    """A map with one number a place, (h, w) at its own resolution: higher is more relevant."""
    values = values_of(judging, store, request, image)
    return None if values is None else per_place(values, adds_up=getattr(request.method, "adds_up", False))


def fill_judgements(judging: Judging, engine: Engine, preprocess: Preprocess, store: Store, stage: Stage) -> None:
    """Judge every map that was not judged yet."""

    def run(engine: Engine, image: ImageRecord) -> None:
        lacks = judging.lacking(store, image)
        if lacks:
            x = preprocess(load(image, preprocess.channels))
            with prepared(engine.module):
                probe = _probe(judging, engine, preprocess, store, image, x)
                _judge_image(judging, probe, preprocess, store, image, x, lacks)
        stage.advance(what=image.name)

    abreast(engine, judging.images, run)


def _judge_image(
    judging: Judging,
    probe: Probe,
    preprocess: Preprocess,
    store: Store,
    image: ImageRecord,
    x: Tensor,
    lacks: Sequence[Request],
) -> None:
    shares = False

    def score(inputs: Tensor) -> Tensor:
        nonlocal shares
        outcome = probe.run(inputs)
        shares = outcome.shares is not None
        return (outcome.values if outcome.shares is None else outcome.shares)[0].cpu()

    low, high = preprocess.ends
    ground = measures.ground(score, x, low, high, judging.options)

    def asked(request: Request) -> measures.Asked[tuple[Values, Curves, list[float]]]:
        map_ = per_place_of(judging, store, request, image)
        assert map_ is not None
        return _asked(at_size(map_, preprocess.size), ground, judging)

    # All of an image's maps, then all of its records: in a batch of another size a score may differ in its last bit.
    found = list(measures.answers(score, map(asked, lacks), probe.batch))
    for request, (numbers, curves, reach) in zip(lacks, found, strict=True):
        store.put(judging.key(request, image), {"numbers": numbers, "curves": curves, "reach": reach, "shares": shares})


def _asked(
    map_: Tensor, ground: measures.Ground, judging: Judging
) -> measures.Asked[tuple[Values, Curves, list[float]]]:
    """What the chosen numbers of a map at the input's size ask of the model, and between which ends the score went."""
    chosen = set(judging.config.metrics)
    asking = chosen | ({"confidence"} if chosen & {"average_drop", "increase"} else set())
    whole = measures.together(measures.questions(map_, ground, judging.options, asking))

    def read(scores: list[float]) -> tuple[Values, Curves, list[float]]:
        found = whole.read(scores)
        numbers: dict[str, float] = {}
        curves: dict[str, list[list[float]]] = {}
        for name in (n for n in ("deletion", "insertion") if n in found):
            numbers[name] = found[name].auc
            if np.isfinite(found[name].curve.y).all():
                curves[name] = [list(found[name].curve.x), list(found[name].curve.y)]
        if "road" in found:
            numbers["road"] = found["road"].combined
        if "confidence" in found:
            numbers |= {"average_drop": found["confidence"].drop, "increase": float(found["confidence"].increased)}
        if "infidelity" in chosen:
            numbers["infidelity"] = measures.infidelity(map_, ground).unexplained
        seen = [v for v in (*scores, *measures.grounds(ground)) if np.isfinite(v)]
        kept = {k: (v if np.isfinite(v) else None) for k, v in numbers.items() if k in chosen}
        return kept, curves, [min(seen), max(seen)] if seen else []

    return measures.Asked(whole.count, whole.inputs, read)


def _probe(
    judging: Judging, engine: Engine, preprocess: Preprocess, store: Store, image: ImageRecord, x: Tensor
) -> Probe:
    """The model, for the first target as the image has it."""
    classes = classes_in(judging, store, image)
    subject = (judging.target, None if classes is None else classes.to(engine.device))
    return probe_of(engine, (subject,), x[None], preprocess.ends, judging.jobs.seed)


def mask_of(judging: Judging, store: Store, image: ImageRecord, preprocess: Preprocess) -> Tensor | None:
    """Where objects of the first target's classes lie in the model's view of an image, (h, w); None where nobody said."""
    pictured = None if judging.annotations is None else judging.annotations.of(image)
    classes = None if pictured is None else classes_in(judging, store, image)
    if pictured is None or classes is None or judging.labels is None:
        return None
    return mask(pictured, image, preprocess, [judging.labels[int(index)] for index in classes[0]])


def localised(judging: Judging, store: Store, request: Request, image: ImageRecord, where: Tensor) -> dict[str, float]:
    """The pointing game and the energy in the box of one map, for the mask `where` (h, w) of the target's objects."""
    map_ = per_place_of(judging, store, request, image)
    if map_ is None:
        return {}
    at = at_size(map_, (where.shape[0], where.shape[1]))
    off = TOLERANCE * min(where.shape) / 224  # the paper's pixels, of pictures of the usual size
    return {"pointing_game": pointing_game(at, where, off), "energy_in_box": energy_in_box(at, where)}


def classes_in(judging: Judging, store: Store, image: ImageRecord) -> Tensor | None:
    """The classes (1, g) that the first target means in an image, by the scores in the store; None where it is no class."""
    if isinstance(judging.target, (Unit, CallTarget)):
        return None
    predictions = next(r for r in judging.jobs.requests if r.name == "predictions")
    record = store.get(judging.jobs.key(predictions, image))
    assert record is not None
    scores = torch.from_numpy(from_npy(store.blob(record, "0.values.npy")))[None]
    return resolve(judging.target, scores, (judging.jobs.truth(image),))


@dataclass(frozen=True)
class Numbers:
    """What the store has of one map of one image."""

    request: Request
    image: ImageRecord
    values: Mapping[str, float]
    curves: Mapping[str, Sequence[Sequence[float]]] = field(default_factory=dict)
    reach: Sequence[float] = ()
    """The lowest and the highest score that the image had while the map was judged."""
    shares: bool = False
    """Whether scores are probabilities."""


def judged(judging: Judging, store: Store) -> Iterator[Numbers]:
    """Every map's numbers, image by image; those without a value are NaN."""
    for image in judging.images:
        for request in judging.requests:
            record = store.get(judging.key(request, image)) if judging.config.metrics else None
            if record is not None:
                values = {k: float("nan") if v is None else float(v) for k, v in record.meta["numbers"].items()}
                meta = record.meta
                yield Numbers(request, image, values, meta["curves"], meta["reach"], shares=meta["shares"])
