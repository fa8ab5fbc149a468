"""LRP: by hand, against zennit called directly, and that relevance is conserved or nothing is drawn."""

from __future__ import annotations

import copy
import re
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from zennit.attribution import Gradient
from zennit.composites import EpsilonPlusFlat
from zennit.layer import Sum
from zennit.torchvision import ResNetCanonizer, VGGCanonizer

import generator
from generator.artifacts import NotApplicable
from generator.engine.plan import Request, plan
from generator.engine.probe import probed
from generator.library import engine_for
from generator.methods import Cost
from generator.methods.lrp import LRP
from generator.model.describe import describe
from generator.model.twin import twin
from generator.names import INPUT, CallTarget, ClassTarget, GroupTarget, LayerName, Unit
from tests.methods.examples import alexnet, facts, photo, resnet18, same, vgg11


class Three(nn.Sequential):
    """Two convolutions and a linear layer on one row of three pixels.

    x = [3, 2, 9]   first, [1, 0]: a = [3, 2]   second, [1, -1] and [1, 1]: b = [1, 5]   linear, [2, -1]: y = 2 - 5 = -3
    """

    X = torch.tensor([[[[3.0, 2.0, 9.0]]]])

    def __init__(self, bias: float = 0.0) -> None:
        super().__init__(
            nn.Conv2d(1, 1, (1, 2)), nn.ReLU(), nn.Conv2d(1, 2, (1, 2)), nn.ReLU(), nn.Flatten(), nn.Linear(2, 2)
        )
        weights = ([[[[1.0, 0.0]]]], [[[[1.0, -1.0]]], [[[1.0, 1.0]]]], [[2.0, -1.0], [1.0, 0.0]])
        with torch.no_grad():
            for module, values in zip((self[0], self[2], self[5]), weights, strict=True):
                module.weight.copy_(torch.tensor(values))
                module.bias.fill_(bias)
        self.eval()


def test_the_rules_by_hand():
    # y = -3 is handed to b as what each adds: 2 and -5. Of b_0 = 3 - 2 only the 3 agrees with it: a_0 gets all of 2.
    # b_1 = 3 + 2 hands on -5 as -3 and -2: a gets -1 and -2. Each shares alike among its two pixels: -1/2, -1/2 - 1, -1.
    found = generator.attribute(Three(), Three.X, "lrp", target=0)
    torch.testing.assert_close(found, torch.tensor([[[[-0.5, -1.5, -1.0]]]]))


def test_biases_take_no_share_by_hand():
    # with 1 added everywhere: a = [4, 3], b = [2, 8], y_0 = 4 - 8 + 1 = -3, without its bias -4.
    # b gets -3 * [4, -8] / -4 = [3, -6]; a gets 3 * [1, 0] - 6 * [4, 3] / 7 = [-3/7, -18/7]; halves of these to the pixels
    found = generator.attribute(Three(bias=1.0), Three.X, "lrp", target=0)
    torch.testing.assert_close(found, torch.tensor([[[[-3 / 14, -21 / 14, -18 / 14]]]]))
    assert float(found.sum()) == pytest.approx(-3, rel=1e-5)  # type: ignore[union-attr]


def directly(model: nn.Module, x: Tensor, target: int, canonizer: Any) -> Tensor:
    """zennit's own call, biases set aside, started from the logit."""

    def seed(output: Tensor) -> Tensor:
        return nn.functional.one_hot(torch.full((len(output),), target), output.shape[1]) * output.detach()

    composite = EpsilonPlusFlat(zero_params=["bias"], canonizers=[canonizer()])
    with Gradient(copy.deepcopy(model), composite) as attributor:
        _, relevance = attributor(x.clone().requires_grad_(), seed)
    return relevance.detach()


def folded(model: nn.Module) -> nn.Module:
    """The same function with nothing left in `eps`: zennit leaves the divisions by sqrt(1 + eps) in a model whose batch
    normalisations it has merged."""
    model = copy.deepcopy(model)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_var += module.eps
            module.eps = 0.0
    return model


@pytest.mark.parametrize(
    ("build", "canonizer"), [(vgg11, VGGCanonizer), (alexnet, VGGCanonizer), (resnet18, ResNetCanonizer)]
)
def test_equals_zennit(build, canonizer):
    model, x = build(), photo(2)
    for target in (0, 3):
        found = generator.attribute(model, x, "lrp", target=target)
        # image by image: batches of two round otherwise, and the rule of linear layers divides by what may be small
        expected = [directly(folded(model), one, target, canonizer) for one in x.split(1)]
        same(found, torch.cat(expected))  # type: ignore[arg-type]


