"""How layers are computed, in a browser: the numbers on the pages are torch's, for layers of eleven families of networks."""

from __future__ import annotations

import json
import math
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch import Tensor

from generator.model.trace import trace
from tests.explain.nets import families
from tests.pages.opened import Opened, opened
from tests.pages.recorded import config, given
from tests.whole import Built, build

if TYPE_CHECKING:
    from playwright.sync_api import Browser

NETS = Path(__file__).resolve().parents[1] / "explain/nets.py"
FAMILIES = ("mobile", "res", "dense", "vgg", "inception", "convnext", "odd", "vit", "fused", "response", "shuffle")
LAYERS = [
    "mobile.features.0.0", "mobile.features.2.conv.1.0", "mobile.features.2.conv.2", "mobile.features.4.0",
    "res.conv1", "res.layer1.0.conv2", "res.layer2.0.conv2", "res.layer4.0.conv2",
    "dense.features.conv0", "dense.features.denseblock1.denselayer2.conv2", "dense.features.transition1.conv", "dense.features.denseblock2.denselayer2.conv2",
    "vgg.features.0", "vgg.features.6", "inception.stem", "inception.five", "inception.after", "inception.last",
    "convnext.features.0.0", "convnext.features.1.0.block.0", "convnext.features.1.0.block.3", "convnext.features.3.0.block.5",
    "odd.reflect", "odd.grouped", "odd.circular", "odd.up", "odd.F.conv2d",
    "vit.encoder.layers.encoder_layer_0.ln_1", "vit.encoder.layers.encoder_layer_0.ln_2", "vit.encoder.layers.encoder_layer_0.mlp.0", "vit.encoder.ln",
    "fused.patches", "fused.norm1", "fused.attn", "fused.norm2", "fused.fc1", "response.norm", "response.second", "shuffle.two", "shuffle.mixed",
]  # fmt: skip


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp("explain")
    return build(folder, config(f"python:{NETS}:families", folder, LAYERS, 2) | {"explain": {"images": 2}})


@pytest.fixture(scope="module")
def truth(built: Built) -> dict[str, Tensor]:
    """What torch gave for the first image: the output of every operation, by name, and "in NAME": its first tensor."""
    found: dict[str, Tensor] = {}

    model = families()

    def seen(node: Any, args: tuple[Any, ...], output: Any) -> None:
        if isinstance(output, Tensor):
            found[node.name] = output.detach().clone()
        elif node.family == "attention":
            found[node.name] = attended(model.get_submodule(node.path), args[0])
            found[f"{node.name}.out_proj"] = output[0].detach().clone()

    trace(model, given(built), seen)
    return found


def attended(module: torch.nn.Module, x: Tensor) -> Tensor:
    """What the heads of a module of attention give before it projects them, (1, n, c), by the formula."""
    q, k, v = torch.nn.functional.linear(x, module.in_proj_weight, module.in_proj_bias).chunk(3, -1)  # type: ignore[arg-type]
    width = module.head_dim
    parts = []
    for head in range(module.num_heads):  # type: ignore[arg-type]
        at = slice(head * width, (head + 1) * width)  # type: ignore[operator]
        parts.append((q[..., at] @ k[..., at].mT / width**0.5).softmax(-1) @ v[..., at])  # type: ignore[operator]
    return torch.cat(parts, -1).detach()


def steps(built: Built) -> Iterator[tuple[str, dict[str, Any], int]]:
    """(page's slug, its data, number of the step) of every figure."""
    for file in sorted((built.site / "data/explain/steps").glob("*.js")):
        text = file.read_text("utf-8")
        data = json.loads(text[text.index(",{") + 1 : text.rindex(")")])
        for k in range(len(data["steps"])):
            yield file.stem, data, k


def shown(seen: Opened, slug: str, name: str, unit: int, place: tuple[int, int]) -> None:
    """Go to a figure by the address alone."""
    page = seen.page
    page.evaluate("hash => { location.hash = hash; }", f"v=how&x={name}&u={unit}&p={place[0]}.{place[1]}")
    page.wait_for_function(
        "([name, unit]) => { const v = document.querySelector('explain-view'); return v && v.dataset.step === name && (unit < 0 || Number(v.dataset.own) === unit); }",
        arg=[name, unit],
    )


def number(seen: Opened, selector: str) -> float:
    return float(seen.page.locator(f"explain-view {selector}").first.get_attribute("data-v") or "nan")


def as_map(value: Tensor, shape: list[int]) -> Tensor:
    """One image's output as (c, h, w), channels last or not, or tokens of which the last stand on a grid."""
    c, h, w = shape
    if value.dim() == 4 and value.shape[1] * value.shape[3] == c and list(value.shape[1:]) != shape:
        value = value.transpose(1, 2).flatten(2)
    one = value[0]
    if one.dim() == 2 and one.shape[1] == c and h * w > 1:
        return one[-h * w :].T.reshape(shape)
    if one.dim() == 3 and list(one.shape) != shape:
        one = one.permute(2, 0, 1)
    return one.reshape(shape)


