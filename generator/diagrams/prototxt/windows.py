"""Layers that slide a window over maps: convolution, deconvolution, pooling, im2col, and Caffe's roundings.

convolution     floor((n + 2 p - d (k - 1) - 1) / s) + 1
deconvolution   s (n - 1) + d (k - 1) + 1 - 2 p
pooling         ceil((n + 2 p - k) / s) + 1, less the last window where that would begin in the far padding
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from generator.diagrams.prototxt.blob import UNKNOWN, Blob, Dim, Dims, Given, Refused, axis_of, product
from generator.diagrams.prototxt.layer import Layer
from generator.diagrams.prototxt.message import Message
from generator.model.span import Span
from generator.selectors import nearest

KERNEL = ("kernel_size", "kernel_h", "kernel_w")
"""How a kernel's sides are written."""

HIGHEST = 16
"""Levels of a spatial pyramid, at most: the next would have 4 thousand million bins."""


@dataclass(frozen=True)
class Window:
    """Along one axis."""

    kernel: int
    stride: int = 1
    pad: int = 0
    dilation: int = 1

    @property
    def reach(self) -> int:
        """Places from its first to its last."""
        return self.dilation * (self.kernel - 1) + 1

    def over(self, side: Dim) -> Dim:
        """How often it fits, as a convolution counts; less than 1 where it does not fit."""
        return None if side is None else (side + 2 * self.pad - self.reach) // self.stride + 1

    def pooled(self, side: Dim, up: bool = True) -> Dim:
        """How often it fits, as pooling counts."""
        if side is None:
            return None
        room = side + 2 * self.pad - self.reach
        count = (-(-room // self.stride) if up else room // self.stride) + 1
        clipped = self.pad and (count - 1) * self.stride >= side + self.pad
        return count - 1 if clipped else count

    def spread(self, side: Dim) -> Dim:
        """What a deconvolution makes of a side."""
        return None if side is None else self.stride * (side - 1) + self.reach - 2 * self.pad

    def seen(self, span: Span | None) -> Span | None:
        """What its places see."""
        return span and span.window(self.reach, self.stride, self.pad)

    def spread_seen(self, span: Span | None) -> Span | None:
        """What the places that a deconvolution makes see."""
        return span and span.spread(self.kernel, self.stride, self.pad, self.dilation)


def windows(layer: Layer, axes: int) -> tuple[Window, ...]:
    """The windows along so many axes. Raises UserError where the kernel is missing, Refused where a list has another length."""
    said = layer.own
    kernels = _sides(said, "kernel_size", "kernel", axes, 0, 1)
    if 0 in kernels:
        slips = [field.name for field in said.fields if nearest(field.name, KERNEL)]
        but = f" (but {', '.join(slips)})" if slips else ""
        raise said.at.error(f"{layer.type}: expected kernel_size, or kernel_h and kernel_w; received neither{but}")
    strides = _sides(said, "stride", "stride", axes, 1, 1)
    pads = _sides(said, "pad", "pad", axes, 0, 0)
    dilations = _sides(said, "dilation", "dilation", axes, 1, 1)
    return tuple(map(Window, kernels, strides, pads, dilations))


def _sides(said: Message, name: str, stem: str, axes: int, default: int, least: int) -> tuple[int, ...]:
    """A setting that is written once, or once for each axis, or as ``_h`` and ``_w``."""
    listed = said.integers(name, least)
    if len(listed) not in (0, 1, axes):
        raise Refused(f"Its {name} has {len(listed)} values for {axes} {'axis' if axes == 1 else 'axes'}.")
    sides = listed * axes if len(listed) == 1 else listed or (default,) * axes
    if axes == 2:
        sides = (said.integer(f"{stem}_h", sides[0], least), said.integer(f"{stem}_w", sides[1], least))
    return sides


def _spatial(layer: Layer, blob: Blob) -> tuple[Dims, int, tuple[Window, ...]]:
    """The blob's dims (a batch of maps where they are not known), where its channels stand, and the windows over what follows."""
    axes = max(len(layer.own.integers("kernel_size", 1)), 2)
    dims = blob.dims if blob.dims is not None else (None,) * (2 + axes)
    axis = axis_of(layer, "axis", 1, len(dims))
    if len(dims) == axis + 1:
        raise Refused(NO_PLACES)
    return dims, axis, windows(layer, len(dims) - axis - 1)


NO_PLACES = "It slides a window, but what it reads has no places to slide it over."
NO_FIT = "Its window is larger than what it reads."


def _outputs(layer: Layer) -> int:
    if not layer.own.has("num_output"):
        raise layer.said.at.error(f"{layer.type}: expected num_output, received none")
    return layer.own.integer("num_output", 0, least=1)


def convolution(layer: Layer, inputs: tuple[Blob, ...]) -> Given:
    """Convolution and deconvolution, one output for each input; the weights are shared."""
    given = [_convolved(layer, blob) for blob in inputs or (UNKNOWN,)]
    macs = None if any(one.macs is None for one in given) else sum(one.macs or 0 for one in given)
    return replace(given[0], blobs=tuple(one.blobs[0] for one in given), macs=macs)


def _convolved(layer: Layer, blob: Blob) -> Given:
    out, transposed = _outputs(layer), layer.type == "Deconvolution"
    dims, axis, found = _spatial(layer, blob)
    channels = dims[axis]
    groups = layer.own.integer("group", 1, least=1)
    if "Depthwise" in layer.type and channels is not None:
        groups = channels
    sides = tuple((w.spread if transposed else w.over)(side) for w, side in zip(found, dims[axis + 1 :], strict=True))
    here = (*dims[:axis], out, *sides)
    see = Window.spread_seen if transposed else Window.seen
    two = len(found) == 2
    made = Blob(here, see(found[0], blob.y), see(found[1], blob.x)) if two else Blob(here)
    per_group = (out if transposed else channels or 0) // groups
    kernel = math.prod(window.kernel for window in found)
    weights = None if channels is None else (channels if transposed else out) * per_group * kernel
    macs = product((*(dims if transposed else here), weights and per_group * kernel))
    bias = (out,) if layer.own.flag("bias_term", True) else ()
    if any(side is not None and side < 1 for side in sides):
        return Given((made,), (weights, *bias), None, NO_FIT)
    note = "" if channels is None or channels % groups == out % groups == 0 else _GROUPS.format(groups, channels, out)
    return Given((made,), (weights, *bias), macs, note)


_GROUPS = "Its {} groups do not divide {} channels and {} outputs evenly; Caffe would refuse it."


def pooling(layer: Layer, inputs: tuple[Blob, ...]) -> Given:
    """Pooling; a second top of the maximum is its mask, of the same shape."""
    blob = (*inputs, UNKNOWN)[0]
    said = layer.own
    if said.flag("global_pooling", False):
        dims = blob.dims if blob.dims is not None else (None,) * 4
        whole = Blob((*dims[:2], *(1 for _ in dims[2:])))
        return Given((whole,) * max(len(layer.tops), 1))
    dims, axis, found = _spatial(layer, blob)
    # two forks write otherwise that the last window is left out
    up = said.flag("ceil_mode", True) and said.text("round_mode", "CEIL") not in ("FLOOR", "1")
    sides = tuple(window.pooled(side, up) for window, side in zip(found, dims[axis + 1 :], strict=True))
    made = Blob((*dims[: axis + 1], *sides))
    if len(found) == 2 and not (sides == (1, 1) != dims[-2:]):
        made = replace(made, y=found[0].seen(blob.y), x=found[1].seen(blob.x))
    note = NO_FIT if any(side is not None and side < 1 for side in sides) else ""
    return Given((made,) * max(len(layer.tops), 1), note=note)


def im2col(layer: Layer, inputs: tuple[Blob, ...]) -> Given:
    """Every window's values as channels."""
    blob = (*inputs, UNKNOWN)[0]
    dims, axis, found = _spatial(layer, blob)
    channels = product((dims[axis], *(window.kernel for window in found)))
    sides = tuple(window.over(side) for window, side in zip(found, dims[axis + 1 :], strict=True))
    two = len(found) == 2
    y, x = (found[0].seen(blob.y), found[1].seen(blob.x)) if two else (None, None)
    return Given((Blob((*dims[:axis], channels, *sides), y, x),))


def padding(layer: Layer, inputs: tuple[Blob, ...]) -> Given:
    """V0's layer of its own for what is a setting today."""
    blob, pad = (*inputs, UNKNOWN)[0], layer.own.integer("pad", 0)
    if blob.dims is None or len(blob.dims) != 4:
        return Given((blob,))
    one = Window(1, 1, pad)
    sides = (None if side is None else side + 2 * pad for side in blob.dims[2:])
    return Given((Blob((*blob.dims[:2], *sides), one.seen(blob.y), one.seen(blob.x)),))


def pyramid(layer: Layer, inputs: tuple[Blob, ...]) -> Given:
    """Spatial pyramid pooling: 1, 4, 16, ... bins of the whole map, one after the other."""
    blob, levels = (*inputs, UNKNOWN)[0], layer.own.integer("pyramid_height", 1, least=1)
    if levels > HIGHEST:
        raise layer.said.at.error(f"pyramid_height: expected at most {HIGHEST}, received {levels}")
    if blob.dims is None or len(blob.dims) != 4:
        return Given((Blob((None, None)),))
    if levels == 1:  # Caffe then hands on what pooling gives, with its four axes
        return Given((Blob((*blob.dims[:2], 1, 1)),))
    bins: list[Dim] = []
    for level in range(levels):
        count = 2**level
        sides: list[Dim] = []
        for side in blob.dims[2:]:
            kernel = 1 if side is None else -(-side // count)
            sides.append(side and Window(kernel, kernel, (kernel * count - side + 1) // 2).pooled(side))
        bins.append(product(sides))
    total = None if None in bins else sum(count or 0 for count in bins)
    return Given((Blob((blob.dims[0], product((blob.dims[1], total)))),))
