"""The one small grammar by which layers, targets and units are chosen, in the config, on the command line, in Python.

layers   last_conv  stage_ends  conv norm pool act block  all  layer4.2.conv3  layer4.*
targets  top1  top:5  true  243  tabby  "243"  group:dogs  unit:layer4:17  unit:layer4:17:3:3  call:package.module:function
units    top:16  threads:16  top:8+threads:4  0,5,17  all
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase

from generator.errors import UserError
from generator.names import (
    CallTarget,
    ClassTarget,
    GroupTarget,
    Layer,
    LayerName,
    RankTarget,
    Target,
    TrueTarget,
    Unit,
)

KINDS = ("conv", "norm", "pool", "act", "block", "merge", "attention")
"""The kinds of layer that are selectors of their own."""
TARGETS = (
    "top1, top:K, true, a class index, a label, group:NAME, unit:LAYER:CHANNEL[:ROW:COLUMN], or call:MODULE:FUNCTION"
)
UNITS = "top:K, threads:K, top:K+threads:N, channel numbers such as 0,5,17, or all"


def select_layers(selector: str | Sequence[str], layers: Sequence[Layer]) -> tuple[Layer, ...]:
    """The layers meant by one selector or by several (their union), in order of execution, each once.

    Raises UserError for a name that is no layer, for a pattern that matches none, and where nothing is left in all:
    ``[conv, pool]`` is good for a model that has no pooling.
    """
    selectors = (selector,) if isinstance(selector, str) else tuple(selector)
    if not selectors:
        raise UserError("layers: expected a selector or a list of them, received an empty list; write `all` for all")
    chosen: set[LayerName] = set()
    for one in selectors:
        chosen.update(layer.name for layer in _matching(one, layers))
    if not chosen:
        words = ", ".join(f"`{one}`" for one in selectors)
        raise UserError(f"layers: the model has no layer for {words}; `convatlas layers MODEL` lists what it has")
    return tuple(sorted((layer for layer in layers if layer.name in chosen), key=lambda layer: layer.depth))


def _matching(selector: str, layers: Sequence[Layer]) -> Sequence[Layer]:
    """The layers of one selector. A word of the grammar wins over a layer of that name: ``conv`` means the same in
    every model, and a layer called so is still met by ``[c]onv``."""
    if selector in KINDS:
        return [layer for layer in layers if layer.kind == selector]
    if selector in _WORDS:
        return _WORDS[selector](layers)
    names = [layer.name for layer in layers]
    if selector in names:
        return [layer for layer in layers if layer.name == selector]
    if any(c in selector for c in "*?["):
        found = [layer for layer in layers if fnmatchcase(layer.name, selector)]
        if not found:
            near = nearest(selector.rstrip(".*?"), names)
            raise UserError(f"layers: no layer's name matches `{selector}`{near}; `convatlas layers MODEL` lists them")
        return found
    near = nearest(selector, [*names, *KINDS, *_WORDS])
    raise UserError(f"layers: there is no layer `{selector}`{near}; `convatlas layers MODEL` lists them")


def _spatial(layers: Sequence[Layer]) -> Sequence[Layer]:
    """Those with more than one place, of which the scores read more than a class token."""
    return [layer for layer in layers if layer.shape[1:] != (1, 1) and layer.read]


def _last_conv(layers: Sequence[Layer]) -> Sequence[Layer]:
    """The last convolution whose map is larger than 1x1: a later one is a classifier or a gate, not a picture."""
    convs = [layer for layer in layers if layer.kind == "conv"]
    spatial = _spatial(convs) or convs
    return [max(spatial, key=lambda layer: layer.depth)] if spatial else []


def _stage_ends(layers: Sequence[Layer]) -> Sequence[Layer]:
    """The last layer at each resolution above 1x1.

    A block is preferred where there is one, since what follows it at its resolution opens the next block (the
    expansion before a strided depthwise convolution), even where that is a block of its own. The model's last resolution
    has no next block: there the last layer is taken, whatever it is, for the head reads that one.
    """
    at: dict[tuple[int, int], list[Layer]] = {}
    spatial = sorted(_spatial(layers), key=lambda layer: layer.depth)
    for layer in spatial:
        at.setdefault(layer.shape[1:], []).append(layer)
    if not at:
        return []
    last = max((group[-1] for group in at.values()), key=lambda layer: layer.depth)
    strided = [layer for layer in spatial if layer.kind == "block" and len(_resolutions(layer, spatial)) == 2]
    ends = []
    for group in at.values():
        blocks = [layer for layer in group if layer.kind == "block"]
        opening = {layer.name: sum(_opens(layer, block) for block in strided) for layer in blocks}
        blocks = [layer for layer in blocks if opening[layer.name] == min(opening.values())]
        ends.append(blocks[-1] if blocks and group[-1] is not last else group[-1])
    return ends


def _resolutions(block: Layer, layers: Sequence[Layer]) -> set[tuple[int, int]]:
    """The heights and widths of what a block holds: two where it goes from one to the next, more in a whole trunk."""
    return {block.shape[1:]} | {layer.shape[1:] for layer in layers if layer.path.startswith(f"{block.path}.")}


def _opens(layer: Layer, block: Layer) -> bool:
    """Whether a layer lies in a block that ends at another resolution."""
    return layer.path.startswith(f"{block.path}.") and layer.shape[1:] != block.shape[1:]


_WORDS: dict[str, Callable[[Sequence[Layer]], Sequence[Layer]]] = {
    "all": lambda layers: layers,
    "last_conv": _last_conv,
    "stage_ends": _stage_ends,
}


Groups = Mapping[str, Sequence[str]]
"""Names of groups of classes -> what stands in each: labels, indices, and ranges of indices such as ``151-268``."""


def parse_target(
    text: str, labels: Sequence[str] | None, classes: int, groups: Groups | None = None
) -> tuple[Target, ...]:
    """The targets that one word of the grammar means: one each, but for ``top:3``: three, or as many as there are classes.

    `labels` are None or empty where the model has none. A number is an index; in quotes it is a label. ``group:dogs`` is
    looked up in `groups`. Raises UserError that names the nearest label or group, or the grammar.
    """
    text = text.strip()
    top = re.fullmatch(r"top:?(\d+)", text)
    if top and (text == "top1" or ":" in text):
        count = int(top[1])
        if count < 1:
            raise UserError(f"targets: expected top:1 or more, received `{text}`")
        return tuple(RankTarget(rank) for rank in range(1, min(count, classes) + 1))
    if re.fullmatch(r"\d+", text):
        if int(text) >= classes:
            raise UserError(f"targets: expected a class index from 0 to {classes - 1}, received {text}")
        return (ClassTarget(int(text)),)
    unit = re.fullmatch(r"unit:(.+?):(\d+)(?::(\d+):(\d+))?", text)
    if unit:
        place = None if unit[3] is None else (int(unit[3]), int(unit[4]))
        return (Unit(LayerName(unit[1]), int(unit[2]), place),)
    if text == "true":
        return (TrueTarget(),)
    if text.startswith("group:"):
        return (_group(text.removeprefix("group:").strip(), labels, classes, groups or {}),)
    if text.startswith("call:"):
        return (_call(text.removeprefix("call:").strip()),)
    return (_labelled(text, labels),)


def _group(name: str, labels: Sequence[str] | None, classes: int, groups: Groups) -> GroupTarget:
    if name not in groups:
        known = f"there are {', '.join(f'`{one}`' for one in sorted(groups))}" if groups else "there are none"
        raise UserError(
            f"targets: there is no group `{name}`{nearest(name, groups)}; {known}: a group is a file "
            f"site_config/labels/{name or 'NAME'}.txt with a label, an index or a range of indices a line"
        )
    found: dict[int, None] = {}
    for line in groups[name]:
        span = re.fullmatch(r"(\d+)(?:\s*-\s*(\d+))?", line)
        if span is None:
            found[_labelled(line, labels).index] = None
            continue
        first, last = int(span[1]), int(span[2] or span[1])
        if not first <= last < classes:
            raise UserError(f"targets: group `{name}`: expected indices from 0 to {classes - 1}, received {line}")
        found.update(dict.fromkeys(range(first, last + 1)))
    if not found:
        raise UserError(f"targets: the group `{name}` is empty: write a label, an index or a range a line")
    return GroupTarget(name, tuple(sorted(found)))


def _call(function: str) -> CallTarget:
    """The target with its file's digest, so that what it computed is computed anew when the file changes."""
    from generator.engine.targets import source_of  # loads torch

    return CallTarget(function, source_of(function))


