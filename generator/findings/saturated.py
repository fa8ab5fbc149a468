r"""Saturated rectifiers: units that stand at their cap.

A rectifier with a cap, such as ReLU6, gives its cap for all that is above it. A unit that stands at the cap at half of all
places or more passes on where it is *not* on rather than how much it is, and no gradient goes through it at those places.

How: of each unit, the share of places of the sample at which it has the highest value that any unit of its layer has. It
counts where that share is beyond a half by three standard errors of the sample, none where the sample is all places. Only
capped rectifiers are looked at; one without a cap cannot saturate.

Limits: functions that flatten out without a hard cap (sigmoid, tanh) are not judged.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from generator.artifacts import NotApplicable
from generator.dataset.health import CAPPED, ENOUGH, at_cap, has_cap
from generator.findings import check
from generator.findings.evidence import Evidence
from generator.findings.finding import Dot, Drawing, Finding, Place, graded
from generator.findings.words import counted, of, percent
from generator.names import Paper

SAID = ("Saturated: at its cap at half of all places or more.",)


@check
@dataclass(frozen=True)
class Saturated:
    """Looks at how often the units of each capped rectifier are at the cap."""

    warning: float = 0.25
    serious: float = 0.5

    papers: ClassVar[tuple[Paper, ...]] = (
        Paper("krizhevsky2010", "Alex Krizhevsky", 2010, "Convolutional Deep Belief Networks on CIFAR-10", url="https://www.cs.toronto.edu/~kriz/conv-cifar10-aug2010.pdf"),
    )  # fmt: skip
    advice: ClassVar[str] = (
        "Check that images are normalised as in training; if they are, look for a normalisation whose scale or shift is too "
        "large in front of the rectifier."
    )

    def judge(self, evidence: Evidence) -> Finding | NotApplicable:
        those = [layer for layer in evidence.layers if has_cap(layer)]
        if not those:
            return NotApplicable("the model has no rectifier with a cap.")
        asked = [(layer, evidence.sound[layer.name]) for layer in those if layer.name in evidence.sound]
        if not asked:
            return evidence.unasked(those)
        rows = [(layer, np.flatnonzero(at_cap(found, layer))) for layer, found in asked if found.sampled >= ENOUGH]
        if not rows:
            return NotApplicable(f"the images have fewer than {ENOUGH} places at each rectifier: too few to judge by.")
        shares = [float(units.size / layer.units) for layer, units in rows]
        worst = int(np.argmax(shares))
        layer, units = rows[worst]
        total = sum(found.size for _, found in rows)
        said = f"{of(total, sum(layer.units for layer, _ in rows))} units of {counted(len(rows), 'capped rectifier')} stand at the cap at half of all places or more"  # fmt: skip
        said += f", most in `{layer.name}`: {of(units.size, layer.units)} ({percent(shares[worst])})." if total else "."
        return Finding(
            graded(shares[worst], 1e-9, self.warning, self.serious),
            said,
            f"A unit counts where it is at the cap at {percent(CAPPED)} of places or more, beyond the sample's error. A note from the first on, a warning where "
            f"{percent(self.warning)} of a layer do, serious from {percent(self.serious)} on: then most of the layer says "
            "on or off, and learns little more.",
            tuple(
                Place(layer.name, of(units.size, layer.units), tuple(units.tolist()), "saturated", "saturated", SAID)
                for share, (layer, units) in sorted(zip(shares, rows, strict=True), key=lambda row: -row[0])
                if units.size
            ),
            Drawing(
                "Saturated units as a share of each capped rectifier",
                "bars",
                tuple(
                    Dot(
                        layer.name,
                        share,
                        f"{of(units.size, layer.units)} saturated",
                        raised=share >= self.warning,
                    )
                    for share, (layer, units) in zip(shares, rows, strict=True)
                ),
                share=True,
                lines=((self.warning, "warning"),),
            ),
        )
