"""Multiply-accumulates: by hand, and equal to half of torch's own FLOP counter."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

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
