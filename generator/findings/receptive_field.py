r"""Receptive field beside the input: whether the last units see too little of the image, or long see all of it.

The receptive field of a unit is what of the input can change it, by kernels and strides. Two things are held to the input's size.

*Too small*: where the head averages a map over all places, each place votes on what it sees. Units whose field is smaller than
the input never see the whole object, and what lies further apart is not combined. That can work (BagNets), and says what kind
of evidence to expect. A head that reads all places through weights of their own combines them, and is not judged.

*Too large*: convolutions whose inputs already see the whole image. What they could add from further away is padding. Such
layers were found to contribute little (Richter et al. 2021); larger images would make use of them. Sound networks are full of
them at the size that they were made for (of DenseNet-201, most), so that this alone is a note.

It is more than one where maps have become smaller than the kernels that slide over them. Of a 3 × 3 kernel on a single place
eight weights of nine meet padding wherever it stands: they add nothing to any output, and learn nothing. These weights are
counted. Networks at their own size have none; ResNet-18 at 32 × 32 pixels has over 60 %.

Limits: the field is what a unit could see. What it does see lies bell-shaped around the middle and is much smaller (Luo et
al. 2016), so that a field a little larger than the image is by no means too large. Padding that is an operation of its own, or
no zeros, counts as image; transposed convolutions are not looked at for it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from generator.artifacts import NotApplicable
from generator.findings import check
from generator.findings.evidence import CONVOLUTIONS, Evidence
from generator.findings.finding import Dot, Drawing, Finding, Place, Severity
from generator.findings.words import few, of, percent
from generator.model.graph import Node
from generator.model.operations import pair
from generator.model.receptive import explicit_padding
from generator.names import Layer, Paper


@check
@dataclass(frozen=True)
class ReceptiveField:
    """Holds the receptive fields of convolutions to the size of the input."""

    small: float = 0.125
    """Of the input's side: a warning below."""
    wasted: float = 0.25
    """Of the weights of convolutions: a warning where more of them meet nothing but padding."""

    papers: ClassVar[tuple[Paper, ...]] = (
        Paper("brendel2019", "Wieland Brendel and Matthias Bethge", 2019, "Approximating CNNs with Bag-of-local-Features models works surprisingly well on ImageNet", venue="ICLR", arxiv="1904.00760"),
        Paper("richter2021", "Mats L. Richter, Wolf Byttner, Ulf Krumnack, Anna Wiedenroth, Ludwig Schallner and Justin Shenk", 2021, "(Input) Size Matters for CNN Classifiers", venue="ICANN", arxiv="2102.01582"),
        Paper("luo2016", "Wenjie Luo, Yujia Li, Raquel Urtasun and Richard Zemel", 2016, "Understanding the Effective Receptive Field in Deep Convolutional Neural Networks", venue="NeurIPS", arxiv="1701.04128"),
    )  # fmt: skip
    advice: ClassVar[str] = (
        "Where the field is small, add strides, dilation or depth, or expect local evidence; where it is large, try larger "
        "images or take the last blocks away."
    )

    def judge(self, evidence: Evidence) -> Finding | NotApplicable:
        convolutions = _convolutions(evidence)
        if not convolutions:
            return NotApplicable("the model has no convolution.")
        fields = [(layer, field) for layer in convolutions if (field := layer.receptive_field) is not None]
        _, height, width = evidence.description.input_shape
        facts = evidence.description.facts
        head = facts.layers.get(facts.head_layer) if facts.head_layer is not None else None
        last = head or convolutions[-1]
        field = last.receptive_field
        share = 1.0 if field is None else min(field[0] / height, field[1] / width)
        wide = [layer for layer in convolutions if _around(evidence, layer)]
        late = [layer for layer in wide if _sees_all(evidence, layer, height, width)]
        idle = {layer: part for layer in convolutions if (part := _idle(evidence.nodes[layer.name]))}
        wasted = _weights(evidence, idle) / _weights(evidence, dict.fromkeys(convolutions, 1.0))
        severity: Severity = "fine"
        places: tuple[Place, ...] = ()
        size = (
            "the whole image" if field is None else f"{field[0]} × {field[1]} pixels of the image's {height} × {width}"
        )
        said = f"The units of `{last.name}` see {size}."
        if share < 1 and head is not None:
            severity = "warning" if share < self.small else "note"
            said = f"The head averages `{head.name}`, whose units see {size}: no place knows the whole image."
            places = (Place(head.name, size),)
        elif share < 1:
            said += " The head is no plain average over places, so that what it combines is not judged."
        elif late:
            severity = "note"
            if field:
                said = f"The units of `{last.name}` could see {field[0]} × {field[1]} pixels, where the image has {height} × {width}."
            said += f" {of(len(late), len(wide))} convolutions that look around read units that see all of it already."
        if idle:
            severity = "warning" if severity == "warning" or wasted > self.wasted else "note"
            said += (
                f" {percent(wasted).capitalize()} of the convolutions' weights meet nothing but padding: the maps that they slide over are "
                "smaller than they reach."
            )
        places += tuple(
            Place(layer.name, _text(evidence, layer, idle.get(layer, 0.0)))
            for layer in convolutions
            if (layer in idle or (layer in late and share >= 1)) and not (places and layer == head)
        )
        return Finding(
            severity,
            said,
            f"Small: a note below the input's size where the head averages, a warning below {few(self.small)} of its side, "
            "about the least from which BagNets still classify. Large: a note where a convolution reads what sees the whole "
            f"image, as in many sound networks; a warning where more than {percent(self.wasted)} of all convolutions' weights "
            "meet nothing but padding.",
            places,
            _drawing(fields, set(late), max(height, width)) if fields else None,
        )


