"""Input x response: by hand, and against the product written out unit by unit."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import generator
from generator.artifacts import InputMap, NotApplicable
from generator.engine.needs import Activation, Input
from generator.methods.input_response import InputResponse
from tests.methods.examples import L, alexnet, exactly, facts, only, photo, reads, resnet18, row, same

# unit 0 rises to the right, unit 1 is the same everywhere, unit 2 rises downwards from below zero
A = torch.tensor([[[[0.0, 4.0], [0.0, 4.0]], [[5.0, 5.0], [5.0, 5.0]], [[-1.0, -1.0], [1.0, 1.0]]]])
X = torch.full((1, 1, 4, 4), 2.0)


def drawn(A: Tensor, x: Tensor, unit: int | None = None) -> Tensor:
    made = only(InputResponse(unit), reads({Activation(L): A, Input(): x}))
    assert isinstance(made, InputMap)
    assert made.signed
    return made.values


def test_by_hand():
    # 0, 1 stretched and upsampled from two places to four, centres aligned: 0, 1/4, 3/4, 1
    ramp = torch.tensor([0.0, 0.25, 0.75, 1.0])
    across, down = ramp.expand(4, 4), ramp[:, None].expand(4, 4)
    exactly(drawn(A, X, unit=0), 2 * across[None, None])
    exactly(drawn(A, X, unit=1), torch.zeros(1, 1, 4, 4))
    exactly(drawn(A, X, unit=2), 2 * down[None, None])
    exactly(
        drawn(A, X),
        [[[[0, 0.5, 1.5, 2], [0.5, 1, 2, 2.5], [1.5, 2, 3, 3.5], [2, 2.5, 3.5, 4]]]],
    )


def written_out(A: Tensor, x: Tensor) -> Tensor:
    """(n, k, c, H, W): every unit's own product, all of them made."""
    low, high = A.amin((2, 3), keepdim=True), A.amax((2, 3), keepdim=True)
    stretched = torch.where(high > low, (A - low) / (high - low), 0)
    up = F.interpolate(stretched, x.shape[2:], mode="bilinear", align_corners=False)
    return x[:, None] * up[:, :, None]


@pytest.mark.parametrize(("build", "name"), [(alexnet, "features.4"), (alexnet, "features.8"), (resnet18, "layer3")])
def test_equals_the_product_written_out(build, name):
    model, x = build(), photo()
    maps = generator.activations(model, x, name)[name]
    expected = written_out(maps, x)
    same(generator.attribute(model, x, "input_response", layers=name)[name], expected.sum(1))
    one = generator.attribute(model, x, "input_response", layers=name, options={"input_response": {"unit": 17}})[name]
    same(one, expected[:, 17])


def test_non_square_and_four_channels():
    x = photo(2, 4, 12, 20)
    maps = torch.randn(2, 3, 5, 7, generator=torch.Generator().manual_seed(1))
    same(drawn(maps, x), written_out(maps, x).sum(1))


def test_not_applicable_to_a_single_place_or_a_missing_unit():
    assert InputResponse().applies(facts(), row()) is None
    assert isinstance(InputResponse().applies(facts(), row(shape=(8, 1, 1))), NotApplicable)
    assert InputResponse(unit=7).applies(facts(), row(shape=(8, 4, 4))) is None
    for missing in (8, -1):
        assert isinstance(InputResponse(unit=missing).applies(facts(), row(shape=(8, 4, 4))), NotApplicable)
