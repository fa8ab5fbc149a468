"""Threads: what is gone through and what is an end, by hand, on a residual, a depthwise and a concatenated net."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from generator.model.describe import describe
from generator.names import INPUT, LayerName
from generator.report.units import FIRST, joined, led
from generator.wiring.threads import ENDS, End, Threads
from generator.wiring.wires import wires
from generator.wiring.wiring import wiring_of


def threads_of(model: nn.Module, channels: int = 1, pages: list[str] | None = None) -> Threads:
    description = describe(model.eval(), (channels, 8, 8))
    names = [layer.name for layer in description.layers if pages is None or layer.name in pages]
    found = wiring_of(description, model, names)
    return Threads({name: wires(found[name], description.by_name[name].units) for name in names})


def inverted() -> nn.Sequential:
    """1 -> 2 (stem), 2 -> 3 (expand), depthwise, 3 -> 2 (project), with a normalisation of a scale below zero."""
    model = nn.Sequential(
        nn.Conv2d(1, 2, 1, bias=False), nn.ReLU(),
        nn.Conv2d(2, 3, 1, bias=False), nn.BatchNorm2d(3), nn.ReLU(),
        nn.Conv2d(3, 3, 3, padding=1, groups=3, bias=False), nn.ReLU(),
        nn.Conv2d(3, 2, 1, bias=False),
    )  # fmt: skip
    model[0].weight.data = torch.tensor([1.0, -1]).reshape(2, 1, 1, 1)
    model[2].weight.data = torch.tensor([[3.0, -4], [1, 0], [0, 1]]).reshape(3, 2, 1, 1)
    model[3].weight.data = torch.tensor([1.0, -1, 1])
    model[5].weight.data = torch.tensor([1.0, 1, -1]).reshape(3, 1, 1, 1).expand(3, 1, 3, 3).clone()
    model[7].weight.data = torch.tensor([[0.6, 0.8, 0], [0, 0.6, -0.8]]).reshape(2, 3, 1, 1)
    return model


def test_a_depthwise_convolution_its_rectifiers_and_norms_are_gone_through_and_named():
    found = threads_of(inverted())
    assert [found.mixes(LayerName(k)) for k in "01234567"] == [True, False, True, False, False, False, False, True]
    # channel 1 of the projection: expand 1, turned by its norm; the way is read back from the projection
    via = tuple((LayerName(k), 1) for k in "6543")
    assert found.ends(LayerName("7"), 1).kept == (End(LayerName("2"), 1, -1, via, (1, 1, 1, 1)),)
    (turned,) = found.ends(LayerName("7"), 2).kept
    assert turned.way == -1, "the depthwise kernel sums to less than nothing"
    assert turned.ways == (1, 1, -1, -1), "what comes out of it is not turned, what it reads is"
    assert found.ends(LayerName("2"), 0).kept == (End(LayerName("0"), 0, 1, ((LayerName("1"), 0),), (1,)),)


def test_a_thread_goes_by_what_speaks_for_a_unit_and_ends_at_the_image():
    found = threads_of(inverted())
    # unit 0 reads channel 1 most (0.8), but that is expand 1 turned; channel 0 speaks for it
    assert [(s.layer, s.unit, round(s.share, 6), s.sign) for s in found.thread(LayerName("7"), 0)] == [
        ("2", 0, 0.6, 1), ("0", 0, 0.6, 1), (INPUT, 0, 1.0, 1),
    ]  # fmt: skip
    # unit 1: -0.8 on channel 2, which is expand 2 turned: both together speak for it
    assert [(s.layer, s.unit, s.sign) for s in found.thread(LayerName("7"), 1)] == [("2", 2, 1), ("0", 1, 1), (INPUT, 0, -1)]  # fmt: skip
    # from what hands on, the first step is straight
    assert found.step(LayerName("6"), 2) is not None
    assert [(s.layer, s.unit) for s in found.thread(LayerName("6"), 2)] == [("2", 2), ("0", 1), (INPUT, 0)]


class Residual(nn.Module):
    """A stem and `blocks` sums of a convolution with what went in."""

    def __init__(self, blocks: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 2, 1)
        self.convs = nn.ModuleList(nn.Conv2d(2, 2, 1) for _ in range(blocks))
        self.last = nn.Conv2d(2, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for conv in self.convs:
            x = F.relu(x + conv(x))
        return self.last(x)


def test_behind_sums_the_nearest_stands_first_and_not_more_than_a_few_are_kept():
    two = threads_of(Residual(1)).ends(LayerName("last"), 1)
    assert [(end.layer, end.unit) for end in two.kept] == [("convs.0", 1), ("stem", 1)]
    assert not two.more
    five = threads_of(Residual(4)).ends(LayerName("last"), 0)
    assert [end.layer for end in five.kept] == ["convs.3", "convs.2", "convs.1"]
    assert five.more and len(five.kept) == ENDS


class Joined(nn.Module):
    """Two convolutions beside each other, joined, and their channels summed in pairs by one more."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Conv2d(1, 2, 1), nn.Conv2d(1, 3, 1), nn.Conv2d(5, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.c(F.relu(torch.cat([self.a(x), self.b(x)], 1)))


