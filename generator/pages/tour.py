"""The tour: the network as columns of maps from the image to the answer, and a walk along it in words.

data/tour.js    {input, fold, says, shares, images: [{slug, name, photo, plain, signed, says, classes}], columns: [{key, role, name, slug, page, how, told, …}]}

Maps come from the scripts of the layers' pages, wires and the numbers of figures from theirs: this page adds what stands in which
order, and the words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from generator.artifacts import NotApplicable
from generator.diagrams.architecture import Op
from generator.diagrams.words import title
from generator.names import Layer
from generator.pages import escape, explain
from generator.pages.context import Site
from generator.pages.numbers import compact, times
from generator.pages.tour_columns import Column, Group, Tour, tour_of
from generator.pages.tour_picks import Pick, picks
from generator.pages.tour_repeats import Run
from generator.pages.tour_words import again, depth, first_conv, lessons, repeated, sentence, shuffles, together, window
from generator.pages.views import Atlas, ImageView, LayerView

ADDRESS = "data/tour.js"
BY_PLACE = ("segmentation", "detection")
"""Heads that say where things are, and not one class for the picture."""
MOST = 4
"""How many times below a signed map's largest number its scale may end, as in tour-columns.js."""
OPEN = ("kernel", "unit")
"""Lessons that stand open: without them the rest is not understood."""
MEETS = {"sum": ("add", "iadd"), "product": ("mul", "imul"), "cat": ("cat", "concat", "concatenate")}
"""What ways that meet are called, by the name of the operation."""
ROOM = 24
"""Characters of the name over a column: two lines."""


@dataclass(frozen=True)
class Stop:
    """A column as its template sees it. Strings are hostile until escaped."""

    number: int
    key: str
    column: Column
    name: str
    """What it is called within its group."""
    what: str
    """conv 3 × 3, stride 2"""
    size: str
    none: str
    """Why it has no maps, of a column that has no page."""
    page: str
    """The address of its layer's page, "" where it has none."""
    said: tuple[tuple[str, str], ...]
    """(operation, sentence)"""
    lessons: tuple[tuple[str, str, bool], ...]
    """(title, text, whether it is open at first)"""
    how: tuple[str, str] | None
    """(slug of the layer, operation) whose page shows how it is computed; the operation "" where it is the layer's own."""
    through: str
    """What normalises between the maps that the column before shows and what this one reads, where it has no column."""
    run: Run | None
    """The repetition of which copies follow."""
    run_number: int = -1

    @property
    def head(self) -> str:
        """The name over the column: of a long one its last parts, which tell it from its neighbours."""
        return ending(self.name, ROOM)

    @property
    def kind_first(self) -> bool:
        """Whether its head says what it does and then its name, which is the model's own and may say nothing: ``_swish`` of a ReLU6."""
        return bool(self.what) and self.column.role in ("layer", "between")


def write(site: Site) -> None:
    """Write tour.md and its data."""
    report = site.report
    tour = tour_of(report)
    stops = _stops(site, tour)
    there = any(column.view for column in tour.columns)
    value = {
        "input": list(report.input_shape),
        "fold": tour.folds,
        "images": [_image(site, image) for image in report.images],
        "first": _first(site),
        "columns": [_column(site, stop, first) for stop, first in zip(stops, picks(site, tour.columns), strict=True)],
    }
    value["says"] = "tour_says_detection" if report.head == "detection" else "tour_says"
    drawn = any(isinstance(a, Atlas) for view in report.layers for a in view.maps.values())
    classes = report.head not in BY_PLACE and any(
        p.probability is not None for image in report.images for p in image.predictions
    )
    value["shares"] = classes and report.head == "classification" and report.classes > 1
    if there:
        site.script(ADDRESS, "tour", "all", value)
    site.page(
        "tour.md",
        "tour.html",
        title=site.t("tour.title"),
        section="tour",
        description=site.t("tour.description", model=report.title),
        searched=False,
        there=there,
        tour=tour,
        groups=[(group, _named(site, group), stops[group.first : group.stop]) for group in tour.groups],
        script=ADDRESS,
        images=[(image, site.photo(image)) for image in report.images],
        lead=site.t("tour.lead" if classes or not report.images else "tour.lead_other"),
        without=site.t("tour.no_images") if not report.images else "" if drawn else site.t("tour.no_maps"),
    )


