"""The articles in a browser: what their figures show is torch's, and mouse, touch and keyboard turn them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from generator.engine.rules import unpool
from generator.learn.effective import Effective
from generator.methods.grad_cam_pp import grad_cam_pp
from generator.pages import learn
from generator.pages.numbers import raw
from tests.pages.conftest import Built
from tests.pages.fixture_report import tiny_report
from tests.pages.opened import opened

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page


def table(page: Page, figure: str, label: str) -> list[list[str]]:
    """The numbers of one map of a figure as they stand there."""
    return page.eval_on_selector(  # type: ignore[no-any-return]
        f'#{figure} table[aria-label="{label}"]',
        "(t) => [...t.rows].map((r) => [...r.cells].map((c) => c.firstElementChild ? c.firstElementChild.value : c.textContent))",
    )


def values(page: Page, figure: str, label: str) -> Tensor:
    rows = table(page, figure, label)
    return torch.tensor([[float(v.replace("−", "-")) for v in row] for row in rows], dtype=torch.float64)


def shown(map_: Tensor) -> list[list[str]]:
    """A map as the page writes it."""
    return [[raw(float(v)) for v in row] for row in map_]


def put(page: Page, figure: str, label: str, y: int, x: int, value: float) -> None:
    cell = page.locator(f'#{figure} table[aria-label="{label}"] tr:nth-child({y + 1}) td:nth-child({x + 1}) input')
    cell.fill(str(value))


def slide(page: Page, figure: str, name: str, value: float) -> None:
    page.locator(f"#{figure} .ln-slider").filter(has_text=re.compile(rf"^{name}")).locator("input").fill(str(value))


def said(page: Page, figure: str) -> str:
    return page.locator(f"#{figure} .ln-verdict").inner_text()


def plain(math: Locator) -> str:
    """A formula's text, without invisible operators."""
    return re.sub(r"\s", "", math.inner_text())


def choose(page: Page, figure: str, text: str) -> None:
    page.locator(f"#{figure} .ca-seg label").filter(has_text=re.compile(f"^{text}$")).click()


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


# ---- convolution


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
        assert told.inner_text() == "row 1, column 1"
        page.locator("#sizes input[type=range][aria-label=Place]").focus()
        page.keyboard.press("ArrowRight")
        assert told.inner_text() == "row 1, column 2"
        page.keyboard.press("End")
        assert told.inner_text() == "row 4, column 4"
        page.locator("#sizes .ln-window").scroll_into_view_if_needed()
        place = page.evaluate(
            """() => { const b = document.querySelector('.ln-w-cell').parentNode.querySelector('.ln-w-lines').getBoundingClientRect();
            return [b.left + b.width * 0.6, b.top + b.height * 0.1]; }"""
        )
        page.mouse.move(*place)
        assert told.inner_text() == "row 1, column 3"
        page.locator("#sizes").get_by_role("button", name="Play").click()
        page.wait_for_function("() => document.querySelector('#sizes .ln-told').textContent === 'row 1, column 4'")
        page.locator("#sizes").get_by_role("button", name="Pause").click()
        before = told.inner_text()
        page.wait_for_timeout(800)
        assert told.inner_text() == before
        page.locator("#sizes").get_by_role("button", name="One step back").click()
        assert told.inner_text() != before
        seen.check()


def test_nothing_moves_by_itself_and_a_finger_moves_the_window(browser: Browser, http: str):
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, reduced_motion="reduce")
    page = context.new_page()
    page.goto(http + "learn/convolution.html")
    told = page.locator("#sizes .ln-told")
    page.wait_for_timeout(900)
    assert told.inner_text() == "row 1, column 1"
    page.locator("#sizes .ln-window").scroll_into_view_if_needed()
    box = page.locator("#sizes .ln-w-cell").bounding_box()
    assert box
    page.touchscreen.tap(box["x"] + 2.5 * box["width"], box["y"] + 1.5 * box["height"])
    assert told.inner_text() == "row 2, column 3"
    duration = page.evaluate("getComputedStyle(document.querySelector('.ln-w-frame')).transitionDuration")
    assert duration == "0s"
    context.close()


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
        assert page.locator("#product .ln-told").inner_text() == "row 2, column 3"
        assert page.locator("#product .ln-term").count() == 9
        assert page.locator("#product .ln-total").inner_text() == f"= {raw(float(y[1, 2]))}"
        assert page.locator('#product table[aria-label="Input"] .ln-under').count() == 9
        put(page, "product", "Kernel", 0, 0, 2)
        holds()
        seen.check()


