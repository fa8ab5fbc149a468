"""Convolutions computed another way: the values and gradients of torch's own, and only where that is slow."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from generator.engine import convolved as convolution
from generator.engine.convolved import (
    MANY,
    PLACES,
    Alone,
    Another,
    Wide,
    alone,
    another,
    by_onednn,
    convolved,
    padded,
)
from generator.engine.merged import merged
from generator.engine.reduced import reduced
from generator.model.twin import copied

LAST = torch.channels_last
SIZES = {
    "1 x 1": (7, 5, 1, 1, 0, (6, 5)),
    "1 x 1 strided": (7, 5, 1, 2, 0, (7, 6)),
    "1 x 1 in steps of two sizes": (7, 5, 1, (3, 2), 0, (8, 6)),
    "1 x 1 padded": (7, 5, 1, 1, 1, (4, 4)),
    "ResNet's first": (3, 8, 7, 2, 3, (32, 30)),
    "EfficientNet's first": (3, 8, 3, 2, 0, (33, 33)),
    "odd sides": (3, 8, 3, 2, 1, (19, 24)),
    "patches": (3, 16, 8, 8, 0, (24, 32)),
    "patches that leave a rest": (1, 4, 4, 4, 0, (30, 31)),
    "a kernel of no whole steps": (4, 8, 5, 3, 2, (20, 21)),
    "a kernel smaller than its step": (3, 8, 2, 3, 0, (10, 9)),
    "a kernel of two sizes": (2, 8, (3, 5), 2, (1, 2), (12, 13)),
    "many weights, few places": (256, 128, 3, 1, 1, (4, 5)),
    "many weights, few places, strided": (256, 128, 3, 2, 1, (8, 7)),
    "many weights, no pad": (256, 300, 2, 1, 0, (3, 4)),
    "many weights in steps of two sizes": (256, 128, 3, (1, 2), (0, 1), (5, 6)),
    "many weights, many places": (256, 128, 3, 1, 1, (12, 9)),
    "few channels in steps of two sizes": (3, 8, 5, (2, 3), 2, (19, 22)),
    "dilated": (3, 8, 3, 2, 2, (20, 20)),
}


def gradient(value: Tensor, towards: Tensor, x: Tensor) -> Tensor:
    return torch.autograd.grad((value * towards).sum(), x)[0]


@pytest.mark.parametrize("bias", [True, False], ids=["bias", "bare"])
@pytest.mark.parametrize("form", [torch.contiguous_format, LAST], ids=["contiguous", "channels_last"])
@pytest.mark.parametrize("of", SIZES)
def test_values_and_gradients_are_torchs(of: str, form: torch.memory_format, bias: bool):
    channels, units, kernel, stride, padding, size = SIZES[of]
    drawn = torch.Generator().manual_seed(0)
    sides = kernel if isinstance(kernel, tuple) else (kernel, kernel)
    x = torch.randn(2, channels, *size, dtype=torch.float64, generator=drawn).contiguous(memory_format=form)
    weight = torch.randn(units, channels, *sides, dtype=torch.float64, generator=drawn).contiguous(memory_format=form)
    shift = torch.randn(units, dtype=torch.float64, generator=drawn) if bias else None
    x.requires_grad_()
    rest: tuple[Any, ...] = (stride, padding, 2 if of == "dilated" else 1)
    own, found = F.conv2d(x, weight, shift, *rest), convolved(x, weight, shift, *rest)
    torch.testing.assert_close(found, own)
    towards = torch.randn(own.shape, dtype=torch.float64, generator=drawn)
    torch.testing.assert_close(gradient(found, towards, x), gradient(own, towards, x))


@pytest.mark.parametrize("of", ["1 x 1 strided", "ResNet's first", "many weights, few places"])
def test_weights_that_are_made_of_the_input_have_their_gradient(of: str):
    channels, units, kernel, stride, padding, size = SIZES[of]
    drawn = torch.Generator().manual_seed(8)
    x = torch.randn(2, channels, *size, dtype=torch.float64, generator=drawn, requires_grad=True)
    weight = torch.randn(units, channels, kernel, kernel, dtype=torch.float64, generator=drawn)
    grads = []
    for one in (convolved, by_onednn, F.conv2d):
        value = one(x, weight * x.mean().sigmoid(), None, stride, padding)
        grads.append(gradient(value, torch.ones_like(value), x))
    torch.testing.assert_close(grads[0], grads[2])
    torch.testing.assert_close(grads[1], grads[2])


def test_many_places_are_torchs_own_and_so_is_what_it_refuses(monkeypatch: pytest.MonkeyPatch):
    weight = torch.rand(256, 128, 3, 3)
    used: list[int] = []
    real = convolution._OfFewPlaces.apply
    monkeypatch.setattr(convolution._OfFewPlaces, "apply", lambda *given: used.append(len(given[0])) or real(*given))
    for side in (4, 20):
        convolved(torch.rand(2, 128, side, side), weight, None, 1, 1)
    assert used == [2]
    with pytest.raises(RuntimeError, match="Kernel size can't be greater"):
        convolved(torch.rand(2, 128, 2, 2), weight)


def test_groups_and_words_for_pads_are_left_to_torch():
    x, weight = torch.rand(2, 4, 9, 9), torch.rand(4, 2, 3, 3)
    assert torch.equal(convolved(x, weight, None, 2, 1, 1, 2), F.conv2d(x, weight, None, 2, 1, 1, 2))
    weight = torch.rand(4, 4, 1, 1)
    assert torch.equal(convolved(x, weight, padding="same"), F.conv2d(x, weight, padding="same"))
    assert torch.equal(convolved(x[0], weight), F.conv2d(x[0], weight)), "one picture without an axis for several"


@pytest.mark.parametrize(("inside", "of"), [(3, 256), (256, 256), (512, 512)])
def test_a_rectifier_may_write_into_what_it_gives(inside: int, of: int):
    kernel, stride = (7, 2) if inside == 3 else (3, 1) if inside == 256 else (1, 1)
    x = torch.randn(2, inside, 6, 6, generator=torch.Generator().manual_seed(1), requires_grad=True)
    weight = torch.randn(of, inside, kernel, kernel, generator=torch.Generator().manual_seed(2))
    given = [one(x + 0, weight, None, stride, kernel // 2).relu_() for one in (convolved, F.conv2d)]
    torch.testing.assert_close(given[0], given[1], rtol=1e-4, atol=1e-3)
    towards = torch.ones_like(given[0])
    torch.testing.assert_close(*(gradient(one, towards, x) for one in given), rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize(
    ("module", "kind"),
    [
        (nn.Conv2d(8, 8, 1), None),
        (nn.Conv2d(8, 8, 1, stride=2), Another),
        (nn.Conv2d(512, 512, 1), Another),
        (nn.Conv2d(3, 8, 7, stride=2), Another),
        (nn.Conv2d(3, 8, 7), None),
        (nn.Conv2d(8, 8, 3, stride=2), None),
        (nn.Conv2d(256, 256, 3), Another),
        (nn.Conv2d(8, 8, 3, groups=8, stride=2), Wide),
        (nn.Conv2d(8, 8, 3, groups=8), None),
        (nn.Linear(600, 600), None),
        (nn.ConvTranspose2d(512, 512, 1), None),
    ],
)
def test_only_what_is_slow_is_another(module: nn.Module, kind: type | None):
    assert another(module) is kind


class Padding(nn.Conv2d):
    """As TensorFlow pads: one more at the end. Its forward calls torch's functions itself."""

    def forward(self, input: Tensor) -> Tensor:
        whole = F.pad(input, (0, 1, 0, 1))
        return F.conv2d(whole, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)


