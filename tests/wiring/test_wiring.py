"""What units feed, which classes they reach, and the whole of a net's wiring."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from generator.artifacts import NotApplicable
from generator.model.describe import Description, describe
from generator.names import INPUT, LayerName
from generator.wiring.channels import channels_of
from generator.wiring.kernels import Kernels, kernels_of
from generator.wiring.threads import Threads
from generator.wiring.wires import wires as flat
from generator.wiring.wiring import Wiring, wiring_of


class Small(nn.Module):
    """conv, norm, relu, a sum around a grouped convolution, joined with the image, a 1 x 1, averaged, three classes."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(7)
        self.a, self.norm, self.relu = nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(inplace=True)
        self.b, self.c, self.fc = nn.Conv2d(4, 4, 3, padding=1, groups=2), nn.Conv2d(6, 5, 1), nn.Linear(5, 3)
        self.norm.weight.data[:] = torch.tensor([1.0, -1, 2, 0.5])

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.norm(self.a(x)))
        y = torch.cat([y + self.b(y), x], 1)
        return self.fc(self.c(y).relu().mean((2, 3)))


def small(k: int = 6) -> tuple[Small, Description, dict[str, Wiring]]:
    net = Small().eval()
    found = describe(net, (2, 8, 8))
    return net, found, dict(wiring_of(found, net, list(found.by_name), k))


def wires(each: Wiring, unit: int) -> list[tuple[str, int, int, float, int]]:
    feeds = each.feeds
    return [
        (feeds.layers[layer], int(feeds.unit[unit, i]), int(feeds.channel[unit, i]), float(feeds.share[unit, i]), int(feeds.sign[unit, i]))
        for i, layer in enumerate(feeds.layer[unit].tolist())
        if layer >= 0
    ]  # fmt: skip


def reached(found: Description, net: nn.Module, layer: str, unit: int) -> Iterator[tuple[str, int, int]]:
    """(convolution, channel, direction) that a unit is, by going forwards through every layer that hands it on."""
    operations = channels_of(found, net, list(found.by_name)).operations
    open_ = [(layer, unit, 1)]
    while open_:
        here, now, way = open_.pop()
        for name, operation in operations.items():
            for channel in range(operation.sources.channels):
                for source, number, direction in operation.sources.of(channel):
                    if (source, number) == (here, now):
                        if operation.weighted:
                            yield name, channel, way * direction
                        else:
                            open_.append((name, channel, way * direction))


@pytest.mark.parametrize("k", [1, 3, 40])
def test_feeds_are_the_strongest_of_all_that_can_be_reached(k: int) -> None:
    net, found, wiring = small(k)
    nodes = {node.name: node for node in found.graph.nodes}
    for layer in found.layers:
        for unit in range(layer.units):
            expected = {}
            for name, channel, way in reached(found, net, layer.name, unit):
                kernels = kernels_of(nodes[LayerName(name)], net)
                assert isinstance(kernels, Kernels)
                W, per = kernels.weight, kernels.weight.shape[1]
                for o in range(len(W)):
                    if o // (len(W) // kernels.groups) == channel // per:
                        part = W[o, channel % per]
                        share = float(part.norm() / W[o].norm())
                        expected[name, o, channel] = (share, way * int(part.sum().sign()))
            best = sorted(((*wire, *strength) for wire, strength in expected.items()), key=lambda wire: -wire[3])[:k]
            told = wires(wiring[layer.name], unit)
            assert [(*wire[:3], wire[4]) for wire in told] == [(*wire[:3], wire[4]) for wire in best]
            np.testing.assert_allclose([wire[3] for wire in told], [wire[3] for wire in best], rtol=1e-5)


def test_the_first_convolution_feeds_through_norm_activation_and_sum() -> None:
    _, _, wiring = small(40)
    read = {(layer, channel) for layer, _, channel, _, _ in wires(wiring["a"], 1)}
    assert read == {("b", 1), ("c", 1)}
    through_norm = {wire[:3]: wire[4] for wire in wires(wiring["a"], 1)}
    after_norm = {wire[:3]: wire[4] for wire in wires(wiring["norm"], 1)}
    assert through_norm == {wire: -sign for wire, sign in after_norm.items()}  # its scale is -1
    assert wires(wiring["relu"], 1) == wires(wiring["norm"], 1)


