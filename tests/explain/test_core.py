"""The arithmetic of the page against torch, for random settings: what `explain-core.js` works out is what torch gives."""

from __future__ import annotations

import random
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from generator.explain.acts import act_of
from generator.explain.layouts import Layouts
from generator.explain.operation import Operation, operation_of
from generator.explain.twenty import pack, unpack
from generator.model.receptive import propagate
from generator.model.trace import trace
from tests.explain.core_page import close, run

if TYPE_CHECKING:
    from playwright.sync_api import Page


def traced(module: nn.Module, x: Tensor) -> tuple[Operation, Tensor]:
    """The last operation of a module's run, and its output."""
    graph, out = trace(module.eval(), x)
    layouts = Layouts(graph, propagate(graph))
    found = [operation_of(node, layouts, module) for node in graph.nodes]
    last = [one for one in found if isinstance(one, Operation)][-1]
    return last, out


MODES = ("zeros", "reflect", "replicate", "circular")


def random_conv(seed: int) -> tuple[nn.Module, Tensor]:
    pick = random.Random(seed)
    torch.manual_seed(seed)
    kernel = (pick.choice((1, 2, 3, 5)), pick.choice((1, 3, 4)))
    groups = pick.choice((1, 1, 2, 4))
    channels, units = 4 * pick.choice((1, 2)), 4 * pick.choice((1, 2))
    if pick.random() < 0.25:
        groups = channels
        units = channels * pick.choice((1, 2))
    dilation, stride = (pick.choice((1, 2)), pick.choice((1, 3))), (pick.choice((1, 2, 3)), pick.choice((1, 2)))
    bias = pick.random() < 0.7
    size = (pick.randint(11, 15), pick.randint(12, 17))
    if seed % 4 == 3:
        made: nn.Module = nn.ConvTranspose2d(
            channels, units, kernel, stride, (min(1, kernel[0] - 1), 0), (0, 0), groups, bias, dilation
        )
    else:
        padding: Any = (pick.randint(0, 2), pick.randint(0, 3))
        padding = "same" if stride == (1, 1) and pick.random() < 0.5 else padding
        made = nn.Conv2d(
            channels, units, kernel, stride, padding, dilation, groups, bias, MODES[seed % 3 if seed % 5 else 3]
        )
    return made, torch.randn(1, channels, *size)


CONVOLVED = """
const size = shape[1] * shape[2], out = [];
for (let unit = 0; unit < made[0]; unit += 1) out.push(...core.convolve(settings, (c) => x.slice(c * size, (c + 1) * size), shape, weight, bias ? bias[unit] : 0, unit, made).out);
return out;
"""
WRITTEN = """
const size = shape[1] * shape[2], out = [];
for (let unit = 0; unit < made[0]; unit += 1) {
  const {channels, begins} = core.reads(settings, shape[0], made[0], unit);
  for (const [y, k] of places) {
    const cells = core.cells(settings, [shape[1], shape[2]], y, k);
    out.push(channels.reduce((sum, c, j) => sum + core.dot(cells, x.slice(c * size, (c + 1) * size), weight, begins(j)).sum, bias ? bias[unit] : 0));
  }
}
return out;
"""


