r"""How alike pictures of one unit look to its layer: what keeps pictures that are searched for together apart.

$$ \mathrm{alike}_i = \frac{1}{n - 1} \sum_{j \ne i} \frac{\langle G_i, G_j \rangle}{\lVert G_i \rVert \lVert G_j \rVert}, \quad
G_i = A_i A_i^\top $$

$A_i$ is the layer's output for picture $i$, units x places; its Gram matrix $G_i$ tells which units answer together, and
forgets where. The term is that of Olah, Mordvintsev and Schubert, "Feature Visualization", Distill 2017.
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

TINY = 1e-20


def alikeness(maps: Float[Tensor, "b c h w"], n: int) -> Float[Tensor, " b"]:
    """Of each picture, its mean likeness (0 to 1) to the others of its group; groups are `n` pictures that follow each other."""
    A = maps.flatten(2).unflatten(0, (-1, n)).float()  # (g, n, c, h * w)
    A = A / A.square().sum(dim=(2, 3), keepdim=True).clamp(min=TINY).sqrt()  # no scale of a layer overflows
    g, _, c, places = A.shape
    if c <= places:
        G = (A @ A.mT).flatten(2)  # (g, n, c * c)
        inner = G @ G.mT  # (g, n, n)
    else:  # <A A', B B'> = |A' B|^2: deep layers have more units than places
        flat = A.transpose(1, 2).reshape(g, c, n * places)
        inner = (flat.mT @ flat).square().unflatten(1, (n, places)).unflatten(3, (n, places)).sum(dim=(2, 4))
    size = inner.diagonal(dim1=1, dim2=2).clamp(min=TINY).sqrt()  # (g, n)
    cosine = inner / (size[:, :, None] * size[:, None, :])
    return ((cosine.sum(dim=2) - cosine.diagonal(dim1=1, dim2=2)) / (n - 1)).flatten()
