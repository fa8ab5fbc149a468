"""A model of timm's: `timm:convnextv2_atto`, where the optional dependency is installed."""

from __future__ import annotations

import logging
from types import ModuleType
from typing import Any

from torch import nn

from generator.errors import UserError
from generator.selectors import nearest


def _timm() -> ModuleType:
    try:
        import timm
    except ImportError as error:
        raise UserError("model.source: timm is not installed: pip install conv-atlas[timm]") from error
    return timm


def build_timm(name: str, *, pretrained: bool, classes: int | None = None) -> nn.Module:
    """The model `name`, with its pretrained weights or random ones.

    Raises:
        UserError: timm is not installed, has no such model, or cannot fetch its weights.
    """
    timm = _timm()
    if not timm.is_model(name):
        raise UserError(
            f"model.source: timm has no model `{name}`{nearest(name.partition('.')[0], timm.list_models())}"
        )
    options: dict[str, Any] = {} if classes is None else {"num_classes": classes}
    chatty = logging.getLogger("huggingface_hub")
    level = chatty.level
    chatty.setLevel(logging.CRITICAL)  # it tells of every attempt; the last one's error is told below
    try:
        return timm.create_model(name, pretrained=pretrained, **options)  # type: ignore[no-any-return]
    except Exception as error:  # the hub's client has many kinds of failure, and they change
        said = (str(error).strip().splitlines() or [type(error).__name__])[0]
        if not pretrained:
            raise UserError(f"model.source: timm cannot build {name} ({said})") from error
        raise UserError(
            f"model.weights: the weights of timm:{name} are not cached and could not be fetched ({said}): go online once, "
            "or set model.weights to a file of your own or to `random`"
        ) from error
    finally:
        chatty.setLevel(level)


def timm_data(module: nn.Module) -> dict[str, Any]:
    """How timm prepares pictures for `module`: input_size, mean, std, crop_pct, interpolation."""
    from timm.data import resolve_model_data_config

    return dict(resolve_model_data_config(module))
