"""What figures draw and write beside their result: curves, points, frames, the numbers of a line, facts. All are worked out here from torch's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from tests.explain.drawn import drawn
from tests.pages.opened import Opened, opened
from tests.pages.recorded import config, numbers, recorded
from tests.pages.test_pages_explain import steps
from tests.whole import Built, build

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator

NETS = Path(__file__).resolve().parents[1] / "explain/drawn.py"
WIDTH = 320
"""Of the curve's drawing."""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp("drawn")
    return build(folder, config(f"python:{NETS}:drawn", folder, ["conv", "norm", "act", "pool"]))


@pytest.fixture(scope="module")
def run(built: Built) -> dict[str, tuple[Tensor, Tensor]]:
    """Of every operation by name: the tensor that it was called with first, and what it gave."""
    found = recorded(built, drawn()).items()
    return {name: (args[0].detach(), out.detach()) for name, (args, out) in found if isinstance(args[0], Tensor)}


@pytest.fixture
def figure(browser: Browser, built: Built) -> Iterator[Any]:
    """`figure("silu", 3, (2, 1))`: the page with that figure."""
    base = built.site.as_uri() + "/"
    slugs = {data["steps"][k]["name"]: slug for slug, data, k in steps(built)}
    open_ = []

    def go(name: str, unit: int, place: tuple[int, int]) -> Opened:
        address = f"{base}layers/{slugs[name]}.html#v=how&x={name}&u={unit}&p={place[0]}.{place[1]}"
        open_.append(opened(browser, address, base=base))
        seen = open_[-1].__enter__()
        seen.page.wait_for_selector(f"explain-view[data-step='{name}'] [data-out]")
        return seen

    yield go
    for one in open_:
        one.__exit__(None, None, None)


def written(seen: Opened) -> str:
    return seen.page.locator("explain-view [data-written]").inner_text().replace("−", "-")


def framed(maps: Locator) -> list[float]:
    """[y, x, height, width] of the frame on a map."""
    return maps.locator(".ca-x-frame .ca-x-line").evaluate("e => ['y', 'x', 'height', 'width'].map((k) => Number(e.getAttribute(k)))")  # fmt: skip


@pytest.mark.parametrize("name", ["silu", "prelu"])
def test_the_curve_is_the_function_and_its_point_is_the_chosen_number(figure: Any, run: dict[str, Any], name: str):  # fmt: skip
    whole = run[name][0][0].flatten(1)
    unit = int(torch.minimum(whole.amax(1), -whole.amin(1)).argmax())
    x, out = (one[0, unit] for one in run[name])
    places = [divmod(int(at), x.shape[1]) for at in (x.argmin(), x.argmax(), x.abs().argmin())]
    top = float(x.abs().max())
    assert float(x.min()) < 0 < float(x.max()), "its scale is that of both signs"

    def across(at: Any) -> Any:
        return (at / WIDTH * 2 - 1) * top

    module = drawn().get_submodule(name)
    slope = module.weight[unit].detach() if name == "prelu" else None  # type: ignore[index,union-attr]
    f = (lambda v: F.prelu(v, slope)) if slope is not None else F.silu  # type: ignore[arg-type]
    points = []
    for place in places:
        seen = figure(name, unit, place)
        path = seen.page.locator(".ca-x-function").get_attribute("d") or ""
        at = np.array([[float(v) for v in pair.split()] for pair in re.split("[ML]", path)[1:]])
        assert len(at) > 200
        want = f(torch.from_numpy(across(at[:, 0])).float()).double().numpy()
        scale, zero = np.polyfit(want, at[:, 1], 1)
        assert scale < 0, "up is more"
        assert np.abs(scale * want + zero - at[:, 1]).max() < 0.6, "of a pixel"
        point = seen.page.locator(".ca-x-point").evaluate("e => ['cx', 'cy'].map((k) => Number(e.getAttribute(k)))")
        assert abs(across(point[0]) - float(x[place])) < 0.005 * top
        assert abs(scale * float(out[place]) + zero - point[1]) < 0.6
        points.append(point[0])
        seen.check()
    assert len(set(points)) == 3


def test_a_batch_norm_names_its_statistics_and_its_line_has_them_in_their_order(figure: Any, run: dict[str, Any]):
    bn, unit, place = drawn().bn, 4, (3, 2)  # type: ignore[union-attr]
    facts = {"mean": bn.running_mean, "var": bn.running_var, "gamma": bn.weight.detach(), "beta": bn.bias.detach()}  # type: ignore[union-attr,operator]
    seen = figure("bn", unit, place)
    for name, value in facts.items():
        assert np.isclose(numbers(seen, f"[data-fact={name}]")[0], float(value[unit]), rtol=1e-5), name  # type: ignore[index]
    assert np.isclose(numbers(seen, "[data-fact=eps]")[0], 1e-2)
    words = seen.page.locator(".ca-x-facts dt").all_inner_texts()
    assert [one.split()[0] for one in words] == ["mean", "variance", "γ", "β", "ε"]
    x, out = (float(one[0, unit, place[0], place[1]]) for one in run["bn"])
    mean, var, gamma, beta = (float(value[unit]) for value in facts.values())  # type: ignore[index]
    assert np.allclose(numbers(seen, "[data-written] .ca-x-num"), [x, mean, var, 1e-2, gamma, beta, out], rtol=1e-3, atol=1e-5)  # fmt: skip
    assert re.search(r"^\(.+ - .+\) ÷ √\(.+ \+ .+\) · .+ \+ .+ [=≈] ", written(seen))
    seen.check()


