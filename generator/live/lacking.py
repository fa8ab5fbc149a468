"""What there is no live page without, and whoever builds a report can add."""

from __future__ import annotations

from dataclasses import dataclass

from generator.artifacts import NotApplicable


@dataclass(frozen=True)
class Lacking(NotApplicable):
    """Packages or files that are not here. Any other reason is the model's own, and no installation changes it."""
