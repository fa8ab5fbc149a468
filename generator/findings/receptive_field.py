r"""Receptive field beside the input: whether the last units see too little of the image, or long see all of it.

The receptive field of a unit is what of the input can change it, by kernels and strides. Two things are held to the input's size.

*Too small*: where the head averages a map over all places, each place votes on what it sees. Units whose field is smaller than
the input never see the whole object, and what lies further apart is not combined. That can work (BagNets), and says what kind
of evidence to expect. A head that reads all places through weights of their own combines them, and is not judged.

*Too large*: convolutions whose inputs already see the whole image. What they could add from further away is padding. Such
layers were found to contribute little (Richter et al. 2021); larger images would make use of them.

Limits: the field is what a unit could see. What it does see lies bell-shaped around the middle and is much smaller (Luo et
al. 2016), so that a field a little larger than the image is by no means too large.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from generator.artifacts import NotApplicable
from generator.findings import check
from generator.findings.evidence import CONVOLUTIONS, Evidence
from generator.findings.finding import Dot, Drawing, Finding, Place, Severity
from generator.findings.words import counted, few, of, percent
from generator.model.operations import pair
from generator.names import Layer, Paper


@check
@dataclass(frozen=True)
class ReceptiveField:
    """Holds the receptive fields of convolutions to the size of the input."""

    small: float = 0.125
    """Of the input's side: a warning below."""
    wasted: float = 0.5
    """Of the convolutions that look around: a warning where more of them read what sees the whole input."""

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
            severity = "warning" if len(late) > self.wasted * len(wide) else "note"
            said = (
                f"The units of `{last.name}` could see {field[0]} × {field[1]} pixels, where the image has {height} × {width}."
                if field
                else said
            )
            said += f" {of(len(late), len(wide))} convolutions that look around read units that see all of it already."
            places = tuple(Place(layer.name, _text(evidence, layer)) for layer in late)
        return Finding(
            severity,
            said,
            f"Small: a note below the input's size where the head averages, a warning below {few(self.small)} of its side, "
            "about the least from which BagNets still classify. Large: a note where a convolution reads what sees the whole "
            f"image, a warning where more than {percent(self.wasted)} of {counted(len(wide), 'convolution')} wider than one do.",
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


def _text(evidence: Evidence, layer: Layer) -> str:
    before = evidence.read_by(layer)
    assert before is not None and before.receptive_field is not None
    return f"reads units that see {before.receptive_field[0]} × {before.receptive_field[1]}"


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
