"""An exported model as files that any host of pages takes: two small graphs, and the weights that both read, in parts.

    model ──▶ maps.onnx     every output             ┐
              scores.onnx   the scores alone         ├─ read weights.bin, which lies as weights.0, weights.1, …
                                                     ┘
The second is the one that is run hundreds of times: with nothing to keep on the way, a runtime merges its operations.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from generator.names import Digest
from generator.store import digest

PART = 45_000_000
"""Bytes of one file of weights, at most: hosts of pages refuse files above 100 MB, and warn from 50 MB on."""
SMALL = 1024
"""Bytes up to which a tensor stays inside the graph."""
ALIGNED = 64
WEIGHTS = "weights.bin"
"""What the graphs call the weights."""


@dataclass(frozen=True)
class Parts:
    """The files of a model by name: graphs, and parts of the weights in order."""

    graphs: Mapping[str, bytes]
    weights: tuple[bytes, ...]


def split(model: Any, scores: str, part: int = PART) -> Parts:
    """`model` (an onnx.ModelProto with its weights inside) as two graphs and its weights; `scores` is the output that the
    small one keeps."""
    import onnx

    whole = onnx.ModelProto()
    whole.CopyFrom(model)
    del whole.metadata_props[:]
    held = bytearray()
    places: dict[Digest, tuple[int, int]] = {}
    for tensor in tensors(whole.graph):
        if len(tensor.raw_data) < SMALL:
            continue
        of = digest(tensor.raw_data)
        if of not in places:
            held.extend(b"\0" * (-len(held) % ALIGNED))
            places[of] = len(held), len(tensor.raw_data)
            held.extend(tensor.raw_data)
        tensor.ClearField("raw_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        offset, length = places[of]
        for key, value in (("location", WEIGHTS), ("offset", str(offset)), ("length", str(length))):
            tensor.external_data.add(key=key, value=value)
    _forget(whole)
    graphs = {"maps": _bytes(whole)}
    kept = [output for output in whole.graph.output if output.name == scores]
    del whole.graph.output[:]
    whole.graph.output.extend(kept)
    prune(whole.graph)
    graphs["scores"] = _bytes(whole)
    return Parts(graphs, tuple(bytes(held[k : k + part]) for k in range(0, len(held), part)))


def tensors(graph: Any) -> Iterator[Any]:
    """Every constant tensor of a graph: initializers, and values of Constant nodes."""
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t


def prune(graph: Any) -> None:
    """Take away the nodes and the constants that no output depends on."""
    read = {output.name for output in graph.output}
    nodes = []
    for node in reversed(graph.node):
        if read.isdisjoint(node.output):
            continue
        nodes.append(node)
        read.update(node.input)
        for attribute in node.attribute:  # a branch reads what lies around it
            read.update(name for inner in attribute.g.node for name in inner.input)
    _keep(graph.node, list(reversed(nodes)))
    _keep(graph.initializer, [tensor for tensor in graph.initializer if tensor.name in read])
    made = read | {name for node in graph.node for name in node.output}
    _keep(graph.value_info, [value for value in graph.value_info if value.name in made])


def _keep(field: Any, kept: Sequence[Any]) -> None:
    copies = [type(one).FromString(one.SerializeToString()) for one in kept]
    del field[:]
    field.extend(copies)


def _forget(model: Any) -> None:
    """Drop what the exporter notes of where an operation came from: paths of this computer, and half of a graph's bytes."""
    model.doc_string = ""
    for held in (model.graph, *model.graph.node, *model.graph.initializer, *model.graph.value_info, *model.functions):
        held.doc_string = ""
        if hasattr(held, "metadata_props"):
            del held.metadata_props[:]
    for held in (*model.graph.input, *model.graph.output):
        del held.metadata_props[:]


def _bytes(model: Any) -> bytes:
    return bytes(model.SerializeToString(deterministic=True))
