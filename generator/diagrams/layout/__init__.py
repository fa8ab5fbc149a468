"""Where boxes stand and lines run, for a network: along a straight trunk, branches beside it, skips in lanes on its side.

boxes, edges, frames ─▶ nest (a level for each frame) ─▶ level by level: layers, trunk, strips, lanes ─▶ Layout
                                                                                                        └▶ in columns

Numbers in, numbers out: nothing here knows what a box is. Only + − × ÷ and comparisons are used, in a fixed order, so that
templates/assets/js/graph-layout.js, with graph-heads.js, finds the same to the last bit. See docs/adr/0022-our-own-graph-layout.md.
"""

from generator.diagrams.layout.arrange import arrange
from generator.diagrams.layout.columns import in_columns
from generator.diagrams.layout.heads import Heads, beside
from generator.diagrams.layout.shapes import Box, Frame, Layout, Rect, Spacing, Wire, Words

__all__ = ["Box", "Frame", "Heads", "Layout", "Rect", "Spacing", "Wire", "Words", "arrange", "beside", "in_columns"]
