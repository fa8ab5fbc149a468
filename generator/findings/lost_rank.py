r"""Lost rank: layers whose units say far fewer things than they could.

$$ \mathrm{erank}(X) = \exp\Big(-\sum_i p_i \log p_i\Big), \quad p_i = \frac{\sigma_i}{\sum_j \sigma_j} $$

$\sigma_i$ are the singular values of the units' values at up to 256 places, less their mean: the effective rank counts the
directions that a layer uses. It depends on how many a layer could use. No layer has more than its units, nor than the places
looked at; and one that computes from another has little more than that one. So each layer is held to

$$ \mathrm{allowed} = \min(\text{units}, \text{places} - 1, \mathrm{erank}(\text{what it reads})) $$

and the share $\mathrm{erank} / \mathrm{allowed}$ is judged. A bottleneck is not blamed, for its units allow no more; nor is the
layer after one that lost rank, for it is given no more. In sound networks the share is above a half.

Limits: the first layers, which read the image, have nothing to be held to and are not judged. A single unit that is far louder
than all others lowers the effective rank just as much as units that are alike: the redundant pairs tell the two apart.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from generator.artifacts import NotApplicable
from generator.dataset.health import ENOUGH
from generator.dataset.reduction import RANKED
from generator.findings import check
from generator.findings.evidence import NO_ANSWERS, Evidence
from generator.findings.finding import Dot, Drawing, Finding, Place, Severity
from generator.findings.words import counted, few, of, percent
from generator.names import INPUT, Layer, LayerName, Paper

LEAST = 4.0
"""Rank allowed below which nothing is judged: of two directions, one is no collapse."""


@dataclass(frozen=True)
class _Row:
    layer: Layer
    rank: float
    allowed: float

    @property
    def share(self) -> float:
        """Of what it could, what the layer uses."""
        return self.rank / self.allowed


@check
@dataclass(frozen=True)
class LostRank:
    """Looks at the effective rank of each layer beside what it reads."""

    note: float = 0.5
    warning: float = 0.25
    serious: float = 0.1

    papers: ClassVar[tuple[Paper, ...]] = (
        Paper("roy2007", "Olivier Roy and Martin Vetterli", 2007, "The Effective Rank: A Measure of Effective Dimensionality", venue="EUSIPCO"),
        Paper("feng2022", "Ruili Feng, Kecheng Zheng, Yukun Huang, Deli Zhao, Michael Jordan and Zheng-Jun Zha", 2022, "Rank Diminishing in Deep Neural Networks", venue="NeurIPS", arxiv="2206.06072"),
    )  # fmt: skip
    advice: ClassVar[str] = (
        "Look at the layer's weights: units that are copies, a loss of all variety by weight decay, or one unit that drowns "
        "the others; where it is meant, the layer may as well be narrower."
    )

    def judge(self, evidence: Evidence) -> Finding | NotApplicable:
        if not evidence.sound:
            return NO_ANSWERS
        rows = list(_rows(evidence))
        if not rows:
            return NotApplicable("no layer that reads another one was asked at enough places.")
        worst = min(rows, key=lambda row: row.share)
        lost = sorted((row for row in rows if row.share < self.note), key=lambda row: row.share)
        at = f"`{worst.layer.name}` uses {few(worst.rank)} of {few(worst.allowed)} directions ({percent(worst.share)})"
        said = (
            f"{of(len(lost), len(rows))} layers {'uses' if len(lost) == 1 else 'use'} less than "
            f"{percent(self.note)} of the directions that {'it' if len(lost) == 1 else 'they'} could: {at}."
            if lost
            else f"All {counted(len(rows), 'layer')} use most of the directions that they could; least, {at}."
        )
        return Finding(
            self._grade(worst.share),
            said,
            f"A note below {percent(self.note)} of what units, places and the layer before allow, a warning below "
            f"{percent(self.warning)}, serious below {percent(self.serious)}. Sound networks lie above a half; random weights "
            "lose little too, so that it takes a fault to get far below.",
            tuple(Place(row.layer.name, f"{few(row.rank)} of {few(row.allowed)}") for row in lost),
            Drawing(
                "Effective rank of each layer, as a share of what it could have",
                "bars",
                tuple(
                    Dot(
                        row.layer.name,
                        min(1.0, row.share),
                        f"{few(row.rank)} of {few(row.allowed)} directions",
                        raised=row.share < self.note,
                    )
                    for row in rows
                ),
                share=True,
                lines=((self.note, "note"), (self.warning, "warning")),
            ),
        )

    def _grade(self, share: float) -> Severity:
        return (
            "serious" if share < self.serious else "warning" if share < self.warning else "note" if share < self.note else "fine"
        )  # fmt: skip


def _rows(evidence: Evidence) -> Iterator[_Row]:
    for layer in evidence.layers:
        found = evidence.sound.get(layer.name)
        if found is None or found.sampled < ENOUGH:
            continue
        given = _given(evidence, layer)
        if given is None:
            continue
        allowed = min(float(layer.units), float(min(found.sampled, RANKED) - 1), given)
        if allowed >= LEAST:
            yield _Row(layer, found.rank, allowed)


def _given(evidence: Evidence, layer: Layer) -> float | None:
    """The rank of what a layer reads, through layers that were not asked; None where it reads the image or what is not
    known. Of several layers, the largest."""
    todo, seen, ranks = [*layer.inputs], set[str](), []
    while todo:
        name = LayerName(todo.pop())
        if name in seen:
            continue
        seen.add(name)
        before = evidence.description.by_name.get(name)
        if name == INPUT or before is None:
            return None
        found = evidence.sound.get(name)
        if found is None:
            todo += before.inputs
        elif found.sampled >= ENOUGH:
            ranks.append(found.rank)
    return max(ranks, default=None)
