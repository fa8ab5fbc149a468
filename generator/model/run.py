"""Around one run of a model that may not be ours to change: in evaluation mode, left as it was found, its failure in words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from generator.engine.invoke import Invocation
from generator.errors import UserError
from generator.model.twin import copied, entangled


@dataclass(frozen=True)
class Advice:
    """What a user can do, in the words of where the model was named: the configuration, or a command's options."""

    size: str = "set model.input.size (height, width) and model.input.channels to what it expects"
    inputs: str = "give what it takes beside the image in model.inputs, by the names of its parameters"


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """In evaluation mode, and afterwards in whichever it was; not by ``.eval()``, which some models override to do more."""
    flags = {part: part.training for part in module.modules()}
    for part in flags:
        part.training = False
    try:
        yield
    finally:
        for part, flag in flags.items():
            part.training = flag


def unwatched(module: nn.Module, x: Tensor, invocation: Invocation) -> Exception | None:
    """What a copy of the model, or itself where it refuses to be copied, raises on `x` while nobody watches."""
    try:
        with torch.no_grad():
            invocation(kept(module), x)
    except Exception as error:
        return error
    return None


def kept(module: nn.Module) -> nn.Module:
    """A copy, which may keep what it sees; the model itself where it refuses to be copied, or a copy would be none."""
    try:
        return module if entangled(module) else copied(module)
    except Exception:
        return module


def cannot_watch(error: Exception) -> UserError:
    """The error that a model which runs by itself failed with `error` when it was watched."""
    return UserError(
        f"the model runs, but not while each of its operations is watched, as a report must ({_said(error)}): the command draw "
        "draws its modules all the same"
    )


def cannot_run(error: Exception, shape: tuple[int, ...], advice: Advice | None = None) -> UserError:
    """The user's error that a forward on one input of `shape` failed with `error`."""
    advice = advice or Advice()
    said = _said(error)
    if isinstance(error, TypeError) and re.search(r"forward\(\) (missing|got an unexpected|got multiple)", said):
        return UserError(f"the model takes other inputs than one image ({said}): {advice.inputs}")
    return UserError(f"the model cannot run on an input of {in_words(shape)} ({said}): {advice.size}")


def _said(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def in_words(shape: tuple[int, ...]) -> str:
    """``3 channels, 224x224 pixels``, ``784 numbers``, ``shape 2x3x4x5``"""
    if len(shape) == 3:
        return f"{_counted(shape[0], 'channel')}, {shape[1]}x{shape[2]} pixels"
    return _counted(shape[0], "number") if len(shape) == 1 else f"shape {'x'.join(map(str, shape))}"


def _counted(many: int, what: str) -> str:
    return f"{many} {what}{'' if many == 1 else 's'}"
