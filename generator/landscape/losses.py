"""How wrong a model is on labelled images: its mean loss, and the share that it names right."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from generator.artifacts import NotApplicable
from generator.engine.output import HeadKind, Readout

KINDS: tuple[HeadKind, ...] = ("classification", "binary")
"""Heads that give one class an image."""


@dataclass(frozen=True)
class Loss:
    """Of some labelled images."""

    loss: float
    """Cross-entropy in nats, the mean over images; NaN or infinity where the scores are none."""
    right: float
    """Share of the images whose class has the highest score."""


def refused(readout: Readout) -> NotApplicable | None:
    """Why no loss can be told for a model's scores; None where it can."""
    if readout.kind in KINDS:
        return None
    return NotApplicable(f"a loss is known here for scores that choose one class an image, not for {readout.kind}.")


def cross_entropy(
    readout: Readout, scores: Float[Tensor, "n classes"], classes: Int[Tensor, " n"]
) -> Float[Tensor, " n"]:
    """-log of the probability of each image's class, in nats. A binary head's two scores are -z and z: the probability of
    "yes" is sigmoid(z), the softmax of their halves."""
    if readout.activated:
        chosen = scores.gather(1, classes[:, None])[:, 0]
        return -chosen.clamp_min(torch.finfo(scores.dtype).tiny).log()
    return F.cross_entropy(scores / 2 if readout.kind == "binary" else scores, classes, reduction="none")