def of_one(model: nn.Module, targets: tuple[Any, ...]) -> list[Any]:
    """The artifacts of one image, for several targets at once."""
    x = photo(1)
    engine = engine_for(model, describe(model, (3, 64, 64)))
    (served,) = engine.run(x, plan([Request("lrp", LRP(), INPUT, targets)], engine.facts))
    return list(probed(engine, served, 0, x, (torch.zeros(3), torch.ones(3)), 0))


def contrast(output: Tensor) -> Tensor:
    """A target that is a function of the output."""
    return output[:, 3] - output[:, 5]


@pytest.mark.parametrize("build", [vgg11, alexnet, resnet18])
def test_relevance_adds_up_to_the_score_of_every_kind_of_target(build):
    model = build()
    logits = model(photo(1)).detach()[0]
    targets = (ClassTarget(0), ClassTarget(3), GroupTarget("g", (1, 3, 5)), CallTarget(f"{__name__}:contrast"))
    values = [logits[0], logits[3], logits[[1, 3, 5]].sum(), logits[3] - logits[5]]
    found = of_one(model, targets)
    for one, value in zip(found, values, strict=True):
        assert float(one.values.sum()) == pytest.approx(value.item(), rel=1e-3)
        (name, error), (other, left) = one.facts
        assert (name, other) == ("conservation error", "left on the way")
        assert abs(error) < 1e-4
        assert abs(left) < 1e-3
    same(found[2].values, sum(of_one(model, (ClassTarget(c),))[0].values for c in (1, 3, 5)))
    same(found[3].values, found[1].values - of_one(model, (ClassTarget(5),))[0].values)


def test_a_unit_hands_back_its_own_value():
    unit = Unit(LayerName("layer3.1.relu@2"), 4)
    A = generator.activations(resnet18(), photo(1), "layer3")[LayerName("layer3")]
    (found,) = of_one(resnet18(), (unit,))
    assert float(found.values.sum()) == pytest.approx(A[:, 4].mean().item(), rel=1e-4)
    # a convolution has another output once its batch normalisation is merged into it
    (refused,) = of_one(resnet18(), (Unit(LayerName("layer3.1.conv1"), 4),))
    assert isinstance(refused, NotApplicable)
    assert "gives another score" in refused.reason


class Skip(nn.Module):
    """A sum that is written into the forward, in several ways."""

    def __init__(self, how: str) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.how = how
        self.first, self.second = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.sum, self.pool, self.fc = Sum(), nn.AdaptiveAvgPool2d(1), nn.Linear(4, 3)
        for module in (self.first, self.second):  # of a positive picture all is positive: no rectifier is off
            module.weight.data.abs_()
            module.bias.data.zero_()
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x).relu()
        y = self.second(x).relu()
        if self.how == "module":
            return self.fc(self.pool(self.sum(torch.stack([y, x], dim=-1))).flatten(1))
        if self.how == "function":
            return self.fc((y + x).mean((2, 3)))
        if self.how == "in place":
            y += x
            return self.fc(nn.functional.adaptive_avg_pool2d(y, 1).flatten(1))
        return self.fc(self.pool(torch.stack([y, x]).amax(0) + torch.stack([y, x]).amin(0)).flatten(1) * x.mean((2, 3)))


@pytest.mark.parametrize("how", ["function", "in place"])
def test_a_sum_that_is_written_into_the_forward_is_shared_as_zennits_module_shares_it(how: str):
    x = photo(1, height=12, width=12).abs()
    expected = generator.attribute(Skip("module"), x, "lrp", target=1)
    same(generator.attribute(Skip(how), x, "lrp", target=1), expected)  # type: ignore[arg-type]


def test_where_relevance_is_not_conserved_the_sentence_says_by_how_much():
    # a product of two things that both depend on the input hands each of them what the other one is worth
    refused = generator.attribute(Skip("product"), photo(1, height=12, width=12).abs(), "lrp", target=1)
    assert isinstance(refused, NotApplicable)
    (percent,) = re.findall(r"off by ([\d.e+]+) % of the score", refused.reason)
    assert float(percent) > 1


