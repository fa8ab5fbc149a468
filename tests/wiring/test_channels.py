"""Where channels come from, in nets small enough to tell by looking."""

from __future__ import annotations

from collections.abc import Callable, Collection

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from generator.model.describe import describe
from generator.names import INPUT, LayerName
from generator.wiring.channels import Channels, channels_of
from tests.wiring.oracle import Oracle

Told = list[list[tuple[str, int, int]]]


class Net(nn.Module):
    """The parts given by name, run by a function of them and the image."""

    def __init__(self, run: Callable[..., Tensor], **parts: nn.Module) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.run = run
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, x: Tensor) -> Tensor:
        return self.run(self, x)


def channels(net: nn.Module, pages: Collection[str] | None = None, inputs: int = 2) -> Channels:
    found = describe(net.eval(), (inputs, 8, 8))
    return channels_of(found, net, [LayerName(page) for page in pages or found.by_name])


def told(found: Channels, layer: str) -> Told:
    sources = found.operations[LayerName(layer)].sources
    return [list(sources.of(channel)) for channel in range(sources.channels)]


def conv(i: int, o: int, k: int = 1, **more: int) -> nn.Conv2d:
    return nn.Conv2d(i, o, k, **more)


def test_the_nearest_layer_with_a_page_is_the_source() -> None:
    net = nn.Sequential(
        conv(2, 3), nn.BatchNorm2d(3), nn.ReLU(inplace=True), nn.ZeroPad2d(1), nn.MaxPool2d(2), conv(3, 2)
    )
    assert told(channels(net, ["0", "5"]), "0") == [[(INPUT, 0, 1)], [(INPUT, 1, 1)]]
    assert told(channels(net, ["0", "5"]), "5") == [[("0", 0, 1)], [("0", 1, 1)], [("0", 2, 1)]]
    assert told(channels(net, ["0", "1", "5"]), "5") == [[("1", 0, 1)], [("1", 1, 1)], [("1", 2, 1)]]
    assert told(channels(net), "4") == [[("2", 0, 1)], [("2", 1, 1)], [("2", 2, 1)]]


def test_a_limit_that_is_made_from_units_is_not_followed_and_said_to_be_so() -> None:
    def run(net: Net, x: Tensor) -> Tensor:
        return net.last(net.one(x).clamp(max=net.other(x).amax()))

    found = channels(Net(run, one=conv(2, 3), other=conv(2, 3), last=conv(3, 2)), ["one", "other", "last"])
    assert told(found, "last") == [[("one", unit, 1)] for unit in range(3)]
    assert not found.operations[LayerName("last")].sources.whole.any()
    number = channels(nn.Sequential(conv(2, 3), nn.Hardtanh(0, 1), conv(3, 2)), ["0", "2"])
    assert number.operations[LayerName("2")].sources.whole.all()


def test_a_convolution_without_a_page_is_not_followed() -> None:
    net = nn.Sequential(conv(2, 3), conv(3, 3), nn.ReLU(), conv(3, 2))
    found = channels(net, ["0", "3"])
    assert told(found, "3") == [[], [], []]
    assert not found.operations[LayerName("3")].sources.whole.any()
    assert found.operations[LayerName("0")].sources.whole.all()


def test_a_norm_with_a_negative_scale_turns_its_channel() -> None:
    net = nn.Sequential(conv(2, 3), nn.BatchNorm2d(3), nn.ReLU(), conv(3, 2))
    net[1].weight.data = torch.tensor([0.5, -2.0, 0.0])
    assert told(channels(net, ["0", "3"]), "3") == [[("0", 0, 1)], [("0", 1, -1)], [("0", 2, 0)]]
    assert told(channels(net, ["1", "3"]), "3") == [[("1", 0, 1)], [("1", 1, 1)], [("1", 2, 1)]]


