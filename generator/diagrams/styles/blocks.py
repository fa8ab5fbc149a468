"""3-D blocks: each map as a box, as high and deep as the map is, as wide as it has channels.

A convolution carries its normalisation and activation as bands; sums and joins are balls; lines over the top are what skips.
Boxes that touch follow each other without anything between. Sizes are compressive: a box twice as high stands for a map that
is many times as high; the numbers are exact. Repetitions are folded, "×n". Branches are stacked: lines part at a dot and meet in
the ball that joins them. What has no known shape is a small box with its operation's name.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from generator.diagrams.architecture import Architecture
from generator.diagrams.scene import Scene, to_svg
from generator.diagrams.solids.layout import Layout, laid_out
from generator.diagrams.solids.paint import Look, colours, painted
from generator.diagrams.solids.prepare import Fold, prepared
from generator.diagrams.solids.sizes import Scale, Scales, measured, rounded, solid
from generator.diagrams.styles import style
from generator.diagrams.svg import Drawing
from generator.diagrams.tikz import to_tex

ROWS = 2 * 980
"""Pixels of rows, of all together, that a picture has at most where it is free to choose its depth: two at the default width."""


@style
@dataclass(frozen=True)
class Blocks:
    """The options; a length is in pixels of 1/96 inch."""

    depth: int = field(
        default=-1,
        metadata={"doc": "how many levels of blocks are opened; -1: as many as stay readable", "min": -1, "max": 8},
    )
    fold: Fold = field(default="auto", metadata={"doc": "which repetitions are drawn once"})
    width: float = field(
        default=980, metadata={"doc": "no row is wider; at 980 print on 17.5 cm keeps 5 pt", "min": 320, "max": 3000}
    )
    height: float = field(default=110, metadata={"doc": "of the largest map", "min": 40, "max": 300})
    thickness: float = field(default=32, metadata={"doc": "of the box with the most channels", "min": 10, "max": 150})
    scale: Scale = field(default="log", metadata={"doc": "from a map's height and width to its box's"})
    channels: Scale = field(default="sqrt", metadata={"doc": "from a map's channels to its box's width"})
    spacing: float = field(default=22, metadata={"doc": "between boxes that an arrow joins", "min": 12, "max": 100})
    angle: int = field(default=45, metadata={"doc": "of depth above the horizontal, in degrees", "min": 25, "max": 60})
    slant: float = field(
        default=0.5, metadata={"doc": "how long depth is drawn, of its length", "min": 0.1, "max": 1, "step": 0.05}
    )
    opacity: float = field(default=1, metadata={"doc": "of the boxes' faces", "min": 0.1, "max": 1, "step": 0.05})
    labels: bool = field(default=True, metadata={"doc": "channels below the boxes"})
    sizes: bool = field(default=True, metadata={"doc": "spatial sizes along the boxes' edges"})
    captions: Literal["both", "name", "class", "none"] = field(default="both", metadata={"doc": "below the boxes"})
    legend: bool = field(default=True, metadata={"doc": "which colour is what"})
    direction: Literal["right", "left"] = field(default="right", metadata={"doc": "where it leads to"})
    colours: str = field(default="", metadata={"doc": "other colours for kinds, as conv=#ffd28a pool=#b6d7a8"})
    picture: str = field(default="", metadata={"doc": "a picture on the input's plane, as a data address"})

    def __post_init__(self) -> None:
        colours(self.colours)
        if not (25 <= self.angle <= 60 and 0 < self.slant <= 1 and 0 < self.opacity <= 1):
            raise ValueError("angle must be in 25 to 60, slant and opacity above 0 and at most 1")

    def draw(self, it: Architecture) -> Drawing:
        """The whole architecture as SVG."""
        return to_svg(self.scene(self.prepared(it)), it.title)

    def tex(self, it: Architecture) -> str:
        """The same picture as a TeX file that pdflatex compiles by itself."""
        return to_tex(self.scene(self.prepared(it)), it.title)

    def prepared(self, it: Architecture) -> Architecture:
        """What is drawn of `it`: opened and folded."""
        return prepared(
            it, self.depth, self.fold, lambda found: self.layout(found).rows <= math.ceil(ROWS / self.width)
        )

    def scene(self, it: Architecture) -> Scene:
        """An architecture that was prepared, as shapes."""
        fills, edges = colours(self.colours)
        look = Look(fills, edges, self.opacity, self.angle, self.legend, self.picture)
        found = painted(it, self.layout(it), look)
        return found.mirrored() if self.direction == "left" else found

    def layout(self, it: Architecture) -> Layout:
        """Where its boxes stand."""
        by = Scales(self.height, self.thickness, self.slant, self.angle, self.scale, self.channels, *measured(it.ops))
        turn = math.radians(self.angle)
        return laid_out(
            it,
            [solid(op, by) for op in it.ops],
            width=self.width,
            spacing=self.spacing,
            labels=self.labels,
            sizes=self.sizes,
            captions=self.captions,
            angle=(rounded(math.cos(turn)), rounded(math.sin(turn))),
        )
