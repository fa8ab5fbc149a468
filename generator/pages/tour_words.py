"""The walk in words: one sentence for what an operation does to the picture, with its own numbers, and what a newcomer learns there.

32 kernels of 3 × 3 slide over the picture in steps of 2: each makes one map of 112 × 112.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from generator.diagrams.architecture import Op, Shape
from generator.pages.environment import Strings
from generator.pages.numbers import times
from generator.pages.tour_columns import Column

RECTIFIERS = {"relu": "relu", "relu6": "relu6", "hardtanh": "relu6", "threshold": "relu"}
"""Activations with a sentence of their own, by name in small letters."""
BY = {
    "sub": "sub",
    "isub": "sub",
    "add": "add",
    "iadd": "add",
    "mul": "mul",
    "imul": "mul",
    "div": "div",
    "itruediv": "div",
}
"""Arithmetic with a number of the model's own."""
PLAIN = ("other", "merge", "act", "softmax", "norm")
"""Kinds of operation that work on any numbers, whether they are maps or not."""
TELLING = ("nms", "batched_nms", "roi_align", "roi_pool", "topk", "sort", "argsort")
"""What is named first among many."""
MANY, NAMED = 5, 12
"""So many operations on numbers that are no maps are told together, and so many of them by name."""
FAR = 0.5
"""Share of the picture's side from which on a unit is said to see far."""


def sides(text: str) -> tuple[int, int] | None:
    """``3×3`` or ``3x3`` as (3, 3), ``2`` as (2, 2); None where it is no such thing."""
    found = [int(one) for one in re.findall(r"\d+", text)]
    return (found[0], found[-1]) if 1 <= len(found) <= 2 else None


def padding(text: str) -> tuple[int, int]:
    """(top, left) of ``1``, ``1×0`` or ``top 0, bottom 1, left 0, right 1``."""
    named = dict(re.findall(r"(top|left) (\d+)", text))
    if named:
        return int(named.get("top", 0)), int(named.get("left", 0))
    return sides(text) or (0, 0)


def window(op: Op) -> dict[str, list[int]] | None:
    """{k, s, p, d}: the sides, steps, padding above and on the left, and dilation of what slides over a map; None where nothing does."""
    facts = dict(op.attributes)
    kernel = sides(facts.get("kernel", ""))
    if kernel is None or "transpose" in op.op.lower():
        return None
    step, gap = sides(facts.get("stride", "1")) or (1, 1), sides(facts.get("dilation", "1")) or (1, 1)
    return {"k": [*kernel], "s": [*step], "p": [*padding(facts.get("padding", "0"))], "d": [*gap]}


def depth(op: Op) -> int:
    """How many maps one of its kernels looks at; 0 where it has none."""
    facts = dict(op.attributes)
    channels = re.findall(r"\d+", facts.get("channels", ""))
    return int(channels[0]) // _parts(facts) if op.kind == "conv" and channels else 0


def _parts(facts: dict[str, str]) -> int:
    """Groups of a convolution."""
    return int((re.findall(r"\d+", facts.get("groups", "1")) or ["1"])[0])


def brief(op: Op) -> str:
    """What is explained in full once only, as a key of its own; "" of what is told anew each time."""
    if op.kind == "norm" and len(op.shape) == 3 and "batchnorm" in op.op.lower().replace("_", ""):
        return "norm_batch"
    return RECTIFIERS.get(op.op.removeprefix("F.").rstrip("_").lower(), "") if op.kind == "act" else ""


def again(t: Strings, op: Op, factors: tuple[float, float] | None = None) -> str:
    """A short line on what was explained before; `factors`: the least and the largest by which a batch norm multiplies a map."""
    n = op.shape[0] if op.shape else "?"
    if brief(op) == "norm_batch" and factors is not None:
        low, high = (f"{factor:.3g}".replace("-", "−") for factor in factors)
        said = t("tour.said.norm_batch_numbers", n=n, low=low, high=high)
        return f"{said} {t('tour.said.norm_batch_turned')}" if factors[0] < 0 else said
    return t(f"tour.said.{brief(op)}_again", op=op.op.removeprefix("F.").rstrip("_"), n=n)


def repeated(columns: Sequence[Column], *, folded: bool = False) -> list[frozenset[str]]:
    """Of each column the operations that are told briefly, since one before it has the whole; of folded columns, one in sight."""
    told: set[str] = set()
    found: list[frozenset[str]] = [frozenset() for _ in columns]
    for k in sorted(range(len(columns)), key=lambda k: folded and bool(columns[k].copies)):
        short = set()
        for op in (*columns[k].ops, *columns[k].also):
            if key := brief(op):
                short |= {op.id} if key in told else set()
                told.add(key)
        found[k] = frozenset(short)
    return found


def sentence(t: Strings, op: Op, reads: Sequence[Shape]) -> str:
    """What the operation does, in one sentence."""
    said = _SAID.get(op.kind, _other)
    return said(t, op, reads)


