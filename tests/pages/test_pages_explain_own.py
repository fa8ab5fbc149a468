"""Leaves whose forward is their own (timm's), in a browser: every number shown is torch's, and what is not is not shown."""

from __future__ import annotations

import random
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from generator.model.trace import trace
from tests.explain.own_nets import own
from tests.pages.opened import opened
from tests.pages.recorded import config, given
from tests.pages.test_pages_explain import as_map, number, shown, steps
from tests.whole import Built, build

if TYPE_CHECKING:
    from playwright.sync_api import Browser

NETS = Path(__file__).resolve().parents[1] / "explain/own_nets.py"
LAYERS = [
    "mobile.conv_stem", "mobile.blocks.0.0.conv_dw", "mobile.blocks.1.0.conv_pw", "mobile.blocks.2.0.conv_dw", "mobile.blocks.4.0.conv_pw",
    "free.stem.conv", "free.stages.0.0.conv1", "free.stages.0.0.conv2", "free.stages.1.0.conv3",
    "mixed.std", "mixed.reflects", "mixed.doubled", "mixed.one", "mixed.shuffle", "mixed.columns", "mixed.F.mul@2", "mixed.last",
]  # fmt: skip


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp("own")
    return build(folder, config(f"python:{NETS}:own", folder, LAYERS))


@pytest.fixture(scope="module")
def truth(built: Built) -> dict[str, Tensor]:
    """What torch gave, copied as it arose: what follows may write over it."""
    found: dict[str, Tensor] = {}

    def seen(node: Any, args: tuple[Any, ...], output: Any) -> None:
        if isinstance(output, Tensor):
            found[node.name] = output.detach().clone()

    trace(own(), given(built), seen)
    return found


@pytest.mark.parametrize("part", ["mobile", "free", "mixed"])
def test_numbers_are_torchs(browser: Browser, built: Built, truth: dict[str, Tensor], part: str):
    base, pick, read, kinds = built.site.as_uri() + "/", random.Random(part), 0, set()
    of: dict[str, list[tuple[dict[str, Any], int]]] = {}
    for slug, data, k in steps(built):
        if data["steps"][data["step"]]["name"].startswith(part):
            of.setdefault(slug, []).append((data, k))
    for slug, many in of.items():
        with opened(browser, f"{base}layers/{slug}.html#v=how", base=base) as seen:
            for data, k in many:
                step = data["steps"][k]
                if step["name"] not in truth or missing(data, k):
                    continue
                _, h, w = step["shape"]
                place, unit = (
                    (pick.randrange(h), pick.randrange(w)),
                    pick.randrange(data["steps"][data["step"]]["shape"][0]),
                )
                shown(seen, slug, step["name"], unit, place)
                at = int(seen.page.evaluate("document.querySelector('explain-view').unit"))
                want = as_map(truth[step["name"]], step["shape"])
                here = float(want[at][place] if step["kind"] not in ("flatten", "linear") else want[at, 0, 0])
                got = number(seen, "[data-out]")
                assert abs(got - here) <= 1e-3 * abs(here) + 3e-4 * float(want[at].abs().max()), (
                    step["name"],
                    at,
                    place,
                )
                kinds.add(step["kind"])
                read += 1
            seen.check()
    assert read >= 8
    assert {"mobile": {"conv", "act"}, "free": {"conv", "act"}, "mixed": {"conv", "act", "merge"}}[part] <= kinds


def missing(data: dict[str, Any], k: int) -> bool:
    """Whether a step, or one that it is worked out from, is not shown."""
    step = data["steps"][k]
    return "na" in step or any(missing(data, read["flows"]) for read in step["reads"] if "flows" in read)