class Gated(nn.Module):
    """Squeeze and excitation, a layer's scale and a constant: what a signal is multiplied with, and what of it is left."""

    def __init__(self, gates: bool) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.gates = gates
        self.conv, self.squeeze, self.fc = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 1), nn.Linear(4, 3)
        self.scale = nn.Parameter(torch.tensor([0.5, 2.0, 3.0, 0.1])[:, None, None])
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        A = self.conv(x).relu()
        if self.gates:
            A = A * self.squeeze(A.mean((2, 3), keepdim=True)).sigmoid()
            A = self.scale * A / 4 * 1.5
        return self.fc(A.mean((2, 3)))


def test_a_gate_hands_all_of_it_to_the_signal():
    # one unit alone is read, so that whatever multiplies it changes the score and not how it is shared
    maps = []
    for gates in (False, True):
        model = Gated(gates)
        model.fc.weight.data *= torch.tensor([0.0, 1.0, 0.0, 0.0])
        model.fc.bias.data.zero_()
        model.conv.weight.data *= 1000  # beside which the rules' stabilizer is nothing
        x = photo(1, height=12, width=12)
        found = generator.attribute(model, x, "lrp", target=1)
        score = model(x)[0, 1].item()
        assert float(found.sum()) == pytest.approx(score, rel=1e-3)  # type: ignore[union-attr]
        maps.append(found / score)  # type: ignore[operator]
    same(maps[1], maps[0])


class Biased(nn.Module):
    """A unit that is on by its bias alone, beside one that its input supports."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.fc = nn.Conv2d(1, 1, 1), nn.Conv2d(1, 2, 1), nn.Linear(2, 2, bias=False)
        with torch.no_grad():
            self.first.weight.fill_(1.0)
            self.first.bias.zero_()
            self.second.weight.copy_(torch.tensor([-1.0, 1.0])[:, None, None, None])
            self.second.bias.copy_(torch.tensor([10.0, 0.0]))
            self.fc.weight.copy_(torch.tensor([[1.0, 1.0], [0.0, 1.0]]))
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.second(self.first(x)).relu().mean((2, 3)))


def test_relevance_of_a_neuron_that_is_on_by_its_bias_alone_is_left_there_by_hand():
    # x = 2: b = [10 - 2, 2], y_0 = 8 + 2. The 8 belong to a unit whose weight is against its input: nothing to hand on.
    engine = engine_for(Biased(), describe(Biased(), (1, 1, 1)))
    x = torch.full((1, 1, 1, 1), 2.0)
    (served,) = engine.run(x, plan([Request("lrp", LRP(), INPUT, (ClassTarget(0),))], engine.facts))
    (found,) = probed(engine, served, 0, x, (torch.zeros(1), torch.ones(1)), 0)
    assert found.values.item() == pytest.approx(2, rel=1e-4)  # type: ignore[union-attr]
    assert dict(found.facts)["left on the way"] == pytest.approx(0.8, rel=1e-4)  # type: ignore[union-attr]
    assert abs(dict(found.facts)["conservation error"]) < 1e-5  # type: ignore[union-attr]


def test_where_nothing_arrives_nothing_is_drawn():
    model = Biased()
    model.fc.weight.data[1] = torch.tensor([1.0, 0.0])
    refused = generator.attribute(model, torch.full((1, 1, 1, 1), 2.0), "lrp", layers="conv", target=1)
    assert isinstance(refused, NotApplicable)
    assert refused.reason.startswith("none of the relevance arrives at the pixels")


class Functional(nn.Module):
    """Rectifiers and pools as functions, which no rule sees: they hand relevance on as it is."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second, self.fc = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 6, 3), nn.Linear(6, 3)
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        x = nn.functional.max_pool2d(self.first(x).relu(), 2)
        return self.fc(nn.functional.relu(self.second(x)).amax((2, 3)))


def test_functional_rectifiers_are_drawn_where_relevance_is_conserved():
    model, x = Functional(), photo(1, height=12, width=12)
    twin_of_modules = nn.Sequential(
        model.first,
        nn.ReLU(),
        nn.MaxPool2d(2),
        model.second,
        nn.ReLU(),
        nn.AdaptiveMaxPool2d(1),
        nn.Flatten(),
        model.fc,
    )
    found = generator.attribute(model, x, "lrp", target=1)
    same(found, generator.attribute(twin_of_modules.eval(), x, "lrp", target=1))  # type: ignore[arg-type]