# ---- the others


def test_the_chain_of_receptive_fields(browser: Browser, http: str):
    with opened(browser, http + "learn/receptive_field.html", base=http) as seen:
        page = seen.page
        choose(page, "cone", "with strides")
        page.locator("#cone input[aria-label='Kernel of layer 2']").fill("5")
        page.locator("#cone").get_by_role("button", name="Add a layer").click()
        page.locator("#cone input[aria-label='Dilation of layer 4']").fill("2")
        rows = page.eval_on_selector(
            "#cone table", "(t) => [...t.tBodies[0].rows].map((r) => [r.cells[4].textContent, r.cells[5].textContent])"
        )
        chain = [(3, 2, 1), (5, 2, 1), (3, 1, 1), (3, 1, 2)]
        x = torch.zeros(1, 1, 64, dtype=torch.float64, requires_grad=True)
        y: Any = x
        for (kernel, stride, dilation), (field, jump) in zip(chain, rows, strict=True):
            y = F.conv1d(y, torch.ones(1, 1, kernel, dtype=torch.float64), None, stride, 0, dilation)
            both = [torch.autograd.grad(y[0, 0, k], x, retain_graph=True)[0][0, 0].nonzero()[:, 0] for k in (0, 1)]
            assert int(field) == int(both[0][-1] - both[0][0]) + 1
            assert int(jump) == int(both[1][0] - both[0][0])
        assert page.locator("#cone .ln-c-unit").count() == 1
        page.locator("#cone input[type=range]").focus()
        page.keyboard.press("Home")
        assert page.locator("#cone .ln-told").inner_text() == "layer 1"
        assert page.locator("#cone .ln-c-seen").count() == 3
        slide(page, "effective_field", "Layers", 12)
        spread = (12 * (3**2 - 1) / 12) ** 0.5
        assert f"the standard deviation is {raw(spread)} columns" in said(page, "effective_field")
        assert page.locator("#effective_field .ln-e-bar").count() == 25
        seen.check()


def test_the_fields_of_the_models_layers(browser: Browser, base: str, tiny: Built):
    fields = [layer for layer in tiny.report.all_layers if layer.receptive_field]
    with opened(browser, base + "learn/receptive_field.html", base=base) as seen:
        page = seen.page
        page.locator("#nested").get_by_role("button", name="One step on").click()
        assert fields[1].receptive_field
        side = fields[1].receptive_field[0]
        frame = page.locator("#nested .ln-n-field")
        assert frame.get_attribute("width") == str(side)
        assert f"sees {side} × {side} of 32 × 32 pixels" in page.locator("#nested .ln-nested__said").inner_text()
        page.locator("#nested .ln-nested__said a").click()
        assert page.locator("h1").inner_text() == fields[1].name
        seen.check()


def test_the_measured_fields_step_through_the_layers(browser: Browser, base: str, tiny: Built):
    found = tiny.report.effective
    assert isinstance(found, Effective)
    with opened(browser, base + "learn/receptive_field.html", base=base) as seen:
        page = seen.page
        figure = page.locator("#effective_measured")
        words = figure.locator(".ln-nested__said")
        assert words.inner_text() == f"{found.fields[1][0]} could see 24 × 32 pixels of the input; 95 % of the weight lies in 11 × 11, 16 % of that area."  # fmt: skip
        outer, inner = figure.locator(".ln-m-outer"), figure.locator(".ln-m-inner")
        assert [outer.get_attribute(name) for name in ("x", "y", "width", "height")] == ["0", "4", "32", "24"]
        assert [inner.get_attribute(name) for name in ("x", "y", "width", "height")] == ["8", "10", "11", "11"]
        slider = figure.locator("input[type=range]")
        slider.focus()
        page.keyboard.press("Home")
        assert "could see 3 × 3 pixels of the input; 95 % of the weight lies in 3 × 3, 100 %" in words.inner_text()
        values = (found.fields[0][1].values * 255).round().int()
        told = page.evaluate("convatlas.get('learn', 'all').own.effective.fields[0].values")
        assert told == values.flatten().tolist()
        pixel = """([i, j]) => { const c = document.querySelector('#effective_measured canvas');
            return [...c.getContext('2d').getImageData((i + 0.5) * c.width / 3, (j + 0.5) * c.height / 3, 1, 1).data].slice(0, 3); }"""
        table = page.evaluate("convatlas.colours.table.viridis.map((v) => [...v])")
        assert page.evaluate(pixel, [1, 1]) == table[values[1, 1]], "the middle has no frame over it"
        seen.check()