def _first(site: Site) -> str:
    """The image that the tour begins with: the first whose steps have their numbers, else the first; "" where there is none."""
    slugs = [image.slug for image in site.report.images]
    found = site.report.explained
    numbers = [slug for slug in slugs if found is not None and slug in found.images]
    return next(iter((*numbers, *slugs)), "")


def _named(site: Site, group: Group) -> tuple[str, str]:
    """(what a group is called, the address of its page)"""
    if group.block is None:
        return "", ""
    view = site.layer_views.get(group.block.layer) if group.block.layer is not None else None
    return group.block.id, _page(view)


def ending(name: str, room: int) -> str:
    """``…encoder_layer_0.ln_1`` of ``layers.encoder_layer_0.ln_1``: the last parts, as many as have room, one at least."""
    parts = name.split(".")
    kept = next((k for k in range(len(parts)) if len(".".join(parts[k:])) <= room), len(parts) - 1)
    return ("…" if kept else "") + ".".join(parts[kept:])


def _page(view: LayerView | None) -> str:
    return f"layers/{escape.slug(view.slug)}.html" if view else ""


def _stops(site: Site, tour: Tour) -> list[Stop]:
    taught = lessons(tour.columns, site.report.input_shape, folded=tour.folds)
    known = repeated(tour.columns, folded=tour.folds)
    hosts = explain.hosts(site)
    runs = {run.after: (number, run) for number, run in enumerate(tour.runs)}
    block = {k: group.block for group in tour.groups for k in range(group.first, group.stop)}
    keys: set[str] = set()
    found = []
    for k, column in enumerate(tour.columns):
        key = column.view.slug if column.view else str(column.role) if column.role != "between" else f"between-{k}"
        key = key if key not in keys else f"{key}-{k}"
        keys.add(key)
        number, run = runs.get(k, (-1, None))
        held = block[k]
        found.append(
            Stop(k, key, column, _name(site, column, held.id if held else ""), _what(site, column), _size(site, column), _none(site, column), _page(column.view),
                 tuple(_said(site, column, known[k])), tuple((*_lesson(site, column, key), key in OPEN) for key in taught[k]),
                 _how(site, column, hosts), _through(tour.columns[k - 1], column) if k else "", run, number)
        )  # fmt: skip
    return found


def _how(site: Site, column: Column, hosts: Mapping[str, str]) -> tuple[str, str] | None:
    """Where the numbers of a column are shown: on its own page, on that of a layer before it, nowhere."""
    if column.view:
        return (escape.slug(column.view.slug), "") if explain.has(site, column.view.layer.name) else None
    if column.role == "answer":
        own = next((op for op in column.ops if op.kind == "softmax" and op.id in hosts), None)
        return (hosts[own.id], escape.clean(own.id)) if own else explain.softmax(site) if len(column.ops) < 2 else None
    op = column.main
    return (hosts[op.id], escape.clean(op.id)) if op and op.id in hosts else None


def _through(before: Column, column: Column) -> str:
    told = [op for op in before.also if op.kind == "norm"]
    return escape.clean(op_name(told[-1])) if told and column.op and column.op.kind == "act" else ""


def _name(site: Site, column: Column, group: str) -> str:
    """Its own name, without that of the block it stands in."""
    if column.role in ("image", "answer"):
        return site.t(f"tour.role.{column.role}")
    ops = [op for op in column.ops if op.kind not in ("reshape", "copy")] or list(column.ops)
    only = ops[0] if len(ops) == 1 else column.main
    whole = str(column.view.layer.name) if column.view else only.id if only else site.t("tour.role.between")
    return whole.removeprefix(f"{group}.") if group else whole


def _what(site: Site, column: Column) -> str:
    if column.view and column.op and column.op.layer == column.view.layer.name:
        if column.op.kind in ("act", "merge"):
            return _line(site, column.op)
        return site.op_line(column.view.layer)
    ops = [op for op in column.ops if op.kind not in ("reshape", "copy", "input", "output")]
    if column.role == "answer" and not ops and explain.softmax(site):
        return site.t("tour.softmax")
    if column.role == "image" or not ops:
        return ""
    if column.role == "answer":
        return "" if site.report.head == "detection" else title(ops[-1])
    only = ops[0] if len(ops) == 1 else column.main
    return _line(site, only) if only else site.t("tour.between_n", n=len(ops))


def op_name(op: Op) -> str:
    """``ReLU6``, ``relu``"""
    return op.op.removeprefix("F.").rstrip("_")


