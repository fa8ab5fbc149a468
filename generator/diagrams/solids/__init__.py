"""The 3-D blocks, step by step.

    Architecture ─▶ prepare ─▶ sizes ─▶ forks ─▶ layout ─▶ wires ─▶ paint ─▶ Scene ─▶ SVG, TikZ

An oblique projection: a map's height is the box's height, its width the box's depth, its channels the box's width. What
leaves a box leaves by its right face, the map itself. The axis goes through the middle of all boxes of a row,
but for those of branches, which stand above and below it.
"""
