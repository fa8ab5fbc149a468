"""Bodies in a row, as close as their spacing and their labels let them stand.

  label 0        label 1           a label is centred on its body,
[ body 0 ]──────[ body 1 ]         a word on the gap in front of its body;
         word 1                    labels never touch one another or a neighbour's body, nor do words each other
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from generator.diagrams.svg import Drawing

PAD = 10.0
"""Pixels between neighbouring texts."""
CLEAR = 5.0
"""Pixels between a label and its neighbour's body."""
PRINT = 17.5 / 2.54 * 72 / 5.5
"""How wide a row may be, in heights of its letters, which are then 5.5 pt over the two columns of a page."""
SHARES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5)
"""Of the largest map's side where nothing else is asked for."""


def printed(size: float, most: float, letters: float, draw: Callable[[float], Drawing]) -> Drawing:
    """The row with maps of `size`; where that is 0, of the largest share of `most` that is narrow enough for print."""
    made = draw(size or most)
    for share in SHARES[1:]:
        if size or made.width <= PRINT * letters:
            break
        made = draw(share * most)
    return made


def spread(
    bodies: Sequence[float], labels: Sequence[float], words: Sequence[float], spacing: float
) -> tuple[list[float], list[float]]:
    """Where each body begins and where each word's middle is, all lengths along the row. The first body begins at 0 and its
    word's middle is there too; it has none."""
    starts: list[float] = []
    middles: list[float] = []
    for k, body in enumerate(bodies):
        if k == 0:
            starts.append(0.0)
            middles.append(0.0)
            continue
        end = starts[-1] + bodies[k - 1]
        start = end + spacing
        start = max(start, starts[-1] + bodies[k - 1] / 2 + (labels[k - 1] + labels[k]) / 2 + PAD - body / 2)
        if labels[k]:
            start = max(start, end + CLEAR + (labels[k] - body) / 2)
        if labels[k - 1]:
            start = max(start, starts[-1] + (bodies[k - 1] + labels[k - 1]) / 2 + CLEAR)
        if words[k] > 0 and words[k - 1] > 0:
            start = max(start, 2 * (middles[-1] + (words[k - 1] + words[k]) / 2 + PAD) - end)
        starts.append(start)
        middles.append((end + start) / 2)
    return starts, middles
