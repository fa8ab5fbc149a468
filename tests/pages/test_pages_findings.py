"""The page of findings: cards in order, links, drawings by hand, CSV; and a report in which nothing was looked for."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from generator.artifacts import NotApplicable
from generator.findings.finding import Dot, Drawing, Finding, Place
from generator.names import LayerName
from generator.pages.context import Site
from generator.pages.docs_tree import DocsTree
from generator.pages.environment import environment, strings
from generator.pages.findings import basis, plain, row, table, verdict
from generator.pages.findings_drawing import HEIGHT, WIDTH, chart
from generator.pages.findings_views import Findings
from tests.pages.conftest import ROOT, Built
from tests.pages.fixture_findings import checked
from tests.pages.fixture_report import tiny_report
from tests.pages.fixture_units import answered
from tests.pages.opened import opened

if TYPE_CHECKING:
    from playwright.sync_api import Browser

A, B, C = LayerName("a"), LayerName("b"), LayerName("c")
FINE = Finding("fine", "None.", "From one on.")


@pytest.fixture(scope="module")
def page(tiny: Built) -> str:
    return unescape((tiny.site / "findings.html").read_text("utf-8"))


def site(folder: Path, found: Findings | None) -> Site:
    """A site under way over the tiny report, with these findings."""
    t = strings((ROOT / "site_config",), "en")
    report = replace(tiny_report(folder / "store"), findings=found)
    return Site(report, DocsTree(folder / "docs"), environment((ROOT / "templates",), t), t)


def found(*severities: str, images: int = 8, layers: int = 4) -> Findings:
    results = [NotApplicable("no.") if s == "unjudged" else replace(FINE, severity=s) for s in severities]
    return Findings(tuple(checked(f"c{k}", f"C{k}", one) for k, one in enumerate(results)), images, layers)


# Words


@pytest.mark.parametrize(
    ("severities", "said"),
    [
        (("serious", "serious", "warning", "note"), "2 things are seriously wrong."),
        (("serious", "fine"), "One thing is seriously wrong."),
        (("warning", "note"), "Nothing is seriously wrong, and one thing is to be looked into."),
        (("warning", "warning"), "Nothing is seriously wrong, and 2 things are to be looked into."),
        (("note", "fine", "unjudged"), "No fault was found. One thing is worth knowing."),
        (("note", "note", "note"), "No fault was found. 3 things are worth knowing."),
        (("fine", "unjudged"), "Nothing that was looked for was found."),
    ],
)
def test_the_verdict_is_that_of_the_gravest(tmp_path: Path, severities: tuple[str, ...], said: str):
    assert verdict(site(tmp_path, found(*severities))) == said


def test_what_it_is_judged_by_is_said(tmp_path: Path):
    few = basis(site(tmp_path, found("fine", images=1)))
    assert few[0].endswith("the units of 4 layers answered to one image.")
    assert few[1].startswith("So few images tell little")
    many = basis(site(tmp_path, found("fine", images=2000)))
    assert len(many) == 1 and "2,000 images" in many[0]
    assert basis(site(tmp_path, found("fine", images=0, layers=0)))[0].startswith(
        "Judged by the weights alone: no image"
    )


def test_the_home_page_has_the_verdict(tiny: Built):
    assert "One thing is seriously wrong." in (tiny.site / "index.html").read_text("utf-8")


# The page


def test_cards_stand_in_order_and_what_was_not_found_is_closed(page: str):
    names = ["scale", "dead_units", "noise_kernels", "always_on", "not_numbers", "saturated"]
    places = [page.index(f'id="{name}"') for name in names]
    assert places == sorted(places)
    closed = page[page.index('<details class="fi-rest"') : page.index('id="unjudged"')]
    assert 'id="always_on"' in closed and 'id="not_numbers"' in closed and 'id="dead_units"' not in closed
    assert "<details open" not in page
    assert "The model has no rectifier with a cap." in page


def test_layers_and_units_are_links_into_the_layer_pages(page: str):
    assert 'href="layers/layer-3.html"' in page
    assert 'href="layers/layer-1.html#u=4"' in page
    assert page.count("<summary>and 3 more</summary>") == 2  # the last layer has 15 units, twelve of them with a link
    assert "3 more layers" in page  # eight, of which five stand open


def test_a_filter_is_in_the_link_only_where_the_layer_has_answers(tmp_path: Path):
    made = site(tmp_path, None)
    view = made.report.layers[1]
    name = view.layer.name
    assert row(made, Place(name, "x", (), "dead")).address == "layers/layer-1.html"
    asked = replace(view, answers=object())  # type: ignore[arg-type]
    report = replace(made.report, layers=(made.report.layers[0], asked, *made.report.layers[2:]))
    other = Site(report, made.tree, made.env, made.t)
    assert row(other, Place(name, "x", (3,), "dead")).address == "layers/layer-1.html#f=certain"
    assert row(other, Place(name, "x", (3,), "dead")).units == ((3, "layers/layer-1.html#u=3"),)
    rare = Place(
        name, "none of 12 for certain, 1 never on", (3,), "dead", "never on"
    )  # nothing there is dead for certain
    assert row(other, rare).address == "layers/layer-1.html#f=never_on"
    assert row(other, Place(LayerName("gone"), "x", (3,))).address == ""


def test_a_units_link_opens_the_image_that_raises_it_most_where_the_report_shows_it(tmp_path: Path):
    made = site(tmp_path, None)
    other = Site(answered(made.report), made.tree, made.env, made.t)
    stem, act = (view.layer.name for view in made.report.layers[:2])
    second = made.report.images[1].slug
    assert row(other, Place(stem, "x", (3,))).units == ((3, f"layers/layer-0.html#u=3&amp;i={second}"),)
    assert row(other, Place(act, "x", (3,))).units == ((3, "layers/layer-1.html#u=3"),)  # no image raises it
    unlisted = replace(other.report, examples=tuple(replace(one, page=None) for one in other.report.examples))
    alone = Site(unlisted, made.tree, made.env, made.t)
    assert row(alone, Place(stem, "x", (3,))).units == ((3, "layers/layer-0.html#u=3"),)


def test_more_units_than_have_links_lead_to_all_of_them(tmp_path: Path):
    made = site(tmp_path, None)
    view = made.report.layers[1]
    place = Place(view.layer.name, "x", tuple(range(15)), "dead", "dead")
    behind = row(made, place)  # nobody asked the layer's units: the search cannot list them
    assert (behind.more, behind.query, [unit for unit, _ in behind.rest]) == (3, "", [12, 13, 14])
    asked = replace(view, answers=object())  # type: ignore[arg-type]
    report = replace(made.report, layers=(made.report.layers[0], asked, *made.report.layers[2:]))
    told = row(Site(report, made.tree, made.env, made.t), place)
    name = quote(f'dead layer:"{view.layer.name}"', safe="")
    assert (told.more, told.query) == (3, f"units.html#q={name}")
    assert row(made, replace(place, units=tuple(range(600)))).more == 588
    assert len(row(made, replace(place, units=tuple(range(600)))).rest) == 500  # findings.csv has all


def test_the_units_of_a_normalisation_are_shown_by_its_convolution(tmp_path: Path):
    made = site(tmp_path, None)
    view = made.report.layers[1]
    norm = replace(view.layer, name=LayerName("norm"), kind="norm", inputs=(view.layer.name,))
    apart = replace(norm, name=LayerName("apart"), kind="conv")
    last = replace(norm, name=LayerName("last"), inputs=("norm",))
    report = replace(made.report, all_layers=(*made.report.all_layers, norm, apart, last))
    other = Site(report, made.tree, made.env, made.t)
    for name in ("norm", "last"):
        found = row(other, Place(LayerName(name), "1 of 12", (3,)))
        assert found.units == ((3, "layers/layer-1.html#u=3"),)
        assert found.by == view.layer.name
    assert row(other, Place(LayerName("apart"), "x", (3,))).address == ""
    assert row(made, Place(view.layer.name, "x", (3,))).by is None


def test_every_card_says_what_to_do_and_where_the_line_is(page: str):
    cards = re.findall(r'<section class="fi-card".*?</section>', page, re.S)
    assert len(cards) == 3
    for card in cards:
        assert "Do something about it." in card
        assert "because it is so" in card
        assert "Limits: few images prove little." in card
        assert "<math" in card
        assert 'href="https://arxiv.org/abs/1903.06733"' in card


def test_a_finding_leads_to_all_units_of_its_kind(page: str):
    assert page.count('class="fi-query"') == 1
    assert '<a href="units.html#q=never%20on">All units that are never on' in page


def test_nothing_looked_for_is_said(tmp_path: Path, rebuild: Callable[..., Built]):
    made = rebuild(replace(tiny_report(tmp_path / "store"), findings=None), tmp_path)
    assert "Nothing was looked for in this report." in (made.site / "findings.html").read_text("utf-8")
    assert not (made.site / "findings.csv").exists()
    assert "seriously" not in (made.site / "index.html").read_text("utf-8")


def test_a_closed_part_opens_without_scripts(browser: Browser, tiny: Built):
    context = browser.new_context(java_script_enabled=False, viewport={"width": 390, "height": 800})
    try:
        view = context.new_page()
        view.goto((tiny.site / "findings.html").as_uri())
        assert not view.locator("#always_on").is_visible()
        view.locator("details.fi-rest > summary").click()
        assert view.locator("#always_on").is_visible()
    finally:
        context.close()


@pytest.mark.parametrize("width", [390, 1280])
def test_drawings_have_their_height_and_dots_stay_in_sight(browser: Browser, http: str, width: int):
    with opened(browser, http + "findings.html", base=http) as seen:
        seen.page.set_viewport_size({"width": width, "height": 900})
        for box in seen.page.locator(".fi-card .fi-plot").all():
            outer, inner = box.bounding_box(), box.locator("svg").bounding_box()
            assert outer and inner
            assert inner["height"] < outer["height"] <= 130
            assert inner["x"] + inner["width"] <= width
        seen.check()


# Drawings


def test_on_a_telephone_a_long_reason_leaves_the_layers_name_whole(browser: Browser, http: str):
    with opened(browser, http + "findings.html", base=http, width=390) as seen:
        row = seen.page.locator(".fi-places > li").first
        row.locator(".fi-where a").evaluate("e => { e.innerHTML = '_blocks.<wbr>12._<wbr>swish'; }")
        row.locator(".fi-what").evaluate(
            "e => { e.textContent = '4 of 32 dead, the same channels as in _blocks.10._swish'; }"
        )
        name, what = (row.locator(kind).bounding_box() for kind in (".fi-where", ".fi-what"))
        assert name is not None and what is not None
        assert name["height"] < 30, "one line"
        assert what["y"] >= name["y"] + name["height"] - 1, "under it"
        assert what["x"] + what["width"] <= 390


def test_bars_by_hand():
    """Three slots of 200; shares up to 0.2 on an axis that ends at the line's 0.25."""
    dots = (Dot(A, 0.1, ""), Dot(B, 0.2, "", part=0.05), Dot(C, 0.0, ""))
    made = chart(Drawing("c", "bars", dots, share=True, lines=((0.25, "warning"),)))
    assert made is not None and made.bars
    assert [(m.left, m.slot) for m in made.panels[0].marks] == [(0, 200), (200, 200), (400, 200)]
    assert [(m.x, m.width) for m in made.panels[0].marks] == [(80, 40), (280, 40), (480, 40)]
    assert [(m.y, m.strong) for m in made.panels[0].marks] == [(60, 60), (20, 80), (100, 100)]
    assert made.ticks == ((100, "0"), (0, "25\u202f%"))
    assert made.lines == ((0, "warning"),)
    assert made.panels[0].ends == ("a", "c")