def check_units(targets: Iterable[Target], layers: Sequence[Layer]) -> None:
    """Raise UserError where a unit target is of a layer, a channel or a place that the model does not have."""
    by_name = {layer.name: layer for layer in layers}
    for target in targets:
        if not isinstance(target, Unit):
            continue
        if target.layer not in by_name:
            near = nearest(target.layer, by_name)
            raise UserError(f"targets: there is no layer `{target.layer}`{near}; `convatlas layers MODEL` lists them")
        channels, height, width = by_name[target.layer].shape
        if not 0 <= target.channel < channels:
            raise UserError(
                f"targets: expected a unit of `{target.layer}` from 0 to {channels - 1}, received {target.channel}"
            )
        row, column = target.position or (0, 0)
        if not (0 <= row < height and 0 <= column < width):
            raise UserError(
                f"targets: expected a place in the {height} x {width} map of `{target.layer}`, received row {row}, "
                f"column {column}; rows and columns count from 0"
            )


def _labelled(text: str, labels: Sequence[str] | None) -> ClassTarget:
    quoted = len(text) >= 2 and text[0] == text[-1] and text[0] in "\"'"
    label = text[1:-1] if quoted else text
    if not label:
        raise UserError(f"targets: expected {TARGETS}, received an empty string")
    if not labels:
        raise UserError(f"targets: expected {TARGETS}, received `{text}`; this model has no labels to look it up in")
    for same in (lambda other: other == label, lambda other: other.casefold() == label.casefold()):
        found = [index for index, other in enumerate(labels) if same(other)]
        if len(found) > 1:
            listed = ", ".join(map(str, found))
            raise UserError(
                f"targets: `{label}` is the label of the classes {listed}; write the index of the one meant"
            )
        if found:
            return ClassTarget(found[0])
    near = nearest(label, labels)
    raise UserError(f"targets: no class is labelled `{label}`{near}; expected {TARGETS}")


