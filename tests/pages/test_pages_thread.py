"""A unit's thread to the first layer in a browser, held against the model's own weights."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from generator.config import load_config
from generator.model.load import load
from tests.pages.fixture_thread import CONFIG, by_hand, driven, thread
from tests.pages.opened import audit, opened
from tests.pages.test_pages_unit import data
from tests.whole import build, built_once

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built_once(tmp_path_factory, "thread", CONFIG).site


@pytest.fixture
def base(site: Path) -> str:
    return site.as_uri() + "/"


def test_the_thread_is_what_the_weights_say_and_a_click_goes_along_it(browser: Browser, base: str):
    for unit in (1, 9):
        with opened(browser, f"{base}layers/conv2-2.html#u={unit}", base=base) as seen:
            expected = by_hand(unit)
            assert thread(seen) == expected
            page = seen.page
            assert page.locator(".ca-thread__knot--kernel .ca-single").count() == 1, (
                "the first layer's kernel at its end"
            )
            assert page.locator(".ca-thread__picture > :not(b)").count() == len(expected) + 2, "none without a picture"
            page.locator(".ca-thread a").nth(1).click()
            page.wait_for_selector(f"unit-panel h2:has-text('Unit {expected[1][1]} ')")
            assert page.locator("h1").inner_text() == expected[1][0]
            # the row that one came by is kept, in the address too: the unit is where it is, those before it stand before it
            row = [("conv2_2", unit), *expected]
            assert f"#u={expected[1][1]}&t=conv2_2%2F{unit}&i=" in seen.address
            assert thread(seen) == [one for one in row if one != expected[1]]
            here = page.locator(".ca-thread [aria-current]")
            assert here.count() == 1 and here.inner_text().split()[0] == str(expected[1][1])
            assert page.locator(".ca-thread__knot").nth(2).locator("[aria-current]").count() == 1
            page.goto("about:blank")
            page.goto(f"{base}layers/{expected[1][0].replace('_', '-')}.html#u={expected[1][1]}&t=conv2_2%2F{unit}")
            assert thread(seen) == [one for one in row if one != expected[1]]
            page.locator(".ca-thread a").first.click()
            page.wait_for_selector(f"unit-panel h2:has-text('Unit {unit} ')")
            assert thread(seen) == expected
            seen.check()


def test_the_row_is_left_where_another_unit_is_picked_or_it_does_not_come_by(browser: Browser, base: str):
    way = by_hand(1)
    slug, unit = way[0][0].replace("_", "-"), way[0][1]
    other = next(u for u in range(20) if u != unit)
    with opened(browser, f"{base}layers/{slug}.html#u={other}&t=conv2_2%2F1", base=base) as seen:
        page = seen.page
        assert ("conv2_2", 1) not in thread(seen), "its row does not come by this unit"
        for wrong in ("conv2_2/99", "no such/1", "conv2_2", "conv2_2/-1", "%2F"):
            page.evaluate("(t) => { location.hash = `u=${t.u}&t=${encodeURIComponent(t.t)}` }", {"u": unit, "t": wrong})
            page.wait_for_selector(f"unit-panel h2:has-text('Unit {unit} ')")
            page.wait_for_timeout(100)
            assert thread(seen) == way[1:], wrong
        page.evaluate(f"location.hash = 'u={unit}&t=conv2_2/1'")
        page.wait_for_selector(".ca-thread__knot:nth-child(2) [aria-current]")
        page.locator('[data-act="after"]').click()
        page.wait_for_selector(f"unit-panel h2:has-text('Unit {unit + 1} ')")
        assert "t=" not in seen.address
        assert ("conv2_2", 1) not in thread(seen)
        seen.check()


@pytest.mark.parametrize("width", [1280, 390])
def test_every_picture_of_a_thread_has_its_layers_name(browser: Browser, base: str, width: int):
    with opened(browser, f"{base}layers/conv2-2.html#u=1", base=base, width=width, height=844) as seen:
        thread(seen)
        knots = seen.page.locator(".ca-thread__knot")
        names = [text.replace("\u200b", "").lower() for text in knots.locator("small").all_inner_texts()]
        assert names == ["conv2_2", "conv2_1", "conv1_2", "conv1_1", "kernel"]
        for k in range(knots.count()):
            box, text = knots.nth(k).bounding_box(), knots.nth(k).locator("small").bounding_box()
            assert box and text and text["width"] <= box["width"] + 0.5 and text["height"] > 8
        assert "followed in the picture that raises" in seen.page.locator(".ca-panel__thread").inner_text()
        fed = seen.page.locator("unit-panel figure", has_text="What feeds it")
        assert "what all inputs add where this unit is highest" in fed.inner_text()
        # both agree: the entry that the row goes on with is marked, once
        marked = fed.locator(".ca-wire", has=seen.page.locator(".ca-wire__on"))
        assert marked.count() == 1
        assert f"#u={by_hand(1)[0][1]}" in (marked.locator("a").first.get_attribute("href") or "")
        # and its words are a link that goes there, along the row
        marked.locator(".ca-wire__on").click()
        seen.page.wait_for_function("() => document.querySelector('h1')?.textContent === 'conv2_1'")
        seen.page.wait_for_selector(f"unit-panel h2:has-text('Unit {by_hand(1)[0][1]} ')")
        kept = seen.page.locator(".ca-thread__knot small").all_inner_texts()
        assert [text.replace("\u200b", "").lower() for text in kept] == names
        seen.check()


def test_a_thread_begins_at_a_unit_that_only_hands_on_and_names_what_it_goes_through(
    browser: Browser, site: Path, base: str
):
    unit = driven()[0]
    assert not data(site, "units", "relu2-2")["arrays"]["marks"][unit] & 1
    with opened(browser, f"{base}layers/relu2-2.html#u={unit}", base=base) as seen:
        assert thread(seen) == [("conv2_2", unit), *by_hand(unit)]
        seen.check()
    with opened(browser, f"{base}layers/conv2-2.html#u=7", base=base) as seen:
        page = seen.page
        page.wait_for_selector(".ca-wire__via")
        row = page.locator("unit-panel figure", has_text="What feeds it").locator(".ca-wire").first
        names = row.locator("a:not(.ca-wire__on)").evaluate_all(
            "all => all.map((a) => a.getAttribute('href').replace(/.*layers|&.*/g, ''))"
        )
        unit = re.search(r"#u=(\d+)", names[0])
        assert unit
        assert names == [f"/conv2-1.html#u={unit[1]}", f"/relu2-1.html#u={unit[1]}"]
        assert "by way of relu2_1" in row.inner_text()
        seen.check()


SICK = """
import torch
from torch import nn


