"""How an operation is shown to a reader: its kind, and its hyperparameters in words."""

from __future__ import annotations

import math
from typing import Any

from generator.model.graph import Node
from generator.model.operations import pair
from generator.model.receptive import explicit_padding
from generator.names import Kind

_KINDS: dict[str, Kind] = {
    **dict.fromkeys(("conv", "conv_transpose"), "conv"),
    **dict.fromkeys(("batch_norm", "group_norm", "layer_norm", "channel_norm"), "norm"),
    **dict.fromkeys(("act", "glu"), "act"),
    **dict.fromkeys(("max_pool", "avg_pool", "lp_pool", "adaptive_pool"), "pool"),
    **dict.fromkeys(("cat", "stack"), "merge"),
    "linear": "linear",
    "attention": "attention",
}
_SILENT = frozenset(("input", "copy", "pad", "reshape", "permute", "split", "unbind", "squeeze", "getitem", "expand"))
"""Families that show a reader nothing new: they copy, move or frame values."""
_FIELDS = frozenset(("conv", "conv_transpose", "max_pool", "avg_pool", "lp_pool"))


def kind(node: Node) -> Kind | None:
    """The kind of a node, or None where it is not worth a row of its own."""
    if node.family in _SILENT or node.op == "?" or (node.detached and not node.module):
        return None
    if node.family == "arithmetic":
        return "merge" if len(node.inputs) > 1 else "other"
    if node.family == "reduce":
        return "pool" if node.op == "F.mean" else "other"
    return _KINDS.get(node.family, "other")


def attributes(node: Node) -> tuple[tuple[str, str], ...]:
    """What a reader wants to know of a node: ``(("kernel", "3×3"), ("stride", "2"), ("channels", "3 → 32"))``."""
    found: list[tuple[str, str]] = []
    said = node.settings
    if node.family in _FIELDS and "kernel_size" in said:
        kernel = _sides(said["kernel_size"], node)
        default = kernel if node.family not in ("conv", "conv_transpose") else 1
        found.append(("kernel", "×".join(map(str, kernel))))
        found.append(("stride", _size(_sides(said.get("stride") or default, node))))
        found.append(("padding", _padding(node)))
        if _size(dilation := _sides(said.get("dilation", 1), node)) != "1":
            found.append(("dilation", _size(dilation)))
        if node.family == "conv_transpose" and pair(said.get("output_padding", 0)) != (0, 0):
            found.append(("output padding", _size(pair(said["output_padding"]))))
    groups = int(said.get("groups", 1))
    if groups != 1:
        found.append(("groups", f"{groups} (depthwise)" if groups == said.get("in_channels") else str(groups)))
    for source, target in (("in_channels", "out_channels"), ("in_features", "out_features")):
        if source in said and target in said:
            found.append(("channels", f"{said[source]} → {said[target]}"))
    if said.get("padding_mode", "zeros") != "zeros":
        found.append(("padding mode", str(said["padding_mode"])))
    if node.family == "adaptive_pool" and node.outputs:
        found.append(("output", "×".join(map(str, node.outputs[0].shape[-2:]))))
    if node.family == "group_norm" and "num_groups" in said:
        found.append(("groups", str(said["num_groups"])))
    if said.get("ceil_mode"):
        found.append(("rounding", "up"))
    if "negative_slope" in said:
        found.append(("slope", f"{said['negative_slope']:g}"))
    if node.family == "resample":
        found.append(("mode", str(said.get("mode", "nearest"))))
    if node.family == "arithmetic" or node.family == "cat":
        found.append(("reads", f"{len(node.inputs)} tensors" if len(node.inputs) > 1 else "1 tensor"))
    return tuple(found)


def limits(node: Node) -> tuple[float, float] | None:
    """The lowest and the highest value that a call which clamps lets through, infinite where it has none; None of another one, and
    where a tensor says."""
    name, found = node.op.removeprefix("F.").lower(), dict(node.settings)
    if name not in _CLAMPS:
        return None
    keys, usual = _CLAMPS[name]
    given = node.arguments[1:3] if not node.module else ()
    if any(not isinstance(one, (int, float, type(None))) for one in given):
        return None
    found |= dict(zip(keys, given, strict=False))
    low, high = (
        found.get(key)
        for key in ("min_val" if name == "hardtanh" else "min", "max_val" if name == "hardtanh" else "max")
    )
    return (usual[0] if low is None else float(low)), (usual[1] if high is None else float(high))


_NONE = -math.inf, math.inf
_CLAMPS = {
    **dict.fromkeys(("clamp", "clip"), (("min", "max"), _NONE)),
    "clamp_min": (("min",), _NONE),
    "clamp_max": (("max",), _NONE),
    "hardtanh": (("min_val", "max_val"), (-1.0, 1.0)),
}
"""What clamps, with what its arguments are called and what holds where they are not given."""


def _sides(value: Any, node: Node) -> tuple[Any, ...]:
    """As many sizes as the windows have sides: one along a sequence (``Conv1d``), three in a volume (``MaxPool3d``)."""
    if isinstance(value, (tuple, list)) and len(value) > 1:
        return tuple(value)
    one = value[0] if isinstance(value, (tuple, list)) else value
    window = node.settings["kernel_size"]
    many = len(window) if isinstance(window, (tuple, list)) else 2
    return (one,) * {"1d": 1, "2d": 2, "3d": 3}.get(node.op.lower()[-2:], many)


def _size(sides: tuple[Any, ...]) -> str:
    return str(sides[0]) if len(set(sides)) == 1 else "×".join(map(str, sides))


def _padding(node: Node) -> str:
    top, bottom, left, right = (int(side) for side in explicit_padding(node))
    if top == bottom and left == right:
        return _size((top, left))
    return f"top {top}, bottom {bottom}, left {left}, right {right}"
