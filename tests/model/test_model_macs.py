"""Multiply-accumulates: by hand, and equal to half of torch's own FLOP counter; what is not counted says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from generator.diagrams.from_model import architecture
from generator.model.describe import describe
from generator.model.trace import trace
from generator.names import LayerName


def counted(model: nn.Module, x: Tensor) -> int:
    """Half of what torch counts, with attention written out so that it is counted at all."""
    counter = FlopCounterMode(display=False)
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with counter, torch.no_grad(), sdpa_kernel(SDPBackend.MATH):
            model.eval()(x)
    finally:
        torch.backends.mha.set_fastpath_enabled(before)
    return counter.get_total_flops() // 2


def total(model: nn.Module, x: Tensor) -> int:
    return sum(node.macs for node in trace(model.eval(), x)[0].nodes)


def test_a_grouped_strided_convolution_and_a_linear_layer_by_hand() -> None:
    model = nn.Sequential(nn.Conv2d(4, 6, (3, 5), stride=2, groups=2, padding=(1, 2)), nn.Flatten(), nn.Linear(96, 10))
    found = describe(model, (4, 8, 8))
    # 6 x 4 x 4 values, each from 2 channels x 3 x 5 places; then 96 x 10
    assert found.layers[0].macs == 6 * 4 * 4 * 2 * 15
    assert found.macs == 6 * 4 * 4 * 2 * 15 + 960


def test_a_transposed_convolution_by_hand() -> None:
    model = nn.Sequential(nn.Conv2d(1, 4, 1), nn.ConvTranspose2d(4, 6, 3, stride=2, groups=2))
    # every one of 4 x 5 x 5 inputs feeds 3 channels x 3 x 3 places
    assert describe(model, (1, 5, 5)).by_name[LayerName("1")].macs == 4 * 25 * 3 * 9


def test_a_block_costs_what_it_holds_and_a_shared_layer_costs_each_time() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem = nn.Sequential(nn.Conv2d(3, 3, 1), nn.ReLU())
            self.conv = nn.Conv2d(3, 3, 3, padding=1)

        def forward(self, x: Tensor) -> Tensor:
            return self.conv(self.conv(self.stem(x)))

    found = describe(Twice(), (3, 4, 4))
    rows = found.by_name
    assert rows[LayerName("stem")].macs == rows[LayerName("stem.0")].macs == 3 * 16 * 3
    assert rows[LayerName("conv")].macs == rows[LayerName("conv@2")].macs == 3 * 16 * 27
    assert (rows[LayerName("conv")].parameters, rows[LayerName("conv@2")].parameters) == (84, 0)
    assert found.macs == 3 * 16 * (3 + 27 + 27)
    assert found.parameters == 12 + 84


class Functional(nn.Module):
    """Every product that is counted, written as a function."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel = nn.Parameter(torch.randn(6, 2, 3, 3))
        self.up = nn.Parameter(torch.randn(6, 2, 2, 2))
        self.out = nn.Parameter(torch.randn(5, 4))
        self.bias = nn.Parameter(torch.randn(5))

    def forward(self, x: Tensor) -> Tensor:
        y = F.conv2d(x, self.kernel, stride=2, groups=2, padding=1)  # (n, 6, 4, 4)
        y = F.conv_transpose2d(input=y, weight=self.up, stride=2, groups=2)  # (n, 4, 8, 8)
        tokens = y.flatten(2).transpose(1, 2)  # (n, 64, 4)
        scores = torch.bmm(tokens, tokens.transpose(1, 2)).softmax(-1)  # (n, 64, 64)
        mixed = scores @ tokens
        mixed = mixed + F.scaled_dot_product_attention(tokens[:, None], tokens[:, None], tokens[:, None])[:, 0]
        mixed = torch.baddbmm(mixed, scores, tokens)
        mixed = torch.einsum("nij,njc->nic", scores, mixed)
        pooled = F.linear(mixed, self.out).mean(1)  # (n, 5)
        return torch.addmm(self.bias, pooled, torch.mm(self.out, self.out.t()))


def test_functions_against_torchs_counter() -> None:
    x = torch.randn(1, 4, 8, 8)
    assert total(Functional(), x) == counted(Functional(), x) > 0