@pytest.mark.parametrize(("kernel", "stride"), [(2, 2), (3, 1), (3, 2)])
def test_pooling_there_and_back(browser: Browser, http: str, kernel: int, stride: int):
    with opened(browser, http + "learn/pooling.html", base=http) as seen:
        page = seen.page
        slide(page, "pool", "Kernel", kernel)
        slide(page, "pool", "Stride", stride)
        put(page, "pool", "Input", 1, 1, 8.5)
        put(page, "pool", "Gradient at the output", 0, 1, -2)
        x = values(page, "pool", "Input")[None, None].requires_grad_()
        g = values(page, "pool", "Gradient at the output")[None, None]
        pooled, where = F.max_pool2d(x, kernel, stride, return_indices=True)
        assert table(page, "pool", "Output") == shown(pooled[0, 0])
        assert table(page, "pool", "Gradient at the input") == shown(torch.autograd.grad(pooled, x, g)[0][0, 0])
        assert page.locator('#pool table[aria-label="Input"] .ln-switch').count() == where.unique().numel()
        choose(page, "pool", "deconvnet")
        assert table(page, "pool", "Gradient at the input") == shown(unpool(g, where, x.shape)[0, 0])
        choose(page, "pool", "average")
        mean = F.avg_pool2d(x, kernel, stride)
        assert table(page, "pool", "Output") == shown(mean[0, 0])
        assert table(page, "pool", "Gradient at the input") == shown(torch.autograd.grad(mean, x, g)[0][0, 0])
        seen.check()


def test_a_batch_is_normalised(browser: Browser, http: str):
    with opened(browser, http + "learn/batch_norm.html", base=http) as seen:
        page = seen.page
        put(page, "norm", "Values of one unit", 0, 2, -4)
        slide(page, "norm", "γ", 1.5)
        slide(page, "norm", "β", -0.5)
        batch = values(page, "norm", "Values of one unit")[0][:, None]
        norm = torch.nn.BatchNorm1d(1).double()
        with torch.no_grad():
            norm.weight.fill_(1.5), norm.bias.fill_(-0.5)
            norm.running_mean.fill_(1), norm.running_var.fill_(4)  # type: ignore[union-attr]

        def third() -> list[str]:
            return page.locator("#norm .ln-plain-table tr").nth(2).locator("td").all_inner_texts()

        used = norm.eval()(batch)[:, 0]
        trained = norm.train()(batch)[:, 0]
        for mode, expected in (("remembered \\(in use\\)", used), ("of the batch \\(training\\)", trained)):
            choose(page, "norm", mode)
            found = [float(v.replace("−", "-")) for v in third()]
            torch.testing.assert_close(torch.tensor(found).double(), expected.detach(), rtol=5e-3, atol=6e-4)
        mean, variance = float(norm.running_mean[0]), float(norm.running_var[0])  # type: ignore[index]
        assert f"now remembers {raw(round(mean, 3))} and {raw(round(variance, 3))}" in said(page, "norm")
        seen.check()


def test_the_folded_kernel_is_the_models(browser: Browser, http: str, tiny: Built):
    own = tiny.report.own
    assert own is not None and own.norm is not None and own.kernels is not None
    with opened(browser, http + "learn/batch_norm.html", base=http) as seen:
        page = seen.page
        slide(page, "fold", "Unit", 3)
        factor = own.norm.gamma[3] / (own.norm.variance[3] + own.norm.eps).sqrt()
        found = values(page, "fold", "Kernel, folded")
        torch.testing.assert_close(found, (own.kernels.weight[3, 0] * factor).double(), rtol=6e-3, atol=1e-3)
        first, then = page.locator("#fold .ln-total").all_inner_texts()
        assert first.rpartition(" ")[2] == then.rpartition(" ")[2]
        choose(page, "fold", "made up")
        assert table(page, "fold", "Kernel, folded")[1] == ["−1.5", "0", "1.5"]
        seen.check()


