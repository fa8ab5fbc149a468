r"""Normalisations with a scale near zero: units that are as good as pruned.

Batch normalisation gives a unit the standard deviation $|\gamma|$ that the model learned for it. Where that is a hundredth of
what is usual in the layer (its upper quartile, so that many such units do not hide each other), or in the model where the
layer itself is near zero, the unit gives its shift $\beta$ and hardly anything else: the same at every place of every image.
Weight decay on $\gamma$ makes such units, and so does the sparsity that pruning methods ask for; a last normalisation in a
residual branch that was begun at zero, as is often done, and never moved makes a whole branch of them.

Limits: a later layer with large weights may make much of a small signal; and where the shift opens the rectifier, pruning the
unit means adding what it gives to the biases behind.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from generator.artifacts import NotApplicable
from generator.findings import check
from generator.findings.evidence import Evidence
from generator.findings.finding import Dot, Drawing, Finding, Place, graded
from generator.findings.words import be, counted, few, of, percent
from generator.names import Paper


@check
@dataclass(frozen=True)
class NearZeroScale:
    """Looks at the learned scales of batch normalisations."""

    near: float = 0.01
    warning: float = 0.1
    serious: float = 0.5

    papers: ClassVar[tuple[Paper, ...]] = (
        Paper("liu2017", "Zhuang Liu, Jianguo Li, Zhiqiang Shen, Gao Huang, Shoumeng Yan and Changshui Zhang", 2017, "Learning Efficient Convolutional Networks through Network Slimming", venue="ICCV", arxiv="1708.06519"),
    )  # fmt: skip
    advice: ClassVar[str] = (
        "Prune these units and add what their shift gives to the biases behind; where a whole layer is near zero, see whether "
        "it was trained at all."
    )

    def judge(self, evidence: Evidence) -> Finding | NotApplicable:
        if not evidence.scalings:
            return NotApplicable("the model has no batch normalisation with learned scales.")
        sizes = {name: np.abs(scaling.gamma) for name, scaling in evidence.scalings.items()}
        quartiles = {name: float(np.quantile(size, 0.75)) for name, size in sizes.items()}
        usual = float(np.median(list(quartiles.values())))
        rows, usuals = [], {}
        for name, size in sizes.items():
            beside = quartiles[name] if quartiles[name] >= self.near * usual else usual
            ratio = size / beside if beside else np.zeros_like(size)
            rows.append((name, np.flatnonzero(ratio < self.near), ratio, len(size)))
            usuals[name] = beside
        name, units, _, count = max(rows, key=lambda row: len(row[1]) / row[3])
        total, smallest = sum(len(row[1]) for row in rows), min(float(row[2].min()) for row in rows)
        many = f"{counted(len(rows), 'batch normalisation')}"
        said = (
            f"{of(total, sum(row[3] for row in rows))} scales of {many} {be(total)} below {percent(self.near)} of what is usual "
            f"in the layer, most in `{name}`: {of(len(units), count)} ({percent(len(units) / count)})."
            if total
            else f"The smallest scale of {many} is {few(smallest)} times what is usual in its layer."
        )
        return Finding(
            graded(len(units) / count, 1e-9, self.warning, self.serious),
            said,
            f"A scale counts where it is below {percent(self.near)} of its layer's upper quartile: what it lets through is lost beside "
            f"the others. A note from the first on, a warning from {percent(self.warning)} of a layer on, serious from "
            f"{percent(self.serious)}.",
            tuple(
                Place(
                    name,
                    f"{of(len(units), count)}: {_span(sizes[name][units])}, where {few(usuals[name])} is usual",
                    tuple(units.tolist()),
                    said=tuple(_said(sizes[name][unit], ratio[unit], usuals[name]) for unit in units),
                )
                for name, units, ratio, count in sorted(rows, key=lambda row: -len(row[1]) / row[3])
                if len(units)
            ),
            Drawing(
                "The smallest scale of each batch normalisation, beside what is usual in its layer",
                "dots",
                tuple(
                    Dot(name, float(least), f"{few(float(least))} times what is usual", raised=bool(least < self.near))
                    for name, least in ((name, ratio.min()) for name, _, ratio, _ in rows)
                ),
                log=True,
                lines=((self.near, "near zero"),),
            ),
        )


def _span(sizes: NDArray[np.float64]) -> str:
    """The scale; of several, from the smallest to the largest."""
    least, most = few(float(sizes.min())), few(float(sizes.max()))
    return f"scale {least}" if least == most else f"scales {least} to {most}"


def _said(size: float, ratio: float, usual: float) -> str:
    much = f"is {few(size)}, {percent(ratio)} of what is usual in its layer ({few(usual)})" if size else "is zero"
    return f"Scale near zero: that of its batch normalisation {much}, so that it gives hardly anything but a constant."