class Scaled(nn.Conv2d):
    def forward(self, input: Tensor, scale: float, *, shift: float = 0.0) -> Tensor:
        return super().forward(input) * scale + shift


class Patches(nn.Conv2d):
    """Grouped and strided, and never asks for a convolution."""

    def forward(self, input: Tensor) -> Tensor:
        k, size = self.kernel_size[0], (input.shape[2] // 2, input.shape[3] // 2)
        columns = F.unfold(input, k, stride=2)[:, : k * k]
        return F.linear(columns.transpose(1, 2), self.weight[:, 0].flatten(1)).transpose(1, 2).unflatten(2, size)


def test_a_class_may_take_more_than_maps_and_compute_as_it_likes():
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.norm = Scaled(4, 4, 1), nn.BatchNorm2d(4)
            self.three, self.wide = Scaled(4, 4, 1, stride=2), Patches(4, 4, 2, stride=2, groups=4)

        def forward(self, x: Tensor) -> Tensor:
            return self.wide(self.three(self.norm(self.one(x, 2.0)), 0.5, shift=1.0))

    torch.manual_seed(9)
    model, x = Net().eval().requires_grad_(False), torch.randn(2, 4, 8, 8)
    light = merged(model, [("one", "norm")], x, lambda module, batch: module(batch))
    assert [type(part).__name__ for part in light.children()] == ["Alone", "Identity", "Scaled", "Patches"]
    with threads(1):
        torch.testing.assert_close(light(x), model(x), rtol=1e-4, atol=1e-5)
    made = reduced(model, x, lambda module, batch: module(batch))
    assert [type(part).__name__ for part in made.children()] == ["Scaled", "BatchNorm2d", "Another", "Wide"]
    assert (made(x.bfloat16()).float() - model(x)).norm() <= 0.05 * model(x).norm()


class Net(nn.Module):
    """One convolution of every kind that is another."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 16, 7, stride=2, padding=3)
        self.deep = Padding(16, 16, 3, stride=2, groups=16)
        self.wide = nn.Conv2d(16, 512, 1, stride=2)
        self.many, self.relu = nn.Conv2d(512, 512, 3, padding=1), nn.ReLU(inplace=True)
        self.last = nn.Conv2d(512, 600, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.relu(self.many(self.relu(self.wide(self.relu(self.deep(self.relu(self.first(x)))))))))


def test_a_twin_that_runs_them_all_is_near_the_model_in_value_and_gradient(monkeypatch: pytest.MonkeyPatch):
    torch.manual_seed(3)
    model = Net().eval().requires_grad_(False)
    x = torch.randn(2, 3, 64, 64)
    filled: list[torch.dtype] = []
    real = convolution.padded
    monkeypatch.setattr(
        convolution, "padded", lambda *given, **how: filled.append(given[0].dtype) or real(*given, **how)
    )
    made = reduced(model, x, lambda module, batch: module(batch))
    assert [type(part).__name__ for part in made.children()] == [
        "Another",
        "Wide",
        "Another",
        "Another",
        "ReLU",
        "Another",
    ]
    assert x.shape[2] // 8 * (x.shape[3] // 8) * 2 <= PLACES
    assert model.many.weight.numel() >= MANY
    plain = copied(model).bfloat16()
    values, grads = [], []
    for one in (model, plain, made):
        leaf = x.clone().requires_grad_()
        given = (leaf + 0).to(torch.float32 if one is model else torch.bfloat16)
        value = one(given.contiguous(memory_format=LAST))
        assert value.dtype == given.dtype
        values.append(value.float())
        grads.append(gradient(value.float(), torch.ones(value.shape), leaf))
    assert set(filled) == {torch.bfloat16}, "pads are filled in where they are converted"
    for own, rough, mine in (values, grads):  # a rectifier that is on in one and off in the other counts for much
        assert (mine - own).norm() <= 1.2 * (rough - own).norm()
        assert 0 < (rough - own).norm() <= 0.15 * own.norm()


def test_pads_are_filled_in_in_float32():
    x = torch.rand(2, 3, 4, 5).bfloat16().requires_grad_()
    found = padded(x, (1, 2, 0, 3))
    assert found.dtype == torch.float32
    assert torch.equal(found, F.pad(x.float(), (1, 2, 0, 3)))
    towards = torch.randn(found.shape).bfloat16()
    assert torch.equal(gradient(found, towards.float(), x), towards[:, :, 0:4, 1:6])


@pytest.mark.parametrize(
    ("pad", "how"),
    [((1, 1, 1, 1), {"value": 2.0}), ((1, 1, 1, 1), {"mode": "reflect"}), ((-1, 0, 0, 0), {}), ((1, 1), {})],
    ids=["ones", "mirrored", "cut", "one axis"],
)
def test_other_pads_are_left_to_torch(pad: tuple[int, ...], how: dict[str, Any]):
    x = torch.rand(2, 3, 4, 5).bfloat16()
    assert torch.equal(padded(x, pad, **how), F.pad(x, pad, **how))


@contextmanager
def threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def by_itself(found: Tensor) -> bool:
    """Whether torch chose how."""
    return "OneDNN" not in type(found.grad_fn).__name__


@pytest.mark.parametrize("form", [torch.contiguous_format, LAST], ids=["contiguous", "channels_last"])
@pytest.mark.parametrize("bias", [True, False], ids=["bias", "bare"])
def test_in_one_thread_onednn_gives_values_and_gradients_of_small_batches(form: torch.memory_format, bias: bool):
    drawn = torch.Generator().manual_seed(6)
    x = torch.randn(3, 20, 7, 5, generator=drawn).contiguous(memory_format=form).requires_grad_()
    weight, shift = torch.randn(12, 20, 1, 1, generator=drawn), torch.randn(12, generator=drawn) if bias else None
    with threads(1):
        found = by_onednn(x, weight, shift)
        assert not by_itself(found)
        own = F.conv2d(x, weight, shift)
        towards = torch.randn(own.shape, generator=drawn)
        torch.testing.assert_close(found, own, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(gradient(found, towards, x), gradient(own, towards, x), rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(by_onednn(x + 0, weight, shift).relu_(), own.relu(), rtol=1e-4, atol=1e-4)


def test_whatever_else_is_asked_for_is_left_to_torch():
    x, weight = torch.rand(2, 4, 6, 6, requires_grad=True), torch.rand(4, 4, 1, 1)
    with threads(1):
        assert not by_itself(by_onednn(x, weight))
        assert not by_itself(by_onednn(x, weight, None, (1, 1), (0, 0), (1, 1), 1)), "as a module asks"
        asked = {
            "strided": (x, weight, None, 2),
            "padded": (x, weight, None, 1, 1),
            "in words": (x, weight, None, 1, "same"),
            "grouped": (x, weight[:, :1], None, 1, 0, 1, 4),
            "3 x 3": (x, weight.expand(4, 4, 3, 3)),
            "many pictures": (x.repeat(8, 1, 1, 1), weight),
            "one without an axis": (x[0], weight),
            "doubles": (x.double(), weight.double()),
        }
        for name, given in asked.items():
            found = by_onednn(*given)
            assert by_itself(found), name
            assert torch.equal(found, F.conv2d(*given)), name
    with threads(2):
        assert by_itself(by_onednn(x, weight))


class Pair(nn.Module):
    """A convolution and its normalisation, and one that is not of 1 x 1."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.norm, self.three = nn.Conv2d(3, 8, 1), nn.BatchNorm2d(8), nn.Conv2d(8, 8, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.three(self.norm(self.one(x)).relu())


def test_the_twin_in_float32_runs_them_and_that_in_bfloat16_does_not():
    torch.manual_seed(7)
    model, x = Pair().eval().requires_grad_(False), torch.randn(2, 3, 8, 8)

    def run(module: nn.Module, batch: Tensor) -> Any:
        return module(batch)

    light = merged(model, [("one", "norm")], x, run)
    assert light is not model
    assert isinstance(light.one, Alone)
    assert not isinstance(light.three, Alone)
    assert type(model.one) is nn.Conv2d
    with threads(1):
        torch.testing.assert_close(light(x), model(x), rtol=1e-4, atol=1e-5)
    assert not isinstance(reduced(light, x, run).one, Alone)
    assert alone(nn.Conv2d(4, 4, 1, groups=2)) is alone(nn.Linear(4, 4)) is alone(nn.Conv2d(4, 4, 1).double()) is None
