"""What a drawing may show beyond shapes, carried in `Architecture.extra` as text: pictures of maps, weights of dense layers.

    face:<op id>     data addresses of pictures, separated by spaces, the one to be seen first in front
    dense:<op id>    the weights between some of an op's inputs and some of its outputs, as JSON

So a style reads neither torch nor a store, and what a page changes (another image) is a change of this mapping alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from generator.diagrams.architecture import Architecture, Op

FACE, DENSE = "face:", "dense:"


@dataclass(frozen=True)
class Dense:
    """Weights of one dense layer between chosen units. Both lists of units have the strongest first."""

    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    weights: tuple[tuple[float, ...], ...]
    """A row for each of `outputs`, a number for each of `inputs`."""
    bias: tuple[float, ...] = ()
    """One for each of `outputs`; empty where the layer has none."""


def with_faces(it: Architecture, faces: Mapping[str, Sequence[str]]) -> Architecture:
    """The same with pictures of maps, as data addresses by op id, in place of those it had."""
    kept = {key: value for key, value in it.extra.items() if not key.startswith(FACE)}
    return replace(it, extra={**kept, **{FACE + name: " ".join(found) for name, found in faces.items()}})


def with_dense(it: Architecture, dense: Mapping[str, Dense]) -> Architecture:
    """The same with weights of dense layers, by op id."""
    said = {DENSE + name: json.dumps(asdict(one), separators=(",", ":")) for name, one in dense.items()}
    return replace(it, extra={**it.extra, **said})


def faces_of(it: Architecture, ops: Sequence[Op]) -> tuple[str, ...]:
    """The pictures of the last of these ops, or of a part of one, that has any."""
    for op in reversed(ops):
        found = tuple(it.extra.get(FACE + op.id, "").split()) or (faces_of(it, op.parts) if op.parts else ())
        if found:
            return found
    return ()


def dense_of(it: Architecture, op: Op) -> Dense | None:
    """The weights of an op, or of the dense part of one that stands for several."""
    for one in (op, *op.parts):
        if (text := it.extra.get(DENSE + one.id)) is not None:
            said = json.loads(text)
            rows = tuple(tuple(row) for row in said["weights"])
            return Dense(tuple(said["inputs"]), tuple(said["outputs"]), rows, tuple(said["bias"]))
    return None
