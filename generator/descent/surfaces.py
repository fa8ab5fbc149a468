r"""Toy losses of two weights, that can be seen whole: what an optimizer does there, it does in a million dimensions unseen.

Each is written so that autograd differentiates it; `templates/assets/js/descent-core.js` has the same formulas with their
derivatives by hand, and a test holds one to the other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Minimum:
    """A place where the loss is lowest around it."""

    name: str
    """``left well``"""
    x: float
    y: float
    lowest: bool = True
    """Whether no place lies lower (global), or only none nearby (local)."""


@dataclass(frozen=True)
class Surface:
    """A loss f(x, y), the box that is drawn of it, and where one begins."""

    name: str
    title: str
    latex: str
    box: tuple[float, float, float, float]
    """x from, x to, y from, y to."""
    start: tuple[float, float]
    minima: tuple[Minimum, ...]
    rates: Mapping[str, float]
    """A learning rate for each optimizer: one with which it gets along here."""
    value: Callable[[Tensor, Tensor], Tensor]
    """f of x and y, element by element."""
    log: bool = False
    """Whether heights are drawn as logarithms, since they differ by powers of ten."""

    @property
    def radius(self) -> float:
        """How near a minimum counts as in its well: a twentieth of the box's width."""
        return (self.box[1] - self.box[0]) / 20


def _two_wells(x: Tensor, y: Tensor) -> Tensor:
    right = 0.55 * torch.exp(-((x - 1) ** 2 + y**2) / 0.5)
    left = 1.3 * torch.exp(-((x + 1.1) ** 2 + y**2) / 0.6)
    return 0.12 * (x**2 + y**2) - right - left


def _beale(x: Tensor, y: Tensor) -> Tensor:
    return (1.5 - x + x * y) ** 2 + (2.25 - x + x * y**2) ** 2 + (2.625 - x + x * y**3) ** 2


def _saddle(x: Tensor, y: Tensor) -> Tensor:
    return x**2 - y**2 + y**4 / 4


def _ravine(x: Tensor, y: Tensor) -> Tensor:
    return x**2 / 20 + y**2


def _rosenbrock(x: Tensor, y: Tensor) -> Tensor:
    return (1 - x) ** 2 + 100 * (y - x**2) ** 2


SURFACES: Mapping[str, Surface] = {
    one.name: one
    for one in (
        Surface(
            "two_wells",
            "Two wells",
            r"f = 0.12\,(x^2 + y^2) - 0.55\, e^{-((x-1)^2 + y^2)/0.5} - 1.3\, e^{-((x+1.1)^2 + y^2)/0.6}",
            (-2.5, 2.5, -2.0, 2.0),
            (2.2, 1.3),
            (
                Minimum("left well", -1.04172729759442, 0.0),
                Minimum("right well", 0.8949047339327028, 0.0, lowest=False),
            ),
            {
                "sgd": 0.1,
                "momentum": 0.1,
                "nesterov": 0.1,
                "adagrad": 0.3,
                "rmsprop": 0.05,
                "adam": 0.3,
                "adamw": 0.3,
                "lion": 0.03,
            },
            _two_wells,
        ),
        Surface(
            "beale",
            "Beale",
            r"f = (1.5 - x + xy)^2 + (2.25 - x + xy^2)^2 + (2.625 - x + xy^3)^2",
            (-4.5, 4.5, -4.5, 4.5),
            (1.0, 1.6),
            (Minimum("minimum", 3.0, 0.5),),
            {
                "sgd": 0.01,
                "momentum": 0.002,
                "nesterov": 0.002,
                "adagrad": 0.5,
                "rmsprop": 0.05,
                "adam": 0.1,
                "adamw": 0.1,
                "lion": 0.03,
            },
            _beale,
            log=True,
        ),
        Surface(
            "saddle",
            "Saddle",
            r"f = x^2 - y^2 + \frac{y^4}{4}",
            (-2.0, 2.0, -2.2, 2.2),
            (-1.6, 0.001),
            (Minimum("upper well", 0.0, 2**0.5), Minimum("lower well", 0.0, -(2**0.5))),
            {
                "sgd": 0.05,
                "momentum": 0.02,
                "nesterov": 0.02,
                "adagrad": 0.2,
                "rmsprop": 0.02,
                "adam": 0.05,
                "adamw": 0.05,
                "lion": 0.03,
            },
            _saddle,
        ),
        Surface(
            "ravine",
            "Ravine",
            r"f = \frac{x^2}{20} + y^2",
            (-10.0, 10.0, -4.0, 4.0),
            (-9.0, 2.0),
            (Minimum("minimum", 0.0, 0.0),),
            {
                "sgd": 0.8,
                "momentum": 0.1,
                "nesterov": 0.1,
                "adagrad": 1.0,
                "rmsprop": 0.2,
                "adam": 0.3,
                "adamw": 0.3,
                "lion": 0.2,
            },
            _ravine,
        ),
        Surface(
            "rosenbrock",
            "Rosenbrock",
            r"f = (1 - x)^2 + 100\,(y - x^2)^2",
            (-2.0, 2.0, -1.0, 3.0),
            (-1.2, 1.0),
            (Minimum("minimum", 1.0, 1.0),),
            {
                "sgd": 0.002,
                "momentum": 0.001,
                "nesterov": 0.001,
                "adagrad": 0.8,
                "rmsprop": 0.1,
                "adam": 0.2,
                "adamw": 0.2,
                "lion": 0.02,
            },
            _rosenbrock,
            log=True,
        ),
    )
}
"""By name, in the order of the page."""
