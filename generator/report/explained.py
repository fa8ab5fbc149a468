"""The figures on how layers are computed, of a report: what they cost, recorded in one forward pass an image, and kept in the store."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from generator.command.progress import Stage
from generator.engine.passes import Engine
from generator.explain.budget import SEVENS, File, Part, estimate, has_kernel, parts_of, total, within
from generator.explain.chains import Chains, chains_of
from generator.explain.explained import Explained, Stored
from generator.explain.layouts import Layout, Layouts
from generator.explain.operation import Operation
from generator.explain.record import kept_layouts, record
from generator.explain.twenty import pack
from generator.images import ImageRecord, load
from generator.model.describe import Description
from generator.model.graph import Ref
from generator.model.preprocess import Preprocess
from generator.model.receptive import propagate
from generator.names import Digest, Layer, LayerName
from generator.pages.views import Passes
from generator.report.jobs import Jobs
from generator.report.keys import code_digest, engine_digest
from generator.store import Record, Store, digest, key_of

HEAD = 200
"""Bytes of a script around its numbers."""
MB = 1e6
MOST = 24
"""Images that are explained without being asked for: each is a file a map."""
LITTLE = 1e6
"""Bytes, about, that the beginning and the end of one more image may take."""
SURE = 0.9
"""Of the budget: what estimates may come to, so that what is really taken fits."""


@dataclass(frozen=True)
class Explaining:
    """Which operations are explained, of which images, within which budget."""

    jobs: Jobs
    description: Description
    chains: Chains
    images: tuple[ImageRecord, ...]
    budget: float
    """Bytes."""
    others: tuple[ImageRecord, ...] = ()
    """Images of which only the beginning and the end are shown, of as many as the budget then has room for."""

    @cached_property
    def operations(self) -> Mapping[LayerName, Operation]:
        """Those of all chains, by name."""
        return {step.operation.name: step.operation for chain in self.chains.chains for step in chain.steps}

    @cached_property
    def layouts(self) -> Mapping[Ref, Layout]:
        """The tensors to be kept, and how they lie in memory."""
        graph = self.description.graph
        return kept_layouts(self.chains.chains, Layouts(graph, propagate(graph)))

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        return parts_of(self.chains)

    @cached_property
    def estimates(self) -> Mapping[File, float]:
        """Bytes that each file will take, by its shape."""
        nodes = self.description.graph.nodes
        found: dict[File, float] = {
            ref: HEAD + estimate(math.prod(ref.shape), rectified=nodes[ref.node].family == "act")
            for ref in self.layouts
        }
        return (
            found
            | {name: HEAD + estimate(_weights(one)) for name, one in self.operations.items() if has_kernel(one)}
            | {
                (name, array): HEAD + estimate(math.prod(one.shape))
                for name, one in self.operations.items()
                for array in one.large
            }
        )

    @cached_property
    def recorded(self) -> tuple[Part, ...]:
        """What is worth recording: what may come to lie within the budget."""
        return within(self.parts, self.estimates, len(self.images), self.budget * 1.1)

    @cached_property
    def room(self) -> int:
        """Of how many images, at most MOST, the budget surely holds what it holds of one; at least one."""
        shown = within(self.parts, self.estimates, 1, self.budget)
        one, two = (total(shown, self.estimates, images) for images in (1, 2))
        if two == one:
            return 1
        return max(1, min(MOST, 1 + int((SURE * self.budget - one) / (two - one))))

    @property
    def expected(self) -> float:
        """Bytes that the figures will take, about."""
        shown = within(self.parts, self.estimates, len(self.images), self.budget)
        taken = total(shown, self.estimates, len(self.images))
        each = sum(self.estimates[ref] for ref in self.ends)
        more = min(len(self.others), int(max(0.0, self.budget - taken) / each)) if each else 0
        return taken + more * each

    @property
    def left_out_in_words(self) -> str:
        """``within explain.budget_mb: 25``, and how many layers go without where some do."""
        shown = within(self.parts, self.estimates, len(self.images), self.budget)
        without = len(self.parts) - len(shown)
        said = f"within explain.budget_mb: {self.budget / MB:g}"
        return said if not without else f"{said}; {without} of {len(self.parts)} go without"

    @cached_property
    def refs(self) -> tuple[Ref, ...]:
        """The tensors that are recorded."""
        return tuple(dict.fromkeys(file for part in self.recorded for file in part.files if isinstance(file, Ref)))

    @cached_property
    def ends(self) -> tuple[Ref, ...]:
        """The tensors of the beginning and the end: what reads the picture first, and what makes the scores of the last maps. None where
        they are large."""
        last = _softmax(self)
        at_end = {
            step.operation.name
            for chain in self.chains.chains
            if any(step.operation.name == last for step in chain.steps)
            for step in chain.steps
        }
        own = [
            part
            for part in self.recorded
            if {*part.operations} <= at_end or any(isinstance(file, Ref) and file.node == 0 for file in part.files)
        ]
        found = tuple(dict.fromkeys(file for part in own for file in part.files if isinstance(file, Ref)))
        return found if sum(self.estimates[ref] for ref in found) <= LITTLE else ()

    def wanted(self, image: ImageRecord) -> tuple[Ref, ...]:
        """The tensors that are recorded of an image."""
        return self.refs if any(image.slug == one.slug for one in self.images) else self.ends

    @cached_property
    def of(self) -> tuple[Operation, ...]:
        """The operations whose arrays are recorded: of a part that goes without, the small ones."""
        names = {name for part in self.recorded for name in part.operations}
        return tuple(one for name, one in self.operations.items() if name in names)

    def key(self, image: ImageRecord | None) -> Digest:
        """Of what was recorded of an image; of the arrays, where there is none."""
        said = [[one.name, one.kind, list(one.shape), dict(one.settings)] for one in self.of]
        wanted: list[Any] = [self._named(ref) for ref in self.wanted(image)] if image else said
        return key_of(
            {
                "explain": [
                    code_digest(f"generator.explain.{name}")
                    for name in ("attention", "check", "layouts", "record", "twenty")
                ],
                "model": asdict(self.jobs.model if image else replace(self.jobs.model, preprocessing="")),
                "engine": engine_digest(),
                "image": image.digest if image else None,
                "wanted": wanted,
            }
        )

    def _named(self, ref: Ref) -> list[Any]:
        return [self.description.graph.nodes[ref.node].name, ref.output, list(ref.shape)]

    def lacking(self, store: Store) -> tuple[ImageRecord, ...]:
        """The images that have to be run."""
        if not self.refs:
            return ()
        known = store.get(self.key(None)) is not None
        return tuple(
            image
            for k, image in enumerate((*self.images, *(self.others if self.ends else ())))
            if store.get(self.key(image)) is None or (k == 0 and not known)
        )

    def passes(self, store: Store) -> Passes:
        """One forward pass an image."""
        return Passes(len(self.lacking(store)), 0)


def explaining_of(jobs: Jobs, description: Description, engine: Engine, pages: Iterable[Layer], images: tuple[ImageRecord, ...], many: int | Literal["auto"], budget_mb: float) -> Explaining | None:  # fmt: skip
    """What is explained of these layers, of the first so many images; of their own accord also the beginning and the end of the others.
    None where no image is."""
    if not images or many == 0:
        return None
    of_all = Explaining(jobs, description, chains_of(description.graph, engine.module, pages), images, budget_mb * MB)
    first = of_all.room if many == "auto" else many
    return replace(of_all, images=images[:first], others=images[first:MOST] if many == "auto" else ())


def fill_explained(what: Explaining, engine: Engine, preprocess: Preprocess, store: Store, stage: Stage) -> None:
    """Record what the store lacks."""
    for image in what.lacking(store):
        refs = what.wanted(image)
        layouts = {ref: what.layouts[ref] for ref in refs}
        x = engine.batch(preprocess(load(image, preprocess.channels))[None])
        engine.counts.forward += 1
        known = store.get(what.key(None)) is not None  # the arrays are the same for every image
        of = () if known else what.of
        found = record(engine.module, x, what.description.graph, layouts, of, engine.invocation)
        _put(
            store,
            what.key(image),
            {str(k): found.maps[ref] for k, ref in enumerate(refs) if ref in found.maps},
            {},
            {},
        )
        if not known:
            big = {
                f"{name}/{array}": value
                for (name, array), value in found.arrays.items()
                if _is_large(what, name, array)
            }
            small = {
                f"{name}/{array}": value
                for (name, array), value in found.arrays.items()
                if not _is_large(what, name, array)
            }
            _put(store, what.key(None), big, small, found.apart)
        stage.advance()


def _is_large(what: Explaining, name: LayerName, array: str) -> bool:
    """Whether an array is a file of its own."""
    one = what.operations[name]
    return array in one.large or (array == "weight" and has_kernel(one))


def _put(
    store: Store,
    key: Digest,
    big: Mapping[str, NDArray[np.float32]],
    small: Mapping[str, NDArray[np.float32]],
    apart: Mapping[LayerName, float],
) -> None:
    packed = {name: pack(value) for name, value in big.items()}
    meta = {"packed": {name: [list(one.shape), one.power, round(SEVENS * len(one.data))] for name, one in packed.items()},
            "floats": {name: list(value.shape) for name, value in small.items()},
            "apart": {name: float(f"{away:.3g}") if math.isfinite(away) else None for name, away in apart.items()}}  # fmt: skip
    store.put(
        key,
        meta,
        {name: one.data for name, one in packed.items()}
        | {name: value.astype("<f4").tobytes() for name, value in small.items()},
    )


def explained_of(what: Explaining, store: Store) -> Explained:
    """The figures, as the store has them: within the budget by what they really take."""
    maps: dict[tuple[str, Ref], Stored] = {}
    cost: dict[File, float] = {}
    for image in what.images:
        for name, one in _stored(store, what.key(image)).items():
            ref = what.refs[int(name)]
            maps[image.slug, ref] = one
            cost[ref] = max(cost.get(ref, 0.0), one.size)
    record_ = store.get(what.key(None))
    kernels, large = _arrays(what, store)
    cost |= {name: one.size for name, one in kernels.items()}
    cost |= {at: one.size for at, one in large.items()}
    shown = within(
        tuple(part for part in what.recorded if not _lacks(part, cost)),
        cost,
        len(what.images),
        what.budget,
    )
    files = {file for part in shown for file in part.files}
    there = {name for part in shown for name in part.operations}
    maps = {at: one for at, one in maps.items() if at[1] in files}
    kernels = {name: one for name, one in kernels.items() if name in files}
    large = {at: one for at, one in large.items() if at in files}
    left = what.budget - sum(one.size for one in (*maps.values(), *kernels.values(), *large.values()))
    beside: list[str] = []
    for image in what.others if what.ends else ():
        own = {(image.slug, what.ends[int(k)]): one for k, one in _stored(store, what.key(image)).items()}
        own = {at: one for at, one in own.items() if at[1] in files}
        left -= sum(one.size for one in own.values())
        if not own or left < 0:
            break
        maps |= own
        beside.append(image.slug)
    arrays: dict[tuple[LayerName, str], NDArray[np.float32]] = {}
    wrong: dict[LayerName, str] = {}
    if record_ is not None:
        wrong = {LayerName(name): _differs(away) for name, away in record_.meta["apart"].items()}
        for name, shape in record_.meta["floats"].items():
            operation, _, array = name.rpartition("/")
            arrays[LayerName(operation), array] = np.frombuffer(store.blob(record_, name), "<f4").reshape(shape)
    return Explained(
        what.chains,
        {ref: what.description.graph.nodes[ref.node].name for ref in what.layouts},
        tuple(image.slug for image in what.images),
        maps,
        kernels,
        arrays,
        wrong | {name: _why(what, name, cost) for name in what.operations if name not in there},
        sum(one.size for one in (*maps.values(), *kernels.values(), *large.values())),
        _softmax(what),
        large,
        tuple(beside),
    )


def _arrays(what: Explaining, store: Store) -> tuple[dict[LayerName, Stored], dict[tuple[LayerName, str], Stored]]:
    """Kernels by their operation, other large arrays by operation and name."""
    kernels: dict[LayerName, Stored] = {}
    large: dict[tuple[LayerName, str], Stored] = {}
    for name, one in _stored(store, what.key(None)).items():
        operation, _, array = name.rpartition("/")
        if has_kernel(what.operations[LayerName(operation)]):
            kernels[LayerName(operation)] = one
        else:
            large[LayerName(operation), array] = one
    return kernels, large


def _lacks(part: Part, cost: Mapping[File, float]) -> bool:
    """Whether a map or a kernel was not recorded; other arrays may be none: a norm without weights has none."""
    return any(file not in cost for file in part.files if not isinstance(file, tuple))


def _differs(away: float | None) -> str:
    """Of an operation that gave something else than its settings say: by which share of a channel's largest number."""
    if away is None:
        return "it is not shown: what is worked out is of another shape, or no number where the model gave one."
    by = f"{100 * away:.{0 if away >= 0.1 else 1}f} %" if away < 10 else f"{away:.2g} times"
    return f"it is not shown: what is worked out differs from what the model gave by {by} of the largest number of a channel."


