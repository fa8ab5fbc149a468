"""scikit-learn's handwritten digits as 32x32 pictures, and which fifth of them is held out.

The 8x8 originals hold counts from 0 to 16; they become gray levels from 0 to 255 and are enlarged bilinearly.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sklearn.datasets import load_digits

SIDE = 32


def load() -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.bool_]]:
    """Return pictures (1797, 32, 32), labels (1797,) and the mask of the 360 held out: every fifth, from the first.

    Source: E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository,
    1998 (its test set, as scikit-learn ships it).
    """
    data = load_digits()
    levels = np.round(data.images * (255 / 16)).astype(np.uint8)
    enlarged = [Image.fromarray(level).resize((SIDE, SIDE), Image.Resampling.BILINEAR) for level in levels]
    labels = data.target.astype(np.int64)
    return np.stack([np.asarray(picture) for picture in enlarged]), labels, np.arange(len(labels)) % 5 == 0