@pytest.mark.parametrize("place", [(0, 0), (4, 3)])
def test_a_norm_over_groups_says_of_which_channels_and_of_how_many_numbers(figure: Any, run: dict[str, Any], place: tuple[int, int]):  # fmt: skip
    x = run["group_norm"][0][0]
    for unit, channels in ((1, slice(0, 4)), (6, slice(4, 8))):
        seen = figure("group_norm", unit, place)
        assert numbers(seen, "[data-fact=n]") == [4 * 8 * 7]
        assert np.isclose(numbers(seen, "[data-fact=mean]")[0], float(x[channels].mean()), rtol=1e-3, atol=1e-5)
        assert np.isclose(numbers(seen, "[data-fact=var]")[0], float(x[channels].var(unbiased=False)), rtol=1e-3)
        said = seen.page.locator(".ca-x-norm .ca-x-part:nth-of-type(2) p.ca-dim").inner_text()
        assert f"{channels.start} to {channels.stop - 1}" in said
        seen.check()


@pytest.mark.parametrize("place", [(0, 0), (5, 6), (7, 2)])
def test_the_line_of_a_maximum_has_every_number_of_the_window_and_the_frame_lies_on_it(figure: Any, run: dict[str, Any], place: tuple[int, int]):  # fmt: skip
    x = run["pool"][0][0, 3]
    top, left = 2 * place[0] - 1, place[1]
    window = x[max(0, top) : top + 3, left : left + 2].flatten()
    seen = figure("pool", 3, place)
    assert np.allclose(numbers(seen, "[data-written] .ca-x-num"), [*window, window.max()], rtol=1e-3, atol=1e-5)
    y, k, h, w = framed(seen.page.locator(".ca-x-pool .ca-x-map").first)
    assert (y + h / 2, k + w / 2) == pytest.approx((top + 1.5, left + 1))
    assert h >= 3 and w >= 2
    seen.check()


@pytest.mark.parametrize("place", [(0, 0), (9, 5), (15, 7)])
def test_the_frame_of_a_convolution_lies_on_what_it_reads(figure: Any, place: tuple[int, int]):
    seen = figure("conv", 2, place)
    top, left = 2 * place[0] - 1, 3 * place[1]
    inputs = seen.page.locator(".ca-x-row:not(.ca-x-rest) .ca-x-pick .ca-x-map")
    assert inputs.count() == 3
    cells = {(top + row + 0.5, left + 2 * column + 0.5) for row in range(3) for column in range(5)}
    for k in range(3):
        middles = inputs.nth(k).locator(".ca-x-frame .ca-x-line").evaluate_all("all => all.map((e) => { const [x, y, w, h] = ['x', 'y', 'width', 'height'].map((k) => Number(e.getAttribute(k))); return [y + h / 2, x + w / 2]; })")  # fmt: skip
        assert {(round(y, 6), round(x, 6)) for y, x in middles} == cells, "a frame for each cell of a dilated kernel"
    y, x, h, w = framed(seen.page.locator(".ca-x-out .ca-x-map"))
    assert (y + h / 2, x + w / 2) == pytest.approx((place[0] + 0.5, place[1] + 0.5))
    seen.check()


def test_pointing_at_a_kernels_slice_lights_its_cell_up_everywhere(figure: Any):
    seen = figure("conv", 2, (3, 2))
    page = seen.page
    slice_ = page.locator(".ca-x-row.is-chosen > .ca-x-map").first
    box = slice_.bounding_box()
    assert box
    for row, column in ((0, 3), (2, 1)):
        page.mouse.move(box["x"] + box["width"] * (column + 0.5) / 5, box["y"] + box["height"] * (row + 0.5) / 3)
        lit = page.locator("explain-view .is-linked").evaluate_all("all => all.map((e) => e.dataset.k)")
        assert lit == [str(row * 5 + column)] * 4, "in the window, the kernel, the products and the line"
        dot = page.locator(".ca-x-row.is-chosen .ca-x-pick .ca-x-dot").evaluate("e => ['y', 'x'].map((k) => Number(e.getAttribute(k)))")  # fmt: skip
        assert dot == [2 * 3 - 1 + row, 3 * 2 + 2 * column]
    seen.check()


@pytest.mark.parametrize("name", ["F.rsub", "F.sub", "F.div"])
def test_arithmetic_that_minds_its_order_is_written_in_it(figure: Any, run: dict[str, Any], name: str):
    unit, place = 3, (2, 4)
    one, two = run["prelu"][1], run["two"][1]
    terms = {"F.rsub": (torch.ones_like(one), one), "F.sub": (1 - one, two / 4), "F.div": (two, torch.full_like(two, 4.0))}[name]  # fmt: skip
    a, b = (float(term[0, unit, place[0], place[1]]) for term in terms)
    seen = figure(name, unit, place)
    assert np.allclose(numbers(seen, "[data-written] [data-in]"), [a, b], rtol=1e-3, atol=1e-5)
    assert np.isclose(numbers(seen, "[data-out]")[0], a / b if name == "F.div" else a - b, rtol=1e-3, atol=1e-5)
    assert (" ÷ " if name == "F.div" else " - ") in written(seen)
    seen.check()
