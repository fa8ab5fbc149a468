"""The shapes that stand for optimizers, the same as in templates/assets/js/descent-draw.js."""

from __future__ import annotations

import math

from generator.diagrams.svg import Point, num


def _turned(n: int, inner: float = 0.0, start: float = -math.pi / 2) -> list[Point]:
    """A regular polygon of n corners, or a star whose inner corners are at `inner`."""
    count = 2 * n if inner else n
    sizes = [inner if inner and k % 2 else 1.15 for k in range(count)]
    angles = [start + 2 * math.pi * k / count for k in range(count)]
    return [(size * math.cos(a), size * math.sin(a)) for size, a in zip(sizes, angles, strict=True)]


_T = 0.36
_SHAPES: dict[str, list[Point]] = {
    "square": [(-0.88, -0.88), (0.88, -0.88), (0.88, 0.88), (-0.88, 0.88)],
    "diamond": [(0, -1.25), (1.05, 0), (0, 1.25), (-1.05, 0)],
    "up": _turned(3),
    "down": _turned(3, start=math.pi / 2),
    "pentagon": _turned(5),
    "star": _turned(5, 0.5),
    "cross": [
        (-_T, -1.1), (_T, -1.1), (_T, -_T), (1.1, -_T), (1.1, _T), (_T, _T),
        (_T, 1.1), (-_T, 1.1), (-_T, _T), (-1.1, _T), (-1.1, -_T), (-_T, -_T),
    ],
}  # fmt: skip


def outline(mark: str, at: Point, size: float) -> str:
    """The path of a mark around `at`; `size` is about its radius."""
    x, y = at
    if mark == "circle":
        r = num(size)
        return f"M{num(x - size)} {num(y)}a{r} {r} 0 1 0 {num(2 * size)} 0a{r} {r} 0 1 0 {num(-2 * size)} 0Z"
    return "M" + "L".join(f"{num(x + a * size)} {num(y + b * size)}" for a, b in _SHAPES[mark]) + "Z"
