"""`generator.attribute` and `generator.activations`: shapes, shared passes, and numbers by hand."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from torch import Tensor, nn

import generator
from generator.artifacts import NotApplicable
from generator.engine.passes import CUT
from generator.methods import is_probe, registry
from generator.names import ClassTarget, LayerName, RankTarget, Unit
from tests.small_net import ON_INPUT, ON_LAYERS, PER_BATCH, Small, batch, by_hand, on_input


class Counted:
    """The forwards of a model, and the gradients that went back through its scores."""

    def __init__(self, model: nn.Module) -> None:
        self.passes: Counter[str] = Counter()
        model.register_forward_hook(self._forward)

    def _forward(self, module: nn.Module, args: object, output: Tensor) -> None:
        self.passes["forward"] += 1
        if output.requires_grad:
            output.register_hook(self._backward)

    def _backward(self, gradient: Tensor) -> None:
        self.passes["backward"] += 1


def test_a_map_a_layer_at_the_layer_s_own_resolution():
    maps = generator.attribute(Small().eval(), batch(3, height=12, width=20), "grad_cam", layers=["conv1", "conv2"])
    assert {name: value.shape for name, value in maps.items()} == {"conv1": (3, 12, 20), "conv2": (3, 6, 10)}
    assert list(maps) == ["conv1", "conv2"]
    assert all(value.dtype == torch.float32 and not value.requires_grad for value in maps.values())


@pytest.mark.parametrize("method", ON_INPUT)
def test_methods_on_the_input_return_its_own_shape(method: str):
    x = batch(2, height=12, width=20)
    maps = generator.attribute(Small().eval(), x, method)
    assert isinstance(maps, Tensor)
    assert on_input(maps.shape, x.shape)
    assert maps.abs().sum() > 0


def test_every_per_batch_method_shares_one_forward_and_a_backward_for_each_rule():
    model = Small().eval()
    counted = Counted(model)
    sharing = [name for name in PER_BATCH if not is_probe(registry()[name].cls)]
    found = generator.attribute(model, batch(), sharing, layers="all")
    assert list(found) == sharing
    # one forward describes the model; the other serves every method at every layer. Backwards: plain, guided, deconv.
    assert counted.passes == {"forward": 2, "backward": 3}
    for name in (name for name in ON_LAYERS if name in sharing):
        assert set(found[name]) == set(generator.activations(model, batch(), "all"))


def test_one_method_takes_what_it_needs_alone():
    model = Small().eval()
    counted = Counted(model)
    generator.attribute(model, batch(), "grad_cam", layers="all")
    assert counted.passes == {"forward": 2, "backward": 1}
    counted.passes.clear()
    generator.activations(model, batch(), "conv1")
    assert counted.passes == {"forward": 1}  # the describing one: the other stops at conv1, so it never ends


def test_many_methods_at_once_give_the_numbers_of_each_alone():
    model, x = Small().eval(), batch()
    together = generator.attribute(model, x, PER_BATCH, layers="conv", target=2)
    for name in PER_BATCH:
        alone = generator.attribute(model, x, name, layers="conv", target=2)
        pairs = [(together[name], alone)] if name in ON_INPUT else [(together[name][at], alone[at]) for at in alone]
        for got, wanted in pairs:
            assert type(got) is type(wanted)
            assert torch.equal(got, wanted) if isinstance(got, Tensor) else got == wanted


def test_one_name_is_the_map_and_a_list_of_one_is_a_dict_of_it():
    model, x = Small().eval(), batch()
    one = generator.attribute(model, x, "saliency")
    assert torch.equal(generator.attribute(model, x, ["saliency"])["saliency"], one)
    assert torch.equal(generator.attribute(model, x, ("saliency",))["saliency"], one)


def test_saliency_and_grad_cam_are_what_autograd_says():
    model, x = Small().eval(), batch().requires_grad_()
    outputs = by_hand(model, x)
    gradient, at = torch.autograd.grad(outputs["logits"][:, 3].sum(), [x, outputs["conv2"]])
    alpha = at.mean((2, 3), keepdim=True)
    cam = (alpha * outputs["conv2"]).sum(1).relu()
    found = generator.attribute(model, x.detach(), ["saliency", "grad_cam"], layers="conv2", target=3)
    torch.testing.assert_close(found["saliency"], gradient)
    torch.testing.assert_close(found["grad_cam"]["conv2"], cam.detach())


@pytest.mark.parametrize("inplace", [False, True])
def test_activations_are_what_each_layer_gave(inplace: bool):
    model, x = Small(inplace=inplace).eval(), batch()
    wanted = by_hand(model, x)
    found = generator.activations(model, x, ["conv1", "bn", "relu1", "conv2"])
    assert list(found) == ["conv1", "bn", "relu1", "conv2"]
    for name, value in found.items():
        torch.testing.assert_close(value, wanted[name])


@pytest.mark.parametrize("twin", [{"inplace": True}, {"functional": True}, {"functional": True, "inplace": True}])
def test_a_model_written_another_way_has_the_same_maps(twin: dict[str, bool]):
    plain, other, x = Small().eval(), Small(**twin).eval(), batch()
    other.load_state_dict(plain.state_dict())
    wanted = generator.attribute(plain, x, PER_BATCH, layers=["conv1", "bn", "conv2"], target=1)
    found = generator.attribute(other, x, PER_BATCH, layers=["conv1", "bn", "conv2"], target=1)
    for name in ON_INPUT:
        if isinstance(wanted[name], Tensor):
            torch.testing.assert_close(found[name], wanted[name])
        else:
            assert isinstance(found[name], NotApplicable)
    for name in ON_LAYERS:
        for layer, value in wanted[name].items():
            if isinstance(value, Tensor):
                torch.testing.assert_close(found[name][layer], value)
            else:
                assert isinstance(found[name][layer], NotApplicable)
    assert not torch.allclose(found["guided_backprop"], found["saliency"])  # the functional rectifiers were seen


def test_cam_s_mean_and_bias_are_the_logit():
    model, x = Small().eval(), batch(3)
    maps = generator.attribute(model, x, "cam", layers="relu2", target=4)
    logits = model(x)[:, 4]
    torch.testing.assert_close(maps["relu2"].mean((1, 2)) + model.fc.bias[4], logits)


def test_where_a_method_means_nothing_it_says_so():
    maps = generator.attribute(Small().eval(), batch(), "cam", layers=["conv1", "relu2"])
    assert isinstance(maps["conv1"], NotApplicable)
    assert maps["conv1"].reason.endswith(".")
    assert isinstance(maps["relu2"], Tensor)
    smooth = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.Sigmoid(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)
    ).eval()
    found = generator.attribute(smooth, batch(), ["guided_backprop", "saliency"])
    assert isinstance(found["guided_backprop"], NotApplicable)
    assert isinstance(found["saliency"], Tensor)


@pytest.mark.parametrize("how", ["no_grad", "detach", "all of it"])
def test_a_model_that_cuts_its_gradients_has_none_below_the_cut(how: str):
    class Frozen(Small):
        def forward(self, x: Tensor) -> Tensor:
            with torch.set_grad_enabled(how == "detach"):
                x = self.relu1(self.bn(self.conv1(x)))
                x = self.relu2(self.conv2(x.detach())) if how == "all of it" else x.detach()
            return self.fc((x if how == "all of it" else self.relu2(self.conv2(x))).mean((2, 3)))

    found = generator.attribute(Frozen().eval(), batch(), ["saliency", "grad_cam", "feature_maps"], layers="conv")
    assert found["saliency"] == NotApplicable(CUT)
    assert all(maps == NotApplicable(CUT) for maps in found["grad_cam"].values())
    assert set(found["feature_maps"]) == {"conv1", "conv2"}
    assert all(isinstance(maps, Tensor) for maps in found["feature_maps"].values())


def test_a_compiled_model_is_the_model_in_it():
    model, x = Small().eval(), batch()
    assert torch.equal(
        generator.attribute(torch.compile(model), x, "saliency"), generator.attribute(model, x, "saliency")
    )
    assert list(generator.activations(torch.compile(model), x, "conv")) == ["conv1", "conv2", "short"]


def test_kernels_are_the_weights():
    model = Small().eval()
    found = generator.attribute(model, batch(), "kernels", layers=["conv1", "bn"])
    assert torch.equal(found["conv1"], model.conv1.weight)
    assert isinstance(found["bn"], NotApplicable)


@pytest.mark.parametrize("target", ["crow", '"crow"', "CROW", "2", 2, ClassTarget(2)])
def test_a_target_is_an_index_or_a_label_or_a_target(target: str | int | ClassTarget):
    model, x = Small().eval(), batch()
    labels = ["ant", "bee", "crow", "dog", "eel"]
    found = generator.attribute(model, x, "saliency", target=target, labels=labels)
    leaf = x.clone().requires_grad_()
    (wanted,) = torch.autograd.grad(model(leaf)[:, 2].sum(), leaf)
    torch.testing.assert_close(found, wanted)


def test_a_ranked_target_is_another_class_for_each_image():
    model, x = Small().eval(), batch(8)
    second = model(x).argsort(1, descending=True)[:, 1]
    assert len(set(second.tolist())) > 1
    leaf = x.clone().requires_grad_()
    (wanted,) = torch.autograd.grad(model(leaf).gather(1, second[:, None]).sum(), leaf)
    torch.testing.assert_close(generator.attribute(model, x, "saliency", target=RankTarget(2)), wanted)


def test_a_unit_is_a_target_too():
    model, x = Small().eval(), batch()
    leaf = x.clone().requires_grad_()
    (wanted,) = torch.autograd.grad(by_hand(model, leaf)["conv2"][:, 3].mean((1, 2)).sum(), leaf)
    for target in ("unit:conv2:3", Unit(LayerName("conv2"), 3)):
        torch.testing.assert_close(generator.attribute(model, x, "saliency", target=target), wanted)
    maps = generator.attribute(model, x, ["cam", "grad_cam"], layers=["conv1", "relu2"], target="unit:conv2:3")
    assert maps["cam"]["relu2"] == NotApplicable("the target is a unit, not a class.")
    assert maps["grad_cam"]["relu2"] == NotApplicable(CUT)
    assert maps["grad_cam"]["conv1"].abs().sum() > 0
