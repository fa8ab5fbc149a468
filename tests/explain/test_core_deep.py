"""The page's arithmetic over one and three axes against torch: transposed convolutions, pools with their switches, and what is called
the other way round."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from generator.explain.check import ALIKE, apart
from generator.explain.layouts import Layouts
from generator.explain.operation import Operation, operation_of
from generator.model.receptive import propagate
from generator.model.trace import trace
from tests.explain.core_page import close, run
from tests.explain.test_core import CONVOLVED, DEEP, Written, traced

if TYPE_CHECKING:
    from playwright.sync_api import Page


@pytest.mark.parametrize("seed", range(6))
def test_transposed_convolutions_over_depth_whole_and_written_out(page: Page, seed: int):
    pick = random.Random(seed)
    torch.manual_seed(seed)
    kernel = (pick.choice((1, 2, 3)), pick.choice((2, 3)), pick.choice((1, 3, 4)))
    stride, dilation = (pick.choice((1, 2)), 2, pick.choice((1, 3))), (pick.choice((1, 2)), 1, pick.choice((1, 2)))
    module = nn.ConvTranspose3d(4, 8, kernel, stride, (0, 1, 0), (0, 1, 0), pick.choice((1, 2, 4)), seed % 2 > 0, dilation)  # fmt: skip
    x = torch.randn(1, 4, 3, 4, 5)
    operation, out = traced(module, x)
    assert operation.kind == "volume"
    given = {"weight": module.weight, "bias": module.bias, "made": list(operation.shape)}
    found = run(page, DEEP, settings=dict(operation.settings), x=x, channels=4, **given)
    close(found[0], out)
    close(found[1], out[0, :, :, -1, 0])
    arrays = {name: value.detach() for name, value in module.named_parameters()}
    assert apart(operation, [x[0].flatten(1, 2)], arrays, out[0].detach().flatten(1, 2)) < ALIKE


class Deep(nn.Module):
    """A volume by a convolution, then what is tested."""

    def __init__(self, then: nn.Module) -> None:
        super().__init__()
        self.conv = nn.Conv3d(1, 1, 1)
        self.then = then

    def forward(self, x: Tensor) -> Tensor:
        return self.then(self.conv(x))  # type: ignore[no-any-return]


POOLS: list[nn.Module] = [
    nn.MaxPool3d(2), nn.MaxPool3d((3, 2, 3), (2, 1, 2), (1, 0, 1)), nn.MaxPool3d(2, 2, dilation=(1, 2, 2)), nn.MaxPool3d(3, 2, ceil_mode=True),
    nn.AvgPool3d(3, 2, 1), nn.AvgPool3d(3, 2, 1, ceil_mode=True, count_include_pad=False), nn.AvgPool3d(3, 2, 1, ceil_mode=True),
    nn.AvgPool3d((1, 2, 3), divisor_override=5), nn.AdaptiveAvgPool3d((2, 3, 5)), nn.AdaptiveMaxPool3d((3, 1, 2)), nn.AdaptiveAvgPool3d(1),
]  # fmt: skip


@pytest.mark.parametrize("module", POOLS, ids=str)
def test_pools_over_depth_and_their_switches(page: Page, module: nn.Module):
    torch.manual_seed(0)
    model = Deep(module)
    x = torch.randn(1, 1, 6, 7, 8)
    operation, out = traced(model, x)
    read = model.conv(x).detach()
    body = "const {out, switches} = core.poolBulk(settings, x, settings.size, made); return [[...out], [...switches]];"
    found = run(page, body, settings=dict(operation.settings), x=read, made=list(out.shape[2:]))
    assert operation.kind == "volume_pool"
    close(found[0], out)
    assert apart(operation, [read[0].flatten(1, 2)], {}, out[0].detach().flatten(1, 2)) < ALIKE
    if isinstance(module, (nn.MaxPool3d, nn.AdaptiveMaxPool3d)):
        module.return_indices = True
        assert found[1] == module(read)[1].flatten().tolist()


class Row(nn.Module):
    """A row by a convolution over one axis, then what is tested."""

    def __init__(self, then: Any) -> None:
        super().__init__()
        self.conv = nn.Conv1d(2, 6, 3, padding=1)
        self.then = then

    def forward(self, x: Tensor) -> Tensor:
        return self.then(self.conv(x.flatten(2)))  # type: ignore[no-any-return]


ROWS: list[Any] = [
    nn.MaxPool1d(3, 2, 1, ceil_mode=True), nn.MaxPool1d(2, 3, dilation=2), nn.AvgPool1d(4, 3, 2, ceil_mode=True), nn.AvgPool1d(3, 2, 1, count_include_pad=False),
    nn.AdaptiveMaxPool1d(5), nn.AdaptiveAvgPool1d(1), lambda x: F.max_pool1d(x, 2), lambda x: F.avg_pool1d(x, 3, 1), lambda x: x.mean(2), lambda x: x.amax(-1),
]  # fmt: skip


@pytest.mark.parametrize("then", ROWS, ids=[str(one) if isinstance(one, nn.Module) else f"call-{k}" for k, one in enumerate(ROWS)])  # fmt: skip
def test_pools_over_one_axis(page: Page, then: Any):
    torch.manual_seed(1)
    model = Row(then)
    x = torch.randn(1, 2, 4, 5)
    operation, out = traced(model, x)
    read = model.conv(x.flatten(2)).detach()
    assert operation.kind == "pool"
    assert operation.shape == (6, 1, out.shape[2] if out.dim() == 3 else 1)
    body = "return [0, 1, 2, 3, 4, 5].flatMap((c) => [...core.pool(settings, x.slice(c * 20, (c + 1) * 20), [1, 20], made).out]);"
    close(run(page, body, settings=dict(operation.settings), x=read, made=list(operation.shape[1:])), out)
    assert apart(operation, [read[0][:, None]], {}, out[0].detach().reshape(operation.shape)) < ALIKE


def test_transposed_over_one_axis(page: Page):
    torch.manual_seed(2)
    model = Row(nn.ConvTranspose1d(6, 4, 4, 3, 1, 2, 2))
    x = torch.randn(1, 2, 4, 5)
    operation, out = traced(model, x)
    last = model.then
    close(run(page, CONVOLVED, settings=dict(operation.settings), x=model.conv(x.flatten(2)), shape=[6, 1, 20], weight=last.weight, bias=last.bias, made=list(operation.shape)), out)  # fmt: skip


MERGES: list[Any] = [
    lambda x: x + 2, lambda x: x - 2, lambda x: 2 - x, lambda x: x * 3, lambda x: x / 4, lambda x: 4 / x, lambda x: torch.rsub(x, 5),
    lambda x: x.flip(1) - x, lambda x: x.flip(1) / x, lambda x: x * x.flip(1), lambda x: x.flip(1) + x,
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(MERGES)))
def test_arithmetic_has_its_terms_in_their_order(page: Page, number: int):
    torch.manual_seed(3)
    module, x = Written(MERGES[number]), torch.randn(1, 2, 3, 4) + 5
    operation, out = traced(module, x)
    assert operation.kind == "merge"
    reads = [x if read.ref.node == 0 else x.flip(1) for read in operation.reads]
    terms = [reads[one["read"]].flatten().tolist() if "read" in one else [one["number"]] for one in operation.settings["terms"]]  # fmt: skip
    made = run(page, "return [...core.merged(settings.sign, ...terms, 24)];", settings=dict(operation.settings), terms=terms)  # fmt: skip
    close(made, out)
    assert apart(operation, [one[0] for one in reads], {}, out[0]) < ALIKE


def test_a_pool_that_gives_its_switches_too_has_a_figure():
    class Unpooled(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            y, where = F.max_pool2d(x, 2, return_indices=True)
            return F.max_unpool2d(y, where, 2)

    graph, _ = trace(Unpooled(), torch.randn(1, 2, 6, 6))
    layouts = Layouts(graph, propagate(graph))
    found = [operation_of(node, layouts, Unpooled()) for node in graph.nodes]
    assert [(one.kind, one.shape) for one in found if isinstance(one, Operation)] == [("pool", (2, 3, 3))]


@pytest.mark.parametrize("attends", [False, True])
def test_only_a_softmax_that_weighs_values_is_said_to_be_part_of_attention(attends: bool):
    def gates(x: Tensor) -> Tensor:
        return x.softmax(1) * x

    def by_hand(x: Tensor) -> Tensor:
        tokens = x.flatten(2).transpose(1, 2)
        return (tokens @ tokens.transpose(1, 2)).softmax(2) @ tokens

    module = Written(by_hand if attends else gates)
    graph, _ = trace(module, torch.randn(1, 4, 3, 3))
    layouts = Layouts(graph, propagate(graph))
    (reason,) = [str(operation_of(node, layouts, module)) for node in graph.nodes if node.family == "softmax"]
    assert ("part of attention" in reason) is attends
