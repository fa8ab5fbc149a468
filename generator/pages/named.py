"""What findings say of single units, by the layer whose page shows these: for a unit's panel and its card.

finding ▸ place: a layer, its units, a sentence for each ──▶ the page of that layer, or of the one whose units it hands on;
                                                             and of the one in front, where these are its units one by one
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from generator.findings.finding import Finding, Place
from generator.names import LayerName
from generator.pages import escape
from generator.pages.findings_views import Checked, Findings
from generator.pages.views import LayerView

FILTERS = {"dead": "certain"}
"""What filters of a layer's page are called in its address, where that is not the mark's name. Once `dead` stood there for what
is never on: such a link still shows that."""


@dataclass(frozen=True)
class Named:
    """One place of a finding whose units a page shows."""

    check: Checked
    severity: str
    place: Place
    handed: bool
    """Whether they are told of another layer: one without a page, or one behind this one."""


def filter_of(place: Place) -> str:
    """What the filter of a layer's page that shows a place's units is called in its address; "" where there is none."""
    return "never_on" if place.query == "never on" else FILTERS.get(place.mark, place.mark)


def named(
    found: Findings | None, shows: Callable[[LayerName], LayerView | None]
) -> Mapping[LayerName, tuple[Named, ...]]:
    """Of each layer that has a page what is said of its units, gravest first. `shows`: the view on which a layer's units are."""
    made: dict[LayerName, tuple[Named, ...]] = {}
    for check, result, place in places(found):
        layers = (place.layer, place.front) if place.units and place.said else ()
        views = [shows(layer) for layer in layers if layer is not None]
        for name in dict.fromkeys(view.layer.name for view in views if view is not None):
            made[name] = (*made.get(name, ()), Named(check, result.severity, place, name != place.layer))
    return made


def places(found: Findings | None) -> Iterator[tuple[Checked, Finding, Place]]:
    """All places that findings name."""
    for one in found.checked if found else ():
        if isinstance(one.result, Finding) and one.result.severity != "fine":
            for place in one.result.places:
                yield one, one.result, place


def units_of(found: Findings | None, check: str, layer: LayerName, query: str) -> list[int]:
    """The units of a layer that one check names and that the page of all units calls by this word."""
    return [
        unit
        for one, _, place in places(found)
        if one.name == check and place.query == query and place.layer == layer
        for unit in place.units
    ]


def data(found: tuple[Named, ...]) -> list[dict[str, Any]]:
    """[{name, severity, mark, by, units, said}] as the page's script reads it; `said` holds one sentence, or one a unit."""
    return [
        {
            "name": one.check.name,
            "severity": one.severity,
            "mark": filter_of(one.place),
            "by": escape.clean(one.place.layer) if one.handed else "",
            "units": list(one.place.units),
            "said": [escape.clean(text) for text in one.place.said],
        }
        for one in found
    ]
