"""An architecture as the page's scripts read it: the dataclasses' own names, tuples as arrays."""

from __future__ import annotations

import dataclasses
from typing import Any

from generator.diagrams.architecture import Architecture


def as_json(it: Architecture) -> dict[str, Any]:
    """Plain values, for a data script. Strings are as they came: hostile."""
    made = dataclasses.asdict(it)
    made["extra"] = dict(it.extra)
    return made
