"""What feeds a unit, in a browser: parts of one whole that make 100 %, and of kernels of one place the weights themselves."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from torch import nn

from tests.pages.opened import opened
from tests.whole import build, copied, digits

if TYPE_CHECKING:
    from playwright.sync_api import Browser

NET = """
import torch
from torch import nn


def build():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 16, 5), nn.ReLU(), nn.Conv2d(16, 12, 3), nn.ReLU(), nn.Conv2d(12, 9, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten())
"""


def net() -> nn.Sequential:
    found: dict[str, object] = {}
    exec(NET, found)
    return found["build"]()  # type: ignore[operator, no-any-return]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wires")
    (folder / "net.py").write_text(NET, "utf-8")
    copied(digits(1), folder / "images")
    model = {"source": "python:net.py:build", "input": {"size": 28, "mean": [0], "std": [1], "channels": 1}}
    config = {"model": model, "images": "images", "methods": ["feature_maps"], "trust": "none", "layers": "conv"}
    return build(folder, config).site


@pytest.mark.parametrize(("slug", "layer", "units"), [("2", 2, range(12)), ("4", 4, range(9))])
def test_what_feeds_a_unit_makes_a_whole(browser: Browser, site: Path, slug: str, layer: int, units: range):
    weight = net()[layer].weight.detach()  # type: ignore[union-attr,operator]
    part = weight.square().sum((2, 3)) / weight.square().sum((1, 2, 3))[:, None]  # type: ignore[operator]
    base = site.as_uri() + "/"
    with opened(browser, f"{base}layers/{slug}.html#u=0", base=base) as seen:
        page = seen.page
        for unit in units:
            page.evaluate("hash => { location.hash = hash; }", f"u={unit}")
            page.wait_for_function(
                f"document.querySelector('unit-panel h2')?.textContent.startsWith('Unit {unit} ') && document.querySelector('unit-panel .ca-wire')"
            )
            fed = page.locator("unit-panel figure", has_text="What feeds it")
            shown = [int(v) for v in fed.locator("[data-percent]").evaluate_all("all => all.map((e) => e.dataset.percent)")]  # fmt: skip
            assert sum(shown) == 100
            assert fed.locator(".ca-wire").last.inner_text().startswith("the rest")
            best = part[unit].sort(descending=True)
            assert np.allclose(shown[:-1], 100 * best.values[: len(shown) - 1].numpy(), atol=1.5)
            weights = [float(v) for v in fed.locator("[data-weight]").evaluate_all("all => all.map((e) => e.dataset.weight)")]  # fmt: skip
            expected = weight[unit, best.indices[: len(shown) - 1], 0, 0].tolist() if layer == 4 else []  # type: ignore[index]
            assert np.allclose(weights, expected, rtol=1e-6)
            assert ("weight" in fed.locator("li").first.inner_text()) == (layer == 4)
        assert "squares of all weights" in fed.inner_text()
        seen.check()


def test_percentages_lose_nothing_by_rounding(browser: Browser, site: Path):
    base = site.as_uri() + "/"
    with opened(browser, f"{base}layers/2.html", base=base) as seen:
        for parts in ([1, 1, 1], [0.996, 0.002, 0.002], torch.rand(7).tolist(), [0.5, 0.5]):
            found = seen.page.evaluate("parts => convatlas.wires.percentages(parts)", parts)
            assert sum(found) == 100
            assert np.allclose(found, 100 * np.array(parts) / sum(parts), atol=1)
        seen.check()


MADE = """({shares, cosines}) => {
  const all = (value) => shares.map(() => value);
  const arrays = {feedsUnit: shares.map((_, n) => n), feedsLayer: all(0), feedsShare: shares.map((share) => Math.round(255 * Math.sqrt(share))), feedsSign: all(2), nearUnit: cosines.map((_, n) => n), nearCosine: cosines, rest: [0]};
  const wires = {layers: [['conv9', '']], k: {in: 0, out: shares.length, classes: 0, near: cosines.length}, arrays, window: []};
  return convatlas.wires.figures(wires, 0).map(({title, body, note}) => [title, [...body.children].map((one) => one.textContent.replace('\\u202f', '')), note]);
}"""


@pytest.mark.parametrize(
    ("shares", "expected"),
    [
        ([0.3, 0.05, 0.01, 0.01], ["conv9 0+30 %", "conv9 1+5 %", "others: 1 % of their kernels each, or less"]),
        ([0.3, 0.05], ["conv9 0+30 %", "conv9 1+5 %"]),
        ([0.012, 0.004], ["conv9 0+1 %", "others: 0.4 % of their kernels each, or less"]),
        ([0.004], ["conv9 0+0.4 %"]),
        ([0.0001, 0.00001], ["conv9 0+<0.1 %", "others: <0.1 % of their kernels each, or less"]),
    ],
)
def test_units_that_hardly_read_a_unit_are_not_named(
    browser: Browser, site: Path, shares: list[float], expected: list[str]
):
    base = site.as_uri() + "/"
    with opened(browser, f"{base}layers/2.html", base=base) as seen:
        ((_, rows, _),) = seen.page.evaluate(MADE, {"shares": shares, "cosines": []})
        assert rows == expected
        seen.check()


@pytest.mark.parametrize(
    ("cosines", "nearly", "rows"),
    [([0.95, 0.91, 0.4], True, ["00.95", "10.91"]), ([0.89, 0.2], False, ["00.89", "10.2"])],
)
def test_nearly_its_weights_is_said_only_where_it_is_so(
    browser: Browser, site: Path, cosines: list[float], nearly: bool, rows: list[str]
):
    base = site.as_uri() + "/"
    with opened(browser, f"{base}layers/2.html", base=base) as seen:
        ((title, shown, note),) = seen.page.evaluate(MADE, {"shares": [], "cosines": cosines})
        assert shown == rows
        assert ("nearly" in title) == nearly
        assert note.startswith("None has nearly its weights") == (not nearly)
        seen.check()


FED = """({shares, layers, via}) => {
  const n = shares.length, all = (value) => Array.from({length: n}, () => value);
  const arrays = {starts: Array.from({length: n + 1}, (_, k) => k), more: all(0), endLayer: all(0), endUnit: shares.map((_, k) => k), endWay: all(2), viaStarts: Array.from({length: n + 1}, (_, k) => k * via), viaLayer: Array(n * via).fill(1), viaUnit: Array(n * via).fill(3), viaWay: Array(n * via).fill(2), channel: shares.map((_, k) => k), share: shares.map((share) => Math.round(255 * Math.sqrt(share))), sign: all(2), weight: [], rest: [0]};
  const wires = {layers, weighted: true, k: {in: n, out: 0, classes: 0, near: 0}, arrays, window: []};
  const host = document.querySelector('unit-panel');
  host.replaceChildren(...convatlas.wires.figures(wires, 0).map(({body}) => body));
  return [...host.querySelectorAll('li')].map((one) => one.innerText.replace(/\\s+/g, ' '));
}"""
"""What feeds a unit that reads these shares of as many inputs, in words."""


def test_what_adds_next_to_nothing_is_not_called_nothing_and_colours_have_names(browser: Browser, site: Path):
    with opened(browser, f"{site.as_uri()}/layers/2.html", base=site.as_uri() + "/") as seen:
        made = {"shares": [0.995, 0.004, 1e-7], "layers": [["the input", "", 3], ["act", ""]], "via": 0}
        assert seen.page.evaluate(FED, made) == ["the input red +100 %", "the input green +< 1 %"]
        made["layers"] = [["the input", "", 4], ["act", ""]]  # of no photograph
        assert seen.page.evaluate(FED, made) == ["the input 0 +100 %", "the input 1 +< 1 %"]
        seen.check()


def test_many_layers_on_the_way_fold_into_a_line(browser: Browser, site: Path):
    with opened(browser, f"{site.as_uri()}/layers/2.html", base=site.as_uri() + "/") as seen:
        made = {"shares": [1.0], "layers": [["conv9", ""], ["act", ""]], "via": 3}
        assert seen.page.evaluate(FED, made) == ["conv9 0 by way of 3 layers +100 %"]
        seen.page.locator("unit-panel summary").click()
        assert seen.page.locator("unit-panel li").inner_text().count("act 3") == 3
        seen.check()


def test_of_a_unit_that_nothing_reads_no_shares_are_told(browser: Browser, site: Path):
    with opened(browser, f"{site.as_uri()}/layers/2.html", base=site.as_uri() + "/") as seen:
        figures = """() => convatlas.wires.figures({layers: [['conv9', '']], k: {in: 0, out: 2, classes: 0, near: 0}, window: [], weighted: true,
            arrays: {feedsUnit: [4, 5], feedsLayer: [0, 0], feedsShare: [0, 0], feedsSign: [2, 2], rest: [0]}}, 0).map(({title, body, note}) => [title, body, note])"""
        assert seen.page.evaluate(figures) == [
            ["What it feeds", "", "No kernel of a later layer has even 0.01 % of its squared weights for it."]
        ]
        seen.check()
