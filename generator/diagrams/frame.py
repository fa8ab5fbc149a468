"""A canvas that knows how far what was drawn reaches, so that no text and no body is cut at its edge."""

from __future__ import annotations

from dataclasses import dataclass, field

from generator.diagrams.palette import DIM, INK
from generator.diagrams.svg import Canvas, Drawing, Point, text_width

EDGE = 8.0
"""Pixels around the drawing, and between a body and its texts."""
ABOVE, BELOW = 0.8, 0.25
"""How far letters reach over and under their line, by their size."""


@dataclass
class Frame:
    """The canvas, and the box around all that was said to lie on it."""

    canvas: Canvas = field(default_factory=Canvas)
    left: float = float("inf")
    top: float = float("inf")
    right: float = float("-inf")
    bottom: float = float("-inf")

    def cover(self, x: float, y: float, width: float, height: float) -> None:
        """Something lies there."""
        self.left, self.top = min(self.left, x), min(self.top, y)
        self.right, self.bottom = max(self.right, x + width), max(self.bottom, y + height)

    def text(self, at: Point, words: str, size: float, *, anchor: str = "start", dim: bool = False) -> None:
        """One line of text that begins, ends or has its middle at `at`."""
        wide = text_width(words, size)
        x = at[0] - {"start": 0.0, "middle": wide / 2, "end": wide}[anchor]
        self.cover(x, at[1] - ABOVE * size, wide, (ABOVE + BELOW) * size)
        anchored = None if anchor == "start" else anchor
        colour, name = (DIM, "ca-dim") if dim else (INK, "ca-ink")
        self.canvas.text(at, words, size, text_anchor=anchored, fill=colour, class_=name)

    def drawing(self, title: str) -> Drawing:
        """All that was covered, with a margin."""
        width, height = self.right - self.left + 2 * EDGE, self.bottom - self.top + 2 * EDGE
        return self.canvas.drawing(width, height, title=title, x=self.left - EDGE, y=self.top - EDGE)


def nothing(title: str, words: str, size: float) -> Drawing:
    """A drawing of a sentence, where there is nothing to draw."""
    frame = Frame()
    frame.text((0.0, 0.0), words, size, dim=True)
    return frame.drawing(title)
