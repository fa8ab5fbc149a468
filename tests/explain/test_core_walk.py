"""How a window plays over a map, which place of a map is shown first, and whether what is shown gives what is shown of the result."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from tests.explain.conftest import SCRIPTS
from tests.explain.core_page import run

if TYPE_CHECKING:
    from playwright.sync_api import Page

PLAYED = """const pace = core.sweep([h, w], speed);
const seen = [];
for (let at = {y: 0, x: 0}; at; at = core.after([h, w], pace, at)) seen.push([at.y, at.x]);
return {seen, every: pace.every};"""


@pytest.mark.parametrize(("h", "w"), [(7, 7), (14, 14), (112, 112), (224, 224), (1, 1), (3, 500), (500, 3)])
@pytest.mark.parametrize("speed", [0.5, 1, 2, 4, 16])
def test_a_window_goes_over_the_whole_map_in_a_minute_at_most(page: Page, h: int, w: int, speed: float):
    played = run(page, PLAYED, h=h, w=w, speed=speed)
    seen = played["seen"]
    took = len(seen) * played["every"] / 1000
    assert took <= 60 / speed + 1e-6
    assert played["every"] >= 15 - 1e-6, "a browser keeps up with it"
    assert seen[0] == [0, 0]
    assert seen == sorted(seen), "in reading order"
    if h <= 1000 / max(1, speed / 4):
        assert {y for y, _ in seen} == {*range(h)}, "no row is passed over"
    if h * w <= 1000 / max(1, speed / 4):
        assert len(seen) == h * w, "nor is a place of a small map"


def test_the_place_that_is_shown_first_is_where_the_unit_says_most_and_not_at_the_rim(page: Page):
    values = torch.zeros(16, 16)
    values[0, :] = 50  # a loud rim, as padding makes it
    values[:, 15] = -60
    values[5, 11] = 3
    values[9, 2] = -4
    found = run(page, "return core.telling(values, [16, 16]);", values=values)
    assert found == {"y": 5, "x": 11}
    below = values.clamp(max=0)
    below[0, :] = 0
    assert run(page, "return core.telling(values, [16, 16]);", values=below) == {"y": 9, "x": 2}
    full = torch.zeros(9, 9)
    full[2, 7] = full[5, 4] = full[7, 7] = 6
    assert run(page, "return core.telling(values, [9, 9]);", values=full) == {"y": 5, "x": 4}, (
        "of equals the middle one"
    )
    small = torch.tensor([[0.0, 2.0], [1.0, 0.0]])
    assert run(page, "return core.telling(values, [2, 2]);", values=small) == {"y": 0, "x": 1}, "a small map has no rim"
    assert run(page, "return core.telling(values, [3, 3]);", values=torch.full((3, 3), torch.nan)) is None


def test_a_result_is_equal_only_where_the_shown_numbers_give_it(page: Page):
    page.evaluate("convatlas.el = () => ({classList: {}, style: {}})")
    page.add_script_tag(content=(SCRIPTS / "explain-draw.js").read_text("utf-8"))
    assert page.evaluate("[-0.00012345, 2.48812, 1234567, 0, -3].map((v) => convatlas.explain.draw.shown(v))") == [-1.23e-4, 2.488, 1.23e6, 0, -3]  # fmt: skip
    x, a, b = -3.51944, 2.48764, 12.7522
    y = a * x + b
    made = round(a, 3) * round(x, 3) + round(b, 2)
    assert f"{made:.4g}" != f"{y:.4g}", "last digits that do not follow"
    equals = "([made, out]) => convatlas.explain.draw.equals(made, out)"
    assert page.evaluate(equals, [made, y]) == "≈"
    assert page.evaluate(equals, [0.1 + 0.2, 0.3]) == "="
    terms = [{"x": 0.5, "w": 3.0, "v": 1.5}, {"x": 2.0, "w": -0.25, "v": -0.5}]
    multiplies = "(terms) => convatlas.explain.draw.multiplies(terms, 3)"
    assert page.evaluate(multiplies, terms)
    assert not page.evaluate(multiplies, [*terms, {"x": -0.85937, "w": 1.90313, "v": -0.85937 * 1.90313}])
