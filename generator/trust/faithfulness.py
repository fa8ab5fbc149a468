r"""Faithfulness: does the model's score hang on the pixels that a map calls relevant?

    map ─▶ changed inputs ─▶ score(inputs) ─▶ deletion, insertion, ROAD, average drop and increase, infidelity

`score` gives the probability (or the value) of the target for inputs (m, c, h, w); nothing here knows of a model. What
is the same for every map of an image is evaluated once, in `ground`; `judge` adds what one map needs. `evaluations` says
how many inputs either of them scores.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from generator.artifacts import Curve
from generator.trust import perturb

Score = Callable[[Float[Tensor, "m c h w"]], Float[Tensor, " m"]]


@dataclass(frozen=True)
class Options:
    """How often and how a map is tested."""

    steps: int = 16
    """Steps of the deletion and the insertion curve."""
    removed: Literal["zero", "black"] = "zero"
    """What a deleted pixel becomes: zero as the model gets it, which is the mean colour (Petsiuk's code), or black."""
    blur: float = 10 / 224
    """Standard deviation of the blur that insertion begins with, as a share of the shorter side: 10 pixels of 224. With the
    5 of Petsiuk's code a model may still recognise what is blurred, and then the order tells nothing."""
    shares: tuple[float, ...] = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
    """Of the pixels, what ROAD takes away."""
    noise: float = 0.01
    """Standard deviation of the noise that ROAD adds to filled-in pixels, as a share of black to white."""
    samples: int = 64
    """Squares that infidelity covers."""
    sides: tuple[float, ...] = (1 / 8, 1 / 4, 1 / 2)
    """Sides of these squares, as shares of the picture's shorter side."""
    seed: int = 0

    def __post_init__(self) -> None:
        if self.steps < 1 or self.samples < 1 or not self.sides:
            raise ValueError("expected steps and samples of at least 1, and a side")
        if not self.shares or not all(0 < share < 1 for share in self.shares):
            raise ValueError(
                "expected shares of pixels between 0 and 1: all or none of them tell nothing of their order"
            )


class Evaluations(NamedTuple):
    """Inputs scored: once for an image, and again for each map of it."""

    image: int
    map: int


def evaluations(options: Options) -> Evaluations:
    """What `ground` and `judge` score. The image itself, and the empty and the blurred one, end every map's curves."""
    curves = 2 * (options.steps - 1)
    return Evaluations(3 + options.samples, curves + 2 * len(options.shares) + 1)


@dataclass(frozen=True)
class Ground:
    """What every map of an image is held against."""

    x: Float[Tensor, "c h w"]
    low: Float[Tensor, "c 1 1"]
    """A black pixel, as the model gets it."""
    empty: Float[Tensor, "c h w"]
    """What deletion ends with."""
    blurred: Float[Tensor, "c h w"]
    """What insertion begins with."""
    noise: Float[Tensor, "c h w"]
    full_score: float
    empty_score: float
    blurred_score: float
    boxes: Bool[Tensor, "m h w"]
    drops: Float[Tensor, " m"]
    """What the score loses where each of `boxes` is emptied."""


def ground(
    score: Score,
    x: Float[Tensor, "c h w"],
    low: Float[Tensor, " c"],
    high: Float[Tensor, " c"],
    options: Options | None = None,
) -> Ground:
    """Score what is the same for every map of `x`; `low` and `high` are a black and a white pixel as the model gets them."""
    options = options or Options()
    black, white = (end.to(x)[:, None, None] for end in (low, high))
    size = (x.shape[1], x.shape[2])
    empty = (black if options.removed == "black" else torch.zeros_like(black)).expand_as(x)
    blurred = perturb.blurred(x, options.blur * min(size))
    random = torch.randn(x.shape, generator=torch.Generator().manual_seed(options.seed)).to(x)
    full, nothing, soft = score(torch.stack([x, empty, blurred])).tolist()
    boxes = perturb.boxes(size, options.samples, options.sides, options.seed)
    drops = full - _scores(score, perturb.without(x, empty, boxes))
    return Ground(x, black, empty, blurred, options.noise * (white - black) * random, full, nothing, soft, boxes, drops)


class Area(NamedTuple):
    """The area under a curve whose x runs from 0 to 1, and the curve."""

    auc: float
    curve: Curve


class Road(NamedTuple):
    """`combined` is the mean over the shares of (least - most) / 2."""

    combined: float
    most: tuple[float, ...]
    """The score with each share of the most relevant pixels taken away."""
    least: tuple[float, ...]
    """The score with each share of the least relevant pixels taken away."""


class Confidence(NamedTuple):
    """The score of the picture seen through its map, beside the picture's own."""

    drop: float
    """What is lost, in percent of the picture's own score; NaN where that is not above zero."""
    increased: bool


class Infidelity(NamedTuple):
    """The mean square of what a map says too much or too little of the drop for each box."""

    value: float
    unexplained: float
    """`value` as a share of the drops' own mean square: at most 1 for a scaled map; NaN where no box mattered."""


@dataclass(frozen=True)
class Faithfulness:
    """What one map of one image is worth."""

    deletion: Area
    insertion: Area
    road: Road
    confidence: Confidence
    infidelity: Infidelity
    numbers: dict[str, float] = field(init=False)
    """By the names in metrics.py."""

    def __post_init__(self) -> None:
        numbers = {
            "deletion": self.deletion.auc,
            "insertion": self.insertion.auc,
            "road": self.road.combined,
            "average_drop": self.confidence.drop,
            "increase": float(self.confidence.increased),
            "infidelity": self.infidelity.unexplained,
        }
        object.__setattr__(self, "numbers", numbers)


def judge(score: Score, map_: Float[Tensor, "h w"], ground: Ground, options: Options | None = None) -> Faithfulness:
    """Every number for one map, at the input's size; `ground` must have been made with the same options."""
    options = options or Options()
    return Faithfulness(
        *curves(score, map_, ground, options.steps),
        road=road(score, map_, ground, options.shares),
        confidence=confidence(score, map_, ground),
        infidelity=infidelity(map_, ground),
    )


def curves(score: Score, map_: Float[Tensor, "h w"], ground: Ground, steps: int) -> tuple[Area, Area]:
    """`deletion` and `insertion` of a map, scored together: a model takes a batch faster than its halves."""
    rank = perturb.ranks(map_)
    first = perturb.counts(map_.numel(), perturb.steps(steps))
    emptied = perturb.replaced(ground.x, ground.empty, rank, first[1:-1])
    shown = perturb.replaced(ground.blurred, ground.x, rank, first[1:-1])
    scores = _scores(score, [torch.cat(list(emptied) + list(shown))] if steps > 1 else []).tolist()
    half = len(scores) // 2
    x = tuple(n / map_.numel() for n in first)
    return (
        _under(x, (ground.full_score, *scores[:half], ground.empty_score), "share of pixels emptied"),
        _under(x, (ground.blurred_score, *scores[half:], ground.full_score), "share of pixels shown"),
    )


def deletion(score: Score, map_: Float[Tensor, "h w"], ground: Ground, steps: int) -> Area:
    """Pixels are emptied, the most relevant first (Petsiuk 2018, algorithm 1): a map that found them gives a small area.

    `steps` - 1 evaluations.
    """
    ends = (ground.full_score, ground.empty_score)
    return _area(score, ground.x, ground.empty, map_, steps, ends, "share of pixels emptied")


def insertion(score: Score, map_: Float[Tensor, "h w"], ground: Ground, steps: int) -> Area:
    """The blurred image's pixels are made sharp, the most relevant first (Petsiuk 2018): here a large area is good.

    `steps` - 1 evaluations.
    """
    ends = (ground.blurred_score, ground.full_score)
    return _area(score, ground.blurred, ground.x, map_, steps, ends, "share of pixels shown")


def _area(
    score: Score, start: Tensor, end: Tensor, map_: Tensor, steps: int, ends: tuple[float, float], label: str
) -> Area:
    pixels = map_.numel()
    first = perturb.counts(pixels, perturb.steps(steps))
    between = _scores(score, perturb.replaced(start, end, perturb.ranks(map_), first[1:-1]))
    return _under(tuple(n / pixels for n in first), (ends[0], *between.tolist(), ends[1]), label)


def _under(x: tuple[float, ...], y: tuple[float, ...], label: str) -> Area:
    """The area under a curve by trapezoids."""
    auc = sum((b - a) * (u + v) / 2 for a, b, u, v in zip(x[:-1], x[1:], y[:-1], y[1:], strict=True))
    return Area(auc, Curve(x, y, label, "score"))


def road(score: Score, map_: Float[Tensor, "h w"], ground: Ground, shares: tuple[float, ...]) -> Road:
    """Shares of the pixels are filled in from their neighbours, the most and the least relevant first (Rong 2022).

    2 `shares` evaluations.
    """
    rank = perturb.ranks(map_)
    first = perturb.counts(map_.numel(), shares)

    def fill(order: Tensor) -> Tensor:
        return torch.cat(list(perturb.filled(ground.x, order, first, ground.noise)))

    with ThreadPoolExecutor(2) as pool:  # filling in takes longer than the model does, and leaves Python's lock
        filled = torch.cat(list(pool.map(fill, (rank, rank.max() - rank))))
    scores = score(filled).detach().cpu().tolist()
    most, least = tuple(scores[: len(first)]), tuple(scores[len(first) :])
    combined = sum(b - a for a, b in zip(most, least, strict=True)) / (2 * len(shares))
    return Road(combined, most, least)


def confidence(score: Score, map_: Float[Tensor, "h w"], ground: Ground) -> Confidence:
    """The picture is darkened by its map, scaled to 0..1 (Chattopadhyay 2017, section 4.1.1). One evaluation.

    Places of no or negative relevance become black; a map without a positive value leaves a black picture.
    """
    positive = map_.to(ground.x).clamp(min=0)
    top = positive.max()
    mask = positive / top if top > 0 else positive
    seen = float(score((ground.low + mask * (ground.x - ground.low))[None]))
    full = ground.full_score
    drop = 100 * max(0.0, full - seen) / full if full > 0 else math.nan
    return Confidence(drop, seen > full)


def infidelity(
    map_: Float[Tensor, "h w"], ground: Ground, *, weighted: bool = False, scaled: bool = True
) -> Infidelity:
    r"""How far the map, summed over a square, is from what the score loses without that square (Yeh 2019, eq. 1).

    $$ \mathrm{INFD} = E_I\big[(\beta\, I^\top \Phi - (f(x) - f(x - I)))^2\big], \quad
    \beta = \max\Big(0, \frac{E[I^\top \Phi \,(f(x) - f(x - I))]}{E[(I^\top \Phi)^2]}\Big) $$

    $I$ empties a square (the paper's square removal). The map is read as what each place contributes, so $I^\top \Phi$
    is its sum over the square; `weighted` multiplies it by what is taken away, $\sum_c (x - x_0)$, as captum and
    quantus do with maps that are gradients. `scaled` is the paper's optimal scaling, without which a map in arbitrary
    units has no number; below zero it is cut, lest a map be praised for pointing the wrong way. No evaluations.
    """
    boxes, drops = ground.boxes.to(torch.float64), ground.drops.to("cpu", torch.float64)
    values = map_.detach().to("cpu", torch.float64)
    if weighted:
        values = values * (ground.x - ground.empty).to("cpu", torch.float64).sum(dim=0)
    said = torch.einsum("mhw,hw->m", boxes, values)
    if scaled:
        square = float((said**2).mean())
        said = said * (max(0.0, float((said * drops).mean()) / square) if square > 0 else 0.0)
    value = float(((said - drops) ** 2).mean())
    most = float((drops**2).mean())
    return Infidelity(value, value / most if most > 0 else math.nan)


def _scores(score: Score, inputs: Iterable[Tensor]) -> Float[Tensor, " m"]:
    found = [score(part).detach().cpu() for part in inputs]
    return torch.cat(found) if found else torch.empty(0)
