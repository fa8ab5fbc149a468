"""What a report will run: passes, cells, seconds of searches, bytes. Printed by ``--plan``, and held to by a test."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from generator.artifacts import NotApplicable
from generator.dataset.clear import MOST
from generator.engine.plan import billed
from generator.executors.search import lacking, passes, passes_of
from generator.live.runtime import SIZE, runtime
from generator.names import LayerName
from generator.pages.views import Passes
from generator.report import colours, landscape, reconstructions
from generator.report.answers import batch_size
from generator.report.effective import Fields
from generator.report.estimate import said, search_seconds
from generator.report.jobs import Batch
from generator.report.live import Coming, coming
from generator.report.setup import Setup
from generator.report.size import site_bytes
from generator.report.subjects import choose_subjects, known, units_by_layer
from generator.report.training import learning_of
from generator.report.units import FIRST
from generator.selectors import parse_units

CPU_BATCH = 1
"""On a CPU larger batches are no faster (they leave its caches), and of one image alone the numbers are the same to the
last bit whichever images come with it: a killed run is completed to the same bytes."""
GPU_BATCH = 32


SCOPES = {"search": "search", "class_search": "class", "image_search": "image"}
"""What the table calls the scopes of searches: what they are for."""


@dataclass(frozen=True)
class SearchPlan:
    """What every search is for (units, classes, images), and the passes that those of them take that the store lacks."""

    units: Mapping[tuple[str, LayerName], tuple[int, ...]]
    passes: Passes
    """With those of the dataset, where it had to be asked to choose them."""

    @property
    def by_layer(self) -> Mapping[LayerName, tuple[int, ...]]:
        """The units of each layer that is searched."""
        return units_by_layer(self.units)


@dataclass(frozen=True)
class Plan:
    """The batches that fill what the store lacks. Searches follow them: their units are ranked by the feature maps."""

    setup: Setup = field(repr=False)
    batches: tuple[Batch, ...] = field(repr=False)

    @property
    def images_missing(self) -> int:
        """Images that lack a cell."""
        return sum(len(batch.images) for batch in self.batches)

    @property
    def passes(self) -> Passes:
        """Of the batches, with the evaluations of their probes; searches have their own."""
        return self.shared + self.probes

    @property
    def shared(self) -> Passes:
        """The passes that serve all per-batch methods together."""
        return Passes(
            sum(batch.plan.forwards for batch in self.batches),
            sum(len(batch.plan.backwards) for batch in self.batches),
        )

    @property
    def probes(self) -> Passes:
        """The evaluations that probe methods make beyond them."""
        total = Passes(0, 0)
        for cost in self.costs.values():
            total += cost
        return total

    @property
    def makers(self) -> Mapping[str, str]:
        """Of each probe method, the one that makes its evaluations: itself, or one that makes the same."""
        facts = self.setup.description.facts
        every = (one for batch in self.batches for one in billed(batch.plan.requests, facts))
        return {request.name: maker.name for request, _, maker in every}

    @property
    def costs(self) -> Mapping[str, Passes]:
        """The evaluations of each probe method, by name."""
        facts = self.setup.description.facts
        found: dict[str, Passes] = {}
        for batch in self.batches:
            for request, cost, _ in billed(batch.plan.requests, facts):
                here, n = found.get(request.name, Passes(0, 0)), len(batch.images)
                found[request.name] = here + Passes(n * cost.forward, n * cost.backward)
        return found

    def __str__(self) -> str:
        return describe_plan(self)


def plan_report(setup: Setup) -> Plan:
    """Plan what the store lacks."""
    size = setup.config.batch_size
    if size == "auto":
        size = CPU_BATCH if setup.engine.device.type == "cpu" else GPU_BATCH
    return Plan(setup, tuple(setup.jobs.batches(setup.store, setup.images.images, int(size))))


def plan_searches(setup: Setup, *, keep: bool = False) -> SearchPlan:
    """What searches lack, by what the store knows now. Exact once it has the feature maps that rank units and the scores that
    rank classes; before that, where it is empty, as many as there can be."""
    config, images = setup.config, setup.images.images
    asking = setup.asking
    units = choose_subjects(
        config.units, setup.jobs, images, setup.store, lambda: setup.threads, keep=keep,
        dataset="" if asking is None or asking.own else asking.dataset.fingerprint, said=lambda: setup.said,
    )  # fmt: skip
    return SearchPlan(units, Passes(*passes(setup.jobs, units, setup.store)))


def describe_plan(plan: Plan) -> str:
    """The plan as a table for a terminal."""
    setup, jobs = plan.setup, plan.setup.jobs
    images = setup.images.images
    searches = plan_searches(setup)
    judging = setup.judging.passes(setup.store)
    asking = setup.asking
    size = batch_size(setup.engine)
    asked = asking.passes(setup.store, size) + colours.passes(asking, setup.store, size) if asking else Passes(0, 0)
    learning = learning_of(setup)
    learned = landscape.passes(setup) + (Passes(0, 0) if learning is None else learning.passes())
    explaining = setup.explaining
    explained = explaining.passes(setup.store) if explaining else Passes(0, 0)
    fields = Fields(setup)
    total = learned + plan.passes + searches.passes + asked + judging + explained + fields.passes()
    units = searches.units
    rows = [("method", "scope", "layers", "cells", "to do", "passes of its own")]
    costs, makers = plan.costs, plan.makers
    todo: dict[str, int] = {}
    for batch in plan.batches:
        for request in batch.plan.requests:
            todo[request.name] = todo.get(request.name, 0) + len(batch.images)
    per_image: dict[str, int] = {}
    scope: dict[str, str] = {}
    for request in jobs.requests:
        per_image[request.name] = per_image.get(request.name, 0) + 1
        scope[request.name] = request.method.scope
    for name, layers in per_image.items():
        shown = "-" if scope[name] == "input" else str(layers)
        maker = makers.get(name, name)
        own = _evaluations(costs.get(name)) if maker == name else f"with {maker}"
        rows.append((name, scope[name], shown, str(layers * len(images)), str(todo.get(name, 0)), own))
    lacks = sum(setup.store.get(jobs.key(request, None)) is None for request in jobs.weights)
    if jobs.weights:
        rows.append(("kernels", "weights", str(len(jobs.weights)), str(len(jobs.weights)), str(lacks), "-"))
    for name in dict.fromkeys(search.name for search in jobs.searches):
        of = [search for search in jobs.searches if search.name == name]
        wanted = sum(len(units[name, search.at]) for search in of)
        missing = sum(len(lacking(jobs, search, units[name, search.at], setup.store)) for search in of)
        takes = [Passes(*passes_of(jobs, search, units[name, search.at], setup.store)) for search in of]
        scope_, places = SCOPES[of[0].scope], "-" if of[0].layer is None else str(len(of))
        rows.append((name, scope_, places, str(wanted), str(missing), _evaluations(sum(takes, Passes(0, 0)))))
    for name in dict.fromkeys(request.name for request in jobs.sets):
        assert asking
        of_set = [request for request in jobs.sets if request.name == name]
        to_do = sum(request.name == name for request in asking.lacking(setup.store))
        rows.append((name, "set", str(len(of_set)), str(len(of_set)), str(to_do), _evaluations(asked)))
    judged = setup.judging
    if judged.config.metrics and judged.requests:
        cells, lacks = (
            len(judged.requests) * len(judged.images),
            sum(len(judged.lacking(setup.store, i)) for i in judged.images),
        )
        rows.append(("trust", "maps", "-", str(cells), str(lacks), _evaluations(judging)))
    if learning is not None:
        many, lacks = len(learning.checkpoints), len(learning.lacking())
        rows.append(("checkpoints", "model", "-", str(many), str(lacks), _evaluations(learning.passes())))
    ground = landscape.ground_of(setup)
    if isinstance(ground, landscape.Ground):
        many, lacks = landscape.places(setup), landscape.points(setup)[0]
        rows.append(("landscape", "model", "-", str(many), str(lacks), _evaluations(landscape.passes(setup))))
    if explaining:
        counts = (len(explaining.chains.places), len(explaining.images), len(explaining.lacking(setup.store)))
        places, cells_, lacks_ = map(str, counts)
        rows.append(("how it is computed", "explain", places, cells_, lacks_, _evaluations(explained)))
    if not fields.refused:
        many, lacks = len(fields.layers), fields.passes().backward
        rows.append(("effective fields", "model", str(many), str(many), str(lacks), _evaluations(fields.passes())))
    live = coming(setup)
    if isinstance(live, Coming):
        todo_, check = str(int(live.forwards > 0)), f"{live.forwards} forward, not counted" if live.forwards else "-"
        rows.append(("live page", "model", str(live.layers), "1", todo_, check))
    drawn = {row[0] for row in rows}
    nowhere = {method: reason for method, _, reason in jobs.refused if method not in drawn}
    widths = [max(len(row[k]) for row in rows) for k in range(6)]
    lines = [
        "  ".join(c.ljust(w) if k < 2 else c.rjust(w) for k, (c, w) in enumerate(zip(r, widths, strict=True)))
        for r in rows
    ]
    name = setup.loaded.title
    pages = f"{_many(len(setup.layers), 'layer page')}, {_many(len(setup.compared), 'layer')} compared"
    head = f"{name}: {_many(len(images), 'image')}, {pages}"
    sanity = len(setup.check.images) * len(setup.check.stages)
    after = (
        f"  and the sanity check, known when the maps are: {sanity} times the passes of an image's judged maps"
        if sanity
        else ""
    )
    passes_ = f"passes: {total.forward} forward, {total.backward} backward"
    shared = plan.shared
    kinds = f"  shared by all methods that read one pass: {shared.forward} forward, {shared.backward} backward in {_many(len(plan.batches), 'batch', 'batches')}"
    guessed = [name for (name, _), chosen in units.items() if not known(chosen)]
    at_most = (
        f"  of {' and '.join(guessed)} at most: which classes there are is known when the images are seen"
        if guessed
        else ""
    )
    back = _reconstructed(setup, searches) if asking else ""
    ways = _followed(setup) if asking else ""
    seconds = search_seconds(setup, units)
    clock = "" if seconds is None else f"searches: {said(seconds)} on this machine, by a few steps timed now"
    disk = f"estimated site: {site_bytes(setup, units) / 1e6:.0f} MB"
    if explaining:
        disk += (
            f"\n  of it {explaining.expected / 1e6:.1f} MB show how layers are computed, {explaining.left_out_in_words}"
        )
    if isinstance(live, Coming):
        disk += (
            f"\n  of it {live.onnx / 1e6:.1f} MB are the ONNX of the live page, {SIZE / 1e6:.1f} MB what runs it there"
        )
        if live.forwards:
            disk += (
                f"; to check it, {live.forwards} runs of torch and {live.forwards} of the ONNX, beside the passes above"
            )
    absent = [f"{name} is not drawn: {reason}" for name, reason in nowhere.items()]
    if isinstance(ground, NotApplicable):
        absent.append(f"landscape is not drawn: {ground.reason}")
    if live is not None:
        no = live if isinstance(live, NotApplicable) else runtime()
        absent += [f"live page is not drawn: {no.reason}"] if isinstance(no, NotApplicable) else []
    return "\n".join(
        [
            head,
            "",
            *lines,
            "",
            *absent,
            passes_,
            kinds,
            *filter(None, [at_most, ways, back, after, clock, *_chosen(setup)]),
            disk,
            "nothing of it was run or written",
        ]
    )


def _chosen(setup: Setup) -> Iterator[str]:
    """How units are chosen beyond their strength, in words."""
    searches = [search for search in setup.jobs.searches if search.scope == "search"]
    if not searches:
        return
    units = setup.config.units
    asked = parse_units(units, max(search.layer.units for search in searches if search.layer is not None))
    more = max(getattr(search.method, "first_page", 0) for search in searches)
    if asked.threads and not asked.beside:
        yield f"  of a layer's units ({units}) half are its strongest, half the strongest inputs of units chosen deeper"
    if asked.beside:
        assert asked.top is not None
        yield (
            f"  of a layer's units ({units}) {asked.top - asked.threads} are its strongest; {asked.threads} a layer more, on the average, are "
            f"those that most threads come by, and all of a first layer that has {FIRST} or fewer"
        )
    if more and setup.asking is not None:
        yield f"  of the units of the first page, {MOST} at most, {_many(more, 'picture')} each, and how the best came about"
    if (more or asked.beside) and setup.said is None:
        yield "  which units these are is known when the dataset was asked: until then passes and seconds of searches are about so many"


def _reconstructed(setup: Setup, searches: SearchPlan) -> str:
    """What reconstructions take beside the passes above, in words; nothing where there are none."""
    assert setup.asking
    takes, known_ = reconstructions.foreseen(
        setup.asking, setup.store, setup.config.units, searches.by_layer, setup.loaded.preprocess,
        reconstructions.batch_of(setup.engine),
    )  # fmt: skip
    if not takes.forward:
        return ""
    if known_:
        return f"  and reconstructions: {takes.forward} forward, {takes.backward} backward"
    return (
        f"  and reconstructions, known when the dataset was asked: at most {takes.forward} forward, {takes.backward} backward, "
        "less where patches share a pass"
    )


def _followed(setup: Setup) -> str:
    """What it takes to see what drives units and where their threads go, in words; nothing where that is known."""
    driving, tracing, store, size = setup.driving, setup.tracing, setup.store, batch_size(setup.engine)
    assert driving is not None
    assert tracing is not None
    takes = driving.at_most(store, size) + tracing.at_most(store)
    return (
        f"  and the threads of units, known when the dataset was asked: at most {takes.forward} forward"
        if takes.forward
        else ""
    )


def _evaluations(passes: Passes | None) -> str:
    """``1280 forward``, ``50 forward, 50 backward``, or a dash where a method adds none to the shared passes."""
    if passes is None or not (passes.forward or passes.backward):
        return "-"
    return f"{passes.forward} forward" + (f", {passes.backward} backward" if passes.backward else "")


def _many(count: int, one: str, several: str = "") -> str:
    """``1 image``, ``2 images``"""
    return f"{count} {one if count == 1 else several or one + 's'}"
