"""A network as a row of tensors, for the styles that draw tensors and not boxes: what lies on its main path, where shapes change.

    conv ─▶ norm ─▶ relu ─▶ conv ─▶ pool        becomes    tensor ─Convolution ×2─▶ tensor ─Max-Pool─▶ tensor

The main path is the longest one. Blocks are opened as deep as no branch opens and the row stays short; where it is long still,
neighbours of one kind and shape are drawn once, then neighbours of one shape, then of one size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from generator.diagrams.architecture import Architecture, Op, Shape, shape_words
from generator.diagrams.simplify import at_depth, fused, levels, without

WORDS = {
    "conv": "Convolution",
    "linear": "Dense",
    "attention": "Attention",
    "resample": "Resize",
    "other": "",
    "input": "Input",
    "merge": "Sum",
}
UP = "Up-"
"""What a line ends with where a word is broken."""
LINES = 3
"""Of words under a tensor, at most."""


@dataclass(frozen=True)
class Stage:
    """One tensor of the row, and how it came about."""

    op: Op
    """Whose tensor it is: the last of `ops`."""
    ops: tuple[Op, ...]
    """What lies between the tensor before and this one, in order."""
    words: tuple[str, ...]
    """What they are called, in lines: ``("Convolution", "×2")``, ``("Max-Pool", "Convolution ×2")``; empty for the input."""
    kernel: tuple[int, int] | None
    """(height, width) of the window on the tensor before; None where there is none."""
    skips: tuple[int, ...] = ()
    """Numbers of the earlier tensors, but for the one before, that `ops` read."""
    dashed: bool = False
    """Whether it could be made of something else, or not at all, for another input."""

    @property
    def tooltip(self) -> str:
        """``features.3: Conv2d, 64 × 56 × 56``"""
        first, last = self.ops[0], self.op
        names = first.id if first is last else f"{first.id} … {last.id}"
        return f"{names}: {last.op}, {shape_words(last.shape)}"


def maps(shape: Shape) -> tuple[int, int, int] | None:
    """(channels, height, width) of maps; None of a vector, also of one that is kept as maps of one pixel.

    Tokens (tokens, features) are one map.
    """
    if len(shape) < 2:
        return None
    if len(shape) == 2:
        return (1, *shape)
    channels, height, width = shape[-3:]
    return None if height == width == 1 else (channels, height, width)


def tokens(shape: Shape) -> bool:
    """Whether it is a row of tokens: (tokens, features)."""
    return len(shape) == 2


def label(shape: Shape) -> str:
    """``64@56×56``, ``197×768`` of tokens, ``1000`` of a vector, ``?`` where it is not known."""
    found = maps(shape)
    if found is None:
        return str(max(shape)) if shape else "?"
    channels, height, width = found
    return f"{height}×{width}" if len(shape) == 2 else f"{channels}@{height}×{width}"


def tops(row: Sequence[Stage]) -> tuple[int, int, int]:
    """The largest side of a row's maps, the most channels, the longest vector. Tokens are measured where there is nothing else."""
    found = [size for stage in row if (size := maps(stage.op.shape)) is not None]
    square = [max(size[1:]) for size in found if size[0] > 1] or [max(size[1:]) for size in found]
    vectors = [max(stage.op.shape, default=1) for stage in row if maps(stage.op.shape) is None]
    return (max(square, default=1), max((size[0] for size in found), default=1), max(vectors, default=1))


def stages(it: Architecture, most: int, depth: int = -1) -> tuple[Stage, ...]:
    """The row, `most` tensors long where that can be, with blocks opened `depth` levels deep; -1: as deep as is readable."""
    plain = _channels_first(fused(without(it)))
    if depth >= 0:
        return shortened(at_depth(plain, depth), most)
    least = opened = at_depth(plain, 0)
    best = shortened(least, most)
    for level in range(1, 2 + max(levels(plain).values(), default=-1)):
        opened = at_depth(plain, level)
        if _branches(opened) > _branches(least):
            break
        row = shortened(opened, most)
        if len(row) <= most:
            best = row
    return best


def _channels_first(it: Architecture) -> Architecture:
    """The same with maps whose channels come last turned: those that are square only so, of a square image."""
    given = next((op.shape for op in it.ops if op.kind == "input"), ())
    if len(given) != 3 or given[1] != given[2]:
        return it

    def turned(shape: Shape) -> Shape:
        return (shape[2], *shape[:2]) if len(shape) == 3 and shape[0] == shape[1] != shape[2] else shape

    return replace(
        it,
        ops=tuple(replace(op, shape=turned(op.shape)) for op in it.ops),
        blocks=tuple(replace(block, shape=turned(block.shape)) for block in it.blocks),
    )


def _branches(it: Architecture) -> int:
    """How many ways part: 0 of a chain, in which two may be joined by several tensors, as by one that is reshaped too."""
    return len({(edge.source, edge.target) for edge in it.edges}) - len(it.ops) + 1


def main_path(it: Architecture) -> tuple[Op, ...]:
    """The longest way through the network, of equally long ones the first."""
    length: dict[str, int] = {}
    came: dict[str, str] = {}
    for op in it.ops:
        length[op.id] = 1
        for edge in it.inputs_of[op.id]:
            if edge.source in length and length[edge.source] + 1 > length[op.id]:
                length[op.id], came[op.id] = length[edge.source] + 1, edge.source
    if not length:
        return ()
    at: str | None = max(length, key=lambda name: length[name])
    found = []
    while at is not None:
        found.append(it.by_id[at])
        at = came.get(at)
    return tuple(reversed(found))