def _convolutions(evidence: Evidence) -> list[Layer]:
    return [layer for layer in evidence.layers if (node := evidence.nodes.get(layer.name)) is not None and node.family in CONVOLUTIONS and layer.read]  # fmt: skip


def _around(evidence: Evidence, layer: Layer) -> bool:
    """Whether the kernel is wider than one place."""
    return max(pair(evidence.nodes[layer.name].settings["kernel_size"])) > 1


def _sees_all(evidence: Evidence, layer: Layer, height: int, width: int) -> bool:
    before = evidence.read_by(layer)
    field = None if before is None else before.receptive_field
    return field is not None and field[0] >= height and field[1] >= width


def _text(evidence: Evidence, layer: Layer, idle: float) -> str:
    before = evidence.read_by(layer)
    field = None if before is None else before.receptive_field
    said = [] if field is None else [f"reads units that see {field[0]} × {field[1]}"]
    return ", ".join([*said, *([f"{percent(idle)} of its weights meet padding alone"] if idle else [])])


def _idle(node: Node) -> float:
    """The share of a convolution's weights that meet zeros of its own padding at every place that the kernel stands at."""
    settings = node.settings
    padded = settings.get("padding_mode", "zeros") == "zeros" and "pads" not in settings
    if node.family != "conv" or not padded or len(node.inputs[0].shape) != 4:
        return 0.0
    kernel, stride, dilation = (pair(settings.get(name) or 1) for name in ("kernel_size", "stride", "dilation"))
    top, _, left, _ = explicit_padding(node)
    meeting = [
        sum(any(0 <= at * step - before + tap * apart < size for at in range(places)) for tap in range(taps)) / taps
        for taps, step, apart, before, size, places in zip(
            kernel, stride, dilation, (top, left), node.inputs[0].shape[2:], node.outputs[0].shape[2:], strict=True
        )
    ]
    return 1 - meeting[0] * meeting[1]


def _weights(evidence: Evidence, shares: Mapping[Layer, float]) -> float:
    """How many weights of convolutions these shares are; a convolution that is called twice counts twice."""
    total = 0.0
    for layer, share in shares.items():
        node = evidence.nodes[layer.name]
        read, given = node.inputs[0].shape[-3], node.outputs[0].shape[-3]
        total += share * read * given * math.prod(pair(node.settings["kernel_size"])) / node.settings.get("groups", 1)
    return total


def _drawing(fields: list[tuple[Layer, tuple[int, int]]], late: set[Layer], side: int) -> Drawing:
    dots = tuple(
        Dot(layer.name, float(max(field)), f"sees {field[0]} × {field[1]}", raised=layer in late)
        for layer, field in fields
    )
    return Drawing(
        "Side of each convolution's receptive field, in pixels",
        "dots",
        dots,
        log=True,
        lines=((float(side), "the image"),),
    )
