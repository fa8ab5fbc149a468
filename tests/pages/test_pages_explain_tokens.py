"""Attention, response norms, layer norms of tokens and channel shuffles, in a browser: every number written out is torch's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import Tensor

from tests.explain.nets import few
from tests.pages.opened import opened
from tests.pages.recorded import config, numbers, recorded
from tests.whole import Built, build

if TYPE_CHECKING:
    from playwright.sync_api import Browser

NETS = Path(__file__).resolve().parents[1] / "explain/nets.py"
SDPA = "fused.attn.F.scaled_dot_product_attention"
MHA = "vit.encoder.layers.encoder_layer_0.self_attention"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp("tokens")
    layers = ["fused.attn", "fused.norm1", "vit.encoder.layers.encoder_layer_0.ln_2", "response.norm", "shuffle.two", "shuffle.mixed"]  # fmt: skip
    return build(folder, config(f"python:{NETS}:few", folder, layers))


@pytest.fixture(scope="module")
def run(built: Built) -> dict[str, Any]:
    """Of every operation by name: what it was called with, and what it gave."""
    return recorded(built, few())


def close(found: float | list[float], expected: Any, reach: float = 0.0) -> bool:
    """To a thousandth of the number; of one in which terms cancel, of so large terms."""
    got, want = torch.as_tensor(found).double().flatten(), torch.as_tensor(expected).double().flatten()
    return got.shape == want.shape and bool(((got - want).abs() <= 1e-3 * want.abs() + 1e-4 * reach).all())


def heads(run: dict[str, Any], name: str) -> tuple[Tensor, Tensor, Tensor]:
    """Queries, keys and values of an attention, (heads, n, width)."""
    args, _ = run[name]
    if name == SDPA:
        return tuple(one.detach()[0] for one in args[:3])  # type: ignore[return-value]
    module = few().get_submodule(name)
    whole = torch.nn.functional.linear(args[0], module.in_proj_weight, module.in_proj_bias)[0].detach()  # type: ignore[arg-type]
    return tuple(part.unflatten(1, (2, 8)).transpose(0, 1) for part in whole.chunk(3, -1))  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("slug", "name", "prefix", "side"),
    [("fused-attn", SDPA, 2, 5), ("vit-encoder-layers-encoder-layer-0-ln-2", MHA, 1, 4)],
)
def test_attention_is_written_out(browser: Browser, built: Built, run: dict[str, Any], slug: str, name: str, prefix: int, side: int):  # fmt: skip
    q, k, v = heads(run, name)
    width = q.shape[2]
    base = built.site.as_uri() + "/"
    for place in ((0, 0), (side - 1, 1), (2, side - 1)):
        with opened(browser, f"{base}layers/{slug}.html#v=how&x={name}&u=9&p={place[0]}.{place[1]}", base=base) as seen:
            seen.page.wait_for_selector("explain-view [data-out]")
            unit = int(seen.page.evaluate("document.querySelector('explain-view').unit"))
            head, channel = divmod(unit, width)
            for asked in (-1, 0):
                token = prefix + place[0] * side + place[1] if asked < 0 else asked
                seen.page.locator("[data-ask]").select_option(str(asked))
                dots = k[head] @ q[head, token]
                shares = (dots * width**-0.5).softmax(0)
                terms = shares * v[head, :, channel]
                order = [int(t) for t in shares.argsort(descending=True, stable=True)[:6]]
                rows = seen.page.locator("explain-view tr[data-token]").evaluate_all(
                    "all => all.map((e) => Number(e.dataset.token))"
                )
                assert sorted(rows) == sorted(order)
                size = float(terms.abs().max())
                assert close(numbers(seen, "tr[data-token] [data-product]"), dots[rows], float(dots.abs().max()))
                assert close(numbers(seen, "tr[data-token] [data-weight]"), shares[rows])
                assert close(numbers(seen, "tr[data-token] [data-term]"), terms[rows], size)
                left = [t for t in range(len(shares)) if t not in rows]
                assert close(numbers(seen, "[data-others]"), terms[left].sum(), size)
                assert close(numbers(seen, "[data-written] [data-out]"), terms.sum(), size)
                assert close(numbers(seen, "[data-sum]"), terms.sum(), size)
                assert close(numbers(seen, "[data-dot-sum]"), dots[rows[0]], float(dots.abs().max()))
                if name == SDPA:
                    assert close(
                        numbers(seen, "[data-written] [data-out]"), run[name][1][0, head, token, channel], size
                    )
            seen.check()


def test_tokens_without_a_place_stand_under_the_grids(browser: Browser, built: Built, run: dict[str, Any]):
    q, k, _ = heads(run, SDPA)
    base = built.site.as_uri() + "/"
    with opened(browser, f"{base}layers/fused-attn.html#v=how&x={SDPA}&u=0&p=1.1", base=base) as seen:
        seen.page.wait_for_selector("explain-view [data-out]")
        unit = int(seen.page.evaluate("document.querySelector('explain-view').unit"))
        scores = k[unit // 6] @ q[unit // 6, 2 + 5 + 1] * 6**-0.5
        assert close(numbers(seen, "[data-score]"), scores[:2], float(scores.abs().max()))
        assert close(numbers(seen, "[data-share]"), scores.softmax(0)[:2])
        assert "token 1, without a place" in seen.page.locator("explain-view").inner_text()
        assert "object" not in seen.page.locator("explain-view").inner_text()
        seen.check()


def test_the_projection_stands_behind_its_attention(browser: Browser, built: Built):
    base = built.site.as_uri() + "/"
    with opened(browser, f"{base}layers/fused-attn.html#v=how&u=3", base=base) as seen:
        page = seen.page
        page.wait_for_selector("explain-view [data-out]")
        assert page.locator("[role=tab] b").all_inner_texts()[:2] == ["Attention", "Linear, at every place"]
        assert page.locator("[role=tab][aria-selected=true]").inner_text().startswith("Linear, at every place")
        page.locator("[role=tab]").first.click()
        page.wait_for_selector("[data-ask]")
        page.locator("[data-act=greater]").click()
        page.wait_for_function("() => document.querySelector('explain-view').unit === 4")
        page.locator("[role=tab]").nth(1).click()
        page.wait_for_selector("explain-view [data-summed]")
        assert page.evaluate("document.querySelector('explain-view').unit") == 3, "its units are its own"
        seen.check()


def test_a_response_norm_is_written_out(browser: Browser, built: Built, run: dict[str, Any]):
    args, out = run["response.norm"]
    x = args[0][0].detach()
    base = built.site.as_uri() + "/"
    for unit, near in ((0, range(3)), (6, range(4, 9)), (11, range(9, 12))):
        with opened(browser, f"{base}layers/response-norm.html#v=how&u={unit}&p=5.7", base=base) as seen:
            seen.page.wait_for_selector("explain-view [data-out]")
            channels = seen.page.locator("explain-view tr[data-channel]").evaluate_all(
                "all => all.map((e) => Number(e.dataset.channel))"
            )
            assert channels == [*near]
            squares = x[[*near], 5, 7] ** 2
            assert close(numbers(seen, "[data-square]"), squares, 1e-6)
            assert close(numbers(seen, "[data-fact=sum]"), squares.sum())
            assert close(numbers(seen, "[data-fact=divisor]"), (2 + 0.5 / 5 * squares.sum()) ** 0.6)
            assert close(numbers(seen, "[data-out]"), out[0, unit, 5, 7], 1e-6)
            seen.check()


def test_a_layer_norm_takes_the_channels_of_one_token(browser: Browser, built: Built, run: dict[str, Any]):
    args, out = run["fused.norm1"]
    token = args[0][0, 2 + 3 * 5 + 1].detach()
    module = few().get_submodule("fused.norm1")
    base = built.site.as_uri() + "/"
    with opened(browser, f"{base}layers/fused-norm1.html#v=how&u=7&p=3.1", base=base) as seen:
        seen.page.wait_for_selector("explain-view [data-out]")
        assert close(numbers(seen, "[data-fact=mean]"), token.mean(), float(token.abs().max()))
        assert close(numbers(seen, "[data-fact=var]"), token.var(unbiased=False))
        assert close(numbers(seen, "[data-fact=gamma]"), module.weight[7].detach())  # type: ignore[index,union-attr]
        assert close(numbers(seen, "[data-fact=beta]"), module.bias[7].detach())  # type: ignore[index,union-attr]
        assert close(numbers(seen, "[data-out]"), out[0, 2 + 3 * 5 + 1, 7].detach(), 1.0)
        assert seen.page.locator("explain-view .ca-x-histogram").count() == 3, "and how these channels lie"
        seen.check()


@pytest.mark.parametrize(("slug", "name", "groups"), [("shuffle-two", "shuffle.F.view@2", 3), ("shuffle-mixed", "shuffle.shuffle", 4)])  # fmt: skip
def test_a_shuffle_says_where_each_channel_comes_from(browser: Browser, built: Built, run: dict[str, Any], slug: str, name: str, groups: int):  # fmt: skip
    source = run["shuffle.F.cat" if groups == 3 else "shuffle.mixed"][1][0].detach()
    out = run[name][1][0].detach()
    origin = torch.arange(12).view(groups, -1).T.flatten().tolist()
    base = built.site.as_uri() + "/"
    with opened(browser, f"{base}layers/{slug}.html#v=how&x={name}&u=0&p=4.6", base=base) as seen:
        page = seen.page
        page.wait_for_selector("explain-view [data-out]")
        met = set()
        for own in range(8 if groups == 3 else 12):
            page.evaluate("hash => { location.hash = hash; }", f"v=how&x={name}&u={own}&p=4.6")
            page.wait_for_function(
                "own => Number(document.querySelector('explain-view').dataset.own) === own && document.querySelector('[data-from]')",
                arg=own,
            )
            unit = int(page.evaluate("document.querySelector('explain-view').unit"))
            said = int(page.locator("[data-from]").get_attribute("data-from") or -1)
            assert said == origin[unit]
            assert said == own + (4 if groups == 3 else 0), "the page's own unit is followed through the shuffle"
            assert close(numbers(seen, "[data-out]"), out[unit, 4, 6], float(out.abs().max()))
            assert close(numbers(seen, "[data-in]"), source[said, 4, 6], float(out.abs().max()))
            met.add(unit)
        assert len(met) == (8 if groups == 3 else 12)
        seen.check()