def _line(site: Site, op: Op) -> str:
    """As `Site.op_line` of an operation that is no layer."""
    if op.kind == "act":
        return op_name(op)
    name = op_name(op).lower()
    meets = next((way for way, names in MEETS.items() if name in names), "") if op.kind == "merge" else ""
    if meets:
        return site.t(f"tour.meets.{meets}")
    if op.kind in site.t.table["kind"]:
        plain = Layer(op.id, op.kind, op.op, (*op.shape, 1, 1, 1)[:3], 0, 0, None, None, None, 0, "", op.attributes)  # type: ignore[arg-type]
        return site.op_line(plain)
    return title(op)


def _size(site: Site, column: Column) -> str:
    """1152×14×14: close together, since columns are narrow."""
    last = column.ops[-1].shape if column.ops else (site.report.classes,) if column.role == "answer" else ()
    if column.role == "answer" and site.report.head == "detection":
        return ""
    shape = site.report.input_shape if column.role == "image" else column.view.layer.shape if column.view else last
    return "×".join(f"{side:,}" for side in shape)


def _none(site: Site, column: Column) -> str:
    last = column.ops[-1].shape if column.ops else ()
    return site.t("tour.numbers", n=f"{last[0]:,}") if len(last) == 1 else site.t("tour.no_page")


def _said(site: Site, column: Column, known: frozenset[str]) -> list[tuple[str, str]]:
    """What happens in a column: (operation, sentence), each sentence once; what is `known` in short."""
    t, report = site.t, site.report
    if column.role == "image":
        c, *plane = report.input_shape
        key = {1: "image_gray", 3: "image"}.get(c, "image_other")
        normalised = _normalised(site)
        return [("", t(f"tour.said.{key}", n=c, out=times(*plane))), *([("", normalised)] if normalised else [])]
    found: dict[str, str] = {}
    summed, gathered = (
        together(t, column.ops, last=column.role == "answer") if column.view is None else ("", frozenset())
    )
    for op in (*column.ops, *column.also):
        reads = column.given.get(op.id, ())
        if op.id in gathered:
            found.setdefault(summed, op.id)
            continue
        copies = op.kind in ("input", "output", "copy") or op_name(op) == "copy"
        if copies or (op.kind == "reshape" and not shuffles(op, reads)):
            continue
        own = first_conv if op.kind == "conv" and reads and tuple(reads[0]) == report.input_shape else sentence
        text = again(t, op, explain.factors(site, op.id)) if op.id in known else own(t, op, reads)
        if op.kind == "linear" and report.head == "classification" and op.shape == (report.classes,):
            text += f" {t('tour.said.logits')}"
        if column.view and op is column.op and op.kind == "block":
            text = t("tour.said.other", op=op.op, out=times(*column.view.layer.shape))
        found.setdefault(text, op.id)
    pairs = [(name, text) for text, name in found.items()]
    if column.role == "answer":
        pairs.append(("", _answer(site)))
    return pairs


def _normalised(site: Site) -> str:
    """How the picture's numbers are brought to those that the network reads; "" where they are read as they are, or it is not known."""
    found = site.report.normalising
    if found is None:
        return ""
    mean, std = ([f"{v:.3g}" for v in side] for side in found)
    key = "each" if len({*mean}) == len({*std}) == 1 else "colours" if len(mean) == 3 else "channels"
    mean, std = ((side[:1] if key == "each" else side) for side in (mean, std))
    written = [", ".join(side[:-1]) + (" and " if side[1:] else "") + side[-1] for side in (mean, std)]
    return site.t(f"tour.said.normalised_{key}", mean=written[0], std=written[1])


def _answer(site: Site) -> str:
    """What comes out at the end."""
    report = site.report
    if report.head == "detection":
        return site.t("tour.said.answer_detection")
    said = [p for image in report.images for p in image.predictions]
    if report.head == "segmentation" and report.classes > 1:
        return site.t("tour.said.answer_segmentation", n=f"{report.classes:,}")
    if any(p.probability is not None for p in said) and report.classes > 1:
        return site.t("tour.said.answer", n=f"{report.classes:,}")
    shape = next((op.shape for op in report.architecture.ops if op.kind == "output"), ()) if report.architecture else ()
    if shape in ((), (0,)):
        return site.t("tour.said.answer_unknown")
    return site.t("tour.said.answer_one") if shape == (1,) else site.t("tour.said.answer_other", out=times(*shape))


