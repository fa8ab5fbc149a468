r"""Faithfulness: does the model's score hang on the pixels that a map calls relevant?

    map ─▶ changed inputs ─▶ score(inputs) ─▶ deletion, insertion, ROAD, average drop and increase, infidelity

`score` gives the probability (or the value) of the target for inputs (m, c, h, w); nothing here knows of a model. What
is the same for every map of an image is evaluated once, in `ground`; `judge` adds what one map needs. `evaluations`
says how many inputs either of them scores.

Each number comes as an `Asked`: the inputs it wants scored, made one by one as they are needed, and what it reads in
their scores. `answers` scores those of any number of them in full batches, whoever they belong to.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, NamedTuple, TypeVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from generator.artifacts import Curve
from generator.threads import pair
from generator.trust import perturb

T = TypeVar("T")
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


def grounds(ground: Ground) -> tuple[float, ...]:
    """Every score that was taken of the image for all of its maps."""
    emptied = (ground.full_score - ground.drops).tolist()
    return (ground.full_score, ground.empty_score, ground.blurred_score, *emptied)


@dataclass(frozen=True)
class Asked(Generic[T]):
    """`count` changed inputs to be scored, in parts (m, c, h, w), and what their scores tell."""

    count: int
    inputs: Callable[[], Iterable[Tensor]]
    read: Callable[[list[float]], T]


def answers(score: Score, asked: Iterable[Asked[T]], batch: int = perturb.CHUNK) -> Iterator[T]:
    """What each of `asked` reads in its scores, in order. Inputs are scored `batch` at a time, whoever they belong to."""
    open_: deque[Asked[T]] = deque()
    held: list[Tensor] = []
    scores: list[float] = []

    def flush(least: int) -> None:
        """Score what is held, but for a rest of fewer than `least`."""
        while sum(map(len, held)) >= least:
            rows = torch.cat(held)
            scores.extend(score(rows[:batch]).detach().cpu().tolist())
            held[:] = [rows[batch:]]

    def done() -> Iterator[T]:
        while open_ and len(scores) >= open_[0].count:
            first = open_.popleft()
            mine = scores[: first.count]
            del scores[: first.count]
            yield first.read(mine)

    for one in asked:
        open_.append(one)
        for part in one.inputs():
            held.append(part)
            flush(batch)
        yield from done()
    flush(1)
    yield from done()


def together(several: Mapping[str, Asked[Any]]) -> Asked[dict[str, Any]]:
    """Several questions as one, each under its name."""

    def read(scores: list[float]) -> dict[str, Any]:
        left, found = scores, {}
        for name, one in several.items():
            found[name], left = one.read(left[: one.count]), left[one.count :]
        return found

    return Asked(
        sum(one.count for one in several.values()),
        lambda: (part for one in several.values() for part in one.inputs()),
        read,
    )


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
    found = _one(score, together(questions(map_, ground, options or Options())))
    return Faithfulness(**found, infidelity=infidelity(map_, ground))


ASKING = ("deletion", "insertion", "road", "confidence")
"""The numbers that ask the model; infidelity is known from the ground."""


def questions(
    map_: Float[Tensor, "h w"], ground: Ground, options: Options, names: Container[str] = ASKING
) -> dict[str, Asked[Any]]:
    """What each of `names` asks for a map: those of ASKING."""
    rank = perturb.ranks(map_)
    every: dict[str, Callable[[], Asked[Any]]] = {
        "deletion": lambda: _deletion(rank, ground, options.steps),
        "insertion": lambda: _insertion(rank, ground, options.steps),
        "road": lambda: _road(rank, ground, options.shares),
        "confidence": lambda: _confidence(map_, ground),
    }
    return {name: make() for name, make in every.items() if name in names}


def deletion(score: Score, map_: Float[Tensor, "h w"], ground: Ground, steps: int) -> Area:
    """Pixels are emptied, the most relevant first (Petsiuk 2018, algorithm 1): a map that found them gives a small area.

    `steps` - 1 evaluations.
    """
    return _one(score, _deletion(perturb.ranks(map_), ground, steps))


def _deletion(rank: Tensor, ground: Ground, steps: int) -> Asked[Area]:
    ends = (ground.full_score, ground.empty_score)
    return _area(ground.x, ground.empty, rank, steps, ends, "share of pixels emptied")


def insertion(score: Score, map_: Float[Tensor, "h w"], ground: Ground, steps: int) -> Area:
    """The blurred image's pixels are made sharp, the most relevant first (Petsiuk 2018): here a large area is good.

    `steps` - 1 evaluations.
    """
    return _one(score, _insertion(perturb.ranks(map_), ground, steps))


def _insertion(rank: Tensor, ground: Ground, steps: int) -> Asked[Area]:
    ends = (ground.blurred_score, ground.full_score)
    return _area(ground.blurred, ground.x, rank, steps, ends, "share of pixels shown")


def _area(start: Tensor, end: Tensor, rank: Tensor, steps: int, ends: tuple[float, float], label: str) -> Asked[Area]:
    """The area under the scores on the way from `start` to `end`, by trapezoids."""
    first = perturb.counts(rank.numel(), perturb.steps(steps))
    x = tuple(n / rank.numel() for n in first)

    def read(scores: list[float]) -> Area:
        y = (ends[0], *scores, ends[1])
        auc = sum((b - a) * (u + v) / 2 for a, b, u, v in zip(x[:-1], x[1:], y[:-1], y[1:], strict=True))
        return Area(auc, Curve(x, y, label, "score"))

    return Asked(steps - 1, lambda: perturb.replaced(start, end, rank, first[1:-1]), read)


def road(score: Score, map_: Float[Tensor, "h w"], ground: Ground, shares: tuple[float, ...]) -> Road:
    """Shares of the pixels are filled in from their neighbours, the most and the least relevant first (Rong 2022).

    2 `shares` evaluations.
    """
    return _one(score, _road(perturb.ranks(map_), ground, shares))


def _road(rank: Tensor, ground: Ground, shares: tuple[float, ...]) -> Asked[Road]:
    first = perturb.counts(rank.numel(), shares)

    def fill(order: Tensor) -> Tensor:
        return torch.cat(list(perturb.filled(ground.x, order, first, ground.noise)))

    def inputs() -> Iterable[Tensor]:
        # filling in takes longer than the model does, and leaves Python's lock
        return list(pair().map(fill, (rank, rank.max() - rank)))

    def read(scores: list[float]) -> Road:
        most, least = tuple(scores[: len(first)]), tuple(scores[len(first) :])
        combined = sum(b - a for a, b in zip(most, least, strict=True)) / (2 * len(shares))
        return Road(combined, most, least)

    return Asked(2 * len(first), inputs, read)


def confidence(score: Score, map_: Float[Tensor, "h w"], ground: Ground) -> Confidence:
    """The picture is darkened by its map, scaled to 0..1 (Chattopadhyay 2017, section 4.1.1). One evaluation.

    Places of no or negative relevance become black; a map without a positive value leaves a black picture.
    """
    return _one(score, _confidence(map_, ground))


def _confidence(map_: Tensor, ground: Ground) -> Asked[Confidence]:
    def inputs() -> Iterable[Tensor]:
        positive = map_.to(ground.x).clamp(min=0)
        top = positive.max()
        mask = positive / top if top > 0 else positive
        return [(ground.low + mask * (ground.x - ground.low))[None]]

    def read(scores: list[float]) -> Confidence:
        (seen,), full = scores, ground.full_score
        drop = 100 * max(0.0, full - seen) / full if full > 0 else math.nan
        return Confidence(drop, seen > full)

    return Asked(1, inputs, read)


def _one(score: Score, asked: Asked[T]) -> T:
    (found,) = answers(score, [asked])
    return found


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
