"""The sanity check of a report: its maps again, on copies of the model that lose their weights from the output down.

    trained maps in the store ──▶ randomised copy ──▶ the same methods, one shared pass ──▶ rank correlation, stage by stage

Of the first few images, for the first target as the trained model has it: a random model ranks other classes first.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from generator.artifacts import Heatmap, InputMap, NotApplicable
from generator.command.progress import Stage as Progress
from generator.engine.abreast import abreast
from generator.engine.capture import prepared
from generator.engine.passes import Counts, Engine
from generator.engine.plan import BatchPlan, Request, billed, plan
from generator.engine.probe import Shared, probed
from generator.images import ImageRecord, load
from generator.images.larger import larger
from generator.methods import only
from generator.model.preprocess import Preprocess
from generator.names import CallTarget, ClassTarget, Digest, GroupTarget, Target, Unit
from generator.pages.views import Passes
from generator.report.keys import code_digest, own_digest
from generator.report.trusting import Judging, classes_in, per_place_of
from generator.store import Store, key_of
from generator.trust import sanity
from generator.trust.heads import heads
from generator.trust.maps import per_place


@dataclass(frozen=True)
class Check:
    """What is checked: the maps of a judging, in these stages."""

    judging: Judging
    stages: tuple[sanity.Stage, ...]
    estimates: int
    """Stages after which batch normalisations take new statistics: a forward each."""
    telling: bool = True
    """Whether the first stage changes any weight of the classifier."""

    @property
    def images(self) -> tuple[ImageRecord, ...]:
        """The first images, as many as the configuration says."""
        every = [image for image in self.judging.images if self.judging.has_target(image)]
        return tuple(every[: self.judging.config.sanity_images]) if self.stages else ()

    @property
    def steps(self) -> int:
        """What progress counts: each stage of each image."""
        return len(self.images) * len(self.stages)

    def drawn(self, store: Store, image: ImageRecord) -> tuple[Request, ...]:
        """The maps of an image that can change: those the store has, and that rank something."""
        requests = self.judging.requests
        return tuple(r for r in requests if per_place_of(self.judging, store, r, image) is not None)

    def key(self, image: ImageRecord) -> Digest:
        """The key of an image's curves."""
        return key_of(
            {
                "sanity": [self.judging.jobs.key(r, image) for r in self.judging.requests],
                "stages": [list(stage.modules) for stage in self.stages],
                "seed": self.judging.jobs.seed,
                "code": [code_digest("generator.trust.sanity"), own_digest("generator.report.sanity")],
            }
        )

    def plan(self, store: Store, image: ImageRecord) -> BatchPlan:
        """The passes of one stage for one image."""
        target = (fixed(self.judging, store, image),)
        requests = [replace(r, targets=target if r.targets else ()) for r in self.drawn(store, image)]
        return plan(requests, self.judging.jobs.description.facts)

    def passes(self, store: Store) -> Passes:
        """What `fill_sanity` will make."""
        total = Passes(0, 0)
        for image in self.images:
            if store.get(self.key(image)) is None:
                todo = self.plan(store, image)
                probes = [cost for _, cost, _ in billed(todo.requests, self.judging.jobs.description.facts)]
                forward = todo.forwards + sum(cost.forward for cost in probes)
                backward = len(todo.backwards) + sum(cost.backward for cost in probes)
                n = len(self.stages)
                total += Passes(n * forward + self.estimates, n * backward)
        return total


def check_of(judging: Judging, engine: Engine, x: Tensor) -> Check:
    """The stages of the engine's model, found by two forwards of `x` (1, c, h, w), which are not counted: they describe."""
    most = judging.config.sanity
    if not most or not judging.requests:
        return Check(judging, (), 0)
    with prepared(engine.module):
        given = engine.module, engine.batch(x), engine.invocation, _read_by(engine, judging.target)
        order, last = sanity.in_order(*given), heads(*given)
    stages = sanity.stages(engine.module, order, most, last)
    parts = dict(engine.module.named_modules())
    first = next(
        (k for k, stage in enumerate(stages) if any(_has_statistics(parts[name]) for name in stage.modules)), None
    )
    telling = bool(stages) and sanity.telling(engine.module, stages[0])
    return Check(judging, stages, 0 if first is None else len(stages) - first, telling)