def test_a_joined_channel_is_the_unit_of_its_own_layer():
    found = threads_of(Joined())
    assert [[(e.layer, e.unit) for e in found.ends(LayerName("c"), k).kept] for k in range(5)] == [
        [("a", 0)], [("a", 1)], [("b", 0)], [("b", 1)], [("b", 2)],
    ]  # fmt: skip


def test_units_are_led_back_from_the_last_layer():
    names = ["0", "2", "5", "7"]
    found = threads_of(inverted(), pages=[str(k) for k in range(8)])
    ranked = {LayerName(name): some for name, some in zip(names, ((1,), (0, 1), (0, 1), (1, 0)), strict=True)}
    room = {LayerName(name): 1 for name in names}
    chosen = led(ranked, room, found)
    # 7: by rank. 7 #1 is fed most by 2 #2, through 5 #2: both take the place of the one ranked second.
    # 2 #2 is fed by 0 #1 and 2 #0 by 0 #0; the thread that has begun goes first, and there is room for one.
    assert chosen == {"7": (1, 0), "5": (0, 2), "2": (0, 2), "0": (1,)}
    assert list(chosen) == names
    assert led({LayerName("0"): (0,), **{LayerName(n): ranked[LayerName(n)] for n in names[1:]}}, room, found)["0"] == (
        1,
    )
    none = led(ranked, dict.fromkeys(room, 0), found)
    assert none == ranked, "without room nothing changes"


def wide() -> nn.Sequential:
    """1 -> 4 (stem), 4 -> 4, depthwise, 4 -> 3: unit k of the last reads k most, unit k of the one in the middle 3 - k."""
    model = nn.Sequential(
        nn.Conv2d(1, 4, 1, bias=False), nn.ReLU(), nn.Conv2d(4, 4, 1, bias=False), nn.ReLU(),
        nn.Conv2d(4, 4, 3, padding=1, groups=4, bias=False), nn.ReLU(), nn.Conv2d(4, 3, 1, bias=False),
    )  # fmt: skip
    model[0].weight.data = torch.ones(4, 1, 1, 1)
    model[2].weight.data = (torch.eye(4).flip(0) + 0.1).view(4, 4, 1, 1)
    model[4].weight.data = torch.ones(4, 1, 3, 3)
    model[6].weight.data = (torch.eye(3, 4) + 0.1).view(3, 4, 1, 1)
    return model


def test_units_that_threads_come_by_stand_behind_the_strongest_and_all_of_the_first_layer(monkeypatch):
    found = threads_of(wide())
    names = [LayerName(name) for name in "0246"]
    # The strongest two of each layer, and in the third place whoever is next. 6 #0 goes by 2 #0 to 0 #3, 6 #1 by 2 #1 to 0 #2.
    ranked = dict(zip(names, ((0, 1, 2), (2, 3, 1), (3, 2, 0), (0, 1, 2)), strict=True))
    room, every = dict.fromkeys(names, 1), dict(zip(names, (4, 4, 4, 3), strict=True))
    chosen = joined(ranked, room, every, found)
    # Places: one of 2 and one of 6. 2 gets both threads' units, twice its room, and 6 none.
    assert chosen == {"0": (0, 1, 2, 3), "2": (2, 3, 0, 1), "4": (3, 2), "6": (0, 1)}
    assert list(chosen) == names
    first = joined(ranked, room | {LayerName("6"): 0}, every, found, {LayerName("6"): (1,)})
    assert first["2"] == (2, 3, 1), "the first page's thread before others"
    through = joined(ranked, room | {LayerName("6"): 0}, every, found, {LayerName("4"): (2,)})
    assert through["2"] == (2, 3, 0), "2 is there: then 0, the stronger of two that as many threads come by"
    assert joined(ranked | {names[1]: (1, 3, 2)}, room, every, found, {LayerName("4"): (2,)})["2"][2] == 2, (
        "of a unit that hands on"
    )
    monkeypatch.setattr("generator.report.units.FIRST", 3)
    assert FIRST == 64
    # Now the first layer has a place too: its units 3 and 2, both of two threads, which begin as deep.
    assert joined(ranked, room, every, found)["0"] == (0, 1, 2)
    monkeypatch.undo()
    unknown = joined(ranked, room, every, found, {LayerName("6"): (1,)}, known=False)
    assert unknown == {"0": (0, 1, 2, 3), "2": (2, 3, 1), "4": (3, 2), "6": (0, 1, 2)}, (
        "until it is known the next strongest"
    )
