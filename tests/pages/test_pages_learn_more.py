"""The figures on receptive fields, pooling, batch normalisation, activations, backward rules and CAM, held to torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
import torch.nn.functional as F

from generator.engine.rules import unpool
from generator.learn.effective import Effective
from generator.methods.grad_cam_pp import grad_cam_pp
from generator.pages import learn
from generator.pages.numbers import raw
from tests.pages.conftest import Built
from tests.pages.learn_figures import choose, plain, put, said, shown, slide, table, values
from tests.pages.opened import opened

if TYPE_CHECKING:
    from playwright.sync_api import Browser


def test_the_chain_of_receptive_fields(browser: Browser, http: str):
    with opened(browser, http + "learn/receptive_field.html", base=http) as seen:
        page = seen.page
        words = page.locator("main p:has(> b)").nth(1).inner_text()
        assert "for the receptive field of a unit of layer" in words, "no letter of the formula is left unnamed"
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


def test_a_stack_that_was_changed_can_be_chosen_again(browser: Browser, http: str):
    with opened(browser, http + "learn/receptive_field.html", base=http) as seen:
        page = seen.page
        chosen = page.locator("#cone .ca-seg input:checked")
        choose(page, "cone", "with strides")
        kernel = page.locator("#cone input[aria-label='Kernel of layer 2']")
        kernel.fill("5")
        assert chosen.count() == 0, "it is none of those that can be chosen"
        choose(page, "cone", "with strides")
        assert kernel.input_value() == "3"
        page.locator("#cone").get_by_role("button", name="Add a layer").click()
        assert chosen.count() == 0
        page.locator("#cone").get_by_role("button", name="Remove the last").click()
        assert chosen.count() == 1, "it is the same again"
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
        assert words.inner_text().replace("\u00a0", " ") == f"{found.fields[1][0]} could see 24 × 32 pixels of the input; 95 % of the weight lies in 11 × 11, 16 % of that area."  # fmt: skip
        outer, inner = figure.locator(".ln-m-outer"), figure.locator(".ln-m-inner")
        assert [outer.get_attribute(name) for name in ("x", "y", "width", "height")] == ["0", "4", "32", "24"]
        assert [inner.get_attribute(name) for name in ("x", "y", "width", "height")] == ["8", "10", "11", "11"]
        slider = figure.locator("input[type=range]")
        slider.focus()
        page.keyboard.press("Home")
        told = words.inner_text().replace("\u00a0", " ")
        assert "could see 3 × 3 pixels of the input; 95 % of the weight lies in 3 × 3, 100 %" in told
        values = (found.fields[0][1].values * 255).round().int()
        given = page.evaluate("convatlas.get('learn', 'all').own.effective.fields[0].values")
        assert given == values.flatten().tolist()
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
                whole = abs(float(value.replace("−", "-")) - float(y)) < 1e-12
                told = f"{name}({raw(at)}) {'=' if whole else '≈'} {value}, and its slope there is {slope}:"
                assert said(page, "curves").startswith(told)
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
        assert said(page, "rules").endswith("It passes by: Plain gradient, Deconvnet, Guided backpropagation.")
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
        assert [plain(lines.nth(k)).rpartition("≈")[2] for k in (0, 1)] == [score, score]
        means = A.mean(dim=(1, 2))
        terms = "+".join(f"{raw(float(a))}·{raw(float(m))}" for a, m in zip(w, means, strict=True))
        assert f"={terms}+0.5≈" in plain(lines.nth(0)), "each weight times the mean of its own map"
        assert table(page, "grad_step", "Grad-CAM") == shown(cam.relu() / 9)
        assert table(page, "free_step", "Grad-CAM") == shown(torch.einsum("k,khw->hw", G.mean(dim=(1, 2)), A).relu())
        plus = grad_cam_pp(A[None], G[None].clone())[0]
        assert table(page, "plus_step", "Grad-CAM++") == shown(plus)
        for k in range(3):
            below = 2 * G[k] ** 2 + A[k].sum() * G[k] ** 3
            alphas = torch.where(below == 0, 0, G[k] ** 2 / below.where(below != 0, 1))
            assert table(page, "plus_step", f"α of map {k + 1}") == shown(alphas)
        page.locator('#plus_step table[aria-label="α of map 1"] td').nth(8).click()
        g, total = 0.5, float(A[0].sum())
        alpha = raw(g**2 / (2 * g**2 + total * g**3))
        assert plain(page.locator("#plus_step .ln-line").first).endswith(f"={alpha}")
        page.locator("#free_step").get_by_role("button", name="As it was").click()
        assert values(page, "cam_step", "Map 2")[1, 1] == 0
        seen.check()


def test_two_standard_deviations_are_four_of_the_number_beside_them(browser: Browser, http: str):
    with opened(browser, http + "learn/receptive_field.html", base=http) as seen:
        page = seen.page
        for depth, kernel in ((8, 3), (1, 3), (20, 5)):
            slide(page, "effective_field", "Layers", depth)
            slide(page, "effective_field", "Kernel", kernel)
            n = depth * (kernel - 1) + 1
            reach = min(n, 4 * (depth * (kernel**2 - 1) / 12) ** 0.5)
            whole, inner = page.locator("#effective_field .ln-ends span").all_inner_texts()
            assert (whole, inner) == (
                f"the field: {n} columns",
                f"two standard deviations to either side: {raw(reach)} columns",
            )
            assert f"are {raw(100 * reach / n)} % of them" in said(page, "effective_field")
            bar, field = (page.locator(f"#effective_field .ln-e-{name}").bounding_box() for name in ("inner", "field"))
            assert bar and field and bar["width"] / field["width"] == pytest.approx(reach / n, rel=0.01)
        seen.check()


def test_the_framed_place_is_the_one_in_the_formula(browser: Browser, http: str):
    with opened(browser, http + "learn/cam.html", base=http) as seen:
        page = seen.page
        for k, y, x in ((1, 0, 1), (3, 2, 2), (2, 1, 0)):
            page.locator(f'#plus_step table[aria-label="α of map {k}"] tr').nth(y).locator("td").nth(x).click()
            framed = page.eval_on_selector(
                f'#plus_step table[aria-label="α of map {k}"]',
                "(t) => [...t.querySelectorAll('.ln-under')].map((c) => [c.parentNode.rowIndex, c.cellIndex])",
            )
            assert framed == [[y, x]]
            assert page.locator("#plus_step .ln-lines p").inner_text() == f"Map {k}, row {y}, column {x}:"
            assert plain(page.locator("#plus_step .ln-line").first).startswith(f"α{y}{x}{k}c=")
        seen.check()


def test_what_was_rounded_is_not_said_to_be_equal(browser: Browser, http: str):
    with opened(browser, http + "learn/cam.html", base=http) as seen:
        page = seen.page
        lines = page.locator("#grad_step .ln-line")
        assert plain(lines.nth(3)) == "9·0.222≈2", "which is 1.998"
        assert plain(page.locator("#free_step .ln-line").first) == "α1c=1+1+1+19≈0.444"
        for k in (1, 2, 3):
            page.locator(f"#cam_step input[aria-label='Weight of map {k}']").fill("0")
        assert plain(lines.nth(0)) == "α1c=9·099=09=0", "nothing of it was rounded"
        seen.check()


def test_the_rules_of_the_figure_stand_in_the_order_of_the_equations(browser: Browser, base: str):
    with opened(browser, base + "learn/backprop_rules.html", base=base) as seen:
        page = seen.page
        equations = page.locator(".ln-article > .formula mtr mtd:first-child").all_text_contents()
        names = page.locator("#rules .ln-rule").evaluate_all(
            "(rules) => rules.map((r) => r.getAttribute('aria-label'))"
        )
        assert len(names) == len(equations) == 3
        for equation, name in zip(equations, names, strict=True):
            assert equation.strip().lower() in name.lower(), (equation, name)
        seen.check()


@pytest.mark.parametrize("article", [one.name for one in learn.ARTICLES])
def test_nothing_of_an_article_is_cut_on_a_telephone(browser: Browser, http: str, article: str):
    """Nothing has to be scrolled sideways but text to copy, no number is broken in two, and no word where it has no place to."""
    with opened(browser, f"{http}learn/{article}.html", base=http, width=390) as seen:
        page = seen.page
        page.wait_for_timeout(200)
        cut = """() => [...document.querySelectorAll('main *, article *')].filter((e) => /auto|scroll|hidden/.test(getComputedStyle(e).overflowX)
          && e.tagName !== 'PRE' && e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 20).map((e) => `${e.tagName} ${e.className} ${e.scrollWidth} in ${e.clientWidth}`)"""
        assert page.evaluate(cut) == []
        broken = """() => [...document.querySelectorAll('article td, article th')].flatMap((cell) => {
          const text = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT), range = document.createRange(), found = [];
          for (let node = text.nextNode(); node; node = text.nextNode()) for (const word of node.data.matchAll(/\\S+/g)) {
            range.setStart(node, word.index); range.setEnd(node, word.index + word[0].length);
            if (new Set([...range.getClientRects()].map((r) => Math.round(r.top))).size > 1) found.push(word[0]);
          }
          return found;
        })"""
        assert page.evaluate(broken) == []
        seen.check()


def test_a_measured_field_has_its_scale(browser: Browser, http: str):
    with opened(browser, http + "learn/receptive_field.html", base=http) as seen:
        bar = seen.page.locator("#effective_measured .ca-bar")
        assert bar.locator("span").all_inner_texts() == ["0", "", "what weighs most"]
        assert "gradient" in bar.locator(".ca-bar__ramp").evaluate("(e) => getComputedStyle(e).backgroundImage")
        seen.check()
