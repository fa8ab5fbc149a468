"""Attention under a mask, in a browser: what is added to the scores is shown, and every number is torch's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import Tensor

from tests.explain.masked import masked
from tests.pages.opened import opened
from tests.pages.recorded import config, numbers, recorded
from tests.pages.test_pages_explain_tokens import close
from tests.whole import Built, build

if TYPE_CHECKING:
    from playwright.sync_api import Browser

NETS = Path(__file__).resolve().parents[1] / "explain/masked.py"
CAUSAL, BIASED = "F.scaled_dot_product_attention", "F.scaled_dot_product_attention@2"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp("masks")
    return build(folder, config(f"python:{NETS}:masked", folder, ["all"]))


@pytest.fixture(scope="module")
def run(built: Built) -> dict[str, Any]:
    """Of every operation by name: what it was called with, and what it gave."""
    return recorded(built, masked())


def asked(run: dict[str, Any], name: str) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Queries, keys, values (2, 16, 4), and what is added to the scores, (2, 16, 16)."""
    args, _ = run[name]
    if name != "module":
        q, k, v = (one.detach()[0] for one in args[:3])
        causal = torch.full((16, 16), -torch.inf).triu(1).expand(2, -1, -1)
        return q, k, v, causal if name == CAUSAL else masked().bias.detach()  # type: ignore[union-attr,operator]
    module = masked().module
    whole = torch.nn.functional.linear(args[0], module.in_proj_weight, module.in_proj_bias)[0].detach()  # type: ignore[union-attr,arg-type]
    q, k, v = (part.unflatten(1, (2, 4)).transpose(0, 1) for part in whole.chunk(3, -1))
    far = (torch.arange(16)[:, None] - torch.arange(16)).abs() > 5
    return q, k, v, torch.zeros(16, 16).masked_fill(far, -torch.inf).expand(2, -1, -1)


def page_of(built: Built, name: str) -> str:
    return next(file.stem for file in sorted((built.site / "data/explain/steps").glob("*.js")) if f'"name":"{name}"' in file.read_text("utf-8"))  # fmt: skip


@pytest.mark.parametrize("name", [CAUSAL, BIASED, "module"])
@pytest.mark.parametrize("place", [(1, 2), (3, 0)])
def test_scores_with_their_mask_are_torchs(browser: Browser, built: Built, run: dict[str, Any], name: str, place: tuple[int, int]):  # fmt: skip
    q, k, v, mask = asked(run, name)
    base = built.site.as_uri() + "/"
    address = f"{base}layers/{page_of(built, name)}.html#v=how&x={name}&u=5&p={place[0]}.{place[1]}"
    with opened(browser, address, base=base) as seen:
        seen.page.wait_for_selector("explain-view [data-out]")
        unit = int(seen.page.evaluate("document.querySelector('explain-view').unit"))
        head, channel = divmod(unit, 4)
        token = place[0] * 4 + place[1]
        dots, added = k[head] @ q[head, token], mask[head, token]
        shares = (dots * 0.5 + added).softmax(0)
        rows = seen.page.locator("explain-view tr[data-token]").evaluate_all("all => all.map((e) => Number(e.dataset.token))")  # fmt: skip
        assert [float(shares[t]) for t in rows] == sorted([float(shares[t]) for t in rows], reverse=True)
        size = float(dots.abs().max())
        assert close(numbers(seen, "tr[data-token] [data-product]"), dots[rows], size)
        told = seen.page.locator("explain-view [data-mask]").evaluate_all("all => all.map((e) => e.dataset.v)")
        for text, wanted in zip(told, added[rows].tolist(), strict=True):
            assert float(text.replace("Infinity", "inf")) == pytest.approx(wanted, rel=1e-3, abs=1e-4)
        assert close(numbers(seen, "tr[data-token] [data-weight]"), shares[rows])
        terms = shares * v[head, :, channel]
        assert close(numbers(seen, "[data-written] [data-out]"), terms.sum(), float(terms.abs().max()))
        if name != "module":
            assert close(numbers(seen, "[data-written] [data-out]"), run[name][1][0, head, token, channel].detach(), float(terms.abs().max()))  # fmt: skip
        out = int((added == -torch.inf).sum())
        assert f"leaves out {out} of 16 tokens" in seen.page.locator("[data-left-out]").inner_text()
        seen.check()


def test_what_follows_a_masked_module_is_torchs(browser: Browser, built: Built, run: dict[str, Any]):
    out = run["module"][1][0].detach()
    base = built.site.as_uri() + "/"
    with opened(browser, f"{base}layers/{page_of(built, 'module')}.html#v=how&x=module.out_proj&u=3&p=2.1", base=base) as seen:  # fmt: skip
        seen.page.wait_for_selector("explain-view [data-out]")
        unit = int(seen.page.evaluate("document.querySelector('explain-view').unit"))
        assert close(numbers(seen, "[data-summed] [data-out]"), out[0, 9, unit], float(out.abs().max()))
        assert built.run["explain"]["left_out"] == []
        seen.check()
