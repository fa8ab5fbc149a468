"""Ablation-CAM: by hand, against a loop of whole forward passes, and against pytorch-grad-cam behind rectifiers."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from pytorch_grad_cam import AblationCAM as Reference
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import Tensor, nn

import generator
from generator.artifacts import NotApplicable
from generator.errors import UserError
from generator.methods import Cost
from generator.methods.ablation_cam import AblationCAM
from generator.names import CallTarget, LayerName, Unit
from tests.methods.examples import ByHand, alexnet, exactly, facts, out_of_place, photo, resnet18, row, same, vgg11


def test_the_map_by_hand():
    # y = (2 - 9) + 8 = 1, without unit 0 it is 8, without unit 1 it is -7: weights -7 and 8.
    # -7 [[1, 0], [3, 0]] + 8 [[0, 2], [0, 0]] = [[-7, 16], [-21, 0]]
    exactly(
        generator.attribute(ByHand(), ByHand.X, "ablation_cam", layers="relu", target=0)["relu"], [[[0, 16], [0, 0]]]
    )


def test_a_negative_score_by_hand():
    model = ByHand()
    model.fc.weight.data.neg_()
    # y = -1, without unit 0 it is -8, without unit 1 it is 7: weights 7 and -8. By the paper's division they are -7 and 8.
    exactly(generator.attribute(model, ByHand.X, "ablation_cam", layers="relu", target=0)["relu"], [[[7, 0], [21, 0]]])


def precise(build: object) -> nn.Module:
    """The model in float64: a unit among hundreds changes the score in its last digits of float32, and those are what is
    divided. The map itself is float32."""
    return copy.deepcopy(build()).double()  # type: ignore[operator]


def score_1(output: Tensor) -> Tensor:
    """The logit of class 1, in the output's own precision."""
    return output[:, 1]


def score_3(output: Tensor) -> Tensor:
    """The logit of class 3, in the output's own precision."""
    return output[:, 3]


TARGETS = {c: CallTarget(f"{__name__}:score_{c}") for c in (1, 3)}


def slowly(model: nn.Module, layer: str, x: Tensor, targets: Sequence[int], units: list[int]) -> list[Tensor]:
    """One whole forward of one image for each unit, silenced by a hook: a map for each of the targets."""
    kept: list[Tensor] = []

    def silence(unit: int | None) -> Tensor:
        def after(module: nn.Module, args: object, output: Tensor) -> Tensor:
            kept.append(output.clone())
            changed = output.clone()
            if unit is not None:
                changed[:, unit] = 0
            return changed

        with model.get_submodule(layer).register_forward_hook(after), torch.no_grad():
            return model(x.double())[:, list(targets)]

    y = silence(None)
    lost = {k: (y - silence(k)) / y.abs() for k in units}  # (1, targets) each
    return [sum(lost[k][:, t] * kept[0][:, k] for k in units).relu() for t in range(len(targets))]


@pytest.mark.parametrize(
    ("build", "layer"),
    [(resnet18, "conv1"), (resnet18, "layer1.0.bn2"), (resnet18, "layer1.1.bn1"), (vgg11, "features.0")],
)
def test_equals_a_loop_of_whole_passes(build, layer):
    model, x = precise(build), photo(1, height=32, width=48)
    units = generator.activations(model, x, layer)[LayerName(layer)].shape[1]
    found = [generator.attribute(model, x, "ablation_cam", layers=layer, target=TARGETS[c])[layer] for c in TARGETS]
    same(torch.cat(found), torch.cat(slowly(model, layer, x, tuple(TARGETS), list(range(units)))))


