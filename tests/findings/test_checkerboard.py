"""Checkerboard artefacts: transposed kernels that do not divide, and strides that pass over places."""

from __future__ import annotations

import pytest
import torch
import torchvision
from torch import Tensor, nn

from generator.findings.checkerboard import unevenness
from tests.findings.planted import at, evidence_of, judged, noise, refused


def up(weight: Tensor, stride: int) -> nn.Sequential:
    layer = nn.ConvTranspose2d(weight.shape[0], weight.shape[1], tuple(weight.shape[2:]), stride, bias=False)  # type: ignore[arg-type]
    with torch.no_grad():
        layer.weight.copy_(weight)
    return nn.Sequential(layer)


def test_unevenness_by_hand():
    """Taps (1, 2, 1) by stride 2: the even places get 1 + 1, the odd ones 2. Taps (1, 1, 1): 2 and 1, mean 1.5, 1/3 off."""
    even, odd = torch.tensor([[[[1.0, 2, 1]]]]), torch.tensor([[[[1.0, 1, 1]]]])
    assert unevenness(even, (1, 2)) == 0
    assert unevenness(odd, (1, 2)) == pytest.approx(0.5 / 1.5)


@pytest.mark.parametrize(
    ("kernel", "stride", "dilation"),
    [(3, 2, 1), (5, 2, 1), (4, 3, 1), (4, 2, 1), (4, 2, 2), (3, 2, 3), (4, 4, 2), (3, 6, 4)],
)
def test_unevenness_is_what_an_even_input_becomes(kernel: int, stride: int, dilation: int):
    """Far from the border, each channel by itself lit evenly: the deviation over a period of the output, by its mean."""
    W = noise(3, 2, kernel, kernel).double()  # (i, o, h, w), as torch keeps it
    spread = size = 0.0
    for channel in range(3):
        x = torch.zeros(1, 3, 12, 12).double()
        x[:, channel] = 1
        y = torch.nn.functional.conv_transpose2d(x, W, stride=stride, dilation=dilation)[0]
        start = 4 * stride
        period = y[:, start : start + stride, start : start + stride].flatten(1)
        size += float(period.mean(dim=1).square().sum())
        spread += float((period - period.mean(dim=1, keepdim=True)).square().mean(dim=1).sum())
    assert unevenness(W.transpose(0, 1), (stride, stride), (dilation, dilation)) == pytest.approx(
        (spread / size) ** 0.5
    )


def test_a_transposed_kernel_that_does_not_divide_is_a_warning():
    found = judged("checkerboard", evidence_of(up(torch.ones(2, 3, 3, 3), 2), shape=(2, 8, 8)))
    assert found.severity == "warning"
    assert at(found, "0").text.startswith("kernel 3 × 3, stride 2 × 2, unevenness ")
    assert "1 transposed convolution writes" in found.evidence


def test_weights_that_make_up_for_it_are_a_note():
    tap = torch.tensor([1.0, 2, 1])
    found = judged("checkerboard", evidence_of(up((tap[:, None] * tap)[None, None], 2), shape=(1, 8, 8)))
    assert found.severity == "note"


@pytest.mark.parametrize(("kernel", "severity"), [(2, "note"), (4, "note"), (3, "warning"), (5, "warning")])
def test_what_a_kernel_that_divides_learned_is_a_note_as_in_sound_decoders(kernel: int, severity: str):
    found = judged("checkerboard", evidence_of(up(noise(8, 4, kernel, kernel), 2), shape=(8, 8, 8)))
    assert found.severity == severity
    assert "1 transposed convolution writes" in found.evidence


def test_an_even_kernel_of_bilinear_weights_is_fine():
    tap = torch.tensor([1.0, 3, 3, 1])
    found = judged("checkerboard", evidence_of(up((tap[:, None] * tap)[None, None], 2), shape=(1, 8, 8)))
    assert found.severity == "fine"


def test_a_convolution_that_passes_over_what_nobody_else_reads():
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 1, 2))
    found = judged("checkerboard", evidence_of(model, shape=(3, 16, 16)))
    assert found.severity == "warning"
    assert at(found, "2").text == "kernel 1 × 1, stride 2 × 2"
    assert "1 convolution passes over places" in found.evidence and "nobody else reads these." in found.evidence


def test_the_shortcuts_of_a_resnet_are_a_note():
    """1 x 1 by stride 2 beside 3 x 3 by stride 2, which sees every place: three shortcuts."""
    found = judged("checkerboard", evidence_of(torchvision.models.resnet18(weights=None), shape=(3, 64, 64)))
    assert found.severity == "note"
    assert {place.layer for place in found.places} == {f"layer{k}.0.downsample.0" for k in (2, 3, 4)}
    assert "other layers read what is passed over" in found.evidence
    assert (
        "The gradients of 7 convolutions are chequered, as their kernels are" in found.evidence
    )  # 7 x 7, three 3 x 3, three 1 x 1


def test_the_gradients_of_one_convolution_are_told_of_one():
    model = nn.Sequential(nn.Conv2d(3, 8, 3, 2), nn.ReLU(), nn.Conv2d(8, 8, 2, 2))
    found = judged("checkerboard", evidence_of(model, shape=(3, 16, 16)))
    assert (
        "The gradients of 1 convolution are chequered, as its kernel is no multiple of its stride: mind"
        in found.evidence
    )


def test_what_cannot_be_judged_is_said():
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.MaxPool2d(2))
    assert "no convolution with a stride" in refused("checkerboard", evidence_of(model, shape=(3, 16, 16)))


def test_a_transposed_kernel_whose_taps_all_fall_on_every_other_place_is_a_warning():
    """4 x 4 taps, two places apart, stride 2: kernel and stride divide, and three quarters of the outputs get nothing."""
    layer = nn.ConvTranspose2d(2, 3, 4, 2, dilation=2, bias=False)
    nn.init.ones_(layer.weight)
    written = layer(torch.ones(1, 2, 8, 8))[0, 0, 8:14, 8:14]
    assert int((written == 0).sum()) == 27
    found = judged("checkerboard", evidence_of(nn.Sequential(layer), shape=(2, 8, 8)))
    assert found.severity == "warning"
    assert at(found, "0").text == "kernel 4 × 4, stride 2 × 2, dilation 2 × 2, unevenness 1.73"


@pytest.mark.parametrize(("dilation", "skips"), [(1, False), (2, True), (3, False), (4, True)])
def test_a_convolution_whose_taps_stand_apart_passes_over_what_no_gradient_reaches(dilation: int, skips: bool):
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 5, 3, 2, dilation=dilation))
    x = torch.rand(1, 4, 30, 30, requires_grad=True)
    model[2](x).sum().backward()
    assert x.grad is not None
    assert bool((x.grad[0, :, 12:18, 12:18] == 0).any()) == skips
    found = judged("checkerboard", evidence_of(model, shape=(3, 32, 32)))
    assert [place.layer for place in found.places] == (["2"] if skips else [])
    assert found.severity == ("warning" if skips else "fine")


class Blocked(nn.Module):
    """A block that passes over places: what it does so in is its own convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3)
        self.block = nn.Sequential(nn.Conv2d(8, 8, 1, 2), nn.BatchNorm2d(8), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        return self.block(self.stem(x))


def test_a_block_around_a_convolution_does_not_read_what_that_passes_over():
    evidence = evidence_of(Blocked(), shape=(3, 16, 16))
    assert {"stem"} == {
        name for layer in evidence.layers if layer.name in ("block", "block.0") for name in layer.inputs
    }
    assert judged("checkerboard", evidence).severity == "warning"
