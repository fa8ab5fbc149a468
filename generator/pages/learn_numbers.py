"""The model's own numbers as the articles and their figures read them: receptive fields layer by layer, kernels, a normalisation.

Report.all_layers ──▶ growing ──▶ field_rows (the table), chain (the windows that make them)      Own ──▶ numbers (data/learn.js)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from generator.learn.effective import Effective, Measured
from generator.learn.own import Own
from generator.names import Layer, LayerName
from generator.pages import escape
from generator.pages.context import Site, sides
from generator.pages.numbers import compact, times

ROWS = 12
"""Rows of the table of receptive fields."""
GROWING = 80
"""Layers whose receptive fields are followed."""


def layer_link(site: Site, name: LayerName | None) -> str:
    """The address of a layer's page from the site's root, or "" where it has none."""
    view = site.layer_views.get(name) if name is not None else None
    return f"layers/{escape.slug(view.slug)}.html" if view else ""


def growing(site: Site) -> list[Layer]:
    """The layers that see more than any before them, at most `GROWING`, as far as fields are known."""
    found: list[Layer] = []
    for layer in site.report.all_layers:
        field = layer.receptive_field
        if field is not None and (not found or field > (found[-1].receptive_field or field)):
            found.append(layer)
    return found[:GROWING]


def chain(layers: Sequence[Layer]) -> list[dict[str, int]]:
    """The windows {kernel, stride, dilation} along columns that make the fields of these layers; empty where branches or steps
    that are no windows make them.

    The stride of a step is that of everything up to the next one, as a stride may stand in a layer whose field does not grow.
    """
    found: list[dict[str, int]] = []
    jumps: list[float] = []
    field = 1
    for layer in layers:
        facts = dict(layer.attributes)
        kernel, stride, dilation = (_last(facts.get(name, "1")) for name in ("kernel", "stride", "dilation"))
        if layer.receptive_field is None or layer.jump is None or not kernel or not stride or not dilation:
            return []
        before = layer.jump[1] / stride
        if layer.receptive_field[1] - field != (kernel - 1) * dilation * before or (jumps and before % jumps[-1]):
            return []
        field = layer.receptive_field[1]
        if found:
            found[-1]["stride"] = int(before / jumps[-1])
        elif before != 1:
            return []
        jumps.append(before)
        found.append({"kernel": kernel, "stride": 1, "dilation": dilation})
    return found


def _last(sides: str) -> int:
    """3x5 or 3×5 -> 5, 3 -> 3; 0 where it is no number."""
    last = sides.replace("×", "x").split("x")[-1].strip()
    return int(last) if last.isdigit() else 0


def field_rows(site: Site) -> list[dict[str, Any] | int]:
    """The rows of the table of receptive fields; of a deep model the middle is left out, and its number of layers stands there."""
    rows: list[dict[str, Any] | int] = []
    for layer in growing(site):
        facts, field = dict(layer.attributes), layer.receptive_field or (0, 0)
        rows.append(
            {
                "layer": layer,
                "kernel": sides(facts.get("kernel", "")),
                "stride": facts.get("stride", ""),
                "field": str(field[0]) if field[0] == field[1] else times(*field),
            }
        )
    left = len(rows) - ROWS
    return rows if left <= 1 else [*rows[: ROWS // 2], left, *rows[len(rows) - ROWS // 2 :]]


def numbers(site: Site, own: Own) -> Mapping[str, Any]:
    """The model's own numbers as the figures read them."""
    fields = [
        (escape.clean(one.name), *(one.receptive_field or ()), layer_link(site, one.name)) for one in growing(site)
    ]
    found: dict[str, Any] = {
        "input": list(site.report.input_shape[1:]),
        "fields": fields,
        "chain": chain(growing(site)),
        "windows": [{**vars(one), "layer": escape.clean(one.layer)} for one in own.windows],
        "activations": [[escape.clean(op), n] for op, n, _ in own.activations],
    }
    seen = site.report.effective
    if isinstance(seen, Effective):
        fields_ = [_effective(site, name, one) for name, one in seen.fields]
        found["effective"] = {"images": seen.images, "fields": fields_}
    if own.kernels is not None:
        found["kernels"] = {"layer": escape.clean(own.kernels.layer), "weight": _plain(own.kernels.weight)}
    if own.norm is not None:
        parts = ("mean", "variance", "gamma", "beta", "bias")
        values = {part: getattr(own.norm, part) for part in parts}
        found["norm"] = {
            "layer": escape.clean(own.norm.layer),
            "convolution": escape.clean(own.norm.convolution or ""),
            "eps": own.norm.eps,
            **{part: None if value is None else _plain(value) for part, value in values.items()},
        }
    return found


def _effective(site: Site, name: LayerName, one: Measured) -> dict[str, Any]:
    """A measured field as the figure reads it; weights from 0 to 255, row by row."""
    return {
        "layer": escape.clean(name),
        "page": layer_link(site, name),
        "box": list(one.box),
        "inner": list(one.inner),
        "columns": one.values.shape[1],
        "values": (one.values * 255).round().int().flatten().tolist(),
    }


def _plain(values: Tensor) -> Any:
    """Nested lists of numbers of five digits."""
    if values.dim() > 1:
        return [_plain(row) for row in values]
    return [compact(float(value)) for value in values]