def _read_by(engine: Engine, target: Target) -> Callable[[object], Tensor | None]:
    """What the target is read from in an output: the scores of all classes; None where it is no class."""

    def read(output: object) -> Tensor | None:
        return None if isinstance(target, (Unit, CallTarget)) else engine.readout.scores(output)

    return read


def _has_statistics(part: nn.Module) -> bool:
    return isinstance(part, _BatchNorm) and part.track_running_stats


def fixed(judging: Judging, store: Store, image: ImageRecord) -> Target:
    """The first target as the trained model has it: its first class stays that class whatever becomes of the model."""
    classes = classes_in(judging, store, image)
    if classes is None:
        return judging.target
    found = tuple(int(index) for index in classes[0])
    return ClassTarget(found[0]) if len(found) == 1 else GroupTarget("fixed", found)


def fill_sanity(check: Check, engine: Engine, preprocess: Preprocess, store: Store, stage: Progress) -> None:
    """Compute the curves of every image that lacks them."""

    def run(engine: Engine, image: ImageRecord) -> None:
        if store.get(check.key(image)) is None:
            _check_image(check, engine, preprocess, store, image, stage)
        else:
            stage.advance(len(check.stages), image.name)

    abreast(engine, check.images, run)


def _check_image(
    check: Check, engine: Engine, preprocess: Preprocess, store: Store, image: ImageRecord, progress: Progress
) -> None:
    picture = load(image, preprocess.channels)
    x = preprocess(picture)[None]
    bigger = larger([picture], x, preprocess)
    todo = check.plan(store, image)
    trained = {r.name + "@" + r.layer: per_place_of(check.judging, store, r, image) for r in check.drawn(store, image)}
    curves: dict[str, list[float]] = {name: [] for name in trained}

    def forward(module: nn.Module, batch: Tensor) -> object:
        engine.counts.forward += 1
        return engine.invocation(module, batch)

    seed = check.judging.jobs.seed
    for k, (at, changed) in enumerate(sanity.randomised(engine.module, check.stages, engine.batch(x), seed, forward)):
        copy = replace(engine, module=changed, counts=Counts(), rows={})
        for request, map_ in _maps(copy, todo, x, bigger, preprocess, seed + 1 + k):
            name = request.name + "@" + request.layer
            before = trained[name]
            assert before is not None
            curves[name].append(math.nan if map_ is None else sanity.kept(before, map_))
        engine.counts.forward += copy.counts.forward
        engine.counts.backward += copy.counts.backward
        progress.advance(what=f"{image.name}, random down to {at.name}")
    rows = {name: [None if math.isnan(v) else round(v, 5) for v in curve] for name, curve in curves.items()}
    store.put(check.key(image), {"curves": rows})


def _maps(
    engine: Engine,
    todo: BatchPlan,
    x: Tensor,
    bigger: Callable[[int], Tensor],
    preprocess: Preprocess,
    seed: int,
) -> Sequence[tuple[Request, Tensor | None]]:
    """Each request's map with one number a place, None where a changed model gives none."""
    made = []
    shared: Shared = {}
    for served in engine.run(x, todo, larger=bigger):
        request = served.request
        found: object
        if isinstance(served.reads, NotApplicable):
            found = served.reads
        elif request.probes:
            found = probed(engine, served, 0, x, preprocess.ends, seed, shared)[0]
        else:
            found = only(request.name, request.method.compute(served.reads))
        map_ = None
        if isinstance(found, (Heatmap, InputMap)):
            values = found.values[0].float().cpu()
            if bool(values.isfinite().all()):  # else the changed model gives no map: nothing is known of the method
                map_ = per_place(values, adds_up=getattr(request.method, "adds_up", False))
        made.append((request, map_))
    return made


def curves_of(check: Check, store: Store) -> Mapping[tuple[str, str], tuple[tuple[float, ...], ...]]:
    """(method, layer) -> a curve for each image that has one, one correlation a stage."""
    rows: dict[tuple[str, str], list[tuple[float, ...]]] = {}
    for image in check.images:
        record = store.get(check.key(image))
        for name, curve in (record.meta["curves"] if record is not None else {}).items():
            if len(curve) == len(check.stages) and None not in curve:
                method, _, layer = name.partition("@")
                rows.setdefault((method, layer), []).append(tuple(curve))
    return {of: tuple(several) for of, several in rows.items()}
