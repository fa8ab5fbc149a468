"""What of an architecture is drawn: how deep blocks are opened, and which repetitions are folded.

By itself it opens as deep as leaves at most two dozen boxes in two rows, and folds no more than that needs: a VGG is drawn
layer by layer, a ResNet-152 block by block.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from generator.diagrams.architecture import Architecture
from generator.diagrams.repeats import folded
from generator.diagrams.residual import marked, residual
from generator.diagrams.simplify import SILENT, at_depth, fused, without
from generator.diagrams.solids.sizes import sign_of

Fold = Literal["auto", "none", "blocks", "all", "alike"]
FOLDS: tuple[Fold, ...] = ("blocks", "all", "alike")
BOXES = 28
"""That a picture holds at most, balls not counted, where it is free to choose."""


def prepared(it: Architecture, depth: int, fold: Fold, fits: Callable[[Architecture], bool]) -> Architecture:
    """`it` as it is drawn.

    Args:
        depth: how many levels of blocks are opened; -1: as many as leave a picture that `fits`.
        fold: what is folded; ``auto``: blocks, and then what must be for the picture to fit.
    """
    base = fused(fused(without(it, (*SILENT, "output"))), ("merge", "norm"))
    adding = residual(base)
    folds = FOLDS if fold == "auto" else (fold,)
    if depth >= 0:
        levels = [marked(at_depth(base, depth), adding)]
    else:
        levels = [marked(at_depth(base, 0), adding)]
        while len(levels) < 12 and len((deeper := marked(at_depth(base, len(levels)), adding)).ops) > len(
            levels[-1].ops
        ):
            levels.append(deeper)
    smallest: Architecture | None = None
    for level in reversed(levels):
        for how in folds:
            found = _folded(level, how)
            if _boxes(found) <= BOXES and fits(found):
                return found
            if smallest is None or len(found.ops) < len(smallest.ops):
                smallest = found
    assert smallest is not None
    return smallest


def _folded(it: Architecture, how: Fold) -> Architecture:
    return it if how == "none" else folded(it, loosely=how == "alike", single=how != "blocks")


def _boxes(it: Architecture) -> int:
    return sum(1 for op in it.ops if op.kind != "input" and not sign_of(op))
