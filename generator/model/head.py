"""How a model ends: what its scores are, where they stand in its output, and the layer that a linear head averages.

raw output ──▶ the tensor of scores ──▶ its shape, and the operation that made it ──▶ Readout

(1, k)             classification; multilabel where a sigmoid made it; binary where k is 1
(1, k, h, w)       segmentation
[{boxes, scores}]  detection
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from math import prod
from typing import Any, cast

import torch
from torch import Tensor, nn

from generator.engine.output import HeadKind, Readout, at_path, found_in, path_to, shown
from generator.errors import UserError
from generator.model.calls import tensors
from generator.model.graph import Graph, Node, Ref
from generator.model.reach import NCHW, Reach
from generator.names import Layer, LayerName

LARGEST_LABEL = 91
"""Classes of a detector that does not tell: COCO's, with its background and gaps."""
FRONT = 8
"""Of so many first tokens each is kept, since how many of them are no places is known only later."""


# ---- the scores


@dataclass(frozen=True)
class Scores:
    """What was found out of a model's scores: `classes` are 0 where there are none, `refs` the tensors they are made of."""

    readout: Readout
    classes: int
    refs: tuple[Ref, ...]
    notes: tuple[str, ...] = ()


def scores_of(module: nn.Module, graph: Graph, output: Any, asked: Readout | None, head: str, path: str) -> Scores:
    """What the scores in `output` are: as `asked`, else of the kind `head` ("auto": as they look) at `path` in the output.

    Raises:
        UserError: there is nothing at `path`, or what is there is not of the kind that was said.
    """
    ends = dict(zip(map(id, tensors(output)), graph.outputs, strict=True))
    every = tuple(ref for ref in graph.outputs if ref is not None)
    readout = asked or replace(Readout(output=path), kind=cast(HeadKind, "classification" if head == "auto" else head))
    if readout.kind == "detection" or (asked is None and head == "auto" and not path and _is_detections(output)):
        classes = readout.classes or _detected(module)
        boxes = output[0].get("scores") if _is_detections(output) else None
        refs = every if (ref := ends.get(id(boxes))) is None else (ref,)
        return Scores(replace(readout, kind="detection", classes=classes), classes, refs)
    try:
        readout.tensor(output)
    except UserError as error:
        if readout.output:
            raise
        return Scores(readout, 0, every, (f"{error}; methods that need a target do not apply.",))
    found = _tensor(output, readout)
    ref = ends.get(id(found))
    if asked is None:
        last = None if ref is None else graph.nodes[unmoved(graph, ref, "getitem").node]
        readout = replace(readout, kind=_kind(found, last) if head == "auto" else readout.kind, activated=_ends(last))
    refs = every if ref is None else (ref,)
    try:
        many = readout.scores(output).shape
    except UserError as error:
        if asked is not None or head != "auto":
            raise
        return Scores(readout, 0, refs, (f"{error}.",))
    if many[0] != 1:
        return Scores(readout, 0, refs, (f"the model gives {many[0]} rows of scores for one image.",))
    placed = f"the model scores {many[1]} classes at every place of the image."
    notes = (placed,) if readout.kind == "segmentation" else ()
    return Scores(readout, many[1], refs, (*notes, *_which(output, readout, asked is None)))


def _which(output: Any, readout: Readout, found: bool) -> tuple[str, ...]:
    """The sentence that says which of several outputs is read, where nobody has said which."""
    several = [one for one in tensors(output) if one.is_floating_point() and one.dim()]
    if readout.output or not found or len(several) < 2:
        return ()
    where = path_to(output, _tensor(output, readout))
    return (
        f"the model returns {shown(output)}: its scores are read from `{where}`; model.output names another place.",
    )


def _tensor(output: Any, readout: Readout) -> Tensor:
    """The tensor of scores itself, which `Readout.tensor` may give in another precision."""
    found = at_path(output, readout.output) if readout.output else found_in(output)
    assert isinstance(found, Tensor), shown(output)
    return found


def _is_detections(output: Any) -> bool:
    """A list with the boxes, labels and scores of each image."""
    return (
        isinstance(output, (list, tuple))
        and len(output) == 1
        and isinstance(output[0], Mapping)
        and {"boxes", "labels", "scores"} <= set(output[0])
    )


def _detected(module: nn.Module) -> int:
    """How many classes a detector tells apart: what the part of it that scores boxes says."""
    found = LARGEST_LABEL
    for path, part in module.named_modules():
        scoring = getattr(part, "cls_score", None)
        said = [getattr(part, "num_classes", None)]
        if path.rpartition(".")[2] == "classification_head":
            said.append(getattr(part, "num_columns", None))
        found = next((many for many in said if isinstance(many, int)), found)
        if isinstance(scoring, nn.Linear):
            found = scoring.out_features
    return found


