"""Pictures searched for, for classes and from images at layers: on the images' pages and on their methods', large, linked to."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from generator.pages.views import Sought
from generator.resources import packaged
from tests.pages.conftest import Built
from tests.pages.fixture_report import HOSTILE, picture, tiny_report
from tests.pages.opened import audit, opened
from tests.whole import build, missing

if TYPE_CHECKING:
    from playwright.sync_api import Browser

SHORT = {"size": 32, "steps": 3}
CONFIG = {
    "model": "tinyvgg_digits",
    "images": str(packaged("inputs/digits")),
    "limit": 3,
    "layers": ["conv"],
    "methods": [
        "grad_cam",
        {"class_visualization": {**SHORT, "targets": 1}},
        {"caricature": {**SHORT, "images": 2}},
        {"deep_dream": {**SHORT, "images": 2, "layers": "relu2_2"}},
        {"inversion": {"images": 0}},
    ],
    "targets": "top:2",
    "trust": "none",
}
LAYERS = ["relu1_2", "relu2_2", "pool2"]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("sought"), CONFIG).site


@pytest.fixture
def base(site: Path) -> str:
    return site.as_uri() + "/"


def test_nothing_leads_nowhere(site: Path):
    assert missing(site) == []


def test_an_image_s_page_has_a_row_a_method_and_a_column_a_layer(browser: Browser, base: str):
    with opened(browser, base + "images/0-a.html", base=base) as seen:
        table = seen.page.locator("table.ca-sought")
        assert [text.split("\n")[0] for text in table.locator("thead th").all_inner_texts()] == LAYERS
        assert [text.split("\n")[0] for text in table.locator("tbody th").all_inner_texts()] == [
            "Caricature",
            "Deep dream",
        ]
        assert "0-a as the layer sees it, exaggerated" in table.locator("tbody th").first.inner_text()
        rows = table.locator("tbody tr")
        assert rows.nth(0).locator("img").count() == 3
        assert rows.nth(1).locator("img").count() == 1  # its option `layers` names one
        assert rows.nth(1).locator(".ca-na").count() == 2
        assert re.fullmatch(r"#?score −?[\d.]+, began at −?[\d.]+", rows.nth(0).locator("td").nth(0).inner_text().replace("\n", ""))  # fmt: skip
        said = seen.page.locator("#sought ~ .ca-na").inner_text()
        assert "Inversion. Not drawn: its option images is 0 in this report" in said
        seen.check()


def test_an_image_beyond_the_first_ones_says_of_how_many_there_are_pictures(browser: Browser, base: str, site: Path):
    third = sorted(path.stem for path in (site / "images").glob("*.html") if path.stem != "index")[2]
    with opened(browser, f"{base}images/{third}.html", base=base) as seen:
        assert seen.page.locator("table.ca-sought").count() == 0
        assert seen.page.locator("#sought ~ .ca-na").filter(has_text="Caricature, ").count() in (0, 1)
        assert seen.page.get_by_text("of the report's first 2 images only").count() >= 1
        seen.check()


def test_a_picture_is_laid_over_the_photograph_and_has_a_link_of_its_own(browser: Browser, base: str):
    with opened(browser, base + "images/0-a.html", base=base) as seen:
        page = seen.page
        page.locator("#caricature-relu2-2 a[data-sought]").focus()
        page.keyboard.press("Enter")
        dialog = page.locator("dialog.ca-wipe")
        dialog.wait_for()
        assert dialog.locator("select").nth(0).evaluate("(s) => s.selectedOptions[0].text") == "photograph"
        assert dialog.locator("select").nth(1).evaluate("(s) => s.selectedOptions[0].text") == "Caricature at relu2_2"
        shown = dialog.locator(".ca-wipe__over img")
        assert shown.evaluate("(i) => i.naturalWidth") == 32
        page.keyboard.press("Escape")
        page.locator("#caricature-relu2-2 .ca-sought__link").click()
        assert seen.address.endswith("#caricature-relu2-2")
        seen.check()


def test_the_classes_drawn_stand_beside_what_the_model_says(browser: Browser, base: str):
    with opened(browser, base + "images/0-a.html", base=base) as seen:
        page = seen.page
        first = page.locator(".ca-bars__label").first.inner_text()
        figure = page.locator(".ca-looked figure").first
        assert figure.locator("figcaption a").inner_text() == first
        assert "on this photograph" in figure.inner_text()
        figure.locator("a[data-sought]").click()
        assert page.locator("dialog.ca-wipe select").nth(1).evaluate("(s) => s.selectedOptions[0].text") == first
        seen.check()


def test_the_methods_have_a_gallery_and_an_example(browser: Browser, base: str):
    with opened(browser, base + "methods/class_visualization.html", base=base) as seen:
        cards = seen.page.locator(".ca-gallery li")
        assert 1 <= cards.count() <= 3
        link = cards.first.locator(".ca-sought__on a").first
        assert re.search(r"images/[\w-]+\.html#class-\d$", str(link.get_attribute("href")))
        link.click()
        seen.page.wait_for_selector(":target")
        seen.check()
    with opened(browser, base + "methods/caricature.html", base=base) as seen:
        assert seen.page.locator(".ca-gallery tbody tr").count() == 2
        assert seen.page.locator(".ca-gallery tbody td img").count() == 6
        assert seen.page.locator(".ca-side figure img").evaluate("(i) => i.naturalWidth") == 32
        seen.check()
    with opened(browser, base + "methods/inversion.html", base=base) as seen:
        assert seen.page.locator(".ca-gallery").count() == 0
        assert "images is 0 in this report" in seen.page.locator(".ca-reasons").inner_text()
        seen.check()


@pytest.mark.parametrize("path", ["images/0-a.html", "methods/class_visualization.html", "methods/caricature.html"])
def test_it_fits_a_phone_and_needs_no_script(browser: Browser, base: str, path: str):
    with opened(browser, base + path, base=base, width=390) as seen:
        assert seen.page.evaluate("document.documentElement.scrollWidth") <= 390
        seen.check()
    with opened(browser, base + path, base=base, scripts=False) as seen:
        assert seen.page.locator(".ca-enlarge[href$='.png'] img").count() >= 1


def test_few_pictures_fill_the_wall_and_many_do_not_run_out_of_it(browser: Browser, base: str):
    fill = """([n, width, height]) => {
        const zoom = convatlas.tiles.fill({n, w: 96, h: 96, rgb: true}, width, height);
        return 96 * zoom;
    }"""
    with opened(browser, base + "layers/conv1-1.html", base=base) as seen:

        def side(*room: int) -> float:
            return float(seen.page.evaluate(fill, list(room)))

        assert side(4, 1100, 700) == (1100 - 3 * 2) // 4  # one row of four; three to a row would be too tall
        assert side(8, 1100, 700) == (1100 - 3 * 2) // 4  # two rows of four
        assert side(4, 808, 640) == (640 - 2) // 2  # two by two: nearly as wide, and larger
        assert side(1, 1100, 700) == 448  # no larger than that
        assert side(2, 290, 600) == 290  # a phone: one below the other, both in sight
        assert side(512, 1100, 700) >= 26
        seen.check()


def test_nothing_of_hostile_names_runs(browser: Browser, tmp_path: Path, rebuild: Callable[..., Built]):
    report = tiny_report(tmp_path / "store", hostile=True)
    made = picture(tmp_path / "store", np.full((8, 8, 3), 90, np.uint8))
    first = report.images[0]
    methods = [
        replace(report.methods[0], name=name, scope=scope, caption="{image} at {layer}.")
        for name, scope in (("caricature", "image_search"), ("class_visualization", "class_search"))
    ]
    said = [(p.index, Sought(made, 2.0, 1.0, HOSTILE[0], p.label)) for p in first.predictions]
    of_image = {("caricature", layer): Sought(made, 2.0, None, HOSTILE[1]) for layer in report.cam_layers}
    images = tuple(replace(image, sought=of_image) for image in report.images)
    built = rebuild(
        replace(report, sought=dict(said), images=images, methods=(*report.methods, *methods)), tmp_path
    ).site.as_uri()
    for path in (f"images/{first.slug}.html", "methods/caricature.html", "methods/class_visualization.html"):
        with opened(browser, f"{built}/{path}", base=built) as seen:
            assert seen.page.locator("a[data-sought]").count() >= len(report.cam_layers) or "class" in path
            assert HOSTILE[0] in seen.page.locator("article").inner_text()
            seen.check()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
@pytest.mark.parametrize("path", ["images/0-a.html", "methods/class_visualization.html", "methods/caricature.html"])
def test_axe_finds_nothing(browser: Browser, base: str, path: str, scheme: str, width: int):
    with opened(browser, base + path, base=base, scheme=scheme, width=width) as seen:
        assert audit(seen.page) == []
