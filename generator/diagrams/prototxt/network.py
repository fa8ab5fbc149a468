"""A prototxt file as an architecture: its layers for one phase, joined by the blobs that they read and give.

    conv1 ─ conv1 ─▶ relu1 ─ conv1 ─▶ pool1        a layer that gives what it reads writes in place, and who reads that
                                                   blob later reads it from there

Nothing that Caffe would refuse stops a drawing: a blob that no layer gives comes from a box of its own, a layer that is
not known hands its shape on, and a sentence says so.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from generator.diagrams.architecture import FLOAT, MISSING, OUTPUT, Architecture, Edge, Op, Shape
from generator.diagrams.prototxt.arrange import unchanged
from generator.diagrams.prototxt.blob import UNKNOWN, Blob, Given, Refused, sane
from generator.diagrams.prototxt.blocks import blocks
from generator.diagrams.prototxt.data import image
from generator.diagrams.prototxt.layer import Layer, format_of, layers_of
from generator.diagrams.prototxt.message import Message
from generator.diagrams.prototxt.missing import Missing, place_of
from generator.diagrams.prototxt.parse import parse
from generator.diagrams.prototxt.phases import PHASES, phases_of, present, state_of
from generator.diagrams.prototxt.shapes import RULES, SHARES
from generator.diagrams.prototxt.words import attributes
from generator.diagrams.words import shares
from generator.errors import UserError
from generator.pages.escape import clean

LARGEST_FILE = 2**24
"""Bytes; the largest nets that people write down have a hundredth of it, and weights do not belong here."""


def read(
    path: Path,
    phase: str = "TEST",
    *,
    shape: Shape | None = None,
    level: int | None = None,
    stages: tuple[str, ...] | None = None,
) -> Architecture:
    """The net in the file `path`, as it is in `phase`; `shape` (channels, height, width) is its images', where given.

    Raises UserError where the file cannot be read, breaks the syntax (with line and column) or holds no layer for `phase`.
    """
    net = tree(path)
    if phase not in PHASES:
        raise UserError(f"phase: expected {' or '.join(PHASES)}, received {phase!r}")
    found = layers_of(net)
    if not found:
        raise UserError(f"{path}: expected a net with layers, found none{_solver(net)}")
    kept = tuple(one for one in found if present(one, state_of(net, phase, level, stages)))
    if not kept:
        raise UserError(f"{path}: expected layers for the phase {phase}, found {len(found)} for others alone")
    wiring = _Wiring(shape, Missing(kept, found))
    wiring.inputs(net)
    for layer in kept:
        wiring.add(layer)
    return wiring.finished(net.text("name") or path.stem, {"phase": phase, "format": format_of(net)})


def phases(path: Path) -> tuple[str, ...]:
    """``("TRAIN", "TEST")`` where the file tells them apart, ``()`` where it holds one net for both."""
    return phases_of(layers_of(tree(path)))


def tree(path: Path) -> Message:
    """The file as a tree. Raises UserError where it cannot be read."""
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise UserError(f"expected a prototxt file, found none that can be read at {path}: {error.strerror}") from None
    if len(data) > LARGEST_FILE:
        raise UserError(f"{path}: expected a prototxt file of at most {LARGEST_FILE // 2**20} MB")
    try:
        return parse(data.decode("utf-8"), clean(path.name))
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UserError(
            f"{path.name}:{line}: expected text in UTF-8, received the byte 0x{data[error.start]:02X}"
        ) from None


def _solver(net: Message) -> str:
    named = [name for key in ("net", "train_net", "test_net") for name in net.texts(key)]
    return f": this is a solver; its net is in {named[0]}" if named else ""


@dataclass
class _Wiring:
    """What has been joined so far."""

    shape: Shape | None
    missing: Missing
    ops: list[Op] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    blobs: dict[str, tuple[str, Blob]] = field(default_factory=dict)
    """By name: the id of the op that gave it last, and the blob."""
    taken_for_granted: set[str] = field(default_factory=set)
    """Blobs that no layer had given when they were first read."""
    images: int | None = None
    """In a batch: all that is said of one image is a batch's, divided by this."""
    unread: dict[str, tuple[str, Blob]] = field(default_factory=dict)
    taken: Counter[str] = field(default_factory=lambda: Counter((OUTPUT,)))
    weights: set[str] = field(default_factory=set)
    readers: dict[str, list[str]] = field(default_factory=dict)
    """Ids of the ops that name each parameter."""
    uncounted: list[str] = field(default_factory=list)

    # ---- what the net itself names

    def inputs(self, net: Message) -> None:
        """The net's own ``input`` fields, as they were written before there were layers for it."""
        shapes = [one.integers("dim", 0) for one in net.messages("input_shape")]
        flat = net.integers("input_dim", 0)
        shapes = shapes or [flat[k : k + 4] for k in range(0, len(flat), 4)]
        for number, name in enumerate(net.texts("input")):
            dims = shapes[number] if number < len(shapes) else None
            self._source(name, "Input", UNKNOWN if dims is None else image(tuple(side or None for side in dims)))
            if dims is None:
                self.notes.append(f"The file does not say the shape of its input {name}.")

    def _source(self, blob: str, op: str, value: Blob, note: str = "") -> None:
        value = self._batched(self._asked(value))
        self._batch(value)
        id = self._id(blob)
        shape = self._shape(value)
        memory = FLOAT * math.prod(shape) if shape else 0
        self.ops.append(Op(id, "input", op, shape, path=blob, memory=memory, receptive_field=_seen(value), note=note))
        self.blobs[blob] = self.unread[blob] = (id, value)

    def _asked(self, value: Blob) -> Blob:
        """The first image, in the shape that was asked for."""
        if self.shape is None or (value.dims is not None and len(value.dims) != 4):
            return value
        asked, self.shape = self.shape, None
        return image(((value.side(0) or 1), *asked))

    def _batch(self, value: Blob) -> None:
        """The first blob tells how many images there are; of three axes, it is a sequence, and the whole of it is meant."""
        if self.images is None and value.dims:
            self.images = 1 if len(value.dims) == 3 else value.dims[0]

    def _batched(self, value: Blob) -> Blob:
        """The blob, where it is not known how many images it holds, with as many as the first one."""
        if not value.dims or value.dims[0] is not None:
            return value
        self.images = self.images or 1
        return replace(value, dims=(self.images, *value.dims[1:]))

    # ---- layers

    def add(self, layer: Layer) -> None:
        """Join one layer."""
        for number, bottom in enumerate(layer.bottoms):
            if bottom not in self.blobs:
                note = self.missing.blob(bottom, layer, self.blobs)
                self.notes.append(place_of(layer, "bottom", number).said(note))
                self._source(bottom, MISSING, UNKNOWN, note)
                self.taken_for_granted.add(bottom)
        reads = [self.blobs[bottom] for bottom in layer.bottoms]
        values = tuple(value for _, value in reads)
        kind, rule = RULES.get(layer.type, ("other", unchanged))
        try:
            result = rule(layer, values)
        except Refused as refused:
            result = Given((UNKNOWN,) * len(layer.tops), (None,), None, str(refused))
        if kind == "input" and result.blobs:
            asked = self._asked(result.blobs[0])
            told = asked is not result.blobs[0]
            result = replace(result, blobs=(asked, *result.blobs[1:]), note="" if told else result.note)
            self._batch(result.blobs[0])
        notes = [result.note] if result.note else []
        if layer.type not in RULES:
            notes.insert(0, self.missing.type(layer))
        made = tuple(self._batched(sane(blob)) for blob in result.blobs)
        made += (UNKNOWN,) * (len(layer.tops) - len(made))
        in_place = bool(layer.tops) and layer.tops[0] in layer.bottoms
        id = self._id(layer.name)
        self.ops.append(self._op(id, layer, values, replace(result, blobs=made), " ".join(notes), in_place))
        at = place_of(layer, "type") if layer.type not in RULES else layer.said.at
        self.notes += [at.said(f"{layer.name}: {note}") for note in notes]
        self.edges += [Edge(source, id, self._shape(value)) for source, value in reads]
        for bottom in layer.bottoms:
            self.unread.pop(bottom, None)
        for number, (top, value) in enumerate(zip(layer.tops, made, strict=False)):
            if top in self.blobs and top not in layer.bottoms and top not in self.taken_for_granted:
                note = f"{layer.name}: The blob {top} is given a second time; what follows reads this one."
                self.notes.append(place_of(layer, "top", number).said(note))
            self.blobs[top] = self.unread[top] = (id, value)
        if made and not layer.tops:  # a loss need not name what it gives
            self.unread[f"\0{id}"] = (id, made[0])

    def _op(self, id: str, layer: Layer, values: tuple[Blob, ...], result: Given, note: str, in_place: bool) -> Op:
        known = layer.type in RULES
        first = (*result.blobs, *values, UNKNOWN)[0]
        given = result.blobs[: max(len(layer.tops), 1)]
        free = in_place or layer.type in SHARES
        return Op(
            id,
            RULES[layer.type][0] if known else "other",
            layer.type if known else f"{layer.type} ?",
            self._shape(first),
            path=layer.name,
            attributes=attributes(layer, values, result.blobs),
            parameters=self._parameters(id, layer, result),
            weights=tuple(size or 0 for size in result.weights),
            macs=self._per_image(result.macs, id),
            memory=0 if free else sum(FLOAT * math.prod(shape) for shape in map(self._shape, given) if shape),
            receptive_field=_seen(first),
            in_place=in_place,
            note=note,
        )

    def _parameters(self, id: str, layer: Layer, result: Given) -> int:
        """Learned values; those of a blob whose name was seen before were counted there."""
        total = 0
        for number, size in enumerate(result.weights):
            name = layer.weights[number] if number < len(layer.weights) else ""
            if name:
                self.readers.setdefault(name, []).append(id)
            if name and name in self.weights:
                continue
            self.weights.add(name)
            total += size or 0
            if size is None and id not in self.uncounted:
                self.uncounted.append(id)
        return total

    def _share(self) -> None:
        """Give a number to the ops that name one parameter."""
        place = {op.id: k for k, op in enumerate(self.ops)}
        number = 0
        for ids in self.readers.values():
            open_ = [place[id] for id in dict.fromkeys(ids) if not self.ops[place[id]].shared]
            if len(set(ids)) > 1 and open_:
                known = next((self.ops[place[id]].shared for id in ids if self.ops[place[id]].shared), 0)
                number += not known
                for k in open_:
                    said = shares(self.ops[k].id, ids)
                    self.ops[k] = replace(
                        self.ops[k], shared=known or number, note=f"{self.ops[k].note} {said}".strip()
                    )

    def _per_image(self, macs: int | None, id: str) -> int:
        if macs is None and id not in self.uncounted:
            self.uncounted.append(id)
        return (macs or 0) // (self.images or 1)

    def _id(self, name: str) -> str:
        """The name; with a number where it was taken."""
        while True:
            self.taken[name] += 1
            if self.taken[name] == 1:
                return name
            name = f"{name}#{self.taken[name]}"

    def _shape(self, value: Blob) -> Shape:
        """Of one image; () where a side is not known, (1,) of a single number."""
        if value.dims is None:
            return ()
        dims = value.dims[1:] if value.dims[:1] == (self.images,) else value.dims
        known = tuple(side for side in dims if side is not None)
        return (known or (1,)) if len(known) == len(dims) else ()

    # ---- the whole

    def finished(self, title: str, extra: dict[str, str]) -> Architecture:
        """The architecture, with what nobody reads as its output."""
        sources = {op.id for op in self.ops if op.kind == "input"}
        ends = [(id, value) for id, value in self.unread.values() if id not in sources]
        if ends:
            shapes = [self._shape(value) for _, value in ends]
            self.ops.append(Op(OUTPUT, "output", "output", shapes[0] if len(ends) == 1 else ()))
            self.edges += [Edge(id, OUTPUT, shape) for (id, _), shape in zip(ends, shapes, strict=True)]
        self._share()
        if self.uncounted:
            self.notes.append(f"{UNCOUNTED} {', '.join(_some(self.uncounted))}.")
        return Architecture(
            title,
            tuple(self.ops),
            tuple(dict.fromkeys(self.edges)),
            blocks(tuple(self.ops)),
            sum(op.parameters for op in self.ops),
            sum(op.macs for op in self.ops),
            notes=tuple(dict.fromkeys(self.notes)),
            extra=extra,
        )


UNCOUNTED = "Not counted, for their sizes are not known, are parameters or multiply-accumulates of"


def _some(names: list[str], most: int = 5) -> Iterable[str]:
    return names if len(names) <= most else [*names[:most], f"and {len(names) - most} more"]


def _seen(value: Blob) -> tuple[int, int] | None:
    return None if value.y is None or value.x is None else (value.y.size, value.x.size)
