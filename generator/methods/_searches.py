"""What searches that are no unit's share: how they go about it, and what of them is kept.

Their options are those of activation maximization and mean what they mean there; each has the few that matter to it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import field, fields, replace
from typing import Any, TypeVar

import torch

from generator.artifacts import ImageGrid, NotApplicable
from generator.methods import ModelFacts
from generator.names import Layer
from generator.search.climb import Climb, Found
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
}
"""What a search does about whatever it has no option for."""


def option(default: T, doc: str, *, key: bool = True) -> T:
    """A field of a method: what it is unless said otherwise, what it means, and whether results depend on it."""
    made: T = field(default=default, metadata={"doc": doc} if key else {"doc": doc, "key": False})
    return made


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