def test_a_norm_and_its_activation_are_two_steps(browser: Browser, built: Built):
    base = built.site.as_uri() + "/"
    with opened(browser, f"{base}layers/mobile-conv-stem.html#v=how&u=2&x=mobile.bn1", base=base) as seen:
        seen.page.wait_for_selector("[data-out]")
        tabs = [one.replace("\u200b", "").split("\n")[-1] for one in seen.page.locator("[role=tab]").all_inner_texts()]
        assert tabs[:3] == ["mobile.conv_stem", "mobile.bn1.batch_norm", "mobile.bn1"]
        seen.page.locator("[role=tab]").nth(1).click()
        seen.page.wait_for_selector("[data-fact=gamma]")
        bn = own().mobile.bn1  # type: ignore[union-attr]
        assert number(seen, "[data-fact=gamma]") == pytest.approx(float(bn.weight[2]), rel=1e-6)  # type: ignore[index,union-attr]
        assert number(seen, "[data-fact=mean]") == pytest.approx(float(bn.running_mean[2]), rel=1e-6)  # type: ignore[index,union-attr]
        seen.check()


def test_what_is_worked_out_otherwise_is_not_shown_and_said(browser: Browser, built: Built):
    base = built.site.as_uri() + "/"
    left = {one["operation"]: one["reason"] for one in built.run["explain"]["left_out"]}
    assert set(left) == {"mixed.halved"}
    assert "differs from what the model gave by 100 % of the largest number" in left["mixed.halved"]
    assert any("mixed.halved" in note and "is not what the model gave" in note for note in built.run["notes"])
    for step in ("mixed.halved", "mixed.F.mean@3"):  # and what is worked out from it
        with opened(browser, f"{base}layers/mixed-last.html#v=how&x={step}", base=base) as seen:
            seen.page.wait_for_selector("explain-view .ca-na")
            assert (
                "it is not shown: what is worked out differs" in seen.page.locator("explain-view .ca-na").inner_text()
            )
            seen.check()


def test_a_leaf_that_goes_on_otherwise_says_why_it_has_no_figure(browser: Browser, built: Built):
    base = built.site.as_uri() + "/"
    with opened(browser, f"{base}layers/mixed-doubled.html#v=how", base=base) as seen:
        seen.page.wait_for_selector("explain-view .ca-na")
        assert (
            "Doubled goes on with F.mul inside the same call" in seen.page.locator("explain-view .ca-na").inner_text()
        )
        seen.check()


def test_a_row_of_numbers_is_stretched_and_said(browser: Browser, built: Built, truth: dict[str, Tensor]):
    base = built.site.as_uri() + "/"
    with opened(browser, f"{base}layers/mixed-f-mul-2.html#v=how&u=3&p=4.7", base=base) as seen:
        seen.page.wait_for_selector("[data-out]")
        assert seen.page.locator("[data-broad]").all_inner_texts() == [" (one number a column, in every row)"]
        values = seen.page.locator("explain-view [data-in]").evaluate_all("all => all.map((e) => Number(e.dataset.v))")
        assert np.allclose(values[1], float(truth["mixed.F.sigmoid@2"][0, 3, 0, 7]), rtol=1e-3)
        seen.check()


def test_a_unit_of_another_branch_is_named_behind_a_shuffle_too(browser: Browser, built: Built):
    base, source = built.site.as_uri() + "/", F.channel_shuffle(torch.arange(8.0).view(1, 8, 1, 1), 2).flatten().int()
    unit = int((source == 1).nonzero()[0, 0])
    assert unit != 1
    with opened(browser, f"{base}layers/mixed-shuffle.html#v=how&x=mixed.two&u={unit}", base=base) as seen:
        seen.page.wait_for_selector("explain-view .ca-na")
        said = seen.page.locator("explain-view .ca-na").inner_text().replace("\u200b", "")
        assert f"Unit {unit} comes from another branch, where it is unit 1 of: mixed.one" in said
        assert "layers/mixed-one.html#u=1&" in (seen.page.locator("explain-view .ca-na a").get_attribute("href") or "")
        seen.check()


def test_a_kernel_of_one_place_has_nothing_to_choose(browser: Browser, built: Built):
    base = built.site.as_uri() + "/"
    for slug, buttons in (("mixed-columns", 0), ("mixed-last", 4)):
        with opened(browser, f"{base}layers/{slug}.html#v=how&u=2", base=base) as seen:
            seen.page.wait_for_selector("[data-out]")
            assert seen.page.locator(".ca-x-row[data-channel]").count() == 4
            assert seen.page.locator(".ca-x-pick").count() == buttons
            seen.check()
