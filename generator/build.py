"""The whole flow, from a configuration to a site.

config ──▶ model + images ──▶ plan ──▶ passes ──▶ artifacts ──▶ pages ──▶ site
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from generator.artifacts import NotApplicable
from generator.command.progress import Progress, Silent
from generator.config import ReportConfig
from generator.engine.handle import handle
from generator.engine.tune import faster_format, use_format
from generator.executors.local import fill_images, fill_weights
from generator.executors.search import fill_searches
from generator.pages.views import Passes, Report
from generator.pages.write import check_out, write_site
from generator.report import colours, landscape
from generator.report.answers import batch_size, fill_answers
from generator.report.drives import fill_drives
from generator.report.effective import Fields, fill_fields
from generator.report.explained import explained_of, fill_explained
from generator.report.explained_words import cost_of
from generator.report.live import absent, fill_live
from generator.report.plan import Plan, SearchPlan, plan_report, plan_searches
from generator.report.reconstructions import batch_of, fill_reconstructions, lacking, passes, wanted
from generator.report.reconstructions import plan as plan_batches
from generator.report.reporting import report_of
from generator.report.sanity import fill_sanity
from generator.report.setup import Setup, clocked, set_up
from generator.report.traces import fill_traces
from generator.report.training import fill_training, learning_of
from generator.report.trusting import fill_judgements
from generator.selectors import parse_units


@dataclass(frozen=True)
class BuildResult:
    """A finished build: where the site is, its size in bytes, and the passes planned and run."""

    site: Path
    bytes: int
    planned: Passes
    run: Passes
    report: Report = field(repr=False)


def build(config: ReportConfig, progress: Progress | None = None) -> BuildResult:
    """Build the report that `config` describes. What the store already has is not computed again.

    Raises:
        UserError: the model, the images or a folder is not as it must be.
    """
    progress = progress or Silent()
    check_out(config)
    setup = set_up(config, progress)
    learned = learn(setup, progress)
    todo = plan_report(setup)
    searches = compute(setup, todo, progress)
    planned = learned + todo.passes + searches.passes + ask(setup, searches, progress) + judge(setup, progress)
    if config.live is not None:
        with progress.stage("live page"), clocked(setup.timings, "live page"):
            fill_live(setup)
        if (no := absent(setup)) is not None:
            progress.say(f"live page is not drawn: {no.reason}")
    planned += explain(setup, progress) + see(setup, progress)
    report = report_of(setup, searches.units, planned)
    with progress.stage("writing the site"), clocked(setup.timings, "site"):
        written = write_site(config, report)
    return BuildResult(config.out, written.bytes, planned, report.run, report)


def plan(config: ReportConfig, progress: Progress | None = None) -> Plan:
    """What `build` would run, without running it; ``str`` of it is a table.

    Raises:
        UserError: as `build`.
    """
    check_out(config)
    return plan_report(set_up(config, progress or Silent()))


def learn(setup: Setup, progress: Progress) -> Passes:
    """Look at the checkpoints, and measure the loss around the weights, where the report asks for them; the passes planned
    for it. First of all: a file that does not fit is told at once."""
    learning = learning_of(setup)
    planned = landscape.passes(setup) + (Passes(0, 0) if learning is None else learning.passes())
    if learning is not None:
        with clocked(setup.timings, "training"), progress.stage("checkpoints", len(learning.lacking())) as stage:
            fill_training(learning, stage)
    if setup.config.landscape is not None:
        with clocked(setup.timings, "landscape"), progress.stage("landscape", landscape.points(setup)[0]) as stage:
            landscape.fill_landscape(setup, stage)
        if isinstance(no := landscape.landscape_of(setup), NotApplicable):
            progress.say(f"landscape is not drawn: {no.reason}")
    return planned


def compute(setup: Setup, todo: Plan, progress: Progress) -> SearchPlan:
    """Run every pass of the plan and fill the store; the searches as planned once the feature maps were there."""
    if todo.batches or plan_searches(setup).passes.forward:
        with clocked(setup.timings, "tuning"):
            tune(setup)
    if setup.precision is not None:
        setup.precision.keep(setup.store)
    with clocked(setup.timings, "maps"), progress.stage("maps of images", todo.images_missing) as stage:
        fill_images(setup.jobs, todo.batches, setup.engine, setup.loaded.preprocess, setup.store, stage)
    with clocked(setup.timings, "kernels"), progress.stage("kernels", len(setup.jobs.weights)) as stage:
        fill_weights(setup.jobs, setup.engine, setup.store, stage)
    # which inputs are strongest depends on what the dataset turns on
    first = answer(setup, progress) if threaded(setup) else Passes(0, 0)
    with clocked(setup.timings, "choosing"), progress.stage("choosing units"):
        searches = plan_searches(setup, keep=True)
    total = sum(len(chosen) for chosen in searches.units.values())
    with clocked(setup.timings, "searches"), progress.stage("searches", total) as stage:
        preprocess = setup.loaded.preprocess
        with handle(setup.engine, setup.input_shape, preprocess.mean, preprocess.std, setup.photographs) as model:
            fill_searches(setup.jobs, searches.units, model, setup.store, stage)
    return replace(searches, passes=searches.passes + first)


def threaded(setup: Setup) -> bool:
    """Whether units are searched for since they feed others, or with more of those that the first page shows, so that the
    dataset is asked before they are chosen."""
    shown = any(getattr(search.method, "first_page", 0) for search in setup.jobs.searches)
    return shown or bool(parse_units(setup.config.units, 2).threads)


def answer(setup: Setup, progress: Progress) -> Passes:
    """Ask all units what they answer to in the dataset, in one pass over it; the passes planned for that."""
    asking = setup.asking
    if asking is None:
        return Passes(0, 0)
    planned = asking.passes(setup.store, batch_size(setup.engine))
    with clocked(setup.timings, "dataset"), progress.stage("dataset", len(asking.dataset)) as stage:
        fill_answers(asking, setup.engine, setup.loaded.preprocess, setup.store, stage)
    return planned + drive(setup, progress)


def drive(setup: Setup, progress: Progress) -> Passes:
    """See what drives units at their own strongest places, in one pass over the images of these; the passes planned for it."""
    driving, size = setup.driving, batch_size(setup.engine)
    if driving is None:
        return Passes(0, 0)
    planned, images = driving.passes(setup.store, size), len(driving.numbers(setup.store))
    with clocked(setup.timings, "drives"), progress.stage("what drives units", images) as stage:
        fill_drives(driving, setup.engine, setup.loaded.preprocess, setup.store, size, stage)
    return planned + trace(setup, progress)


def trace(setup: Setup, progress: Progress) -> Passes:
    """Follow the threads of units in the pictures that raise them most; the passes planned for it."""
    tracing = setup.tracing
    if tracing is None:
        return Passes(0, 0)
    planned, images = tracing.passes(setup.store), len(tracing.numbers(setup.store))
    with clocked(setup.timings, "threads"), progress.stage("threads of units", images) as stage:
        fill_traces(tracing, setup.threads, setup.engine, setup.loaded.preprocess, setup.store, stage)
    return planned


def ask(setup: Setup, searches: SearchPlan, progress: Progress) -> Passes:
    """Ask all units what they answer to in the dataset, unless `compute` did, and chosen ones what of it raised them; the
    passes planned for it."""
    asking = setup.asking
    if asking is None:
        return Passes(0, 0)
    engine, preprocess = setup.engine, setup.loaded.preprocess
    size = batch_size(engine)
    planned = colours.passes(asking, setup.store, size)
    if not threaded(setup):
        planned += answer(setup, progress)
    with clocked(setup.timings, "colour"), progress.stage("colour", len(colours.numbers(asking))) as stage:
        colours.fill_colours(asking, engine, preprocess, setup.store, stage)
    todo = lacking(wanted(asking, setup.store, setup.config.units, searches.by_layer), setup.store)
    batches = plan_batches(todo, preprocess.size, batch_of(engine))
    with clocked(setup.timings, "reconstructions"), progress.stage("reconstructions", sum(map(len, batches))) as stage:
        fill_reconstructions(asking, todo, engine, preprocess, setup.store, stage)
    return planned + passes(todo, batches)


def judge(setup: Setup, progress: Progress) -> Passes:
    """Judge the maps that the store now has, and see what is left of them in random models; the passes planned for it."""
    judging, check, preprocess = setup.judging, setup.check, setup.loaded.preprocess
    planned = judging.passes(setup.store) + check.passes(setup.store)
    with clocked(setup.timings, "trust"), progress.stage("judging maps", len(judging.images)) as stage:
        fill_judgements(judging, setup.engine, preprocess, setup.store, stage)
    with clocked(setup.timings, "sanity"), progress.stage("sanity check", check.steps) as stage:
        fill_sanity(check, setup.engine, preprocess, setup.store, stage)
    return planned


def explain(setup: Setup, progress: Progress) -> Passes:
    """Record the numbers by which pages show how layers are computed; the passes planned for it."""
    what = setup.explaining
    if what is None:
        return Passes(0, 0)
    planned = what.passes(setup.store)
    with clocked(setup.timings, "explain"), progress.stage("how it is computed", planned.forward) as stage:
        fill_explained(what, setup.engine, setup.loaded.preprocess, setup.store, stage)
    progress.say(cost_of(explained_of(what, setup.store)))
    return planned


def see(setup: Setup, progress: Progress) -> Passes:
    """Measure the effective receptive fields of some layers; the passes planned for it."""
    fields = Fields(setup)
    planned = fields.passes()
    with clocked(setup.timings, "effective fields"), progress.stage("effective fields", planned.backward) as stage:
        fill_fields(fields, stage)
    return planned


def tune(setup: Setup) -> None:
    """Run the model in the memory format that is faster here: measured the first time, remembered in the store."""
    engine = setup.engine
    record = setup.store.get(setup.format_key)
    if record is None:
        record = setup.store.put(setup.format_key, {"format": faster_format(engine, setup.input_shape)})
    use_format(engine, record.meta["format"])
