"""A small report of each of many architectures, and maps of models of every make: each is drawn right, or says why not."""

from __future__ import annotations

import copy
import re
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torchvision
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

import generator
from generator.artifacts import NotApplicable
from generator.build import compute
from generator.command.progress import Silent
from generator.config import load_config
from generator.encode import from_npy
from generator.engine.invoke import Invocation
from generator.engine.output import Readout
from generator.engine.passes import CUT, NO_PLACE, UNDETECTED
from generator.engine.plan import plan
from generator.library import engine_for, make_method, requests_for
from generator.model.describe import describe
from generator.model.weights import digest
from generator.names import INPUT, ClassTarget, LayerName
from generator.pages.views import Report
from generator.report.plan import plan_report
from generator.report.reporting import report_of
from generator.report.setup import Setup, set_up
from tests.methods.examples import same

# ---- small reports

METHODS = ["cam", "feature_maps", "grad_cam", "guided_backprop", "saliency"]
SIZES = {"alexnet": 128, "googlenet": 96, "inception_v3": 139, "maxvit_t": 224, "vit_b_16": 224, "vit_b_32": 224}
"""The least that the architecture takes, or has places for in every layer, where that is more than 64 pixels."""
ARCHITECTURES = [
    "alexnet", "convnext_tiny", "densenet121", "efficientnet_b0", "efficientnet_v2_s", "googlenet", "inception_v3",
    "maxvit_t", "mnasnet0_5", "mobilenet_v2", "mobilenet_v3_small", "regnet_x_400mf", "regnet_y_400mf", "resnet18",
    "resnext50_32x4d", "shufflenet_v2_x0_5", "squeezenet1_1", "swin_t", "swin_v2_t", "vgg11_bn", "wide_resnet50_2",
    "deeplabv3_mobilenet_v3_large", "lraspp_mobilenet_v3_large", "ssdlite320_mobilenet_v3_large",
]  # fmt: skip
"""As torchvision makes them, with random weights."""
BUILDERS = """
import torch
import torchvision


def _vit(name):
    model = torchvision.models.get_model(name, weights=None)
    torch.nn.init.normal_(model.heads.head.weight, std=0.1)  # torchvision's own are zeros: every gradient would be one
    return model


def vit_b_16(): return _vit("vit_b_16")
def vit_b_32(): return _vit("vit_b_32")


def fasterrcnn():
    # untrained, no box of 91 classes scores more than 0.05
    name = "fasterrcnn_mobilenet_v3_large_320_fpn"
    return torchvision.models.get_model(name, weights=None, weights_backbone=None, box_score_thresh=0.0)
"""
BUILT = ["vit_b_16", "vit_b_32", "fasterrcnn"]
NO_CAM = "the model does not end in global average pooling and one linear layer."
NO_RECTIFIER = "the model has no rectifier (ReLU or its kin), so the map would be the plain gradient again."
UNRECTIFIED = {
    "convnext_tiny", "efficientnet_b0", "efficientnet_v2_s", "maxvit_t", "swin_t", "swin_v2_t", "vit_b_16", "vit_b_32",
}  # fmt: skip
"""GELU or SiLU wherever the image goes: Swin v2 has rectifiers, but for its position biases alone."""
FADING = {"deeplabv3_mobilenet_v3_large", "lraspp_mobilenet_v3_large"}
"""Untrained, nothing but its biases is left of an image in the last layers."""
FLATTENED = {
    "alexnet", "convnext_tiny", "deeplabv3_mobilenet_v3_large", "fasterrcnn", "lraspp_mobilenet_v3_large", "maxvit_t",
    "mobilenet_v3_small", "squeezenet1_1", "ssdlite320_mobilenet_v3_large", "vgg11_bn", "vit_b_16", "vit_b_32",
}  # fmt: skip
"""No global average in front of one linear layer."""


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("images")
    noise = np.random.default_rng(1)
    for name in ("one", "two"):
        blocks = noise.integers(0, 255, (8, 10, 3), dtype=np.uint8)
        Image.fromarray(blocks).resize((80, 64), Image.Resampling.BILINEAR).save(folder / f"{name}.png")
    return folder


@dataclass(frozen=True)
class Made:
    """A report without its site: what was set up, the maps by (method, place), and what the pages show."""

    setup: Setup
    drawn: dict[tuple[str, LayerName], list[NDArray[np.float32]]]
    said: dict[tuple[str, LayerName], set[str]]
    report: Report


