"""A model as ONNX, held against torch: the file, and how far its numbers are from torch's; or why there is none.

The model is written by torch's own exporter (`torch.onnx.export(dynamo=True)`) and run by onnxruntime, on a photograph and
on noise. What differs by more than a thousandth of a layer's largest value is not shown to anybody.
"""

from __future__ import annotations

import contextlib
import io
import logging
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from generator.artifacts import NotApplicable
from generator.engine.capture import prepared
from generator.live.lacking import Lacking
from generator.live.outputs import SCORES, Outputs
from generator.live.parts import Parts, split

PACKAGES = ("onnx", "onnxscript", "onnxruntime")
"""The optional group `live`."""
TOLERANCE = 1e-3
"""Of a layer's largest absolute value: a model whose ONNX is further away from torch is not shown."""
LARGEST = 1_900_000_000
"""Bytes of weights: a file of ONNX holds two gigabytes, a browser's memory for it four."""


@dataclass(frozen=True)
class Difference:
    """How far ONNX is from torch: the largest absolute difference over the largest absolute value of that output."""

    scores: float
    maps: float
    at: str
    """The layer where that of the maps was found; "" without maps."""


@dataclass(frozen=True)
class Exported:
    """A model for the browser."""

    parts: Parts
    outputs: tuple[str, ...]
    difference: Difference


def missing() -> Lacking | None:
    """Why nothing can be exported here: packages that are not installed."""
    lacking = [name for name in PACKAGES if find_spec(name) is None]
    if not lacking:
        return None
    return Lacking(f"{' and '.join(lacking)} must be installed first: pip install 'conv-atlas[live]'.")


def refused(outputs: Outputs) -> NotApplicable | None:
    """Why a model is not even tried."""
    found = outputs.description
    if found.readout.kind == "detection":
        return NotApplicable(
            "the model is a detector: how many boxes it gives, and so what it computes, differs from picture to picture."
        )
    if not found.classes:
        return NotApplicable("the model's output holds no scores.")
    if found.graph.decisions:
        return NotApplicable(
            "the model looks at the numbers of a picture to decide what to compute next; an ONNX file has one way through."
        )
    size = sum(p.numel() * p.element_size() for p in outputs.parameters())
    if size > LARGEST:
        return NotApplicable(f"its weights are {size / 1e9:.1f} GB, more than a browser's memory for it holds.")
    return None


def export(outputs: Outputs, images: Sequence[Float[Tensor, "1 c h w"]]) -> Exported | NotApplicable:
    """Write `outputs` (on the CPU, in float32) as ONNX and hold it against torch on each of `images`."""
    import onnx

    if (no := refused(outputs)) is not None:
        return no
    example = torch.randn(images[0].shape, generator=torch.Generator().manual_seed(0))
    with prepared(outputs), torch.no_grad():
        try:
            with _quiet():
                program = torch.onnx.export(
                    outputs.eval(),
                    (example,),
                    dynamo=True,
                    input_names=["image"],
                    output_names=list(outputs.names),
                    verbose=False,
                )
                assert program is not None
                model = onnx.load_model_from_string(_serialised(program))
        except Exception as error:  # the exporter raises whatever a model leads it to
            return NotApplicable(f"torch cannot write this model as ONNX: {_line(error)}.")
        try:
            difference = compare(model.SerializeToString(), outputs, [*images, example])
        except Exception as error:
            return NotApplicable(f"onnxruntime cannot run what torch wrote as ONNX: {_line(error)}.")
    worst = max(difference.scores, difference.maps)
    if not worst <= TOLERANCE:
        where = f"at {difference.at}" if difference.maps >= difference.scores else "in its scores"
        return NotApplicable(f"as ONNX it gives other numbers than torch: {worst:.1e} of the largest value {where}.")
    return Exported(split(model, SCORES), outputs.names, difference)


def compare(model: bytes, outputs: Outputs, images: Sequence[Float[Tensor, "1 c h w"]]) -> Difference:
    """How far the ONNX `model` is from torch on `images`."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    scores, maps, at = 0.0, 0.0, ""
    skipped = len(outputs.names) - len(outputs.layers)
    for image in images:
        found = session.run(list(outputs.names), {"image": image.numpy()})
        expected = outputs(image)
        far = [_apart(one, other.numpy()) for one, other in zip(found, expected, strict=True)]
        scores = max(scores, *far[:skipped])
        for layer, distance in zip(outputs.layers, far[skipped:], strict=True):
            if not distance <= maps:
                maps, at = distance, str(layer)
    return Difference(scores, maps, at)


def _apart(a: Any, b: Any) -> float:
    """The largest absolute difference over the largest absolute value of `b`; infinity where it is no number."""
    if a.shape != b.shape:
        return float("inf")
    difference, scale = np.abs(a - b).max(initial=0.0), np.abs(b).max(initial=0.0)
    return float(difference / scale) if scale > 0 and np.isfinite(difference) else float("inf" if difference else 0.0)


def _serialised(program: Any) -> bytes:
    return bytes(program.model_proto.SerializeToString())


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporter's remarks on itself: what matters is raised, or found by the comparison."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "torch.export", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _line(error: BaseException) -> str:
    """The cause of an error in one line: the innermost, since the exporter wraps it in advice."""
    while error.__cause__ is not None:
        error = error.__cause__
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = re.sub(r"\x1b\[[0-9;]*m", "", lines[0]) if lines else ""
    return f"{type(error).__name__}: {text[:200].rstrip('.')}" if text else type(error).__name__
