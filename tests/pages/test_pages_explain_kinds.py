"""What each kind of figure shows beside its number: arg-max and switches, both terms of a sum, parts side by side, terms of a logit."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from generator.model.trace import trace
from tests.explain.nets import families
from tests.pages.opened import Opened, opened
from tests.pages.recorded import config, given
from tests.pages.test_pages_explain import NETS, number, steps
from tests.whole import Built, build

if TYPE_CHECKING:
    from playwright.sync_api import Browser

LAYERS = ["inception.stem", "inception.after", "inception.last", "odd.circular", "odd.F.conv2d", "res.layer2.0.conv2", "vgg.features.6"]  # fmt: skip


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp("kinds")
    return build(folder, config(f"python:{NETS}:families", folder, LAYERS))


@pytest.fixture(scope="module")
def run(built: Built) -> dict[str, tuple[list[Tensor], Tensor]]:
    """Of every operation by name: the tensors that it was called with, and what it gave."""
    found: dict[str, tuple[list[Tensor], Tensor]] = {}

    def seen(node: Any, args: tuple[Any, ...], output: Any) -> None:
        if isinstance(output, Tensor):
            given = args[0] if args and isinstance(args[0], (list, tuple)) else args
            found[node.name] = [one.detach().clone() for one in given if isinstance(one, Tensor)], output.detach().clone()  # fmt: skip

    trace(families(), given(built), seen)
    return found


def step(built: Built, kind: str, family: str, **settings: Any) -> tuple[str, dict[str, Any]]:
    """(page's slug, step) of the first figure of a kind with these settings in a family of networks."""
    for slug, data, k in steps(built):
        one = data["steps"][k]
        if one["kind"] == kind and one["name"].startswith(family) and settings.items() <= one["settings"].items():
            return slug, one
    raise LookupError(f"{kind} of {family}")


def go(built: Built, slug: str, name: str, unit: int, place: tuple[int, int]) -> str:
    return f"{built.site.as_uri()}/layers/{slug}.html#v=how&x={name}&u={unit}&p={place[0]}.{place[1]}"


def unit_of(seen: Opened) -> int:
    seen.page.wait_for_selector("explain-view [data-out]")
    return int(seen.page.evaluate("document.querySelector('explain-view').unit"))


def values(seen: Opened, selector: str) -> list[float]:
    return seen.page.locator(f"explain-view {selector}").evaluate_all("all => all.map((e) => Number(e.dataset.v))")


@pytest.mark.parametrize(("family", "adaptive"), [("inception", None), ("odd", True)])
def test_a_max_pooling_shows_its_arg_max_and_its_switches(browser: Browser, built: Built, run: dict[str, Any], family: str, adaptive: bool | None):  # fmt: skip
    slug, one = step(built, "pool", family, how="max", **({"adaptive": True} if adaptive else {}))
    (x, *_), out = run[one["name"]]
    pooled = (lambda: F.adaptive_max_pool2d(x, out.shape[2:], return_indices=True)) if adaptive else (lambda: F.max_pool2d(x, 3, 2, ceil_mode=True, return_indices=True))  # fmt: skip
    where = pooled()[1]
    for place in ((0, 1), (2, 3)):
        with opened(browser, go(built, slug, one["name"], 2, place), base=built.site.as_uri()) as seen:
            unit = unit_of(seen)
            at = int(where[0, unit, place[0], place[1]])
            line = seen.page.locator("explain-view [data-written]").inner_text()
            assert f"at row {at // x.shape[3]}, column {at % x.shape[3]}: its switch" in line
            assert np.isclose(values(seen, ".is-max")[0], float(out[0, unit, place[0], place[1]]), rtol=1e-3, atol=1e-5)
            assert max(values(seen, ".ca-x-grid td")) == values(seen, ".is-max")[0]
            seen.page.locator("[data-switches]").check()
            dots = seen.page.locator("explain-view .ca-x-map .ca-x-dot").evaluate_all(
                "all => all.map((e) => [Number(e.getAttribute('y')), Number(e.getAttribute('x'))])"
            )
            # what was kept in twenty bits may tie where torch's numbers do not, so that a switch or two may differ
            mine = {int(y * x.shape[3] + k) for y, k in dots}
            assert len(mine ^ {*where[0, unit].flatten().tolist()}) <= 2
            seen.check()


@pytest.mark.parametrize(("family", "settings"), [("inception", {"how": "avg", "counts_padding": False}), ("odd", {"how": "avg", "adaptive": True}), ("inception.F.mean", {"how": "avg"})])  # fmt: skip
def test_an_average_is_the_sum_over_its_window_through_its_size(browser: Browser, built: Built, run: dict[str, Any], family: str, settings: dict[str, Any]):  # fmt: skip
    slug, one = step(built, "pool", family, **settings)
    (x, *_), out = run[one["name"]]
    with opened(browser, go(built, slug, one["name"], 1, (0, 0)), base=built.site.as_uri()) as seen:
        unit = unit_of(seen)
        want = float(out[0, unit].flatten()[0])
        assert np.isclose(number(seen, "[data-out]"), want, rtol=1e-3, atol=1e-5)
        line = seen.page.locator("explain-view [data-written]").inner_text()
        divisor = int(re.search(r"÷ (\d+) =", line)[1])  # type: ignore[index]
        terms = values(seen, "[data-written] .ca-x-num")[:-1]
        assert np.isclose(sum(terms) / divisor, want, rtol=1e-3, atol=1e-5)
        if family == "inception.F.mean":
            assert divisor == x.shape[2] * x.shape[3], "global: the whole map"
            assert seen.page.locator("[role=tab][aria-selected=true] b").inner_text() == "Global average pooling"
        seen.check()


def test_a_sum_shows_both_terms(browser: Browser, built: Built, run: dict[str, Any]):
    slug, one = step(built, "merge", "res.layer2", sign="+")
    (_, b), out = run[one["name"]]
    a = out - b  # torch writes the sum into its first term
    with opened(browser, go(built, slug, one["name"], 5, (1, 2)), base=built.site.as_uri()) as seen:
        unit = unit_of(seen)
        assert np.allclose(sorted(values(seen, "[data-in]")), sorted([float(a[0, unit, 1, 2]), float(b[0, unit, 1, 2])]), rtol=1e-3, atol=1e-5)  # fmt: skip
        assert np.isclose(number(seen, "[data-out]"), float(out[0, unit, 1, 2]), rtol=1e-3, atol=1e-5)
        assert seen.page.locator("explain-view .ca-x-part .ca-x-map").count() == 3
        seen.check()


def test_maps_side_by_side_say_which_part_a_channel_is_of(browser: Browser, built: Built, run: dict[str, Any]):
    slug, one = step(built, "cat", "inception")
    parts, out = run[one["name"]]
    with opened(browser, go(built, slug, one["name"], 1, (3, 3)), base=built.site.as_uri()) as seen:
        unit = unit_of(seen)
        sizes = [part.shape[1] for part in parts]
        own = seen.page.locator("explain-view .ca-x-parts .is-own")
        assert seen.page.locator("explain-view .ca-x-parts li").count() == len(sizes) == 3
        at = int(own.get_attribute("data-part") or -1)
        assert sum(sizes[:at]) <= unit < sum(sizes[: at + 1])
        assert np.isclose(number(seen, "[data-out]"), float(parts[at][0, unit - sum(sizes[:at]), 3, 3]), rtol=1e-3, atol=1e-5)  # fmt: skip
        assert np.isclose(number(seen, "[data-out]"), float(out[0, unit, 3, 3]), rtol=1e-3, atol=1e-5)
        seen.check()


def test_a_linear_layer_shows_each_term(browser: Browser, built: Built, run: dict[str, Any]):
    slug, one = step(built, "linear", "vgg.classifier.0")
    (x, *_), out = run[one["name"]]
    module = families().vgg.classifier[0]  # type: ignore[union-attr,index]
    with opened(browser, go(built, slug, one["name"], 0, (0, 0)), base=built.site.as_uri()) as seen:
        unit = unit_of(seen)
        rows = seen.page.locator("explain-view tr[data-term]").evaluate_all("all => all.map((e) => Number(e.dataset.term))")  # fmt: skip
        terms = (x[0] * module.weight[unit]).detach()
        top = float(terms.abs().max())
        assert np.allclose(values(seen, "[data-product]"), terms[rows], rtol=1e-3, atol=1e-4 * top)
        assert np.isclose(float(terms[rows].abs().min()), float(terms.abs().sort(descending=True).values[len(rows) - 1]), rtol=1e-3)  # fmt: skip
        left = [k for k in range(len(terms)) if k not in rows]
        assert np.isclose(values(seen, "[data-others]")[0], float(terms[left].sum()), rtol=1e-3, atol=1e-3 * top)
        assert np.isclose(number(seen, "[data-bias]"), float(module.bias[unit]), rtol=1e-5)
        assert np.isclose(number(seen, "[data-out]"), float(out[0, unit]), rtol=1e-3, atol=1e-3 * top)
        seen.check()


def test_a_bar_that_is_longer_than_its_scale_is_broken_and_the_figure_says_so(
    browser: Browser, built: Built, run: dict[str, Any]
):
    slug, one = step(built, "linear", "vgg.classifier.0")
    (x, *_), _ = run[one["name"]]
    terms = (x[0] * families().vgg.classifier[0].weight).detach()  # type: ignore[union-attr,index]
    size = terms.abs().sort(dim=1, descending=True).values
    kept = torch.zeros_like(terms).scatter(1, terms.abs().topk(12, dim=1).indices, 1.0)
    ratio = (terms * (1 - kept)).sum(1).abs() / size[:, 0]
    longer, shorter = int(ratio.argmax()), int(ratio.argmin())
    assert ratio[longer] > 1 > ratio[shorter], "there are both"
    for unit, cut in ((longer, True), (shorter, False)):
        with opened(browser, go(built, slug, one["name"], unit, (0, 0)), base=built.site.as_uri()) as seen:
            field = seen.page.locator("explain-view [data-act=unit]")
            field.fill(str(unit))
            field.press("Enter")
            seen.page.wait_for_function("unit => document.querySelector('explain-view').unit === unit", arg=unit)
            others = seen.page.locator("explain-view tr:has([data-others]) .ca-x-bar")
            assert ("is-cut" in str(others.get_attribute("class"))) is cut
            assert ("none" not in others.locator("i").evaluate("e => getComputedStyle(e).maskImage")) is cut
            assert seen.page.locator("explain-view [data-cut]").count() == cut
            assert seen.page.locator("explain-view [data-term] .is-cut").count() == 0, "all terms fit their scale"
            seen.check()
