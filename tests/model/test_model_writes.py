"""What writes in place, through views, into `out` or unseen by torch's own count: who reads it then reads what was written."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from generator.diagrams.architecture import Architecture
from generator.diagrams.from_model import architecture
from generator.model.memory import overlaps


def lines(it: Architecture) -> list[tuple[str, str]]:
    return [(edge.source, edge.target) for edge in it.edges]


VIEWS = {
    "whole": lambda y: y,
    "flat": lambda y: y.flatten(1),
    "turned": lambda y: y.transpose(2, 3),
    "first channels": lambda y: y[:, :2],
    "last channels": lambda y: y[:, 2:],
    "one channel": lambda y: y[:, 1],
    "other channel": lambda y: y[:, 3],
    "left": lambda y: y[..., :3],
    "right": lambda y: y[..., 3:],
    "even": lambda y: y[..., ::2],
    "odd": lambda y: y[..., 1::2],
    "corner": lambda y: y[:, 1:3, 1:, 2:4],
    "detached": lambda y: y.detach()[:, 1:2],
    "wide": lambda y: y[:, :1].expand(-1, 3, -1, -1),
    "winding": lambda y: y.as_strided((1, 1, 2, 5), (120, 30, 6, 1), 3),
    "none": lambda y: y[:, :0],
    "double": lambda y: y.view(torch.int32)[:, 2:],
}


@pytest.mark.parametrize("one", VIEWS)
@pytest.mark.parametrize("other", VIEWS)
def test_a_write_shows_where_numbers_lie_in_the_same_places(one: str, other: str) -> None:
    y = torch.zeros(1, 4, 5, 6)
    VIEWS[other](y).copy_(torch.tensor(3)) if other != "wide" else VIEWS["first channels"](y)[:, :1].fill_(3)
    shows = bool(VIEWS[one](y).any())
    said = overlaps(VIEWS[one](y), VIEWS[other](y))
    assert said or not shows
    kinds = {one, other}
    if kinds <= {"first channels", "last channels", "corner"} or kinds <= {"left", "right", "even", "odd", "corner"}:
        assert said == shows
    if kinds <= {"one channel", "other channel"} or kinds <= {"first channels", "other channel"} or "none" in kinds:
        assert said == shows
    assert not overlaps(VIEWS[one](y), torch.zeros(1, 4, 5, 6))


class Flat(nn.Module):
    """Takes a view, then writes into what it is a view of."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.fc = nn.Conv2d(3, 4, 1), nn.Linear(4 * 36, 2)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x)
        flat, alone = y.flatten(1), y.detach()
        y.mul_(2.0)
        return self.fc(flat) + alone.mean()


def test_a_view_of_what_is_written_into_is_what_was_written() -> None:
    it = architecture(Flat(), (3, 6, 6))
    assert lines(it) == [
        ("@input", "conv"), ("conv", "F.mul"), ("F.mul", "fc"), ("F.mul", "F.mean"), ("fc", "F.add"), ("F.mean", "F.add"),
        ("F.add", "@output"),
    ]  # fmt: skip
    assert next(edge.shape for edge in it.edges if edge.target == "fc") == (144,)


class Halves(nn.Module):
    """Writes into one half of the channels, and reads the other and both."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.how = how
        self.conv, self.act, self.last = nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(True), nn.Conv2d(4, 2, 3, padding=1)
        self.wide = nn.Conv2d(3, 2, 5, padding=2)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x)
        if self.how == "chunks":
            one, other = y[:, :2], y[:, 2:]
            return self.last(torch.cat([self.act(one), other], 1))
        if self.how == "module":
            self.act(y[:, :2])
        elif self.how == "named":
            self.act(input=y[:, :2])
        elif self.how == "method":
            y[:, 2:].relu_()
        elif self.how == "sum":
            half = y[:, :2]
            half += self.wide(x)
        elif self.how == "rows":
            y[:, :, :8].mul_(2)
        return self.last(y)


@pytest.mark.parametrize(
    ("how", "field"), [("chunks", 5), ("module", 5), ("named", 5), ("method", 5), ("sum", 7), ("rows", 5)]
)
def test_what_a_view_is_of_keeps_its_places(how: str, field: int) -> None:
    it = architecture(Halves(how), (3, 16, 16))
    assert it.by_id["last"].receptive_field == (field, field)
    x = torch.rand(1, 3, 16, 16, dtype=torch.float64, requires_grad=True)
    torch.manual_seed(0)
    model = Halves(how).double()
    (seen,) = torch.autograd.grad(model(x)[0, :, 8, 8].sum(), x)
    assert [len(seen[0].abs().sum((0, k)).nonzero()) for k in (1, 2)] == [field, field]


def test_the_other_half_reads_what_was_there_before() -> None:
    it = architecture(Halves("chunks"), (3, 16, 16))
    assert ("F.getitem@2", "F.cat") in lines(it) and ("act", "F.cat") in lines(it)
    assert ("act", "last") not in lines(it)


class Into(nn.Module):
    """Fills a tensor of its own, half by half."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(6, 4, 3)

    def forward(self, x: Tensor) -> Tensor:
        made = torch.empty(len(x), 6, *x.shape[2:], device=x.device)
        torch.mul(x, 2, out=made[:, :3])
        torch.mul(x, 3, out=made[:, 3:])
        return self.conv(made)


def test_what_is_written_into_out_is_read() -> None:
    it = architecture(Into(), (3, 6, 6))
    assert lines(it) == [
        ("@input", "F.mul"), ("@input", "F.mul@2"), ("F.mul", "F.mul@2"), ("F.mul@2", "conv"), ("conv", "@output"),
    ]  # fmt: skip
    assert [op.in_place for op in it.ops] == [False] * 5
    assert it.by_id["conv"].receptive_field == (3, 3)


class Uncounted(nn.Module):
    """Torch does not count what is written in inference mode."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.act, self.drop = nn.Conv2d(3, 4, 1), nn.ReLU(inplace=True), nn.Dropout()
        self.last = nn.Conv2d(4, 4, 1)

    @torch.inference_mode()
    def forward(self, x: Tensor) -> Tensor:
        y = self.drop(self.act(self.conv(x))).contiguous().float()
        y += x.mean()
        half = y[:, :2]
        F.hardswish(half, True)
        return self.last(y)


def test_what_is_written_in_inference_mode_is_drawn_and_what_only_hands_on_is_not() -> None:
    it = architecture(Uncounted(), (3, 6, 6))
    assert [(op.id, op.in_place) for op in it.ops] == [
        ("@input", False), ("conv", False), ("act", True), ("F.mean", False), ("F.add", True), ("F.getitem", False),
        ("F.hardswish", True), ("last", False), ("@output", False),
    ]  # fmt: skip
    assert lines(it)[-2:] == [("F.hardswish", "last"), ("last", "@output")]