def _kind(scores: Tensor, last: Node | None) -> HeadKind:
    if scores.dim() == 4:
        return "segmentation"
    if scores.dim() == 1 or scores.shape[-1] == 1:
        return "binary"
    return "multilabel" if _is(last, "sigmoid") else "classification"


def _ends(last: Node | None) -> bool:
    """Whether the model itself turns its scores into probabilities."""
    return _is(last, "sigmoid") or (_is(last, "softmax") and last is not None and last.settings.get("dim") != 0)


def _is(node: Node | None, function: str) -> bool:
    return node is not None and node.op.removeprefix("F.").lower().removesuffix("2d") == function


def unmoved(graph: Graph, ref: Ref, *more: str) -> Ref:
    """The tensor that `ref` is only another view or copy of, or by one of the families `more` a part."""
    families = ("copy", "reshape", "squeeze", *more)
    while len((node := graph.nodes[ref.node]).inputs) == 1:
        (before,) = node.inputs
        whole = node.family == "getitem" and prod(before.shape) == prod(ref.shape)  # x[:, 0] of one column
        if node.family not in families and not whole:
            break
        ref = before
    return ref


# ---- the layer that is averaged


@dataclass
class HeadProbe:
    """Finds the layer whose spatial mean the last linear layer reads, by comparing numbers on a random image."""

    widths: set[int]
    means: dict[Ref, Tensor] = field(default_factory=dict)
    """(c,) of a map (1, c, h, w)"""
    last: dict[Ref, tuple[Tensor, Tensor]] = field(default_factory=dict)
    """of (1, places, c), or of a map with the channels last: the sum (c,), and the first few places (f, c)"""
    read: dict[Ref, tuple[str, Tensor]] = field(default_factory=dict)
    """output of a linear layer -> its path and what it read"""

    def observe(self, node: Node, args: tuple[Any, ...], output: Any) -> None:
        """Keep the spatial means of maps, and what linear layers read, before either is overwritten."""
        if not isinstance(output, Tensor):
            return
        if node.module and node.family == "linear" and output.dim() == 2 and args and output.shape[0] == 1:
            self.read[node.outputs[0]] = (node.path, args[0][0].float().clone())
        if output.dim() not in (3, 4) or output.shape[0] != 1:
            return
        if output.dim() == 4 and output.shape[1] in self.widths and output[0, 0].numel() > 1:
            self.means[node.outputs[0]] = output[0].float().mean(dim=(1, 2))
        if output.shape[-1] in self.widths and output.is_floating_point():
            places = output[0].float().reshape(-1, output.shape[-1])
            self.last[node.outputs[0]] = (places.sum(dim=0), places[:FRONT].clone())

    def head(
        self, layers: tuple[Layer, ...], graph: Graph, reaches: Mapping[Ref, Reach], scores: Scores, output: Any
    ) -> tuple[LayerName | None, str | None]:
        """(the layer averaged, the path of the linear layer) where the model's scores are that linear layer's."""
        end = unmoved(graph, scores.refs[0]) if len(scores.refs) == 1 else None
        if end not in self.read:
            return None, None
        path, vector = self.read[end]
        precise = next((value.dtype for value in tensors(output)), torch.float32) in (torch.float32, torch.float64)
        tolerance = 1e-4 if precise else 2e-2
        rows = {layer.name for layer in layers}
        for means in (self.means, dict(self._averaged(reaches))):
            fitting = [
                ref
                for ref, mean in means.items()
                if mean.shape == vector.shape and torch.allclose(mean, vector, rtol=tolerance, atol=tolerance)
            ]
            named = [graph.nodes[ref.node] for ref in fitting if graph.nodes[ref.node].name in rows]
            if named:
                return max(named, key=lambda node: node.order).name, path
            blocks = [group for group in graph.groups if group.output in fitting and group.name in rows]
            if blocks:
                return max(blocks, key=lambda group: group.order).name, path
        return None, None

    def _averaged(self, reaches: Mapping[Ref, Reach]) -> Iterator[tuple[Ref, Tensor]]:
        """The spatial means of what has its channels last."""
        for ref, (total, front) in self.last.items():
            reach = reaches.get(ref)
            if reach is None:
                continue
            if reach.axes is not None and reach.axes != NCHW and len(ref.shape) == 4:
                yield ref, total / (ref.shape[1] * ref.shape[2])
            elif (tokens := reach.tokens) is not None and tokens.prefix <= FRONT and tokens.stop == ref.shape[1]:
                yield ref, (total - front[: tokens.prefix].sum(dim=0)) / (tokens.height * tokens.width)