def together(t: Strings, ops: Sequence[Op], *, last: bool = False) -> tuple[str, frozenset[str]]:
    """A sentence on all operations that work on numbers that are no maps, as what a detector does behind its `last` maps, and which
    they are; "" and none where they are few."""
    found = [op for op in ops if op.kind in PLAIN and (last or len(op.shape) != 3)]
    if len(found) <= MANY:
        return "", frozenset()
    names = list(dict.fromkeys(op.op.removeprefix("F.").strip("_") for op in found))
    names.sort(key=lambda name: name not in TELLING)
    said = ", ".join(names[:NAMED]) + (" and others" if len(names) > NAMED else "")
    return t("tour.said.together", n=len(found), names=said), frozenset(op.id for op in found)


def shuffles(op: Op, reads: Sequence[Shape]) -> bool:
    """Whether channels that were taken apart into groups and turned, (c / g, g, h, w), are put together again."""
    before = reads[0] if reads else ()
    return op.kind == "reshape" and len(before) == 4 and len(op.shape) == 3 and before[2:] == op.shape[1:] and op.shape[0] == before[0] * before[1]  # fmt: skip


def size(shape: Shape) -> str:
    """``112 × 112`` of (32, 112, 112)."""
    return times(*shape[1:])


def _is_map(shape: Shape) -> bool:
    return len(shape) == 3 and shape[1] * shape[2] > 1


def _steps(t: Strings, op: Op) -> str:
    step = sides(dict(op.attributes).get("stride", "1")) or (1, 1)
    if step == (1, 1):
        return t("tour.each_place")
    return t("tour.in_steps", n=step[0] if step[0] == step[1] else times(*step))