def test_a_sum_has_several_sources_and_a_difference_turns_one() -> None:
    net = Net(lambda m, x: m.c((y := m.a(x)) + m.b(y)), a=conv(2, 2), b=conv(2, 2), c=conv(2, 1))
    assert told(channels(net, "abc"), "c") == [[("a", 0, 1), ("b", 0, 1)], [("a", 1, 1), ("b", 1, 1)]]
    assert told(channels(net, ["a", "F.add", "c"]), "c") == [[("F.add", 0, 1)], [("F.add", 1, 1)]]
    net.run = lambda m, x: m.c((y := m.a(x)) - m.b(y))
    assert told(channels(net, "abc"), "c")[1] == [("a", 1, 1), ("b", 1, -1)]
    net.run = lambda m, x: m.c(1 - m.a(x) * 2 + m.b(x) / -3)
    assert told(channels(net, "abc"), "c")[1] == [("a", 1, -1), ("b", 1, -1)]
    net.run = lambda m, x: m.c((y := m.a(x)) - F.relu(y))
    assert told(channels(net, "ac"), "c")[1] == [("a", 1, 0)]


def test_half_of_a_sum_may_be_unknown() -> None:
    net = Net(lambda m, x: m.c(m.a(x) + m.b(x)), a=conv(2, 2), b=conv(2, 2), c=conv(2, 1))
    found = channels(net, "ac")
    assert told(found, "c") == [[("a", 0, 1)], [("a", 1, 1)]]
    assert not found.operations[LayerName("c")].sources.whole.any()


def test_joined_maps_stand_one_after_the_other() -> None:
    net = Net(lambda m, x: m.c(torch.cat([m.a(x), x, torch.zeros(1, 1, 8, 8)], 1)), a=conv(2, 2), c=conv(5, 1))
    expected = [[("a", 0, 1)], [("a", 1, 1)], [(INPUT, 0, 1)], [(INPUT, 1, 1)], []]
    found = channels(net, "ac")
    assert told(found, "c") == expected
    assert found.operations[LayerName("c")].sources.whole.all()  # a constant comes from nothing, and that is known


def test_padding_channels_with_zeros_moves_the_others_up() -> None:
    net = Net(lambda m, x: m.c(F.pad(m.a(x)[:, :, ::2, ::2], (1, 1, 1, 1, 1, 1))), a=conv(2, 2), c=conv(4, 1))
    assert told(channels(net, "ac"), "c") == [[], [("a", 0, 1)], [("a", 1, 1)], []]


def shuffled(x: Tensor, groups: int) -> Tensor:
    n, c, h, w = x.shape
    return x.view(n, groups, c // groups, h, w).transpose(1, 2).contiguous().view(n, -1, h, w)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda y: shuffled(y, 2), [0, 3, 1, 4, 2, 5]),
        (nn.ChannelShuffle(2), [0, 3, 1, 4, 2, 5]),
        (lambda y: torch.cat(y.chunk(2, dim=1)[::-1], 1), [3, 4, 5, 0, 1, 2]),
        (lambda y: torch.cat(torch.split(y, [1, 5], 1)[::-1], 1), [1, 2, 3, 4, 5, 0]),
        (lambda y: torch.cat([y[:, 4:], y[:, :4]], 1), [4, 5, 0, 1, 2, 3]),
        (lambda y: torch.cat([y[:, 5:6], y[:, 0][:, None], y[:, 1:5]], 1), [5, 0, 1, 2, 3, 4]),
        (lambda y: y.permute(0, 2, 3, 1).reshape(1, 64, 6).transpose(1, 2).unflatten(2, (8, 8)), [0, 1, 2, 3, 4, 5]),
    ],
)
def test_channels_that_are_moved_are_followed(change: Callable[[Tensor], Tensor], expected: list[int]) -> None:
    net = Net(lambda m, x: m.c(change(F.relu(m.a(x)))), a=conv(2, 6), c=conv(6, 1))
    assert told(channels(net, "ac"), "c") == [[("a", unit, 1)] for unit in expected]
    found = describe(net, (2, 8, 8))
    oracle = Oracle(net, found, [LayerName("a"), LayerName("c")])
    for channel, unit in enumerate(expected):
        assert oracle.moves(LayerName("a"), unit, 9.0)[LayerName("c")] == {channel}


def test_what_is_not_certain_is_unknown() -> None:
    for change in (lambda y: y[:, [1, 0]], lambda y: y.flip(1), lambda y: y.softmax(1), lambda y: y.roll(1, 1)):
        net = Net(lambda m, x, change=change: m.c(change(m.a(x))), a=conv(2, 2), c=conv(2, 1))
        found = channels(net, "ac")
        assert told(found, "c") == [[], []]
        assert not found.operations[LayerName("c")].sources.whole.any()


