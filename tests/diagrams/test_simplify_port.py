"""A network made simpler in a browser is the one that Python makes simpler; the palette is the same, in the same order."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from generator.diagrams import palette
from generator.diagrams.architecture import SHARES, Architecture, Block, Edge, Op
from generator.diagrams.plain import as_json
from generator.diagrams.repeats import folded
from generator.diagrams.shown import fitting, listed, prepared, view
from generator.diagrams.simplify import at_depth, fused, levels, without
from tests.diagrams.networks import named

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SCRIPTS = Path(__file__).resolve().parents[2] / "templates/assets/js"
STEPS: dict[str, Callable[[Architecture], Architecture]] = {
    "without(it)": without,
    "without(it, ['merge'])": lambda it: without(it, ("merge",)),
    "fused(it)": fused,
    "atDepth(it, 0)": lambda it: at_depth(it, 0),
    "atDepth(it, 2)": lambda it: at_depth(it, 2),
    "prepared(it)": prepared,
    "prepared(it, {fuse: false, silent: true})": lambda it: prepared(it, fuse=False, silent=True),
    "view(it, 1, ['body.0'], ['stem'])": lambda it: view(it, 1, ["body.0"], ["stem"]),
    "listed(it)": listed,
    "folded(it)": folded,
    "folded(it, ['b.1', 'encoder.layers.encoder_layer_3'])": lambda it: folded(
        it, alone=["b.1", "encoder.layers.encoder_layer_3"]
    ),
    "view(convatlas.simplify.prepared(it), 3, [], [], {fold: true, each: []})": lambda it: view(
        prepared(it), 3, fold=True
    ),
    "view(convatlas.simplify.prepared(it), 2, ['b'], [], {fold: true, each: ['a.1', 'list.0', 'features.3']})": lambda it: (
        view(prepared(it), 2, ["b"], fold=True, each=["a.1", "list.0", "features.3"])
    ),
}


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    made = browser.new_page()
    made.evaluate("self.convatlas = {}")
    for name in ("drawing-canvas", "drawing-palette", "drawing-simplify", "drawing-repeats"):
        made.add_script_tag(content=(SCRIPTS / f"{name}.js").read_text("utf-8"))
    yield made
    made.close()


def in_the_page(page: Page, it: Architecture, step: str) -> Any:
    return page.evaluate(f"(it) => convatlas.simplify.{step}", json.loads(json.dumps(as_json(it))))


def same_interval() -> Architecture:
    """A block in a block of the same interval, one of no shape; convolutions of two normalisations, and of one outside; notes."""
    kinds = ("input", "conv", "norm", "norm", "act", "conv", "norm", "act", "reshape", "linear", "output")
    notes = {
        1: f"One. {SHARES} 7.",
        2: f"{SHARES} 3.",
        3: "Two.",
        4: "Three.",
        5: "Two.",
        6: "Four.",
        7: "Five.",
        9: "Six.",
    }
    fields = {1: (3, 3), 3: (9, 9), 5: (5, 5)}
    ops = tuple(
        Op(f"{k}", kind, kind, (4, 8, 8), macs=k, receptive_field=fields.get(k), note=notes.get(k, ""))  # type: ignore[arg-type]
        for k, kind in enumerate(kinds)
    )
    edges = (*(Edge(a.id, b.id, a.shape) for a, b in pairwise(ops)), Edge("4", "7", (4, 8, 8), dashed=True))
    blocks = (Block("outer", "Net", 1, 6), Block("same", "Net", 1, 6, (2,), 7), Block("first", "Net", 1, 5))
    return Architecture("net", ops, edges, blocks)


def runs() -> Architecture:
    """Repetitions in repetitions: three stages of a pool behind two convolutions, then two kinds of block by turns; one list
    of modules that runs in two pieces."""
    ops = [Op("@input", "input", "input", (8, 4, 4))]
    blocks = []
    for stage in "abc":
        blocks.append(Block(stage, "Stage", len(ops), len(ops) + 3, path=stage))
        ops += [Op(f"{stage}.{k}", "conv", "Conv2d", (8, 4, 4), f"{stage}.{k}", parameters=3) for k in (1, 2)]
        ops.append(Op(f"{stage}.pool", "pool", "MaxPool2d", (8, 4, 4), f"{stage}.pool"))
    ops += [Op(f"list.{k}", "block", "AB"[k % 2], (8, 4, 4), f"list.{k}", memory=5) for k in range(6)]
    ops.append(Op("act", "act", "ReLU", (8, 4, 4), "act"))
    ops += [Op(f"list.{k}", "conv", "Conv2d", (8, 4, 4), f"list.{k}", macs=7) for k in (6, 7)]
    edges = [Edge(a.id, b.id, a.shape) for a, b in pairwise(ops)]
    edges += [
        Edge("@input", "a.pool", (8, 4, 4)),
        Edge("a.pool", "b.pool", (8, 4, 4)),
        Edge("b.pool", "c.pool", (8, 4, 4)),
    ]
    return Architecture("runs", tuple(ops), tuple(edges), tuple(blocks))


def biased() -> Architecture:
    """Six blocks in a row, of which two have a weight more."""
    ops = [Op("@input", "input", "input", (8, 4, 4))]
    blocks = []
    for k in range(6):
        blocks.append(Block(f"b.{k}", "Part", len(ops), len(ops) + 2, path=f"b.{k}"))
        weights = (64, 8) if k in (2, 3) else (64,)
        ops.append(Op(f"b.{k}.conv", "conv", "Conv2d", (8, 4, 4), f"b.{k}.conv", weights=weights))
        ops.append(Op(f"b.{k}.act", "act", "ReLU", (8, 4, 4), f"b.{k}.act"))
    edges = tuple(Edge(a.id, b.id, a.shape) for a, b in pairwise(ops))
    return Architecture("biased", tuple(ops), edges, tuple(blocks))


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize(
    "name", ["forked", "densenet121", "vit_b_16", "efficientnet_lite0", "by hand", "runs", "biased"]
)
def test_each_step_is_the_same(page: Page, name: str, step: str):
    it = {"by hand": same_interval, "runs": runs, "biased": biased}.get(name, lambda: named(name))()
    assert in_the_page(page, it, step) == json.loads(json.dumps(as_json(STEPS[step](it))))


def test_levels_and_depth_are_the_same(page: Page):
    it = named("densenet121")
    assert in_the_page(page, it, "fitting(it, 40)") == fitting(it, 40)
    assert in_the_page(page, it, "levels(it).size") == len(levels(it))
    assert page.evaluate(
        "(it) => [...convatlas.simplify.levels(it)]", json.loads(json.dumps(as_json(it)))
    ) == [list(pair) for pair in levels(it).items()]  # fmt: skip


def test_the_palette_is_the_same_in_the_same_order(page: Page):
    for name in ("FILLS", "EDGES"):
        made = page.evaluate(f"Object.entries(convatlas.drawing.{name})")
        assert made == [list(pair) for pair in getattr(palette, name).items()]
    for name in ("INK", "DIM", "LINE"):
        assert page.evaluate(f"convatlas.drawing.{name}") == getattr(palette, name)
