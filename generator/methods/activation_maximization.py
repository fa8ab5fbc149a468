r"""Activation maximization: pictures made from noise that a unit answers to as strongly as it can.

$$ x^{*} = \arg\max_{x} \; \mathbb{E}_{\tau} \Big[ \frac{1}{HW} \sum_{ij} A^k_{ij}\big(\tau(x)\big) \Big] - R(x), \quad
x = \sigma\big(C \, \mathcal{F}^{-1}(s \odot z)\big), \quad s(f) = \max(f, f_0)^{-p} $$

$A^k$ is the map of unit $k$, $H \times W$ places large; $\tau$ a random small shift, turn and zoom; $R$ the priors (total
variation and distance to gray, both off unless asked for). The picture $x$ is not searched for in pixels but in a spectrum
$z$: $s$ lets low frequencies count as much more as they do in photographs ($f_0$ is one cycle in the picture, $p$ the
option `decay`), $\mathcal{F}^{-1}$ is the inverse Fourier transform, $C$ mixes three channels as the colours of photographs
are correlated, and the sigmoid $\sigma$ keeps the result in $[0, 1]$. The search is gradient ascent on $z$ from faint noise.

Reading it: what stands in the picture, in any place and often many times over, is what the unit looks for: edges and
colours in early layers, textures in the middle, parts of objects late. The number beside a picture is the mean of the
unit's map on it. A unit of a convolution is the convolution's own output, in front of normalisation and rectifier.
Pictures of layers that see little of the input are small, since more would only repeat it.

Limits: it shows one of many pictures, and another seed shows another. A unit that answers to several unlike things shows
one of them, or a blend. Colours are the least certain part. No photograph looks like this: read dataset examples beside
it. A picture marked dead shows the unit nothing better than noise: no gradient reached it, or the search ended no higher
than it began. A model that refuses small pictures gets them at its own input size.

Departure: the article's optimiser, Adam, moves every coefficient of the spectrum equally far. Here all those of about one
frequency share one step size, so that a coefficient moves as far as its gradient is strong; and the contrast of the picture
is held at one value throughout (option `contrast`; 0 leaves it free, as the article does), so that it neither stays gray
nor burns out. Both are for the sake of short searches. For the first steps (option `redirect`) rectifiers that are off let
through a gradient that would turn them on, so that units that are silent on noise wake up; the article's authors do the
same in their code.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor

from generator.artifacts import Artifact, ImageGrid, NotApplicable
from generator.errors import UserError
from generator.methods import ModelFacts, ModelHandle, Places, Scope, method
from generator.names import Layer, Paper, Unit
from generator.search.fourier import Canvas, RingAscent
from generator.search.transforms import Wander, look, middle
from generator.selectors import select_layers

SMALLEST = 32
"""Side of the smallest picture, in pixels: below it a page has nothing to show."""


@method
@dataclass(frozen=True)
class ActivationMaximization:
    """Pictures (units, channels, height, width) in [0, 1], one a unit, all of one size within a layer."""

    steps: int = field(
        default=20, metadata={"doc": "Gradient steps of a search; each is a forward and a backward pass."}
    )
    size: int = field(
        default=96,
        metadata={
            "doc": "Longest side of a picture in pixels, made whole in the layer's steps; layers that see little get smaller ones."
        },
    )
    rate: float = field(
        default=0.02, metadata={"doc": "Step size, in units of the spectrum (its noise starts at 0.01)."}
    )
    decay: float = field(
        default=1.2, metadata={"doc": "Low frequencies count as 1 / frequency to this power; more is smoother."}
    )
    contrast: float = field(
        default=0.9,
        metadata={
            "doc": "Root mean square held in front of the sigmoid; 0 leaves the contrast free; raise `rate` then."
        },
    )
    jitter: int = field(
        default=8, metadata={"doc": "Each step sees the picture shifted by up to so many pixels either way."}
    )
    turn: float = field(default=5.0, metadata={"doc": "Each step sees it turned by up to so many degrees either way."})
    zoom: float = field(default=0.05, metadata={"doc": "Each step sees it larger or smaller by up to this share."})
    redirect: int = field(
        default=2,
        metadata={"doc": "For so many steps, rectifiers that are off pass on gradients that would turn them on."},
    )
    total_variation: float = field(
        default=0.0,
        metadata={"doc": "Weight of the prior against differences of neighbouring pixels (their mean square)."},
    )
    gray: float = field(
        default=0.0, metadata={"doc": "Weight of the prior against distance from mid-gray (the pixels' mean square)."}
    )
    layers: str = field(
        default="conv",
        metadata={"doc": "Which of the report's layers are searched: a selector, such as conv or all.", "key": False},
    )
    batch: int = field(
        default=8, metadata={"doc": "Units searched for together; the pictures do not depend on it.", "key": False}
    )

    papers: ClassVar[tuple[Paper, ...]] = (
        Paper(
            "erhan2009",
            "Dumitru Erhan, Yoshua Bengio, Aaron Courville and Pascal Vincent",
            2009,
            "Visualizing Higher-Layer Features of a Deep Network",
            venue="Technical Report 1341, Université de Montréal",
            url="https://www.researchgate.net/publication/265022827",
        ),
        Paper(
            "olah2017",
            "Chris Olah, Alexander Mordvintsev and Ludwig Schubert",
            2017,
            "Feature Visualization",
            venue="Distill",
            doi="10.23915/distill.00007",
        ),
    )
    caption: ClassVar[str] = "What unit {unit} of {layer} looks for: a picture made from noise to raise it."
    scope: ClassVar[Scope] = "search"
    places: ClassVar[Places] = "layers"

    def __post_init__(self) -> None:
        for name, least in (("steps", 1), ("size", 1), ("batch", 1), ("jitter", 0), ("redirect", 0)):
            if getattr(self, name) < least:
                raise UserError(
                    f"activation_maximization: expected {name} to be {least} or more, got {getattr(self, name)}"
                )

    def applies(self, model: ModelFacts, layer: Layer) -> NotApplicable | None:
        if layer in select_layers(self.layers, tuple(model.layers.values())):
            return None
        return NotApplicable(
            f"it searches the layers that its option `layers` names ({self.layers}), and not this one."
        )

    def passes(self, layer: Layer, units: int) -> tuple[int, int]:
        searches = math.ceil(units / self.batch)
        return searches * (self.steps + 1), searches * self.steps

    def picture_size(self, layer: Layer, input_shape: tuple[int, int, int]) -> tuple[int, int]:
        """(height, width): twice what a unit sees, whole in the layer's steps, within SMALLEST, `size` and the input's."""
        sides = []
        for axis, most in enumerate(input_shape[1:]):
            seen = self.size if layer.receptive_field is None else 2 * layer.receptive_field[axis]
            jump = 1 if layer.jump is None else max(1, round(layer.jump[axis]))
            side = min(max(seen, SMALLEST), self.size)
            sides.append(min(math.ceil(side / jump) * jump, most))
        return sides[0], sides[1]

    def search(self, handle: ModelHandle, layer: Layer, units: tuple[Unit, ...], seed: int) -> Iterator[Artifact]:
        own = handle.input_shape[1], handle.input_shape[2]
        # a place in a map is a place of the model's own input size
        size = own if any(unit.position is not None for unit in units) else self.picture_size(layer, handle.input_shape)
        todo = [units[at : at + self.batch] for at in range(0, len(units), self.batch)]
        while todo:
            some = todo.pop(0)
            try:
                grid = self._climb(handle, layer, some, seed, size)
            except UserError:
                raise
            except torch.OutOfMemoryError:  # pictures do not depend on their company: fewer at a time
                if len(some) == 1:
                    raise
                todo[:0] = [some[: len(some) // 2], some[len(some) // 2 :]]
                continue
            except Exception:  # a head or position table of one size refuses in as many ways as there are models
                if size == own:
                    raise
                size = own
                grid = self._climb(handle, layer, some, seed, size)
            yield grid

    def _climb(
        self, handle: ModelHandle, layer: Layer, units: tuple[Unit, ...], seed: int, size: tuple[int, int]
    ) -> ImageGrid:
        """One search of all `units` at once: a picture each, and the sum of their scores to climb."""
        canvas = Canvas(
            handle.input_shape[0], size[0] + 2 * self.jitter, size[1] + 2 * self.jitter, self.decay, self.contrast
        )
        wander = Wander(self.jitter, self.turn, self.zoom)
        # Each unit draws from a generator of its own: its picture is the same whoever shares its batch.
        draws = [torch.Generator().manual_seed((seed * 1_000_003 + unit.channel) % 2**63) for unit in units]
        device = torch.device(str(handle.device))
        z = torch.stack([canvas.start(draw) for draw in draws]).to(device)  # (b, c, H, W // 2 + 1, 2)
        looks = torch.stack([wander.looks(self.steps, draw) for draw in draws], dim=1)  # (steps, b, 4)
        ascent = RingAscent(canvas, self.rate)

        def scores(window: Tensor, redirect: bool) -> Tensor:
            maps = handle.layer_output(layer.name, _normalised(window, handle), redirect=redirect)
            return torch.stack([_score(map_, unit) for map_, unit in zip(maps, units, strict=True)])  # (b,)

        course: list[Tensor] = []
        for step in range(self.steps):
            z = z.detach().requires_grad_()
            picture = canvas.paint(z)
            reached = scores(look(picture, looks[step], *size), redirect=step < self.redirect)
            course.append(reached.detach())
            z = ascent.step(z.detach(), handle.backward((reached - self._prior(picture)).sum(), z))
        with torch.no_grad():
            picture = middle(canvas.paint(z), *size)
            ended = scores(picture, redirect=False)
        return ImageGrid(
            picture.float().cpu(),
            tuple(unit.channel for unit in units),
            tuple(ended.tolist()),
            tuple((~(ended > course[0])).tolist()),
        )

    def _prior(self, picture: Tensor) -> Tensor:
        """R(x), one number a picture (b,)."""
        down, across = picture.diff(dim=2), picture.diff(dim=3)
        rough = down.square().mean(dim=(1, 2, 3)) + across.square().mean(dim=(1, 2, 3))
        return self.total_variation * rough + self.gray * (picture - 0.5).square().mean(dim=(1, 2, 3))


def _score(units: Tensor, unit: Unit) -> Tensor:
    """The unit's place in its layer's output (c, h, w), or the mean over its map: a scalar."""
    map_ = units[unit.channel]
    return map_.mean() if unit.position is None else map_[unit.position]


def _normalised(picture: Tensor, handle: ModelHandle) -> Tensor:
    """Pictures (b, c, h, w) in [0, 1] as the model wants them."""
    mean, std = (picture.new_tensor(values).view(-1, 1, 1) for values in (handle.mean, handle.std))
    return (picture - mean) / std
