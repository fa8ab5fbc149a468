r"""Checkerboard artefacts: strided kernels that treat neighbouring places differently.

A *transposed convolution* of stride $s$ writes each input into $k$ neighbouring outputs. Where $k$ is no multiple of $s$, some
outputs are written more often than others, in a regular pattern. The same holds of a kernel whose taps stand $d$ places apart, where $d$ and
$s$ have a divisor in common: at $d = s = 2$ every other output is written by no tap at all. The weights may make up for it, so they are asked: on an
even input the outputs of each residue class (place modulo $s$) get the sum of the taps that fall on it. How far these sums
differ, as the root mean square of their deviation by that of their mean over all pairs of input and output channels, is the
unevenness of the layer. 0.1 of it is a visible pattern.

A *convolution* whose kernel is smaller than its stride passes over some inputs, and so does one whose taps, standing apart, all fall on the
same residues. In the shortcut of a residual block that is
common, and the other branch sees them; where nobody else reads them, what was computed at these places is thrown away.

Limits: uneven sums of a kernel that divides evenly are learned, as the 2 x 2 kernels of a U-Net's stride 2 are, each tap of which writes
places of its own: above the same threshold that is a note. What a pattern
in the middle of a network does to its output is not followed. Convolutions whose kernel is larger than their stride and no
multiple of it (3 x 3, stride 2) give no pattern, but their *gradients* have one, which shows in saliency maps.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from generator.artifacts import NotApplicable
from generator.findings import check
from generator.findings.evidence import CONVOLUTIONS, Evidence
from generator.findings.finding import SEVERITIES, Finding, Place, Severity
from generator.findings.words import counted, few
from generator.methods.kernels import outputs_first
from generator.model.graph import Node
from generator.model.operations import pair
from generator.names import Layer, LayerName, Paper


@dataclass(frozen=True)
class _Row:
    layer: Layer
    severity: Severity
    text: str
    transposed: bool


@check
@dataclass(frozen=True)
class Checkerboard:
    """Looks at kernels and strides, and at the weights of transposed convolutions."""

    uneven: float = 0.1

    papers: ClassVar[tuple[Paper, ...]] = (
        Paper("odena2016", "Augustus Odena, Vincent Dumoulin and Chris Olah", 2016, "Deconvolution and Checkerboard Artifacts", venue="Distill", doi="10.23915/distill.00003"),
    )  # fmt: skip
    advice: ClassVar[str] = (
        "Upsample first and convolve after, or take a kernel that is a multiple of the stride; for a convolution that passes "
        "over places, average them before, or take a kernel as large as the stride, whose taps do not stand apart."
    )

    def judge(self, evidence: Evidence) -> Finding | NotApplicable:
        strided = [(layer, node) for layer, node in _strided(evidence)]
        if not strided:
            return NotApplicable("the model has no convolution with a stride.")
        rows = [row for layer, node in strided if (row := self._row(evidence, layer, node)) is not None]
        written = [row for row in rows if row.transposed]
        skipping = [row for row in rows if not row.transposed]
        said = []
        if written:
            said.append(f"{counted(len(written), 'transposed convolution')} {'writes' if len(written) == 1 else 'write'} neighbouring places unevenly.")  # fmt: skip
        if skipping:
            said.append(_passes_over(len(skipping), sum(row.severity == "warning" for row in skipping)))
        if not rows:
            said.append(f"All {counted(len(strided), 'strided convolution')} treat every place alike.")
        gradients = sum(node.family == "conv" and _divides_badly(node) for _, node in strided)
        if gradients:
            said.append(_chequered(gradients))
        found: list[Severity] = [row.severity for row in rows]
        severity: Severity = min(found, key=SEVERITIES.index, default="fine")
        return Finding(
            severity,
            " ".join(said),
            f"Of a transposed convolution whose kernel and stride do not divide, a warning from an unevenness of {self.uneven:g} on, "
            "which is a pattern of a tenth of the signal, and a note where the weights make up for it; where they divide, a note from there on, "
            "since sound decoders learn such kernels: each of their taps writes places of its own. Of a convolution "
            "that passes over places, a warning where nobody else reads these, else a note.",
            tuple(Place(row.layer.name, row.text) for row in sorted(rows, key=lambda r: SEVERITIES.index(r.severity))),
        )

    def _row(self, evidence: Evidence, layer: Layer, node: Node) -> _Row | None:
        kernel, stride, dilation = _sides(node)
        size = f"kernel {kernel[0]} × {kernel[1]}, stride {stride[0]} × {stride[1]}"
        if max(dilation) > 1:
            size += f", dilation {dilation[0]} × {dilation[1]}"
        if node.family == "conv_transpose":
            uneven = _unevenness(evidence, node)
            ragged = _ragged(node)
            if not ragged and uneven < self.uneven:
                return None
            severity: Severity = "warning" if ragged and uneven >= self.uneven else "note"
            return _Row(layer, severity, f"{size}, unevenness {few(uneven)}", True)
        if not _skips(node):
            return None
        others = [
            other
            for name in layer.inputs
            for other in evidence.readers(LayerName(name))
            if _looks(evidence, other, layer)
        ]
        return _Row(layer, "note" if others else "warning", size, False)


def _passes_over(many: int, alone: int) -> str:
    """Of convolutions that skip places; what `alone` of them pass over is read by nobody else."""
    said = f"{counted(many, 'convolution')} {'passes' if many == 1 else 'pass'} over places, where no tap of the kernel ever falls; "
    if not alone:
        return said + "other layers read what is passed over."
    return said + ("nobody else reads these." if alone == many else f"of {alone}, nobody else reads these.")


def _chequered(many: int) -> str:
    """Of convolutions whose kernel is no multiple of their stride."""
    ending = (
        "as its kernel is no multiple of its stride"
        if many == 1
        else "as their kernels are no multiples of their strides"
    )
    return f"The gradients of {counted(many, 'convolution')} are chequered, {ending}: mind that in saliency maps."


def _strided(evidence: Evidence) -> Iterator[tuple[Layer, Node]]:
    for layer in evidence.layers:
        node = evidence.nodes.get(layer.name)
        if node is not None and node.family in CONVOLUTIONS and max(_sides(node)[1]) > 1:
            yield layer, node


def _looks(evidence: Evidence, other: Layer, layer: Layer) -> bool:
    """Whether a layer reads the same and passes over nothing. A block is made of others: it does not count by itself."""
    if other.name == layer.name or other.kind == "block":
        return False
    node = evidence.nodes.get(other.name)
    if node is None or node.family not in CONVOLUTIONS:
        return True
    return not _skips(node)


Sides = tuple[int, int]


def _sides(node: Node) -> tuple[Sides, Sides, Sides]:
    """Kernel, stride and dilation, each as (y, x)."""
    found = (pair(node.settings[name] if name == "kernel_size" else node.settings.get(name) or 1) for name in ("kernel_size", "stride", "dilation"))  # fmt: skip
    kernel, stride, dilation = ((int(side[0]), int(side[1])) for side in found)
    return kernel, stride, dilation


def _falling(node: Node) -> list[list[int]]:
    """Along each axis, how many taps fall on each residue modulo the stride."""
    axes = zip(*_sides(node), strict=True)
    return [
        [sum(tap * apart % step == rest for tap in range(taps)) for rest in range(step)] for taps, step, apart in axes
    ]


def _skips(node: Node) -> bool:
    """Whether there are places on which no tap falls."""
    return any(0 in counts for counts in _falling(node))


def _divides_badly(node: Node) -> bool:
    """Whether its kernel is no multiple of its stride."""
    kernel, stride, _ = _sides(node)
    return any(k % s for k, s in zip(kernel, stride, strict=True))


def _ragged(node: Node) -> bool:
    """Whether on some places more taps fall than on others."""
    return any(len(set(counts)) > 1 for counts in _falling(node))


def _unevenness(evidence: Evidence, node: Node) -> float:
    """Of a transposed convolution; infinite where its weights cannot be read, so that its shape decides."""
    weight = getattr(evidence.module.get_submodule(node.path), "weight", None) if node.module else None
    if not isinstance(weight, Tensor) or weight.dim() != 4:
        return float("inf") if _ragged(node) else 0.0
    W = outputs_first(weight.detach().double().cpu(), int(node.settings.get("groups", 1)))
    return unevenness(W, *_sides(node)[1:])


def unevenness(W: Tensor, stride: Sides, dilation: Sides = (1, 1)) -> float:
    """Of kernels (o, i, h, w): how far the sums of the taps of each residue class differ, by their mean."""
    down, across = (
        torch.arange(taps) * apart % step for taps, step, apart in zip(W.shape[2:], stride, dilation, strict=True)
    )
    sums = torch.stack(
        [W[:, :, down == y][..., across == x].sum(dim=(2, 3)) for y in range(stride[0]) for x in range(stride[1])]
    )
    mean = sums.mean(dim=0)
    size = float(mean.square().mean().sqrt())
    spread = float((sums - mean).square().mean().sqrt())
    return spread / size if size else float("inf") if spread else 0.0
