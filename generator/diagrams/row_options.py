"""The options that styles which draw a row of tensors have in common, written once: `depth: int = row.depth()`."""

from __future__ import annotations

from typing import Any

from generator.diagrams.options import choice, flag, number


def direction() -> Any:
    """Of the row."""
    return choice("right", "where the network leads to")


def depth() -> Any:
    """How far blocks are opened."""
    return number(-1, "levels of blocks that are opened; -1: as many as stay readable", -1, 6, 1)


def tensors() -> Any:
    """How long the row may be."""
    return number(16, "tensors in a row, where more would be drawn neighbours are joined", 4, 40, 1)


def spacing(default: float) -> Any:
    """The least gap."""
    return number(default, "pixels between two tensors", 8, 160, 2)


def size(most: float) -> Any:
    """Of maps; see `row.printed`."""
    doc = f"pixels of the largest map's side; 0: {most:g}, fewer where letters would be small in print"
    return number(0.0, doc, 0, 400, 5)


def scale() -> Any:
    """Of maps."""
    return choice("sqrt", "how the sides of maps grow with their pixels")


def dense_length(default: float) -> Any:
    """Of vectors."""
    return number(default, "pixels of the longest dense layer", 20, 400, 5)


def skips() -> Any:
    """Arcs."""
    return flag(True, "an arc where a later operation reads an earlier tensor")


def names() -> Any:
    """Words of the gaps."""
    return flag(True, "operations beside the gaps")


def font_size() -> Any:
    """Of all texts."""
    return number(13.0, "pixels of the letters", 6, 30, 1)