@pytest.mark.parametrize("batch_first", [True, False])
def test_multi_head_attention_against_torchs_counter(batch_first: bool) -> None:
    class Tokens(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attention = nn.MultiheadAttention(8, 2, batch_first=batch_first)

        def forward(self, x: Tensor) -> Tensor:
            tokens = x.flatten(2).transpose(1, 2)
            tokens = tokens if batch_first else tokens.transpose(0, 1)
            return self.attention(tokens, tokens, tokens, need_weights=False)[0]

    x = torch.randn(1, 8, 3, 5)
    assert total(Tokens(), x) == counted(Tokens(), x) == 15 * 3 * 64 + 2 * 15 * 15 * 8 + 15 * 64


def test_a_vision_transformer_costs_what_its_paper_says() -> None:
    from torchvision.models import VisionTransformer

    model = VisionTransformer(image_size=64, patch_size=16, num_layers=2, num_heads=3, hidden_dim=48, mlp_dim=96)
    x = torch.randn(1, 3, 64, 64)
    assert total(model, x) == counted(model, x)


class Does(nn.Module):
    """One function of what comes in."""

    def __init__(self, function: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Any:
        return self.function(x)


SQUARE, WEIGHTS = torch.randn(4, 4), torch.randn(3, 4, 4)
IN_PROJECTION, OUT_PROJECTION = torch.randn(12, 4), torch.randn(4, 4)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: torch.tensordot(x, WEIGHTS, dims=([2], [1])),
        lambda x: torch.tensordot(x[:, :4], WEIGHTS.permute(1, 2, 0), dims=2),
        lambda x: torch.einsum(x, [0, 1, 2], SQUARE, [2, 3], [0, 1, 3]),
        lambda x: torch.einsum("bic,cd,bjd->bij", x, SQUARE, x),
        lambda x: torch.einsum("b...c,cd->b...d", x, SQUARE),
        lambda x: torch.einsum("bic,bjc", x, x),
        lambda x: torch.einsum("...c,...c->...c", x, x) @ SQUARE,
        lambda x: torch.inner(x, SQUARE),
        lambda x: torch.linalg.multi_dot((x[0], SQUARE, SQUARE @ SQUARE[:, :1])),
        lambda x: torch.matmul(x, other=SQUARE),
        lambda x: x.__rmatmul__(torch.ones(3, 9)),
        lambda x: F.conv_transpose2d(weight=torch.ones(1, 3, 2, 2), input=x[:, None]),
        lambda x: torch.convolution(x[:, None], torch.ones(5, 1, 3, 3), None, (1, 1), (1, 1), (1, 1), False, (0, 0), 1),
        lambda x: F.scaled_dot_product_attention(x[:, None], value=x[:, None], key=x[:, None]),
        lambda x: F.multi_head_attention_forward(
            x, x, x, 4, 2, IN_PROJECTION, None, None, None, False, 0.0, OUT_PROJECTION, None, False, None, False
        )[0],
    ],
)
def test_products_however_written_against_torchs_counter(function: Callable[[Tensor], Any]) -> None:
    x = torch.randn(1, 9, 4)
    assert total(Does(function), x) == counted(Does(function), x) > 0


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda x: torch.addmv(x[0, :, 0], x[0], SQUARE[0]), 9 * 4),
        (lambda x: torch.addbmm(torch.zeros(9, 9), x, x.mT), 9 * 4 * 9),
        (lambda x: torch.dot(x[0, 0], x[0, 1]), 4),
        (lambda x: torch.linalg.vecdot(x, x), 9 * 4),
        (lambda x: torch.cdist(x, x), 9 * 9 * 4),
        (lambda x: F.bilinear(x, x, WEIGHTS), 9 * 3 * (16 + 4)),
    ],
)
def test_products_that_torch_does_not_count_by_hand(function: Callable[[Tensor], Any], expected: int) -> None:
    assert total(Does(function), torch.randn(1, 9, 4)) == expected


