r"""First kernels that stayed noise: whether the kernels that see the image have any structure at all.

Trained kernels of a first layer are smooth, or edges, or colours: neighbouring weights go together or against each other.
Weights that never left their random start are independent. For each kernel $w$ of $K$ weights, five sums over pairs of
neighbours are taken,

$$ z_s = \frac{\sum_{(i,j) \in P_s} w_i w_j}{\sum_i w_i^2} \Big/ \sqrt{\frac{|P_s|}{K (K + 2)}}, $$

$P_s$ being the pairs side by side, above each other, along either diagonal, and of two colours at one place. Where weights
are independent and normal, $z_s$ has mean 0 and variance 1 exactly, at any size, and $\sum_s z_s^2$ of all kernels follows
$\chi^2$ closely. The whole layer is tested by it; and where $\pi(p > 0.5)$ is the share of kernels with a probability above one
half, about $2 \pi$ of them are noise (Storey 2002).

Limits: at 3 x 3 a single kernel is too small to be told from noise, so that only the layer as a whole is judged, and only where
it has 500 weights or more. Kernels of one weight have no neighbours. Structure is no proof of use; and a first layer that
was frozen at random on purpose is found too.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from generator.artifacts import NotApplicable
from generator.findings import check
from generator.findings.evidence import Evidence
from generator.findings.finding import SEVERITIES, Dot, Drawing, Finding, Place, Severity
from generator.findings.words import few, of, percent
from generator.names import INPUT, Layer, Paper

ENOUGH = 500
"""Weights of a layer below which noise cannot be told from a few plain kernels."""
LARGE = 5
"""Side from which on a single kernel is judged."""
SAID = ("Its kernel looks like noise: neighbouring weights have nothing to do with each other.",)


@dataclass(frozen=True)
class _Tested:
    layer: Layer
    shape: tuple[int, int, int, int]
    probability: float
    """That kernels of noise look as structured as these."""
    each: Float[Tensor, " n"]
    """The same of each kernel; NaN of an empty one."""

    @property
    def noise(self) -> float:
        """The share of kernels that are noise, as an estimate."""
        known = self.each[self.each.isfinite()]
        return min(1.0, 2 * float((known > 0.5).double().mean())) if len(known) else 0.0

    @property
    def small(self) -> bool:
        """Whether single kernels are too small to be judged."""
        return min(self.shape[2:]) < LARGE


@check
@dataclass(frozen=True)
class NoiseKernels:
    """Tests the kernels of convolutions that read the image against white noise."""

    probability: float = 0.01
    share: float = 0.5

    papers: ClassVar[tuple[Paper, ...]] = (
        Paper("zeiler2014", "Matthew D. Zeiler and Rob Fergus", 2014, "Visualizing and Understanding Convolutional Networks", venue="ECCV", arxiv="1311.2901"),
        Paper("storey2002", "John D. Storey", 2002, "A Direct Approach to False Discovery Rates", venue="Journal of the Royal Statistical Society, Series B", doi="10.1111/1467-9868.00346"),
    )  # fmt: skip
    advice: ClassVar[str] = (
        "See whether trained weights were loaded at all; if they were, train longer or with a higher learning rate in the "
        "first layer, or make it narrower."
    )

    def judge(self, evidence: Evidence) -> Finding | NotApplicable:
        first = [layer for layer in evidence.layers if layer.inputs == (INPUT,) and layer.name in evidence.kernels]
        if not first:
            return NotApplicable("no convolution reads the image itself.")
        tested = [one for layer in first if (one := _tested(evidence, layer)) is not None]
        if not tested:
            if any(evidence.kernels[layer.name].weight.shape[2] > 1 for layer in first):
                return NotApplicable(
                    "the first kernels are transposed, or lie over a volume or a line: these are not tested."
                )
            return NotApplicable("the first kernels are one weight wide: they have no neighbours to compare.")
        found = [(self._grade(one), one) for one in tested]
        known = [(severity, one) for severity, one in found if severity is not None]
        if not known:
            n, c, h, w = tested[0].shape
            return NotApplicable(
                f"{n} kernels of {h} × {w} over {c} {'channel' if c == 1 else 'channels'} are too few weights to tell structure "
                f"from noise (p = {few(tested[0].probability)})."
            )
        severity, worst = min(known, key=lambda row: SEVERITIES.index(row[0]))
        return Finding(
            severity,
            self._said(worst, severity == "warning"),
            f"A warning where noise would look as structured as the layer in {percent(self.probability)} of cases or more; a "
            f"note where {percent(self.share)} of kernels look like noise, at {LARGE} × {LARGE} or larger. A trained layer "
            "leaves noise behind by many powers of ten.",
            tuple(_place(one, severity == "note") for severity, one in known if severity != "fine"),
            None if worst.small else _drawing(worst),
        )

    def _grade(self, one: _Tested) -> Severity | None:
        """None where there are too few weights to say."""
        if one.probability >= self.probability:
            n, c, h, w = one.shape
            return "warning" if n * c * h * w >= ENOUGH else None
        return "note" if not one.small and one.noise >= self.share else "fine"

    def _said(self, one: _Tested, noise: bool) -> str:
        n, _, h, w = one.shape
        what = f"The {n} kernels of {h} × {w} of `{one.layer.name}`"
        p = "less than 1e−12" if one.probability < 1e-12 else few(one.probability)
        if noise:
            return f"{what} cannot be told from white noise (p = {p}): nothing of the images shows in them."
        said = f"{what} have structure (probability of noise {p})."
        if one.small:
            return said + " One by one they are too small to tell."
        return said + f" About {percent(one.noise)} of them look like noise."


def _tested(evidence: Evidence, layer: Layer) -> _Tested | None:
    module = evidence.module.get_submodule(evidence.nodes[layer.name].path)
    assert isinstance(module.weight, Tensor)
    W = module.weight.detach().double().cpu()
    if W.dim() != 4 or max(W.shape[2:]) < 2 or evidence.nodes[layer.name].family != "conv":
        return None
    total, freedom, known = statistic(W)
    half = torch.tensor(freedom / 2, dtype=torch.float64)
    each = torch.where(known, torch.special.gammaincc(half, total / 2), torch.nan)
    whole = torch.special.gammaincc(half * known.sum(), total[known].sum() / 2)
    n, c, h, w = W.shape
    return _Tested(layer, (n, c, h, w), float(whole) if bool(known.any()) else 1.0, each)


def statistic(W: Float[Tensor, "n c h w"]) -> tuple[Float[Tensor, " n"], int, Tensor]:
    """The sum of squares of each kernel's z, how many there are in it, and which kernels are not empty (n,)."""
    energy = W.square().sum(dim=(1, 2, 3))
    known = energy > 0
    count = W[0].numel()
    products = [
        W[..., 1:] * W[..., :-1],
        W[:, :, 1:] * W[:, :, :-1],
        W[:, :, 1:, 1:] * W[:, :, :-1, :-1],
        W[:, :, 1:, :-1] * W[:, :, :-1, 1:],
    ]
    if 1 < W.shape[1] <= 4:
        products.append(torch.stack([W[:, a] * W[:, b] for a, b in combinations(range(W.shape[1]), 2)], dim=1))
    used = [each for each in products if each[0].numel()]
    z = [
        each.flatten(1).sum(1) / energy.clamp(min=1e-300) / (each[0].numel() / (count * (count + 2))) ** 0.5
        for each in used
    ]
    return torch.stack(z).square().sum(0), len(used), known


def _place(one: _Tested, single: bool) -> Place:
    if not single:
        return Place(one.layer.name, "the whole layer")
    units = tuple((one.each > 0.5).nonzero().flatten().tolist())
    return Place(one.layer.name, f"{of(len(units), one.shape[0])} look most like noise", units, said=SAID)


def _drawing(one: _Tested) -> Drawing:
    order = one.each.nan_to_num(1).argsort()
    dots = tuple(
        Dot(one.layer.name, float(one.each[unit].nan_to_num(1)), f"unit {unit}: p = {few(float(one.each[unit]))}", unit=unit, raised=bool(one.each[unit] > 0.5))
        for unit in order.tolist()
    )  # fmt: skip
    return Drawing("Probability of noise of each kernel, in order", "bars", dots, share=True)