def test_classes_are_those_of_the_head_on_the_layers_that_it_averages() -> None:
    net, _, wiring = small(2)
    assert {name for name, each in wiring.items() if each.classes is not None} == {"c", "F.relu"}
    weight = net.fc.weight.detach()
    share = (weight.abs() / weight.norm(dim=1, keepdim=True)).T  # (units, classes)
    for name in ("c", "F.relu"):
        classes = wiring[name].classes
        assert classes is not None
        expected = share.argsort(dim=1, descending=True)[:, :2]
        np.testing.assert_array_equal(classes.index, expected)
        np.testing.assert_allclose(classes.share, share.gather(1, expected), rtol=1e-5)
        np.testing.assert_allclose(classes.weight, weight.T.gather(1, expected), rtol=1e-6)
        np.testing.assert_array_equal(classes.sign, np.sign(classes.weight))
        for which, weights in enumerate(weight.numpy()):
            speaking = [int(unit) for unit in np.argsort(-weights, kind="stable") if weights[unit] > 0]
            kept = [int(unit) for unit in classes.units[which] if unit >= 0]
            assert kept == speaking[: classes.units.shape[1]], "those that speak for it, strongest first"
            np.testing.assert_allclose(classes.units_share[which][: len(kept)], share[kept, which], rtol=1e-5)


def test_a_layer_without_weights_says_so() -> None:
    _, _, wiring = small()
    assert wiring["relu"].alike == NotApplicable("it has no kernels of its own.")
    assert not isinstance(wiring["relu"].inputs, NotApplicable)
    assert wiring["relu"].sources.of(3) == (("norm", 3, 1),)
    assert wiring["a"].sources.of(1) == ((INPUT, 1, 1),)
    assert not wiring["relu"].weighted and wiring["a"].weighted


def test_a_function_with_weights_has_sources_but_no_strengths() -> None:
    class Functional(nn.Sequential):
        def forward(self, x: Tensor) -> Tensor:
            return nn.functional.conv2d(self[0](x), torch.ones(2, 3, 1, 1))

    net = Functional(nn.Conv2d(3, 3, 1)).eval()
    each = wiring_of(found := describe(net, (3, 8, 8)), net, list(found.by_name))[LayerName("F.conv2d")]
    assert each.sources.of(2) == (("0", 2, 1),)
    assert each.inputs == each.alike == NotApplicable("it is a function call whose weights belong to no module.")


def test_twins_are_found_and_shared_modules_have_one_wiring_for_each_call() -> None:
    torch.manual_seed(1)
    conv = nn.Conv2d(3, 3, 3, padding=1)
    conv.weight.data[2] = conv.weight.data[0] * 1.5
    net = nn.Sequential(conv, nn.ReLU(), conv).eval()
    wiring = wiring_of(describe(net, (3, 8, 8)), net, [LayerName(name) for name in ("0", "0@2")])
    for each in wiring.values():
        assert not isinstance(each.alike, NotApplicable)
        assert each.alike.pairs.tolist() == [[0, 2]]
    assert wiring[LayerName("0@2")].sources.of(1) == (("0", 1, 1),)
    assert {wire[0] for wire in wires(wiring[LayerName("0")], 0)} == {"0@2"}
    assert wires(wiring[LayerName("0@2")], 0) == []


def test_a_block_feeds_what_it_ends_in_does() -> None:
    torch.manual_seed(1)
    net = nn.Sequential(nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU()), nn.Conv2d(4, 2, 1)).eval()
    found = describe(net, (3, 8, 8))
    wiring = wiring_of(found, net, list(found.by_name))
    assert list(wiring) == ["0.0", "0.1", "0", "1"]
    for unit in range(4):
        assert wires(wiring[LayerName("0")], unit) == wires(wiring[LayerName("0.1")], unit) != []


def test_the_model_is_left_as_it_was() -> None:
    net = Small().eval()
    found = describe(net, (2, 8, 8))
    before = {name: value.clone() for name, value in net.state_dict().items()}
    wiring_of(found, net, list(found.by_name))
    assert all(torch.equal(value, net.state_dict()[name]) for name, value in before.items())
    assert all(parameter.requires_grad and parameter.grad is None for parameter in net.parameters())


def test_twice_the_same_arrays() -> None:
    (_, _, one), (_, _, two) = small(), small()
    for name in one:
        for field in ("layer", "unit", "channel", "share", "total", "sign"):
            np.testing.assert_array_equal(getattr(one[name].feeds, field), getattr(two[name].feeds, field))


