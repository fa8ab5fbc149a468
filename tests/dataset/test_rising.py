"""Peaks told from the layer before, beside peaks read in the map itself: the same bits and the same places."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from generator.dataset.peaks import WIDE, peaks
from generator.dataset.rising import rises
from generator.model.describe import describe
from tests.engine.test_merged import normed

RISING = {"norm": ("conv", "norm"), "act": ("norm", "act"), "act@2": ("sum", "act")}


class Net(nn.Module):
    """What `rises` reads of a model: its modules."""

    def __init__(self, units: int, act: nn.Module | None = None) -> None:
        super().__init__()
        self.norm, self.act = normed(units, 1), act or nn.ReLU6()
        self.norm.weight.data.abs_().add_(0.1)
        self.eval()


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("size", [(5, 7), (24, 21)])
@pytest.mark.parametrize("act", [nn.ReLU6(), nn.ReLU(inplace=True)])
def test_values_and_first_places_are_those_of_the_map_itself(
    layout: torch.memory_format, size: tuple[int, int], act: nn.Module
):
    net = Net(32, act)
    net.norm.weight.data[[3, 17]] *= -1
    net.norm.weight.data[20] = 0
    conv = torch.randn(3, 32, *size, generator=torch.Generator().manual_seed(2)).mul(4)
    conv[0, 5, 2, 1], conv[1, 6, 0, 0], conv[1, 20, 0, 0], conv[2, 3, 1, 1] = (
        torch.nan,
        torch.inf,
        -torch.inf,
        -torch.inf,
    )
    conv = conv.contiguous(memory_format=layout)
    with torch.no_grad():
        norm = net.norm(conv)
        relu = net.act(norm.clone(memory_format=torch.preserve_format))
        before = peaks(conv)
        highest = before.highest.clone()
        for name, maps in (("norm", norm), ("act", relu)):
            rise = rises(RISING, net, ["conv", name])[name]
            assert rise.source == "conv"
            assert rise.falling.tolist() == [3, 17, 20]
            found, read = rise.peaks(maps, before), peaks(maps)
            assert torch.equal(found.highest.nan_to_num(77), read.highest.nan_to_num(77))
            assert (found.rows is None) == (read.rows is None) == (size[0] * size[1] <= WIDE or not last(conv))
            images, units = (~read.highest.isnan()).nonzero(as_tuple=True)
            assert torch.equal(found.places(images, units), read.places(images, units))
    assert torch.equal(before.highest.nan_to_num(77), highest.nan_to_num(77)), "what was given is left as it was"


def last(A: Tensor) -> bool:
    return A.is_contiguous(memory_format=torch.channels_last)


def test_nothing_is_read_of_a_map_whose_units_all_rise():
    net = Net(4)
    rise = rises(RISING, net, ["conv", "act"])["act"]
    conv = torch.randn(2, 4, 3, 3)
    found = rise.peaks(torch.full_like(conv, torch.nan), peaks(conv))
    assert torch.equal(found.highest, net.act(net.norm(conv)).amax(dim=(2, 3)))


def test_the_source_is_the_nearest_layer_asked_for():
    net = Net(16)

    def sources(*layers: str) -> dict[str, str]:
        return {name: rise.source for name, rise in rises(RISING, net, layers).items()}

    assert sources("conv", "norm", "act") == {"norm": "conv", "act": "norm"}
    assert sources("conv", "act") == {"act": "conv"}
    assert sources("norm", "act@2") == {}
    assert sources("sum", "act@2", "act") == {"act@2": "sum"}
    net.norm.weight.data[:3] = -1  # of sixteen, two may fall
    assert sources("conv", "norm", "act") == {"act": "norm"}
    net.norm.weight.data[0] = 1
    assert sources("conv", "norm", "act") == {"norm": "conv", "act": "norm"}


def test_which_calls_rise_is_read_in_the_graph():
    class Described(nn.Module):
        def __init__(self, asks: bool = False) -> None:
            super().__init__()
            self.conv, self.norm, self.relu, self.silu = nn.Conv2d(3, 4, 3), normed(4, 1), nn.ReLU(), nn.SiLU()
            self.asks = asks

        def forward(self, x: Tensor) -> Tensor:
            A = self.norm(self.conv(x))
            B = self.relu(A)
            if self.asks and B.mean() > 100:
                B = B.flip(3)
            return self.silu(self.relu(B + A)).mean(dim=(2, 3))

    described = describe(Described().eval(), (3, 8, 8)).facts
    assert described.rising == {"norm": ("conv", "norm"), "relu": ("norm", "relu"), "relu@2": ("F.add", "relu")}
    assert described.overwriting == ("norm", "silu")  # the first call of relu may not: the sum reads A as well
    asking = describe(Described(asks=True).eval(), (3, 8, 8)).facts
    assert asking.rising == {}
    assert asking.overwriting == ()
