"""What a user calls a model, as an architecture: a source, as `model.source` has it, or a prototxt file.

MODEL ──▶ skeleton ──▶ architecture ──▶ with_weights, where a style draws them and they are here
FILE.prototxt ──▶ diagrams.prototxt.read
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from generator.diagrams.architecture import Architecture
from generator.errors import UserError

if TYPE_CHECKING:
    from torch import nn

ELSEWHERE = ("torchvision:", "timm:")
"""Sources whose own weights would be downloaded."""
USUAL = 3
"""Channels of an image, where a model does not tell."""
OTHER_PHASE = "Drawn is the net of the phase {0}; the file holds one for {1} too (--phase {1})."
UNKNOWN_WEIGHTS = "The weights of {} are not here, and nothing is downloaded: its edges are drawn alike (--weights FILE, or --weights random)."


def read(model: str, size: str | None = None, phase: str | None = None, *, weights: str | bool = False) -> Architecture:
    """The architecture of `model`, for one input of `size` (``3x224x224``), of a prototxt file in `phase`.

    `weights`: a file or ``random``, whose weights are to be drawn; True: the model's own, where they are here without a
    download; False: none.

    Raises:
        UserError: a file or model that cannot be read, built or run; an option that does not fit it.
    """
    if model.lower().endswith(".prototxt"):
        if isinstance(weights, str):
            raise UserError(f"--weights: expected a model, received {model}, which has shapes alone: leave it out")
        return _prototxt(Path(model), size, phase)
    if phase is not None:
        raise UserError(f"--phase: expected a .prototxt file, received {model}, which has no phases: leave it out")
    if not model.strip():
        raise UserError("MODEL: expected a source, as torchvision:resnet50, or a .prototxt file, received none")
    from generator.config import ModelConfig
    from generator.diagrams.from_model import architecture
    from generator.model.load import skeleton
    from generator.model.run import Advice

    here = isinstance(weights, str) or (weights and not model.startswith(ELSEWHERE))
    config = ModelConfig(source=model, weights=weights if isinstance(weights, str) else None)
    found = skeleton(config, weights=here, as_said=here)
    shape = found.input_shape if size is None else shape_of(size)
    example = "x".join(map(str, found.input_shape or fitting(found.module)))
    if shape is None and size is None:
        raise UserError(
            f"--input: expected the size of one input of {model}, received none: give --input {example}, or --input none to "
            "draw its modules without running it"
        )
    it = architecture(
        found.module,
        shape,
        title=found.title,
        whole=(lambda: skeleton(config, weights=True).module) if found.weightless else None,
        advice=Advice(
            f"give what it expects, as --input {example}, or --input none to draw its modules without running it",
            "draw a callable that takes the image alone and gives it the rest (python:FILE.py:CALLABLE), or --input none to "
            "draw its modules without running it",
        ),
    )
    if here:
        from generator.diagrams.weights import with_weights

        return with_weights(it, found.module)
    return replace(it, notes=(*it.notes, UNKNOWN_WEIGHTS.format(model))) if weights else it


def fitting(module: nn.Module) -> tuple[int, ...]:
    """The shape of an input that may suit a model which tells none: as many channels as its first convolution reads."""
    from torch.nn.modules.conv import _ConvNd

    first: Any = next((part for part in module.modules() if isinstance(part, _ConvNd)), None)
    if first is None:
        return (USUAL, 224, 224)
    return (first.in_channels or USUAL, *(224,) * len(first.kernel_size))


def _prototxt(path: Path, size: str | None, phase: str | None) -> Architecture:
    from generator.diagrams.prototxt import phases
    from generator.diagrams.prototxt import read as parsed
    from generator.diagrams.prototxt.phases import PHASES

    if not path.is_file():
        raise UserError(f"expected a prototxt file, found none at {path}")
    asked = (phase or "TEST").upper()
    if asked not in PHASES:
        raise UserError(f"--phase: expected TRAIN or TEST, received {phase}")
    if size is not None and shape_of(size) is None:
        raise UserError(
            f"--input: expected channels, height and width as 3x224x224, received none: {path.name} is drawn without a run "
            "anyway: leave it out"
        )
    found: Architecture = parsed(path, phase=asked, shape=None if size is None else shape_of(size))
    others = [one for one in phases(path) if one != asked] if phase is None else []
    return replace(found, notes=(*found.notes, *(OTHER_PHASE.format(asked, one) for one in others)))


def shape_of(text: str) -> tuple[int, ...] | None:
    """(3, 224, 224) of ``3x224x224``; None of ``none``: no run."""
    if text.strip().lower() == "none":
        return None
    sides = text.lower().replace("×", "x").split("x")
    if not all(side.strip().isdecimal() and int(side) > 0 for side in sides):
        raise UserError(f"--input: expected channels, height and width as 3x224x224, or `none`, received {text}")
    return tuple(map(int, sides))