def test_dots_on_a_logarithmic_axis_by_hand():
    """From 0.01 to 1,000: five powers of ten, 20 each. Nothing above zero lies at the bottom, within sight."""
    dots = (Dot(A, 1.0, "", series=1), Dot(B, 0.0, ""), Dot(C, 1000.0, ""))
    made = chart(Drawing("c", "dots", dots, ("p", "q"), log=True, lines=((0.01, "near"), (10, "far"))))
    assert made is not None and not made.bars
    assert [panel.title for panel in made.panels] == ["p", "q"]
    assert [m.y for m in made.panels[0].marks] == [HEIGHT - 4, 4]
    assert [(m.x, m.y) for m in made.panels[1].marks] == [(WIDTH / 2, 60)]
    assert made.ticks == ((100, "0.01"), (60, "1"), (0, "1,000"))
    assert made.lines == ((40, "far"),)  # one at the bottom edge would be the axis
    assert made.panels[1].ends == ("a", "")


@pytest.mark.parametrize(
    ("most", "end"),
    [(0.004, "1\u202f%"), (0.2, "20\u202f%"), (0.21, "25\u202f%"), (0.6, "75\u202f%"), (1.0, "100\u202f%")],
)
def test_the_axis_of_shares_ends_at_a_round_number(most: float, end: str):
    made = chart(Drawing("c", "bars", (Dot(A, most, ""),), share=True))
    assert made is not None
    assert made.ticks[1] == (0, end)


