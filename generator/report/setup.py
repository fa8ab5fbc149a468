"""From a configuration to everything a plan needs: the model described, the images listed, the cells named."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from generator.artifacts import NotApplicable
from generator.command.progress import Progress
from generator.config import ReportConfig
from generator.dataset.answers import Answers
from generator.dataset.named import named
from generator.dataset.sources import of_images, open_dataset
from generator.diagrams.architecture import Architecture
from generator.diagrams.source import read
from generator.engine.device import device_of
from generator.engine.invoke import invocation_for
from generator.engine.output import Readout
from generator.engine.passes import Engine
from generator.errors import UserError
from generator.images import ImageSet, scan
from generator.images import load as load_picture
from generator.images.truth import truths, unlabelled_folders
from generator.model.describe import Description, describe
from generator.model.load import LoadedModel, load
from generator.names import Digest, Layer, LayerName, Target, TrueTarget
from generator.reasons import not_averaged
from generator.report.answers import Asking, activity_of
from generator.report.checkpoints import Checkpoint, checkpoints_of
from generator.report.drives import Driving
from generator.report.explained import Explaining, explaining_of
from generator.report.features import last_features
from generator.report.jobs import Choice, Jobs, SetRequest, choose, jobs
from generator.report.keys import ModelKey, call_of
from generator.report.labelled import Labelled, labelled
from generator.report.precision import Precision, settled
from generator.report.sanity import Check, check_of
from generator.report.traces import Tracing
from generator.report.trusting import NOT_JUDGED, Judging
from generator.report.wired import wires_of
from generator.selectors import Groups, check_chosen, check_units, parse_target, select_layers
from generator.store import Store, key_of
from generator.trust.verdict import BASELINES
from generator.wiring.active import driven, weighed
from generator.wiring.threads import Threads
from generator.wiring.wires import Wires


@dataclass(frozen=True)
class Setup:
    """A report before anything is computed."""

    config: ReportConfig
    loaded: LoadedModel
    description: Description
    images: ImageSet
    layers: tuple[Layer, ...]
    """Those that get a page."""
    compared: tuple[Layer, ...]
    """Those of the CAM comparison; the layer that feeds a pooled head is always among them."""
    jobs: Jobs
    engine: Engine
    store: Store
    notes: tuple[str, ...] = ()
    """Sentences on what was found and decided: where the weights came from, which output is read."""
    asking: Asking | None = None
    """What is asked of the dataset; None where no method reads it."""
    timings: MutableMapping[str, float] = field(default_factory=dict)
    others: tuple[Architecture, ...] = ()
    """Networks that the model is put beside."""
    precision: Precision | None = None
    """In what numbers searches run that leave it open."""
    checkpoints: tuple[Checkpoint, ...] = ()
    """Of its training, in their order."""
    ways: MutableMapping[tuple[frozenset[LayerName], ...], tuple[Mapping[LayerName, Wires], Threads]] = field(
        default_factory=dict, init=False, repr=False
    )
    """What was found of them, by the layers of which something was not known yet."""

    @cached_property
    def check(self) -> Check:
        """What the sanity check changes and sees."""
        return check_of(self.judging, self.engine, torch.zeros(1, *self.input_shape))

    @cached_property
    def explaining(self) -> Explaining | None:
        """What is shown of how layers are computed; None where nothing is."""
        explain = self.config.explain
        return explaining_of(
            self.jobs, self.description, self.engine, self.layers, self.images.images, explain.images, explain.budget_mb
        )

    @cached_property
    def judging(self) -> Judging:
        """Which maps are judged, and how."""
        trust = self.config.trust
        layers = tuple(name for name in (self.default_layer,) if name is not None)
        if trust.layers is not None:
            layers = tuple(layer.name for layer in select_layers(trust.layers, self.compared))
        return Judging(self.jobs, trust, layers, self.images.images[: trust.images], self.loaded.labels)

    @cached_property
    def default_layer(self) -> LayerName | None:
        """The compared layer that maps are shown and judged at unless told otherwise: the last, or the last of features where
        scores are of places; None where no layer is compared."""
        features = last_features(self.description)
        names = [layer.name for layer in self.compared]
        return features.name if features is not None and features.name in names else names[-1] if names else None

    @cached_property
    def wires(self) -> Mapping[LayerName, Wires]:
        """What feeds the units of the layers that are wired, and what they feed."""
        return wires_of(self.jobs, self.engine.module, self.description, self.wired, self.store)

    @cached_property
    def driving(self) -> Driving | None:
        """Of which layers it is measured what drives their units; None where no dataset is asked."""
        return None if self.asking is None else Driving(self.asking, self.wires)

    @cached_property
    def tracing(self) -> Tracing | None:
        """Of which units threads are followed in pictures; None where no dataset is asked."""
        return None if self.driving is None else Tracing(self.driving)

    @cached_property
    def wired(self) -> tuple[Layer, ...]:
        """The layers that have a page, and the linear layers on maps, which mix channels as convolutions of 1 x 1 do: else
        what a ConvNeXt or a ViT makes of its channels would not be followed. In order of execution."""
        pages = {layer.name for layer in self.layers}
        found = self.description.layers
        mixing = {layer.name for layer in found if layer.kind == "linear" and layer.name in self.description.grids}
        known = tuple(layer for layer in found if layer.name in pages | mixing)
        return known if mixing - pages else self.layers

    @property
    def weighed(self) -> Mapping[LayerName, Wires]:
        """The same, inputs weighed by how much they are on in the dataset: by what the store knows of that now."""
        return self._plain[0]

    @property
    def said(self) -> Mapping[LayerName, Answers] | None:
        """What the units of the layers answer to, in order of execution; None where the dataset is still to be asked."""
        if self.asking is None:
            return {}
        if self.asking.lacking(self.store):
            return None
        known = ((one.layer.name, self.asking.of(self.store, one.layer.name)) for one in self.asking.requests)
        return {name: found for name, found in known if found is not None}

    @property
    def threads(self) -> Threads:
        """The ways from these units back to the first layer."""
        wired, plain = self._plain
        if self.tracing is None:
            return plain
        lacks = *self._lacks, _names(self.tracing.lacking(self.store))
        if lacks not in self.ways:
            self.ways[lacks] = wired, plain.along(self.tracing.of(self.store))
        return self.ways[lacks][1]

    @property
    def _plain(self) -> tuple[Mapping[LayerName, Wires], Threads]:
        """Without the threads that were followed in pictures."""
        lacks = self._lacks
        if lacks not in self.ways:
            on = {} if self.asking is None else activity_of(self.asking, self.store)
            wired = weighed(self.wires, self.description, self.engine.module, on)
            if self.driving is not None:
                wired = driven(wired, self.description, self.engine.module, self.driving.of(self.store))
            self.ways[lacks] = wired, Threads(wired)
        return self.ways[lacks]

    @property
    def _lacks(self) -> tuple[frozenset[LayerName], ...]:
        """The layers that were not asked yet, and those of which it is not known what drives their units."""
        if self.asking is None or self.driving is None:
            return ()
        return _names(self.asking.lacking(self.store)), _names(self.driving.lacking(self.store))

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """(channels, height, width)"""
        return self.description.input_shape

    @property
    def format_key(self) -> Digest:
        """The key of the memory format that this model runs faster in on this device."""
        of = asdict(self.jobs.model)
        return key_of({"memory format": of, "device": str(self.engine.device), "torch": torch.__version__})

    def labelled(self, most: int) -> Labelled | NotApplicable:
        """At most `most` images whose class is known: of the dataset, else of the report."""
        images, found = self.images.images, self.description
        return labelled(self.config, images, self.jobs.truths, self.loaded.labels, found.classes, most)

    def photographs(self, count: int, first: int = 0) -> Float[Tensor, "n c h w"]:
        """Images from the one numbered `first` on, at most `count`, as the model sees them but in [0, 1]."""
        preprocess = self.loaded.preprocess
        wanted = self.images.images[first : first + count]
        some = [preprocess(load_picture(image, preprocess.channels)) for image in wanted]
        return preprocess.denormalise(torch.stack(some)).clamp(0, 1)


@contextmanager
def clocked(timings: MutableMapping[str, float], name: str) -> Iterator[None]:
    """Add the seconds that the block takes to `timings[name]`."""
    start = time.perf_counter()
    try:
        yield
    finally:
        timings[name] = timings.get(name, 0.0) + time.perf_counter() - start


def set_up(config: ReportConfig, progress: Progress) -> Setup:
    """Load and describe the model, list the images, name the cells. Runs the model once, on one random image.

    Raises:
        UserError: the model cannot be loaded or run, the folder has no image, a selector or a target is wrong.
    """
    timings: dict[str, float] = {}
    with progress.stage("images"), clocked(timings, "images"):
        images = scan(config.images, limit=config.limit)
    for skipped in images.skipped:
        progress.say(f"skipped {skipped.path}: {skipped.reason}")
    with progress.stage("model"), clocked(timings, "model"):
        loaded = load(config.model)
        preprocess = loaded.preprocess
        description = describe(
            loaded.module,
            (preprocess.channels, *preprocess.size),
            invocation=invocation_for(loaded.module, loaded.inputs),
            head=loaded.head,
            output=loaded.output,
        )
    checkpoints = checkpoints_of(config)
    others = tuple(other(source, description.input_shape) for source in config.compare)
    if loaded.labels is not None and description.classes and len(loaded.labels) != description.classes:
        raise UserError(
            f"model.labels: expected {description.classes} labels, one a class, received {len(loaded.labels)}: "
            "give a file with one label a line"
        )
    layers = select_layers(config.layers, description.layers)
    compared = compared_layers(config, description)
    targets = targets_of(config.targets, loaded.labels, description.classes, config.groups)
    check_units(targets, description.layers)
    known = truths(images.images, config.images, config.truth, loaded.labels, description.classes)
    if not known and TrueTarget() in targets:
        raise UserError(
            "targets: `true` needs images whose class is known: folders called like the classes, or `truth: labels.csv`"
        )
    unnamed = unlabelled_folders(images.images, config.truth, known) if TrueTarget() in targets or known else ()
    found_out = (*description.notes, *ends_in(description.readout, loaded.head), *unnamed)
    notes = (*loaded.notes, *found_out)
    for note in found_out:
        progress.say(note)
    choices = [choose(c.name, dict(c.options), layers, compared, description) for c in config.methods]
    choices += [choose(name, {}, layers, compared, description) for name in _unasked_baselines(config, choices)]
    choices.sort(key=lambda choice: choice.name)
    key = ModelKey.of(loaded.module, loaded.weights_digest, preprocess.describe(), loaded.source)
    key = replace(key, call=call_of(description.readout, loaded.inputs))
    engine = Engine(
        loaded.module,
        device=device_of(config.device),
        facts=description.facts,
        head=description.head_linear,
        copies=description.overwritten,
        readout=description.readout,
        invocation=description.invocation,
        grids=description.grids,
    )
    store = Store(Path(config.store))
    with clocked(timings, "tuning"):
        choices, precision, said = settled(choices, engine, key, description.input_shape, store, progress)
    for note in said:
        progress.say(note)
    asked = jobs(
        choices,
        targets,
        description,
        key,
        config.seed,
        known,
        compared={layer.name for layer in compared},
        digests=tuple(image.digest for image in images.images),
    )
    check_chosen(config.units, [s.layer for s in asked.searches if s.layer is not None and s.scope == "search"])
    asking = asking_of(config, asked, images, known, loaded.labels, description)
    told = config.unread if asking is None else asking.notes
    for note in told:
        progress.say(note)
    found = Setup(
        config,
        loaded,
        description,
        images,
        layers,
        compared,
        asked,
        engine,
        store,
        (*notes, *said, *told),
        asking,
        timings,
        others,
        precision,
        checkpoints,
    )
    _ = found.judging.annotations  # a file of boxes that cannot be read is said now, not when all maps are made
    return found


def other(source: str, shape: tuple[int, ...]) -> Architecture:
    """A network that the model is put beside: by its own input where it says one, else by an input of the model's `shape`.

    Raises:
        UserError: it cannot be read, built or run.
    """
    size = "x".join(map(str, shape)) if source.startswith("python:") else None
    try:
        return read(source, size)
    except UserError as error:
        raise UserError(f"compare: {source}: {error}") from error


def asking_of(
    config: ReportConfig,
    asked: Jobs,
    images: ImageSet,
    known: Mapping[str, int],
    labels: tuple[str, ...] | None,
    description: Description,
) -> Asking | None:
    """What is asked of the dataset: an image set of its own, or the report's images."""
    if not asked.sets:
        return None
    ranks = description.readout.kind != "regression" and description.classes > 1
    if config.dataset is None:
        truth = tuple(known.get(image.slug) for image in images.images)
        return Asking(asked, of_images(images.images), truth, ranks, images.images)
    dataset = open_dataset(Path(config.dataset), limit=config.dataset_limit)
    found = named(dataset, labels, description.classes)
    return Asking(asked, dataset, found.classes, ranks, names=found.names, notes=found.notes)


