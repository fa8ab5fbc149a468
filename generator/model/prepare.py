"""The preprocessing of this run: what the weights' own metadata says, changed where the config says otherwise."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

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

    def said(name: str) -> Any:
        return getattr(asked, name, None)

    if own is None:
        if said("size") is None:
            raise UserError(
                f"model.input.size: expected the input size of {source} in pixels, received none: write "
                "model: {source: ..., input: {size: [height, width]}}"
            )
        channels = said("channels") or first_channels(module)
        plain = (0.0,) * channels, (1.0,) * channels
        height, width = said("size")
        resize: Any = (
            height if height == width else "cover"
        )  # the shorter side as long as the longer cuts most of a picture away
        own = Preprocess((height, width), resize, mean=plain[0], std=plain[1], channels=channels)
    size = said("size") or own.size
    changes: dict[str, Any] = {"size": size, "channels": said("channels") or own.channels}
    exactly = said("resize") == size or (said("resize") is None and own.crop == "none")
    changes["crop"] = said("crop") or ("none" if exactly else "center")
    changes["resize"] = said("resize") or (None if changes["crop"] == "none" else _scaled(own, size))
    if said("interpolation") is not None:
        changes["interpolation"] = said("interpolation")
    for name in ("mean", "std"):
        values = tuple(said(name) or getattr(own, name))
        if said(name) is None and len(values) != changes["channels"]:
            values = (sum(values) / len(values),)  # the same photographs in gray
        changes[name] = values * changes["channels"] if len(values) == 1 else values
    return replace(own, **changes)


def _scaled(own: Preprocess, size: tuple[int, int]) -> int | tuple[int, int] | Literal["cover"] | None:
    """`own.resize` for another size: the crop keeps the same share of the picture."""
    if size == own.size and (own.crop == "center" or own.resize is not None):
        return own.resize
    if own.crop == "none":
        return max(size)
    if isinstance(own.resize, int):
        return max(round(own.resize * max(size) / max(own.size)), *size)
    if not isinstance(own.resize, tuple):
        return own.resize
    (height, width), (h, w) = own.resize, own.size
    return round(height * size[0] / h), round(width * size[1] / w)
