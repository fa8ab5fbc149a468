"""What the searches of a layer's units left beside their pictures, as data for its page."""

from __future__ import annotations

from typing import Any

from generator.pages import data, escape
from generator.pages.context import Site
from generator.pages.numbers import compact
from generator.pages.views import LayerView


def courses(site: Site, view: LayerView, slug: str) -> dict[str, Any]:
    """{unit: {curve, course, variants, opacity}}: the objective step by step, an animation, other pictures of the unit, and
    how much each place mattered; what there is of these."""
    made: dict[str, Any] = {}
    for unit, one in view.searched.items():
        entry: dict[str, Any] = {"curve": [None if value is None else compact(value) for value in one.curve]}
        if one.course is not None:
            entry["course"] = site.tree.picture(one.course, f"{slug}-{unit}-course")
        if one.variants is not None:
            entry["variants"] = data.atlas(site.tree, one.variants, f"{slug}-{unit}-variants")
        if one.opacity is not None:
            entry["opacity"] = site.tree.picture(one.opacity, f"{slug}-{unit}-opacity")
        made[escape.clean(str(unit))] = entry
    return made
