"""Layers that learn nothing and compute little: they join, cut, reshape, repeat and reduce blobs.

What a blob's places see is kept where its last two axes keep their places; where they lose them, the whole input is seen.
"""

from __future__ import annotations

from itertools import pairwise

from generator.diagrams.prototxt.blob import UNKNOWN, Blob, Dim, Dims, Given, Refused, axis_of, product, replaced
from generator.diagrams.prototxt.layer import Layer
from generator.diagrams.prototxt.windows import Window
from generator.model.span import Span, union


def unchanged(layer: Layer, inputs: tuple[Blob, ...]) -> Given:
    """What it reads, for every top."""
    return Given(((*inputs, UNKNOWN)[0],) * max(len(layer.tops), 1))


def by_program(layer: Layer, inputs: tuple[Blob, ...]) -> Given:
    """Python layers, which do what a program of the user's says."""
    where = f"{layer.own.text('module')}.{layer.own.text('layer')}".strip(".") or "a program"
    if inputs:
        return Given(
            (inputs[0],) * max(len(layer.tops), 1),
            note=PROGRAM.format(where, "taken to have the shape of what it reads"),
        )
    return Given((UNKNOWN,) * max(len(layer.tops), 1), note=PROGRAM.format(where, "not known"))


PROGRAM = "What it does stands in {}: what it gives is {}."


def one_by_one(layer: Layer, inputs: tuple[Blob, ...]) -> Given:
    """Every top is what the bottom in its place is: Filter, and a label that travels along."""
    last = (*inputs, UNKNOWN)[0]
    blobs = tuple(inputs[k] if k < len(inputs) else last for k in range(max(len(layer.tops), 1)))
    return Given(blobs)


def everywhere(layer: Layer, inputs: tuple[Blob, ...]) -> Given:
    """The same shape, where every place depends on all of them."""
    return Given((Blob((*inputs, UNKNOWN)[0].dims),))


