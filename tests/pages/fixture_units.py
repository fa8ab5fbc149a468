"""The tiny report with answers made up by hand: what each unit fires for, feeds, and what is wrong with it, is known.

stem              unit u fires for "red wine" where u is odd and for "tabby" where it is even; unit 5 is colour-selective,
                  unit 2 class-selective
layer4.2.conv3    a rectifier: unit 3 is dead, unit 7 never on but not dead, unit 4 always on
head              unit 4 feeds "espresso", and speaks against "tabby"; nobody asked its units
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np

from generator.dataset.answers import NONE, Answers
from generator.dataset.reduction import BINS
from generator.findings.finding import Finding, Place
from generator.pages.findings_views import Findings
from generator.pages.views import Example, LayerView, Report
from generator.wiring.wires import Wires
from tests.pages.fixture_findings import checked

LABELS = ("tabby", "espresso", "missile")


def answers(units: int, k: int = 2, **more: Any) -> Answers:
    """Unit u has value 10 for image u % 2 and 1 for the other one; on at half of the places."""
    u = np.arange(units)
    first = np.stack([u % 2, 1 - u % 2], axis=1)[:, :k]
    made = Answers(
        values=np.tile(np.array([10.0, 1.0], np.float32)[:k], (units, 1)),
        images=first.astype(np.int32),
        places=np.tile(np.array([5, 7], np.int32)[:k], (units, 1)),
        mean=np.full(units, 0.5, np.float32),
        highest=np.full(units, 10.0, np.float32),
        sparsity=np.full(units, 0.5, np.float32),
        histogram_lo=np.zeros(units, np.float32),
        histogram_hi=np.full(units, 10.0, np.float32),
        histogram=np.full((units, BINS), 512 // BINS, np.uint16),
        alike=np.full((units, 6), NONE, np.int32),
        correlation=np.zeros((units, 6), np.float32),
        chosen=np.zeros(units, np.int32),
        selectivity=np.full(units, 0.2, np.float32),
        at_top=np.zeros(units, np.float32),
        scale=2.5,
        rank=3.0,
        sampled=512,
        seen=2,
        broken=0,
    )
    return replace(made, **more)


def put(array: Any, at: int | list[int], value: Any) -> Any:
    """The array with another value there."""
    changed = np.array(array)
    changed[at] = value
    return changed


def answered(
    report: Report, shows: tuple[str, str] = ("tabby", "red wine"), labels: tuple[str, ...] = LABELS
) -> Report:
    """The report with its units asked."""
    stem, act, conv, head = report.layers

    def asked(view: LayerView, found: Answers) -> LayerView:
        return replace(view, answers=found, colour=np.full(view.layer.units, 0.1, np.float32))

    stem = asked(stem, answers(stem.layer.units))
    assert stem.answers is not None and stem.colour is not None
    stem = replace(
        stem,
        answers=replace(stem.answers, selectivity=put(stem.answers.selectivity, 2, 0.8)),
        colour=put(stem.colour, 5, 0.9),
    )
    rectified = answers(act.layer.units)
    rectified = replace(
        rectified,
        images=put(rectified.images, [3, 7], NONE),
        values=put(rectified.values, [3, 7], 0),
        highest=put(rectified.highest, [3, 7], 0),
        sparsity=put(put(rectified.sparsity, [3, 7], 1), 4, 0),
    )
    act = asked(act, rectified)
    assert act.colour is not None
    act = replace(act, colour=put(act.colour, [3, 7], np.nan))
    conv = asked(conv, answers(conv.layer.units))
    units = head.layer.units
    index, sign = np.full((units, 2), NONE, np.int32), np.zeros((units, 2), np.int8)
    index[4], sign[4] = (0, 1), (-1, 1)
    share = np.tile(np.array([0.5, 0.4], np.float32), (units, 1))
    wires = replace(Wires.none(units), class_index=index, class_share=share, class_sign=sign)
    most = np.array([[NONE, NONE], [4, NONE], [NONE, NONE]], np.int32)
    head = replace(
        head, wires=replace(wires, class_units=most, class_units_share=np.where(most < 0, 0, 0.4).astype("f4"))
    )
    examples = tuple(
        Example(k, image.name, image.photo, image.slug, None, word)
        for k, (image, word) in enumerate(zip(report.images[:2], shows, strict=True))
    )
    place = Place(act.layer.name, "1 of 12 dead, 2 never on", (3,), "dead", "dead")
    judged = Findings(
        (checked("dead_units", "Dead units", Finding("note", "1 is dead.", "From one on.", (place,), None, "dead")),),
        2,
        3,
    )
    return replace(
        report,
        layers=(stem, act, conv, head),
        examples=examples,
        shown=Counter(each.shows for each in examples),
        labels=labels,
        findings=judged,
    )
