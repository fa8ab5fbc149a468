"""The windows of convolutions and pools as figures have them, over one, two or three axes.

    Conv2d(…, stride=2, padding=(1, 0)) ──▶ {"kernel": [3, 3], "stride": [2, 2], "padding": [1, 1, 0, 0], …}

Paddings stand in pairs, before and after, axis by axis: [top, bottom, left, right], of a volume [front, back, top, bottom, left, right].
What has one axis stands in a map of one row.
"""

from __future__ import annotations

from typing import Any

from torch import nn

from generator.model.graph import Node
from generator.model.operations import pair, short_name
from generator.model.receptive import explicit_padding


def conv_window(node: Node, axes: int) -> dict[str, Any]:
    """Of a convolution over so many axes."""
    found, transposed = node.settings, node.family == "conv_transpose"
    kernel, stride, dilation = (_sides(found.get(key, 1), axes) for key in ("kernel_size", "stride", "dilation"))
    return {
        "kernel": kernel,
        "stride": stride,
        "dilation": dilation,
        "padding": _around(node, axes, kernel, dilation),
        "transposed": transposed,
        "mode": found.get("pad_mode", found.get("padding_mode", "zeros")),
        "groups": int(found.get("groups", 1)),
    }


def _around(node: Node, axes: int, kernel: list[int], dilation: list[int]) -> list[int]:
    """What a convolution puts around a map; a transposed one takes as much away."""
    said = node.settings.get("padding", 0)
    if node.family == "conv_transpose":
        return _twice(_sides(said, axes, fill=0))
    if axes < 3:
        around = [int(side) for side in explicit_padding(node)]
        return [0, 0, *around[2:]] if axes == 1 else around
    if said == "same":
        total = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
        return [side for all_ in total for side in (all_ // 2, all_ - all_ // 2)]
    return _twice(_sides(0 if said == "valid" else said, axes))


def pool_window(node: Node, module: nn.Module | None, axes: int) -> dict[str, Any] | None:
    """Of a pool over so many axes; None of one that has no figure."""
    found, name = node.settings, short_name(node.op.removeprefix("F."))
    if found.get("pads") or "fractional" in name.lower():
        return None
    how = "max" if "max" in name.lower() else "avg"
    if node.family == "adaptive_pool":
        return {"how": how, "adaptive": True}
    override: Any = getattr(module, "divisor_override", None) or found.get("divisor_override")
    return {
        "how": how,
        "kernel": _sides(found["kernel_size"], axes),
        "stride": _sides(found.get("stride") or found["kernel_size"], axes),
        "padding": _twice(_sides(found.get("padding", 0), axes, fill=0)),
        "dilation": _sides(found.get("dilation", 1), axes),
        "counts_padding": bool(found.get("count_include_pad", True)),
        "divisor": override,
    }


def _sides(value: Any, axes: int, *, fill: int = 1) -> list[int]:
    """[y, x] of a number or a pair, [z, y, x] of three axes; of one axis [fill, x]."""
    if axes == 3:
        many = value if isinstance(value, (tuple, list)) else [value]
        return [int(side) for side in (many if len(many) == 3 else [many[0]] * 3)]
    y, x = pair(value)
    return [fill, int(x)] if axes == 1 else [int(y), int(x)]


def _twice(sides: list[int]) -> list[int]:
    return [side for side in sides for _ in range(2)]
