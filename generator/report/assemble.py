"""The store's records into what pages show of images and layers; of single units see unit_views.py. Reads only.

Maps of many layers and images are read as a page asks for them, so that memory does not grow with the report.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from generator.artifacts import NotApplicable
from generator.encode import from_npy
from generator.engine.output import Readout
from generator.engine.plan import Request
from generator.images import ImageRecord
from generator.methods import registry
from generator.model.labels import label
from generator.names import INPUT, CallTarget, ClassTarget, GroupTarget, LayerName, RankTarget, Target, TrueTarget, Unit
from generator.pages.views import (
    Atlas,
    Gray,
    Heat,
    ImageView,
    LayerView,
    Picture,
    Prediction,
    Values,
)
from generator.report import summed
from generator.report.answers import Asking
from generator.report.colours import colour_of
from generator.report.jobs import Jobs
from generator.report.reconstructions import Wanted
from generator.report.shelf import Lazy, Shelf
from generator.report.unit_views import NOT_ASKED, UnitViews
from generator.store import Record, Store, digest

OF_THEIR_OWN = ("predictions", "feature_maps", "input_response")
"""What pages have a place of its own for. All else is shown by its scope: at a layer as a row of the comparison, on the
input beside the gradients."""


UNLABELLED = {"binary": "{0}", "regression": "output {1}"}
"""What classes without labels are called, by the kind of head, where "class 0" would mislead."""


class Assembly:
    """Records of one report, by what they are of."""

    def __init__(
        self,
        jobs: Jobs,
        store: Store,
        labels: tuple[str, ...] | None,
        readout: Readout,
        asking: Asking | None = None,
        wanted: Sequence[Wanted] = (),
    ) -> None:
        self._jobs, self._store, self._labels, self._readout = jobs, store, labels, readout
        self._asking = asking
        self._shelf = Shelf(store)
        self.units = UnitViews(jobs, store, self, asking, wanted)
        self._requests = {(r.name, r.layer): r for r in (*jobs.requests, *jobs.weights)}
        self._refused = {(method, layer): NotApplicable(reason) for method, layer, reason in jobs.refused}
        self._scope = {r.name: r.method.scope for r in jobs.requests}

    def label(self, index: int) -> str:
        """What a class is called."""
        if self._labels is None and self._readout.kind in UNLABELLED:
            return UNLABELLED[self._readout.kind].format(("no", "yes")[index] if index < 2 else index, index)
        return label(self._labels, index)

    def _record(self, request: Request, image: ImageRecord | None) -> Record:
        record = self._store.get(self._jobs.key(request, image))
        if record is None:
            raise LookupError(f"{request.name} at {request.layer} is not in the store")
        return record

    # Images

    def image(self, image: ImageRecord, layers: Sequence[LayerName]) -> ImageView:
        """An image's page: its predictions, and its maps at the compared `layers`."""
        photo = self._store.get(self._jobs.photo_key(image))
        if photo is None:
            raise LookupError(f"the pictures of {image.name} are not in the store")
        meta = photo.meta
        ranked, by_index = self._scores(image)
        targets = tuple(
            replace(ranked[target.rank - 1], role=f"rank {target.rank}")
            if isinstance(target, RankTarget)
            else by_index(target.index)
            if isinstance(target, ClassTarget)
            else self._named(target, image, by_index)
            for target in self._jobs.targets
        )
        compared = dict.fromkeys(layers)
        cams, gradients = [], []
        for name, scope in self._scope.items():
            if name in OF_THEIR_OWN:
                continue
            if scope == "layer":
                cams += [(name, layer, t) for layer in compared for t in range(len(targets))]
            elif scope == "input":
                gradients += [(name, t) for t in range(len(targets))]
        cams += [(m, at, 0) for m, at in self._refused if at in compared and m not in self._scope and _is_cam(m)]
        gradients += [(m, 0) for m, layer in self._refused if layer == INPUT]
        return ImageView(
            name=image.name,
            slug=image.slug,
            digest=image.digest,
            width=meta["width"],
            height=meta["height"],
            photo=self._shelf.picture(photo, "seen.jpg", meta["seen"]),
            original=self._shelf.picture(photo, "original.jpg", meta["original"]),
            predictions=ranked[:5],
            targets=targets,
            cams=Lazy(cams, lambda key: self.heat(key[0], key[1], image, key[2])),
            gradients=Lazy(gradients, lambda key: self._on_input(key[0], image, key[1])),
            response=Lazy(tuple(compared), lambda layer: self.response(layer, image)),
        )

    def _named(self, target: Target, image: ImageRecord, by_index: Callable[[int], Prediction]) -> Prediction:
        """A target that is no single class of all images, as pages name it: where it is no class, it has neither
        probability nor logit."""
        if isinstance(target, TrueTarget):
            truth = self._jobs.truth(image)
            found = Prediction(-1, "true class: not known", None, None) if truth is None else by_index(truth)
            return replace(found, role="true")
        if isinstance(target, GroupTarget):
            parts = [by_index(index) for index in target.classes]
            shares = [p.probability for p in parts if p.probability is not None]
            logits = [p.logit for p in parts if p.logit is not None]
            return Prediction(-1, target.name, sum(shares) if shares else None, sum(logits))
        if isinstance(target, CallTarget):
            return Prediction(-1, target.function.rpartition(":")[2], None, None)
        assert isinstance(target, Unit)
        return unit_target(target)

    def _scores(self, image: ImageRecord) -> tuple[tuple[Prediction, ...], Callable[[int], Prediction]]:
        record = self._record(self._requests["predictions", INPUT], image)
        scores = from_npy(self._store.blob(record, "0.values.npy")).astype(np.float64)
        probabilities = self._readout.probabilities(torch.from_numpy(scores)[None])

        def one(index: int) -> Prediction:
            share = None if probabilities is None else float(probabilities[0, index])
            return Prediction(index, self.label(index), share, float(scores[index]))

        order = np.argsort(-scores, kind="stable")[: max(10, len(self._jobs.targets))]
        return tuple(one(int(index)) for index in order), one

    def first(self, image: ImageRecord) -> str:
        """What the model says of an image first, in a word; "" where it says no class."""
        return self._scores(image)[0][0].label if self._readout.kind in ("classification", "multilabel") else ""

    def heat(self, method: str, layer: LayerName, image: ImageRecord, target: int) -> Heat | NotApplicable:
        """A method's map at a layer, of one target."""
        if (method, layer) in self._refused:
            return self._refused[method, layer]
        request = self._requests.get((method, layer))
        if request is None:
            return NOT_ASKED
        record = self._record(request, image)
        target = target if request.targets else 0  # a map that needs no target is the same for all
        meta = record.meta["maps"][target]
        if "not_applicable" in meta:
            return NotApplicable(meta["not_applicable"])
        if meta["kind"] == "input":
            return self._strength(request, record, meta, target)
        return self._heat(record, meta, target)

    def _heat(self, record: Record, meta: Mapping[str, Any], target: int) -> Heat:
        name, (height, width) = f"{target}.raw.gray", meta["size"]
        few = name in record.inline or name in record.blobs
        return Heat(
            Gray(self._store.blob(record, name), width, height)
            if few
            else self._shelf.picture(record, f"{target}.raw.png", meta["size"]),
            lo=meta["lo"],
            hi=meta["hi"],
            signed=meta["signed"],
            empty=meta["empty"],
            facts=_facts(meta),
            values=self._values(record, target),
        )

    def _values(self, record: Record, target: int) -> Values:
        name = f"{target}.values.npy"

        def read() -> NDArray[np.float32]:
            array = from_npy(self._store.blob(record, name))
            return array if array.ndim == 2 else np.abs(np.nan_to_num(array)).max(axis=0)

        return Values(record.blobs[name] if name in record.blobs else digest(record.inline[name]), read)

    def _sums(self, record: Record, meta: Mapping[str, Any], target: int) -> Heat:
        """What the places of contributions add up to: the map that is judged."""
        of, name = self._values(record, target).digest, f"{target}.values.npy"
        key, made = summed.kept(self._store, of, lambda: self._store.blob(record, name))
        ends = {end: made.meta[end] for end in ("lo", "hi", "raw_lo", "raw_hi", "empty")}
        return Heat(
            self._shelf.picture(made, "sums", meta["size"]),
            signed=True,
            reach=meta["reach"],
            facts=_facts(meta),
            values=Values(key, lambda: summed.sums(from_npy(self._store.blob(record, name)))),
            **ends,
        )

    def _strength(self, request: Request, record: Record, meta: Mapping[str, Any], target: int) -> Heat:
        if getattr(request.method, "adds_up", False):
            return self._sums(record, meta, target)
        name = next(n for n in (f"{target}.heat.png", f"{target}.heat.jpg") if n in record.blobs or n in record.inline)
        picture = self._shelf.picture(record, name, meta["size"])
        return Heat(
            picture,
            meta["lo"],
            meta["hi"],
            empty=meta["empty"],
            raw_hi=meta["raw_hi"],
            reach=meta["reach"],
            facts=_facts(meta),
            values=self._values(record, target),
        )

    def _on_input(self, method: str, image: ImageRecord, target: int) -> tuple[Heat, Picture | None] | NotApplicable:
        if (method, INPUT) in self._refused:
            return self._refused[method, INPUT]
        request = self._requests[method, INPUT]
        record = self._record(request, image)
        target = target if request.targets else 0
        meta = record.meta["maps"][target]
        if "not_applicable" in meta:
            return NotApplicable(meta["not_applicable"])
        if meta["kind"] == "heat":
            return self._heat(record, meta, target), None
        drawn = self._strength(request, record, meta, target)
        return drawn, self._shelf.picture(record, f"{target}.picture.jpg", meta["size"])

    def response(self, layer: LayerName, image: ImageRecord) -> Heat | NotApplicable:
        """Input x response at a layer."""
        return self.heat("input_response", layer, image, 0)

    # Layers

    def layer(
        self,
        layer: Any,
        slug: str,
        images: Sequence[ImageRecord],
        units: Mapping[tuple[str, LayerName], tuple[int, ...]],
    ) -> LayerView:
        """A layer's page."""
        by_slug = {image.slug: image for image in images}
        name: LayerName = layer.name
        cams = [
            (method, s)
            for (method, at), request in self._requests.items()
            if at == name and request.method.scope == "layer" and method not in OF_THEIR_OWN
            for s in by_slug
        ]
        kernels, note, slices = self._kernels(name)
        return LayerView(
            layer=layer,
            slug=slug,
            maps=Lazy(tuple(by_slug), lambda s: self._maps(name, by_slug[s])),
            kernels=kernels,
            kernel_note=note,
            kernel_inputs=slices,
            pictures=self.units.pictures(name, units),
            searched=self.units.searched(name, units),
            answers=self._asking.of(self._store, name) if self._asking else None,
            colour=colour_of(self._asking, self._store, name) if self._asking else None,
            reconstructions=self.units.reconstructions.get(name),
            cams=Lazy(cams, lambda key: self.heat(key[0], name, by_slug[key[1]], 0)),
        )

    def _maps(self, layer: LayerName, image: ImageRecord) -> Atlas | NotApplicable:
        request = self._requests.get(("feature_maps", layer))
        if request is None:
            return NOT_ASKED
        record = self._record(request, image)
        return self._shelf.atlas(record, "0.atlas.png", record.meta["maps"][0])

    def _kernels(self, layer: LayerName) -> tuple[Atlas | NotApplicable, str, Mapping[int, Atlas]]:
        if ("kernels", layer) not in self._requests:
            return (
                self._refused.get(
                    ("kernels", layer), NotApplicable("the layer is not a convolution, so it has no kernels.")
                ),
                "",
                {},
            )
        record = self._record(self._requests["kernels", layer], None)
        meta = record.meta["maps"][0]
        slices = {int(c): self._shelf.atlas(record, f"0.input-{c}.png", m) for c, m in meta.get("slices", {}).items()}
        return self._shelf.atlas(record, "0.atlas.png", meta), kernel_note(meta), slices


