"""Backward rules against numbers worked out by hand, and against torch where the rule is plain."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn, tensor

from generator.engine.rules import RuleBook, as_max_pool, as_rectifier, implement, unpool
from generator.model.calls import watch

X = [-2.0, 0.0, 3.0, 7.0]
G = [5.0, -4.0, -3.0, 2.0]
BY_HAND = {
    "plain": [0.0, 0.0, -3.0, 2.0],
    "guided": [0.0, 0.0, 0.0, 2.0],
    "deconv": [5.0, 0.0, 0.0, 2.0],
    "deconv_unpool": [5.0, 0.0, 0.0, 2.0],
    "redirect": [0.0, 0.0, -3.0, 2.0],  # as plain: something comes through
}
BY_HAND_RELU6 = {
    "plain": [0.0, 0.0, -3.0, 0.0],
    "guided": [0.0, 0.0, 0.0, 0.0],
    "deconv": [5.0, 0.0, 0.0, 2.0],
    "deconv_unpool": [5.0, 0.0, 0.0, 2.0],
    "redirect": [0.0, 0.0, -3.0, 0.0],
}


class Function(nn.Module):
    """A model that is one function."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


def gradient(function, x: Tensor, g: Tensor, rule: str) -> tuple[Tensor, RuleBook]:
    """The gradient of a model that is `function`, under `rule`, set only after the forward has run."""
    model, book = Function(function), RuleBook()
    leaf = x.clone().requires_grad_()
    with watch(model, lambda call, output: None, implement(book)):
        y = model(leaf * 1)
    book.current = rule  # type: ignore[assignment]
    return torch.autograd.grad(y, leaf, g)[0], book


RELUS = {
    "nn.ReLU": nn.ReLU(),
    "nn.ReLU inplace": nn.ReLU(inplace=True),
    "F.relu": F.relu,
    "F.relu inplace": lambda x: F.relu(x, inplace=True),
    "torch.relu": torch.relu,
    "torch.relu_": torch.relu_,
    "Tensor.relu": lambda x: x.relu(),
    "Tensor.relu_": lambda x: x.relu_(),
    "clamp": lambda x: x.clamp(min=0),
    "torch.clamp": lambda x: torch.clamp(x, 0),
    "clamp_min": lambda x: x.clamp_min(0),
    "threshold": lambda x: F.threshold(x, 0, 0),
}
RELU6S = {
    "nn.ReLU6": nn.ReLU6(),
    "nn.ReLU6 inplace": nn.ReLU6(inplace=True),
    "F.relu6": F.relu6,
    "hardtanh": lambda x: F.hardtanh(x, 0.0, 6.0),
    "nn.Hardtanh": nn.Hardtanh(0.0, 6.0),
    "clamp": lambda x: x.clamp(0, 6),
    "clamp_": lambda x: x.clamp_(0, 6),
}


@pytest.mark.parametrize("rule", BY_HAND)
@pytest.mark.parametrize("name", RELUS)
def test_a_relu_however_it_is_written(name: str, rule: str):
    got, book = gradient(RELUS[name], tensor(X), tensor(G), rule)
    assert got.tolist() == BY_HAND[rule]
    assert book.rectifiers == 1


@pytest.mark.parametrize("rule", BY_HAND_RELU6)
@pytest.mark.parametrize("name", RELU6S)
def test_a_relu6_however_it_is_written(name: str, rule: str):
    got, book = gradient(RELU6S[name], tensor(X), tensor(G), rule)
    assert got.tolist() == BY_HAND_RELU6[rule]
    assert book.rectifiers == 1


@pytest.mark.parametrize(
    "function",
    [F.silu, F.gelu, torch.sigmoid, F.hardtanh, F.leaky_relu, lambda x: x.clamp(min=1), lambda x: x.clamp(max=6)],
)
def test_what_is_no_rectifier_is_left_to_torch(function):
    x, g = tensor(X), tensor(G)
    got, book = gradient(function, x, g, "guided")
    leaf = x.clone().requires_grad_()
    assert book.rectifiers == 0
    assert torch.equal(got, torch.autograd.grad(function(leaf), leaf, g)[0])