def test_a_learned_key_and_a_zero_key_cost_as_much_as_others() -> None:
    attention = nn.MultiheadAttention(4, 2, add_bias_kv=True, add_zero_attn=True, batch_first=True)
    model = Does(lambda x: attention(x, x, x, need_weights=False)[0])
    model.attention = attention
    x = torch.randn(1, 9, 4)
    assert total(model, x) == counted(model, x) == 9 * 4 * 4 * 4 + 2 * 9 * (9 + 2) * 4


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
@pytest.mark.parametrize("options", [{}, {"num_layers": 2, "bidirectional": True}, {"batch_first": True}])
def test_recurrent_layers_by_their_formula(kind: type[nn.RNNBase], options: dict[str, Any]) -> None:
    """A step costs gates x hidden x (input + hidden), for every layer and direction; a layer above reads all directions."""
    gates = {nn.LSTM: 4, nn.GRU: 3, nn.RNN: 1}[kind]
    layer = kind(6, 5, **options)
    ways = 2 if options.get("bidirectional") else 1
    step = gates * 5 * (6 + 5) * ways + (options.get("num_layers", 1) - 1) * gates * 5 * (ways * 5 + 5) * ways

    class Reads(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = layer

        def forward(self, x: Tensor) -> Tensor:
            return self.layer(x.flatten(2).transpose(1, 2))[0]

    class ByFunction(Reads):
        def forward(self, x: Tensor) -> Tensor:
            y = x.flatten(2).transpose(1, 2)
            many, sides = options.get("num_layers", 1), bool(options.get("bidirectional"))
            first = options.get("batch_first", False)
            state = torch.zeros(many * ways, y.shape[0 if first else 1], 5)
            run = {nn.LSTM: torch.lstm, nn.GRU: torch.gru, nn.RNN: torch.rnn_tanh}[kind]
            given = (state, state) if kind is nn.LSTM else state
            return run(y, given, self.layer._flat_weights, True, many, 0.0, False, sides, first)[0]

    x = torch.randn(1, 6, 3, 4)
    assert total(Reads(), x) == total(ByFunction(), x) == 12 * step
    drawn = architecture(Reads(), (6, 3, 4))
    assert [(op.id, op.macs) for op in drawn.ops if op.macs] == [("layer", 12 * step)]


@pytest.mark.parametrize("state", [False, True])
def test_a_packed_sequence_has_as_many_steps_as_it_has_numbers(state: bool) -> None:
    class Packs(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.GRU(6, 5, batch_first=True)

        def forward(self, x: Tensor) -> Tensor:
            packed = nn.utils.rnn.pack_padded_sequence(x.flatten(2).transpose(1, 2), [12], batch_first=True)
            return (self.layer(packed, x.new_zeros(1, 1, 5)) if state else self.layer(packed))[1]

    assert total(Packs(), torch.randn(1, 6, 3, 4)) == 12 * 3 * 5 * (6 + 5)


def test_a_projected_lstm_and_a_cell_by_hand() -> None:
    projected, cell = nn.LSTM(6, 5, proj_size=2), nn.LSTMCell(6, 5)
    assert total(projected, torch.randn(7, 1, 6)) == 7 * (4 * 5 * (6 + 2) + 5 * 2)
    assert total(cell, torch.randn(1, 6)) == 4 * 5 * (6 + 5)


@pytest.mark.parametrize("way", [nn.utils.parametrizations.weight_norm, nn.utils.weight_norm])
@pytest.mark.filterwarnings("ignore:.*weight_norm. is deprecated:FutureWarning")
def test_a_weight_that_is_made_from_others_costs_what_it_is_used_for(way: Callable[..., nn.Module]) -> None:
    lstm, cell = way(nn.LSTM(8, 16), "weight_hh_l0"), way(nn.GRUCell(8, 16), "weight_hh")
    assert total(lstm, torch.randn(10, 1, 8)) == 10 * 4 * 16 * (8 + 16)
    assert total(cell, torch.randn(10, 8)) == 10 * 3 * 16 * (8 + 16)


class Turned(nn.Module):
    """A weight times its transposed, as a parametrization."""

    def forward(self, weight: Tensor) -> Tensor:
        return weight @ weight.T


@pytest.mark.parametrize("way", ["given", "normed"])
def test_a_parametrized_weight_is_made_once_inside_its_layer(way: str) -> None:
    layer = nn.Linear(4, 4)
    if way == "given":
        nn.utils.parametrize.register_parametrization(layer, "weight", Turned())
    else:
        nn.utils.parametrizations.weight_norm(layer)
    model, x = nn.Sequential(nn.Conv2d(3, 4, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), layer), torch.randn(1, 3, 2, 2)
    it = architecture(model, (3, 2, 2))
    assert it.macs == total(model, x) == counted(model, x) == 4 * 3 * 4 + 16 + (way == "given") * 64
    assert [op.op for op in it.ops[1:-1]] == ["Conv2d", "AdaptiveAvgPool2d", "Flatten", "ParametrizedLinear"]
    assert it.ops[-2].counted == str(16 + (way == "given") * 64)
    assert it.ops[-2].parameters == sum(one.numel() for one in layer.parameters())
    assert not it.blocks


def test_a_linear_layer_of_one_row_of_weights_by_hand() -> None:
    class Row(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.randn(12))

        def forward(self, x: Tensor) -> Tensor:
            return F.linear(x, self.weight)

    assert total(Row(), torch.randn(5, 12)) == 5 * 12


class Scripted(nn.Module):
    """Works out of sight."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.from_numpy(x.detach().numpy() * 2)


def test_work_that_is_not_counted_says_so_and_what_has_none_does_not() -> None:
    class Mixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.hidden, self.act = nn.Conv2d(2, 2, 1), Scripted(), nn.ReLU()

        def forward(self, x: Tensor) -> Tensor:
            y = torch.fft.fft2(self.act(self.conv(x))).real.cumsum(1)
            return self.hidden(y) + torch.linalg.vector_norm(x)

    it = architecture(Mixed(), (2, 4, 4))
    assert {op.id: op.counted for op in it.ops if op.counted} == {
        "conv": "64",
        "F.fft_fft2": "not counted",
        "hidden": "not counted",
    }
    assert it.notes[-1] == "Not counted among the multiply-accumulates is the work of F.fft_fft2, Scripted."
    layers = describe(Mixed(), (2, 4, 4)).layers
    assert {layer.name for layer in layers if layer.uncounted} == {"F.fft_fft2", "hidden"}


class LoRA(nn.Linear):
    def __init__(self) -> None:
        super().__init__(12, 8)
        self.a, self.b = nn.Parameter(torch.randn(4, 12)), nn.Parameter(torch.randn(8, 4))

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + x @ self.a.T @ self.b.T


class Gated(nn.Conv2d):
    """A convolution that holds another."""

    def __init__(self) -> None:
        super().__init__(3, 4, 3, padding=1)
        self.gate = nn.Sequential(nn.Conv2d(4, 9, 3, padding=1), nn.BatchNorm2d(9), nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        y = super().forward(x)
        return y * self.gate(y).mean(1, keepdim=True)


class TwiceLinear(nn.Linear):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(super().forward(x))


class LowRank(nn.Conv2d):
    """Weights worked out from others."""

    def __init__(self) -> None:
        super().__init__(3, 4, 1, bias=False)
        self.a, self.b = nn.Parameter(torch.randn(4, 2)), nn.Parameter(torch.randn(2, 3))

    def _conv_forward(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        return super()._conv_forward(x, weight + (self.a @ self.b)[:, :, None, None], bias)


@pytest.mark.parametrize(
    ("leaf", "shape"),
    [(LoRA(), (1, 12)), (Gated(), (1, 3, 6, 7)), (TwiceLinear(5, 5), (1, 5)), (LowRank(), (1, 3, 4, 4))],
)
def test_a_layer_with_a_forward_of_its_own_costs_all_that_it_does(leaf: nn.Module, shape: tuple[int, ...]) -> None:
    x = torch.randn(shape)
    assert total(nn.Sequential(leaf), x) == counted(leaf, x) > 0


def test_what_a_layer_does_out_of_sight_is_not_counted() -> None:
    class Hidden(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            return torch.from_numpy(super().forward(x).detach().numpy() * 2)

    class Spectral(nn.Conv2d):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(torch.fft.fft2(x).real)

    it = architecture(nn.Sequential(Spectral(3, 4, 1), Hidden(4, 5)), (3, 4, 4))
    assert [op.counted for op in it.ops if op.counted] == [
        "192, and what is not counted",
        "320, and what is not counted",
    ]
    assert it.notes[-1] == "Not counted among the multiply-accumulates is the work of Spectral, Hidden."