@pytest.mark.parametrize("seed", range(24))
def test_convolutions_whole_and_written_out(page: Page, seed: int):
    module, x = random_conv(seed)
    operation, out = traced(module, x)
    given = {
        "settings": dict(operation.settings),
        "x": x,
        "shape": list(operation.reads[0].shape),
        "weight": module.weight,
        "bias": module.bias,
        "made": list(operation.shape),
    }
    assert tuple(out.shape[1:]) == operation.shape
    close(run(page, CONVOLVED, **given), out)
    h, w = operation.shape[1:]
    places = [(0, 0), (h - 1, w - 1), (0, w - 1), (h // 2, w // 3)]
    expected = torch.stack([out[0, :, y, x_] for y, x_ in places], dim=1)
    close(run(page, WRITTEN, places=places, **given), expected)


DEEP = """
const size = settings.size[0] * settings.size[1] * settings.size[2], out = [], written = [];
const values = Float64Array.from(x), [, rows, W] = made, H = rows / settings.depth;
for (let unit = 0; unit < made[0]; unit += 1) {
  out.push(...core.convolveBulk(settings, (c) => values.subarray(c * size, (c + 1) * size), channels, weight, bias ? bias[unit] : 0, unit, made).out);
  const {channels: own, begins} = core.reads(settings, channels, made[0], unit);
  for (let z = 0; z < settings.depth; z += 1) {
    const cells = core.cubes(settings, settings.size, z, H - 1, 0);
    written.push(own.reduce((sum, c, j) => sum + core.dot(cells, values.subarray(c * size, (c + 1) * size), weight, begins(j)).sum, bias ? bias[unit] : 0));
  }
}
return [out, written];
"""


@pytest.mark.parametrize("seed", range(8))
def test_convolutions_over_depth_whole_and_written_out(page: Page, seed: int):
    pick = random.Random(seed)
    torch.manual_seed(seed)

    def three(*of: int) -> tuple[int, int, int]:
        return (pick.choice(of), pick.choice(of), pick.choice(of))

    groups = pick.choice((1, 2, 4))
    module = nn.Conv3d(
        4, 8, three(1, 2, 3), three(1, 2), three(0, 1, 2), three(1, 2), groups, seed % 3 > 0, MODES[seed % 4]
    )
    if seed == 5:
        module = nn.Conv3d(4, 8, 3, padding="same", dilation=(1, 2, 1))
    x = torch.randn(1, 4, 6, 8, 9)
    operation, out = traced(module, x)
    assert operation.kind == "volume"
    assert operation.shape == (8, out.shape[2] * out.shape[3], out.shape[4])
    found = run(page, DEEP, settings=dict(operation.settings), x=x, channels=4, weight=module.weight, bias=module.bias, made=list(operation.shape))  # fmt: skip
    close(found[0], out)
    close(found[1], out[0, :, :, -1, 0])


def test_a_function_and_one_dimension_are_convolutions_too(page: Page):
    class Functional(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w = nn.Parameter(torch.randn(6, 2, 3, 2))

        def forward(self, x: Tensor) -> Tensor:
            return F.conv2d(x, self.w, stride=(2, 1), padding=(1, 0), groups=2)

    module = Functional()
    x = torch.randn(1, 4, 9, 8)
    operation, out = traced(module, x)
    close(
        run(
            page,
            CONVOLVED,
            settings=dict(operation.settings),
            x=x,
            shape=[4, 9, 8],
            weight=module.w,
            bias=None,
            made=list(operation.shape),
        ),
        out,
    )

    class Row(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv1d(3, 5, 4, stride=2, padding=2, dilation=2)

        def forward(self, x: Tensor) -> Tensor:
            return self.conv(x.flatten(2))

    row = Row()
    x = torch.randn(1, 3, 4, 5)
    operation, out = traced(row, x)
    assert operation.shape == (5, 1, out.shape[-1])
    assert operation.settings["kernel"] == [1, 4]
    close(
        run(
            page,
            CONVOLVED,
            settings=dict(operation.settings),
            x=x,
            shape=[3, 1, 20],
            weight=row.conv.weight,
            bias=row.conv.bias,
            made=list(operation.shape),
        ),
        out,
    )


POOLS: list[nn.Module] = [
    nn.MaxPool2d(2), nn.MaxPool2d((3, 2), (2, 1), (1, 1)), nn.MaxPool2d(3, 2, 1, 2), nn.MaxPool2d(3, 2, ceil_mode=True),
    nn.AvgPool2d(3, 2, 1), nn.AvgPool2d(3, 2, 1, ceil_mode=True, count_include_pad=False), nn.AvgPool2d(3, 2, 1, ceil_mode=True),
    nn.AvgPool2d((2, 3), divisor_override=5), nn.AdaptiveAvgPool2d((3, 5)), nn.AdaptiveMaxPool2d((4, 3)), nn.AdaptiveAvgPool2d(1),
]  # fmt: skip


@pytest.mark.parametrize("module", POOLS, ids=str)
def test_pools_and_their_switches(page: Page, module: nn.Module):
    torch.manual_seed(0)
    x = torch.randn(1, 1, 11, 14)
    operation, out = traced(module, x)
    found = run(page, "const {out, switches} = core.pool(settings, x, size, made); return [[...out], [...switches]];",
                settings=dict(operation.settings), x=x, size=[11, 14], made=list(operation.shape[1:]))  # fmt: skip
    close(found[0], out)
    if isinstance(module, nn.MaxPool2d):
        module.return_indices = True
        assert found[1] == module(x)[1].flatten().tolist()


def test_a_pool_whose_window_lies_wholly_in_the_padding(page: Page):
    module, x = nn.MaxPool2d(2, 1, 1, 3), torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    operation, out = traced(module, x)
    body = "const {out, switches} = core.pool(settings, x, [2, 2], made); return [[...out].map(String), [...switches]];"
    found = run(page, body, settings=dict(operation.settings), x=x, made=list(operation.shape[1:]))
    assert [float(one.replace("Infinity", "inf")) for one in found[0]] == out.flatten().tolist() == [-torch.inf]
    assert found[1] == [-1]


ACTS: list[nn.Module] = [
    nn.ReLU(), nn.ReLU6(), nn.Hardtanh(-0.5, 0.7), nn.LeakyReLU(0.2), nn.PReLU(init=0.3), nn.ELU(0.7), nn.CELU(1.3), nn.SELU(), nn.GELU(),
    nn.GELU("tanh"), nn.SiLU(), nn.Mish(), nn.Hardswish(), nn.Hardsigmoid(), nn.Sigmoid(), nn.LogSigmoid(), nn.Tanh(), nn.Softsign(),
    nn.Tanhshrink(), nn.Softplus(2.0, 4.0), nn.Hardshrink(0.4), nn.Softshrink(0.3), nn.Threshold(0.2, -1.0), nn.RReLU(0.1, 0.4),
]  # fmt: skip


@pytest.mark.parametrize("module", ACTS, ids=str)
def test_activations_number_by_number(page: Page, module: nn.Module):
    x = torch.linspace(-7, 7, 281, dtype=torch.float64).view(1, 1, 1, -1)
    operation, out = traced(module.double(), x)
    slope = float(module.weight.detach()[0]) if isinstance(module, nn.PReLU) else 0
    found = torch.tensor(
        run(
            page,
            "return x.map((v) => core.act(settings, v, slope));",
            settings=dict(operation.settings),
            x=x,
            slope=slope,
        )
    )
    assert torch.allclose(found.double(), out.flatten().double(), rtol=2e-6, atol=1e-12), "relative, in the tails too"


class Written(nn.Module):
    def __init__(self, function: Any) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    "function",
    [
        F.relu, torch.sigmoid, lambda x: x.clamp(-1, 2), lambda x: torch.clamp(x, min=0.5), lambda x: x.clamp_max(0.3), lambda x: F.leaky_relu(x, 0.4),
        lambda x: F.elu(x, alpha=0.5), lambda x: F.softplus(x, beta=3), lambda x: F.gelu(x, approximate="tanh"), lambda x: F.hardtanh(x, -2.0, 0.5),
    ],
)  # fmt: skip
def test_functions_are_known_by_their_arguments(page: Page, function: Any):
    x = torch.linspace(-5, 5, 101).view(1, 1, 1, -1)
    operation, out = traced(Written(function), x)
    close(run(page, "return x.map((v) => core.act(settings, v, 0));", settings=dict(operation.settings), x=x), out)


def test_what_the_page_does_not_know_has_no_settings():
    graph, _ = trace(Written(lambda x: F.glu(x, dim=1)), torch.randn(1, 4, 3, 3))
    assert all(act_of(node, None) is None for node in graph.nodes if node.family == "act")


NORMS: list[nn.Module] = [
    nn.GroupNorm(2, 6),
    nn.InstanceNorm2d(6, affine=True),
    nn.LayerNorm([6, 4, 5]),
    nn.GroupNorm(6, 6, affine=False),
]


@pytest.mark.parametrize("module", NORMS, ids=str)
def test_norms_of_one_image(page: Page, module: nn.Module):
    torch.manual_seed(1)
    for parameter in module.parameters():
        nn.init.normal_(parameter)
    x = torch.randn(1, 6, 4, 5) * 3 + 1
    operation, out = traced(module, x)
    body = (
        "return [0, 1, 2, 3, 4, 5].flatMap((unit) => [...core.normalised(settings, x, [6, 4, 5], unit, weight, bias)]);"
    )
    weight, bias = getattr(module, "weight", None), getattr(module, "bias", None)
    close(run(page, body, settings=dict(operation.settings), x=x, weight=weight, bias=bias), out)


def test_a_batch_norm_is_a_factor_and_a_shift(page: Page):
    torch.manual_seed(2)
    module = nn.BatchNorm2d(3, eps=1e-3)
    for tensor in (module.running_mean, module.weight, module.bias):
        nn.init.normal_(tensor)  # type: ignore[arg-type]
    nn.init.uniform_(module.running_var, 0.2, 3)  # type: ignore[arg-type]
    x = torch.randn(1, 3, 4, 4)
    operation, out = traced(module, x)
    arrays = {"mean": module.running_mean, "var": module.running_var, "weight": module.weight, "bias": module.bias}
    body = "return [0, 1, 2].flatMap((u) => { const {a, b} = core.scale({mean, var: v, weight, bias}, settings.eps, u); return x.slice(u * 16, u * 16 + 16).map((one) => a * one + b); });"
    given = {"v" if name == "var" else name: value for name, value in arrays.items()}
    close(run(page, body.replace("mean, var: v", "mean, var: v"), settings=dict(operation.settings), x=x, **given), out)


def test_a_linear_layer_and_a_softmax_at_any_temperature(page: Page):
    torch.manual_seed(3)
    module, x = nn.Linear(17, 5), torch.randn(1, 17)
    close(
        run(page, "return [...core.linear(x, weight, bias, 5)];", x=x, weight=module.weight, bias=module.bias),
        module(x),
    )
    for temperature in (0.25, 1, 3):
        z = torch.randn(9) * 40
        close(run(page, "return [...core.softmax(z, t).p];", z=z, t=temperature), (z.double() / temperature).softmax(0))


@pytest.mark.parametrize("scale", [1e-12, 1e-3, 1.0, 3e6, 1e20])
def test_numbers_come_back_within_fifteen_bits(page: Page, scale: float):
    values = (np.random.default_rng(0).normal(size=(3, 5, 7)) * scale).astype(np.float32)
    values[0, 0, :3] = [0, scale * 4, -scale * 4]
    packed = pack(values)
    back = unpack(packed)
    assert back.shape == values.shape
    assert (np.abs(back - values) <= 2.0**-15 * np.abs(values) + 2.0**-43 * np.abs(values).max()).all()
    raw = list(zlib.decompress(packed.data))
    found = run(
        page, "return [...core.floats(Uint8Array.from(raw), n, power)];", raw=raw, n=values.size, power=packed.power
    )
    assert np.array_equal(np.array(found, np.float32), back.ravel())


def test_what_is_no_number_stays_so():
    back = unpack(pack(np.array([1.0, np.nan, np.inf, -np.inf], np.float32)))
    assert back[0] == 1
    assert np.isnan(back[1])
    assert back[2] == np.inf
    assert back[3] == -np.inf


@pytest.mark.parametrize("module", [nn.LocalResponseNorm(5, 0.5, 0.6, 2.0), nn.LocalResponseNorm(4, 0.3)], ids=str)
def test_response_norms_and_what_they_divide_by(page: Page, module: nn.Module):
    torch.manual_seed(4)
    x = torch.randn(1, 7, 3, 2) * 2
    operation, out = traced(module, x)
    body = """const many = [];
    for (let u = 0; u < 7; u += 1) for (let at = 0; at < 6; at += 1) many.push(core.response(settings, (c) => x[c * 6 + at], 7, u).v);
    return many;"""
    assert operation.kind == "lrn"
    close(run(page, body, settings=dict(operation.settings), x=x), out)


def by_hand(x: Tensor) -> Tensor:
    n, c, h, w = x.shape
    return torch.transpose(x.reshape(n, 4, c // 4, h, w), 2, 1).reshape(n, c, h, w)


@pytest.mark.parametrize("module", [nn.ChannelShuffle(3), Written(by_hand)], ids=["module", "by hand"])
def test_a_shuffle_is_known_and_undone(page: Page, module: nn.Module):
    x = torch.arange(24.0).view(1, 12, 2, 1)
    operation, out = traced(module, x)
    assert operation.kind == "shuffle"
    body = "return [...Array(12).keys()].map((u) => core.unshuffled(g, 12, u));"
    assert run(page, body, g=operation.settings["groups"]) == (out[0, :, 0, 0] / 2).int().tolist()
    body = "return [...Array(12).keys()].map((u) => core.unshuffled(g, 12, core.shuffled(g, 12, u)));"
    assert run(page, body, g=operation.settings["groups"]) == list(range(12))


def test_other_ways_of_taking_channels_apart_are_no_shuffle():
    def turned(x: Tensor) -> Tensor:
        return x.reshape(1, 4, 4, 4, 4).permute(0, 1, 3, 2, 4).reshape(1, 16, 4, 4)

    graph, _ = trace(Written(turned), torch.randn(1, 16, 4, 4))
    layouts = Layouts(graph, propagate(graph))
    assert all(layouts.shuffled(node) is None for node in graph.nodes)
