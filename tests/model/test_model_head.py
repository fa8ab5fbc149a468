"""What the scores of a model are, told from its output and from the operation that made them."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from generator.engine.invoke import Invocation, invocation_for
from generator.engine.output import Readout
from generator.errors import UserError
from generator.model.describe import describe
from generator.names import LayerName

Named = namedtuple("Named", ["features", "logits"])


@dataclass
class Answer:
    logits: Tensor
    features: Tensor


class Ends(nn.Module):
    """Two convolutions, an average, a linear layer of `outputs`, and whatever `end` makes of its output."""

    def __init__(self, end: Callable[[Tensor], Any], outputs: int = 5) -> None:
        super().__init__()
        self.conv, self.last, self.end = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3), end
        self.fc = nn.Linear(4, outputs)

    def forward(self, x: Tensor) -> Any:
        return self.end(self.fc(self.last(self.conv(x).relu()).relu().mean((2, 3))))


KINDS: dict[str, tuple[Callable[[Tensor], Any], int, Readout, int]] = {
    "logits": (lambda y: y, 5, Readout(), 5),
    "softmax": (lambda y: y.softmax(1), 5, Readout(activated=True), 5),
    "softmax module": (nn.Softmax(-1), 5, Readout(activated=True), 5),
    "log softmax": (lambda y: y.log_softmax(1), 5, Readout(), 5),
    "softmax over images": (lambda y: y.softmax(0), 5, Readout(), 5),
    "sigmoid": (lambda y: y.sigmoid(), 5, Readout("multilabel", activated=True), 5),
    "sigmoid module": (nn.Sigmoid(), 5, Readout("multilabel", activated=True), 5),
    "rectified": (nn.ReLU(), 5, Readout(), 5),
    "one logit": (lambda y: y, 1, Readout("binary"), 2),
    "one logit, squeezed": (lambda y: y.squeeze(1), 1, Readout("binary"), 2),
    "one probability": (lambda y: y.sigmoid()[:, 0].unsqueeze(1), 1, Readout("binary", activated=True), 2),
    "one probability, squeezed": (lambda y: y.sigmoid().squeeze(1), 1, Readout("binary", activated=True), 2),
    "dict": (lambda y: {"aux": y[:, :2], "logits": y}, 5, Readout(), 5),
    "dict without names": (lambda y: {"a": y, "b": y[:, :2]}, 5, Readout(), 5),
    "tuple": (lambda y: (y, None), 5, Readout(), 5),
    "named tuple": (lambda y: Named(y[:, :2], y.sigmoid()), 5, Readout("multilabel", activated=True), 5),
    "dataclass": (lambda y: Answer(y.softmax(1), y[:, :2]), 5, Readout(activated=True), 5),
    "places": (lambda y: y[:, :, None, None].expand(-1, -1, 6, 6), 5, Readout("segmentation"), 5),
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_readout_is_found(kind: str) -> None:
    end, outputs, readout, classes = KINDS[kind]
    found = describe(Ends(end, outputs).eval(), (3, 10, 12))
    assert found.readout == readout
    assert found.classes == found.facts.classes == classes


def test_what_the_caller_says_wins() -> None:
    model = Ends(lambda y: {"a": y.sigmoid(), "b": (y[:, :2], y[:, :1])})
    assert describe(model, (3, 9, 9), head="regression").readout == Readout("regression", activated=True)
    assert describe(model, (3, 9, 9), output="b.0").readout == Readout(output="b.0")
    assert describe(model, (3, 9, 9), output="b.0").classes == 2
    assert describe(model, (3, 9, 9), output="b.1").readout == Readout("binary", "b.1")
    told = Readout("multilabel", "b.0")
    assert describe(model, (3, 9, 9), readout=told, head="regression", output="a").readout == told
    with pytest.raises(UserError, match=r"model\.output: there is no `c`"):
        describe(model, (3, 9, 9), output="c")
    with pytest.raises(UserError, match=r"one number an image for model\.head: binary, .* received 1 x 5"):
        describe(model, (3, 9, 9), head="binary")


def test_without_scores_there_are_layers_and_a_sentence() -> None:
    for end in (lambda y: None, lambda y: [{"boxes": None}], lambda y: "words"):
        found = describe(Ends(end), (3, 9, 9))
        assert (found.classes, len(found.notes), len(found.layers)) == (0, 1, 4)
        assert "say in model.output where they stand" in found.notes[0]
        assert "; methods that need a target do not apply." in found.notes[0]
    odd = describe(Ends(lambda y: y[0]), (3, 9, 9))
    assert (odd.classes, odd.notes) == (0, ("the model gives 5 rows of scores for one image.",))
    deep = describe(Ends(lambda y: y[:, None]), (3, 9, 9))
    assert (deep.classes, "(n, classes)" in deep.notes[0]) == (0, True)


class Detects(nn.Module):
    """One box an image, of label 2."""

    def __init__(self, classes: int | None) -> None:
        super().__init__()
        self.net = Ends(lambda y: y)
        if classes is not None:
            self.num_classes = classes

    def forward(self, x: Tensor) -> list[dict[str, Tensor]]:
        boxes = torch.tensor([[0.0, 0.0, 4.0, 4.0]])
        return [{"boxes": boxes, "labels": torch.tensor([2]), "scores": y[2:3].sigmoid()} for y in self.net(x)]


@pytest.mark.parametrize(("classes", "expected"), [(7, 7), (None, 91)])
def test_boxes_are_a_detector_s_however_it_is_called(classes: int | None, expected: int) -> None:
    found = describe(Detects(classes), (3, 9, 9))
    assert found.readout == Readout("detection", classes=expected)
    assert (found.classes, found.invocation.as_list) == (expected, False)


def test_only_torchvision_s_detectors_take_a_list() -> None:
    from torchvision.models.detection import fcos_resnet50_fpn, retinanet_resnet50_fpn, ssd300_vgg16

    for build in (fcos_resnet50_fpn, retinanet_resnet50_fpn, ssd300_vgg16):
        with torch.device("meta"):
            assert invocation_for(build(weights=None, weights_backbone=None)).as_list
    assert not invocation_for(Detects(3)).as_list


class Averaged(nn.Module):
    """Tokens, `prefix` of them in front of the places, averaged over the places or over all."""

    def __init__(self, prefix: int, every: bool = False) -> None:
        super().__init__()
        self.patch, self.norm, self.fc = nn.Conv2d(3, 8, 4, stride=4), nn.LayerNorm(8), nn.Linear(8, 5)
        self.token, self.every = nn.Parameter(torch.randn(1, prefix, 8)), every

    def forward(self, x: Tensor) -> Tensor:
        y = self.patch(x).flatten(2).transpose(1, 2)
        y = self.norm(torch.cat((self.token.expand(len(y), -1, -1), y), dim=1))
        return self.fc(y.mean(1) if self.every else y[:, self.token.shape[1] :].mean(1))


class ChannelsLast(Averaged):
    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.norm(self.patch(x).permute(0, 2, 3, 1)).mean((1, 2)))


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (Averaged(0), "norm"),
        (Averaged(1), "norm"),
        (Averaged(3), "norm"),
        (Averaged(1, every=True), None),
        (ChannelsLast(1), "norm"),
    ],
    ids=["tokens", "class token", "three in front", "class token averaged too", "channels last"],
)
def test_an_averaged_layer_may_have_its_channels_last(model: nn.Module, expected: str | None) -> None:
    found = describe(model.eval(), (3, 16, 12))
    assert found.facts.head_layer == expected


class Two(nn.Module):
    """An image, and numbers beside it that are mixed into its maps."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.side, self.fc = nn.Conv2d(3, 4, 3), nn.Conv2d(1, 4, 3), nn.Linear(4, 5)

    def forward(self, x: Tensor, scale: Tensor, other: Tensor) -> Tensor:
        maps = self.conv(x) * scale[:, :, None, None] + self.side(other)
        return self.fc(maps.relu().mean((2, 3)))


def test_what_is_made_of_further_inputs_alone_is_no_layer() -> None:
    extras = {"scale": torch.rand(4), "other": torch.rand(1, 9, 9)}
    found = describe(Two().eval(), (3, 9, 9), invocation=Invocation(extras))
    assert [layer.name for layer in found.layers] == ["conv", "F.mul", "F.add", "F.relu"]
    assert found.by_name[LayerName("F.add")].inputs == ("F.mul",)
    assert (found.classes, found.facts.head_layer) == (5, "F.relu")
    assert found.invocation.extras is extras


@pytest.mark.parametrize("extras", [{}, {"scale": torch.rand(4), "othr": torch.rand(1, 9, 9)}])
def test_further_inputs_that_are_missing_are_named(extras: dict[str, Tensor]) -> None:
    with pytest.raises(UserError, match=r"takes other inputs than one image .*othe?r.*model\.inputs") as raised:
        describe(Two(), (3, 9, 9), invocation=Invocation(extras))
    assert "\n" not in str(raised.value)
