"""How fast methods are beside other libraries: the last run of the bench that came with the program, for method pages."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from generator.resources import packaged


@dataclass(frozen=True)
class Measured:
    """One table: what was measured, a row a library or a bare pass, and what on."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    on: str
    """Machine and versions, in a line."""


@cache
def _figures() -> Mapping[str, Any]:
    try:
        found: Mapping[str, Any] = json.loads(packaged("bench/results/peers.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return found


def measured(method: str) -> Measured | None:
    """The table of a method; None where it was not measured."""
    figures = _figures()
    models = {name: one for name, one in figures.items() if isinstance(one, Mapping) and "cams" in one}
    if not models:
        return None
    first = next(iter(models.values()))
    if method in first["cams"]["methods"]:
        return Measured(("", *models), tuple(_cams(models)), f"{_on(figures)}; {_scaled(models)}")
    if method in first["again"]:
        return Measured(("", *models), tuple(_again(models, method)), _on(figures))
    return None


def _cams(models: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """All gradient CAMs at all convolutions: ours over a bare pass, and every peer over ours."""
    cams = {name: one["cams"] for name, one in models.items()}
    first = next(iter(cams.values()))
    many = len(first["methods"])
    rows = [
        (f"Conv Atlas, {many} methods at all convolutions", *(f"{c['ours, s']:.2f} s" for c in cams.values())),
        ("the same, over a bare forward and backward", *(f"{c['ratio to bare']:.2f} ×" for c in cams.values())),
        (
            "and without EigenGrad-CAM",
            *(f"{c['ratio to bare, without EigenGrad-CAM']:.2f} ×" for c in cams.values()),
        ),
    ]
    for peer in first["peers"]:
        times = (f"{c['peers'][peer]['times ours, for the same methods']:.0f} × ours" for c in cams.values())
        rows.append((f"{peer}, for {first['peers'][peer]['methods']} of them", *times))
    return rows


def _again(models: Mapping[str, Any], method: str) -> list[tuple[str, ...]]:
    """A method that runs the model again: seconds of each library, for the same evaluations."""
    found = {name: one["again"][method] for name, one in models.items()}
    first = next(iter(found.values()))
    rows = []
    for key in first:
        if key.endswith(", s"):
            who = key.removesuffix(", s").replace("ours", "Conv Atlas")
            rows.append((who, *(f"{one[key]:.2f} s" for one in found.values())))
    rows.append(
        ("Conv Atlas over the fastest other", *(f"{one['ours / fastest peer']:.2f} ×" for one in found.values()))
    )
    return rows


def _scaled(models: Mapping[str, Any]) -> str:
    """At how many layers other libraries were timed one by one."""
    cams = [one["cams"] for one in models.values()]
    name = next(name for name in cams[0]["peers"] if name.endswith("layer by layer"))
    taken = " and ".join(f"{c['peers'][name]['layers measured']} of {c['convolutions']}" for c in cams)
    return f"layer by layer, other libraries were timed at {taken} convolutions, and scaled up"


def _on(figures: Mapping[str, Any]) -> str:
    machine = figures["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in figures["versions"].items())
    where = machine["gpu"] if machine["gpu"] != "none" else f"{machine['processor']}, {machine['threads']} threads"
    return f"{where}; batch of {figures['batch']}; {versions}"