def unit_target(unit: Unit) -> Prediction:
    """A unit where maps are drawn for one: its name. It is no class, so that it has neither probability nor logit."""
    place = "" if unit.position is None else f" at row {unit.position[0]}, column {unit.position[1]}"
    return Prediction(unit.channel, f"unit {unit.channel} of {unit.layer}{place}", None, None)


def _facts(meta: Mapping[str, Any]) -> tuple[tuple[str, float], ...]:
    return tuple((str(name), float(value)) for name, value in meta.get("facts", ()))


def _is_cam(name: str) -> bool:
    """Whether a method draws one map at a layer: a row of the comparison."""
    return registry()[name].cls.scope == "layer" and name not in OF_THEIR_OWN


def kernel_note(meta: Mapping[str, Any]) -> str:
    """What the kernel tiles show, in a sentence."""
    filters, inputs, groups = meta["filters"], meta["inputs"], meta["groups"]
    of = f"{filters} filters over {inputs} input channels" + (f" in each of {groups} groups" if groups > 1 else "")
    if meta["mode"] == "rgb":
        return f"{filters} filters over the red, green and blue of the input, as colours; gray is zero, each filter on its own scale."
    if meta["mode"] == "depthwise":
        return f"{filters} filters of one input channel each; each on its own scale."
    if meta["mode"] == "weights":
        side = math.ceil(math.sqrt(inputs))
        return f"{of}, 1 × 1: the tile of a filter is its {inputs} weights in reading order, {side} to a row, each filter on its own scale."
    return f"{of}: each tile is a filter's slice at the input channel where it is strongest, each on its own scale."