def shortened(it: Architecture, most: int) -> tuple[Stage, ...]:
    """The tensors of the main path; as few of them left out as leaves `most`. Like blocks in a row are one, however few they are."""
    parts = _shown(main_path(it))
    same: tuple[Callable[[list[Op]], object], ...] = (
        lambda ops: (ops[-1].shape, word(ops[0])) if ops[0].kind == "block" else ops[0].id,
        lambda ops: (ops[-1].shape, word(ops[0])),
        lambda ops: ops[-1].shape,
        lambda ops: (maps(ops[-1].shape) or (0,))[1:],
    )
    row: list[list[list[Op]]] = []
    for key in same:
        row = [parts[:1], *(list(group) for _, group in groupby(parts[1:], key))] if parts else []
        if len(row) <= most:
            break
    read = _skips(it, row)
    made = (_stage(group, first=k == 0, skips=read[k]) for k, group in enumerate(row))
    return tuple(replace(stage, dashed=any(is_open(it, op) for op in stage.ops)) for stage in made)


def is_open(it: Architecture, op: Op) -> bool:
    """Whether a line to it is dashed."""
    return any(edge.dashed for edge in it.inputs_of[op.id])


def _skips(it: Architecture, row: list[list[list[Op]]]) -> list[tuple[int, ...]]:
    """For each tensor of the row the earlier ones that it is made from too, be it through operations beside the main path."""
    place = {op.id: k for k, group in enumerate(row) for part in group for op in part}
    found: dict[
        str, frozenset[int]
    ] = {}  # what each op was made from, in places of the row, as far back as the row itself
    read: list[set[int]] = [set() for _ in row]
    for op in it.ops:
        made = frozenset(k for edge in it.inputs_of[op.id] for k in found.get(edge.source, ()))
        if op.id in place:
            here = place[op.id]
            read[here] |= {k for k in made if k < here - 1}
            made = frozenset((here,))
        found[op.id] = made
    return [tuple(sorted(one)) for one in read]


def _shown(path: Sequence[Op]) -> list[list[Op]]:
    """The path in pieces: each begins with an op that makes a tensor of its own, those that only change its values follow."""
    found: list[list[Op]] = []
    for op in path:
        if op.kind == "output" and found:
            continue
        before = found[-1][-1].shape if found else None
        own = op.kind in ("conv", "linear", "attention", "block", "resample", "pool")
        if own and op.kind == "pool" and op.op.startswith("Adaptive"):
            own = False  # where it changes no size, it does nothing
        if own or before is None or op.shape != before:
            found.append([op])
        else:
            found[-1].append(op)
    return found


def word(op: Op) -> str:
    """What an op is called under its tensor."""
    name = op.op.removeprefix("F.")
    if op.kind == "block" or op.kind == "output":
        return name.lstrip("_")
    if op.kind == "pool":
        said = " ".join((op.op, *(value for _, value in op.attributes))).lower()
        if maps(op.shape) is None:
            return "Global pool"
        return "Max-Pool" if "max" in said else "Lp-Pool" if "lp" in said else "Avg-Pool"
    if op.kind == "conv" and "transpose" in name.lower().replace("deconv", "transpose"):
        return "Up-convolution"
    if op.kind == "merge" and ("cat" in name.lower() or name.lower() in ("stack", "hstack", "vstack")):
        return "Concatenation"
    return WORDS.get(op.kind, "") or name


def _stage(group: list[list[Op]], *, first: bool, skips: tuple[int, ...]) -> Stage:
    ops = tuple(op for part in group for op in part)
    counted: list[tuple[str, int]] = []
    for part in group:
        said, times = word(part[0]), part[0].times
        if counted and counted[-1][0] == said:
            counted[-1] = (said, counted[-1][1] + times)
        else:
            counted.append((said, times))
    lines = [said if times == 1 else f"{said} ×{times}" for said, times in counted]
    if len(counted) == 1 and counted[0][1] > 1:
        lines = [counted[0][0], f"×{counted[0][1]}"]  # as narrow as can be: widths decide how large print is
    elif len(lines) == 1 and lines[0].startswith(UP):
        lines = [UP, lines[0].removeprefix(UP)]
    if len(lines) > LINES:
        lines = [*lines[: LINES - 1], "…"]
    kernel = next((found for part in group if (found := _kernel(part[0]))), None)
    return Stage(ops[-1], ops, () if first else tuple(lines), None if first else kernel, skips)


def _kernel(op: Op) -> tuple[int, int] | None:
    """The window of an op; of a block, the largest of its convolutions'."""
    found = [size for one in _simple(op) if one.kind in ("conv", "pool") and (size := window(one))]
    return max(found, default=None, key=lambda size: size[0] * size[1])


def _simple(op: Op) -> Iterator[Op]:
    if op.kind != "block":
        yield op
    else:
        for part in op.parts:
            if part.kind in ("conv", "block"):
                yield from _simple(part)


def window(op: Op) -> tuple[int, int] | None:
    """(height, width) of ``("kernel", "3×5")``; one number is a square."""
    said = dict(op.attributes).get("kernel", "").replace("x", "×").split("×")
    if not all(side.isascii() and side.isdigit() for side in said):
        return None
    return (int(said[0]), int(said[-1]))