def made(name: str, images: Path, folder: Path) -> Made:
    """Plan, run, and read back."""
    source = f"torchvision:{name}"
    if name in BUILT:
        (folder / "builders.py").write_text(BUILDERS, encoding="utf-8")
        source = f"python:{folder / 'builders.py'}:{name}"
    model = {"source": source, "input": {"size": SIZES.get(name, 64)}}
    given = {
        "model": model | ({} if name in BUILT else {"weights": "random"}),
        "images": str(images),
        "layers": ["last_conv", "stage_ends"],
        "cam_layers": "stage_ends",
        "methods": METHODS,
        "targets": "top1",
        "trust": "none",
        "device": "cpu",
        "out": str(folder / "site"),
        "store": str(folder / "store"),
    }
    setup = set_up(load_config(None, given), Silent())
    todo = plan_report(setup)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("generator.build.faster_format", lambda engine, shape: "channels_last")
        searches = compute(setup, todo, Silent())
    report = report_of(setup, searches.units, todo.passes)
    assert report.run == report.planned == todo.passes
    drawn: dict[tuple[str, LayerName], list[NDArray[np.float32]]] = defaultdict(list)
    said: dict[tuple[str, LayerName], set[str]] = defaultdict(set)
    for method, layer, reason in setup.jobs.refused:
        said[method, layer].add(reason)
    for request in setup.jobs.requests:
        for image in setup.images.images:
            record = setup.store.get(setup.jobs.key(request, image))
            assert record is not None
            (meta,) = record.meta["maps"]
            if "not_applicable" in meta:
                said[request.name, request.layer].add(meta["not_applicable"])
            elif request.name == "feature_maps":
                ends = np.array([meta.get("raw_lo", meta["lo"]), meta.get("raw_hi", meta["hi"])], dtype=np.float32)
                layer = setup.description.by_name[request.layer]
                assert (meta["count"], *meta.get("reduced", meta["tile"])) == layer.shape
                assert "not_finite" not in meta
                drawn[request.name, request.layer].append(ends)
            else:
                drawn[request.name, request.layer].append(from_npy(setup.store.blob(record, "0.values.npy")))
    return Made(setup, drawn, said, report)


@pytest.mark.parametrize("name", [*ARCHITECTURES, *BUILT])
def test_a_small_report_of_an_architecture(name: str, images: Path, tmp_path: Path):
    found = made(name, images, tmp_path)
    setup, drawn = found.setup, found.drawn
    chosen = {layer.name for layer in setup.layers}
    compared = {layer.name for layer in setup.compared}
    places = {"cam": compared, "grad_cam": compared | chosen, "feature_maps": chosen}
    for method in METHODS:
        for place in places.get(method, {INPUT}):
            maps, reasons = drawn.get((method, place), []), found.said.get((method, place), set())
            assert len(maps) == 2 or reasons, (method, place)
            assert all(re.fullmatch(r"[a-z].{20,}\.", reason) for reason in reasons), reasons
            for values in maps:
                assert np.isfinite(values).all(), (method, place)
                if place == INPUT:
                    assert values.shape == setup.input_shape
                elif method != "feature_maps":
                    assert values.shape == setup.description.by_name[place].shape[1:]
    flat = {layer for layer in chosen if not any((lo != hi).any() for lo, hi in drawn["feature_maps", layer])}
    assert flat < chosen if name in FADING else not flat
    for method in {"cam", "grad_cam", "guided_backprop", "saliency"} & {method for method, _ in drawn}:
        several = [v for (of, _), maps in drawn.items() for v in maps if of == method and v.size > 1]
        assert any(values.min() < values.max() for values in several), method
    assert ("saliency", INPUT) in drawn
    assert (("guided_backprop", INPUT) in drawn) == (name not in UNRECTIFIED)
    assert any(method == "cam" for method, _ in drawn) == (name not in FLATTENED)
    if name in FLATTENED:
        assert {reason for (of, _), reasons in found.said.items() for reason in reasons if of == "cam"} == {NO_CAM}
    if name in UNRECTIFIED:
        assert found.said["guided_backprop", INPUT] == {NO_RECTIFIER}

    module = setup.loaded.module
    assert setup.engine.module is module
    assert digest(module) == setup.loaded.weights_digest
    assert not any(part._forward_hooks or part._forward_pre_hooks or part.training for part in module.modules())
    assert all(p.requires_grad and p.grad is None for p in module.parameters())