def _why(what: Explaining, name: LayerName, cost: Mapping[File, float]) -> str:
    part = next(part for part in what.parts if name in part.operations)
    if part in what.recorded and _lacks(part, cost):
        return "its numbers were not recorded: when it ran it was given something else than when the model was looked through."
    needs = total((part,), what.estimates, len(what.images)) / MB
    return (
        f"its numbers would take about {needs:.1f} MB, and all figures may take {what.budget / MB:g} MB together: the most expensive go "
        "without. A larger explain.budget_mb brings it back."
    )


def _softmax(what: Explaining) -> LayerName | None:
    """The last linear layer, where its output are the scores of classes and no probabilities yet."""
    readout, graph = what.description.readout, what.description.graph
    last = [name for name, one in what.operations.items() if one.kind == "linear"]
    ends = {ref.node for ref in graph.outputs if ref is not None}
    classes = readout.kind == "classification" and not readout.activated and what.description.classes > 1
    return last[-1] if last and classes and what.operations[last[-1]].node in ends else None


def _stored(store: Store, key: Digest) -> Mapping[str, Stored]:
    found = store.get(key)
    if found is None:
        return {}
    return {
        name: _one(store, found, name, shape, power, size)
        for name, (shape, power, size) in found.meta["packed"].items()
    }


def _one(store: Store, record_: Record, name: str, shape: list[int], power: int, size: int) -> Stored:
    of = record_.blobs[name] if name in record_.blobs else digest(record_.inline[name])
    return Stored(tuple(shape), power, of, size + HEAD, lambda: store.blob(record_, name))


def _weights(operation: Operation) -> int:
    """How many numbers a kernel has."""
    inputs = operation.reads[0].shape
    if operation.kind == "linear":
        return operation.shape[0] * math.prod(inputs)
    return operation.shape[0] * inputs[0] // int(operation.settings["groups"]) * math.prod(operation.settings["kernel"])
