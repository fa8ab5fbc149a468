"""Options of a style as dataclass fields: a default, a sentence, and what a page needs to offer it.

`choice` is of a `Literal`, whose words are the choices; `colour` is ``#rrggbb``. The metadata keys are `doc`, `min`, `max`, `step`, `colour`, `where`.
"""

from __future__ import annotations

from dataclasses import field
from typing import Any


def number(default: float, doc: str, least: float, most: float, step: float) -> Any:
    """A number between two ends, in steps."""
    return field(default=default, metadata={"doc": doc, "min": least, "max": most, "step": step})


def flag(default: bool, doc: str) -> Any:
    """Yes or no."""
    return field(default=default, metadata={"doc": doc})


def choice(default: str, doc: str) -> Any:
    """One of the words of the field's `Literal`."""
    return field(default=default, metadata={"doc": doc})


def colour(default: str, doc: str, **where: Any) -> Any:
    """``#rrggbb``, used only where another option has this value."""
    return field(default=default, metadata={"doc": doc, "colour": True, "where": where})