# ---- tokens and channels last, by hand


@cache
def vit() -> nn.Module:
    """torchvision's, small: patches of 8 x 8 of 32 x 32 pixels."""
    torch.manual_seed(3)
    model = torchvision.models.VisionTransformer(32, 8, 3, 2, 16, 32, num_classes=5)
    nn.init.normal_(model.heads.head.weight)
    return model.eval()


@cache
def swin() -> nn.Module:
    """torchvision's, small: two stages, windows of 4 x 4 places, every second shifted."""
    torch.manual_seed(4)
    return torchvision.models.SwinTransformer([4, 4], 12, [2, 2], [2, 2], [4, 4], num_classes=5).eval()


def noise(n: int = 2, channels: int = 3, height: int = 32, width: int = 32) -> Tensor:
    """A seeded batch."""
    return torch.randn(n, channels, height, width, generator=torch.Generator().manual_seed(11))


def hooked(model: nn.Module, path: str, x: Tensor, target: int) -> tuple[Tensor, Tensor]:
    """What the module gave, and the gradient of the target's logit there: by a hook and by autograd."""
    kept: list[Tensor] = []
    handle = model.get_submodule(path).register_forward_hook(lambda module, args, output: kept.append(output))
    try:
        score = model(x)[:, target].sum()
    finally:
        handle.remove()
    (gradient,) = torch.autograd.grad(score, kept[0])
    return kept[0].detach(), gradient


@pytest.mark.parametrize("path", ["encoder.layers.encoder_layer_1", "encoder.layers.encoder_layer_2.ln_1"])
def test_maps_of_tokens_equal_those_made_by_hand(path: str):
    x = noise()
    A, G = (
        tokens[:, 1:].transpose(1, 2).reshape(2, 16, 4, 4)  # without the class token
        for tokens in hooked(vit(), path, x, 3)
    )
    found = generator.attribute(vit(), x, ["grad_cam", "feature_maps"], layers=path, target=3)
    same(found["feature_maps"][path], A)
    same(found["grad_cam"][path], (G.mean((2, 3), keepdim=True) * A).sum(1).relu())
    assert found["grad_cam"][path].any()


@pytest.mark.parametrize(
    ("path", "shape"),
    [("features.1", (12, 12, 16)), ("features.1.1.attn", (12, 12, 16)), ("features.3.0", (24, 6, 8))],
)
def test_maps_of_channels_last_equal_those_made_by_hand(path: str, shape: tuple[int, int, int]):
    x = noise(height=48, width=64)
    A, G = (last.permute(0, 3, 1, 2) for last in hooked(swin(), path, x, 2))
    found = generator.attribute(swin(), x, ["grad_cam", "feature_maps"], layers=path, target=2)
    assert found["feature_maps"][path].shape == (2, *shape)
    same(found["feature_maps"][path], A)
    same(found["grad_cam"][path], (G.mean((2, 3), keepdim=True) * A).sum(1).relu())


def test_behind_its_last_attention_a_vision_transformer_has_no_places_to_show():
    last = "encoder.layers.encoder_layer_2"
    found = generator.attribute(vit(), noise(), ["grad_cam", "feature_maps"], layers=[last, "encoder.ln"])
    assert found["grad_cam"] == {last: NotApplicable(NO_PLACE), "encoder.ln": NotApplicable(NO_PLACE)}
    assert found["feature_maps"][last].shape == (2, 16, 4, 4)
    unit = generator.attribute(vit(), noise(), "grad_cam", layers=last, target="unit:encoder.ln:3")
    assert isinstance(unit[last], Tensor)  # of a unit of its own places it has


def test_attention_layers_have_a_selector_of_their_own():
    maps = generator.activations(swin(), noise(1), "attention")
    assert list(maps) == [f"features.{stage}.{block}.attn" for stage in (1, 3) for block in (0, 1)]
    assert {value.shape[1:] for value in maps.values()} == {(12, 8, 8), (24, 4, 4)}


