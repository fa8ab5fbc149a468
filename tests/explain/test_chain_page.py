"""A chain as the page works it out, in a page with nothing else: which unit is which, terms of other sizes, what is kept in memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
import torch

from tests.explain.conftest import SCRIPTS
from tests.explain.core_page import close

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@pytest.fixture(scope="module")
def chains(browser: Browser) -> Iterator[Page]:
    opened = browser.new_page()
    opened.add_script_tag(content="self.convatlas = {maps: {}, load: async () => {}}")
    for name in ("explain-core.js", "explain-chain.js"):
        opened.add_script_tag(content=(SCRIPTS / name).read_text("utf-8"))
    yield opened
    opened.close()


def step(name: str, kind: str, shape: list[int], reads: list[dict[str, Any]], settings: dict[str, Any] | None = None, follows: int | None = None) -> dict[str, Any]:  # fmt: skip
    made = {"name": name, "kind": kind, "shape": shape, "settings": settings or {}, "arrays": {}, "reads": reads}
    return made if follows is None else made | {"follows": follows}


def test_a_unit_behind_a_shuffle_is_followed_to_the_branch_that_it_comes_from(chains: Page):
    steps = [
        step("two", "conv", [8, 5, 5], [{"shape": [3, 9, 9], "map": "x"}]),
        step("cat", "cat", [12, 5, 5], [{"shape": [4, 5, 5], "map": "one", "name": "one"}, {"shape": [8, 5, 5], "flows": 0}], follows=0),
        step("shuffle", "shuffle", [12, 5, 5], [{"shape": [12, 5, 5], "flows": 1}], {"groups": 3}, 1),
    ]  # fmt: skip
    code = """({steps}) => {
      const chain = new convatlas.explain.Chain({steps, step: 2, images: ['a']}, 'a');
      return [...Array(12).keys()].map((unit) => [chain.along(2, unit, 0), chain.leaves(2, unit)]);
    }"""
    found = chains.evaluate(code, {"steps": steps})
    shuffled = torch.nn.functional.channel_shuffle(torch.arange(12.0).view(1, 12, 1, 1), 3).flatten().int().tolist()
    for unit, (along, leaves) in enumerate(found):
        source = shuffled[unit]
        assert along == (source - 4 if source >= 4 else None)
        assert leaves == (None if source >= 4 else {"at": 1, "part": 0, "channel": source})
    assert sum(along is None for along, _ in found) == 4


def test_a_column_times_a_row_times_a_map(chains: Page):
    torch.manual_seed(0)
    x, rows, columns = torch.randn(2, 3, 4), torch.randn(2, 3, 1), torch.randn(2, 1, 4)
    terms = {"sign": "×", "terms": [{"read": 0}, {"read": 1}]}
    steps = [
        step("a", "merge", [2, 3, 4], [{"shape": [2, 3, 4], "map": "x"}, {"shape": [2, 3, 1], "map": "rows"}], terms),
        step(
            "b",
            "merge",
            [2, 3, 4],
            [{"shape": [2, 3, 4], "flows": 0}, {"shape": [2, 1, 4], "map": "columns"}],
            terms,
            0,
        ),
    ]
    code = """({steps, maps}) => {
      const chain = new convatlas.explain.Chain({steps, step: 1, images: ['a']}, 'a');
      for (const [name, values] of Object.entries(maps)) chain.maps.set(name, {channel: (c) => Float64Array.from(values[c].flat())});
      return [0, 1].map((unit) => [...chain.map(1, unit)]);
    }"""
    maps = {name: one.tolist() for name, one in (("x", x), ("rows", rows), ("columns", columns))}
    close(chains.evaluate(code, {"steps": steps, "maps": maps}), x * rows * columns)


def test_what_convolutions_worked_out_is_let_go_again(chains: Page):
    settings = {"kernel": [1, 1], "stride": [1, 1], "dilation": [1, 1], "padding": [0] * 4, "mode": "zeros", "groups": 1, "transposed": False}  # fmt: skip
    steps = [step("conv", "conv", [64, 512, 512], [{"shape": [1, 512, 512], "map": "x"}], settings)]
    code = """({steps}) => {
      const chain = new convatlas.explain.Chain({steps, step: 0, images: ['a']}, 'a');
      const x = new Float32Array(512 * 512).fill(1);
      chain.maps.set('x', {channel: () => x});
      chain.kernels.set(0, new Float32Array(64).fill(2));
      const seen = [];
      for (let unit = 0; unit < 64; unit += 1) seen.push(chain.convolved(0, unit).out[5]);
      return [seen, [...chain.known.values()].reduce((sum, {out}) => sum + out.length, 0)];
    }"""
    seen, numbers = chains.evaluate(code, {"steps": steps})
    assert seen == [2] * 64
    assert numbers <= 4e6
