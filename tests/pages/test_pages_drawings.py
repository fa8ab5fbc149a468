"""The drawings page: every style with live options, its address, what can be taken away, by mouse, touch and keyboard."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from dataclasses import fields, replace
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from generator.diagrams.extras import with_faces
from generator.diagrams.plain import as_json, options
from generator.diagrams.styles import styles
from generator.pages import drawings
from generator.pages.context import Site
from generator.pages.docs_tree import DocsTree
from generator.pages.environment import environment, strings
from generator.pages.faces import faces, wanted
from generator.pages.prepared import DEEPEST
from generator.pages.views import Report
from tests.pages import fixture_drawings
from tests.pages.conftest import ROOT, Built, build
from tests.pages.drawn_pages import drawn, script, taken
from tests.pages.fixture_report import tiny_report
from tests.pages.opened import audit, opened

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ORDER = sorted(styles(), key=drawings.rank)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The tiny report, with a network that ends in a dense layer whose weights are known."""
    folder = tmp_path_factory.mktemp("drawn")
    return build(drawn_report(folder / "store"), folder)


@pytest.fixture(params=["http", "file"])
def base(request: pytest.FixtureRequest, tiny: Built, site_server: Callable[[Path], str]) -> str:
    return site_server(tiny.site) if request.param == "http" else tiny.site.as_uri() + "/"


def drawn_report(store: Path) -> Report:
    report = tiny_report(store)
    return replace(report, architecture=fixture_drawings.architecture(report.title, report.all_layers))


def expected(built: Built, style: str, image: int | None = 0, picture: bool = True, **some: Any) -> str:
    """What Python draws for the page."""
    it = built.report.architecture
    assert it is not None
    if image is not None:
        slug = built.report.images[image].slug
        found = script(built.site, f"data/drawings/{slug}.js")
        it = with_faces(it, {name: text.split() for name, text in found.items()})
        if picture and "picture" in styles()[style].cls.__dataclass_fields__:
            some["picture"] = found["@input"]
    return str(styles()[style].cls(**some).draw(it).svg)


# What is written


def test_the_page_has_every_style_with_all_options_of_the_command(tiny: Built):
    index = script(tiny.site, "data/drawings.js")
    assert [style["name"] for style in index["styles"]] == ORDER
    for style in index["styles"]:
        known = {one.name: one for one in options(styles()[style["name"]].cls)}
        assert [one["name"] for one in style["options"]] == [one.name for one in fields(styles()[style["name"]].cls)]
        for one in style["options"]:
            asked = known[one["name"]]
            assert (one["kind"], tuple(one["choices"]), one["doc"]) == (asked.kind, asked.choices, asked.doc)
            assert one["default"] == (list(asked.default) if asked.kind == "names" else asked.default)
            prepared = style["name"] == "blocks" and one["name"] == "depth"  # a page has so many levels of it
            assert (one["least"], one["most"]) == (asked.least, DEEPEST if prepared else asked.most)
    assert index["architecture"] == json.loads(json.dumps(as_json(tiny.report.architecture)))  # type: ignore[arg-type]
    assert (index["source"], index["input"]) == ("python:tiny.py:build", "3x32x32")


def test_files_are_drawn_with_no_option_changed(tiny: Built):
    for name in ORDER:
        assert (tiny.site / f"drawings/{name}.svg").read_text("utf-8") == expected(tiny, name, picture=False)
    page = unescape((tiny.site / "drawings.html").read_text("utf-8"))
    assert f'src="drawings/{ORDER[0]}.svg"' in page
    for name in ORDER:
        assert f'href="drawings/{name}.svg" download' in page