def test_every_family_has_figures_of_every_kind(built: Built):
    kinds = {(data["steps"][k]["name"].split(".")[0], data["steps"][k]["kind"]) for _, data, k in steps(built)}
    assert {family for family, _ in kinds} >= set(FAMILIES)
    assert {kind for _, kind in kinds} == {
        "conv",
        "pool",
        "act",
        "batch_norm",
        "norm",
        "merge",
        "cat",
        "lrn",
        "shuffle",
        "attention",
        "flatten",
        "linear",
    }


@pytest.mark.parametrize("family", FAMILIES)
def test_numbers_are_torchs(browser: Browser, built: Built, truth: dict[str, Tensor], family: str):
    pick = random.Random(family)
    base = built.site.as_uri() + "/"
    read = 0
    of_page: dict[str, list[tuple[dict[str, Any], int]]] = {}
    for slug, data, k in steps(built):
        if data["steps"][data["step"]]["name"].startswith(family):
            of_page.setdefault(slug, []).append((data, k))
    for slug, many in of_page.items():
        with opened(browser, f"{base}layers/{slug}.html#v=how", base=base) as seen:
            for data, k in many:
                step = data["steps"][k]
                _, h, w = step["shape"]
                units = data["steps"][data["step"]]["shape"][0]
                place = (pick.choice((0, h - 1, h // 2)), pick.randrange(w))
                unit = pick.randrange(units)
                shown(seen, slug, step["name"], unit, place)
                at = int(seen.page.evaluate("document.querySelector('explain-view').unit"))
                want = as_map(truth[step["name"]], step["shape"])
                here = want[at][place] if step["kind"] not in ("flatten", "linear") else want[at, 0, 0]
                got = number(seen, "[data-out]")
                reach = max(float(want[at].abs().max()), abs(float(here)))
                # a thousandth of the number itself; of one near zero, where terms cancel, of what its map holds
                assert abs(got - float(here)) <= 1e-3 * abs(float(here)) + 3e-4 * reach, (
                    step["name"],
                    at,
                    place,
                    got,
                    float(here),
                )
                text = seen.page.locator("explain-view [data-out]").first.inner_text().replace("−", "-")
                assert math.isclose(float(text), got, rel_tol=6e-4, abs_tol=1e-30), "four digits of it are written out"
                if step["kind"] == "conv":
                    terms(seen, step, truth, at, place)
                read += 1
            seen.check()
    assert read >= 6


def terms(seen: Opened, step: dict[str, Any], truth: dict[str, Tensor], unit: int, place: tuple[int, int]) -> None:
    """Every number of the window is the input's (or padding), every one of the kernel is the weight, each to 1e-3."""
    settings, source = step["settings"], step["reads"][0]["name"]
    module = dict(families().named_modules()).get(step["name"])
    weight = families().odd.weight if step["name"] == "odd.F.conv2d" else module.weight  # type: ignore[union-attr]
    weight = weight.detach().reshape(*weight.shape, *([1, 1] if weight.dim() == 2 else []))  # type: ignore[union-attr,operator]
    if settings["transposed"]:
        weight = weight.transpose(0, 1)
    kernel = settings["kernel"]
    each = step["reads"][0]["shape"][0] // settings["groups"]
    first = unit // (step["shape"][0] // settings["groups"]) * each
    if kernel == [1, 1]:
        return
    channel = int(seen.page.locator(".ca-x-row.is-chosen").get_attribute("data-channel") or -1)
    tables = seen.page.locator(".ca-x-grid").all()
    cells = [
        [float(v) if v else None for v in table.locator("td").evaluate_all("all => all.map((e) => e.dataset.v ?? '')")]
        for table in tables
    ]
    flat = weight[unit, channel - first].flatten()
    assert np.allclose(
        [float(v or 0) for v in cells[1]], flat.numpy(), rtol=1e-3, atol=1e-3 * float(flat.abs().max()) * 2**-10
    )
    if settings["transposed"] or source == "the input" or source not in truth:
        return
    x = as_map(truth[source], step["reads"][0]["shape"])[channel]
    top, bottom, left, right = settings["padding"]
    mode = {"zeros": "constant"}.get(settings["mode"], settings["mode"])
    padded = torch.nn.functional.pad(x[None, None], (left, right, top, bottom), mode=mode)[0, 0]
    y0, x0 = place[0] * settings["stride"][0], place[1] * settings["stride"][1]
    dy, dx = settings["dilation"]
    window = padded[y0 : y0 + dy * (kernel[0] - 1) + 1 : dy, x0 : x0 + dx * (kernel[1] - 1) + 1 : dx].flatten()
    assert np.allclose([float(v or 0) for v in cells[0]], window.numpy(), rtol=1e-3, atol=1e-6 * float(x.abs().max()))
    products = [float(v or 0) for v in cells[2]]
    assert np.allclose(
        products, (window * flat).numpy(), rtol=1e-3, atol=1e-6 * float(x.abs().max() * flat.abs().max())
    )
    assert math.isclose(number(seen, "[data-part]"), sum(products), rel_tol=1e-6, abs_tol=1e-9)


def test_the_sum_over_channels_is_what_is_written(browser: Browser, built: Built):
    base = built.site.as_uri() + "/"
    with opened(browser, f"{base}layers/res-layer2-0-conv2.html#v=how&u=3&p=1.2", base=base) as seen:
        page = seen.page
        page.wait_for_selector("[data-summed]")
        for _ in range(2):
            values = page.locator(".ca-x-row:not(.ca-x-rest) .ca-x-sum .ca-x-num").evaluate_all(
                "all => all.map((e) => Number(e.dataset.v))"
            )
            rest = page.locator(".ca-x-rest .ca-x-num").evaluate_all("all => all.map((e) => Number(e.dataset.v))")
            assert math.isclose(sum(values) + sum(rest), number(seen, ".ca-x-total"), rel_tol=1e-9)
            assert len(values) == (4 if "all 128" in (page.locator("[data-all]").inner_text()) else 128)
            page.locator("[data-all]").click()
        assert len(values) == 128
        strengths = page.locator(".ca-x-row").count()
        assert strengths == 4 + 2
        seen.check()


def test_pages_say_which_image_and_follow_the_choice_of_one(browser: Browser, built: Built):
    base = built.site.as_uri() + "/"
    with opened(browser, f"{base}layers/vgg-features-0.html#v=how&u=1&p=4.4", base=base) as seen:
        page = seen.page
        page.wait_for_selector("[data-out]")
        assert "saw noise-0" in page.locator(".ca-x-foot").inner_text()
        before = number(seen, "[data-out]")
        page.locator("[name=image][value=noise-1]").check(force=True)
        page.wait_for_function("() => document.querySelector('.ca-x-foot').textContent.includes('noise-1')")
        assert number(seen, "[data-out]") != before
        assert "i=noise-1" in seen.address
        seen.check()


def test_a_batch_norm_folds_into_its_convolution(browser: Browser, built: Built):
    base = built.site.as_uri() + "/"
    model = families()
    conv, bn = model.mobile.features[0][0], model.mobile.features[0][1]  # type: ignore[union-attr,index]
    fused = torch.nn.utils.fuse_conv_bn_eval(conv, bn)
    with opened(browser, f"{base}layers/mobile-features-0-0.html#v=how&u=2&x=mobile.features.0.1", base=base) as seen:
        seen.page.wait_for_selector("[data-out]")
        seen.page.locator(".ca-x-folded summary").click()
        assert math.isclose(number(seen, "[data-fact=folded]"), float(fused.bias[2]), rel_tol=1e-3)
        assert math.isclose(
            number(seen, "[data-fact=a]"),
            float(fused.weight[2].flatten()[0] / conv.weight[2].flatten()[0]),
            rel_tol=1e-4,
        )
        seen.check()


def test_arrays_of_a_number_a_place_are_files_and_are_counted(built: Built):
    files: dict[str, set[str]] = {}
    for _, data, k in steps(built):
        step = data["steps"][k]
        assert all(math.prod(one["shape"]) <= max(step["shape"][0], 1) for one in step["arrays"].values()), step["name"]
        if "files" in step:
            files[step["name"]] = set(step["files"])
            assert all((built.site / path).is_file() for _, path in step["files"].values())
    assert files["odd.layer_norm"] == {"weight", "bias"}
    assert files["fused.F.add"] == {"factor"}, "a number for each token and channel"
    kinds = ("maps", "kernels", "arrays")
    size = sum(one.stat().st_size for kind in kinds for one in (built.site / "data/explain" / kind).rglob("*.js"))
    assert built.run["explain"]["bytes"] == pytest.approx(size, rel=0.02)


def test_the_budget_leaves_the_most_expensive_out_and_says_so(browser: Browser, tmp_path: Path):
    config = {
        "model": "tinyvgg_digits",
        "images": "inputs/digits",
        "limit": 1,
        "methods": ["feature_maps"],
        "trust": "none",
        "layers": "conv",
        "explain": {"budget_mb": 0.06},
    }
    made = build(tmp_path, config)
    files = [
        file
        for file in (made.site / "data/explain").rglob("*.js")
        if file.parent.name != "steps" and file.stem != "labels"
    ]
    assert 0 < sum(file.stat().st_size for file in files) <= 0.06e6
    left = made.run["explain"]["left_out"]
    assert left
    assert made.run["explain"]["bytes"] <= 0.06e6
    assert any("explain.budget_mb" in note for note in made.run["notes"])
    assert re.search(r"how layers are computed: 0\.\d MB of one image", made.outcome.err)
    name = left[0]["operation"]
    slug = next(
        file.stem
        for file in (made.site / "data/explain/steps").glob("*.js")
        if f'"name":"{name}"' in file.read_text("utf-8")
    )
    base = made.site.as_uri() + "/"
    with opened(browser, f"{base}layers/{slug}.html#v=how&x={name}", base=base) as seen:
        seen.page.wait_for_selector("explain-view .ca-na")
        assert "A larger explain.budget_mb" in seen.page.locator("explain-view .ca-na").inner_text().replace("`", "")
        seen.check()