def _conv(t: Strings, op: Op, reads: Sequence[Shape]) -> str:
    facts = dict(op.attributes)
    kernel = sides(facts.get("kernel", ""))
    into = reads[0] if reads else ()
    if len(op.shape) != 3 or len(into) != 3 or kernel is None:
        return _other(t, op, reads)
    units, channels = op.shape[0], into[0]
    groups = _parts(facts)
    parts = {"n": units, "k": times(*kernel), "c": channels, "steps": _steps(t, op), "out": size(op.shape), "in": size(into), "g": groups}  # fmt: skip
    if "transpose" in op.op.lower():
        key = "conv_transposed"
    elif groups > 1:
        each = units // groups
        parts |= {"each": each, "depth": channels // groups}
        key = ("conv_depthwise" if each == 1 else "conv_depthwise_n") if groups == channels else "conv_groups"
    elif kernel == (1, 1):
        key = "conv_point"
    else:
        key = "conv"
    return t(f"tour.said.{key}", **parts)


def first_conv(t: Strings, op: Op, reads: Sequence[Shape]) -> str:
    """A convolution that reads the picture itself."""
    kernel = sides(dict(op.attributes).get("kernel", ""))
    if kernel is None or len(op.shape) != 3 or "groups" in dict(op.attributes):
        return _conv(t, op, reads)
    key = "conv_first_colours" if depth(op) == 3 else "conv_first"
    return t(f"tour.said.{key}", n=op.shape[0], k=times(*kernel), steps=_steps(t, op), out=size(op.shape))


def _norm(t: Strings, op: Op, reads: Sequence[Shape]) -> str:
    name = op.op.lower().replace("_", "")
    if "localresponse" in name:
        return t("tour.said.norm_response")
    batch = "batchnorm" in name
    return t(
        f"tour.said.{'norm_batch' if batch and len(op.shape) == 3 else 'norm'}",
        op=op.op,
        n=op.shape[0] if op.shape else "?",
    )


def _act(t: Strings, op: Op, reads: Sequence[Shape]) -> str:
    name = op.op.removeprefix("F.").rstrip("_").lower()
    return t(f"tour.said.{RECTIFIERS.get(name, 'act')}", op=op.op.removeprefix("F."))


def _pool(t: Strings, op: Op, reads: Sequence[Shape]) -> str:
    into = reads[0] if reads else ()
    kernel = sides(dict(op.attributes).get("kernel", ""))
    how = "max" if "max" in op.op.lower() else "avg"
    if _is_map(into) and (len(op.shape) < 3 or op.shape[1:] == (1, 1)):
        return t(f"tour.said.pool_all_{how}", n=into[0], **{"in": size(into)})
    if len(into) != 3 or len(op.shape) != 3:
        return _other(t, op, reads)
    if kernel == (1, 1):
        return t("tour.said.pool_point", steps=_steps(t, op), **{"in": size(into), "out": size(op.shape)})
    if kernel is None:
        return t("tour.said.pool_to", **{"in": size(into), "out": size(op.shape)})
    return t(
        f"tour.said.pool_{how}", k=times(*kernel), steps=_steps(t, op), **{"in": size(into), "out": size(op.shape)}
    )


def _linear(t: Strings, op: Op, reads: Sequence[Shape]) -> str:
    found = re.findall(r"\d+", dict(op.attributes).get("channels", ""))
    if len(found) != 2:
        return _other(t, op, reads)
    return t(
        f"tour.said.{'linear' if len(op.shape) == 1 else 'linear_places'}",
        out=f"{int(found[1]):,}",
        **{"in": f"{int(found[0]):,}"},
    )


def _merge(t: Strings, op: Op, reads: Sequence[Shape]) -> str:
    name = op.op.removeprefix("F.").rstrip("_").lower()
    if name in ("cat", "concat", "concatenate", "hstack") and reads and all(reads):
        return t(
            "tour.said.cat", parts=" + ".join(str(shape[0]) for shape in reads), n=op.shape[0] if op.shape else "?"
        )
    key = {"add": "add", "iadd": "add", "mul": "mul", "imul": "mul", "matmul": "matmul"}.get(name, "merge")
    return t(f"tour.said.{key}", op=op.op.removeprefix("F."), n=max(2, len(reads)))


def _attention(t: Strings, op: Op, reads: Sequence[Shape]) -> str:
    return t("tour.said.attention")


def _resample(t: Strings, op: Op, reads: Sequence[Shape]) -> str:
    if len(op.shape) != 3 or not reads or len(reads[0]) != 3:
        return _other(t, op, reads)
    key = "resample_same" if reads[0][1:] == op.shape[1:] else "resample"
    return t(f"tour.said.{key}", **{"in": size(reads[0]), "out": size(op.shape)})


def _softmax(t: Strings, op: Op, reads: Sequence[Shape]) -> str:
    return t("tour.said.softmax")


def _other(t: Strings, op: Op, reads: Sequence[Shape]) -> str:
    name = op.op.removeprefix("F.") or op.id
    if name.strip("_") in BY and len(reads) == 1 and len(op.shape) == 3:
        return t(f"tour.said.by_{BY[name.strip('_')]}")
    if shuffles(op, reads):
        return t("tour.said.shuffle", n=op.shape[0], groups=reads[0][1] if len(reads[0]) == 4 else "")
    return t("tour.said.other", op=name, out=times(*op.shape)) if op.shape else t("tour.said.unknown", op=name)


_SAID: dict[str, Callable[[Strings, Op, Sequence[Shape]], str]] = {
    "conv": _conv, "norm": _norm, "act": _act, "pool": _pool, "linear": _linear, "merge": _merge, "attention": _attention,
    "resample": _resample, "softmax": _softmax,
}  # fmt: skip


def lessons(columns: Sequence[Column], picture: Shape, *, folded: bool = False) -> list[list[str]]:
    """What is learned at each column: every lesson at the first that shows it; of folded columns, at the first in sight."""
    given: set[str] = set()
    found: list[list[str]] = [[] for _ in columns]
    for k in sorted(range(len(columns)), key=lambda k: folded and bool(columns[k].copies)):
        found[k] = [key for key in _shown(columns[k], picture) if key not in given]
        given.update(found[k])
    return found


def _shown(column: Column, picture: Shape) -> list[str]:
    """The lessons that a column could give."""
    if column.role == "image":
        return ["image"]
    if column.role == "answer":
        return ["answer" if any(op.kind == "linear" for op in column.ops) or len(column.ops) > 1 else "softmax"]
    found: list[str] = []
    for op in (*column.ops, *column.also):
        reads = column.given.get(op.id, ())
        kernel = sides(dict(op.attributes).get("kernel", ""))
        if op.kind == "conv" and kernel:
            found += ["point"] if kernel == (1, 1) else ["kernel", "unit"]
            found += ["depthwise"] if "depthwise" in dict(op.attributes).get("groups", "") else []
            found += ["sum"] if depth(op) > 1 and "groups" not in dict(op.attributes) else []
        elif op.kind in ("act", "norm", "attention"):
            found.append(op.kind)
        elif op.kind == "merge":
            found += ["cat"] if "cat" in op.op.lower() else ["skip"] if "add" in op.op.lower() else []
        into = reads[0] if reads else ()
        if op.kind == "pool" and _is_map(into):
            found.append("pool_all" if len(op.shape) < 3 or op.shape[1:] == (1, 1) else "pool")
        elif op.kind == "linear" and len(op.shape) == 1:
            found.append("linear")
        if (
            op.kind in ("conv", "pool")
            and len(into) == 3
            and len(op.shape) == 3
            and op.shape[1] < into[1]
            and op.shape[1] > 1
        ):
            found.append("smaller")
    far = column.view.layer.receptive_field if column.view else (0, 0)
    if far is not None and len(picture) == 3 and far[0] >= FAR * picture[1]:
        found.append("field")
    return found
