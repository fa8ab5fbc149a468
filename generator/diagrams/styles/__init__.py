"""The ways to draw an architecture: one file each, found by looking into this folder; nobody edits a list.

A style file `lenet.py` defines one frozen dataclass marked with `@style`. Its fields are its options (each with a `doc`, which
is its help on the page and on the command line), its file stem is its name there, and its module docstring says what is drawn
(first line: title, colon, one-sentence summary).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Protocol, TypeVar

from generator.diagrams.architecture import Architecture
from generator.diagrams.svg import Drawing
from generator.discovery import Entry, discovered, marked


class Style(Protocol):
    """A way to draw."""

    def draw(self, it: Architecture) -> Drawing:
        """The whole architecture, simplified as this style does it. A pure function, to the byte."""


StyleInfo = Entry
"""A registered style: its class and what its file says of it."""

_T = TypeVar("_T", bound=type)
_MARK = "__convatlas_style__"


def style(cls: _T) -> _T:
    """Mark the one class in a file that is the style."""
    return marked(cls, _MARK)


@cache
def styles() -> Mapping[str, StyleInfo]:
    """All styles by name, in alphabetical order, read from this folder."""
    return discovered(__name__, __path__, _MARK)
