"""A model of torchvision's: `torchvision:resnet50`, with its weights cached where torchvision caches them."""

from __future__ import annotations

import inspect
import pickle
import socket
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.error import URLError

import torch
from torch import nn
from torchvision import models

from generator.errors import UserError
from generator.model.preprocess import Preprocess
from generator.model.weights import RANDOM
from generator.selectors import nearest


def check_torchvision(name: str) -> None:
    """Raise UserError, with the nearest names, where torchvision has no model `name`."""
    known = models.list_models()
    if name not in known:
        raise UserError(
            f"model.source: torchvision has no model `{name}`{nearest(name, known)}; "
            "torchvision.models.list_models() lists them"
        )


def default_entry(name: str) -> Any:
    """The weights that torchvision recommends for `name` (of the float model, for a quantizable one), or None."""
    entries = list(models.get_model_weights(name.removeprefix("quantized_")))
    return models.get_model_weights(name.removeprefix("quantized_")).DEFAULT if entries else None  # type: ignore[attr-defined]


def weights_entry(name: str, asked: str | None) -> Any:
    """The weights entry meant by `asked` (None: the default); None where they are random or in a file."""
    if asked is None:
        return default_entry(name)
    if asked.lower() in RANDOM:
        return None
    entries = models.get_model_weights(name.removeprefix("quantized_")).__members__
    found = asked.rpartition(".")[2]  # ResNet50_Weights.IMAGENET1K_V1 as well
    if found in entries:
        return entries[found]
    path = Path(asked)
    if path.exists() or path.suffix or "/" in asked or "\\" in asked:
        return None
    raise UserError(
        f"model.weights: torchvision has no weights `{asked}` for {name}{nearest(asked, entries)}; it has "
        f"{', '.join(entries)}; or give a file, or `random`"
    )


def build_torchvision(name: str, entry: Any, classes: int | None = None) -> nn.Module:
    """The model `name` with the weights of `entry`, or with random ones where `entry` is None.

    Raises:
        UserError: the weights are not cached and cannot be fetched.
    """
    taken = inspect.signature(models.get_model_builder(name)).parameters
    options: dict[str, Any] = {}
    if "weights_backbone" in taken:
        options["weights_backbone"] = None  # else a backbone is fetched even where no weights are wanted
    if classes is not None:
        options["num_classes"] = classes
    with warnings.catch_warnings(), _impatient():
        warnings.simplefilter("ignore")  # of initialisation schemes to come
        try:
            return models.get_model(name, weights=entry, **options)
        except (URLError, OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
            if entry is None:
                raise
            raise _not_there(entry, error) from error


def transforms_of(entry: Any) -> Preprocess:
    """How the weights of `entry` expect pictures; ImageNet's usual way where nothing is said."""
    preset: Any = entry.transforms() if entry is not None else None
    if type(preset).__name__ == "ImageClassification":
        return Preprocess.from_torchvision(preset)
    if type(preset).__name__ == "SemanticSegmentation":
        side = int(preset.resize_size[0])
        return Preprocess((side, side), side, mean=tuple(map(float, preset.mean)), std=tuple(map(float, preset.std)))
    if type(preset).__name__ == "ObjectDetection":  # these normalise and resize inside
        return Preprocess((480, 480), 480, mean=(0.0,) * 3, std=(1.0,) * 3)
    return Preprocess((224, 224), 256)


def fitted(preprocess: Preprocess, module: nn.Module) -> Preprocess:
    """The same for the one size that `module` takes, where it takes one alone: a ViT, built without the recommended weights,
    is not of their size."""
    side = getattr(module, "image_size", None)
    if not isinstance(side, int) or preprocess.size == (side, side):
        return preprocess
    resize = preprocess.resize
    scaled = round(resize * side / preprocess.size[0]) if isinstance(resize, int) else None
    return replace(preprocess, size=(side, side), resize=scaled)


def _not_there(entry: Any, error: Exception) -> UserError:
    folder = Path(torch.hub.get_dir()) / "checkpoints"
    file = entry.url.rpartition("/")[2]
    if (folder / file).exists():
        return UserError(
            f"model.weights: cannot read the cached weights {folder / file}: delete the file and run again"
        )
    said = getattr(error, "reason", None) or error
    return UserError(
        f"model.weights: {file} is not cached and could not be fetched ({said}): fetch {entry.url} on a machine that "
        f"is online and place the file in {folder}, or set model.weights to a file of your own or to `random`"
    )


@contextmanager
def _impatient() -> Iterator[None]:
    """A network that does not answer is an error after 20 s, not a build that hangs."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(20)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