def test_the_places_where_a_condition_holds_are_no_channels() -> None:
    def run(m: nn.Module, x: Tensor) -> Tensor:
        y = m.a(x)
        assert len(torch.where(y > 0)) == 4
        return m.c(torch.where(y > 0, y, 0 * x))

    found = channels(Net(run, a=conv(2, 2), c=conv(2, 1)), "ac")
    assert told(found, "c")[1] == [(INPUT, 1, 0), ("a", 1, 0)]


def test_a_gate_is_no_source_of_what_it_multiplies() -> None:
    net = Net(
        lambda m, x: m.c((y := m.a(x)) * torch.sigmoid(m.b(F.adaptive_avg_pool2d(y, 1)))),
        a=conv(2, 2),
        b=conv(2, 2),
        c=conv(2, 1),
    )
    found = channels(net, "abc")
    assert told(found, "c") == told(found, "b") == [[("a", 0, 1)], [("a", 1, 1)]]
    net.run = lambda m, x: m.c((y := m.a(x)) * m.b(y.mean((2, 3), keepdim=True)))  # may be below zero
    assert told(channels(net, "abc"), "c") == [[("a", 0, 0)], [("a", 1, 0)]]


def test_pixels_shuffled_into_space_are_all_sources_of_a_channel() -> None:
    net = Net(lambda m, x: m.c(F.pixel_shuffle(m.a(x), 2)), a=conv(2, 8), c=conv(2, 1))
    assert told(channels(net, "ac"), "c") == [[("a", 4 * i + j, 1) for j in range(4)] for i in range(2)]
    net = Net(lambda m, x: m.c(F.pixel_unshuffle(m.a(x), 2)), a=conv(2, 2), c=conv(8, 1))
    assert told(channels(net, "ac"), "c") == [[("a", i // 4, 1)] for i in range(8)]


def test_each_call_of_a_shared_module_is_a_source_of_its_own() -> None:
    net = Net(lambda m, x: m.c(m.a(m.a(x))), a=conv(2, 2), c=conv(2, 1))
    found = channels(net)
    assert told(found, "a@2") == [[("a", 0, 1)], [("a", 1, 1)]]
    assert told(found, "c") == [[("a@2", 0, 1)], [("a@2", 1, 1)]]


def test_functions_are_layers_too() -> None:
    kernel = torch.ones(2, 2, 1, 1)
    net = Net(lambda m, x: m.c(F.relu(F.conv2d(m.a(x), kernel))), a=conv(2, 2), c=conv(2, 1))
    found = channels(net)
    assert told(found, "F.conv2d") == [[("a", 0, 1)], [("a", 1, 1)]]
    assert told(found, "F.relu") == [[("F.conv2d", 0, 1)], [("F.conv2d", 1, 1)]]
    assert told(found, "c") == [[("F.relu", 0, 1)], [("F.relu", 1, 1)]]


def test_a_block_is_its_last_operation_where_that_has_no_page() -> None:
    net = nn.Sequential(conv(2, 2), nn.Sequential(conv(2, 3), nn.ReLU()), conv(3, 1))
    found = channels(net, ["0", "1", "2"])
    assert told(found, "2") == [[("1", i, 1)] for i in range(3)]
    assert not found.operations[LayerName("1")].sources.whole.any()  # its convolution has no page
    found = channels(net)
    assert found.operations[LayerName("1")].same == "1.1"
    assert told(found, "1") == told(found, "2") == [[("1.1", i, 1)] for i in range(3)]


def test_channels_may_come_last() -> None:
    net = Net(
        lambda m, x: m.c(m.b(F.gelu(m.f(m.n(m.a(x).permute(0, 2, 3, 1))))).permute(0, 3, 1, 2)),
        a=conv(2, 3), n=nn.LayerNorm(3), f=nn.Linear(3, 5), b=nn.Linear(5, 4), c=conv(4, 1),
    )  # fmt: skip
    found = channels(net, "afbc")
    assert told(found, "f") == [[("a", i, 1)] for i in range(3)]
    assert told(found, "b") == [[("f", i, 1)] for i in range(5)]
    assert told(found, "c") == [[("b", i, 1)] for i in range(4)]


def test_a_page_must_be_a_layer() -> None:
    with pytest.raises(LookupError, match="received 'nope': choose among"):
        channels(nn.Sequential(conv(2, 2)), ["0", "nope"])
