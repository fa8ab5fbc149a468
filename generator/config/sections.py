"""The sections of a configuration: frozen values with the settings of one thing each."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict

from generator.config.values import (
    METRICS,
    Crop,
    Directions,
    Head,
    Interpolation,
    Text,
    Words,
    as_channels,
    as_deviations,
    as_inputs,
    as_many,
    as_megabytes,
    as_metrics,
    as_odd,
    as_per_channel,
    as_reach,
    as_resize,
    as_shares,
    as_square,
    counted,
)


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


class InputConfig(Frozen):
    """How a photograph becomes the model's input. None: as the weights' own metadata says."""

    size: Annotated[tuple[int, int] | None, BeforeValidator(as_square)] = None
    """(height, width) in pixels of what the model sees."""
    resize: Annotated[int | tuple[int, int] | Literal["cover"] | None, BeforeValidator(as_resize)] = None
    """One number: the shorter side, keeping the shape. Two: exactly that. `cover`: as little as covers `size`, keeping the shape."""
    crop: Crop | None = None
    """`center`: the middle of the resized picture, of `size`. `none`: the resized picture itself."""
    interpolation: Interpolation | None = None
    mean: Annotated[tuple[float, ...] | None, BeforeValidator(as_per_channel)] = None
    """Taken from values in [0, 1], one a channel."""
    std: Annotated[tuple[float, ...] | None, BeforeValidator(as_deviations)] = None
    """Divided by, one a channel."""
    channels: Annotated[int | None, BeforeValidator(as_channels)] = None
    """1: gray; 3: RGB; 4: RGB and alpha."""


class ModelConfig(Frozen):
    """Which model, with which weights, and what its classes are called."""

    source: Text
    weights: Text | None = None
    labels: Text | None = None
    """`imagenet`, or a file with one label a line."""
    input: InputConfig = InputConfig()
    head: Head = "auto"
    """What the scores are; `auto`: as the model's output and last operation show."""
    output: Text | None = None
    """Where the scores stand in an output of several parts: keys, fields and positions joined by dots."""
    inputs: Annotated[Mapping[str, object], BeforeValidator(as_inputs)] = {}
    """Further inputs by the name of their parameter, for one image, without the batch axis."""


class MethodChoice(Frozen):
    """A method to run and the options that differ from its defaults."""

    name: str
    options: Mapping[str, object] = {}


class TrustConfig(Frozen):
    """Whether to believe the maps: which numbers are taken, of how many images, at which cost. Of the first target."""

    metrics: Annotated[tuple[str, ...], BeforeValidator(as_metrics)] = METRICS
    """What maps are judged by; empty: nothing."""
    steps: Annotated[int, counted(2, "a whole number from 2")] = 16
    """Fractions of the pixels at which insertion and deletion look at the score."""
    shares: Annotated[tuple[float, ...], BeforeValidator(as_shares)] = (0.2, 0.4, 0.6, 0.8)
    """Of the pixels, what ROAD takes away."""
    samples: Annotated[int, counted(1, "a whole number from 1")] = 32
    """Random perturbations of infidelity."""
    layers: Words | None = None
    """At which of the compared layers maps are judged: a selector; None: the last."""
    images: Annotated[int | None, counted(1, "a whole number from 1")] = None
    """At most so many images, the first ones; None: all."""
    boxes: Text | None = None
    """COCO-style JSON with boxes or masks of the images' objects: adds the pointing game and the energy in the box."""
    sanity: Annotated[int, counted(0, "a whole number from 0")] = 6
    """Stages in which the weights are randomised, from the output down; 0: no sanity check."""
    sanity_images: Annotated[int, counted(1, "a whole number from 1")] = 2
    """Images of the sanity check, the first ones."""


class LandscapeConfig(Frozen):
    """The loss around the model's weights: of how many labelled images, at how many places (docs/learning.md)."""

    grid: Annotated[int, BeforeValidator(as_odd)] = 21
    """Places a side: the loss is measured at grid x grid of them."""
    span: Annotated[float, BeforeValidator(as_reach)] = 1.0
    """How far it goes each way along random directions; 1: every filter is changed by as much as it is long."""
    images: Annotated[int, counted(1, "a whole number from 1")] = 64
    """At most so many labelled images."""
    directions: Directions = "auto"
    """`pca`: those along which the checkpoints lie; `random`; `auto`: the first where there are three checkpoints."""


def as_landscape(value: object) -> object:
    if value in ("none", False, None):
        return None
    return LandscapeConfig() if value is True else value


class LiveConfig(Frozen):
    """The page on which the visitor's own image runs through the model, in the browser."""

    layers: Words = ("all",)
    """Whose feature maps it shows: a selector."""


def as_live(value: object) -> object:
    return LiveConfig() if value is True else None if value in ("none", False) else value


class ExplainConfig(Frozen):
    """How a layer's numbers are computed, shown with the numbers themselves: of how many images, in how many bytes."""

    images: Annotated[int | Literal["auto"], BeforeValidator(as_many)] = "auto"
    """Of the first so many images; `auto`: of as many as the budget holds of what it holds of the first, and of the others the first and
    the last layers, as far as it has room for them; 0: no figures."""
    budget_mb: Annotated[float, BeforeValidator(as_megabytes)] = 27.0
    """What all of it may take on the site, in millions of bytes: beyond it the most expensive layers go without."""


def as_explain(value: object) -> object:
    return ExplainConfig(images=0) if value in ("none", False) else value


def as_trust(value: object) -> object:
    return TrustConfig(metrics=(), sanity=0) if value in ("none", False) else value


def as_model(value: object) -> object:
    return {"source": value} if isinstance(value, (str, Path)) else value
