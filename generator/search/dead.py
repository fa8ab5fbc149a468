"""Why a searched picture shows its unit nothing better than the start did: one reason a picture, "" where it is alive."""

from __future__ import annotations

import math

NOT_FINITE = "what the layer gave was not finite"
NO_GRADIENT = "no gradient ever reached the picture"
NO_RISE = "its score ended no higher than it began"


def reason(began: float, ended: float, reached: bool) -> str:
    """Of a search whose score `began` and `ended` so; `reached`: whether any gradient of the model came to the picture."""
    if not (math.isfinite(began) and math.isfinite(ended)):
        return NOT_FINITE
    if not reached:
        return NO_GRADIENT
    return "" if ended > began else NO_RISE
