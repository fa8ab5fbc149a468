"""The search over all units: its data by hand, and the page in a browser, by http and by double-click."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from generator.names import Layer, LayerName
from generator.pages import search
from generator.pages.context import Site
from generator.pages.docs_tree import DocsTree
from generator.pages.environment import environment, strings
from tests.pages.conftest import ROOT, Built, build
from tests.pages.fixture_report import HOSTILE, tiny_report
from tests.pages.fixture_units import answered, answers
from tests.pages.opened import Opened, audit, opened

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def units(tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp("units")
    return build(answered(tiny_report(folder / "store")), folder)


@pytest.fixture(params=["http", "file"])
def base(request: pytest.FixtureRequest, units: Built, site_server: Callable[[Path], str]) -> str:
    return site_server(units.site) if request.param == "http" else units.site.as_uri() + "/"


@pytest.fixture
def http(units: Built, site_server: Callable[[Path], str]) -> str:
    return site_server(units.site)


def found(seen: Opened, query: str | None = None) -> list[str]:
    """["stem 5", …]: the cards, in order, of what is typed."""
    seen.page.wait_for_function("() => document.querySelector('unit-search').found")
    if query is not None:
        seen.page.locator("unit-search [type=search]").fill(query)
    return list(
        seen.page.evaluate(
            "[...document.querySelectorAll('.ca-hit')].map((a) => `${a.querySelector('.ca-hit__layer').textContent} ${a.querySelector('b').textContent.replace('Unit ', '')}`)"
        )
    )


def test_when_a_unit_fires_for_a_class_is_told_on_demand(browser: Browser, http: str):
    with opened(browser, http + "units.html#q=wine+stem", base=http) as seen:
        assert len(found(seen)) == 6
        assert seen.page.locator("[data-status]").inner_text() == "6 of 48 units"
        said = seen.page.locator("[data-beyond]")
        assert not said.is_visible(), "the units stand nearer"
        seen.page.get_by_text("When a unit is said to fire for a class").click()
        assert "standard errors above all other images" in said.inner_text()
        assert "These are 2 images" in seen.page.locator("details[open]").inner_text()
        seen.check()


QUERIES: tuple[tuple[str, list[str]], ...] = (
    ("wine", [*(f"stem {u}" for u in (1, 3, 5, 7, 9, 11)), *(f"layer4.2.conv3 {u}" for u in (1, 5, 9, 11)), *(f"_blocks.10._depthwise_conv {u}" for u in (1, 3, 5, 7))]),
    ("Red WINE stem", [f"stem {u}" for u in (1, 3, 5, 7, 9, 11)]),
    ('"red wine" unit:5', ["stem 5", "layer4.2.conv3 5", "_blocks.10._depthwise_conv 5"]),
    ("dead", ["layer4.2.conv3 3"]),  # what findings count
    ("dead units", ["layer4.2.conv3 3"]),
    ("dead neurons in layer4.2.conv3", ["layer4.2.conv3 3"]),
    ("units in stem unit:7", ["stem 7"]),
    ("feeds espresso", ["head 4"]),
    ("fires:red wine unit:5 stem", ["stem 5"]),
    ("never on", ["layer4.2.conv3 3", "layer4.2.conv3 7"]),
    ("never-on", ["layer4.2.conv3 3", "layer4.2.conv3 7"]),
    ("never on -dead", ["layer4.2.conv3 7"]),
    ('dead layer:"layer4.2.conv3"', ["layer4.2.conv3 3"]),
    ('layer:"_blocks.1" unit:7', ["_blocks.10._depthwise_conv 7"]),  # no layer has just that name
    ('layer:"stem" unit:7', ["stem 7"]),
    ("always on", ["layer4.2.conv3 4"]),
    ("esp", ["head 4"]),
    ("feeds:tabby", []),  # the head's unit 4 speaks against it
    ("espressos", ["head 4"]),
    ("units feeding espresso", ["head 4"]),
    ("units that feed espressos", ["head 4"]),
    ("fires:espresso", []),
    ("colour-selective", ["stem 5"]),
    ("color>0.85", ["stem 5"]),
    ("colour>=90% -unit:5", []),
    ("selectivity>0.6", ["stem 2"]),
    ("class-selective", ["stem 2"]),
    ("on<1%", ["layer4.2.conv3 3", "layer4.2.conv3 7"]),
    ("on>=99%", ["layer4.2.conv3 4"]),
    ("layer:stem -wine", [f"stem {u}" for u in (0, 2, 6, 4, 8, 10)]),  # with a picture first: that of unit 4 shows nothing
    ("layer:layer4 unit:3 dead", ["layer4.2.conv3 3"]),
    ("layer:_blocks.1 unit:7", ["_blocks.10._depthwise_conv 7"]),
    ("image:two stem", [f"stem {u}" for u in (1, 3, 5, 7, 9, 11)]),
    ("kind:pool unit:4", ["head 4"]),
    ("units that fire for red wine unit:5 stem", ["stem 5"]),
    ("units that fire for espresso", ["head 4"]),  # which feeds it: none fires for it
    ("units for Espresso", ["head 4"]),
    ("11", [f"{layer} 11" for layer in ("stem", "layer4.2.conv3", "head")]),
    ("unit 11", [f"{layer} 11" for layer in ("stem", "layer4.2.conv3", "head")]),
    ("#11 stem", ["stem 11"]),
    ("stem unit 11", ["stem 11"]),
    ("stem -unit:11 11", []),
    ("neurons which respond to wine unit:5 stem", ["stem 5"]),
    ("nothing-such", []),
)  # fmt: skip


# ---- the page


def test_queries_find_what_they_mean(browser: Browser, base: str):
    with opened(browser, base + "units.html", base=base) as seen:
        for query, expected in QUERIES:
            assert (query, found(seen, query)) == (query, expected)
            none = seen.page.locator("[data-note]").inner_text() if not expected else ""
            why = "No unit fires for espresso" if query == "fires:espresso" else "No unit matches"
            assert none.startswith("" if expected else why), query
        seen.check()


def test_the_best_match_comes_first_and_a_number_can_order(browser: Browser, http: str):
    with opened(browser, http + "units.html", base=http) as seen:
        assert found(seen, "colour>0")[0] == "stem 5"
        assert found(seen, "tabby")[0] == "stem 0"
        seen.page.locator("[data-control=order]").select_option("colour")
        assert found(seen, "wine")[0] == "stem 5"
        assert "o=colour" in seen.address
        seen.page.locator("[data-control=order]").select_option("rare")
        assert found(seen, "layer4")[0] == "layer4.2.conv3 3"
        seen.page.locator("[data-control=order]").select_option("fires")
        assert found(seen, "layer4")[:2] == ["layer4.2.conv3 4", "layer4.2.conv3 0"]


def test_units_with_a_picture_of_what_they_look_for_come_first_one_of_each_layer(browser: Browser, base: str):
    with opened(browser, base + "units.html", base=base) as seen:
        deep_first = ["head", "_blocks.10._depthwise_conv", "layer4.2.conv3", "stem"]
        # units 0, 2 and 6 of each layer: the picture of unit 4 is dead
        first = [f"{layer} {unit}" for unit in (0, 2, 6) for layer in deep_first]
        assert found(seen)[:15] == [*first, "stem 1", "stem 3", "stem 4"]
        assert seen.page.locator(".ca-hit").first.locator(".ca-hit__picture").count() == 2
        assert seen.page.locator(".ca-hit").nth(12).locator(".ca-hit__picture").count() == 1
        assert found(seen, "stem")[:6] == [f"stem {unit}" for unit in (0, 2, 6, 1, 3, 4)], "equal matches alike"
        seen.check()


def test_a_card_says_why_and_leads_to_its_unit_on_the_image_that_raises_it_most(
    browser: Browser, base: str, units: Built
):
    with opened(browser, base + "units.html#q=wine+stem+unit%3A5", base=base) as seen:
        assert found(seen) == ["stem 5"]
        card = seen.page.locator(".ca-hit")
        text = card.inner_text()
        assert "fires for red wine 91\u202f%" in text  # 10 of 11
        assert "on 50\u202f% · colour 0.90 · selectivity 0.20" in text
        assert card.locator("mark").all_inner_texts() == ["red wine"]
        assert card.locator("i").all_inner_texts()[0] == "colour-selective"
        assert card.locator("img").evaluate("(i) => i.complete && i.naturalWidth") == 32
        # on the image that raises it most, which is not the report's first
        photos = units.report.images
        assert (card.get_attribute("href") or "").endswith(f"layers/layer-0.html#u=5&i={photos[1].slug}")
        card.click()
        seen.page.wait_for_selector("unit-panel figure")
        assert seen.page.locator("[name=image]:checked").get_attribute("value") == photos[1].slug
        assert photos[1].name in seen.page.locator("unit-panel figure").first.inner_text()
        assert seen.page.locator("unit-panel h2").inner_text().startswith("Unit 5")
        assert "Colour selectivity 0.9." in seen.page.locator("unit-panel").inner_text()
        seen.check()


def test_a_unit_that_nobody_asked_shows_its_feature_map_and_a_dead_one_nothing(browser: Browser, base: str):
    with opened(browser, base + "units.html#q=espresso", base=base) as seen:
        assert found(seen) == ["head 4"]
        seen.page.wait_for_selector(".ca-hit .ca-single")
        assert "feeds espresso" in seen.page.locator(".ca-hit").inner_text()
        assert (seen.page.locator(".ca-hit").get_attribute("href") or "").endswith("#u=4")  # on no image of its own
        found(seen, "dead")
        assert seen.page.locator(".ca-hit__picture").inner_text() == "∅"
        seen.check()


def test_keys_walk_from_the_field_to_a_unit(browser: Browser, base: str):
    with opened(browser, base + "units.html#q=stem", base=base) as seen:
        page = seen.page
        order = [hit.split()[1] for hit in found(seen)]
        assert len(order) == 12
        now = "document.activeElement.querySelector('b')?.textContent || document.activeElement.type"
        across = page.evaluate(
            "new Set([...document.querySelectorAll('.ca-hit')].map((a) => a.getBoundingClientRect().left)).size"
        )
        page.locator("unit-search [type=search]").focus()
        page.keyboard.press("ArrowDown")
        assert page.evaluate(now) == f"Unit {order[0]}"
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowDown")
        assert page.evaluate(now) == f"Unit {order[1 + across]}"
        page.keyboard.press("End")
        assert page.evaluate(now) == f"Unit {order[-1]}"
        page.keyboard.press("Home")
        page.keyboard.press("ArrowUp")
        assert page.evaluate(now) == "search"
        page.keyboard.press("ArrowDown")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Enter")
        page.wait_for_selector("unit-panel figure")
        assert f"layers/layer-0.html#u={order[1]}&i=" in seen.address
        page.go_back()
        assert len(found(seen)) == 12
        page.locator("unit-search [type=search]").press("Enter")
        page.wait_for_selector("unit-panel figure")
        assert "layers/layer-0.html#u=0&i=" in seen.address
        seen.check()


def test_the_address_holds_the_query_and_an_example_is_one(browser: Browser, base: str):
    with opened(browser, base + "units.html", base=base) as seen:
        page = seen.page
        assert len(found(seen)) == 48
        assert page.locator("[data-status]").inner_text() == "48 of 48 units"
        found(seen, "layer:stem on<60%")
        address = seen.address
        assert address.endswith("#q=layer%3Astem+on%3C60%25")
        tries = page.locator(".ca-tries a").all_inner_texts()
        assert {"tabby", "red wine", "never on", "always on", "colour>0.8", "selectivity>0.6", "on<1%"} <= set(tries)
        for query in tries:
            page.locator(".ca-tries a").get_by_text(query, exact=True).click()
            page.wait_for_function(
                "(query) => document.querySelector('unit-search [type=search]').value === query", arg=query
            )
            assert found(seen), query
        page.goto("about:blank")
        page.goto(address)
        assert page.locator("unit-search [type=search]").input_value() == "layer:stem on<60%"
        assert sorted(found(seen)) == sorted(f"stem {u}" for u in range(12))
        seen.check()


def test_what_is_wrong_with_a_query_is_said(browser: Browser, http: str):
    with opened(browser, http + "units.html", base=http) as seen:
        note = seen.page.locator("[data-note]")
        found(seen, "colour>")
        assert not note.is_visible()  # still being typed
        assert len(found(seen, "colour>")) == 48
        assert found(seen, "colour>much") == []
        assert not seen.page.locator("[data-about]").is_visible()
        assert note.inner_text() == "“much” is no number: write 0.5, or 50%."
        assert found(seen, "stem size>3") == []
        assert note.inner_text() == "There is no number “size”: on, colour and selectivity can be compared."


def test_where_nothing_is_found_it_says_what_is_known_with_examples_that_find_something(browser: Browser, base: str):
    with opened(browser, base + "units.html#q=eyes", base=base) as seen:
        assert found(seen) == []
        note = seen.page.locator("[data-note]")
        assert "Known are the names of classes, images and layers, marks and numbers" in note.inner_text()
        examples = note.locator("a").all_inner_texts()
        assert len(examples) == 3 and examples[0] in ("tabby", "red wine") and examples[1].startswith("layer:")
        assert examples[2] == "unit 15", "a number alone is a unit's"
        for query in examples:
            found(seen, "eyes")
            note.locator("a").get_by_text(query, exact=True).click()
            seen.page.wait_for_function("() => document.querySelector('unit-search').found.length > 0")
            assert seen.page.locator("unit-search [type=search]").input_value() == query
            assert not note.is_visible()
        seen.check()


def test_never_on_is_said_and_leads_to_what_is_dead(browser: Browser, base: str):
    with opened(browser, base + "units.html#q=never+on", base=base) as seen:
        assert found(seen) == ["layer4.2.conv3 3", "layer4.2.conv3 7"]
        assert seen.page.locator(".ca-hit i").all_inner_texts() == ["dead", "never on"]
        about = seen.page.locator("[data-about]")
        assert "what no image of the dataset raised" in about.inner_text()
        assert (about.locator("a").get_attribute("href") or "").endswith("findings.html#dead_units")
        found(seen, "always on")
        assert not about.is_visible()
        found(seen, "dead")
        assert about.is_visible()
        seen.check()


def test_sixty_come_first_and_more_when_asked(browser: Browser, tmp_path: Path, rebuild: Callable[..., Built]):
    built = rebuild(answered(tiny_report(tmp_path / "store", units=100)), tmp_path)
    with opened(browser, built.site.as_uri() + "/units.html#q=layer:stem", base=built.site.as_uri()) as seen:
        assert len(found(seen)) == 60
        more = seen.page.locator("[data-more]")
        assert more.inner_text() == "40 more of 40"
        more.click()
        assert len(found(seen)) == 100
        assert seen.page.evaluate("document.activeElement.querySelector('b').textContent") == "Unit 60"
        assert not more.is_visible()
        seen.check()


def test_without_answers_layers_can_be_searched_and_the_page_says_what_is_missing(browser: Browser, tiny: Built):
    with opened(browser, tiny.site.as_uri() + "/units.html#q=head", base=tiny.site.as_uri()) as seen:
        assert len(found(seen)) == 16
        assert "add dataset_examples to the methods" in seen.page.locator(".ca-note").first.inner_text()
        found(seen, "colour>0.5")
        assert (
            seen.page.locator("[data-note]").inner_text() == "In this report “colour” is not known: nobody measured it."
        )
        seen.check()
    with opened(browser, tiny.site.as_uri() + "/units.html", scripts=False, base=tiny.site.as_uri()) as seen:
        assert "Searching needs scripts." in seen.page.locator("noscript").inner_text()


def test_a_layer_can_be_sorted_by_colour_selectivity(browser: Browser, base: str):
    with opened(browser, base + "layers/layer-0.html#o=colour", base=base) as seen:
        seen.page.wait_for_selector("atlas-wall [role=option]")
        assert seen.page.locator("[data-control=sort]").input_value() == "colour"
        label = seen.page.locator("atlas-wall [role=option]").first.get_attribute("aria-label")
        assert label and label.startswith("Unit 5,")
        seen.check()


def test_nothing_of_hostile_names_runs(browser: Browser, tmp_path: Path, rebuild: Callable[..., Built]):
    report = answered(tiny_report(tmp_path / "store", hostile=True), (HOSTILE[0], HOSTILE[11]), HOSTILE[:3])
    built = rebuild(report, tmp_path)
    with opened(browser, built.site.as_uri() + "/units.html", base=built.site.as_uri()) as seen:
        assert found(seen, "fires:pwned")
        assert HOSTILE[0] in seen.page.locator(".ca-hit").first.inner_text()
        assert found(seen, "onmouseover")
        seen.page.goto(f"{built.site.as_uri()}/units.html#q=%3Cimg+src%3Dx+onerror%3Dwindow.pwned%3D1%3E")
        seen.page.wait_for_timeout(200)
        seen.check()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 1280), ("light", 390)])
def test_axe_finds_nothing(browser: Browser, units: Built, scheme: str, width: int):
    with opened(browser, units.site.as_uri() + "/units.html#q=wine", scheme=scheme, width=width) as seen:
        assert found(seen)
        seen.page.locator(".ca-grammar summary").click()
        assert audit(seen.page) == []
        over = seen.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert over <= 0


# ---- its size


def test_seventy_five_thousand_units_are_small_and_quick(browser: Browser, tmp_path: Path, units: Built):
    report = units.report
    rng = np.random.default_rng(0)
    view = report.layers[1]
    layers = []
    for k in range(75):
        found_here = replace(answers(1000), images=rng.integers(0, 1000, (1000, 2), np.int32))
        layer = Layer(
            LayerName(f"stage{k}.conv"), "conv", "Conv2d", (1000, 14, 14), 0, 0, (9, 9), (2.0, 2.0), (0.5, 0.5), k, ""
        )
        layers.append(
            replace(
                view, layer=layer, slug=f"stage-{k}", answers=found_here, colour=rng.random(1000).astype(np.float32)
            )
        )
    word = ["".join(rng.choice(list("abcdefghijklmnop"), 7)) for _ in range(1000)]
    example = report.examples[0]
    examples = tuple(replace(example, number=k, shows=f"{word[k]} {word[-k]}") for k in range(1000))
    large = replace(report, layers=tuple(layers), examples=examples, shown=Counter(each.shows for each in examples))
    t = strings((ROOT / "site_config",), "en")
    tree = DocsTree(tmp_path / "pages")
    search.write(Site(large, tree, environment((ROOT / "templates",), t), t))
    text = (tmp_path / "pages/data/unit-search.js").read_text("utf-8")
    assert len(text) < 3e6
    timed = """([queries, examples]) => {
        const units = new convatlas.query.Units(convatlas.get('search', 'large'), examples);
        return queries.map((query) => Math.min(...Array.from({length: 7}, () => {
            const start = performance.now();
            convatlas.query.find(units, query);
            return performance.now() - start;
        })));
    }"""
    queries = ["", word[3], "a", "dead", "colour>0.5", "colour-selective -a", "layer:stage7.conv on<60%"]
    with opened(browser, units.site.as_uri() + "/units.html") as seen:
        seen.page.evaluate(text.replace('"search","units"', '"search","large"', 1))
        took = seen.page.evaluate(timed, [queries, [["", f"image {k}"] for k in range(1000)]])
        assert max(took) < 50, dict(zip(queries, took, strict=True))
