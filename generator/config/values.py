"""What a setting may be: values as YAML has them -> values that are right, or a refusal that says what was expected."""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import isfinite
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator

from generator.errors import UserError
from generator.selectors import parse_units

Interpolation = Literal["nearest", "nearest-exact", "bilinear", "bicubic", "box", "hamming", "lanczos"]
Crop = Literal["center", "none"]
Directions = Literal["auto", "random", "pca"]
Head = Literal["auto", "classification", "multilabel", "binary", "regression", "segmentation", "detection"]
LOCALISING = ("pointing_game", "energy_in_box")
"""Taken wherever there are boxes, and never chosen."""
METRICS = ("deletion", "insertion", "road", "average_drop", "increase", "infidelity")
"""What maps are judged by: see docs/trust.md."""
_SIZE = "a whole number of pixels, or [height, width]"


def refusal(expected: str, received: object) -> ValueError:
    return ValueError(f"expected {expected}, received {received!r}")


def is_whole(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def as_size(value: object) -> object:
    """One number stays one number: for `resize` it is the shorter side."""
    if value is None or is_whole(value, 1):
        return value
    if isinstance(value, (list, tuple)) and len(value) == 2 and all(is_whole(side, 1) for side in value):
        return tuple(value)
    raise refusal(_SIZE, value)


def as_resize(value: object) -> object:
    """A size, or `cover`."""
    if value == "cover":
        return value
    try:
        return as_size(value)
    except ValueError:
        raise refusal(f"{_SIZE}, or cover", value) from None


def as_square(value: object) -> object:
    sides = as_size(value)
    return (sides, sides) if isinstance(sides, int) else sides


def as_per_channel(value: object) -> tuple[float, ...] | None:
    if value is None:
        return None
    many = value if isinstance(value, (list, tuple)) else [value]
    numbers = tuple(float(one) for one in many if isinstance(one, (int, float)) and not isinstance(one, bool))
    if not numbers or len(numbers) != len(many) or not all(map(isfinite, numbers)):
        raise refusal("a number, or a list with a number a channel", value)
    return numbers


def as_deviations(value: object) -> object:
    many = as_per_channel(value)
    if many is not None and any(one <= 0 for one in many):
        raise refusal("numbers above 0", value)
    return many


def as_channels(value: object) -> object:
    if value not in (None, 1, 3, 4) or isinstance(value, (bool, float)):
        raise refusal("1, 3 or 4", value)
    return value


def counted(least: int, words: str) -> BeforeValidator:
    def check(value: object) -> object:
        if value is None or is_whole(value, least):
            return value
        raise refusal(words, value)

    return BeforeValidator(check)


def as_words(value: object) -> object:
    """One word or a list of them (numbers as YAML reads them) -> a tuple of strings."""
    many = value if isinstance(value, (list, tuple)) else [value]
    if not many or any(isinstance(one, bool) or not isinstance(one, (str, int)) or one == "" for one in many):
        raise refusal("a word, or a list of them", value)
    return tuple(str(one) for one in many)


def as_some_words(value: object) -> object:
    """The same, or none."""
    return () if isinstance(value, (list, tuple)) and not value else as_words(value)


def as_units(value: object) -> object:
    text = ",".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
    try:
        parse_units(text, 1)
    except UserError as error:
        raise ValueError(str(error).removeprefix("units: ")) from None
    return text


def as_device(value: object) -> object:
    if not isinstance(value, str) or not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", value):
        raise refusal("auto, cuda, cuda:N, mps or cpu", value)
    return value


def as_batch(value: object) -> object:
    if value != "auto" and not is_whole(value, 1):
        raise refusal("auto, or a whole number from 1", value)
    return value


def as_many(value: object) -> object:
    if value != "auto" and not is_whole(value, 0):
        raise refusal("auto, or a whole number from 0", value)
    return value


def as_text(value: object) -> object:
    if value is None or (isinstance(value, (str, Path)) and str(value)):
        return value if value is None else str(value)
    raise refusal("text", value)


def as_inputs(value: object) -> object:
    if not isinstance(value, Mapping) or not all(isinstance(name, str) and name for name in value):
        raise refusal("names and values", value)
    for name, given in value.items():
        if not isinstance(given, (int, float, str, list)) or isinstance(given, bool):
            raise refusal(f"for `{name}` a number, a list of numbers, or a file (.npy, .safetensors)", given)
    return dict(value)


def as_metrics(value: object) -> object:
    chosen = () if value in ("none", (), []) else as_words(value)
    assert isinstance(chosen, tuple)
    for name in chosen:
        if name in LOCALISING:
            raise ValueError(
                f"`{name}` is taken wherever `trust.boxes` names a file of boxes: it is not among `metrics`"
            )
        if name not in METRICS:
            raise refusal(f"none, or some of {', '.join(METRICS)}", name)
    return tuple(name for name in METRICS if name in chosen)


def as_shares(value: object) -> object:
    many = as_per_channel(value)
    if many is None or not all(0 < one < 1 for one in many):
        raise refusal("shares between 0 and 1", value)
    return many


def as_megabytes(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not isfinite(value) or value < 0:
        raise refusal("a number of megabytes from 0", value)
    return float(value)


def as_groups(value: object) -> object:
    if not isinstance(value, Mapping) or not all(isinstance(name, str) and name for name in value):
        raise refusal("names of groups, each with a list of labels, indices or ranges", value)
    return {name: as_words(given) for name, given in value.items()}


def as_odd(value: object) -> object:
    if not is_whole(value, 3) or value % 2 == 0:  # type: ignore[operator]
        raise refusal("an odd number from 3, so that the model itself is in the middle", value)
    return value


def as_reach(value: object) -> object:
    many = as_per_channel(value)
    if many is None or len(many) != 1 or many[0] <= 0:
        raise refusal("a number above 0", value)
    return many[0]


Text = Annotated[str, BeforeValidator(as_text)]
Words = Annotated[tuple[str, ...], BeforeValidator(as_words)]
