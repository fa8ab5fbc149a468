"""Which parts of a model the sanity check takes away, and in which order: attention, functional heads, auxiliary heads."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn

from generator.engine.output import Readout
from generator.trust import sanity
from generator.trust.heads import heads


def transformer() -> nn.Module:
    model = torchvision.models.VisionTransformer(32, 8, 2, 2, 16, 32, num_classes=5)
    nn.init.normal_(model.heads.head.weight)
    return model


def shifted() -> nn.Module:
    return torchvision.models.SwinTransformer([4, 4], 12, [2, 2], [2, 2], [4, 4], num_classes=5)


class Functional(nn.Module):
    """A classifier, and a list of scales, whose modules are never called."""

    def __init__(self) -> None:
        super().__init__()
        self.scales = nn.ParameterList([nn.Parameter(torch.rand(4, 1, 1))])
        self.fc = nn.Linear(4, 3)
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x: Tensor) -> Tensor:
        maps = self.conv(x).relu() * self.scales[0]
        return F.linear(maps.mean((2, 3)), self.fc.weight, self.fc.bias)


class Auxiliary(nn.Module):
    """The auxiliary head is called last, and no score hangs on it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)
        self.fc, self.aux = nn.Linear(4, 3), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        pooled = self.norm(self.conv(x)).relu().mean((2, 3))
        return {"out": self.fc(pooled), "aux": self.aux(pooled)}


