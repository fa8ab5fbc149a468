"""What searches that are no unit's share: their options, how they go about it, and what of them is kept.

    method's `aim`: what is climbed ──▶ batches of its subjects ──▶ the size asked for, or the model's own ──▶ pictures

Their options are those of activation maximization and mean what they mean there; each has the few that matter to it.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping
from dataclasses import field, fields, replace
from typing import Any, ClassVar, TypeVar

import torch
from torch import Tensor

from generator.artifacts import Artifact, ImageGrid, NotApplicable
from generator.engine.reduced import PRECISIONS
from generator.methods import ModelFacts, ModelHandle, Places, Scope
from generator.methods._options import at_least, at_most, one_of
from generator.names import Layer
from generator.search.batches import fitted, in_batches
from generator.search.climb import Climb, Found, climb
from generator.search.objectives import Objective
from generator.selectors import select_layers

T = TypeVar("T")

REST: Mapping[str, Any] = {
    "parametrization": "fourier",
    "decay": 1.2,
    "contrast": 0.9,
    "jitter": 0,
    "turn": 0.0,
    "zoom": 0.0,
    "pad": 0,
    "redirect": 2,
    "total_variation": 0.0,
    "lp": 0.0,
    "p": 6.0,
    "blur": 0.0,
    "blur_every": 4,
    "diversity": 1,
    "apart": 0.0,
    "precision": "float32",
}
"""What a search does about whatever it has no option for."""
DOCS: Mapping[str, str] = {
    "steps": "Gradient steps of a search; each is a forward and a backward pass up to the layer.",
    "size": "Longest side of a picture in pixels, the model's input at most.",
    "rate": "Step size, in units of the spectrum (its noise starts at 0.01).",
    "decay": "Low frequencies count as 1 / frequency to this power; more is smoother.",
    "contrast": "Root mean square held in front of the sigmoid; 0 leaves the contrast free.",
    "jitter": "Each step sees the picture shifted by up to so many pixels either way, an eighth of it at most.",
    "turn": "Each step sees it turned by up to so many degrees either way.",
    "zoom": "Each step sees it larger or smaller by up to this share.",
    "total_variation": "Weight of the prior against differences of neighbouring pixels.",
    "lp": "Weight of the prior against distance from mid-gray.",
    "precision": "In what numbers steps run the model: float32, bfloat16, or auto (in a report the faster, as measured; else float32).",
    "images": "Of how many of the report's images, the first ones; 0: of none.",
    "layers": "At which of the compared layers: a selector, such as all or block.",
    "batch": "Pictures searched for together; they do not depend on it.",
}
"""What an option means in every search that has it, but for those that say otherwise."""
FREE = ("images", "layers", "batch")
"""Options of these names that results do not depend on."""
LEAST: Mapping[str, int] = {"steps": 1, "size": 1, "batch": 1} | dict.fromkeys(
    (
        "images", "targets", "most", "sharp", "rate", "decay", "contrast", "jitter", "turn", "zoom", "total_variation", "lp",
    ),
    0,
)  # fmt: skip
"""The least value of options that have one."""
MOST: Mapping[str, int] = {"turn": 360, "zoom": 1}
"""The largest value of those that have one: the whole way round, and down to a point."""


def option(default: T, doc: str, *, key: bool = True) -> T:
    """A field of a method: what it is unless said otherwise, what it means, and whether results depend on it."""
    made: T = field(default=default, metadata={"doc": doc} if key else {"doc": doc, "key": False})
    return made


def shared(name: str, default: T) -> T:
    """An option that means in this search what it means in all."""
    return option(default, DOCS[name], key=name not in FREE)


class PictureSearch(ABC):
    """A search for one picture of each subject: classes or images, by their numbers. A method says its options and its `aim`."""

    steps: int
    size: int
    batch: int
    looks: ClassVar[int] = 1
    """Forwards that a batch takes beside its steps: of the pictures found, and of what the aim is read from."""
    fixed: ClassVar[Mapping[str, Any]] = {}
    """What of a search is not as in `REST`, and no option."""
    animate: ClassVar[int] = 0
    photographs: ClassVar[int] = 0

    def __post_init__(self) -> None:
        for name, least in LEAST.items():
            if name in vars(self):
                at_least(self, least, name)
        for name, most in MOST.items():
            if name in vars(self):
                at_most(self, most, name)
        if hasattr(self, "precision"):
            one_of(self, "precision", *PRECISIONS)

    @abstractmethod
    def aim(
        self, handle: ModelHandle, layer: Layer | None, subjects: tuple[int, ...]
    ) -> tuple[Objective, Tensor | None]:
        """What the pictures of these subjects are to raise, one each; and what they start from (b, c, h, w), in [0, 1]: noise
        where it is None."""

    def draw(self, seed: int, subject: int) -> torch.Generator:
        """The noise of one subject's picture, which is the same whoever shares its batch."""
        return draw(seed, subject)

    @property
    def together(self) -> int:
        """Subjects searched for together."""
        return self.batch

    def passes(self, layer: Layer | None, subjects: int) -> tuple[int, int]:
        return passes(self.steps, subjects, self.batch, self.looks)

    def search(
        self,
        handle: ModelHandle,
        layer: Layer | None,
        subjects: tuple[int, ...],
        seed: int,
        animated: Collection[int] = (),
    ) -> Iterator[Artifact]:
        def run(some: tuple[int, ...], size: tuple[int, int]) -> Found:
            draws = [self.draw(seed, subject) for subject in some]
            of, start = self.aim(handle, layer, some)
            return climb(climb_of(self, size, **self.fixed), handle, of, draws, size, seed=seed, start=start)

        sizes = dict.fromkeys((fitted(self.size, handle.input_shape), handle.input_shape[1:]))
        for some, found in in_batches(subjects, self.batch, tuple(sizes), run, handle.room(layer and layer.name)):
            yield grid(some, found)


