"""Architectures that a style prepares before it draws (opened, folded), one for each value of the options that decide it.

A style that has `prepared(it)` may be ported to the page without that step; the page then takes what was prepared here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import product
from typing import Any

from generator.diagrams.architecture import Architecture
from generator.diagrams.plain import Option, as_json

DECIDES = ("depth", "fold")
"""Options that decide it; others are at their default meanwhile."""
DEEPEST = 4
"""Levels of blocks that the page can open."""


def variants(cls: type[Any], asked: tuple[Option, ...], it: Architecture) -> Mapping[str, Any] | None:
    """{by: option names, of: {"values": number}, architectures: […]}, equal ones once; None of a style that prepares nothing."""
    if not hasattr(cls, "prepared"):
        return None
    by = [one for one in asked if one.name in DECIDES]
    known: dict[str, int] = {}
    of: dict[str, int] = {}
    made: list[dict[str, Any]] = []
    for values in product(*map(_values, by)):
        style = cls(**{one.name: value for one, value in zip(by, values, strict=True)})
        found = as_json(style.prepared(it))
        number = known.setdefault(json.dumps(found, sort_keys=True), len(made))
        if number == len(made):
            made.append(found)
        of[" ".join(map(str, values))] = number
    return {"by": [one.name for one in by], "of": of, "architectures": made}


def _values(one: Option) -> tuple[Any, ...]:
    return one.choices if one.kind == "choice" else tuple(range(-1, DEEPEST + 1))