class Parallel(nn.Module):
    """Two classifiers whose scores are added, each behind a layer of its own, then scaled by a temperature."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.a, self.b = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 1)
        self.near, self.far = nn.Linear(4, 3), nn.Linear(4, 3)
        self.warmth = nn.Parameter(torch.tensor(2.0))

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x).relu()
        far = self.far(self.b(x).relu().mean((2, 3)))
        return self.warmth * (self.near(self.a(x).relu().mean((2, 3))) + far)


def made(build: Callable[[], nn.Module]) -> nn.Module:
    torch.manual_seed(2)
    model = build().eval()
    with torch.no_grad():
        for weights in model.parameters():  # zeros and ones, as fresh biases are, have no spread to draw anew from
            weights.add_(0.1 * torch.randn_like(weights))
    return model


@pytest.mark.parametrize("build", [transformer, shifted, Functional])
def test_after_the_last_stage_every_weight_that_the_scores_hang_on_is_another(build: Callable[[], nn.Module]):
    model, x = made(build), torch.rand(1, 3, 32, 32)
    before = {name: value.clone() for name, value in model.named_parameters()}
    order = sanity.in_order(model, x, read=Readout().scores)
    *_, (stage, changed) = sanity.randomised(model, sanity.stages(model, order, 4), x)
    assert stage.share == 1
    now = dict(changed.named_parameters())
    scores = model(x).sum()
    gradients = torch.autograd.grad(scores, list(model.parameters()), allow_unused=True)
    hanging = [n for (n, _), g in zip(model.named_parameters(), gradients, strict=True) if g is not None]
    assert len(hanging) > 4
    assert not [n for n in hanging if torch.equal(before[n], now[n])]
    assert all(torch.equal(before[n], value) for n, value in model.named_parameters())
    assert all(value.requires_grad for value in model.parameters())


def test_the_first_stage_is_the_classifier_though_it_is_a_function():
    model = made(Functional)
    order = sanity.in_order(model, torch.rand(1, 3, 8, 8), read=Readout().scores)
    assert order == ("conv", "scales", "fc")


def test_a_model_whose_weights_are_frozen_has_the_same_order_and_stays_frozen():
    model, x = made(Parallel), torch.rand(1, 3, 8, 8)
    expected = sanity.in_order(model, x, read=Readout().scores)
    model.requires_grad_(False)
    assert sanity.in_order(model, x, read=Readout().scores) == expected
    assert heads(model, x, called, Readout().scores) == ("near", "far")
    assert not any(weights.requires_grad for weights in model.parameters())


def test_an_auxiliary_head_that_is_called_is_left_out():
    model = made(Auxiliary)
    order = sanity.in_order(model, torch.rand(1, 3, 8, 8), read=Readout(output="out").scores)
    assert order == ("conv", "norm", "fc")


def test_the_classifier_of_a_detector_is_what_scores_its_boxes():
    torch.manual_seed(1)
    model = torchvision.models.get_model(
        "fasterrcnn_mobilenet_v3_large_320_fpn", weights=None, weights_backbone=None, num_classes=4,
        box_score_thresh=0.0, min_size=64, max_size=64,
    ).eval()  # fmt: skip
    readout = Readout(kind="detection", classes=4)
    order = sanity.in_order(
        model, torch.rand(1, 3, 64, 64), lambda module, x: module(list(x)), lambda output: readout.scores(output)
    )
    assert order[-1] == "roi_heads.box_predictor.cls_score"
    last = heads(model, torch.rand(1, 3, 64, 64), lambda module, x: module(list(x)), readout.scores)
    assert last == ("roi_heads.box_predictor.cls_score",)
    assert "roi_heads.box_predictor.bbox_pred" in order


def test_what_a_module_keeps_of_an_earlier_pass_is_copied():
    model = made(Functional)
    model.features = model.conv(torch.rand(1, 3, 8, 8))  # in the graph of autograd: torch refuses to copy it
    order = sanity.in_order(model, torch.rand(1, 3, 8, 8), read=Readout().scores)
    ((_, changed),) = sanity.randomised(model, sanity.stages(model, order, 1), torch.rand(1, 3, 8, 8))
    assert torch.equal(changed.features, model.features)
    assert model.features.requires_grad


def called(module: nn.Module, x: Tensor) -> object:
    return module(x)


@pytest.mark.parametrize(
    ("build", "expected"),
    [(transformer, ("heads.head",)), (shifted, ("head",)), (Functional, ("fc",)), (Parallel, ("near", "far"))],
)
def test_the_classifier_is_every_layer_that_the_scores_read_last(
    build: Callable[[], nn.Module], expected: tuple[str, ...]
):
    model = made(build)
    assert heads(model, torch.rand(1, 3, 32, 32), called, Readout().scores) == expected
    assert all(p.requires_grad and p.grad is None for p in model.parameters())


def test_parallel_classifiers_are_lost_together_by_hand():
    model, x = made(Parallel), torch.rand(1, 3, 8, 8)
    order = sanity.in_order(model, x, read=Readout().scores)
    found = sanity.stages(model, order, 3, heads(model, x, called, Readout().scores))
    assert set(found[0].modules) == {"near", "far"} and found[0].share == 2 / 6
    assert [name for stage in found for name in stage.modules if name in ("stem", "a", "b")][-1] == "stem"
    assert found[-1].share == 1
    assert sum(len(stage.modules) for stage in found) == len(order)
    _, changed = next(sanity.randomised(model, found, x))
    assert not torch.equal(changed.near.weight, model.near.weight)
    assert not torch.equal(changed.far.weight, model.far.weight)
    assert torch.equal(changed.a.weight, model.a.weight)


def test_the_two_classifiers_of_a_segmentation_are_one_stage():
    torch.manual_seed(1)
    model = torchvision.models.get_model(
        "lraspp_mobilenet_v3_large", weights=None, weights_backbone=None, num_classes=4
    ).eval()
    readout = Readout(kind="segmentation", output="out")
    x = torch.rand(1, 3, 64, 64)
    last = heads(model, x, called, readout.scores)
    assert last == ("classifier.low_classifier", "classifier.high_classifier")
    first, *_ = sanity.stages(model, sanity.in_order(model, x, read=readout.scores), 4, last)
    assert set(first.modules) == set(last)


def test_a_classifier_of_zeros_tells_nothing():
    model = made(transformer)
    stage = sanity.Stage("heads.head", ("heads.head",), 0.1)
    assert sanity.telling(model, stage)
    nn.init.zeros_(model.heads.head.weight)
    nn.init.zeros_(model.heads.head.bias)
    assert not sanity.telling(model, stage)