def lrn(layer: Layer, inputs: tuple[Blob, ...]) -> Given:
    """Across channels at one place, or within a channel over a window."""
    blob = (*inputs, UNKNOWN)[0]
    if layer.own.text("norm_region", "ACROSS_CHANNELS") not in ("WITHIN_CHANNEL", "1"):
        return Given((blob,))
    size = layer.own.integer("local_size", 5, least=1)
    window = Window(size, 1, (size - 1) // 2)
    return Given((Blob(blob.dims, window.seen(blob.y), window.seen(blob.x)),))


def softmax(layer: Layer, inputs: tuple[Blob, ...]) -> Given:
    """Along one axis: of maps, along the channels."""
    blob = (*inputs, UNKNOWN)[0]
    axis = axis_of(layer, "axis", 1, len(blob.dims)) if blob.dims else 1
    y, x = blob.y, blob.x
    if blob.dims is not None and len(blob.dims) == 4 and axis > 1:
        y, x = (None, x) if axis == 2 else (y, None)
    return Given((Blob(blob.dims, y, x),))


def merged(inputs: tuple[Blob, ...]) -> tuple[Span | None, Span | None]:
    """All that any of the blobs sees."""
    return (
        union([(blob.y, blob.side(-2) or 1) for blob in inputs]),
        union([(blob.x, blob.side(-1) or 1) for blob in inputs]),
    )


DIFFER = "It reads blobs of different shapes ({}), which Caffe would refuse."


def _written(blobs: tuple[Blob, ...]) -> str:
    return ", ".join("×".join("?" if d is None else str(d) for d in blob.dims or ()) or "?" for blob in blobs)


def _differ(sides: list[Dim]) -> bool:
    return len({side for side in sides if side is not None}) > 1


def eltwise(layer: Layer, inputs: tuple[Blob, ...]) -> Given:
    """Sums, products or maxima of blobs of one shape; a side that one of them knows, all know."""
    known = [blob.dims for blob in inputs if blob.dims is not None]
    if not known:
        return Given((UNKNOWN,))
    if len({len(dims) for dims in known}) > 1 or any(_differ(list(sides)) for sides in zip(*known, strict=True)):
        return Given((Blob(known[0]),), note=DIFFER.format(_written(inputs)))
    dims = tuple(next((side for side in sides if side is not None), None) for sides in zip(*known, strict=True))
    return Given((Blob(dims, *merged(inputs)),))


def concat(layer: Layer, inputs: tuple[Blob, ...]) -> Given:
    """One behind the other along an axis, usually the channels."""
    known = [blob.dims for blob in inputs if blob.dims is not None]
    if not known:
        return Given((UNKNOWN,))
    axes = len(known[0])
    axis = axis_of(layer, "axis" if layer.own.has("axis") else "concat_dim", 1, axes)
    if any(len(dims) != axes for dims in known):
        return Given((Blob(known[0]),), note=DIFFER.format(_written(inputs)))
    columns = list(zip(*known, strict=True))
    total = None if len(known) < len(inputs) or None in columns[axis] else sum(side or 0 for side in columns[axis])
    dims = tuple(
        total if k == axis else next((side for side in sides if side is not None), None)
        for k, sides in enumerate(columns)
    )
    differ = any(_differ(list(sides)) for k, sides in enumerate(columns) if k != axis)
    y, x = merged(inputs) if axes - axis > 2 else (None, None)
    return Given((Blob(dims, y, x),), note=DIFFER.format(_written(inputs)) if differ else "")


def sliced(layer: Layer, inputs: tuple[Blob, ...]) -> Given:
    """Parts along an axis: between the slice points, or of equal size."""
    blob, tops = (*inputs, UNKNOWN)[0], max(len(layer.tops), 1)
    if blob.dims is None:
        return Given((UNKNOWN,) * tops)
    axis = axis_of(layer, "axis" if layer.own.has("axis") else "slice_dim", 1, len(blob.dims))
    side, points = blob.dims[axis], layer.own.integers("slice_point", 0)
    note = ""
    if points:
        ends: list[Dim] = [0, *points[: tops - 1], side]
        sizes = [None if a is None or b is None else b - a for a, b in pairwise(ends)]
        sizes += [None] * (tops - len(sizes))
        note = "" if len(points) == tops - 1 else f"It has {len(points)} slice points for {tops} tops."
    else:
        sizes = [side and side // tops] * tops
        note = "" if side is None or side % tops == 0 else f"{side} channels do not divide into {tops} equal parts."
    keep = len(blob.dims) - axis > 2
    y, x = (blob.y, blob.x) if keep else (None, None)
    return Given(tuple(Blob(replaced(blob.dims, axis, size), y, x) for size in sizes[:tops]), note=note)


def crop(layer: Layer, inputs: tuple[Blob, ...]) -> Given:
    """The first blob, cut to the size of the second from `axis` on."""
    blob, other = (*inputs, UNKNOWN, UNKNOWN)[:2]
    if blob.dims is None or other.dims is None or len(blob.dims) != len(other.dims):
        return Given((UNKNOWN if blob.dims is None else Blob((None,) * len(blob.dims)),))
    axes = len(blob.dims)
    axis = axis_of(layer, "axis", 2, axes)
    offsets = layer.own.integers("offset", 0)
    if len(offsets) not in (0, 1, axes - axis):
        raise Refused(f"It has {len(offsets)} offsets for {axes - axis} axes.")
    cuts = (0,) * axis + (offsets * (axes - axis) if len(offsets) == 1 else offsets or (0,) * (axes - axis))
    dims = (*blob.dims[:axis], *other.dims[axis:])
    short = any(
        have is not None and want is not None and have < want + cut
        for have, want, cut in zip(blob.dims, dims, cuts, strict=True)
    )
    y, x = (span and span.window(1, 1, -cut) for span, cut in zip((blob.y, blob.x), cuts[-2:], strict=True))
    note = "It is to be cut to a size that, with its offset, is larger than itself." if short else ""
    return Given((Blob(dims, y, x),), note=note)


def _flat(blob: Blob, dims: Dims) -> Blob:
    """Reshaped: a blob of one place keeps what that sees, another keeps it where its last two axes stay as they were."""
    kept = blob.dims is not None and len(dims) > 2 and None not in dims[-2:] and dims[-2:] == blob.dims[-2:]
    return Blob(dims, blob.y, blob.x) if kept or blob.single else Blob(dims)


def flatten(layer: Layer, inputs: tuple[Blob, ...]) -> Given:
    """The axes from `axis` to `end_axis` as one."""
    blob = (*inputs, UNKNOWN)[0]
    if not blob.dims:
        return Given((blob,))
    start, stop = axis_of(layer, "axis", 1, len(blob.dims)), axis_of(layer, "end_axis", -1, len(blob.dims)) + 1
    return Given((_flat(blob, (*blob.dims[:start], blob.count(start, stop), *blob.dims[stop:])),))


UNEVEN = "Its shape does not hold as many values as it reads."


def reshape(layer: Layer, inputs: tuple[Blob, ...]) -> Given:
    """0 keeps a side, -1 takes what is left; only `num_axes` axes from `axis` on are replaced."""
    blob, wanted = (*inputs, UNKNOWN)[0], layer.own.message("shape").integers("dim", -1)
    if blob.dims is None:
        return Given((Blob(tuple(side if side > 0 else None for side in wanted)),))
    axes = len(blob.dims)
    start = axis_of(layer, "axis", 0, axes + 1)
    count = layer.own.integer("num_axes", -1, least=-1)
    stop = axes if count == -1 else min(start + count, axes)
    made: list[Dim] = [blob.side(start + k) if side == 0 else side for k, side in enumerate(wanted)]
    if made.count(-1) > 1:
        raise layer.own.at.error("reshape_param: expected at most one dim of -1, received two")
    whole = blob.count(start, stop)
    if -1 in made:
        rest = product(side for side in made if side != -1)
        place = made.index(-1)
        if whole is None or rest is None:
            made[place] = None
        elif rest == 0 or whole % rest:
            made[place] = None
            return Given((Blob((*blob.dims[:start], *made, *blob.dims[stop:])),), note=UNEVEN)
        else:
            made[place] = whole // rest
    note = UNEVEN if None not in made and whole is not None and product(made) != whole else ""
    return Given((_flat(blob, (*blob.dims[:start], *made, *blob.dims[stop:])),), note=note)


def permute(layer: Layer, inputs: tuple[Blob, ...]) -> Given:
    """The axes in another order; those not named follow."""
    blob = (*inputs, UNKNOWN)[0]
    if blob.dims is None:
        return Given((UNKNOWN,))
    order = [k for k in layer.own.integers("order", 0) if k < len(blob.dims)]
    order = list(dict.fromkeys([*order, *range(len(blob.dims))]))
    keep = order[-2:] == [len(blob.dims) - 2, len(blob.dims) - 1]
    dims = tuple(blob.dims[k] for k in order)
    return Given((Blob(dims, blob.y, blob.x) if keep else Blob(dims),))


def tile(layer: Layer, inputs: tuple[Blob, ...]) -> Given:
    """Copies one behind the other."""
    blob = (*inputs, UNKNOWN)[0]
    if blob.dims is None:
        return Given((UNKNOWN,))
    axis = axis_of(layer, "axis", 1, len(blob.dims))
    side = product((blob.dims[axis], layer.own.integer("tiles", 1, least=1)))
    keep = len(blob.dims) - axis > 2
    return Given((Blob(replaced(blob.dims, axis, side), *((blob.y, blob.x) if keep else (None, None))),))


def reduction(layer: Layer, inputs: tuple[Blob, ...]) -> Given:
    """One number of all that stands from `axis` on."""
    blob = (*inputs, UNKNOWN)[0]
    axis = axis_of(layer, "axis", 0, len(blob.dims)) if blob.dims else 0
    return Given((Blob(blob.dims[:axis] if blob.dims is not None else None),))


def arg_max(layer: Layer, inputs: tuple[Blob, ...]) -> Given:
    """The numbers of the largest values, along an axis or of all."""
    blob, top = (*inputs, UNKNOWN)[0], layer.own.integer("top_k", 1, least=1)
    if layer.own.has("axis"):
        if blob.dims is None:
            return Given((UNKNOWN,))
        axis = axis_of(layer, "axis", 1, len(blob.dims))
        keep = len(blob.dims) - axis > 2
        return Given((Blob(replaced(blob.dims, axis, top), *((blob.y, blob.x) if keep else (None, None))),))
    axes = max(len(blob.dims or ()), 3)
    pairs = 2 if layer.own.flag("out_max_val", False) else 1
    return Given((Blob((blob.side(0), pairs, top, *(1,) * (axes - 3))),))


def reindexed(layer: Layer, inputs: tuple[Blob, ...]) -> Given:
    """As many images as the second blob has numbers."""
    blob, index = (*inputs, UNKNOWN, UNKNOWN)[:2]
    return Given((Blob((index.side(0), *blob.dims[1:]), blob.y, blob.x) if blob.dims else blob,))


def scalar(layer: Layer, inputs: tuple[Blob, ...]) -> Given:
    """One number; what a loss gives besides has the shape of what it reads."""
    return Given((Blob(()), *(one for one in inputs[:1] * (len(layer.tops) - 1))))


def accuracy(layer: Layer, inputs: tuple[Blob, ...]) -> Given:
    """One number, and one a class where there is a second top."""
    classes = (*inputs, UNKNOWN)[0].side(layer.own.integer("axis", 1, least=-32))
    return Given((Blob(()), *((Blob((classes,)),) * (len(layer.tops) - 1))))


def nothing(layer: Layer, inputs: tuple[Blob, ...]) -> Given:
    """It only reads."""
    return Given(())
