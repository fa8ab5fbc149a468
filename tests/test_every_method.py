"""Every method that attributes, on every kind of model: what applies is drawn, what does not says why, and the model is left
as it was found, whatever its precision and its flags."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import generator
from generator.artifacts import NotApplicable
from generator.command.progress import Silent
from generator.config import InputConfig, ModelConfig, load_config
from generator.images import load as load_picture
from generator.images import scan
from generator.methods import registry
from generator.model.load import load
from generator.model.weights import digest
from generator.names import INPUT
from generator.report.setup import set_up
from generator.resources import packaged
from tests.architectures import ARCHITECTURES, BUILDERS, BUILT, SIZES, noise, small, swin, vit

EVERY = [name for name, info in registry().items() if info.cls.scope in ("layer", "input")]
LITTLE = {"steps": 3, "samples": 2, "units": 3, "scale": 2}
OPTIONS = {
    name: {key: value for key, value in LITTLE.items() if key in registry()[name].cls.__dataclass_fields__}
    for name in EVERY
}
OPTIONS["occlusion"] = {"window": 32, "stride": 32}
ALWAYS = {
    "saliency",
    "input_x_gradient",
    "smooth_grad",
    "integrated_gradients",
    "random_map",
    "sobel_edges",
    "occlusion",
}
"""What any model has whose scores depend on its input."""


def every(model: nn.Module, x: Tensor, target: int | str = 1, window: int = 32) -> dict[str, Any]:
    options = {**OPTIONS, "occlusion": {"window": window, "stride": window}}
    return generator.attribute(model, x, EVERY, layers="last_conv", target=target, options=options)


def parts(found: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Every map, and every reason why there is none, with its method."""
    for name, maps in found.items():
        yield from ((name, one) for one in (maps.values() if isinstance(maps, dict) else [maps]))


@pytest.mark.parametrize("name", [*ARCHITECTURES, *BUILT])
def test_every_method_draws_or_says_why(name: str, tmp_path: Path):
    source = f"torchvision:{name}"
    if name in BUILT:
        (tmp_path / "builders.py").write_text(BUILDERS, encoding="utf-8")
        source = f"python:{tmp_path / 'builders.py'}:{name}"
    size = SIZES.get(name, 64)
    given = InputConfig(size=(size, size))
    model = load(ModelConfig(source=source, weights=None if name in BUILT else "random", input=given)).module
    before = digest(model)
    found = every(model, noise(1, 3, size, size), "top1", size // 2)  # four windows or nine, however large the input
    assert set(found) == set(EVERY)
    for method, one in parts(found):
        if isinstance(one, NotApplicable):
            assert re.fullmatch(r"[a-z].{20,}\.", one.reason), (method, one.reason)
        else:
            assert one.dtype == torch.float32
            assert one.isfinite().all(), method
            assert one.shape[0] == 1
    drawn = {method for method, one in parts(found) if isinstance(one, Tensor)}
    assert ALWAYS | {"feature_maps"} <= drawn
    assert digest(model) == before
    assert not any(part._forward_hooks or part._forward_pre_hooks or part.training for part in model.modules())
    assert all(p.requires_grad and p.grad is None for p in model.parameters())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("build", [vit, swin, lambda: small(3)], ids=["vit", "swin", "mobilenet"])
def test_half_precision_gives_the_maps_of_its_float32_copy(build: Callable[[], nn.Module], dtype: torch.dtype):
    model = copy.deepcopy(build()).to(dtype).requires_grad_(False)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    found = every(model, noise().to(dtype))
    wanted = every(copy.deepcopy(model).float(), noise().to(dtype).float())
    same(found, wanted)
    assert all(one.dtype == torch.float32 for _, one in parts(found) if isinstance(one, Tensor))
    after = model.state_dict()
    assert all(value.dtype == after[name].dtype and torch.equal(value, after[name]) for name, value in before.items())


@cache
def thawed(build: Callable[[], nn.Module]) -> dict[str, Any]:
    """Every method's maps of the model as it is built."""
    return every(build(), noise())


@pytest.mark.parametrize("context", [nullcontext, torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize("build", [vit, swin, lambda: small(3)], ids=["vit", "swin", "mobilenet"])
def test_frozen_models_and_gradients_turned_off_change_nothing(
    build: Callable[[], nn.Module], context: Callable[[], Any]
):
    wanted = thawed(build)
    model = copy.deepcopy(build()).requires_grad_(False).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with context():
        found = every(model, noise())
    same(found, wanted)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(part.training and not part._forward_hooks and not part._forward_pre_hooks for part in model.modules())


def same(found: dict[str, Any], wanted: dict[str, Any]) -> None:
    """The same maps to the last bit, more than half of all methods', and the same reasons."""
    drawn = set()
    for (method, one), (_, other) in zip(parts(found), parts(wanted), strict=True):
        assert type(one) is type(other), method
        if isinstance(one, Tensor):
            assert torch.equal(one, other), method
            drawn |= {method} if one.any() else set()
        else:
            assert one == other
    assert len(drawn) > len(EVERY) / 2


def test_the_default_report_asks_for_every_method_and_the_default_model_draws_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    setup = set_up(load_config(), Silent())
    asked = {one.name for one in (*setup.jobs.requests, *setup.jobs.weights, *setup.jobs.searches, *setup.jobs.sets)}
    # what takes minutes is left to larger presets, with a sentence that says so
    left = {name: why for name, _, why in setup.jobs.refused if name not in asked}
    assert set(left) == {"caricature", "inversion", "deep_dream"}
    assert all("choose the preset `standard`" in why for why in left.values())
    asked |= set(left)
    assert asked - {"predictions"} == set(registry()) - {"predictions"}
    # other layers' pages show the first class alone
    several = {one.layer for one in setup.jobs.requests if len(one.targets) > 1}
    assert several == {INPUT, *(layer.name for layer in setup.compared)}
    assert {one.layer for one in setup.jobs.requests if len(one.targets) == 1} > {"_conv_stem", "_conv_head"}
    chelsea = next(one for one in scan(packaged("inputs/images")).images if one.name == "chelsea")
    x = setup.loaded.preprocess(load_picture(chelsea))[None]
    found = generator.attribute(setup.loaded.module, x, EVERY, layers=[setup.description.facts.head_layer], options=OPTIONS)  # fmt: skip
    for method, one in parts(found):
        assert isinstance(one, Tensor), (method, one)
        assert method == "counterfactual_grad_cam" or one.any(), method
