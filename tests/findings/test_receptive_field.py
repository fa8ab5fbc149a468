"""Receptive field beside the input: by hand for small stacks."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torchvision
from torch import nn

from generator.findings.words import percent
from tests.findings.planted import at, evidence_of, judged, refused
from tests.model.test_model_zoo import build


def averaged(depth: int, kernel: int = 3) -> nn.Sequential:
    """`depth` convolutions without padding loss, then the mean and a linear head: a field of 1 + depth * (kernel - 1)."""
    parts: list[nn.Module] = []
    for k in range(depth):
        parts += [nn.Conv2d(4 if k else 3, 4, kernel, padding=kernel // 2), nn.ReLU()]
    return nn.Sequential(*parts, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 10))


@pytest.mark.parametrize(("side", "severity"), [(5, "fine"), (6, "note"), (40, "note"), (41, "warning")])
def test_an_averaged_field_below_the_input(side: int, severity: str):
    """Two 3 x 3 convolutions see 5 pixels: an eighth of 40."""
    found = judged("receptive_field", evidence_of(averaged(2), shape=(3, side, side)))
    assert found.severity == severity
    if severity != "fine":
        assert at(found, "3").text == f"5 × 5 pixels of the image's {side} × {side}"


def test_the_smaller_side_counts():
    found = judged("receptive_field", evidence_of(averaged(2), shape=(3, 4, 41)))
    assert found.severity == "warning"


@pytest.mark.parametrize(
    ("depth", "late", "severity"), [(4, 0, "fine"), (5, 1, "note"), (8, 4, "note"), (9, 5, "note")]
)
def test_convolutions_that_read_what_sees_all(depth: int, late: int, severity: str):
    """At 9 pixels the fourth convolution sees all: the fifth is the first that reads such units."""
    found = judged("receptive_field", evidence_of(averaged(depth), shape=(3, 9, 9)))
    assert found.severity == severity
    assert len(found.places) == late
    if late:
        assert f"{late} of {depth} convolutions" in found.evidence
        assert found.places[0].text == "reads units that see 9 × 9"


@pytest.mark.parametrize(
    ("settings", "height", "width"),
    [
        ({"kernel_size": 3, "padding": 1}, 1, 1),
        ({"kernel_size": 3, "padding": 1}, 1, 4),
        ({"kernel_size": 3, "padding": 1}, 2, 2),
        ({"kernel_size": 3, "padding": 1, "stride": 2}, 2, 2),
        ({"kernel_size": (1, 7), "padding": (0, 3)}, 5, 3),
        ({"kernel_size": 3, "padding": 6, "dilation": 6}, 6, 7),
        ({"kernel_size": 3, "padding": "same", "dilation": 4}, 4, 5),
        ({"kernel_size": 5, "padding": 2, "groups": 2}, 2, 9),
        ({"kernel_size": 3}, 3, 3),
    ],
)
def test_weights_that_meet_padding_alone_are_those_that_no_gradient_reaches(
    settings: dict[str, Any], height: int, width: int
):
    conv = nn.Conv2d(4, 4, **settings)
    conv(torch.ones(1, 4, height, width)).sum().backward()
    assert conv.weight.grad is not None
    share = float((conv.weight.grad == 0).float().mean())
    model = nn.Sequential(nn.Conv2d(3, 4, 1), conv)
    found = judged("receptive_field", evidence_of(model, shape=(3, height, width)))
    first, own = 3 * 4, conv.weight.numel()
    whole = own * share / (first + own)
    assert (f"{percent(whole)} of the convolutions' weights meet nothing but padding" in found.evidence) == (share > 0)
    assert found.severity == ("warning" if whole > 0.25 else "note" if share else "fine")
    if share:
        assert f"{percent(share)} of its weights meet padding alone" in at(found, "1").text


@pytest.mark.parametrize("settings", [{"padding_mode": "reflect"}, {"padding_mode": "circular"}])
def test_padding_that_is_image_wastes_nothing(settings: dict[str, Any]):
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1, **settings), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)
    )
    assert judged("receptive_field", evidence_of(model, shape=(3, 2, 2))).severity == "fine"


def test_a_network_on_images_far_too_small_for_it_is_warned_of():
    """ResNet-18 at 32 pixels: its last stage slides over one place, so that eight of nine weights there are padding's."""
    found = judged("receptive_field", evidence_of(torchvision.models.resnet18(), shape=(3, 32, 32)))
    assert found.severity == "warning"
    assert at(found, "layer4.1.conv2").text.endswith("89\u202f% of its weights meet padding alone")
    # 5/9 of 512 x 256 x 9, and 8/9 of 512 x 512 x 9 three times, of 11.17 million
    assert "62\u202f% of the convolutions' weights" in found.evidence


@pytest.mark.parametrize(
    ("name", "side"),
    [
        ("convnext_tiny", 224),
        ("densenet121", 224),
        ("densenet201", 224),
        ("efficientnet_b0", 224),
        ("googlenet", 224),
        ("inception_v3", 299),
        ("mobilenet_v3_small", 224),
        ("resnet152", 224),
        ("squeezenet1_1", 224),
        ("vgg11_bn", 224),
    ],
)
def test_sound_networks_at_their_own_size_are_not_warned_of(name: str, side: int):
    found = judged("receptive_field", evidence_of(build(name), shape=(3, side, side)))
    assert found.severity in ("fine", "note"), found.evidence
    assert "padding" not in found.evidence


def test_a_pointwise_convolution_looks_at_nothing_further():
    model = averaged(4)
    model.insert(8, nn.Conv2d(4, 4, 1))
    assert judged("receptive_field", evidence_of(model, shape=(3, 9, 9))).severity == "fine"


def test_a_head_that_reads_all_places_is_not_judged():
    model = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.Flatten(), nn.Linear(4 * 32 * 32, 10))
    found = judged("receptive_field", evidence_of(model, shape=(3, 32, 32)))
    assert found.severity == "fine"
    assert "no plain average" in found.evidence


class Squeezed(nn.Module):
    """Channels weighted by their means over the whole map: from there on each unit sees all."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.gate, self.last = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 1)
        self.pool, self.fc = nn.AdaptiveAvgPool2d(1), nn.Linear(4, 10)

    def forward(self, x):  # type: ignore[no-untyped-def]
        x = self.conv(x)
        x = self.last(x * self.gate(self.pool(x)).sigmoid())
        return self.fc(self.pool(x).flatten(1))


def test_units_behind_a_global_gate_see_the_whole_image():
    found = judged("receptive_field", evidence_of(Squeezed(), shape=(3, 32, 32)))
    assert found.severity == "fine"
    assert found.evidence == "The units of `last` see the whole image."


def test_what_cannot_be_judged_is_said():
    assert refused("receptive_field", evidence_of(nn.Sequential(nn.MaxPool2d(2)), shape=(3, 8, 8))).startswith(
        "the model"
    )


def test_a_share_that_is_written_in_words_begins_its_sentence_in_capitals():
    """Of a depthwise 3 x 3 kernel over one place eight weights of nine, 32 in all, beside 200,000 others."""
    model = nn.Sequential(
        nn.Conv2d(3, 512, 1), nn.Conv2d(512, 512, 1), nn.Conv2d(512, 4, 8), nn.Conv2d(4, 4, 3, padding=1, groups=4)
    )
    found = judged("receptive_field", evidence_of(model, shape=(3, 8, 8)))
    assert ". Less than 0.1\u202f% of the convolutions' weights meet nothing but padding" in found.evidence