def separable(last: bool = True, each: int = 1) -> nn.Sequential:
    """A convolution, a depthwise one (channel 0 upright, 1 turned, 2 of zeros) between rectifiers, and one that mixes."""
    parts = [
        nn.Conv2d(1, 3, 1), nn.ReLU(), nn.Conv2d(3, 3 * each, 3, padding=1, groups=3, bias=False), nn.ReLU(),
    ]  # fmt: skip
    signs = torch.tensor([1.0, -1, 0]).repeat_interleave(each)
    parts[2].weight.data = torch.ones(3 * each, 1, 3, 3) * signs.view(-1, 1, 1, 1)
    if last:
        parts.append(nn.Conv2d(3 * each, 2, 1, bias=False))
        W = torch.zeros(2, 3 * each)
        W[:, 0::each] = torch.tensor([[3.0, 4, 0], [0, 5, -12]])
        parts[4].weight.data = W.view(2, 3 * each, 1, 1)
    return nn.Sequential(*parts).eval()


@pytest.mark.parametrize("each", [1, 2])
def test_what_a_unit_feeds_goes_through_a_depthwise_convolution(each: int) -> None:
    net = separable(each=each)
    found = describe(net, (1, 8, 8))
    wiring = wiring_of(found, net, list(found.by_name))
    told = {
        layer: [[(*w[:3], round(w[3], 6), w[4]) for w in wires(wiring[LayerName(layer)], unit)] for unit in range(3)]
        for layer in "01"
    }
    through = {0: [("4", 0, 0, 0.6, 1)], 1: [("4", 1, each, round(5 / 13, 6), -1), ("4", 0, each, 0.8, -1)]}
    for layer in "01":
        assert told[layer][0] == through[0]
        assert sorted(told[layer][1]) == sorted(through[1]), "turned by the kernel's sum"
        assert told[layer][2] == [], "a kernel of zeros hands nothing on"
    assert [w[:2] for w in wires(wiring[LayerName("2")], 0)] == [("4", 0)]
    # as the thread of what it feeds goes back through it
    threads = Threads({name: flat(wiring[name], found.by_name[name].units) for name in found.by_name})
    assert [(step.layer, step.unit) for step in threads.thread(LayerName("4"), 0)][:1] == [("0", 0)]


def test_a_depthwise_convolution_that_nobody_reads_stands_for_itself() -> None:
    net = separable(last=False)
    found = describe(net, (1, 8, 8))
    wiring = wiring_of(found, net, list(found.by_name))
    assert wires(wiring[LayerName("0")], 0) == [("2", 0, 0, 1.0, 1)]
    assert wires(wiring[LayerName("1")], 1) == [("2", 1, 1, 1.0, -1)]
    assert wires(wiring[LayerName("0")], 2) == []


def test_of_a_channel_that_is_turned_over_what_speaks_against_a_class_speaks_for_it() -> None:
    class Turned(nn.Sequential):
        def forward(self, x: Tensor) -> Tensor:
            return self[2](self[1](self[0](x)).mean(dim=(2, 3)))

    model = Turned(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Linear(4, 2)).eval()
    model[1].weight.data = torch.tensor([1.0, -1, 1, -1])
    model[2].weight.data = torch.tensor([[1.0, 2, -3, -4], [0, 0, 0, 5]])
    found = wiring_of(describe(model, (3, 4, 4)), model, [LayerName("0"), LayerName("1")])
    before, behind = found[LayerName("0")].classes, found[LayerName("1")].classes
    assert before is not None and behind is not None
    assert behind.units[:, :4].tolist() == [[1, 0, -1, -1], [3, -1, -1, -1]]
    assert before.units[:, :4].tolist() == [[3, 0, -1, -1], [-1, -1, -1, -1]]


def test_a_unit_that_reaches_a_reader_upright_and_turned_has_no_sign() -> None:
    """relu(x) and relu(-x) added: more of a unit is more or less of the channel, depending on its sign."""

    class Both(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.turn, self.last = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 2, 1, bias=False)
            self.turn.weight.data = torch.tensor([1.0, -1.0, 1.0, -1.0])
            self.last.weight.data = torch.ones(2, 4, 1, 1)

        def forward(self, x: Tensor) -> Tensor:
            y = self.first(x)
            return self.last(y + self.turn(y))

    model = Both().eval()
    found = wiring_of(describe(model, (3, 8, 8)), model, [LayerName("first"), LayerName("turn"), LayerName("last")])
    feeds = found[LayerName("first")].feeds
    for unit, sign in enumerate((1, 0, 1, 0)):
        assert feeds.unit[unit, :2].tolist() == [0, 1]
        assert feeds.sign[unit, :2].tolist() == [sign, sign]