class Misordered(nn.Module):
    """A batch normalisation that stands behind another convolution than the one it reads."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.second, self.first = nn.Conv2d(4, 4, 3, padding=1), nn.Conv2d(3, 4, 3, padding=1)
        self.norm, self.fc = nn.BatchNorm2d(4), nn.Linear(4, 3)
        self.norm.running_mean.normal_()
        self.norm.running_var.uniform_(0.2, 4)
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.norm(self.second(self.first(x).relu())).relu().mean((2, 3)))


def test_a_batch_normalisation_is_merged_into_the_convolution_that_it_reads():
    model, x = Misordered(), photo(1, height=12, width=12)
    in_order = nn.Sequential(model.first, nn.ReLU(), model.second, model.norm, nn.ReLU(), nn.AdaptiveAvgPool2d(1))
    in_order.extend([nn.Flatten(), model.fc])
    same(
        generator.attribute(model, x, "lrp", target=1),  # type: ignore[arg-type]
        generator.attribute(in_order.eval(), x, "lrp", target=1),  # type: ignore[arg-type]
    )


class Steered(nn.Conv2d):
    """A convolution that takes two inputs, where the rules give it one."""

    def forward(self, x: Tensor, by: Tensor) -> Tensor:  # type: ignore[override]
        return super().forward(x) * by


class Steering(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.fc = nn.Conv2d(3, 4, 3), Steered(4, 4, 3), nn.Linear(4, 3)
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        A = self.first(x).relu()
        return self.fc(self.second(A, A.mean()).mean((2, 3)))


def test_a_model_that_the_rules_do_not_fit_is_said():
    refused = generator.attribute(Steering(), photo(1), "lrp", target=1)
    assert isinstance(refused, NotApplicable)
    assert refused.reason.startswith("its rules do not fit the code of this model")


def test_deep_models_with_a_large_eps_are_conserved():
    torch.manual_seed(0)
    layers: list[nn.Module] = []
    for k in range(12):
        layers += [nn.Conv2d(8 if k else 3, 8, 3, padding=1), nn.BatchNorm2d(8, eps=0.01), nn.ReLU()]
    model = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 3)).eval()
    found = generator.attribute(model, photo(1, height=12, width=12), "lrp", target=1)
    score = model(photo(1, height=12, width=12))[0, 1].item()
    assert float(found.sum()) == pytest.approx(score, rel=1e-3)  # type: ignore[union-attr]


def test_without_zennit_the_sentence_says_what_to_install(monkeypatch):
    assert LRP().applies(facts(), None) is None
    monkeypatch.setattr("generator.methods.lrp.find_spec", lambda name: None)
    refused = generator.attribute(Three(), Three.X, "lrp", target=0)
    assert isinstance(refused, NotApplicable)
    assert "pip install 'conv-atlas[lrp]'" in refused.reason


def test_the_model_is_left_bit_for_bit_as_found():
    model = resnet18()
    state = {key: value.clone() for key, value in model.state_dict().items()}
    pointers = {key: value.data_ptr() for key, value in model.state_dict().items()}
    dicts = {path: set(module.__dict__) for path, module in model.named_modules()}
    names = [path for path, _ in model.named_modules()]
    generator.attribute(model, photo(1), "lrp", target=0)
    assert [path for path, _ in model.named_modules()] == names
    assert {key: value.data_ptr() for key, value in model.state_dict().items()} == pointers
    assert all(torch.equal(value, state[key]) for key, value in model.state_dict().items())
    assert model.conv1.bias is None
    for path, module in model.named_modules():
        assert set(module.__dict__) == dicts[path]
        assert not (module._forward_hooks or module._forward_pre_hooks or module._backward_hooks)
    assert all(parameter.requires_grad and parameter.grad is None for parameter in model.parameters())


def test_a_twin_holds_no_second_copy_of_the_weights():
    model = resnet18()
    other = twin(model)
    assert other is not model
    mine = {key: value.data_ptr() for key, value in other.state_dict().items()}
    assert mine == {key: value.data_ptr() for key, value in model.state_dict().items()}
    assert not any(p is q for p in other.parameters() for q in model.parameters())


def test_what_it_costs():
    assert LRP().cost(facts(), None, 3) == Cost(2, 3)