def test_cam_of_channels_last_is_an_account_of_the_logit():
    class Last(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.fc = swin(), nn.Linear(24, 5)

        def forward(self, x: Tensor) -> Tensor:
            return self.fc(self.body.norm(self.body.features(x)).mean((1, 2)))

    model, x = Last().eval(), noise()
    maps = generator.attribute(model, x, "cam", layers="body.norm", target=4)["body.norm"]
    torch.testing.assert_close(maps.mean((1, 2)) + model.fc.bias[4], model(x)[:, 4], rtol=1e-4, atol=1e-5)


# ---- inputs and precisions


@cache
def small(channels: int) -> nn.Module:
    """A MobileNet v3 with depthwise convolutions, gates, hard swishes and in-place operations."""
    torch.manual_seed(6)
    model = torchvision.models.mobilenet_v3_small(num_classes=5)
    first = model.features[0][0]
    model.features[0][0] = nn.Conv2d(channels, first.out_channels, 3, 2, 1, bias=False)
    return model.eval()


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize(("height", "width"), [(96, 128), (32, 32)])
def test_inputs_that_are_not_square_not_in_colour_or_tiny(channels: int, height: int, width: int):
    model, x = small(channels), noise(2, channels, height, width)
    found = generator.attribute(model, x, METHODS, layers=["features.1", "features"], target=1)
    leaf = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(model(leaf)[:, 1].sum(), leaf)
    same(found["saliency"], gradient)
    assert found["guided_backprop"].shape == x.shape
    assert found["grad_cam"]["features.1"].shape == (2, height // 4, width // 4)
    last = found["grad_cam"]["features"]
    if (height, width) == (32, 32):
        assert last == NotApplicable("the layer's output has one place only (1 x 1), so there is no where to show.")
    else:
        assert last.shape == (2, 3, 4)
    assert all(isinstance(reason, NotApplicable) for reason in found["cam"].values())


# ---- outputs and further inputs


@dataclass
class Answer:
    features: Tensor | None
    logits: Tensor


class Wrapped(nn.Module):
    """The small model, its scores handed out in some other form."""

    def __init__(self, wrap: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.body, self.wrap = small(3), wrap

    def forward(self, x: Tensor) -> Any:
        return self.wrap(self.body(x))


@pytest.mark.parametrize(
    "wrap",
    [
        lambda y: {"aux": y * 2, "logits": y},
        lambda y: {"scores": y, "aux": y * 2},
        lambda y: (y, None, {"aux": y * 2}),
        lambda y: [y],
        lambda y: Answer(None, y),
    ],
    ids=["dict with logits", "dict", "tuple", "list", "dataclass"],
)
def test_scores_are_found_in_outputs_of_other_forms(wrap: Callable[[Tensor], Any]):
    x = noise(height=64, width=64)
    wanted = generator.attribute(small(3), x, ["saliency", "grad_cam"], layers="features.1", target=2)
    found = generator.attribute(Wrapped(wrap).eval(), x, ["saliency", "grad_cam"], layers="body.features.1", target=2)
    assert torch.equal(found["saliency"], wanted["saliency"])
    assert torch.equal(found["grad_cam"]["body.features.1"], wanted["grad_cam"]["features.1"])


@pytest.mark.parametrize("name", ["googlenet", "inception_v3"])
def test_auxiliary_heads_of_training_are_left_alone(name: str):
    torch.manual_seed(0)
    model = torchvision.models.get_model(name, weights=None, aux_logits=True, init_weights=False, num_classes=5)
    assert model.training
    description = describe(model, (3, 139, 139))
    assert description.unused
    assert all(parameter.startswith(("aux", "AuxLogits")) for parameter in description.unused)
    x = noise(1, height=139, width=139)
    found = generator.attribute(model, x, ["saliency", "cam"], layers=str(description.facts.head_layer), target=1)
    logits = copy.deepcopy(model).eval()(x)
    (maps,) = found["cam"].values()
    torch.testing.assert_close(maps.mean((1, 2)) + model.fc.bias[1], logits[:, 1], rtol=1e-4, atol=1e-5)
    assert model.training


def test_an_auxiliary_head_that_runs_has_no_maps_of_the_main_scores():
    torch.manual_seed(0)
    with torch.device("meta"):
        model = torchvision.models.get_model(
            "fcn_resnet50", weights=None, weights_backbone=None, aux_loss=True, num_classes=5
        )
    model = model.to_empty(device="cpu").eval()
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.05)
    for part in model.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.reset_running_stats()
    found = generator.attribute(
        model, noise(1), ["grad_cam", "feature_maps"], layers=["classifier", "aux_classifier"], target=1
    )
    assert found["grad_cam"]["aux_classifier"] == NotApplicable(CUT)
    assert found["feature_maps"]["aux_classifier"].shape == found["feature_maps"]["classifier"].shape == (1, 5, 4, 4)
    assert isinstance(found["grad_cam"]["classifier"], Tensor)


class Two(nn.Module):
    """An image and numbers that weigh its units."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(2)
        self.conv, self.fc = nn.Conv2d(3, 4, 3), nn.Linear(4, 5)

    def forward(self, image: Tensor, weights: Tensor, *, which: Tensor) -> Tensor:
        maps = self.conv(image).relu() * weights[:, :, None, None]
        return self.fc(maps.mean((2, 3))) + nn.functional.one_hot(which, 5)


def test_a_second_input_is_given_to_every_image():
    model, x = Two().eval(), noise(3, height=9, width=12)
    extras = {"weights": torch.tensor([1.0, -2.0, 0.5, 3.0]), "which": torch.tensor(2)}
    description = describe(model, (3, 9, 12), invocation=Invocation(extras))
    engine = engine_for(model, description)
    method = make_method("saliency")
    requests, refused = requests_for("saliency", method, (), (ClassTarget(2),), description)
    assert not refused
    (served,) = engine.run(x, plan(requests, description.facts))
    leaf = x.clone().requires_grad_()
    scores = model(leaf, extras["weights"].expand(3, -1), which=extras["which"].expand(3))
    (wanted,) = torch.autograd.grad(scores[:, 2].sum(), leaf)
    (made_of_it,) = method.compute(served.reads)
    same(made_of_it.values, wanted)


# ---- heads of other kinds


def test_one_probability_ranks_yes_against_no():
    readout = Readout("binary", activated=True)
    scores = readout.scores(torch.tensor([[0.2], [0.9]]))
    torch.testing.assert_close(scores, torch.tensor([[0.8, 0.2], [0.1, 0.9]]))
    assert scores.argmax(1).tolist() == [0, 1]
    torch.testing.assert_close(readout.probabilities(scores), scores)


def test_segmentation_starts_from_the_places_that_the_class_wins():
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 6, 3), nn.ReLU(), nn.Conv2d(6, 4, 1), nn.Upsample((12, 12), mode="bilinear")
    ).eval()
    x = noise(2, height=12, width=12)
    leaf = x.clone().requires_grad_()
    logits = model(leaf)
    won = logits.argmax(1)
    assert all(len(set(one.flatten().tolist())) > 1 for one in won)
    top = logits.softmax(1).mean((2, 3)).argmax(1)
    score = sum(one[k][places == k].mean() for one, k, places in zip(logits, top.tolist(), won, strict=True))
    (wanted,) = torch.autograd.grad(score, leaf)
    same(generator.attribute(model, x, "saliency"), wanted)


@cache
def detector(threshold: float = 0.0) -> nn.Module:
    torch.manual_seed(1)
    return torchvision.models.get_model(
        "fasterrcnn_mobilenet_v3_large_320_fpn",
        weights=None,
        weights_backbone=None,
        num_classes=4,
        box_score_thresh=threshold,
    ).eval()


def test_detection_starts_from_the_best_box_of_the_class():
    x = noise(2, height=64, width=64).sigmoid()
    leaf = x.clone().requires_grad_()
    (first, second) = detector()(list(leaf))
    best = [boxes["scores"][boxes["labels"] == 2].max() for boxes in (first, second)]
    (wanted,) = torch.autograd.grad(sum(best), leaf)
    found = generator.attribute(
        detector(), x, ["saliency", "grad_cam"], layers=["backbone.body.6", "rpn.head.conv"], target=2
    )
    same(found["saliency"], wanted)
    assert found["grad_cam"]["backbone.body.6"].shape == (2, 40, 40)
    assert found["grad_cam"]["rpn.head.conv"] == NotApplicable(UNDETECTED)


def test_where_nothing_is_detected_there_is_no_map_but_a_sentence():
    x = noise(1, height=64, width=64).sigmoid()
    found = generator.attribute(detector(0.99), x, ["saliency", "grad_cam", "feature_maps"], layers="backbone.body.6")
    assert found["saliency"] == found["grad_cam"]["backbone.body.6"] == NotApplicable(UNDETECTED)
    assert isinstance(found["feature_maps"]["backbone.body.6"], Tensor)