def build():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 16, 5), nn.ReLU(), nn.Conv2d(16, 20, 3), nn.ReLU(),
                          nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(20, 10))
    with torch.no_grad():
        model[2].bias[:3] = -100
        # unit 3 is the difference of two channels that are one: 0 everywhere
        model[0].weight[1], model[0].bias[1] = model[0].weight[0], model[0].bias[0]
        model[2].weight[3], model[2].bias[3] = 0, 0
        model[2].weight[3, 0, 1, 1], model[2].weight[3, 1, 1, 1] = 1, -1
    return model.eval()
"""


def test_a_unit_that_is_never_on_has_no_thread_and_that_is_said(browser: Browser, tmp_path: Path):
    (tmp_path / "sick.py").write_text(SICK, "utf-8")
    config = {
        **CONFIG,
        "model": {"source": f"python:{tmp_path / 'sick.py'}:build", "input": {"size": 32, "channels": 1}},
        "methods": ["feature_maps", {"dataset_examples": {"reconstructions": 0}}],
        "units": "top:2",
    }
    folder = tmp_path / "built"
    folder.mkdir()
    site = build(folder, config).site
    never = data(site, "units", "3")["arrays"]["marks"] & 1
    assert never[:3].all() and not never.all()
    for unit in (0, int(never.argmin())):
        with opened(browser, f"{site.as_uri()}/layers/3.html#u={unit}", base=site.as_uri()) as seen:
            seen.page.wait_for_selector("unit-panel .ca-wire")
            assert seen.page.locator(".ca-thread").count() == int(not never[unit])
            said = "Nothing raises this unit" in seen.page.locator("unit-panel").inner_text()
            assert said == bool(never[unit])
            seen.check()
    # a row that one came by is kept, though it begins at a unit that nothing raises
    with opened(browser, f"{site.as_uri()}/layers/2.html#u=3&t=2%2F3", base=site.as_uri()) as seen:
        seen.page.wait_for_selector(".ca-thread")
        assert seen.page.locator(".ca-thread__knot").count() >= 2
        said = seen.page.locator(".ca-panel__thread").inner_text()
        assert "Nothing raises this unit" in said and "the unit by which one came here" in said
        seen.check()


def test_threads_of_the_strongest_units_are_pictured_all_along(browser: Browser, site: Path, base: str):
    text = (site / "data/layers/conv2-2.js").read_text("utf-8")
    first = re.search(r'"searched":\{"(\d+)"', text)
    assert first
    with opened(browser, f"{base}layers/conv2-2.html#u={first[1]}", base=base) as seen:
        thread(seen)
        knots = seen.page.locator(".ca-thread__knot:not(.ca-thread__knot--kernel)")
        assert knots.count() == 4
        assert knots.locator(".ca-single").count() == 4, "made from noise, not a patch"
        seen.check()


def test_a_unit_that_is_not_there_is_said_and_forgotten_when_another_is_opened(browser: Browser, base: str):
    for wrong in ("99999", "x", "-1"):
        with opened(browser, f"{base}layers/conv2-2.html#u={wrong}", base=base) as seen:
            page = seen.page
            page.wait_for_selector("[role=alert]")
            assert (
                page.locator("[role=alert]").inner_text()
                == f"There is no unit {wrong}: this layer has 20 units, 0 to 19."
            )
            page.evaluate("location.hash = 'u=5'")
            page.wait_for_selector("unit-panel h2:has-text('Unit 5 ')")
            page.evaluate("location.hash = 'u=20'")
            page.wait_for_selector("[role=alert]:has-text('There is no unit 20')")
            page.locator("atlas-wall [role=option]").first.click()
            page.wait_for_selector(".ca-panel--open")
            page.keyboard.press("Escape")
            page.wait_for_selector(".ca-panel:not(.ca-panel--open) h2")
            assert page.locator("[role=alert]").count() == 0
            seen.check()


MIXER = """
import torch
from torch import nn

