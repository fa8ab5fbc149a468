"""The network as a graph that opens and closes, the table of what each part costs, and the map of it on every layer's page."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping
from dataclasses import dataclass

from generator.diagrams.architecture import Architecture, Block, Op, OpKind, shape_words
from generator.diagrams.export import export
from generator.diagrams.plain import as_json
from generator.diagrams.shown import count, depths, fitting, prepared, view
from generator.diagrams.simplify import levels
from generator.diagrams.styles.graph import Graph
from generator.diagrams.words import title
from generator.names import LayerName
from generator.pages import escape, explain
from generator.pages.context import Site, safe
from generator.pages.drawings import Component
from generator.pages.findings import plain

PARTS = 32
"""Of the map on a layer's page, at most."""


def write(site: Site, drawings: Component | None) -> None:
    """Write architecture.md, its data, and what can be taken away; it leads on to the `drawings` of the same network."""
    it = site.report.architecture
    pages = addresses(site, it) if it else {}
    offered: list[int] = []
    depth = 0
    if it is not None:
        whole = prepared(it)
        offered = depths(whole, fold=True)
        fits = fitting(whole, fold=True)
        depth = max(k for k in offered if k <= fits)
        value = {"architecture": as_json(it), "pages": pages, "hows": explain.addresses(site, it), "depth": depth}
        site.script("data/architecture.js", "architecture", "", value)
        site.tree.write("architecture.csv", table(it))
        drawn = Graph(depth=depth).linked(it, pages)
        site.tree.write("architecture.svg", f"{drawn.svg}\n")
        site.tree.write("architecture.pdf", export(drawn, "pdf").data)
    site.page(
        "architecture.md",
        "architecture.html",
        title=site.t("architecture.title"),
        section="architecture",
        description=site.t("architecture.description", model=site.report.title),
        it=it,
        depth=depth,
        depths=offered,
        facts=facts(it) if it else {},
        drawings=drawings,
        others=tuple(other.title for other in site.report.others) if it else (),
    )


def facts(it: Architecture) -> Mapping[str, object]:
    """What the page says of the whole."""
    ends = {kind: [op.shape for op in it.ops if op.kind == kind and op.shape] for kind in ("input", "output")}
    return {
        "ops": sum(op.kind not in ("input", "output") for op in it.ops),
        "uncounted": any(op.uncounted for op in it.ops),
        "memory": sum(op.memory for op in it.ops if op.kind not in ("input", "output")),
        "input": shape_words(ends["input"][0]) if ends["input"] else "",
        "output": shape_words(ends["output"][0]) if ends["output"] else "",
    }


def addresses(site: Site, it: Architecture) -> dict[str, str]:
    """Op or block id -> the page of the layer that it is, from the site's root."""
    found = {}
    everything: list[Op | Block] = [*it.ops, *it.blocks]
    for each in everything:
        view = site.layer_views.get(each.layer) if each.layer is not None else None
        if view is not None:
            found[each.id] = f"layers/{escape.slug(view.slug)}.html"
    return found


def table(it: Architecture) -> str:
    """Every block and operation as CSV, in order of execution; a block stands above what it holds."""
    out = io.StringIO()
    lines = csv.writer(out, lineterminator="\n")
    lines.writerow(
        ["name", "level", "kind", "operation", "attributes", "in", "out", "parameters", "macs", "activation bytes", "receptive field"]
    )  # fmt: skip
    level = levels(it)
    starts: dict[int, list[int]] = {}
    for n, block in enumerate(it.blocks):
        starts.setdefault(block.start, []).append(n)
    place = {op.id: k for k, op in enumerate(it.ops)}
    for k, op in enumerate(it.ops):
        for n in starts.get(k, ()):
            block = it.blocks[n]
            inside = it.ops[block.start : block.stop]
            entering = [
                e for o in inside for e in it.inputs_of[o.id] if not block.start <= place[e.source] < block.stop
            ]
            given = " + ".join(dict.fromkeys(shape_words(edge.shape) for edge in entering))
            memory, counted = sum(o.memory for o in inside), _macs(block.macs, any(o.uncounted for o in inside))
            lines.writerow(
                [plain(block.id), level[block.id], "block", plain(block.op), "", given, shape_words(block.shape), block.parameters, counted, memory, field(block.receptive_field)]
            )  # fmt: skip
        deep = sum(1 for block in it.around(k))
        given = " + ".join(shape_words(edge.shape) for edge in it.inputs_of[op.id])
        said = "; ".join(f"{name} {value}" for name, value in op.attributes)
        lines.writerow(
            [plain(op.id), deep, op.kind, plain(op.op), plain(said), given, shape_words(op.shape), op.parameters, _macs(op.macs, op.uncounted), op.memory, field(op.receptive_field)]
        )  # fmt: skip
    lines.writerow(["total", "", "", "", "", "", "", it.parameters, it.macs, sum(op.memory for op in it.ops), ""])
    return out.getvalue()


def _macs(counted: int, more: bool) -> int | str:
    """As a cell of a table: nothing was counted where there is work of another kind alone."""
    return "not counted" if more and not counted else counted


def field(sides: tuple[int, int] | None) -> str:
    """``427 × 427``, or that it is everything."""
    return "whole" if sides is None else f"{sides[0]} × {sides[1]}"


@dataclass(frozen=True)
class Part:
    """A part of the map on a layer's page."""

    name: str
    title: str
    """What it is, in a word or two."""
    kind: OpKind
    address: str
    """From the site's root."""
    size: float
    """Its share of the operations, at least a little."""
    tall: float
    """How large its maps are, 0 to 1, in steps of halves."""
    here: bool
    at: float
    """Where in it the layer stands, 0 to 1."""


def places(site: Site, layer: LayerName) -> tuple[Part, ...]:
    """The network at a low depth, as a strip, with where `layer` stands; nothing where it is not in the graph."""
    it = site.report.architecture
    if it is None:
        return ()
    shown = _strip(site, it)
    at = next((k for k, op in enumerate(it.ops) if op.layer == layer), None)
    block = next((block for block in it.blocks if block.layer == layer), None)
    inside = (
        {it.ops[at].id} if at is not None else {op.id for op in it.ops[block.start : block.stop]} if block else set()
    )
    if not inside:
        return ()
    pages = addresses(site, it)
    sides = [max(op.shape[1:]) for op in shown.ops if len(op.shape) == 3]
    most = math.log2(max([2, *sides]))
    found = []
    for op in shown.ops:
        if op.kind in ("input", "output"):
            continue
        own = [leaf.id for leaf in leaves(op)]
        hits = [k for k, name in enumerate(own) if name in inside]
        side = max(op.shape[1:]) if len(op.shape) == 3 else 1
        found.append(
            Part(
                op.id,
                op.op if op.kind == "block" else title(op),
                op.kind,
                pages.get(op.id, safe(f"architecture.html#n={escape.url(op.id)}")),
                max(1.0, math.sqrt(count(op))),
                math.log2(max(1, side)) / most,
                bool(hits),
                (sum(hits) / len(hits) + 0.5) / len(own) if hits else 0.5,
            )
        )
    return tuple(found)


def _strip(site: Site, it: Architecture) -> Architecture:
    """The network in at most `PARTS` parts where its blocks let it."""
    whole = prepared(it)
    return view(whole, fitting(whole, PARTS))


def leaves(op: Op) -> list[Op]:
    """The operations that a box stands for."""
    return [leaf for part in op.parts for leaf in leaves(part)] if op.parts else [op]
