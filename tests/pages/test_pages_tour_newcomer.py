"""The tour as somebody walks it who has never seen a convolution: where it begins, what each step explains, and what it does not skip in
silence."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from torch import Tensor

from generator.pages.environment import strings
from generator.pages.tour import _lesson
from tests.pages import fixture_tour_blocks
from tests.pages.fixture_tour import data
from tests.pages.fixture_tour_numbers import at, made, network, number, number_of, outputs, place, tap, unit
from tests.pages.opened import opened
from tests.whole import Built

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return made(tmp_path_factory.mktemp("tour-newcomer"))


@pytest.fixture(scope="module")
def truth(built: Built) -> list[Tensor]:
    return outputs(built)


@pytest.fixture(scope="module")
def blocks(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return fixture_tour_blocks.made(tmp_path_factory.mktemp("tour-blocks"), images=1)


@pytest.fixture
def base(built: Built) -> str:
    return built.site.as_uri() + "/"


def test_the_first_page_leads_to_a_picture_whose_steps_have_their_numbers(browser: Browser, built: Built, base: str):
    """Whichever image it shows itself: the one that the model is surest of may have none."""
    home = (built.site / "index.html").read_text("utf-8")
    (link,) = re.findall(r'href="(tour\.html#?[^"]*)">Walk through', home)
    slugs = [image["slug"] for image in data(built.site)["images"]]
    with opened(browser, base + link, base=base) as seen:
        page = at(seen, number_of(built, "0"))
        assert page.evaluate("document.querySelector('tour-page').state.i") == slugs[0]
        assert page.locator("[data-act=numbers]").count() == 0
        seen.check()


def test_the_image_without_numbers_is_not_linked_to():
    from generator.pages.home import _numbers

    def linked(image: str | None, explained: tuple[str, ...] | None) -> str:
        found = None if explained is None else SimpleNamespace(images=explained)
        site: object = SimpleNamespace(report=SimpleNamespace(explained=found))
        return _numbers(site, None if image is None else SimpleNamespace(slug=image))  # type: ignore[arg-type]

    assert linked("coffee", ("astronaut",)) == "astronaut"
    assert linked("coffee", ("astronaut", "coffee")) == "coffee"
    assert linked("coffee", None) == linked("coffee", ()) == "coffee"
    assert linked(None, ("astronaut",)) == ""


def test_the_best_texts_stand_open_at_the_first_convolution_before_the_lists(browser: Browser, built: Built, base: str):
    with opened(browser, f"{base}tour.html", base=base) as seen:
        page = at(seen, number_of(built, "0"))
        page.wait_for_selector("tour-walk .tour-units")
        first = page.locator("tour-walk .tour-walk__first details")
        assert first.evaluate_all("all => all.map((e) => [e.open, e.querySelector('h3').textContent])") == [[True, "What a convolution does"], [True, "What a unit is"]]  # fmt: skip
        assert page.locator("tour-walk .tour-walk__first").evaluate("e => Boolean(e.compareDocumentPosition(document.querySelector('tour-walk .tour-units')) & Node.DOCUMENT_POSITION_FOLLOWING)")  # fmt: skip
        said = page.locator(".tour-walk__text").inner_text()
        for word in ("called a feature map", "learned", "dot product", "gamma", "beta"):
            assert word in said
        lead = page.locator("tour-walk .ca-x-lead").inner_text()
        assert "plus a bias (one learned number, the same at every place)" in lead
        assert "Padding 1: zeros are put around the map, so that the new map is as large as this one." in lead
        at(seen, number_of(built, "2"))
        assert page.locator("tour-walk .tour-walk__first details").count() == 0
        assert "ReLU6, a rectifier with a cap" in page.locator(".tour-walk__text").inner_text()
        seen.check()


def test_later_steps_tell_a_normalisation_with_their_own_numbers(browser: Browser, built: Built, base: str):
    norm = network(built).requires_grad_(False)[5]
    factors = norm.weight / (norm.running_var + norm.eps).sqrt()
    with opened(browser, f"{base}tour.html", base=base) as seen:
        page = at(seen, number_of(built, "4"))
        said = page.locator(".tour-walk__text").inner_text()
        assert f"Batch normalisation again: of the 8 maps the numbers are multiplied by {float(factors.min()):.3g} to {float(factors.max()):.3g}" in said  # fmt: skip
        assert "subtracts from each map" not in said
        at(seen, number_of(built, "6"))
        assert "ReLU6 again, on 8 maps" in page.locator(".tour-walk__text").inner_text()
        seen.check()


def test_a_step_begins_where_something_happens_and_says_why_its_unit(
    browser: Browser, built: Built, base: str, truth: list[Tensor]
):
    columns = data(built.site)["columns"]
    slug = data(built.site)["images"][0]["slug"]
    with opened(browser, f"{base}tour.html", base=base) as seen:
        for name, act, reads, rim in (("0", 3, truth[0], 2), ("4", 7, truth[4], 1)):
            page = at(seen, number_of(built, name))
            u, (y, x) = unit(page), place(page)
            assert u == columns[number_of(built, name)]["picks"][slug][0]
            out = truth[act][0, u]
            assert out[y, x] == pytest.approx(float(out[rim:-rim, rim:-rim].max()), rel=1e-3), "behind the rectifier"
            assert rim <= y < out.shape[0] - rim and rim <= x < out.shape[1] - rim, "not at the rim"
            assert reads[0, :, y - 1 : y + 2, x - 1 : x + 2].abs().max() > 0.05
            assert page.locator(f"[data-column='{number_of(built, name)}'] .tour-tiles a").first.get_attribute("data-unit") == str(u), "in sight"  # fmt: skip
        tells = (
            "Of all units this one tells the places of the picture apart most"
            in page.locator("[data-hint]").inner_text()
        )
        counts = "Of all units this one adds most to the score of" in page.locator("[data-hint]").inner_text()
        assert (tells, counts) == (False, True), "the last maps"
        assert "It begins at a place where it says much" in page.locator("[data-hint]").inner_text()
        page = at(seen, number_of(built, "0"))
        assert "tells the places of the picture apart most" in page.locator("[data-hint]").inner_text()
        seen.check()


def test_a_place_that_the_visitor_chose_is_kept_wherever_it_leads(browser: Browser, built: Built, base: str):
    with opened(browser, f"{base}tour.html", base=base) as seen:
        page = at(seen, number_of(built, "0"))
        page.locator("tour-walk explain-view [role=application]").scroll_into_view_if_needed()
        tap(page, 0, 0, 32)
        for name in ("2", "4", "6"):
            assert place(at(seen, number_of(built, name))) == (0, 0)
        seen.check()


def test_the_followed_unit_counts_in_the_answer(browser: Browser, built: Built, base: str, truth: list[Tensor]):
    terms = network(built)[9].weight.detach()[int(truth[10].argmax())] * truth[8].flatten()
    end = len(data(built.site)["columns"])
    with opened(browser, f"{base}tour.html", base=base) as seen:
        page = at(seen, number_of(built, "4"))
        assert unit(page) == int(terms.argmax())
        for k in (end - 4, end - 3, end - 2):
            page.locator("[data-act=after]").click()
            name = data(built.site)["columns"][k].get("layer") or data(built.site)["columns"][k]["how"][1]
            page.wait_for_selector(f"tour-walk explain-view[data-step='{name}']")
        row = page.locator("tour-walk tr[data-term].is-own")
        assert row.get_attribute("data-term") == str(int(terms.argmax()))
        assert number(page, "tr.is-own [data-product]") == pytest.approx(float(terms.max()), rel=5e-3)
        seen.check()


def test_a_step_behind_a_fold_says_what_was_passed_over_and_how_far_a_unit_sees(browser: Browser, blocks: Built):
    columns = data(blocks.site)["columns"]
    base = blocks.site.as_uri() + "/"
    with opened(browser, f"{base}tour.html#f=1", base=base) as seen:
        page = seen.page
        page.wait_for_selector(".tour-tiles")
        steps = page.evaluate("document.querySelector('tour-page').strip.steps()")
        at_ = next(k for before, k in pairwise(steps) if k - before > 1)
        before = steps[steps.index(at_) - 1]
        page.evaluate("n => document.querySelector('tour-page').go(n, true, -1)", at_)
        said = page.locator("tour-walk [data-skipped]").inner_text()
        size = lambda one: "×".join(map(str, [one["units"], *one["map"]]))  # noqa: E731
        hidden = [one for one in columns[before + 1 : at_] if "map" in one]
        assert (
            f"more blocks of the same kind are folded away: {size(columns[before])} become {size(hidden[-1])}." in said
        )
        assert columns[at_]["sees"] == [64, 64]
        assert "One place of this map now depends on the whole picture, 64 × 64 (its receptive field)." in said
        page.evaluate("n => document.querySelector('tour-page').go(n, true, -1)", before)
        assert page.locator("tour-walk [data-skipped]").count() == 0, "nothing was passed over"
        page.evaluate("n => document.querySelector('tour-page').go(n, true, -1)", at_)
        page.locator("tour-walk [data-act=skipped]").click()
        assert page.locator("tour-walk [data-skipped]").count() == 0
        assert not any(page.evaluate("document.querySelector('tour-page').columns.map(({li}) => li.hidden)"))
        seen.check()


def test_a_sum_names_its_two_ways(browser: Browser, blocks: Built):
    base = blocks.site.as_uri() + "/"
    k = next(k for k, one in enumerate(data(blocks.site)["columns"]) if one.get("kind") == "merge")
    with opened(browser, f"{base}tour.html#f=0", base=base) as seen:
        page = seen.page
        page.wait_for_selector("tour-walk h2")
        page.evaluate("n => document.querySelector('tour-page').go(n, true, -1)", k)
        page.wait_for_selector("tour-walk [data-way]")
        assert page.locator("tour-walk h2").inner_text().lower().startswith("sum")
        assert sorted(one.strip() for one in page.locator("tour-walk [data-way]").all_inner_texts()) == ["what came in, on the way around them", "what the layers of the block made"]  # fmt: skip
        seen.check()


def test_the_percentages_say_that_they_are_of_another_thing_than_the_figure(browser: Browser, built: Built, base: str):
    with opened(browser, f"{base}tour.html", base=base) as seen:
        page = at(seen, number_of(built, "4"))
        page.wait_for_selector("tour-walk .tour-units [data-how]")
        list_ = page.locator("tour-walk .tour-units").first
        assert list_.locator("h3").inner_text() == "What it reads in general: all inputs together are 100 %"
        order = list_.evaluate("e => [...e.children].map((one) => one.nodeName)")
        assert order == ["H3", "P", "UL"], "said before the list"
        feeds = page.locator("tour-walk .tour-units").last.locator(".tour-how").inner_text()
        assert "in which this unit has the largest part in general, not on this picture alone" in feeds
        said = list_.locator("[data-how]").inner_text()
        assert "The figure above is of one place of this picture, where another input may add more" in said
        assert "squares of all that its reader reads" not in page.locator("tour-walk").inner_text()
        page = at(seen, number_of(built, "0"))
        page.wait_for_selector("tour-walk .tour-units")
        assert page.locator("tour-walk .tour-units h3").all_inner_texts() == ["What it feeds"], (
            "its inputs are three colours, all in the figure"
        )
        seen.check()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_strip_says_what_its_lines_are_and_none_runs_through_the_words_of_a_fold(
    browser: Browser, blocks: Built, scheme: str
):
    base = blocks.site.as_uri() + "/"
    with opened(browser, f"{base}tour.html#f=1", base=base, scheme=scheme) as seen:
        page = seen.page
        page.wait_for_selector(".tour-tiles")
        legend = page.locator("[data-lines]")
        assert legend.inner_text().split("\n")[0].startswith("Lines:")
        assert "the more of one, the less of the other" in legend.inner_text()
        colours = legend.locator("i").evaluate_all("all => all.map((e) => getComputedStyle(e).borderTopColor)")
        line = "kind => { const e = document.createElementNS('http://www.w3.org/2000/svg', 'path'); e.setAttribute('class', `tour-edge tour-edge--${kind}`); document.querySelector('.tour-edges').append(e); const s = getComputedStyle(e).stroke; e.remove(); return s; }"
        assert colours[:2] == [page.evaluate(line, kind) for kind in ("for", "against")]
        chip = page.locator(".tour-fold:not([hidden]) button").first
        chip.scroll_into_view_if_needed()
        over = chip.evaluate("e => [Number(getComputedStyle(e).zIndex) > Number(getComputedStyle(document.querySelector('.tour-edges')).zIndex), getComputedStyle(e).backgroundColor]")  # fmt: skip
        assert over[0] and over[1] != "rgba(0, 0, 0, 0)"
        seen.check()


def test_the_head_says_what_the_names_and_sizes_over_columns_are(browser: Browser, base: str):
    with opened(browser, f"{base}tour.html", base=base) as seen:
        said = seen.page.locator(".ca-note").first.inner_text()
        assert "what it does, what the model’s authors called it, and its size: maps × height × width" in said
        seen.check()


@pytest.mark.parametrize(
    ("field", "seen"),
    [
        ((40, 40), "40 × 40 of the 64 × 96 picture"),
        ((70, 90), "64 × 90 of the 64 × 96 picture"),
        ((70, 99), "the whole picture, 64 × 96"),
    ],
)
def test_the_lesson_on_a_unit_that_sees_everything_says_so_plainly(field: tuple[int, int], seen: str):
    """And not "64 × 96 of the 64 × 96 picture"."""
    report = SimpleNamespace(images=(), head="", input_shape=(3, 64, 96))
    column = SimpleNamespace(view=SimpleNamespace(layer=SimpleNamespace(receptive_field=field)))
    t = strings((Path(__file__).resolve().parents[2] / "site_config",), "en")
    head, text = _lesson(cast("Any", SimpleNamespace(report=report, t=t)), cast("Any", column), "field")
    assert head == "How far a unit sees"
    assert f"A place of this map depends on {seen}, and no longer asks" in text


def test_the_lesson_on_norms_does_not_teach_what_its_article_says_did_not_hold(built: Built):
    said = (built.site / "tour.html").read_text("utf-8")
    (lesson,) = re.findall(r"Why values are normalised.*?</details>", said, re.DOTALL)
    assert "training could only take small steps" in lesson, "as in the article: larger steps are safe"
    assert "would have to change too" not in lesson


@pytest.mark.parametrize("width", [390, 1280])
def test_no_word_of_what_a_unit_feeds_is_broken_for_want_of_room(browser: Browser, built: Built, base: str, width: int):
    """Classes have no picture: their names once left the words beside them a letter's room."""
    with opened(browser, f"{base}tour.html", base=base, width=width, height=844) as seen:
        page = at(seen, max(number_of(built, name) for name in ("4", "6")))
        page.wait_for_selector("tour-walk .tour-units")
        bare = page.locator("tour-walk .tour-unit--bare > *")
        assert bare.count()
        for one in bare.all():
            name, where = (one.locator(tag).bounding_box() for tag in ("b", "small"))
            assert name and where
            assert where["y"] >= name["y"] + name["height"] - 1, "below the name, with all the width"
        seen.check()


def test_the_tour_begins_with_the_first_image_that_has_numbers():
    from types import SimpleNamespace

    from generator.pages.tour import _first

    images = [SimpleNamespace(slug=slug) for slug in ("cat", "dog", "hen")]

    def first(*explained: str, there: bool = True) -> str:
        found = SimpleNamespace(images=explained) if there else None
        return _first(SimpleNamespace(report=SimpleNamespace(images=images, explained=found)))  # type: ignore[arg-type]

    assert first("dog", "hen") == "dog"
    assert first() == first(there=False) == "cat"