def test_faces_are_the_strongest_maps_of_an_image(tiny: Built, tmp_path: Path):
    t = strings((ROOT / "site_config",), "en")
    site = Site(tiny.report, DocsTree(tmp_path), environment((ROOT / "templates",), t), t)
    it = tiny.report.architecture
    assert it is not None
    names = [layer.name for layer in tiny.report.all_layers]
    # the second is the activation of the first: it is what is drawn of both. The third lies in a block, which is closed where
    # only the outermost blocks are opened
    assert wanted(it) == {
        names[0]: (names[1], names[0]),
        names[2]: (names[2],),
        f"{names[2]}.block": (names[2],),
        names[3]: (names[3],),
    }
    found = faces(site, it, tiny.report.images[0])
    assert set(found) <= {"@input", *wanted(it)} and "stem" in found
    assert len(found["stem"]) == 8 and len(found["@input"]) == 1
    view = tiny.report.layers[1]
    atlas = view.maps[tiny.report.images[0].slug]
    ends = [max(abs(lo), abs(hi)) for lo, hi in zip(atlas.raw_lo, atlas.raw_hi, strict=True)]  # type: ignore[union-attr]
    k = ends.index(max(ends))
    sheet = Image.open(io.BytesIO(atlas.picture.read()))  # type: ignore[union-attr]
    gray = sheet.getpixel((k % atlas.columns * 17 + 3, k // atlas.columns * 17 + 5))  # type: ignore[union-attr]
    import base64

    picture = Image.open(io.BytesIO(base64.b64decode(found["stem"][0].split(",")[1])))
    assert (picture.mode, picture.size, picture.getpixel((3, 5))) == ("P", (16, 16), gray)
    from matplotlib import colormaps

    wanted_colour = tuple(round(c * 255) for c in colormaps["RdBu_r" if atlas.signed else "viridis"](gray)[:3])  # type: ignore[union-attr]
    assert picture.convert("RGB").getpixel((3, 5)) == wanted_colour


def test_a_network_that_is_not_known_is_said(tmp_path: Path, rebuild: Callable[..., Built]):
    made = rebuild(replace(tiny_report(tmp_path / "store"), architecture=None), tmp_path)
    page = unescape((made.site / "drawings.html").read_text("utf-8"))
    assert "The architecture of this model is not known" in page
    assert not (made.site / "data/drawings.js").exists()


def test_without_images_there_is_nothing_to_choose(tmp_path: Path, rebuild: Callable[..., Built], browser: Browser):
    made = rebuild(replace(drawn_report(tmp_path / "store"), images=()), tmp_path)
    with opened(browser, (made.site / "drawings.html").as_uri() + "#s=lenet", base=made.site.as_uri()) as seen:
        assert drawn(seen.page) == expected(made, "lenet", None)
        assert seen.page.locator("[data-control=image]").count() == 0
        seen.check()


def test_a_style_with_nothing_to_draw_says_so_in_its_section(
    tmp_path: Path, rebuild: Callable[..., Built], browser: Browser
):
    report = drawn_report(tmp_path / "store")
    it = report.architecture
    assert it is not None
    bare = replace(it, ops=it.ops[:-1], edges=it.edges[:-1], blocks=it.blocks[:1], extra={})
    made = rebuild(replace(report, architecture=bare), tmp_path)
    assert not [*(made.site / "drawings").glob("fcnn.*")]
    page = unescape((made.site / "architecture.html").read_text("utf-8"))
    assert 'href="drawings.html#s=lenet"' in page and "#s=fcnn" not in page
    with opened(browser, (made.site / "drawings.html").as_uri() + "#s=fcnn", base=made.site.as_uri()) as seen:
        said = seen.page.locator("[data-stage] [role=alert]")
        said.wait_for()
        assert said.inner_text() == "This network has no fully connected layer."
        for part in (".dw-form", ".dw-take", ".dw-command"):
            assert not seen.page.locator(part).is_visible()
        seen.page.locator("label", has=seen.page.locator("[name=dw-style][value=lenet]")).click()
        assert drawn(seen.page) == expected(made, "lenet")
        assert seen.page.locator(".dw-form").is_visible() and seen.page.locator(".dw-command").is_visible()
        seen.check()


# In a browser


def test_names_of_blocks_are_text_and_stand_in_the_command(browser: Browser, tiny: Built, http: str):
    with opened(browser, http + "drawings.html#s=graph&depth=0", base=http) as seen:
        page = seen.page
        closed = drawn(page)
        assert closed == expected(tiny, "graph", depth=0)
        it = tiny.report.architecture
        assert it is not None
        page.locator("#dw-opened").fill(f" {it.blocks[1].id} , ")
        page.wait_for_function("() => location.hash.includes('opened')")
        page.wait_for_timeout(60)
        assert drawn(page) == expected(tiny, "graph", depth=0, opened=(it.blocks[1].id,))
        assert f"""--set 'opened=["{it.blocks[1].id}"]'""" in page.locator("[data-command]").inner_text()
        page.locator("#dw-columns").fill("2")
        page.wait_for_function("() => location.hash.includes('columns=2')")
        status, field = page.locator("[data-status]"), page.locator("#dw-opened")
        assert "has no block" not in status.inner_text() and field.get_attribute("aria-invalid") is None
        field.fill(f"{it.blocks[1].id}, layer9, layer10")
        page.wait_for_function("() => document.querySelector('[data-status]').textContent.includes('no block')")
        assert status.inner_text().startswith(
            "This network has no block layer9, layer10: opened does nothing with it. "
        )
        assert field.get_attribute("aria-invalid") == "true"
        # a block of one operation is drawn as that, an operation is no block, nor does a repetition begin with it
        field.fill(it.blocks[0].id)
        page.wait_for_function("() => document.querySelector('[data-status]').textContent.includes('has no block')")
        (op,) = [one.id for one in it.ops if one.kind == "linear"][:1]
        field.fill(op)
        page.wait_for_function(
            f"() => document.querySelector('[data-status]').textContent.includes('no block {op}: op')"
        )
        field.fill("")
        page.locator("#dw-each").fill(op)
        page.wait_for_function(
            f"() => document.querySelector('[data-status]').textContent.includes('no block {op}: each')"
        )
        assert page.locator("#dw-each").get_attribute("aria-invalid") == "true"
        page.locator("#dw-each").fill("")
        page.wait_for_function("() => !document.querySelector('[data-status]').textContent.includes('no block')")
        assert field.get_attribute("aria-invalid") is None
        seen.check()


def test_the_page_draws_what_python_draws(browser: Browser, tiny: Built, base: str):
    with opened(browser, base + "drawings.html", base=base) as seen:
        assert drawn(seen.page) == expected(tiny, ORDER[0])
        assert seen.address.endswith("drawings.html")  # nothing was chosen
        seen.check()


def test_options_act_at_once_and_stand_in_the_address(browser: Browser, tiny: Built, base: str):
    with opened(browser, base + "drawings.html#g=kept&s=lenet", base=base) as seen:
        page = seen.page
        page.wait_for_selector(".dw-stage svg")
        page.locator("#dw-spacing").focus()
        page.keyboard.press("ArrowRight")
        page.locator("#dw-names").press("Space")
        page.locator("label:has(> input[value=down])").click()
        first, border = page.locator("#dw-first_colour"), page.locator("#dw-border_width")
        assert first.is_disabled() and border.is_enabled()  # nothing is drawn in it
        page.locator("label:has(> input[value=two])").click()
        page.wait_for_function("() => !document.querySelector('#dw-first_colour').disabled")
        page.locator("#dw-first_colour").fill("#ff8800")
        page.wait_for_function("() => location.hash.includes('first_colour')")
        page.wait_for_timeout(60)
        some = {"spacing": 14, "names": False, "direction": "down", "colours": "two", "first_colour": "#ff8800"}
        assert drawn(page) == expected(tiny, "lenet", **some)
        said = "g=kept&s=lenet&spacing=14&names=false&direction=down&colours=two&first_colour=%23ff8800"
        assert sorted(seen.address.split("#")[1].split("&")) == sorted(said.split("&"))
        command = page.locator("[data-command]").inner_text()
        assert command.startswith(
            "convatlas draw python:tiny.py:build --style lenet --input 3x32x32 --set spacing=14 --set "
        )
        assert "--set 'first_colour=#ff8800'" in command and command.endswith(" -o lenet.svg")
        page.locator("label:has(> input[value=kind])").click()
        page.wait_for_function("() => document.querySelector('#dw-first_colour').disabled")
        page.wait_for_function("() => !document.querySelector('[data-command]').textContent.includes('first_colour')")
        page.locator(".dw-form [type=reset]").click()
        assert drawn(page) == expected(tiny, "lenet")
        assert seen.address.endswith("#g=kept&s=lenet")
        assert page.locator("#dw-names").is_checked() and page.locator("#dw-spacing").input_value() == "12"
        seen.check()


@pytest.mark.parametrize(
    "broken", [None, "syntax error(", "window.none = 1;", 'convatlas.put("prepared", "blocks", {"of": {}});', 'convatlas.put("prepared", "blocks", 7);']
)  # fmt: skip
def test_a_style_whose_preparation_is_missing_or_broken_says_so(
    browser: Browser, tiny: Built, base: str, broken: str | None
):
    page = browser.new_page()
    gone = "data/drawings/prepared-blocks.js"
    page.route(f"**/{gone}", lambda route: route.fulfill(body=broken) if broken else route.abort())
    page.goto(f"{base}drawings.html#s=blocks")
    said = page.locator("[data-stage] [role=alert]")
    said.wait_for()
    assert (
        said.inner_text() == f"The data of this view did not load: {gone}. Build the report again, or reload the page."
    )
    # what was drawn when the site was made is there all the same; what is seen cannot be saved as an own drawing
    assert page.locator("[data-stage] img").evaluate("img => img.decode().then(() => img.naturalWidth > 100)")
    assert page.locator("[data-save=svg]").is_disabled()
    page.locator("label", has=page.locator("[name=dw-style][value=lenet]")).click()
    assert drawn(page) == expected(tiny, "lenet")
    page.close()


def test_maps_that_are_missing_are_told_and_the_network_is_drawn_without(browser: Browser, tiny: Built, base: str):
    page = browser.new_page()
    first = f"data/drawings/{tiny.report.images[0].slug}.js"
    page.route(f"**/{first}", lambda route: route.abort())
    page.goto(f"{base}drawings.html#s=lenet")
    assert drawn(page) == expected(tiny, "lenet", image=None)
    assert first in page.locator("[data-status]").inner_text()
    page.close()


@pytest.mark.parametrize(
    ("said", "style", "some"),
    [
        (
            "s=fcnn&units=5&bias=true&node_colour=%23ffee00",
            "fcnn",
            {"units": 5, "bias": True, "node_colour": "#ffee00"},
        ),
        ("s=alexnet&angle=30&by_kind=false", "alexnet", {"angle": 30.0, "by_kind": False}),
        ("s=nosuch", ORDER[0], {}),
        ("s=lenet&spacing=&scale=cubic&first_colour=red&sheets=x", "lenet", {}),
        ("s=lenet&spacing=9999&sheets=-4", "lenet", {"spacing": 160.0, "sheets": 1}),
    ],
)
def test_an_address_is_a_view(browser: Browser, tiny: Built, base: str, said: str, style: str, some: dict[str, Any]):
    with opened(browser, f"{base}drawings.html#{said}", base=base) as seen:
        assert drawn(seen.page) == expected(tiny, style, **some)
        assert seen.page.locator(f"[name=dw-style][value={style}]").is_checked()
        seen.check()


def test_styles_and_images_are_chosen_by_key(browser: Browser, tiny: Built, http: str):
    with opened(browser, http + "drawings.html", base=http) as seen:
        page = seen.page
        page.wait_for_selector(".dw-stage svg")
        page.locator(f"[name=dw-style][value={ORDER[0]}]").focus()
        page.keyboard.press("ArrowRight")
        second = ORDER[1]
        assert drawn(page) == expected(tiny, second)
        assert f"s={second}" in seen.address
        page.locator("[data-control=image]").select_option(tiny.report.images[1].slug)
        page.wait_for_function("(slug) => convatlas.get('faces', slug)", arg=tiny.report.images[1].slug)
        page.wait_for_timeout(60)
        assert drawn(page) == expected(tiny, second, 1)
        page.locator("[data-control=image]").select_option("-")
        page.wait_for_timeout(60)
        assert drawn(page) == expected(tiny, second, None)
        assert seen.address.endswith(f"#s={second}&i=-")
        about = page.locator(f"[data-about={second}]")
        assert about.is_visible() and not page.locator(f"[data-about={ORDER[0]}]").is_visible()
        seen.check()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_png_is_twice_as_large_and_on_white(browser: Browser, http: str, scheme: str):
    with opened(browser, http + "drawings.html#s=lenet", base=http, scheme=scheme) as seen:
        seen.page.wait_for_selector("[data-save=png]:enabled")
        picture = Image.open(io.BytesIO(taken(seen.page, "png")))
        width, height = map(float, re.findall(r'(?:width|height)="([\d.]+)"', taken(seen.page, "svg").decode())[:2])
        assert abs(picture.width - 2 * width) <= 2 and abs(picture.height - 2 * height) <= 2
        assert picture.convert("RGB").getpixel((2, 2)) == (255, 255, 255)
        assert len(picture.convert("RGB").getcolors(1 << 20) or []) > 50  # maps are on it
        seen.check()


def test_in_the_dark_text_is_light_and_downloads_stay(browser: Browser, tiny: Built, http: str):
    with opened(browser, http + "drawings.html#s=lenet", base=http, scheme="dark") as seen:
        assert drawn(seen.page) == expected(tiny, "lenet")
        colour = seen.page.locator(".dw-stage .ca-ink").first.evaluate("(one) => getComputedStyle(one).fill")
        assert min(map(int, re.findall(r"\d+", colour)[:3])) > 200
        seen.check()


def test_on_a_phone_the_drawing_scrolls_and_the_page_does_not(browser: Browser, http: str):
    with opened(browser, http + "drawings.html#s=lenet&spacing=40", base=http, width=390, height=844) as seen:
        page = seen.page
        page.wait_for_selector(".dw-stage svg")
        stage = page.locator(".dw-stage")
        assert stage.evaluate("(one) => one.scrollWidth > one.clientWidth + 100")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        page.locator("label:has(> [name=dw-zoom][value=fit])").click()
        assert stage.evaluate("(one) => one.scrollWidth <= one.clientWidth")
        seen.check()


def test_without_scripts_the_drawing_and_its_files_are_there(browser: Browser, tiny: Built):
    with opened(browser, (tiny.site / "drawings.html").as_uri(), base=tiny.site.as_uri(), scripts=False) as seen:
        image = seen.page.locator(".dw-stage img")
        assert image.is_visible() and image.evaluate("(one) => one.naturalWidth") > 100
        assert not seen.page.locator(".dw-form").is_visible()
        assert "With scripts allowed" in seen.page.locator("article").inner_text()


def test_names_of_strangers_stay_text(browser: Browser, hostile: Built, site_server: Callable[[Path], str]):
    address = site_server(hostile.site)
    with opened(browser, address + "drawings.html", base=address) as seen:
        for name in ORDER:
            seen.page.locator(f"label:has(> [value={name}])").first.click()
            if name == "fcnn":  # none of its layers is fully connected
                seen.page.locator("[data-stage] [role=alert]").wait_for()
                continue
            assert drawn(seen.page) == expected(hostile, name)
        assert "'<script>" in seen.page.locator("[data-command]").inner_text()  # quoted for a shell
        seen.check()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
@pytest.mark.parametrize("style", ORDER)
def test_axe_finds_nothing(browser: Browser, http: str, scheme: str, width: int, style: str):
    with opened(browser, f"{http}drawings.html#s={style}", scheme=scheme, width=width, base=http) as seen:
        seen.page.wait_for_selector(".dw-stage svg")
        assert audit(seen.page) == []
        seen.check()
