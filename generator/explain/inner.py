"""What a leaf does whose forward is its own and not torch's, by the functions that it calls.

    StdConv2d:        … ──▶ F.conv2d(x, standardised weight)       a convolution, with the weight and settings that F.conv2d received
    BatchNormAct2d:   F.batch_norm ──▶ F.relu                      two steps
    Conv2dSame:       F.pad ──▶ F.conv2d                           a convolution with that padding, and its mode

Where these do not tell what it does, there is no figure. That what is told is so is seen when it runs (`check.py`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from generator.artifacts import NotApplicable
from generator.model.graph import Inner, Node

FIRST = 1010
"""What lies inside a call between its two steps, numbered as if it were given by it."""
NORMS = ("batch_norm", "group_norm", "layer_norm", "channel_norm")
WEIGHED = ("conv", "conv_transpose", "linear")
_SHAPES = ("permute", "reshape", "squeeze", "expand")
"""What moves numbers and changes none."""
_MODES = {"constant": "zeros", "reflect": "reflect", "replicate": "replicate", "circular": "circular"}


def as_called(node: Node) -> tuple[Node, Inner | None] | NotApplicable:
    """A node with the settings that its function received, and the activation that follows inside the same call, if any; a reason
    where what it does cannot be told."""
    families = NORMS if node.family in NORMS else (node.family,)
    if not node.inner or node.family not in (*NORMS, *WEIGHED):
        return node, None
    own = [k for k, one in enumerate(node.inner) if one.family in families]
    if node.family in NORMS and len(own) != 1:
        return node, None  # written out by hand: the run tells whether it is what the class says
    if len(own) != 1:
        return NotApplicable(f"{node.op} computes its output in a way of its own, which the figure does not know.")
    main, after = node.inner[own[0]], [one for one in node.inner[own[0] + 1 :] if one.family not in _SHAPES]
    if len(after) > 1 or (after and after[0].family != "act"):
        return NotApplicable(f"{node.op} goes on with {after[0].op} inside the same call: it has no figure.")
    then = after[0] if after else None
    if node.family in NORMS:
        eps = {"eps": main.settings["eps"]} if "eps" in main.settings else {}
        return replace(node, settings={**node.settings, **eps}), then
    padded = _padded([one for one in node.inner[: own[0]] if one.family == "pad"], main)
    if padded is None:
        return NotApplicable(f"{node.op} pads in a way that the figure does not know.")
    return replace(node, settings={**main.settings, **padded}), then


def _padded(pads: list[Inner], main: Inner) -> dict[str, Any] | None:
    """The paddings before a convolution and what lies in them; None where they cannot be said as one."""
    given = [one for one in pads if any(one.settings.get("padding", ()))]
    if not given:
        return {}
    modes = {one.settings.get("mode", "constant") for one in given}
    flat = len(main.settings.get("kernel_size", ())) < 3
    (mode, *others) = modes
    if others or mode not in _MODES or not flat or any(one.settings.get("value") for one in given):
        return None
    said = main.settings.get("padding", 0)
    more = said not in (0, "valid") and any(said if isinstance(said, (tuple, list)) else (said,))
    if mode != "constant" and (more or len(given) > 1):
        return None
    return {"pads": tuple(tuple(one.settings["padding"]) for one in given), "pad_mode": _MODES[mode]}
