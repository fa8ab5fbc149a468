"""The articles are listed and written; the figures on convolution, held to torch."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from generator.pages import learn
from generator.pages.numbers import raw
from tests.pages.conftest import Built
from tests.pages.fixture_report import tiny_report
from tests.pages.learn_figures import choose, plain, put, said, shown, slide, table, values
from tests.pages.opened import opened

if TYPE_CHECKING:
    from playwright.sync_api import Browser


def test_every_article_is_listed_written_and_led_to(tiny: Built):
    index = (tiny.site / "learn/index.html").read_text("utf-8")
    for article in learn.ARTICLES:
        assert f'href="{article.name}.html"' in index
        text = (tiny.site / f"learn/{article.name}.html").read_text("utf-8")
        assert "$" not in re.sub(
            r"<script.*?</script>|<annotation.*?</annotation>", "", text[text.index("<article") :], flags=re.S
        )
        for key in article.papers:
            assert f'id="{key}"' in text and f'href="#{key}"' in text, (article.name, key)
        assert set(re.findall(r'href="#([a-z]+[0-9]{4})"', text)) <= set(article.papers)
    layer = (tiny.site / "layers/layer-0.html").read_text("utf-8")
    assert "learn/convolution.html" in layer
    assert "learn/cam.html" in (tiny.site / "methods/grad_cam.html").read_text("utf-8")
    assert "methods/grad_cam.html" in (tiny.site / "learn/cam.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("article", "word", "told"),
    [
        ("convolution", "feature map", "the sum into a new map"),
        ("convolution", "unit", "What makes one map of the output"),
        ("activation", "rectifier", "rectified linear unit"),
        ("backprop_rules", "rectifier", "a ReLU"),
        ("pooling", "The gradient", "by how much the score would change if that number rose a little"),
        ("cam", "y^c = \\sum_k", "adds up over all maps"),
        ("cam", "\\partial", "by how much the score"),
        ("descent", "the loss", "one number for how wrong the network"),
        ("descent", "optimizer", "the rule that makes a step"),
    ],
)
def test_words_of_the_field_are_told_where_they_stand_first(tiny: Built, article: str, word: str, told: str):
    """In the sentence of their first use, or right before a formula that has them."""
    text = (tiny.site / f"learn/{article}.html").read_text("utf-8")
    text = text[text.index("</h1>") :]
    text = re.sub(r"<math.*?<annotation[^>]*>(.*?)</annotation>.*?</math>", r"\1", text, flags=re.S)
    text = html.unescape(re.sub(r"<script.*?</script>|<[^>]*>", "", text, flags=re.S))
    first = text.lower().index(word.lower())
    assert told in text[max(0, first - 200) : first + 200]


def test_an_article_that_stands_elsewhere_is_listed_and_not_written(
    tmp_path: Path, rebuild: Callable[..., Built], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(learn, "ARTICLES", (*learn.ARTICLES[:2], replace(learn.ARTICLES[2], elsewhere=True)))
    built = rebuild(tiny_report(tmp_path / "store"), tmp_path)
    assert 'href="pooling.html"' in (built.site / "learn/index.html").read_text("utf-8")
    assert not (built.site / "learn/pooling.html").exists()


def test_a_report_without_numbers_of_its_own_has_the_articles(
    browser: Browser, tmp_path: Path, rebuild: Callable[..., Built]
):
    bare = replace(tiny_report(tmp_path / "store"), own=None, images=(), layers=(), all_layers=())
    site = rebuild(bare, tmp_path).site.as_uri() + "/"
    for article in learn.ARTICLES:
        with opened(browser, f"{site}learn/{article.name}.html", base=site) as seen:
            assert seen.page.locator("figure").count() > 0
            assert "undefined" not in seen.page.locator("main, article").first.inner_text()
            seen.check()


def test_every_word_of_the_figures_is_known(browser: Browser, base: str):
    for article in (one for one in learn.ARTICLES if not one.elsewhere):
        with opened(browser, f"{base}learn/{article.name}.html", base=base) as seen:
            words = set(seen.page.evaluate("Object.keys(convatlas.get('learn', 'all').words)"))
            scripts = [Path(s).name for s in learn.SCRIPTS] + list(article.figures)
            for script in scripts:
                text = Path(f"templates/assets/js/learn-{script}.js").read_text("utf-8")
                assert set(re.findall(r"say\('(\w+)'", text)) <= words
            text = seen.page.locator("article").first.inner_text()
            assert not re.search(r"\{\w+\}|undefined|NaN", text)
            seen.check()


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "padding", "dilation"),
    [(7, 3, 2, 1, 1), (8, 3, 3, 0, 1), (9, 2, 4, 1, 1), (11, 3, 2, 2, 3), (4, 5, 1, 0, 1), (12, 3, 3, 1, 4)],
)
def test_the_sizes_of_the_window(
    browser: Browser, http: str, size: int, kernel: int, stride: int, padding: int, dilation: int
):
    x = torch.zeros(1, 1, size, size)
    fits = size + 2 * padding >= dilation * (kernel - 1) + 1
    out = F.conv2d(x, torch.zeros(1, 1, kernel, kernel), None, stride, padding, dilation).shape[3] if fits else 0
    with opened(browser, http + "learn/convolution.html", base=http) as seen:
        page = seen.page
        names = {"Input size": size, "Kernel": kernel, "Stride": stride, "Padding": padding, "Dilation": dilation}
        for name, value in names.items():
            slide(page, "sizes", name, value)
        padded = size + 2 * padding
        text = page.locator("#sizes .ln-names").inner_text()
        assert text == f"Padded input, {padded} × {padded}, and output, {out} × {out}"
        formula = plain(page.locator("#sizes .ln-live"))
        if not fits:
            assert said(page, "sizes").startswith("It does not fit")
            assert page.locator("#sizes .ln-player button").first.is_disabled()
        else:
            assert formula.endswith(f"+1={out}")
            assert page.locator("#sizes .ln-w-taps rect").count() == kernel**2
            grid = torch.ones(1, 1, padded, dtype=torch.float64, requires_grad=True)
            y = F.conv1d(grid, torch.ones(1, 1, kernel, dtype=torch.float64), None, stride, 0, dilation)
            (read,) = torch.autograd.grad(y.sum(), grid)
            missed = int((read == 0).sum())
            assert page.locator("#sizes .ln-w-unread rect").count() == 2 * missed
            assert said(page, "sizes").startswith("It fits") == (missed == 0)
            lost = int((read[0, 0, padding : padding + size] == 0).sum())
            if missed:
                expected = (
                    "All of them are padding" if not lost else "One of the" if lost == 1 else f"{lost} of the {size}"
                )
                assert expected in said(page, "sizes")
            rest = padded - int(read[0, 0].nonzero().max()) - 1
            assert ("The stride does not fit" in said(page, "sizes")) == (rest > 0)
            if rest > 1:
                assert f"the last {rest} padded columns and rows are never read" in said(page, "sizes")
            gaps = missed - rest
            told = f"{gaps} columns are passed over" if gaps > 1 else "1 column is passed over"
            assert (told in said(page, "sizes")) == (gaps > 0)
        address = seen.address
        seen.check()
    with opened(browser, address, base=http) as again:
        assert again.page.locator("#sizes .ln-names").inner_text() == text


def test_the_models_own_sizes_and_a_padding_on_one_side(browser: Browser, http: str, tiny: Built):
    assert tiny.report.own is not None
    with opened(browser, http + "learn/convolution.html", base=http) as seen:
        page = seen.page
        for k, window in enumerate(tiny.report.own.windows):
            page.locator("#sizes select").select_option(str(k))
            padded = window.size + window.before + window.after
            expected = f"Padded input, {padded} × {padded}, and output, {window.out} × {window.out}"
            assert page.locator("#sizes .ln-names").inner_text() == expected
        page.locator("#sizes select").select_option("0")
        assert page.locator("#sizes .ln-slider").nth(3).locator("output").inner_text() == "0 + 1"
        address = seen.address
        seen.check()
    with opened(browser, address, base=http) as again:
        assert again.page.locator("#sizes .ln-slider").nth(3).locator("output").inner_text() == "0 + 1"


def test_the_window_follows_mouse_keys_and_play(browser: Browser, base: str):
    with opened(browser, base + "learn/convolution.html", base=base) as seen:
        page = seen.page
        told = page.locator("#sizes .ln-told")
        assert told.inner_text() == "row 0, column 0"
        page.locator("#sizes input[type=range][aria-label=Place]").focus()
        page.keyboard.press("ArrowRight")
        assert told.inner_text() == "row 0, column 1"
        page.keyboard.press("End")
        assert told.inner_text() == "row 3, column 3"
        page.locator("#sizes .ln-window").scroll_into_view_if_needed()
        place = page.evaluate(
            """() => { const b = document.querySelector('.ln-w-cell').parentNode.querySelector('.ln-w-lines').getBoundingClientRect();
            return [b.left + b.width * 0.6, b.top + b.height * 0.1]; }"""
        )
        page.mouse.move(*place)
        assert told.inner_text() == "row 0, column 2"
        page.locator("#sizes").get_by_role("button", name="Play").click()
        page.wait_for_function("() => document.querySelector('#sizes .ln-told').textContent === 'row 0, column 3'")
        page.locator("#sizes").get_by_role("button", name="Pause").click()
        before = told.inner_text()
        page.wait_for_timeout(800)
        assert told.inner_text() == before
        page.locator("#sizes").get_by_role("button", name="One step back").click()
        assert told.inner_text() != before
        seen.check()


@pytest.mark.parametrize("motion", ["no-preference", "reduce"])
def test_nothing_moves_by_itself_and_a_finger_moves_the_window(browser: Browser, http: str, motion: str):
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, reduced_motion=motion)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(http + "learn/convolution.html")
    told = page.locator("#sizes .ln-told")
    page.wait_for_timeout(900)
    assert told.inner_text() == "row 0, column 0"
    page.locator("#sizes .ln-window").scroll_into_view_if_needed()
    box = page.locator("#sizes .ln-w-cell").bounding_box()
    assert box
    page.touchscreen.tap(box["x"] + 2.5 * box["width"], box["y"] + 1.5 * box["height"])
    assert told.inner_text() == "row 1, column 2"
    duration = page.evaluate("getComputedStyle(document.querySelector('.ln-w-frame')).transitionDuration")
    assert (duration == "0s") == (motion == "reduce")
    context.close()


def test_where_motion_is_not_wanted_play_is_one_step(browser: Browser, http: str):
    with opened(browser, http + "learn/convolution.html", base=http) as seen:
        page = seen.page
        page.emulate_media(reduced_motion="reduce")
        told, play = page.locator("#sizes .ln-told"), page.locator("#sizes").get_by_role("button", name="Play")
        for column in (1, 2):
            play.click()
            assert told.inner_text() == f"row 0, column {column}"
            page.wait_for_timeout(1000)
            assert told.inner_text() == f"row 0, column {column}"
        page.locator("#sizes input[type=range][aria-label=Place]").focus()
        page.keyboard.press("End")
        play.click()
        assert told.inner_text() == "row 0, column 0", "from the last place to the first"
        seen.check()


@pytest.mark.parametrize(("asked", "kernel"), [("n=1024&k=1000", 3), ("n=64&k=32", 32)])
def test_an_address_cannot_ask_for_a_kernel_of_a_million_cells(browser: Browser, http: str, asked: str, kernel: int):
    with opened(browser, f"{http}learn/convolution.html#{asked}", base=http) as seen:
        page = seen.page
        assert page.locator("#sizes .ln-w-taps rect").count() == kernel**2
        assert page.locator("#sizes .ln-slider").filter(has_text="Kernel").locator("output").inner_text() == str(kernel)
        seen.check()


def test_a_picture_that_was_changed_can_be_chosen_again(browser: Browser, http: str):
    with opened(browser, http + "learn/convolution.html", base=http) as seen:
        page = seen.page
        choose(page, "product", "diagonal")
        whole = values(page, "product", "Input")
        put(page, "product", "Input", 2, 3, -1.5)
        assert not torch.equal(values(page, "product", "Input"), whole)
        choose(page, "product", "diagonal")
        assert torch.equal(values(page, "product", "Input"), whole)
        seen.check()


def test_a_kernel_that_was_changed_by_hand_can_be_chosen_again(browser: Browser, http: str, tiny: Built):
    """A choice that shows what is no longer so could not be chosen anew: a browser tells of no choice of what is chosen."""
    own = tiny.report.own
    assert own is not None and own.kernels is not None
    with opened(browser, http + "learn/convolution.html", base=http) as seen:
        page = seen.page
        chosen = page.locator("#product select")
        for key in ("level", "own"):
            chosen.select_option(key)
            whole = values(page, "product", "Kernel")
            put(page, "product", "Kernel", 1, 1, 7)
            assert not torch.equal(values(page, "product", "Kernel"), whole)
            assert chosen.evaluate("e => e.selectedOptions[0].textContent") == "changed by hand"
            chosen.select_option(key)
            assert torch.equal(values(page, "product", "Kernel"), whole)
        put(page, "product", "Kernel", 1, 1, 7)
        slide(page, "product", "Unit", 2)
        assert chosen.input_value() == "own"
        expected = own.kernels.weight[2, 0].double()
        torch.testing.assert_close(values(page, "product", "Kernel"), expected, rtol=1e-4, atol=1e-4)
        seen.check()


def test_products_of_a_convolution(browser: Browser, http: str, tiny: Built):
    own = tiny.report.own
    assert own is not None and own.kernels is not None
    with opened(browser, http + "learn/convolution.html", base=http) as seen:
        page = seen.page
        choose(page, "product", "diagonal")
        put(page, "product", "Input", 2, 3, -1.5)

        def holds() -> Tensor:
            x, w = values(page, "product", "Input"), values(page, "product", "Kernel")
            y = F.conv2d(x[None, None], w[None, None])[0, 0]
            assert table(page, "product", "Output") == shown(y)
            return y

        holds()
        page.locator("#product select").select_option("own")
        slide(page, "product", "Unit", 4)
        choose(page, "product", "blue")
        kernel = values(page, "product", "Kernel")
        torch.testing.assert_close(kernel, own.kernels.weight[4, 2].double(), rtol=1e-4, atol=1e-4)
        y = holds()
        page.locator('#product table[aria-label="Output"] td').nth(7).click()
        assert page.locator("#product .ln-told").inner_text() == "row 1, column 2"
        assert page.locator("#product .ln-term").count() == 9
        assert page.locator("#product .ln-total").inner_text() == f"≈ {raw(float(y[1, 2]))}", (
            "of a kernel in three digits"
        )
        assert page.locator('#product table[aria-label="Input"] .ln-under').count() == 9
        put(page, "product", "Kernel", 0, 0, 2)
        holds()
        seen.check()


@pytest.mark.parametrize("width", [1280, 390])
def test_cells_cut_no_number_and_refuse_what_is_too_large(browser: Browser, http: str, width: int):
    with opened(browser, http + "learn/convolution.html", base=http, width=width) as seen:
        page = seen.page
        cut = """() => [...document.querySelectorAll('#product .ln-cells td')].filter((cell) => {
          const input = cell.querySelector('input'), pen = document.createElement('canvas').getContext('2d');
          const of = getComputedStyle(input || cell);
          pen.font = `${of.fontSize} ${of.fontFamily}`;
          return pen.measureText(input ? input.value : cell.textContent).width > cell.clientWidth;
        }).map((cell) => cell.firstElementChild ? cell.firstElementChild.value : cell.textContent)"""
        page.locator("#product select").select_option("own")
        assert page.evaluate(cut) == []
        first = page.locator('#product table[aria-label="Kernel"] input').first
        for v in (-0.123456, 1234.5678, -99999, 1e-7, 0.5, -123456.7):
            put(page, "product", "Kernel", 0, 0, v)
            page.locator("#product select").focus()
            assert values(page, "product", "Kernel")[0, 0] == v, "all its digits are kept"
            assert float(first.input_value()) == pytest.approx(v, rel=0.3, abs=1e-3)
            assert page.evaluate(cut) == []
        put(page, "product", "Kernel", 0, 0, 0.25)
        first.fill("1e9")
        assert first.get_attribute("aria-invalid") == "true"
        first.press("Enter")
        assert first.input_value() == "0.25"
        assert first.get_attribute("aria-invalid") is None
        assert "It is 0.25 again" in page.locator("#product .ln-refused:visible").inner_text()
        assert values(page, "product", "Kernel")[0, 0] == 0.25
        first.fill("3")
        assert page.locator("#product .ln-refused:visible").count() == 0
        seen.check()


def test_the_formula_of_the_sizes_is_whole_on_a_telephone(browser: Browser, http: str):
    with opened(browser, http + "learn/convolution.html#n=28&k=5&s=3&p=2&d=2", base=http, width=390) as seen:
        page = seen.page
        line = page.locator("#sizes .ln-live")
        line.wait_for()
        assert line.evaluate("e => e.scrollWidth - e.clientWidth") <= 0
        right = line.evaluate("e => e.getBoundingClientRect().right")
        boxes = page.locator("#sizes .ln-live math").evaluate_all("all => all.map((m) => m.getBoundingClientRect().right)")  # fmt: skip
        assert len(boxes) == 3 and max(boxes) <= right + 1
        seen.check()
