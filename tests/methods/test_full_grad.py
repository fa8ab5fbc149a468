"""FullGrad: by hand, against the paper's formula written as a loop, against grad-cam, and the identity that it starts from."""

import copy

import pytest
import torch
from pytorch_grad_cam import FullGrad as Reference
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import Tensor, nn
from torch.nn.functional import interpolate

import generator
from generator.artifacts import InputMap, NotApplicable
from generator.engine.needs import BiasGradients, Gradient, Input, Reads
from generator.engine.plan import plan
from generator.errors import UserError
from generator.library import engine_for, requests_for
from generator.methods.full_grad import FullGrad
from generator.model.describe import describe
from generator.names import INPUT, ClassTarget, LayerName
from tests.methods.examples import (
    ByHand,
    L,
    alexnet,
    exactly,
    facts,
    only,
    out_of_place,
    photo,
    reads,
    resnet18,
    same,
    vgg11,
)


def given(x: list, g: list, biased: dict) -> Reads:
    return reads({Input(): torch.tensor([[x]]), Gradient(INPUT): torch.tensor([[g]])}, biased=biased)


X, G = [[1.0, 2.0], [4.0, 0.0]], [[1.0, -1.0], [1.0, 7.0]]
"""|x g| = [[1, 2], [4, 0]]: rescaled [[1/4, 1/2], [1, 0]]."""
BIASES = torch.tensor([2.0, -1.0, 10.0])
AT = torch.tensor([[[[0.0, 1.0], [-2.0, 4.0]], [[3.0, 3.0], [-3.0, 3.0]], [[1.0, -3.0], [2.0, 5.0]]]])
"""|b g| = [[0, 2], [4, 8]], 3 everywhere, and [[10, 30], [20, 50]]."""


def test_each_unit_rescaled_by_hand():
    made = only(FullGrad(), given(X, G, {L: (BIASES, AT)}))
    assert isinstance(made, InputMap)
    assert not made.signed
    # [[0, 1/4], [1/2, 1]], nothing of the unit without a range, and [[0, 1/2], [1/4, 1]]
    exactly(made.values, [[[[0.25, 1.25], [1.75, 2.0]]]])


def test_each_layer_rescaled_by_hand():
    made = only(FullGrad("layer"), given(X, G, {L: (BIASES, AT)}))
    # from 0 to 50: the units add up to [[13, 35], [27, 61]]
    expected = torch.tensor([[13.0, 35.0], [27.0, 61.0]]) / 50 + torch.tensor([[0.25, 0.5], [1.0, 0.0]])
    torch.testing.assert_close(made.values, expected[None, None])


def test_upsampled_by_hand():
    at = torch.tensor([[[[-6.0, 2.0]]]])  # rescaled [1, 0], at twice the width [1, 3/4, 1/4, 0]
    made = only(FullGrad(), given([[0.0, 0.0, 0.0, 2.0]], [[1.0, 1.0, 1.0, 1.0]], {L: (torch.ones(1), at)}))
    exactly(made.values, [[[[1, 0.75, 0.25, 1]]]])


def test_by_hand_rounding_is_no_range():
    at = torch.full((1, 2, 2, 2), 0.1)
    at[0, 0, 0, 0] *= 1 + 2**-23
    made = only(FullGrad(), given(X, G, {L: (torch.ones(2), at)}))
    exactly(made.values, [[[[0.25, 0.5], [1, 0]]]])


