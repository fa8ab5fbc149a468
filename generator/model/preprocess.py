"""From a picture to what the model reads, and back: resize, crop, scale to 0..1, normalise.

    picture ─▶ resize (shorter side, or exactly) ─▶ centre crop ─▶ 0..1 ─▶ (x - mean) / std ─▶ (c, h, w)

For Pillow pictures the numbers are those of torchvision's `ImageClassification` preset, bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any, Literal, Self

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from generator.errors import UserError
from generator.images.decode import LIMIT_PIXELS, MODES, with_channels

Interpolation = Literal["nearest", "nearest-exact", "bilinear", "bicubic", "box", "hamming", "lanczos"]
_RESAMPLING = {
    "nearest": Image.Resampling.NEAREST,
    "nearest-exact": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "box": Image.Resampling.BOX,
    "hamming": Image.Resampling.HAMMING,
    "lanczos": Image.Resampling.LANCZOS,
}
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Preprocess:
    """What stands between a picture and a model. Raises UserError where the settings contradict each other."""

    size: tuple[int, int]
    """(height, width) the model receives."""
    resize: int | tuple[int, int] | Literal["cover"] | None = None
    """Before the crop: the shorter side, or (height, width) whatever the shape, or `cover`: as little as covers `size`, in the
    picture's own shape. None: not at all, or, where nothing is cropped, to `size`."""
    crop: Literal["center", "none"] = "center"
    """A centre crop to `size` pads with black where the picture is smaller, as torchvision's does."""
    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD
    """Per channel, for values in 0..1."""
    channels: int = 3
    interpolation: Interpolation = "bilinear"
    antialias: bool = True
    """Pillow always smooths what it shrinks. False resizes as torch does on tensors, without smoothing."""

    def __post_init__(self) -> None:
        resize = self.size if self.resize is None or self.resize == "cover" else self.resize
        resize = resize if isinstance(resize, tuple) else (resize, resize)
        if len(self.size) != 2 or len(resize) != 2 or min(*self.size, *resize) < 1:
            raise UserError(
                f"input: expected size and resize in whole pixels from 1 as [height, width], received size "
                f"{list(self.size)} and resize {self.resize}"
            )
        if self.channels not in MODES:
            raise UserError(f"input: expected a model of 1, 3 or 4 input channels, received {self.channels}")
        if not len(self.mean) == len(self.std) == self.channels:
            raise UserError(
                f"input: expected one mean and one std for each of the {self.channels} channels, received "
                f"{len(self.mean)} and {len(self.std)}"
            )
        if not all(isfinite(value) for value in (*self.mean, *self.std)) or min(self.std) <= 0:
            raise UserError(
                f"input: expected finite means and a std above 0 for each channel, received mean {list(self.mean)} and "
                f"std {list(self.std)}"
            )
        if self.interpolation not in _RESAMPLING:
            raise UserError(
                f"input: expected an interpolation out of {', '.join(_RESAMPLING)}, received {self.interpolation!r}"
            )
        if not self.antialias and self.interpolation in ("box", "hamming", "lanczos"):
            raise UserError(f"input: {self.interpolation} interpolation always smooths; leave antialias out")
        if self.crop not in ("center", "none"):
            raise UserError(f"input: expected a crop of center or none, received {self.crop!r}")
        if self.crop == "none" and self.resize not in (None, self.size):
            raise UserError(
                f"input: without a crop every image must be resized to size {list(self.size)}, received resize "
                f"{self.resize}; leave resize out, or set crop to center"
            )

    def __call__(self, picture: Image.Image) -> Float[Tensor, "c h w"]:
        """Return the normalised float32 input for one picture of any mode and size, as (c, *size)."""
        from torchvision.transforms import InterpolationMode  # a second and a half, for reports that read a picture
        from torchvision.transforms import functional as tvf

        picture = with_channels(picture, self.channels)
        image: Any = picture if self.antialias else tvf.pil_to_tensor(picture)
        height, width = self.resized_size(picture.height, picture.width)
        if self.crop == "center" and self.antialias and height * width > LIMIT_PIXELS:
            image = self._resize_middle(picture, height, width)
        elif (height, width) != (picture.height, picture.width):
            mode = InterpolationMode(self.interpolation)
            image = tvf.resize(image, [height, width], interpolation=mode, antialias=self.antialias)
        if self.crop == "center":
            image = tvf.center_crop(image, list(self.size))
        if not isinstance(image, Tensor):
            image = tvf.pil_to_tensor(image)
        return self.normalise(tvf.convert_image_dtype(image, torch.float32))

    def scaled(self, scale: int) -> Self | None:
        """The same view of a picture at `scale` times the size, with the detail that the picture has; None where
        pictures are not resized, and so have no more of it."""
        if self.resize is None and self.crop == "center":
            return None
        size = (scale * self.size[0], scale * self.size[1])
        if isinstance(self.resize, tuple):
            return replace(self, size=size, resize=(scale * self.resize[0], scale * self.resize[1]))
        return replace(self, size=size, resize=scale * self.resize if isinstance(self.resize, int) else self.resize)

    @property
    def ends(self) -> tuple[Float[Tensor, " c"], Float[Tensor, " c"]]:
        """A black and a white pixel as the model reads them."""
        black, white = (self.normalise(torch.full((self.channels, 1, 1), end)).flatten() for end in (0.0, 1.0))
        return black, white

    def normalise(self, x: Float[Tensor, "*n c h w"]) -> Float[Tensor, "*n c h w"]:
        """From 0..1 to what the model reads."""
        return (x - self._per_channel(self.mean, x)) / self._per_channel(self.std, x)

    def denormalise(self, x: Float[Tensor, "*n c h w"]) -> Float[Tensor, "*n c h w"]:
        """From what the model reads back to 0..1 (values outside are left outside)."""
        return x * self._per_channel(self.std, x) + self._per_channel(self.mean, x)

    def picture(self, x: Float[Tensor, "c h w"]) -> NDArray[np.uint8]:
        """Return a model input as an RGB picture (h, w, 3): gray is repeated, an alpha channel put on white."""
        values = self.denormalise(x.detach().float().cpu()).clamp(0, 1)
        if self.channels == 4:
            values = values[:3] * values[3:] + (1 - values[3:])
        rgb = values.expand(3, -1, -1).permute(1, 2, 0)
        return (rgb * 255).round().to(torch.uint8).numpy()

    def describe(self) -> str:
        """One sentence for the reader, without a full stop."""
        height, width = self.size
        target = self.size if self.crop == "none" else self.resize
        smooth = self.interpolation if self.antialias else f"{self.interpolation}, no antialiasing"
        if target is None:
            steps = ["not resized"]
        elif target == "cover":
            steps = [f"resized to cover {width} x {height} ({smooth})"]
        elif isinstance(target, int):
            steps = [f"shorter side resized to {target} ({smooth})"]
        else:
            steps = [f"resized to {target[1]} x {target[0]} ({smooth})"]
        if self.crop == "center":
            steps.append(f"centre crop of {width} x {height}")
        steps.append("scaled to 0..1")
        steps.append(f"mean {_numbers(self.mean)}, std {_numbers(self.std)}")
        return ", ".join(steps)

    @classmethod
    def from_torchvision(cls, transforms: Callable[..., Any]) -> Self:
        """Read `weights.transforms` or `weights.transforms()`, an `ImageClassification` preset of torchvision."""
        preset: Any = transforms if hasattr(transforms, "forward") else transforms()
        if type(preset).__name__ != "ImageClassification":
            raise UserError(
                f"input: expected the preprocessing of an image classifier, received {type(preset).__name__}; "
                "give size, resize, mean and std in the config"
            )
        crop, resize = _sides(preset.crop_size), list(preset.resize_size)
        return cls(
            size=crop,
            resize=int(resize[0]) if len(resize) == 1 else (int(resize[0]), int(resize[1])),
            mean=tuple(float(value) for value in preset.mean),
            std=tuple(float(value) for value in preset.std),
            channels=len(preset.mean),
            interpolation=preset.interpolation.value,
            antialias=bool(preset.antialias),
        )

    @classmethod
    def from_timm(cls, data_config: Mapping[str, Any]) -> Self:
        """Read what `timm.data.resolve_model_data_config(model)` returns (of its crop modes, center and squash)."""
        channels, height, width = (int(side) for side in data_config["input_size"])
        share = float(data_config.get("crop_pct") or 0.875)
        scaled = (int(height / share), int(width / share))
        mode = data_config.get("crop_mode") or "center"
        if mode not in ("center", "squash") or (mode == "center" and scaled[0] != scaled[1]):
            raise UserError(
                f"input: timm's crop mode {mode!r} at {height} x {width} has no counterpart here; "
                "give size, resize, mean and std in the config"
            )
        interpolation: Any = data_config.get("interpolation") or "bilinear"
        return cls(
            size=(height, width),
            resize=scaled if mode == "squash" else scaled[0],
            mean=_repeated(data_config["mean"], channels),
            std=_repeated(data_config["std"], channels),
            channels=channels,
            interpolation="bilinear" if interpolation == "random" else interpolation,
        )

    def resized_size(self, height: int, width: int) -> tuple[int, int]:
        """(height, width) before the crop, rounded down as torchvision does."""
        target = self.size if self.crop == "none" else self.resize
        if target is None:
            return height, width
        if isinstance(target, tuple):
            return target
        if target == "cover":
            (h, w), wide = self.size, self.size[0] * width >= self.size[1] * height
            return (h, h * width // height) if wide else (w * height // width, w)
        short, long = min(height, width), max(height, width)
        other = int(target * long / short)
        return (target, other) if height <= width else (other, target)

    def _resize_middle(self, picture: Image.Image, height: int, width: int) -> Image.Image:
        """Resize only what the crop will keep, where the whole would not fit: a picture of 20,000 x 1 pixels.

        The same places and weights as resizing the whole and cropping. Pillow may take rows and columns in the other
        order and rounds in between: values differ by a level or two, by more where a filter overshoots black or white.
        """
        rows, columns = min(self.size[0], height), min(self.size[1], width)
        top, left = round((height - rows) / 2), round((width - columns) / 2)
        x, y = picture.width / width, picture.height / height
        box = (left * x, top * y, (left + columns) * x, (top + rows) * y)
        return picture.resize((columns, rows), _RESAMPLING[self.interpolation], box=box)

    def _per_channel(self, values: tuple[float, ...], like: Tensor) -> Tensor:
        return torch.tensor(values, dtype=like.dtype, device=like.device)[:, None, None]  # (c, 1, 1)


def _sides(value: Any) -> tuple[int, int]:
    sides = [int(side) for side in value]
    return sides[0], sides[-1]


def _repeated(values: Any, channels: int) -> tuple[float, ...]:
    listed = tuple(float(value) for value in values)
    return listed * channels if len(listed) == 1 else listed


def _numbers(values: tuple[float, ...]) -> str:
    """``0.5`` where all are equal, else ``0.485 0.456 0.406``."""
    shown = [f"{value:.4g}" for value in values]
    return shown[0] if len(set(shown)) == 1 else " ".join(shown)
