"""Maps of models of every make, held to hooks and autograd: tokens, channels last, further inputs, outputs, heads."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
import torch
import torchvision
from torch import Tensor, nn

import generator
from generator.artifacts import NotApplicable
from generator.engine.invoke import Invocation
from generator.engine.output import Readout
from generator.engine.passes import CUT, NO_PLACE, UNDETECTED
from generator.engine.plan import plan
from generator.library import engine_for, make_method, requests_for
from generator.model.describe import describe
from generator.names import ClassTarget
from tests.architectures import METHODS, noise, small, swin, vit
from tests.methods.examples import same


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
