"""The same pictures at a multiple of the model's size, for methods that read more places than the model's own input has."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from PIL.Image import Image
from torch import Tensor

from generator.engine.passes import enlarged
from generator.model.preprocess import Preprocess


def larger(
    pictures: Sequence[Image], x: Float[Tensor, "n c h w"], preprocess: Preprocess
) -> Callable[[int], Float[Tensor, "n c h2 w2"]]:
    """What makes the batch `x` of `pictures` anew at a multiple of its size: from the photographs where the preprocessing
    can, which have more detail, else from `x` itself."""

    def at(scale: int) -> Tensor:
        bigger = preprocess.scaled(scale)
        return enlarged(x, scale) if bigger is None else torch.stack([bigger(picture) for picture in pictures])

    return at
