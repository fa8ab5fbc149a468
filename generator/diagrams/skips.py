"""Arcs over a row of bodies, where a later one reads an earlier one; nested ones lie over one another.

  ┌────────────────────┐
  │     ┌─────────┐    ▼
body   body ─▶  body  body
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from generator.diagrams.frame import Frame
from generator.diagrams.palette import DASHES, LINE
from generator.diagrams.svg import Point, num

LANE, ROUND, APART, TIP, GAP = 9.0, 5.0, 4.0, 6.0, 3.0
"""Pixels from lane to lane; of a corner; of an end off the body's middle; of an arrowhead; between an end and its body."""


@dataclass(frozen=True)
class Place:
    """Where arcs meet a body: `along` the row in its middle, and how far it `reach`es to their side with all its texts."""

    along: float
    reach: float


def lanes(spans: Sequence[tuple[int, int]], places: Sequence[Place]) -> list[float]:
    """How far out each span (from, to) runs: over all that it passes, short ones first."""
    found: dict[tuple[int, int], float] = {}
    for start, stop in sorted(spans, key=lambda span: (span[1] - span[0], span)):
        under = [place.reach + TIP for place in places[start : stop + 1]]
        under += [far for (a, b), far in found.items() if a < stop and start < b]
        found[start, stop] = max(under) + LANE
    return [found[span] for span in spans]


def draw(
    frame: Frame, spans: Sequence[tuple[int, int]], places: Sequence[Place], dashed: Sequence[bool], *, down: bool
) -> None:
    """All arcs: over a row that leads to the right, to the right of one that leads down; `dashed` those to some bodies."""
    for (start, stop), far in zip(spans, lanes(spans, places), strict=True):
        a, b = places[start], places[stop]
        first, last = a.along + APART, b.along - APART
        corners = [(first, a.reach + GAP), (first, far), (last, far), (last, b.reach + GAP)]
        _arc(frame, [(out, along) if down else (along, -out) for along, out in corners], down, dashed[stop])


def _arc(frame: Frame, at: list[Point], down: bool, dashed: bool) -> None:
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = at
    if down:
        turns = f"H{num(x1 - ROUND)} Q{num(x1)},{num(y1)} {num(x1)},{num(y1 + ROUND)} V{num(y2 - ROUND)} "
        turns += f"Q{num(x2)},{num(y2)} {num(x2 - ROUND)},{num(y2)} H{num(x3 + TIP - 1)}"
    else:
        turns = f"V{num(y1 + ROUND)} Q{num(x1)},{num(y1)} {num(x1 + ROUND)},{num(y1)} H{num(x2 - ROUND)} "
        turns += f"Q{num(x2)},{num(y2)} {num(x2)},{num(y2 + ROUND)} V{num(y3 - TIP + 1)}"
    frame.cover(
        min(x0, x1, x3), min(y0, y1, y3), abs(x2 - x1) if not down else abs(x1 - x0), abs(y2 - y1) if down else 0
    )
    with frame.canvas.group(class_="ca-skip"):
        line = {"stroke": LINE, "stroke_width": 1.3, "stroke_dasharray": DASHES if dashed else None}
        frame.canvas.path(f"M{num(x0)},{num(y0)} {turns}", fill="none", **line, class_="ca-line")
        # plain corners and no angle: the browser's cosine of a right angle may differ in its last bit
        corners = ((x3, y3), (x3 + TIP, y3 - 2.5), (x3 + TIP, y3 + 2.5))
        if not down:
            corners = ((x3, y3), (x3 - 2.5, y3 - TIP), (x3 + 2.5, y3 - TIP))
        frame.canvas.polygon(corners, fill=LINE, class_="ca-head")
