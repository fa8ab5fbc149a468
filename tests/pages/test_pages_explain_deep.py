"""Pools and transposed convolutions over depth, in a browser: every number is torch's, and figures say where it comes from."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from tests.explain.volumes import pooled
from tests.pages.opened import audit, opened
from tests.pages.recorded import config, numbers, recorded
from tests.pages.test_pages_explain import shown, steps
from tests.whole import Built, build

if TYPE_CHECKING:
    from playwright.sync_api import Browser

NETS = Path(__file__).resolve().parents[1] / "explain/volumes.py"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp("deep")
    return build(folder, config(f"python:{NETS}:pooled", folder, ["conv", "norm", "act", "pool"]))


@pytest.fixture(scope="module")
def run(built: Built) -> dict[str, Any]:
    """Of every operation by name: what it was called with, and what it gave."""
    return recorded(built, pooled())


def test_every_number_of_a_network_over_depth_is_torchs(browser: Browser, built: Built, run: dict[str, Any]):
    pick, read = random.Random(0), set()
    base = built.site.as_uri() + "/"
    of_page: dict[str, list[tuple[dict[str, Any], int]]] = {}
    for slug, data, k in steps(built):
        of_page.setdefault(slug, []).append((data, k))
    for slug, many in of_page.items():
        with opened(browser, f"{base}layers/{slug}.html#v=how", base=base) as seen:
            for data, k in many:
                step = data["steps"][k]
                if step["name"] not in run or step["name"] in read:
                    continue
                assert "na" not in step, step
                c, h, w = step["shape"]
                place = (pick.choice((0, h - 1, h // 2)), pick.randrange(w))
                shown(seen, slug, step["name"], pick.randrange(data["steps"][data["step"]]["shape"][0]), place)
                unit = int(seen.page.evaluate("document.querySelector('explain-view').unit"))
                want = run[step["name"]][1].detach()[0].reshape(c, h, w)[unit]
                here = float(want[place] if step["kind"] not in ("flatten", "linear") else want[0, 0])
                got = numbers(seen, "[data-out]")[0]
                assert abs(got - here) <= 1e-3 * abs(here) + 3e-4 * float(want.abs().max()), (step["name"], unit, place)
                read.add(step["name"])
            seen.check()
    assert read >= {
        "first",
        "norm",
        "F.silu",
        "largest",
        "up",
        "mean",
        "F.rsub",
        "F.cat",
        "second",
        "sides",
        "whole",
        "fc",
    }


@pytest.mark.parametrize("place", [(0, 0, 0), (1, 4, 7), (2, 8, 8)])
def test_a_maximum_over_depth_shows_its_window_slice_by_slice_and_its_switch(browser: Browser, built: Built, run: dict[str, Any], place: tuple[int, int, int]):  # fmt: skip
    (x, *_), out = run["largest"]
    where = F.max_pool3d(x, (2, 3, 3), 2, (0, 1, 1), ceil_mode=True, return_indices=True)[1]
    z, y, k = place
    unit, (d, h, w) = 4, x.shape[2:]
    slug = next(slug for slug, data, n in steps(built) if data["steps"][n]["name"] == "largest")
    base = built.site.as_uri() + "/"
    with opened(browser, f"{base}layers/{slug}.html#v=how&x=largest&u={unit}&p={z * 9 + y}.{k}", base=base) as seen:  # fmt: skip
        page = seen.page
        page.wait_for_selector("explain-view [data-switches]")
        assert page.locator("[data-place]").inner_text() == f"depth {z}, row {y}, column {k}"
        for at in range(min(2, d - 2 * z)):
            window = F.pad(x[0, unit, 2 * z + at], (1, 1, 1, 1), value=-torch.inf)[2 * y : 2 * y + 3, 2 * k : 2 * k + 3]
            got = numbers(seen, f"[data-depth='{at}'] td[data-v]")
            assert np.allclose(got, window[window.isfinite()], rtol=1e-3, atol=1e-5)
        best = int(where[0, unit, z, y, k])
        told = page.locator("explain-view [data-written]").inner_text()
        assert f"at depth {best // (h * w)}, row {best // w % h}, column {best % w}: its switch" in told
        assert np.isclose(numbers(seen, ".is-max")[0], float(out[0, unit, z, y, k]), rtol=1e-3, atol=1e-5)
        rows = page.locator(".ca-x-volume__row")
        framed = rows.nth(0).locator(".ca-x-map").evaluate_all("all => all.map((m) => m.querySelectorAll('.ca-x-line').length)")  # fmt: skip
        assert framed == [int(2 * z <= at < 2 * z + 2) for at in range(d)]
        page.locator("[data-switches]").check()
        dots = (
            rows.nth(0)
            .locator(".ca-x-map")
            .evaluate_all(
                "all => all.flatMap((m, z) => [...m.querySelectorAll('.ca-x-dot')].map((e) => [z, Number(e.getAttribute('y')), Number(e.getAttribute('x'))]))"
            )
        )
        mine = {int((a * h + b) * w + c) for a, b, c in dots}
        assert len(mine ^ {*where[0, unit].flatten().tolist()}) <= 2, "what was kept in twenty bits may tie"
        page.locator("explain-view [role=application]").first.focus()
        page.keyboard.press("ArrowLeft")
        assert page.locator("[data-place]").inner_text() == f"depth {z}, row {y}, column {max(0, k - 1)}"
        target = rows.nth(1).locator("[role=application]").nth(1)
        box = target.bounding_box()
        assert box
        page.mouse.click(box["x"] + box["width"] * 2.5 / 9, box["y"] + box["height"] * 6.5 / 9)
        assert page.locator("[data-place]").inner_text() == "depth 1, row 6, column 2"
        seen.check()


@pytest.mark.parametrize(("name", "title", "divisor"), [("mean", "Average pooling", None), ("whole", "Global average pooling", 30)])  # fmt: skip
def test_a_mean_over_depth_is_its_sum_through_its_numbers(browser: Browser, built: Built, run: dict[str, Any], name: str, title: str, divisor: int | None):  # fmt: skip
    slug = next(slug for slug, data, n in steps(built) if data["steps"][n]["name"] == name)
    base = built.site.as_uri() + "/"
    with opened(browser, f"{base}layers/{slug}.html#v=how&x={name}&u=0&p=0.0", base=base) as seen:
        seen.page.wait_for_selector("explain-view [data-out]")
        assert seen.page.locator("[role=tab][aria-selected=true] b").inner_text() == title
        unit = int(seen.page.evaluate("document.querySelector('explain-view').unit"))
        line = seen.page.locator("explain-view [data-written]").inner_text()
        assert f"÷ {divisor or 8} " in line, "at a corner a window of 3 x 3 x 3 with padding has eight numbers"
        want = float(run[name][1][0, unit, 0, 0, 0])
        assert np.isclose(sum(numbers(seen, "[data-written] .ca-x-num")[:-1]) / (divisor or 8), want, rtol=1e-3, atol=1e-5)  # fmt: skip
        seen.check()


def test_a_transposed_kernel_over_depth_leaves_out_what_meets_nothing(browser: Browser, built: Built, run: dict[str, Any]):  # fmt: skip
    (x, *_), out = run["up"]
    unit, (z, y, k) = 2, (2, 4, 3)
    weight = pooled().up.weight.detach()[3:, unit - 2]  # type: ignore[union-attr,operator,index]
    base = built.site.as_uri() + "/"
    slug = next(slug for slug, data, n in steps(built) if data["steps"][n]["name"] == "up")
    with opened(browser, f"{base}layers/{slug}.html#v=how&x=up&u={unit}&p={z * out.shape[3] + y}.{k}", base=base) as seen:  # fmt: skip
        page = seen.page
        page.wait_for_selector("explain-view [data-out]")
        assert page.locator("[role=tab][aria-selected=true] b").inner_text() == "Transposed convolution over depth"
        assert np.isclose(numbers(seen, "[data-out]")[0], float(out[0, unit, z, y, k]), rtol=1e-3, atol=1e-5)
        channel = int(page.locator("[data-volume-channel]").input_value())
        for kz in range(2):
            for ky in range(3):
                for kx in range(3):
                    cell = page.locator(f"[data-depth='{kz}'] .ca-x-grid:nth-of-type(1) td").nth(ky * 3 + kx)
                    at = (z - 2 * kz, (y + 1 - ky) / 2, k - kx)
                    met = (
                        at[0] >= 0 and at[1] % 1 == 0 and all(0 <= v < n for v, n in zip(at, x.shape[2:], strict=True))
                    )
                    assert ("is-none" in str(cell.get_attribute("class"))) is not met
                    if met:
                        v = float(x[0, 3 + channel, at[0], int(at[1]), at[2]])
                        assert np.isclose(float(cell.get_attribute("data-v") or "nan"), v, rtol=1e-3, atol=1e-5)
                        factor = page.locator(f"[data-depth='{kz}'] .ca-x-grid:nth-of-type(2) td").nth(ky * 3 + kx)
                        assert np.isclose(float(factor.get_attribute("data-v") or "nan"), float(weight[channel, kz, ky, kx]), rtol=1e-3, atol=1e-5)  # fmt: skip
        seen.check()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 1280), ("light", 390)])
def test_axe_finds_nothing_in_pools_over_depth(browser: Browser, built: Built, site_server: Callable[[Path], str], scheme: str, width: int):  # fmt: skip
    base = site_server(built.site)
    slug = next(slug for slug, data, n in steps(built) if data["steps"][n]["name"] == "largest")
    with opened(browser, f"{base}layers/{slug}.html#v=how&x=largest&u=2", scheme=scheme, width=width, base=base) as seen:  # fmt: skip
        seen.page.wait_for_selector("explain-view [data-switches]")
        assert audit(seen.page) == []
        assert seen.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        seen.check()
