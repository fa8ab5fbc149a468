r"""Activation maximization: pictures made from noise that a unit answers to as strongly as it can.

$$ x^{*} = \arg\max_{x} \; \mathbb{E}_{\tau} \Big[ \frac{1}{HW} \sum_{ij} A^k_{ij}\big(\tau(x)\big) \Big] - R(x), \quad
x = \sigma\big(C \, \mathcal{F}^{-1}(s \odot z)\big), \quad s(f) = \max(f, f_0)^{-p} $$

$A^k$ is the map of unit $k$, $H \times W$ places large; $\tau$ a random small shift, turn and zoom, at each step the
same for all units and taken again after 32 steps; $R$ the priors (total variation and distance to gray, both off unless
asked for). The picture $x$ is not searched for in pixels but in a spectrum $z$: $s$ lets low frequencies count as much
more as they do in photographs ($f_0$ is one cycle in the picture, $p$ the option `decay`), $\mathcal{F}^{-1}$ is the
inverse Fourier transform, $C$ mixes three channels as the colours of photographs are correlated, and the sigmoid
$\sigma$ keeps the result in $[0, 1]$. The search is gradient ascent on $z$ from faint noise.

Option `parametrization` searches in other coordinates: `pixel`, each pixel by itself, or `maco`, the phases of a spectrum
whose magnitudes are held at those of the report's own photographs (the first 32 of them). With `diversity: n`, n pictures
of each unit are searched for together, and each pays for being like the others to the layer. Where they start from an image,
all but the first start from it under noise of their own, for from one place nothing would part them.

Reading it: what stands in the picture, in any place and often many times over, is what the unit looks for: edges and
colours in early layers, textures in the middle, parts of objects late. The number beside a picture is the mean of the
unit's map on it. A unit of a convolution is the convolution's own output, in front of normalisation and rectifier.
Pictures of layers that see little of the input are small, since more would only repeat it.

Limits: it shows one of many pictures, and another seed shows another. A unit that answers to several unlike things shows
one of them, or a blend. Colours are the least certain part. No photograph looks like this: read dataset examples beside
it. A picture marked dead shows the unit nothing better than noise, and says why: no gradient ever reached it, the search
ended no higher than it began, or the layer gave what is no number. A model that refuses small pictures gets them at its
own input size, without a frame. Where a processor has instructions for it, steps run the model in bfloat16 (option
`precision`); the number beside a picture is float32's. MACO cannot dim what a unit does not care for: read its opacity with it.

Departure: the article's optimiser, Adam, moves every coefficient of the spectrum equally far. Here all those of about one
frequency share one step size, so that a coefficient moves as far as its gradient is strong, and frequencies that the unit
cares for more move a little further than others; and the contrast of the picture
is held at one value throughout (option `contrast`; 0 leaves it free, as the article does), so that it neither stays gray
nor burns out. Both are for the sake of short searches. At a contrast that is held, a unit of a first layer that wants nothing
but dark gets a dark gray square, which is hard to tell from one that wants nothing: pictures of layers that see a few pixels
may be given more of it (option `near_contrast`), and reach as much or more by it. For the first steps (option `redirect`) rectifiers that are off let
through a gradient that would turn them on, so that units that are silent on noise wake up; the article's authors do the
same in their code.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, fields, replace
from typing import ClassVar, Literal

import torch

from generator.artifacts import Artifact, ImageGrid, NotApplicable
from generator.engine.reduced import PRECISIONS
from generator.errors import UserError
from generator.methods import ModelFacts, ModelHandle, Places, Scope, method
from generator.methods._options import at_least, at_most, one_of
from generator.methods._searches import MOST
from generator.names import Layer, Paper, Unit
from generator.search.batches import in_batches
from generator.search.climb import PARAMETRIZATIONS, Climb, Found, climb
from generator.search.objectives import Units
from generator.selectors import select_layers

SMALLEST = 32
"""Side of the smallest picture, in pixels: below it a page has nothing to show."""
NEAR = SMALLEST // 2
"""Pixels: a unit that sees no more has a picture of the smallest side, and `near_contrast`."""
NATURAL = 32
"""Photographs whose mean magnitude stands for that of natural images: more change it little."""
DEEP = 2
"""How many times as far as a picture is large a unit sees that `deep_steps` are for."""
POSITIVE = ("steps", "size", "batch", "diversity", "blur_every", "p")
"""Options that are one at least."""
NOT_NEGATIVE = (
    "deep_steps", "diverse", "first_page", "first_page_steps", "jitter", "redirect", "pad", "blur", "animate", "rate",
    "decay", "contrast", "near_contrast", "turn", "zoom", "total_variation", "lp", "apart",
)  # fmt: skip
"""Options that are zero at least."""
LEAST = dict.fromkeys(POSITIVE, 1) | dict.fromkeys(NOT_NEGATIVE, 0)
"""The least value of options that are numbers."""
WORDS = {
    "parametrization": PARAMETRIZATIONS,
    "objective": ("mean", "centre"),
    "start": ("noise", "image"),
    "precision": PRECISIONS,
}


@method
@dataclass(frozen=True)
class ActivationMaximization:
    """Pictures (units, channels, height, width) in [0, 1], one a unit, all of one size within a layer."""

    steps: int = field(
        default=20, metadata={"doc": "Gradient steps of a search; each is a forward and a backward pass."}
    )
    deep_steps: int = field(
        default=0,
        metadata={
            "doc": "Steps at layers that see over twice as far as `size`, where shapes take longer to form; 0: `steps` there too."
        },
    )
    size: int = field(
        default=96,
        metadata={
            "doc": "Longest side of a picture in pixels, made whole in the layer's steps; layers that see little get smaller ones."
        },
    )
    parametrization: str = field(
        default="fourier",
        metadata={
            "doc": "What is searched: fourier (a spectrum), pixel (each pixel), or maco (phases, magnitudes held at the photographs')."
        },
    )
    objective: str = field(
        default="mean",
        metadata={"doc": "What a unit is raised in: mean (of its map), or centre (the map's middle place)."},
    )
    start: str = field(
        default="noise", metadata={"doc": "What a search starts from: noise, or image (the report's first)."}
    )
    rate: float = field(
        default=0.02,
        metadata={
            "doc": "Step size, in units of the spectrum or the pixels (their noise starts at 0.01), or in turns of a phase."
        },
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
    near_contrast: float = field(
        default=0.0,
        metadata={
            "doc": "Contrast at layers that see no more than 16 pixels, where a unit may want one even colour; 0: `contrast` there too."
        },
    )
    jitter: int = field(
        default=8, metadata={"doc": "Each step sees the picture shifted by up to so many pixels either way."}
    )
    turn: float = field(default=5.0, metadata={"doc": "Each step sees it turned by up to so many degrees either way."})
    zoom: float = field(default=0.05, metadata={"doc": "Each step sees it larger or smaller by up to this share."})
    pad: int = field(
        default=0, metadata={"doc": "Each step but the first sees it in a gray frame so many pixels wide."}
    )
    redirect: int = field(
        default=2,
        metadata={"doc": "For so many steps, rectifiers that are off pass on gradients that would turn them on."},
    )
    total_variation: float = field(
        default=0.0,
        metadata={"doc": "Weight of the prior against differences of neighbouring pixels (their mean square)."},
    )
    lp: float = field(
        default=0.0,
        metadata={
            "doc": "Weight of the prior against distance from mid-gray (the mean of its p-th power over the pixels)."
        },
    )
    p: float = field(default=2.0, metadata={"doc": "The power of that prior: 2 pales all, 6 forbids what burns out."})
    blur: float = field(
        default=0.0, metadata={"doc": "Blur the picture between steps by a Gaussian of so many pixels; not for maco."}
    )
    blur_every: int = field(default=4, metadata={"doc": "After every so many steps, where it is blurred."})
    diversity: int = field(
        default=1,
        metadata={"doc": "So many different pictures of each unit, found together; each costs as much as one."},
    )
    diverse: int = field(
        default=0,
        metadata={
            "doc": "Of how many units of a layer, the first ones chosen, there are so many; 0: of all. Others get one.",
            "key": False,
        },
    )
    first_page: int = field(
        default=0,
        metadata={
            "doc": "So many different pictures of each unit that the first page shows, and the course of the best; 0: no more of these "
            "than of others.",
            "key": False,
        },
    )
    first_page_steps: int = field(
        default=0,
        metadata={"doc": "Gradient steps of each of these; 0: as many as of others.", "key": False},
    )
    apart: float = field(
        default=0.5,
        metadata={
            "doc": "How much they pay for being alike (cosine of Gram matrices), as a share of what they reached."
        },
    )
    precision: str = field(
        default="auto",
        metadata={
            "doc": "In what numbers steps run the model: float32, bfloat16, or auto (in a report the faster, as measured; else float32)."
        },
    )
    layers: str = field(
        default="conv",
        metadata={"doc": "Which of the report's layers are searched: a selector, such as conv or all.", "key": False},
    )
    animate: int = field(
        default=0,
        metadata={
            "doc": "Of how many units of a layer, the first ones chosen, the course is kept as a small film.",
            "key": False,
        },
    )
    batch: int = field(
        default=8, metadata={"doc": "Pictures searched for together; they do not depend on it.", "key": False}
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
        for name, least in LEAST.items():
            at_least(self, least, name)
        for name, most in MOST.items():
            at_most(self, most, name)
        for name, words in WORDS.items():
            one_of(self, name, *words)
        if self.blur and self.parametrization == "maco":
            raise UserError(
                "activation_maximization: expected blur to be 0 with parametrization maco, which holds magnitudes, received "
                f"{self.blur:g}: use fourier or pixel"
            )

    @property
    def climb(self) -> Climb:
        """The options that say how a search goes about it."""
        return Climb(**{one.name: getattr(self, one.name) for one in fields(Climb)})

    def steps_at(self, layer: Layer) -> int:
        """Gradient steps of a search at this layer."""
        seen = layer.receptive_field  # None: all of the input
        return self.deep_steps if self.deep_steps and (seen is None or min(seen) > DEEP * self.size) else self.steps

    def contrast_at(self, layer: Layer) -> float:
        """Contrast of the pictures at this layer."""
        seen = layer.receptive_field  # None: all of the input
        near = seen is not None and max(seen) <= NEAR
        return self.near_contrast if near and self.near_contrast and self.contrast else self.contrast

    @property
    def together(self) -> int:
        """Units searched for together."""
        return max(1, self.batch // self.diversity)

    @property
    def photographs(self) -> int:
        """How many of the report's images, the first ones, the pictures depend on."""
        return NATURAL if self.parametrization == "maco" else 1 if self.start == "image" else 0

    def applies(self, model: ModelFacts, layer: Layer) -> NotApplicable | None:
        if layer in select_layers(self.layers, tuple(model.layers.values())):
            return None
        return NotApplicable(
            f"it searches the layers that its option `layers` names ({self.layers}), and not this one."
        )

    def of_unit(self, rank: int, *, shown: bool = False) -> ActivationMaximization:
        """With as many pictures as the unit chosen at this rank gets; `shown`: by the first page, with steps of its own."""
        own = 1 if self.diverse and rank >= self.diverse else self.diversity
        if not shown:
            return replace(self, diversity=own)
        steps, deep = (max(usual, self.first_page_steps) for usual in (self.steps, self.deep_steps))
        return replace(self, diversity=max(own, self.first_page), steps=steps, deep_steps=deep)

    def passes(self, layer: Layer, units: int) -> tuple[int, int]:
        searches = math.ceil(units / self.together)
        steps = self.steps_at(layer)
        return searches * (steps + 1), searches * steps

    def picture_size(self, layer: Layer, input_shape: tuple[int, int, int]) -> tuple[int, int]:
        """(height, width): twice what a unit sees, whole in the layer's steps, within SMALLEST, `size` and the input's."""
        sides = []
        for axis, most in enumerate(input_shape[1:]):
            seen = self.size if layer.receptive_field is None else 2 * layer.receptive_field[axis]
            jump = 1 if layer.jump is None else max(1, round(layer.jump[axis]))
            side = min(max(seen, SMALLEST), self.size)
            sides.append(min(math.ceil(side / jump) * jump, most))
        return sides[0], sides[1]

    def search(
        self,
        handle: ModelHandle,
        layer: Layer,
        units: tuple[Unit, ...],
        seed: int,
        animated: Collection[Unit] = (),
    ) -> Iterator[Artifact]:
        for some, found in self.climbs(handle, layer, units, seed, animated):
            yield self._grid(some, found, animated)

    def climbs(
        self,
        handle: ModelHandle,
        layer: Layer,
        units: tuple[Unit, ...],
        seed: int,
        animated: Collection[Unit] = (),
    ) -> Iterator[tuple[tuple[Unit, ...], Found]]:
        """Batches of units, and `diversity` pictures of each, one after the other."""
        own = handle.input_shape[1], handle.input_shape[2]
        # a place in a map is a place of the model's own input size
        places = any(unit.position is not None for unit in units)
        size = own if places else self.picture_size(layer, handle.input_shape)
        frame = 0 if places else self.pad
        sizes = ((size, frame), (own, 0)) if (size, frame) != (own, 0) else ((own, 0),)

        def run(some: tuple[Unit, ...], at: tuple[tuple[int, int], int]) -> Found:
            return self._climb(handle, layer, some, seed, *at, animated)

        yield from in_batches(units, self.together, sizes, run, handle.room(layer.name, self.diversity))

    def _climb(
        self,
        handle: ModelHandle,
        layer: Layer,
        units: tuple[Unit, ...],
        seed: int,
        size: tuple[int, int],
        frame: int,
        animated: Collection[Unit],
    ) -> Found:
        """One search of all `units` at once."""
        each = [(unit, variant) for unit in units for variant in range(self.diversity)]
        seen = handle.photographs(self.photographs)
        at: Literal["mean", "centre"] = "centre" if self.objective == "centre" else "mean"
        return climb(
            replace(self.climb, steps=self.steps_at(layer), contrast=self.contrast_at(layer)),
            handle,
            Units(layer.name, tuple(unit for unit, _ in each), at),
            [_draw(seed, unit, variant) for unit, variant in each],
            size,
            seed=seed,
            frame=frame,
            start=seen[0] if self.start == "image" and len(seen) else None,
            photographs=seen if self.parametrization == "maco" else None,
            shown=[k for k, (unit, _) in enumerate(each) if unit in animated],
        )

    def _grid(self, units: tuple[Unit, ...], found: Found, animated: Collection[Unit]) -> ImageGrid:
        """The strongest picture of each unit, and beside it all of them."""
        n = self.diversity
        order = [sorted(range(u * n, u * n + n), key=lambda k: -_rank(found.scores[k])) for u in range(len(units))]
        best = [ranked[0] for ranked in order]
        several = n > 1
        return ImageGrid(
            found.pictures[best],
            tuple(unit.channel for unit in units),
            tuple(found.scores[k] for k in best),
            tuple(found.dead[k] for k in best),
            tuple(found.curves[k] for k in best),
            torch.stack([found.pictures[ranked] for ranked in order]) if several else None,
            tuple(tuple(found.scores[k] for k in ranked) for ranked in order) if several else (),
            None if found.opacity is None else found.opacity[best],
            {unit.channel: found.courses[k] for unit, k in zip(units, best, strict=True) if unit in animated},
        )


def _draw(seed: int, unit: Unit, variant: int) -> torch.Generator:
    """Each picture draws from a generator of its own: it is the same whoever shares its batch."""
    return torch.Generator().manual_seed((seed * 1_000_003 + unit.channel + variant * 7_368_787) % 2**63)


def _rank(score: float) -> float:
    """What is no number comes last."""
    return score if score == score else -math.inf