def test_curves_and_dead_units(browser: Browser, base: str):
    functions = {"ReLU": F.relu, "ReLU6": F.relu6, "LeakyReLU": F.leaky_relu, "GELU": F.gelu, "SiLU": F.silu, "Sigmoid": torch.sigmoid, "Tanh": torch.tanh}  # fmt: skip
    with opened(browser, base + "learn/activation.html", base=base) as seen:
        page = seen.page
        assert page.locator("#curves input:checked").evaluate("(e) => e.value") == "relu6"  # the report's own
        for name, f in functions.items():
            choose(page, "curves", name)
            for at in (-1.5, 0, 2.25, 6):
                slide(page, "curves", "x", at)
                x = torch.tensor(float(at), dtype=torch.float64, requires_grad=True)
                y = f(x)
                (d,) = torch.autograd.grad(y, x)
                value, slope = (raw(round(float(v), 4)) for v in (y, d))
                assert said(page, "curves").startswith(f"{name}({raw(at)}) = {value}, and its slope there is {slope}:")
        box = page.locator("#curves svg").bounding_box()
        assert box
        page.mouse.move(box["x"] + box["width"] * (20 + 560 * 3 / 13) / 600, box["y"] + 60)
        assert said(page, "curves").startswith("Tanh(−2)")
        slide(page, "dead", "Mean", -3)
        share = raw(round(100 * float(torch.special.ndtr(torch.tensor(-3.0, dtype=torch.float64))), 4))
        assert said(page, "dead").startswith(f"On in {share} % of places")
        slide(page, "dead", "Mean", -6)
        assert "the unit is dead" in said(page, "dead")
        seen.check()


def test_backward_rules_on_nine_numbers(browser: Browser, base: str):
    with opened(browser, base + "learn/backprop_rules.html", base=base) as seen:
        page = seen.page
        put(page, "rules", "Into the rectifier", 0, 1, 2.5)
        put(page, "rules", "Gradient at its output", 2, 2, -0.5)
        x = values(page, "rules", "Into the rectifier").requires_grad_()
        g = values(page, "rules", "Gradient at its output")
        (back,) = torch.autograd.grad(F.relu(x), x, g)
        expected = {"Plain gradient": back, "Guided backpropagation": back.relu(), "Deconvnet": g.relu()}
        assert table(page, "rules", "Out of it") == shown(F.relu(x))
        for name, map_ in expected.items():
            column = page.locator(f"#rules .ln-rule[aria-label='{name}'] table").nth(1)
            found = column.evaluate("(t) => [...t.rows].map((r) => [...r.cells].map((c) => c.textContent))")
            assert found == shown(map_), name
        page.locator("#rules .ln-rule table").first.locator("td").nth(0).click()
        assert said(page, "rules").endswith("It passes by: Plain gradient, Guided backpropagation, Deconvnet.")
        page.locator("#rules").get_by_role("button", name="As it was").click()
        assert values(page, "rules", "Into the rectifier")[0, 1] == -1
        seen.check()


def test_from_cam_to_grad_cam_pp(browser: Browser, base: str):
    with opened(browser, base + "learn/cam.html", base=base) as seen:
        page = seen.page
        put(page, "cam_step", "Map 2", 1, 1, 1.5)
        put(page, "free_step", "Gradient at map 1", 2, 2, 0.5)
        page.locator("#cam_step input[aria-label='Weight of map 3']").fill("0.5")
        A = torch.stack([values(page, "free_step", f"Map {k}") for k in (1, 2, 3)])
        assert A[1, 1, 1] == 1.5  # a number changed in one figure is changed in all
        G = torch.stack([values(page, "plus_step", f"Gradient at map {k}") for k in (1, 2, 3)])
        w = torch.tensor([2, 1.5, 0.5], dtype=torch.float64)
        cam = torch.einsum("k,khw->hw", w, A)
        assert table(page, "cam_step", "Class activation map") == shown(cam)
        score = raw(float((A.mean(dim=(1, 2)) * w).sum() + 0.5))
        lines = page.locator("#cam_step .ln-line")
        assert [plain(lines.nth(k)).rpartition("=")[2] for k in (0, 1)] == [score, score]
        assert table(page, "grad_step", "Grad-CAM") == shown(cam.relu() / 9)
        assert table(page, "free_step", "Grad-CAM") == shown(torch.einsum("k,khw->hw", G.mean(dim=(1, 2)), A).relu())
        plus = grad_cam_pp(A[None], G[None].clone())[0]
        assert table(page, "plus_step", "Grad-CAM++") == shown(plus)
        page.locator('#plus_step table[aria-label="α of map 1"] td').nth(8).click()
        g, total = 0.5, float(A[0].sum())
        alpha = raw(g**2 / (2 * g**2 + total * g**3))
        assert plain(page.locator("#plus_step .ln-line").first).endswith(f"={alpha}")
        page.locator("#free_step").get_by_role("button", name="As it was").click()
        assert values(page, "cam_step", "Map 2")[1, 1] == 0
        seen.check()
