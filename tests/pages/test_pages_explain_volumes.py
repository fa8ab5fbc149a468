"""Convolutions over depth, in a browser: slices, the window over depth too, and every number that is written out is torch's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.explain.volumes import clip
from tests.pages.opened import audit, opened
from tests.pages.recorded import config, numbers, recorded
from tests.whole import Built, build

if TYPE_CHECKING:
    from playwright.sync_api import Browser

NETS = Path(__file__).resolve().parents[1] / "explain/volumes.py"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp("volumes")
    return build(folder, config(f"python:{NETS}:clip", folder, ["conv", "norm", "act"]))


@pytest.fixture(scope="module")
def run(built: Built) -> dict[str, Any]:
    """Of every operation by name: what it was called with, and what it gave."""
    return recorded(built, clip())


def padded(x: Tensor, name: str) -> Tensor:
    if name == "first":
        return torch.nn.functional.pad(x, (2, 2, 1, 1, 1, 1))
    return torch.nn.functional.pad(x[None], (0, 0, 0, 0, 1, 1), mode="replicate")[0]


@pytest.mark.parametrize(("name", "place", "unit"), [("first", (0, 0, 0), 4), ("first", (3, 9, 14), 1), ("second", (2, 5, 6), 6), ("second", (0, 11, 0), 0)])  # fmt: skip
def test_the_dot_product_over_depth_is_torchs(browser: Browser, built: Built, run: dict[str, Any], name: str, place: tuple[int, int, int], unit: int):  # fmt: skip
    args, out = run[name]
    x, conv = args[0][0].detach(), clip().get_submodule(name)
    weight: Tensor = conv.weight.detach()  # type: ignore[union-attr,operator,assignment]
    z, y, k = place
    high = out.shape[3]
    base = built.site.as_uri() + "/"
    with opened(browser, f"{base}layers/{name}.html#v=how&u={unit}&p={z * high + y}.{k}", base=base) as seen:
        page = seen.page
        page.wait_for_selector("explain-view [data-out]")
        assert page.locator("[data-place]").inner_text() == f"depth {z}, row {y}, column {k}"
        assert np.isclose(numbers(seen, "[data-out]")[0], float(out[0, unit, z, y, k]), rtol=1e-3, atol=1e-5)
        first = 0 if name == "first" or unit < 4 else 3
        options = page.locator("[data-volume-channel] option").evaluate_all("all => all.map((e) => Number(e.value))")
        assert sorted(options) == list(range(3))
        (sz, sy, sx), (dz, dy, dx) = conv.stride, conv.dilation  # type: ignore[union-attr,misc]
        for j in options:
            page.locator("[data-volume-channel]").select_option(str(j))
            whole = padded(x, name)[first + j]
            window = whole[z * sz : z * sz + 2 * dz + 1 : dz, y * sy : y * sy + 2 * dy + 1 : dy, k * sx : k * sx + dx * (weight.shape[4] - 1) + 1 : dx]  # fmt: skip
            got = [numbers(seen, f"[data-depth] .ca-x-grid:nth-of-type({n}) td") for n in (1, 2, 3)]
            slice_ = weight[unit, j]
            assert np.allclose(got[0], window.flatten(), rtol=1e-3, atol=1e-5)
            assert np.allclose(got[1], slice_.flatten(), rtol=1e-3, atol=1e-5)
            assert np.allclose(got[2], (window * slice_).flatten(), rtol=1e-3, atol=1e-5)
            assert np.isclose(numbers(seen, "[data-part]")[0], sum(got[2]), rtol=1e-6, atol=1e-9)
        sums = numbers(seen, "[data-channel-sum]")
        assert len(sums) == 3
        assert np.isclose(sum(sums) + numbers(seen, "[data-bias]")[0], numbers(seen, "[data-out]")[0], rtol=1e-6, atol=1e-9)  # fmt: skip
        seen.check()


def test_slices_stand_side_by_side_and_the_window_reaches_over_depth(browser: Browser, built: Built):
    base = built.site.as_uri() + "/"
    with opened(browser, f"{base}layers/first.html#v=how&u=2&p=34.5", base=base) as seen:
        page = seen.page
        page.wait_for_selector("explain-view [data-out]")
        rows = page.locator(".ca-x-volume__row")
        assert rows.nth(0).locator(".ca-x-map").count() == 5
        assert rows.nth(1).locator("[role=application]").count() == 5
        framed = (
            rows.nth(0)
            .locator(".ca-x-map")
            .evaluate_all("all => all.map((m) => m.querySelectorAll('.ca-x-line').length)")
        )
        assert framed == [0, 1, 1, 1, 0], "at depth 2 a window of three with padding one meets slices 1 to 3"
        target = rows.nth(1).locator("[role=application]").nth(4)
        box = target.bounding_box()
        assert box
        page.mouse.click(box["x"] + box["width"] * 3.5 / 16, box["y"] + box["height"] * 6.5 / 16)
        assert page.locator("[data-place]").inner_text() == "depth 4, row 6, column 3"
        page.locator("explain-view [role=application]").first.focus()
        page.keyboard.press("ArrowRight")
        assert page.locator("[data-place]").inner_text() == "depth 4, row 6, column 4"
        assert page.locator("[data-depth='2'] .ca-x-grid:nth-of-type(1) .is-pad").count() == 15, (
            "the last slice of the kernel stands beside the volume"
        )
        page.locator("[data-act=speed]").select_option("16")
        page.locator("[data-act=play]").click()
        page.wait_for_function("/row [7-9]|row 1/.test(document.querySelector('[data-place]').textContent)")
        page.locator("[data-act=play]").click()
        seen.check()


def test_what_is_made_of_a_volume_number_by_number_is_too(browser: Browser, built: Built, run: dict[str, Any]):
    base = built.site.as_uri() + "/"
    for name in ("bn", "F.relu"):
        out = run[name][1][0].detach()
        with opened(browser, f"{base}layers/first.html#v=how&x={name}&u=3&p=35.7", base=base) as seen:
            seen.page.wait_for_selector(f"explain-view[data-step='{name}'] [data-out]")
            assert np.isclose(numbers(seen, "[data-out]")[0], float(out[3, 2, 3, 7]), rtol=1e-3, atol=1e-5)
            assert "a volume of 5 slices" in seen.page.locator(".ca-x-lead").inner_text()
            seen.check()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 1280), ("light", 390)])
def test_axe_finds_nothing_in_volumes(browser: Browser, built: Built, site_server: Callable[[Path], str], scheme: str, width: int):  # fmt: skip
    base = site_server(built.site)
    with opened(browser, f"{base}layers/first.html#v=how&u=2", scheme=scheme, width=width, base=base) as seen:
        seen.page.wait_for_selector("explain-view [data-out]")
        assert audit(seen.page) == []
        assert seen.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        seen.check()
