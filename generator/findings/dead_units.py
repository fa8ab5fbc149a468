r"""Dead units: units behind an activation that no image raises.

A unit is *never on* where the activation gives zero (or, of one that is no rectifier, one and the same value) at every place
of every image. That alone proves little: a unit for something rare looks just the same. Of a unit that is off in all of $n$
images one can say with 95 % confidence only that it is on in less than $1 - 0.05^{1/n}$ of images like these, which is 31 %
for 8 images and 1 % for 300.

So few images count only together with how far the unit is from being on. It is *out of reach* where what enters the rectifier
stays further below zero, at its highest, than the whole of its spread over all images: images would have to move it by more
than they ever did. And it is *still* where the batch normalisation in front of the rectifier kept no variance (1e-8 of the
layer's upper quartile): then it gave a single value all through the last of the training. The latter needs no images at all.

On the page of all units `dead` means just the units that count here. `never on`, there and in the filter of a layer's page, is
what no image raised, dead or rare, in every layer: also a convolution's unit that gives one value everywhere. Where a convolution
(or its normalisation) stands in front of the rectifier, unit by unit, its own page says so of the unit too.

That a unit is off on these images does not prove that it is off on all. It does where the *weights alone* show it: where the scale of
its normalisation is zero and its shift not above it, or where what it reads comes from rectifiers, which give nothing below zero and
nothing above their cap, and no such input brings it above zero. Only such a unit is pruned without a doubt.

A depthwise convolution reads each channel by itself (where none was moved on the way, as by a channel shuffle), so that a channel that is dead in front of it gives one value behind it, and
mostly is dead in the next rectifier again: that is one dead channel, told in two layers.

Limits: what enters a rectifier is known where the layer in front of it (a batch normalisation may lie between) was asked too.
Spread is of a sample of places. Whether a dead unit matters is another question: pruning it loses nothing, reviving it may
add something.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from jaxtyping import Bool
from numpy.typing import NDArray

from generator.artifacts import NotApplicable
from generator.dataset.health import Mark, marks, rectifies
from generator.findings import check
from generator.findings.evidence import NO_ANSWERS, Evidence
from generator.findings.finding import Dot, Drawing, Finding, Place, graded
from generator.findings.words import be, counted, of, percent
from generator.names import Layer, LayerName, Paper

DEAD = "Dead on these images: none raises it or comes near it."
STILL = "Dead on these images: it gave a single value all through the last of the training."
PROVED = "Dead for certain: it is off whatever the image is, as the weights alone show."
NEVER = ("Never on: no image of the dataset raises it. It may only be rare.",)


@dataclass(frozen=True)
class _Row:
    """One activation layer of c units."""

    layer: Layer
    never: Bool[NDArray[np.bool_], " c"]
    """Not on in any image; of a layer that was not asked, the same as `dead`."""
    dead: Bool[NDArray[np.bool_], " c"]
    """Out of reach, or still."""
    asked: bool
    still: Bool[NDArray[np.bool_], " c"]
    proved: Bool[NDArray[np.bool_], " c"]
    """Of the dead ones, those that are off whatever the image is."""
    handed: Bool[NDArray[np.bool_], " c"]
    """Of the dead ones, those whose channel is dead in the layer `by` already."""
    by: LayerName | None = None
    front: LayerName | None = None
    """The layer in front, unit by unit."""

    @property
    def share(self) -> float:
        """Of its units, those that count as dead."""
        return float(self.dead.mean())

    def said(self, unit: int) -> str:
        """What the panel says of a dead unit."""
        return PROVED if self.proved[unit] else STILL if self.still[unit] else DEAD


@check
@dataclass(frozen=True)
class DeadUnits:
    """Looks at what each activation layer gives, at what enters it, and at the normalisation in front of it."""

    warning: float = 0.25
    serious: float = 0.5
    images: int = 300
    """From so many images on, never on counts as dead."""

    papers: ClassVar[tuple[Paper, ...]] = (
        Paper("maas2013", "Andrew L. Maas, Awni Y. Hannun and Andrew Y. Ng", 2013, "Rectifier Nonlinearities Improve Neural Network Acoustic Models", venue="ICML Workshop on Deep Learning for Audio, Speech and Language Processing"),
        Paper("lu2020", "Lu Lu, Yeonjong Shin, Yanhui Su and George Em Karniadakis", 2020, "Dying ReLU and Initialization: Theory and Numerical Examples", venue="Communications in Computational Physics", arxiv="1903.06733"),
    )  # fmt: skip
    advice: ClassVar[str] = (
        "Those that are off whatever the image is may be pruned, which changes no output. Of the other dead ones that holds on these "
        "images: prune them and look at the scores on images of your own. Or train again with a lower learning rate, a smaller "
        "weight decay or a leaky rectifier, so that they come back. Of those that may only be rare, ask more images first."
    )

    def judge(self, evidence: Evidence) -> Finding | NotApplicable:
        if not any(layer.kind == "act" for layer in evidence.layers):
            return NotApplicable("the model has no activation layer with units.")
        rows = list(self._rows(evidence))
        if not rows:
            return NO_ANSWERS
        worst = max(rows, key=lambda row: row.share)
        never, dead, units = (sum(int(x.sum()) for x in column) for column in zip(*((r.never, r.dead, np.ones_like(r.dead)) for r in rows), strict=True))  # fmt: skip
        severity = graded(worst.share, 1e-9, self.warning, self.serious)
        if severity == "fine" and never:
            severity = "note"
        return Finding(
            severity,
            self._said(evidence, rows, worst, units, never, dead),
            f"A note from the first unit on; a warning where {percent(self.warning)} of a layer are dead, serious from "
            f"{percent(self.serious)} on. Sound networks have some, up to an eighth of a layer. Only units that are "
            f"out of reach or were still in training count, until {self.images} images were looked at, which bound the share "
            f"of images that would have raised a unit to {percent(0.01)}.",
            tuple(_places(rows)),
            _drawing(rows, evidence.images, self.warning),
            ("dead" if dead else "never on") if never and evidence.images else "",
        )

    def _rows(self, evidence: Evidence) -> Iterator[_Row]:
        dead: dict[LayerName, NDArray[np.bool_]] = {}
        for row in self._alone(evidence):
            before = evidence.handed(row.layer)
            again = dead.get(before.name) if before is not None else None
            dead[row.layer.name] = row.dead
            yield row if again is None or before is None else replace(row, handed=row.dead & again, by=before.name)

    def _alone(self, evidence: Evidence) -> Iterator[_Row]:
        for layer in evidence.layers:
            if layer.kind != "act":
                continue
            found, none = evidence.sound.get(layer.name), np.zeros(layer.units, np.bool_)
            scaling, source = evidence.unit_by_unit(layer)
            front = source.name if source is not None and source.units == layer.units else None
            still = none
            if scaling is not None and rectifies(layer) and len(scaling.beta) == layer.units:
                still = scaling.still & (scaling.beta <= 0)
            if found is None:
                if still is not none:
                    proved = still & evidence.always_off(layer)
                    yield _Row(layer, still, still, False, still, proved, none, front=front)
                continue
            never = marks(found, layer) & np.uint8(Mark.DEAD) > 0
            enters = evidence.entering(layer) if rectifies(layer) else None
            far = none if enters is None else -enters.highest > enters.spread
            off = evidence.always_off(layer)
            certain = far | still | off | (found.seen >= self.images)
            dead = never & certain
            yield _Row(layer, never, dead, True, still & ~far, dead & off, none, front=front)

    def _said(self, evidence: Evidence, rows: list[_Row], worst: _Row, units: int, never: int, dead: int) -> str:
        layers = counted(len(rows), "activation layer")
        at = f"most in `{worst.layer.name}`: {of(int(worst.dead.sum()), worst.layer.units)} ({percent(worst.share)})"
        if not any(row.asked for row in rows):
            if not dead:
                return f"None of the {units:,} units of {layers} was still in training, as far as their normalisations tell."
            return (
                f"{of(dead, units)} units of {layers} gave a single value all through the last of the training, {at}."
                + _once(rows, dead)
            )
        n = evidence.images
        images = counted(n, "image")
        if not never:
            return f"Each of the {units:,} units of {layers} is on somewhere in the {images}."
        said = f"{of(never, units)} units of {layers} are never on in the {images}"
        if n >= self.images:
            return f"{said}, {at}." + _once(rows, dead)
        said += ". "
        bound = percent(1 - 0.05 ** (1 / max(1, n)))
        if not dead:
            return said + f"All of them come near it, and {images} cannot tell rare from dead: each may be on in up to {bound} of images."  # fmt: skip
        said += f"{dead:,} of them {be(dead)} dead, out of reach or still in training, {at}." + _once(rows, dead)
        if never > dead:
            said += f" The other {never - dead:,} may only be rare: after {images}, each may still be on in up to {bound} of all."
        return said


def _places(rows: list[_Row]) -> Iterator[Place]:
    for row in sorted(rows, key=lambda row: (-row.share, -float(row.never.mean()))):
        dead, never = int(row.dead.sum()), int(row.never.sum())
        if dead or never:
            text = f"{of(dead, row.layer.units)} dead" if dead else f"none of {row.layer.units:,} for certain"
            handed = int(row.handed.sum())
            if handed:
                text += f", {'the same channels' if handed == dead else f'{handed:,} of them the same channels'} as in {row.by}"
            more = f", {never:,} never on" if never > dead else ""
            units = np.flatnonzero(row.dead if dead else row.never)
            yield Place(
                row.layer.name,
                text + more,
                tuple(units.tolist()),
                "dead",
                "dead" if dead else "never on",
                tuple(row.said(int(unit)) for unit in units) if dead else NEVER,
                row.front if dead else None,
            )


def _once(rows: list[_Row], dead: int) -> str:
    """How many channels the dead units are, where some are told in several layers, and of how many it is certain; "" of none."""
    handed, proved = sum(int(row.handed.sum()) for row in rows), sum(int(row.proved.sum()) for row in rows)
    said = ""
    if handed:
        said += (
            f" They are {counted(dead - handed, 'channel')}: {handed:,} of the {dead:,} are channels that were dead one rectifier before, "
            "and that a depthwise convolution or a pool hands on one by one."
        )
    if proved:
        said += f" The weights alone show that {proved:,} of the {dead:,} are off whatever the image is."
    return said


def _drawing(rows: list[_Row], images: int, warning: float) -> Drawing:
    dots = tuple(
        Dot(
            row.layer.name,
            float(row.never.mean()),
            f"{of(int(row.dead.sum()), row.layer.units)} dead"
            + (f", {int(row.never.sum()):,} never on" if images else ""),
            part=row.share,
            raised=row.share >= warning,
        )
        for row in rows
    )
    faint = ", faint: never on in these images" if images else ""
    caption = f"Dead units as a share of each activation layer{faint}"
    return Drawing(caption, "bars", dots, share=True, lines=((warning, "warning"),))
