"""The preprocessing of this run: what the weights' own metadata says, changed where the config says otherwise."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from torch import nn

from generator.errors import UserError
from generator.model.preprocess import Preprocess

if TYPE_CHECKING:
    from generator.config import InputConfig


def first_channels(module: nn.Module) -> int:
    """How many channels the first convolution reads; 3 where there is none."""
    convolutions = (part for part in module.modules() if isinstance(part, nn.modules.conv._ConvNd))
    first = next(convolutions, None)
    return first.in_channels if first is not None else 3


def adapt(own: Preprocess | None, asked: InputConfig | None, module: nn.Module, source: str) -> Preprocess:
    """`own` with what the config asks for; from the config alone where the model says nothing (`own` is None).

    A new size keeps the share of the picture that the crop keeps. Raises UserError where no size is known.
    """
    size, resize, crop = (getattr(asked, name, None) for name in ("size", "resize", "crop"))
    kept = _pair(crop) or _pair(size)
    if crop is not None and size is not None and _pair(crop) != _pair(size):
        raise UserError(
            f"model.input: expected crop and size to be equal, received {list(kept or ())} and {list(_pair(size) or ())}: "
            "the model reads what the crop keeps"
        )
    if own is None:
        if kept is None:
            raise UserError(
                f"model.input.size: expected the input size of {source} in pixels, received none: write "
                "model: {source: ..., input: {size: [height, width]}}"
            )
        channels = getattr(asked, "channels", None) or first_channels(module)
        own = Preprocess(size=kept, resize=max(kept), mean=(0.0,) * channels, std=(1.0,) * channels, channels=channels)
    changes: dict[str, Any] = {}
    if kept is not None:
        changes["size"] = kept
        if own.crop == "center" and own.resize is not None:
            changes["resize"] = _scaled(own, kept)
        elif own.crop == "none" and own.resize is not None:
            changes["resize"] = kept
    if crop is not None:
        changes["crop"] = "center"
        if own.crop == "none":
            changes["resize"] = max(kept or own.size)
    if resize is not None:
        exact = isinstance(resize, (tuple, list)) and tuple(resize) == (kept or own.size)
        changes["resize"] = tuple(resize) if isinstance(resize, (tuple, list)) else int(resize)
        changes["crop"] = "none" if exact and crop is None else "center"
    for name in ("interpolation", "mean", "std", "channels"):
        if getattr(asked, name, None) is not None:
            changes[name] = getattr(asked, name)
    channels = changes.get("channels", own.channels)
    for name in ("mean", "std"):  # one number stands for every channel
        values = tuple(changes.get(name, getattr(own, name)))
        if len(values) == 1:
            changes[name] = values * channels
        elif len(values) != channels and name not in changes:
            changes[name] = (sum(values) / len(values),) * channels
    return replace(own, **changes)


def _scaled(own: Preprocess, size: tuple[int, int]) -> int | tuple[int, int]:
    """`own.resize` for another size: the crop keeps the same share of the picture."""
    if isinstance(own.resize, int):
        return max(round(own.resize * max(size) / max(own.size)), *size)
    height, width = own.resize or own.size
    return round(height * size[0] / own.size[0]), round(width * size[1] / own.size[1])


def _pair(value: Any) -> tuple[int, int] | None:
    if value is None:
        return None
    return (value, value) if isinstance(value, int) else (int(value[0]), int(value[-1]))