@pytest.mark.parametrize(
    ("build", "layer", "side"), [(alexnet, "features.2", 64), (resnet18, "relu", 40), (resnet18, "layer1", 40)]
)
def test_equals_grad_cam_behind_a_rectifier(build, layer, side, monkeypatch):
    # elsewhere grad-cam silences with the lowest value less ten million instead of zero: only compared where zero is lowest
    model, x = precise(build), photo(2, height=side, width=side)
    found = [generator.attribute(model, x, "ablation_cam", layers=layer, target=TARGETS[c])[layer] for c in TARGETS]
    other = out_of_place(model)
    # and it rounds scores to float32 before it takes their difference: not here
    monkeypatch.setattr("pytorch_grad_cam.ablation_cam.np", SimpleNamespace(**{**vars(np), "float32": np.float64}))
    expected = []
    with Reference(model=other, target_layers=[other.get_submodule(layer)], batch_size=7) as cam:
        cam.activations_and_grads(x.double())
        (A,) = (a.detach().numpy() for a in cam.activations_and_grads.activations)
        assert A.min() == 0
        for c in TARGETS:
            raw = cam.get_cam_image(x.double(), cam.target_layers[0], [ClassifierOutputTarget(c)] * 2, A, None)
            sign = model(x.double())[:, c, None, None].detach().sign()  # it divides by the score, not by its size
            expected.append((torch.from_numpy(raw) * sign).relu())
    same(torch.cat(found), torch.cat(expected))


def test_on_the_averaged_layer_a_unit_weighs_what_it_adds_to_the_score():
    model, x = precise(resnet18), photo()
    A = generator.activations(model, x, "layer4")[LayerName("layer4")]
    y = model(x.double())[:, 3].detach()
    adds = model.fc.weight[3].detach() * A.mean(dim=(2, 3)) / y.abs()[:, None]
    found = generator.attribute(model, x, "ablation_cam", layers="layer4", target=TARGETS[3])["layer4"]
    same(found, torch.einsum("nk,nkhw->nhw", adds, A.double()).relu())


def test_fewer_units_are_those_of_the_highest_mean_in_the_image():
    model, x = precise(resnet18), photo(1)
    means = generator.activations(model, x, "layer1")[LayerName("layer1")][0].mean(dim=(1, 2))
    units = means.topk(5).indices.tolist()
    found = generator.attribute(
        model, x, "ablation_cam", layers="layer1", target=TARGETS[3], options={"ablation_cam": {"units": 5}}
    )
    same(found["layer1"], *slowly(model, "layer1", x, [3], units))


def test_a_target_before_the_layer_does_not_depend_on_it():
    target = Unit(LayerName("layer2"), 3)
    found = generator.attribute(resnet18(), photo(1), "ablation_cam", layers=["layer2", "layer4"], target=target)
    assert isinstance(found["layer4"], NotApplicable)
    A = generator.activations(resnet18(), photo(1), "layer2")[LayerName("layer2")]
    same(found["layer2"], A[:, 3])  # of the layer's own units only the target itself matters


def test_only_what_comes_after_the_layer_runs_again():
    model, calls = resnet18(), {"layer2": 0, "layer4": 0}
    handles = [
        model.get_submodule(name)[1].conv1.register_forward_hook(
            lambda module, args, output, name=name: calls.update({name: calls[name] + len(output)})
        )
        for name in calls
    ]
    generator.attribute(
        model, photo(1), "ablation_cam", layers="layer3", target=TARGETS[3], options={"ablation_cam": {"units": 20}}
    )
    for handle in handles:
        handle.remove()
    # describing, the shared pass, recording, and two rows that find out how to resume: none for the units
    assert calls["layer2"] == 1 + 1 + 1 + 2
    assert calls["layer4"] >= 1 + 1 + 2 + 21


def test_what_it_costs_where_it_means_nothing_and_what_is_no_number_of_units():
    assert AblationCAM().cost(facts(), row(shape=(8, 4, 4)), 3) == Cost(10)
    assert AblationCAM(units=3).cost(facts(), row(shape=(8, 4, 4)), 3) == Cost(5)
    assert isinstance(AblationCAM().applies(facts(), row(shape=(8, 1, 1))), NotApplicable)
    with pytest.raises(UserError, match="ablation_cam: expected units to be 0 or more, received -1"):
        AblationCAM(units=-1)