def _lesson(site: Site, column: Column, key: str) -> tuple[str, str]:
    said = [p for image in site.report.images for p in image.predictions]
    if key in ("answer", "softmax") and site.report.head in BY_PLACE:
        key = f"answer_{site.report.head}"
    elif key in ("answer", "softmax") and not any(p.probability is not None for p in said):
        key = "answer_other"
    far = column.view.layer.receptive_field if column.view else None
    _, height, width = site.report.input_shape
    whole = far is not None and far[0] >= height and far[1] >= width
    sees = "" if far is None else times(min(far[0], height), min(far[1], width))
    seen = site.t(f"tour.lesson.field_{'whole' if whole else 'part'}", far=sees, whole=times(height, width))
    head, text = site.t(f"tour.lesson.{key}", seen=seen).split("|", 1)
    return head, text


def _image(site: Site, image: ImageView) -> dict[str, Any]:
    """An image, the ends of the scales that all its maps share, and what the model says of it."""
    maps = [a for view in site.report.layers if isinstance(a := view.maps.get(image.slug), Atlas)]
    plain = [(min(a.lo), max(a.hi)) for a in maps if not a.signed and a.lo]
    tops = [max(map(max, a.full or a.hi, (hi / MOST for hi in a.hi))) for a in maps if a.signed and a.lo]
    return {
        "slug": image.slug,
        "name": escape.clean(image.name),
        "photo": site.photo(image),
        "plain": _both(plain),
        "signed": _both([(-top, top) for top in tops]),
        "classes": [p.index for p in image.predictions],
        "says": [
            [escape.clean(p.label), None if p.probability is None else compact(p.probability), None if p.logit is None else compact(p.logit)]
            for p in image.predictions
            if site.report.head != "detection" or p.probability
        ],
    }  # fmt: skip


def _sees(site: Site, view: LayerView) -> list[int] | None:
    """(height, width) of the picture that a place depends on, no more than all of it; None where that is not known."""
    far = view.layer.receptive_field
    return (
        None if far is None else [min(seen, side) for seen, side in zip(far, site.report.input_shape[1:], strict=True)]
    )


def _both(ends: Sequence[tuple[float, float]]) -> list[float | int | None] | None:
    return [compact(min(lo for lo, _ in ends)), compact(max(hi for _, hi in ends))] if ends else None


def _column(site: Site, stop: Stop, first: Mapping[str, Pick]) -> dict[str, Any]:
    """A column as the script has it; `first`: the unit that it begins with, by image."""
    column, view = stop.column, stop.column.view
    made: dict[str, Any] = {
        "key": stop.key,
        "role": column.role,
        "name": escape.clean(stop.name),
        "copies": list(column.copies),
    }
    if stop.how:
        made["how"] = [*stop.how]
    beside = (*column.also, *(column.ops if view is None else ()))
    if told := [escape.clean(op.id) for op in beside if op.kind == "norm"]:
        made["told"] = told
    if first:
        made["picks"] = dict(first)
    if view is None:
        op = column.main
        if op and stop.how and len(op.shape) in (1, 3) and op.kind == "pool":
            made |= {"kind": op.kind, "units": op.shape[0]}
        return made
    missing = {i.slug: view.maps.get(i.slug) for i in site.report.images}
    reasons = {
        slug: escape.clean(item.reason) if isinstance(item, NotApplicable) else site.t("layer.no_maps")
        for slug, item in missing.items()
        if not isinstance(item, Atlas)
    }
    if len(reasons) == len(missing) > 0 and len(set(reasons.values())) == 1:
        reasons = {"*": next(iter(reasons.values()))}
    op = column.op
    made |= {
        "layer": escape.clean(str(view.layer.name)),
        "slug": view.slug,
        "folder": escape.slug(view.slug),
        "page": stop.page,
        "kind": op.kind if op else view.layer.kind,
        "op": escape.clean(op_name(op)) if op else "",
        "act": explain.curve(site, op.id, op_name(op)) if op and op.kind == "act" else None,
        "units": view.layer.units,
        "sees": _sees(site, view),
        "map": list(view.layer.shape[1:]),
        "na": reasons,
        "wires": f"data/wires/{escape.slug(view.slug)}.js" if view.wires is not None else "",
        "window": window(op) if op else None,
        "reads": depth(op) if op else 0,
        "first": bool(column.reads) and tuple(column.reads[0]) == site.report.input_shape,
        "through": stop.through,
        "same": [[escape.clean(str(v.layer.name)), _page(v)] for v in column.same],
    }
    return made