def test_an_inplace_rectifier_on_a_view_changes_the_base_and_its_gradient():
    def half(x: Tensor) -> Tensor:
        y = x * 2
        F.relu(y[2:], inplace=True)
        return y

    x, g = tensor([-1.0, -1.0, -1.0, 3.0]), tensor([1.0, 1.0, 1.0, 1.0])
    got, _ = gradient(half, x, g, "plain")
    assert got.tolist() == [2.0, 2.0, 0.0, 2.0]


# Two overlapping windows of 2 at stride 1 over 1 3 2: both choose the 3 in the middle.
ROW = [[[[1.0, 3.0, 2.0]]]]


def pooled(x: Tensor) -> Tensor:
    return F.max_pool2d(x, (1, 2), stride=1)


def test_overlapping_windows_sum_in_the_plain_gradient_and_overwrite_in_the_unpooling():
    g = tensor([[[[10.0, 4.0]]]])
    summed, _ = gradient(pooled, tensor(ROW), g, "deconv")
    overwritten, book = gradient(pooled, tensor(ROW), g, "deconv_unpool")
    assert summed.tolist() == [[[[0.0, 14.0, 0.0]]]]
    assert overwritten.tolist() == [[[[0.0, 4.0, 0.0]]]]  # the later window's
    assert (book.max_pools, book.overlapping_pools) == (1, 1)


def test_unpooling_without_overlap_is_max_unpool():
    x = torch.randn(2, 3, 9, 7, generator=torch.Generator().manual_seed(0))
    y, where = F.max_pool2d(x, 2, return_indices=True)
    assert torch.equal(unpool(y, where, x.shape), F.max_unpool2d(y, where, 2, output_size=x.shape))


@pytest.mark.parametrize(
    "kernel, stride, padding, dilation, ceil", [(3, 2, 1, 1, False), (3, 1, 1, 2, False), (3, 2, 0, 1, True)]
)
def test_the_plain_pooling_gradient_is_torchs(kernel, stride, padding, dilation, ceil):
    x = torch.randn(2, 3, 11, 8, generator=torch.Generator().manual_seed(0))

    def pool(t: Tensor) -> Tensor:
        return F.max_pool2d(t, kernel, stride, padding, dilation, ceil)

    leaf = x.clone().requires_grad_()
    y = pool(leaf)
    g = torch.randn(y.shape, generator=torch.Generator().manual_seed(1))
    got, book = gradient(pool, x, g, "plain")
    assert book.overlapping_pools == 1
    assert torch.equal(got, torch.autograd.grad(y, leaf, g)[0])


def test_pools_and_rectifiers_are_read_from_arguments_of_any_form():
    x = torch.zeros(1, 1, 4, 4)
    call = as_max_pool(F.max_pool2d, (x, 3), {"stride": 2, "padding": (1, 0)})
    assert call is not None and call.overlaps and call.padding == (1, 0)
    plain = as_max_pool(F.max_pool2d, (x, [2, 2]), {"stride": []})
    assert plain is not None and plain.stride == (2, 2) and not plain.overlaps
    assert as_rectifier(torch.clamp, (x,), {"min": 0.0, "max": 1}).high == 1.0  # type: ignore[union-attr]
    assert as_rectifier(torch.clamp, (x, tensor(0.0)), {}) is None
    assert as_rectifier(F.relu, (torch.zeros(2, dtype=torch.int64),), {}) is None


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_redirection_is_for_samples_that_lost_all_and_leaves_the_others(layout):
    x = tensor([[-2.0, -1.0], [-2.0, 3.0], [-2.0, 3.0]]).view(3, 1, 1, 2).contiguous(memory_format=layout)
    g = tensor([[5.0, -4.0], [5.0, 2.0], [5.0, 0.0]]).view(3, 1, 1, 2)
    got, _ = gradient(torch.relu, x, g, "redirect")
    # the first is off everywhere, the third gets nothing where it is on: both get what would turn a place on
    assert got.view(3, 2).tolist() == [[5.0, 0.0], [0.0, 2.0], [5.0, 0.0]]
    got, _ = gradient(torch.relu, x[1:2], g[1:2], "redirect")
    assert got.flatten().tolist() == [0.0, 2.0]
