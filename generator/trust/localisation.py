"""Localisation: does a map lie on the object? It says where the map points, not whether the model looked there.

map (h, w) + mask of the target's kind (h, w) ─▶ pointing game, energy in the box
"""

from __future__ import annotations

import math

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

TOLERANCE = 15
"""Pixels that the highest place may be off the object: what Zhang 2016 allows."""


def pointing_game(map_: Float[Tensor, "h w"], mask: Bool[Tensor, "h w"], tolerance: float = TOLERANCE) -> float:
    """1 where the map's highest place lies on the mask or within `tolerance` pixels of it, else 0 (Zhang 2016).

    Of several equally high places, the share that does: a flat map scores what the object takes of the picture, where
    other implementations count a hit. NaN where the mask is empty: the object was cropped away.
    """
    if not bool(mask.any()):
        return math.nan
    away = cv2.distanceTransform((~mask).cpu().numpy().astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    highest = (map_ == map_.max()).cpu().numpy()
    return float((away[highest] <= tolerance).mean())


def energy_in_box(map_: Float[Tensor, "h w"], mask: Bool[Tensor, "h w"]) -> float:
    """The share of the map's positive values that lies on the mask (Wang 2020, Score-CAM, section 4.3).

    A map that knows nothing of the object scores `area`. NaN where the mask is empty or the map has no positive value.
    """
    positive = map_.to("cpu", torch.float64).clamp(min=0)
    total = float(positive.sum())
    if total == 0 or not bool(mask.any()):
        return math.nan
    return float(positive[mask.cpu()].sum()) / total


def area(mask: Bool[Tensor, "h w"]) -> float:
    """The share of the picture that the mask covers."""
    return float(mask.double().mean())