@dataclass(frozen=True)
class UnitSelection:
    """Which units of a layer are meant: the numbers in `channels`, or the `top` strongest of them."""

    channels: tuple[int, ...]
    top: int | None = None
    threads: int = 0
    """Of the `top`, how many give way to the strongest inputs of units chosen in deeper layers (`generator.wiring.threads`)."""
    beside: bool = False
    """Whether those are beside the strongest ones that were asked for, and are there for the sake of threads alone."""

    def choose(self, strengths: Sequence[float] | None = None) -> tuple[int, ...]:
        """The unit numbers: strongest first for ``top:K`` (ties by number), as written for all else.

        `strengths` has one number a unit of the layer; without it the first `top` are taken.
        """
        if self.top is None:
            return self.channels
        if strengths is None:
            return self.channels[: self.top]
        if len(strengths) <= max(self.channels):
            raise ValueError(f"expected {max(self.channels) + 1} strengths, one a unit, received {len(strengths)}")
        return tuple(sorted(self.channels, key=lambda channel: (-strengths[channel], channel))[: self.top])


def parse_units(text: str, n: int) -> UnitSelection:
    """The units that `text` means in a layer of `n`.

    One setting serves layers of every width, so a layer has what it has of what is asked: ``top:16`` of eight units is
    all eight, and ``0,5,17`` of sixteen is units 0 and 5. ``threads:16`` is as many, half of them chosen from behind;
    ``top:8+threads:4`` is eight, and four more from behind.
    """
    text = text.strip()
    if text == "all":
        return UnitSelection(tuple(range(n)))
    if top := re.fullmatch(r"(top|threads):(\d+)", text):
        if int(top[2]) < 1:
            raise UserError(f"units: expected {top[1]}:1 or more, received `{text}`")
        most = min(int(top[2]), n)
        return UnitSelection(tuple(range(n)), most, most // 2 if top[1] == "threads" else 0)
    if both := re.fullmatch(r"top:(\d+)\+threads:(\d+)", text):
        if min(int(both[1]), int(both[2])) < 1:
            raise UserError(f"units: expected top:1+threads:1 or more, received `{text}`")
        own = min(int(both[1]), n)
        more = min(int(both[2]), n - own)
        return UnitSelection(tuple(range(n)), own + more, more, beside=True)
    if not re.fullmatch(r"\d+(\s*,\s*\d+)*", text):
        raise UserError(f"units: expected {UNITS}, received `{text}`")
    channels = dict.fromkeys(int(part) for part in text.split(","))
    return UnitSelection(tuple(channel for channel in channels if channel < n))


def check_chosen(text: str, layers: Sequence[Layer]) -> None:
    """Raise UserError where `text` means no unit of any of these layers."""
    if layers and not any(parse_units(text, layer.units).channels for layer in layers):
        widest = max(layer.units for layer in layers)
        raise UserError(
            f"units: no layer that is searched has any of `{text}`: the widest has {widest:,} units, from 0 to {widest - 1}"
        )


def nearest(word: str, known: Iterable[str], count: int = 3) -> str:
    """`` (the nearest: `a`, `b`)`` to stand after a word that is unknown, or nothing where none is near."""
    by_fold = {name.casefold(): name for name in reversed(list(known))}
    close = [by_fold[fold] for fold in get_close_matches(word.casefold(), list(by_fold), n=count)]
    if not close:
        return ""
    return f" (the nearest: {', '.join(f'`{name}`' for name in close)})"