class Piecewise(nn.Module):
    """Convolutions with and without bias, batch normalisations with and without weights, rectifiers, a max-pool, a shared
    module, a branch that is added, and one linear layer: linear on pieces."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.stem = nn.Sequential(
            nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(inplace=True), nn.MaxPool2d(2)
        )
        self.bare = nn.Sequential(nn.Conv2d(6, 6, 3, padding=1, bias=False), nn.BatchNorm2d(6, affine=False), nn.ReLU())
        self.shared = nn.Conv2d(6, 6, 1)
        self.fc = nn.Linear(6 * 8 * 8, 4)
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                nn.init.normal_(module.running_mean)
                nn.init.uniform_(module.running_var, 0.5, 2)
                if module.affine:
                    nn.init.normal_(module.weight)
                    nn.init.normal_(module.bias)
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = self.shared(self.shared(x).relu()) + self.bare(x)
        return self.fc(x.flatten(1))


def test_input_and_biases_add_up_to_the_logit():
    model, x = Piecewise(), photo(3, height=16, width=16)
    description = describe(model, (3, 16, 16))
    assert description.facts.biased == ("stem.0", "stem.1", "shared", "shared@2", "bare.1")
    asked, _ = requests_for("full_grad", FullGrad(), (), (ClassTarget(2),), description)
    (served,) = engine_for(model, description).run(x, plan(asked, description.facts))
    assert isinstance(served.reads, Reads)
    parts = {INPUT: (served.reads.input * served.reads.gradient).sum((1, 2, 3))}
    for layer, (bias, at) in served.reads.biased.items():
        parts[layer] = torch.einsum("k,nkhw->n", bias, at)
        assert parts[layer].abs().max() > 1e-3, f"{layer} has no part in the sum: it would not be missed"
    same(sum(parts.values()) + model.fc.bias[2].detach(), model(x)[:, 2].detach())


def formula(x: Tensor, g: Tensor, biased: list[tuple[Tensor, Tensor]]) -> Tensor:
    """The paper's eq. of S_f for one image (c, h, w), a unit at a time, in double precision."""

    def psi(part: Tensor) -> Tensor:
        part = part.double().abs()
        reach = part.max() - part.min()
        if reach <= 1e-6 * part.max():
            return torch.zeros(x.shape[1:], dtype=torch.float64)
        part = (part - part.min()) / reach
        return interpolate(part[None, None], x.shape[1:], mode="bilinear", align_corners=False)[0, 0]

    total = sum(psi(a * b) for a, b in zip(x, g, strict=True))
    for bias, at in biased:
        total = total + sum(psi(b * unit) for b, unit in zip(bias, at, strict=True))
    return total


def by_hooks(model: nn.Module, x: Tensor, c: int) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
    """d logit / d input, and each bias with d logit / d the output that it is added to."""
    twin, kept, biases = out_of_place(model), [], []
    for module in twin.modules():
        if isinstance(module, nn.BatchNorm2d):
            bias = module.bias - module.weight * module.running_mean / (module.running_var + module.eps).sqrt()
        elif isinstance(module, nn.Conv2d) and module.bias is not None:
            bias = module.bias
        else:
            continue
        biases.append(bias.detach())
        module.register_forward_hook(lambda m, args, out: kept.append(out) or out + 0)  # `out += identity` comes after
    leaf = x.clone().requires_grad_()
    gradients = torch.autograd.grad(twin(leaf)[:, c].sum(), [leaf, *kept])
    return gradients[0], list(zip(biases, gradients[1:], strict=True))


@pytest.mark.parametrize("build", [vgg11, alexnet, resnet18])
def test_equals_the_formula_written_as_a_loop(build):
    model, x = build(), photo()
    g, biased = by_hooks(model, x, 3)
    expected = [formula(x[n], g[n], [(b, at[n]) for b, at in biased]) for n in range(len(x))]
    same(generator.attribute(model, x, "full_grad", target=3)[:, 0].double(), torch.stack(expected))


def louder(model: nn.Module) -> nn.Module:
    """The same model with larger logits, so that the 1e-7 that grad-cam adds to each range is small beside it."""
    model = copy.deepcopy(model)
    last = [module for module in model.modules() if isinstance(module, nn.Linear)][-1]
    last.weight.data *= 1e6
    return model


@pytest.mark.parametrize("build", [vgg11, alexnet, resnet18])
def test_equals_grad_cams_which_stretches_the_sum_too(build):
    model, x = build(), photo()
    with Reference(out_of_place(louder(model)), []) as cam:
        expected = torch.from_numpy(cam(x, targets=[ClassifierOutputTarget(3)] * len(x)))
    ours = generator.attribute(louder(model), x, "full_grad", target=3)[:, 0]
    same(ours, generator.attribute(model, x, "full_grad", target=3)[:, 0])  # the size of the score does not matter
    ours = ours - ours.amin((1, 2), keepdim=True)
    same(ours / ours.amax((1, 2), keepdim=True), expected)


def test_not_applicable_without_biases_and_only_two_ways_to_rescale():
    assert FullGrad().applies(facts(biased=(LayerName("conv"),)), None) is None
    refused = generator.attribute(ByHand(), ByHand.X, "full_grad", target=0)
    assert isinstance(refused, NotApplicable)
    assert BiasGradients() in FullGrad().needs(INPUT)
    with pytest.raises(UserError, match="expected rescale to be unit or layer"):
        FullGrad("channel")
