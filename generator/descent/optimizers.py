r"""The optimizers that descend, each as torch.optim has it: its update rule, its settings, its colour and its mark.

$w$ are the weights, $g$ the gradient of the loss there, $\eta$ the learning rate; powers and roots are element by element.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from generator.descent.lion import Lion
from generator.names import Paper

Settings = Mapping[str, float]


@dataclass(frozen=True)
class Setting:
    """A number that a user turns."""

    name: str
    default: float
    least: float
    most: float

    @property
    def symbol(self) -> str:
        """As in the rule: ``η``."""
        return _SYMBOLS[self.name]


_SYMBOLS = {"lr": "η", "momentum": "μ", "alpha": "α", "beta1": "β₁", "beta2": "β₂", "weight_decay": "λ"}


@dataclass(frozen=True)
class Optimizer:
    """A rule, and how torch makes it."""

    name: str
    title: str
    latex: tuple[str, ...]
    """The update rule, a line each."""
    settings: tuple[Setting, ...]
    make: Callable[[list[Tensor], Settings], torch.optim.Optimizer]
    colour: str
    """For white paper; the page has another set for dark. After Okabe and Ito, that colour-blind eyes can tell apart."""
    mark: str
    """A shape, for eyes and printers that see no colours."""
    paper: Paper

    def given(self, settings: Settings, rate: float | None = None) -> dict[str, float]:
        """All settings: those given, else `rate` for the learning rate, else the defaults.

        Raises KeyError for a setting that this optimizer lacks.
        """
        full = {one.name: one.default for one in self.settings}
        if rate is not None:
            full["lr"] = rate
        for name, value in settings.items():
            if name not in full:
                raise KeyError(name)
            full[name] = value
        return full


LR = Setting("lr", 0.1, 1e-5, 2.0)
MOMENTUM = Setting("momentum", 0.9, 0.0, 0.999)
BETAS = (Setting("beta1", 0.9, 0.0, 0.999), Setting("beta2", 0.999, 0.0, 0.9999))
DECAY = Setting("weight_decay", 0.01, 0.0, 1.0)


def _betas(s: Settings) -> tuple[float, float]:
    return s["beta1"], s["beta2"]


_ADAM = (
    r"m \leftarrow \beta_1 m + (1 - \beta_1)\, g",
    r"v \leftarrow \beta_2 v + (1 - \beta_2)\, g^2",
)
_ADAM_STEP = r"\eta\, \frac{m / (1 - \beta_1^t)}{\sqrt{v / (1 - \beta_2^t)} + \epsilon}"

OPTIMIZERS: Mapping[str, Optimizer] = {
    one.name: one
    for one in (
        Optimizer(
            "sgd",
            "SGD",
            (r"w \leftarrow w - \eta\, g",),
            (LR,),
            lambda p, s: torch.optim.SGD(p, lr=s["lr"]),
            "#12151c",
            "circle",
            Paper("robbins1951", "Robbins and Monro", 1951, "A stochastic approximation method"),
        ),
        Optimizer(
            "momentum",
            "Momentum",
            (r"v \leftarrow \mu v + g", r"w \leftarrow w - \eta\, v"),
            (LR, MOMENTUM),
            lambda p, s: torch.optim.SGD(p, lr=s["lr"], momentum=s["momentum"]),
            "#0072b2",
            "square",
            Paper("polyak1964", "Polyak", 1964, "Some methods of speeding up the convergence of iteration methods"),
        ),
        Optimizer(
            "nesterov",
            "Nesterov",
            (r"v \leftarrow \mu v + g", r"w \leftarrow w - \eta\, (g + \mu v)"),
            (LR, Setting("momentum", 0.9, 0.001, 0.999)),
            lambda p, s: torch.optim.SGD(p, lr=s["lr"], momentum=s["momentum"], nesterov=True),
            "#2f9bd6",
            "diamond",
            Paper(
                "nesterov1983",
                "Nesterov",
                1983,
                "A method for solving the convex programming problem with convergence rate O(1/k²)",
            ),
        ),
        Optimizer(
            "adagrad",
            "AdaGrad",
            (r"v \leftarrow v + g^2", r"w \leftarrow w - \eta\, \frac{g}{\sqrt{v} + \epsilon}"),
            (LR,),
            lambda p, s: torch.optim.Adagrad(p, lr=s["lr"]),
            "#c98200",
            "up",
            Paper(
                "duchi2011",
                "Duchi et al.",
                2011,
                "Adaptive subgradient methods for online learning and stochastic optimization",
            ),
        ),
        Optimizer(
            "rmsprop",
            "RMSProp",
            (
                r"v \leftarrow \alpha v + (1 - \alpha)\, g^2",
                r"w \leftarrow w - \eta\, \frac{g}{\sqrt{v} + \epsilon}",
            ),
            (LR, Setting("alpha", 0.99, 0.0, 0.9999)),
            lambda p, s: torch.optim.RMSprop(p, lr=s["lr"], alpha=s["alpha"]),
            "#00815c",
            "down",
            Paper(
                "tieleman2012",
                "Tieleman and Hinton",
                2012,
                "Lecture 6.5: rmsprop, Neural networks for machine learning",
            ),
        ),
        Optimizer(
            "adam",
            "Adam",
            (*_ADAM, rf"w \leftarrow w - {_ADAM_STEP}"),
            (LR, *BETAS),
            lambda p, s: torch.optim.Adam(p, lr=s["lr"], betas=_betas(s)),
            "#d04a00",
            "pentagon",
            Paper("kingma2014", "Kingma and Ba", 2014, "Adam: a method for stochastic optimization", arxiv="1412.6980"),
        ),
        Optimizer(
            "adamw",
            "AdamW",
            (*_ADAM, rf"w \leftarrow (1 - \eta \lambda)\, w - {_ADAM_STEP}"),
            (LR, *BETAS, DECAY),
            lambda p, s: torch.optim.AdamW(p, lr=s["lr"], betas=_betas(s), weight_decay=s["weight_decay"]),
            "#b8508f",
            "star",
            Paper(
                "loshchilov2017",
                "Loshchilov and Hutter",
                2017,
                "Decoupled weight decay regularization",
                arxiv="1711.05101",
            ),
        ),
        Optimizer(
            "lion",
            "Lion",
            (
                r"c \leftarrow \beta_1 m + (1 - \beta_1)\, g",
                r"w \leftarrow (1 - \eta \lambda)\, w - \eta\, \mathrm{sign}(c)",
                r"m \leftarrow \beta_2 m + (1 - \beta_2)\, g",
            ),
            (LR, BETAS[0], Setting("beta2", 0.99, 0.0, 0.9999), Setting("weight_decay", 0.0, 0.0, 1.0)),
            lambda p, s: Lion(p, lr=s["lr"], betas=_betas(s), weight_decay=s["weight_decay"]),
            "#7a6400",
            "cross",
            Paper("chen2023", "Chen et al.", 2023, "Symbolic discovery of optimization algorithms", arxiv="2302.06675"),
        ),
    )
}
"""By name, in the order in which one grew out of another."""