class Mixer(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.norm = nn.Conv2d(1, 6, 4, 4), nn.LayerNorm(6)
        self.up, self.act, self.down = nn.Linear(6, 12), nn.GELU(), nn.Linear(12, 6)
        self.last, self.head = nn.Conv2d(6, 8, 1), nn.Linear(8, 10)

    def forward(self, x):
        x = self.stem(x)
        y = self.down(self.act(self.up(self.norm(x.permute(0, 2, 3, 1)))))
        x = x + y.permute(0, 3, 1, 2)
        return self.head(self.last(x).mean((2, 3)))

def build():
    torch.manual_seed(0)
    return Mixer().eval()
"""


def test_linear_layers_on_maps_are_followed_though_they_have_no_page(browser: Browser, tmp_path: Path):
    (tmp_path / "mixer.py").write_text(MIXER, "utf-8")
    config = {
        "model": {"source": f"python:{tmp_path / 'mixer.py'}:build", "input": {"size": 32, "channels": 1}},
        "images": CONFIG["images"],
        "limit": 3,
        "layers": ["conv", "act"],
        "methods": ["feature_maps", "dataset_examples"],
        "trust": "none",
    }
    folder = tmp_path / "built"
    folder.mkdir()
    site = build(folder, config).site
    module = load(load_config(None, {k: v for k, v in config.items() if k == "model"}).model).module
    up, norm = module.get_submodule("up").weight.detach(), module.get_submodule("norm").weight.detach()
    for unit in [u for u in range(12) if (up[u] > 0).any()][:2]:
        # more of a channel of the stem is more of what the linear layer reads, as its norm's scales are all above zero
        assert (norm > 0).all()
        order = up[unit].abs().argsort(descending=True).tolist()
        stem = next(c for c in order if up[unit, c] > 0)
        with opened(browser, f"{site.as_uri()}/layers/act.html#u={unit}", base=site.as_uri()) as seen:
            seen.page.wait_for_selector(".ca-thread")
            titles = seen.page.locator(".ca-thread__knot > *").evaluate_all("all => all.map((e) => e.title)")
            assert titles[1].startswith(f"up, unit {unit} ")
            assert titles[2].startswith(f"stem, unit {stem} (+")
            assert len(titles) == 3, "the stem reads the image; its kernels were not asked for"
            # it has no page: a name and no link
            assert seen.page.locator(".ca-thread__knot").nth(1).locator("a").count() == 0
            assert seen.page.locator(".ca-thread__knot").nth(2).locator("a").count() == 1
            seen.check()
    with opened(browser, f"{site.as_uri()}/layers/last.html#u=0", base=site.as_uri()) as seen:
        seen.page.wait_for_selector(".ca-wire")
        fed = seen.page.locator("unit-panel figure", has_text="What feeds it")
        assert "down" in fed.inner_text() and "stem" in fed.inner_text(), "the sum of both"
        seen.check()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_axe_finds_nothing_in_a_unit_with_reconstructions_and_a_row_that_one_came_by(
    browser: Browser, site: Path, base: str, scheme: str, width: int
):
    entries = data(site, "units", "conv2-1")["back"]["entries"]
    begin, unit = next((u, by_hand(u)[0][1]) for u in driven() if [by_hand(u)[0][1], 0] in entries)
    address = f"{base}layers/conv2-1.html#u={unit}&t=conv2_2/{begin}"
    with opened(browser, address, base=base, scheme=scheme, width=width) as seen:
        seen.page.wait_for_selector(".ca-panel--open .ca-lit")
        assert audit(seen.page) == []
        over = seen.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert over <= 0


@pytest.mark.parametrize("view", ["kernels", "units", "sideways"])
def test_links_between_panels_keep_the_image_and_the_view(browser: Browser, site: Path, base: str, view: str):
    images = [path.stem for path in sorted((site / "images").glob("*.html")) if path.stem != "index"]
    unit = driven()[0]
    kept = "maps" if view == "sideways" else view
    with opened(browser, f"{base}layers/conv2-2.html#u={unit}&i={images[2]}&v={view}&c=magma", base=base) as seen:
        page = seen.page
        for step, begin in enumerate((".ca-wires a", ".ca-thread a")):
            page.wait_for_selector(f"unit-panel {begin}")
            links = page.locator("unit-panel a[href*='#']:not([href*='findings.html'])").evaluate_all(
                "all => all.map((a) => a.href)"
            )
            assert len(links) > 4
            for link in links:
                assert f"&i={images[2]}&v={kept}&c=magma" in link, link
            was = page.locator("h1").inner_text()
            page.locator(f"unit-panel {begin}").first.click()
            page.wait_for_function(
                "was => document.querySelector('h1') && document.querySelector('h1').innerText !== was", arg=was
            )
            page.wait_for_selector("unit-panel .ca-wires")
            assert page.locator("[name=image]:checked").get_attribute("value") == images[2], step
            assert page.locator("[name=view]:checked").get_attribute("value") == kept, step
            assert images[2] in page.locator("unit-panel figure").first.inner_text() or kept != "maps"
        seen.check()
