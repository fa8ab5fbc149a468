"""How a model is called with a batch: as it is, with further inputs beside it, or image by image in a list."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn


@dataclass(frozen=True)
class Invocation:
    """The call of a model with images (n, c, h, w)."""

    extras: Mapping[str, Tensor] = field(default_factory=dict)
    """Further inputs by the name of their parameter, each for one image, without the batch axis: every image gets the
    same."""
    as_list: bool = False
    """Whether the model takes a list of images (c, h, w), as torchvision's detectors do."""

    def __call__(self, module: nn.Module, x: Tensor) -> Any:
        """The model's raw output."""
        images = list(x.unbind(0)) if self.as_list else x
        if not self.extras:
            return module(images)
        more = {
            name: value.to(x.device, x.dtype if value.is_floating_point() else value.dtype).expand(len(x), *value.shape)
            for name, value in self.extras.items()
        }
        return module(images, **more)


DETECTORS = (("generalized_rcnn", "GeneralizedRCNN"), ("retinanet", "RetinaNet"), ("ssd", "SSD"), ("fcos", "FCOS"))
"""The bases of torchvision's detectors, and the modules that they stand in."""


def invocation_for(module: nn.Module, extras: Mapping[str, Tensor] | None = None) -> Invocation:
    """How `module` is called: torchvision's detectors take a list of images, every other model takes a batch."""
    detection = sys.modules.get("torchvision.models.detection")  # where it was not imported there is none of its models
    detectors = () if detection is None else tuple(getattr(getattr(detection, file), name) for file, name in DETECTORS)
    return Invocation(extras or {}, isinstance(module, detectors))