class FromImages(PictureSearch):
    """A search from the report's images at a layer: the noise is the same for all, so that layers and images compare."""

    images: int
    layers: str
    begun: ClassVar[bool] = False
    """Whether pictures start from the images, not from noise."""
    scope: ClassVar[Scope] = "image_search"
    places: ClassVar[Places] = "compared"

    @abstractmethod
    def of_images(self, layer: Layer, seen: Tensor) -> Objective:
        """What pictures are to raise at the layer, of the images `seen` (b, c, h, w) in [0, 1]."""

    def aim(
        self, handle: ModelHandle, layer: Layer | None, subjects: tuple[int, ...]
    ) -> tuple[Objective, Tensor | None]:
        assert layer is not None
        seen = torch.stack([handle.photograph(number) for number in subjects])
        return self.of_images(layer, seen), seen if self.begun else None

    def draw(self, seed: int, subject: int) -> torch.Generator:
        return draw(seed)

    def applies(self, model: ModelFacts, layer: Layer) -> NotApplicable | None:
        return refusal(self, model, layer)


def climb_of(method: object, size: tuple[int, int], **fixed: Any) -> Climb:
    """How a search for pictures of this size goes about it: by the options of `method`, by what is `fixed`, and for the rest
    by `REST`. It strays by an eighth of the picture at most: small ones would else never be seen whole."""
    given = {one.name: getattr(method, one.name) for one in fields(Climb) if hasattr(method, one.name)}
    made = Climb(**{**REST, **given, **fixed})
    return replace(made, jitter=min(made.jitter, min(size) // 8))


def grid(subjects: tuple[int, ...], found: Found) -> ImageGrid:
    """The pictures of `subjects`, one each."""
    return ImageGrid(found.pictures, subjects, found.scores, found.dead, found.curves)


def passes(steps: int, searches: int, together: int, looks: int) -> tuple[int, int]:
    """(forward, backward) passes of so many searches, a batch of which takes `looks` forwards beside its steps."""
    batches = math.ceil(searches / together)
    return batches * (steps + looks), batches * steps


def draw(seed: int, subject: int = 0) -> torch.Generator:
    """Each picture draws from a generator of its own: it is the same whoever shares its batch."""
    return torch.Generator().manual_seed((seed * 1_000_003 + subject) % 2**63)


def refusal(method: Any, model: ModelFacts, layer: Layer) -> NotApplicable | None:
    """Why a search from images at a layer is not made, as its options `images` and `layers` say."""
    if not method.images:
        return NotApplicable(
            "its option `images` is 0 in this report, since such searches take long; say how many images it is to take, or "
            "choose the preset `standard`."
        )
    if layer not in select_layers(method.layers, tuple(model.layers.values())):
        return NotApplicable(
            f"it searches those of the compared layers that its option `layers` names ({method.layers}), and not this one."
        )
    return None