def test_nothing_is_drawn_of_nothing():
    assert chart(Drawing("c", "bars", ())) is None
    assert chart(Drawing("c", "bars", (Dot(A, 0.0, ""),))) is None
    flat = chart(Drawing("c", "dots", (Dot(A, 0.0, ""),), log=True))  # a layer of zeros is worth showing
    assert flat is not None and flat.panels[0].marks[0].y == HEIGHT - 4


# CSV


def test_the_csv_has_a_row_for_each_place(tiny: Built):
    rows = list(csv.reader(io.StringIO((tiny.site / "findings.csv").read_text("utf-8"))))
    assert rows[0] == ["finding", "severity", "layer", "what", "units", "evidence"]
    assert len(rows) == 1 + 1 + 8 + 1 + 1 + 1 + 1
    assert rows[1][:5] == ["scale", "serious", "_blocks.10._depthwise_conv", "scale 150", ""]
    assert rows[3][:5] == ["dead_units", "warning", "layer4.2.conv3", "1 of 12 plain", "0 1 2 3 4"]
    assert rows[-1] == ["saturated", "not judged", "", "", "", "the model has no rectifier with a cap."]


def test_no_cell_is_a_formula():
    assert plain("=1+1") == "'=1+1"
    assert plain("conv1") == "conv1"
    hostile = (checked("x", "X", replace(FINE, severity="note", places=(Place(LayerName("@cmd\n"), "-1"),))),)
    assert table(hostile).splitlines()[1] == "x,note,'@cmd ,'-1,,None."
