"""Calls of the library: the caller's mistakes in one line, and a model that is left as it was found in any mode."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

import generator
from generator.errors import UserError
from generator.names import ClassTarget, RankTarget
from tests.small_net import ON_INPUT, PER_BATCH, Small, batch, on_input


def traced(x: Tensor) -> nn.Module:
    """A TorchScript module: torch warns that it is going."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.jit.trace(nn.Conv2d(3, 4, 3), x)


class Two(Small):
    """Takes a second input."""

    def forward(self, x: Tensor, age: Tensor) -> Tensor:  # type: ignore[override]
        return super().forward(x) + age


CALLS: dict[str, tuple[Callable[[nn.Module, Tensor], object], str]] = {
    "method": (lambda m, x: generator.attribute(m, x, "gradcam"), r"'gradcam'.*`grad_cam`"),
    "one of several": (lambda m, x: generator.attribute(m, x, ["saliency", "salency"]), r"'salency'.*`saliency`"),
    "option": (
        lambda m, x: generator.attribute(m, x, "saliency", options={"saliency": {"step": 3}}),
        r"'saliency' has no option 'step'",
    ),
    "layer": (lambda m, x: generator.attribute(m, x, "grad_cam", layers="conv3"), r"`conv3`.*`conv2`"),
    "layer of activations": (lambda m, x: generator.activations(m, x, layers=["conv1", "cnv2"]), r"`cnv2`.*`conv2`"),
    "class": (lambda m, x: generator.attribute(m, x, "saliency", target=5), "from 0 to 4, received 5"),
    "class target": (lambda m, x: generator.attribute(m, x, "saliency", target=ClassTarget(5)), "from 0 to 4"),
    "rank": (lambda m, x: generator.attribute(m, x, "saliency", target=RankTarget(6)), "at most top:5"),
    "label": (
        lambda m, x: generator.attribute(m, x, "saliency", target="crew", labels=["ant", "bee", "crow", "dog", "eel"]),
        r"`crew`.*`crow`",
    ),
    "label without labels": (lambda m, x: generator.attribute(m, x, "saliency", target="crow"), "no labels"),
    "several targets": (lambda m, x: generator.attribute(m, x, "saliency", target="top:3"), "stands for 3"),
    "unit's layer": (lambda m, x: generator.attribute(m, x, "saliency", target="unit:conv3:0"), r"`conv3`.*`conv2`"),
    "unit": (lambda m, x: generator.attribute(m, x, "saliency", target="unit:conv1:6"), "from 0 to 5, received 6"),
    "unit's place": (lambda m, x: generator.attribute(m, x, "saliency", target="unit:conv2:0:6:0"), "6 x 6"),
    "NaN scores": (lambda m, x: generator.attribute(m, x * float("nan"), "saliency"), "received NaN or infinity"),
    "TorchScript": (
        lambda m, x: generator.attribute(traced(x), x, "saliency"),
        "received a TorchScript module",
    ),
    "search": (lambda m, x: generator.attribute(m, x, "activation_maximization"), "convatlas build"),
    "channels": (lambda m, x: generator.attribute(m, x[:, :1], "saliency"), "of 1 channel.*give `x` with as many"),
    "channels of a search": (
        lambda m, x: generator.visualize(m, 0, mean=(0.5,), std=(0.5,), shape=(9, 9)),
        "of 1 channel, 9x9 pixels.*in `shape`.*in `mean` and `std`",
    ),
    "further inputs": (lambda m, x: generator.attribute(Two(), x, "saliency"), "in `inputs`"),
}


@pytest.mark.parametrize("call", CALLS)
def test_the_caller_s_mistakes_are_one_line_and_leave_the_model_alone(call: str):
    model = Small()
    mistake, says = CALLS[call]
    with pytest.raises(UserError, match=says) as found:
        mistake(model, batch())
    assert "\n" not in str(found.value)
    assert all(not m._forward_hooks and not m._forward_pre_hooks and m.training for m in model.modules())
    assert all(p.requires_grad for p in model.parameters())


@pytest.mark.parametrize("mode", ["train", "eval", "mixed", "frozen"])
def test_the_model_is_left_as_it_was_found(mode: str):
    model = Small(inplace=True).train(mode != "eval").requires_grad_(mode != "frozen")
    if mode == "mixed":
        model.bn.eval()
    called: list[str] = []
    model.conv2.register_forward_hook(lambda *_: called.append("the user's own hook"))
    before = copy.deepcopy(model.state_dict())
    flags = [(m.training, len(m._forward_hooks), len(m._forward_pre_hooks)) for m in model.modules()]
    x = batch()
    given = x.clone()
    generator.attribute(model, x, PER_BATCH, layers="all")
    assert flags == [(m.training, len(m._forward_hooks), len(m._forward_pre_hooks)) for m in model.modules()]
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(p.grad is None and p.requires_grad == (mode != "frozen") for p in model.parameters())
    assert torch.equal(x, given)
    assert called


def test_a_model_in_training_mode_is_explained_in_evaluation_mode():
    x = batch()
    training, evaluating = Small(), Small().eval()
    assert not torch.allclose(training(x), evaluating(x))  # batch norm would use the batch's own statistics
    training = Small()
    got = generator.attribute(training, x, ["grad_cam", "saliency"], target=0)
    wanted = generator.attribute(evaluating, x, ["grad_cam", "saliency"], target=0)
    assert torch.equal(got["saliency"], wanted["saliency"])
    assert all(torch.equal(got["grad_cam"][name], value) for name, value in wanted["grad_cam"].items())


@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode])
def test_it_works_where_gradients_are_off(context: Callable[[], torch.no_grad]):
    model, x = Small().eval(), batch()
    wanted = generator.attribute(model, x, "saliency", target=0)
    with context():
        found = generator.attribute(model, x, "saliency", target=0)
        shapes = {name: value.shape for name, value in generator.activations(model, x, "conv").items()}
    assert torch.equal(found, wanted)
    assert shapes == {"conv1": (2, 6, 12, 12), "conv2": (2, 6, 6, 6), "short": (2, 6, 6, 6)}


@pytest.mark.parametrize("channels", [1, 4])
@pytest.mark.parametrize(("height", "width"), [(9, 30), (30, 9)])
def test_inputs_of_other_channels_and_shapes(channels: int, height: int, width: int):
    model, x = Small(channels).eval(), batch(2, channels, height, width)
    found = generator.attribute(model, x, PER_BATCH, layers=["conv1", "conv2"])
    for name in (name for name in ON_INPUT if isinstance(found[name], Tensor)):
        assert on_input(found[name].shape, x.shape), name
    half = ((height + 1) // 2, (width + 1) // 2)
    assert found["grad_cam"]["conv1"].shape == (2, height, width)
    assert found["grad_cam"]["conv2"].shape == (2, *half)
    assert found["feature_maps"]["conv2"].shape == (2, 6, *half)


def test_a_half_precision_model_gives_float32_maps():
    model = Small().eval().to(torch.bfloat16)
    found = generator.attribute(model, batch(), ["grad_cam", "saliency"], layers="conv2", target=1)
    wanted = generator.attribute(
        copy.deepcopy(model).float(), batch(), ["grad_cam", "saliency"], layers="conv2", target=1
    )
    assert found["saliency"].dtype == torch.float32
    assert torch.equal(found["saliency"], wanted["saliency"])
    assert torch.equal(found["grad_cam"]["conv2"], wanted["grad_cam"]["conv2"])
