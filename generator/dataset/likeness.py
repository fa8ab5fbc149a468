r"""How alike pictures are but for where things stand in them.

$$ r(a, b) = \max_{s} \frac{\langle a, \mathrm{shift}_s\, b \rangle}{\lVert a \rVert \lVert b \rVert} $$

Reconstructions of different units should show different things. Where the median over pairs is near 1, they show a pattern of
the network's own, moved about: so a deconvnet without max-pools, whose switches are all that ties it to an image.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

VAGUE = 0.6
"""Likeness from which pictures of different units are as good as one: of EfficientNet-Lite0's deep layers 0.65 to 0.95, of
guided ones, and of a VGG's deconvnet, 0.1 to 0.4."""
MORE = 1.5
"""How many times as alike as guided ones they are then at least: units that look for one thing are alike in both."""


def likeness(pictures: Float[NDArray[np.float32], "k h w c"]) -> float:
    """The median of r over all pairs, shifts being circular; 0 is gray. NaN for fewer than two pictures; one that is gray
    all over is like none."""
    waves = np.fft.rfft2(pictures, axes=(1, 2))  # (k, h, u, c)
    size = np.sqrt((pictures.astype(np.float64) ** 2).sum(axis=(1, 2, 3)))
    found = []
    for a, b in combinations(range(len(pictures)), 2):
        best = np.fft.irfft2((waves[a] * waves[b].conj()).sum(axis=2), s=pictures.shape[1:3]).max()
        found.append(best / (size[a] * size[b]) if size[a] and size[b] else 0.0)
    return float(np.median(found)) if found else float("nan")


def vague(deconv: float, guided: float) -> bool:
    """Whether deconvnet's pictures of different units are one pattern, and guided ones are not."""
    return deconv >= VAGUE and deconv >= MORE * guided