def ends_in(readout: Readout, head: str) -> tuple[str, ...]:
    """The sentence on a model whose scores are probabilities already, if it is one. Which step makes them so is told by
    the kind of head, where that was read off the model ("auto")."""
    if not readout.activated:
        return ()
    known = {"multilabel": "a sigmoid", "binary": "a sigmoid", "classification": "a softmax"} if head == "auto" else {}
    last = known.get(readout.kind, "a softmax or a sigmoid")
    return (
        f"the model itself ends in {last}: its scores are probabilities, and gradients that start from them are flat where "
        "it is sure. Better give the model without that last step.",
    )


def _names(requests: Iterable[SetRequest]) -> frozenset[LayerName]:
    return frozenset(request.layer.name for request in requests)


def _unasked_baselines(config: ReportConfig, choices: Sequence[Choice]) -> tuple[str, ...]:
    """The baselines that nobody asked for, where maps are judged: each of these is held against them."""
    judged = config.trust.metrics and any(
        choice.method.scope in ("layer", "input") and choice.name not in (*NOT_JUDGED, *BASELINES) for choice in choices
    )
    asked = {choice.name for choice in choices}
    return tuple(name for name in BASELINES if judged and name not in asked)


def compared_layers(config: ReportConfig, description: Description) -> tuple[Layer, ...]:
    """The layers of the CAM comparison, with the one that a pooled head averages (itself, or a block that ends in it), or
    the last of features where scores are of places."""
    chosen = select_layers(config.cam_layers, description.layers)
    features = last_features(description)
    if features is None and any(not_averaged(description.facts, layer) is None for layer in chosen):
        return chosen
    names = {layer.name for layer in chosen} | {description.facts.head_layer if features is None else features.name}
    return tuple(layer for layer in description.layers if layer.name in names)


def targets_of(
    texts: tuple[str, ...], labels: tuple[str, ...] | None, classes: int, groups: Groups | None = None
) -> tuple[Target, ...]:
    """Every target once, in the order written. A model of fewer classes than ``top:K`` has as many as it has."""
    found: dict[Target, None] = {}
    for text in texts:
        found.update(dict.fromkeys(parse_target(text, labels, classes, groups)))
    return tuple(found)
