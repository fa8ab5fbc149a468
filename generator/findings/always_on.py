r"""Always-on units: rectifiers that never cut anything.

A unit of a rectified layer is *always on* where it is above zero at every place of the sample. There its rectifier is the
identity (up to a cap), so that a layer whose units are all always on is linear, and could be merged with the next one.

Some such units are no fault: a network needs to carry values past its rectifiers, and behind depthwise convolutions in sound
networks close to half of a layer may be always on. Only a layer that is nearly all linear has lost what its rectifier is for.

Limits: a sample of $m$ places, 512 at most, says with 95 % confidence that a unit is off at less than $3/m$ of all places.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from generator.artifacts import NotApplicable
from generator.dataset.health import ENOUGH, Mark, marks, rectifies
from generator.findings import check
from generator.findings.evidence import Evidence
from generator.findings.finding import Dot, Drawing, Finding, Place, graded
from generator.findings.words import counted, of, percent
from generator.names import Paper

SAID = ("Always on: its rectifier never cuts anything.",)


@check
@dataclass(frozen=True)
class AlwaysOn:
    """Looks at how often the units of each rectifier are off."""

    note: float = 0.5
    warning: float = 0.9

    papers: ClassVar[tuple[Paper, ...]] = ()
    advice: ClassVar[str] = (
        "Look at the normalisation or the bias in front: a large shift upwards switches the rectifier off, and the layer "
        "adds cost without adding anything that a linear one could not do."
    )

    def judge(self, evidence: Evidence) -> Finding | NotApplicable:
        rectifiers = [layer for layer in evidence.layers if rectifies(layer)]
        if not rectifiers:
            return NotApplicable("the model has no rectifier with units.")
        asked = [(layer, evidence.sound[layer.name]) for layer in rectifiers if layer.name in evidence.sound]
        if not asked:
            return evidence.unasked(rectifiers)
        judged = [(layer, found) for layer, found in asked if found.sampled >= ENOUGH]
        if not judged:
            return NotApplicable(
                f"the images have fewer than {ENOUGH} places at each rectifier: too few to say “always”."
            )
        rows = []
        for layer, found in judged:
            bits = marks(found, layer)
            on = bits & np.uint8(Mark.ALWAYS_ON) > 0
            live = int((bits & np.uint8(Mark.DEAD) == 0).sum())
            rows.append((float(on.sum() / max(1, live)), layer, np.flatnonzero(on), live))
        share, worst, units, live = max(rows, key=lambda row: row[0])
        total = sum(len(on) for _, _, on, _ in rows)
        sampled = [found.sampled for layer, found in judged if found.sampled < found.seen * math.prod(layer.shape[1:])]
        sure = (
            f"Each of these was on at every place of a sample, which says with 95 % confidence of each that it is off at less "
            f"than {percent(3 / min(sampled))} of all places."
            if sampled
            else "Each of these was on at every place of all images."
        )
        said = (
            f"At most {percent(share)} of a rectifier's live units are always on, {of(len(units), live)} in "
            f"`{worst.name}`; {of(total, sum(row[3] for row in rows))} over all {counted(len(rows), 'rectifier')}. "
            f"{sure}"
            if total
            else f"Every live unit of {counted(len(rows), 'rectifier')} is off at some place."
        )
        return Finding(
            graded(share, self.note, self.warning, 2.0),
            said,
            f"A note where {percent(self.note)} of a layer's live units are always on, a warning from {percent(self.warning)} "
            "on: then the layer is as good as linear. Below that it is common in sound networks.",
            tuple(
                Place(layer.name, of(len(on), alive), tuple(on.tolist()), "always_on", "always on", SAID)
                for portion, layer, on, alive in sorted(rows, key=lambda row: -row[0])
                if portion >= self.note
            ),
            Drawing(
                "Always-on units as a share of each rectifier's live ones",
                "bars",
                tuple(
                    Dot(layer.name, portion, f"{of(len(on), alive)} always on", raised=portion >= self.note)
                    for portion, layer, on, alive in rows
                ),
                share=True,
                lines=((self.note, "note"), (self.warning, "warning")),
            ),
        )
