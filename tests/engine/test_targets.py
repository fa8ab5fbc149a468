"""Every kind of target: which classes it means, and the number that gradients start from; and every kind of head."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import generator
from generator.engine.output import Readout, at_path
from generator.engine.targets import function_of, resolve, value
from generator.errors import UserError
from generator.names import CallTarget, ClassTarget, GroupTarget, LayerName, RankTarget, TrueTarget, Unit
from generator.selectors import parse_target

SCORES = torch.tensor([[1.0, 5.0, 2.0], [4.0, 3.0, 4.0]])


@pytest.mark.parametrize(
    ("target", "classes", "values"),
    [
        (ClassTarget(2), [[2], [2]], [2.0, 4.0]),
        (RankTarget(1), [[1], [0]], [5.0, 4.0]),  # of equal scores, the lower index
        (RankTarget(2), [[2], [2]], [2.0, 4.0]),
        (GroupTarget("outer", (0, 2)), [[0, 2], [0, 2]], [3.0, 8.0]),
        (TrueTarget(), [[1], [2]], [5.0, 4.0]),
    ],
)
def test_classes_and_values_by_hand(target, classes, values):
    found = resolve(target, SCORES, truth=(1, 2))
    assert found.tolist() == classes
    assert value(target, found, SCORES, Readout(), {}).tolist() == values


def test_units_and_functions_are_no_classes():
    assert resolve(Unit(LayerName("conv"), 3), SCORES) is None
    assert resolve(CallTarget("a:b"), SCORES) is None


@pytest.mark.parametrize("target", [ClassTarget(3), RankTarget(4), GroupTarget("far", (0, 3)), TrueTarget()])
def test_a_class_that_the_model_has_not_is_refused(target):
    with pytest.raises(UserError, match="3"):
        resolve(target, SCORES, truth=(3, 0))


# ---- heads


def test_a_binary_head_is_two_classes_by_hand():
    readout, z = Readout("binary"), torch.tensor([[2.0], [-1.0]])
    scores = readout.scores(z)
    assert scores.tolist() == [[-2.0, 2.0], [1.0, -1.0]]
    yes = 1 / (1 + math.exp(-2))
    torch.testing.assert_close(readout.probabilities(scores)[0], torch.tensor([1 - yes, yes]))  # type: ignore[index]
    assert readout.values(z, torch.tensor([[1], [0]])).tolist() == [2.0, 1.0]


def test_a_multilabel_head_has_a_probability_a_label_by_hand():
    found = Readout("multilabel").probabilities(torch.tensor([[0.0, math.log(3)]]))
    torch.testing.assert_close(found, torch.tensor([[0.5, 0.75]]))


def test_a_regression_head_has_none():
    readout = Readout("regression")
    assert readout.scores(torch.tensor([3.0, 4.0])).tolist() == [[3.0], [4.0]]
    assert readout.probabilities(torch.tensor([[3.0]])) is None


def test_a_segmentation_head_starts_from_the_places_that_the_class_wins_by_hand():
    maps = torch.tensor([[[[4.0, 0.0]], [[1.0, 2.0]], [[-9.0, -9.0]]]])  # (1, 3, 1, 2): class 0 wins left, 1 right
    readout = Readout("segmentation")
    assert readout.values({"out": maps}, torch.tensor([[0]])).tolist() == [4.0]
    assert readout.values({"out": maps}, torch.tensor([[0, 1]])).tolist() == [6.0]
    assert readout.values({"out": maps}, torch.tensor([[2]])).tolist() == [-9.0]  # it wins nowhere: over all places
    torch.testing.assert_close(readout.scores({"out": maps}), maps.softmax(1).mean((2, 3)))


def test_a_detector_s_scores_are_those_of_the_best_boxes_by_hand():
    boxes = {"boxes": torch.zeros(3, 4), "labels": torch.tensor([2, 1, 2]), "scores": torch.tensor([0.5, 0.25, 0.75])}
    empty = {"boxes": torch.zeros(0, 4), "labels": torch.zeros(0, dtype=torch.long), "scores": torch.zeros(0)}
    readout = Readout("detection", classes=4)
    assert readout.scores([boxes, empty]).tolist() == [[0, 0.25, 0.75, 0], [0, 0, 0, 0]]
    assert readout.values([boxes, empty], torch.tensor([[2], [2]])).tolist() == [0.75, 0]


@dataclass
class Answer:
    """What many models return: named parts."""

    loss: None
    scores: Tensor


@pytest.mark.parametrize(
    ("output", "path"),
    [
        ({"aux": {"scores": SCORES}}, "aux.scores"),
        ((torch.zeros(2, 7), [SCORES]), "1.0"),
        (Answer(None, SCORES), "scores"),
    ],
)
def test_scores_are_found_where_the_configuration_says(output, path):
    assert at_path(output, path) is SCORES
    assert torch.equal(Readout(output=path).scores(output), SCORES)


@pytest.mark.parametrize("output", [{"a": 1}, (None, "x"), Answer(None, None), None])  # type: ignore[arg-type]
def test_an_output_without_scores_is_one_clear_error_that_names_the_option(output):
    with pytest.raises(UserError, match=r"model\.output"):
        Readout().scores(output)


def test_a_path_that_leads_nowhere_says_what_is_there():
    with pytest.raises(
        UserError, match=r"there is no `aux` in the model's output, which is a dict of logits \(2 x 3\)"
    ):
        Readout(output="aux").scores({"logits": SCORES})


def test_scores_of_another_shape_name_the_head():
    with pytest.raises(UserError, match=r"received 1 x 3 x 2 x 2: set model\.head"):
        Readout().scores(torch.zeros(1, 3, 2, 2))


# ---- functions


FUNCTION = """
def difference(output):
    return output[:, 1] - output[:, 0]

def wrong(output):
    return output

constant = 3
"""


class Net(nn.Module):
    """A convolution, a rectifier, global average pooling, a linear layer."""

    def __init__(self, classes: int = 3) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.fc = nn.Linear(4, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.conv(x).relu().mean((2, 3)))


@pytest.fixture
def net() -> Net:
    torch.manual_seed(3)
    return Net().eval()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "targets.py"
    path.write_text(FUNCTION, encoding="utf-8")
    return path


def test_a_function_of_the_output_is_a_target(net: Net, file: Path):
    x = torch.randn(2, 3, 8, 8)
    leaf = x.clone().requires_grad_()
    out = net(leaf)
    (wanted,) = torch.autograd.grad((out[:, 1] - out[:, 0]).sum(), leaf)
    torch.testing.assert_close(generator.attribute(net, x, "saliency", target=f"call:{file}:difference"), wanted)
    (target,) = parse_target(f"call:{file}:difference", None, 3)
    assert isinstance(target, CallTarget)
    assert len(target.digest) == 64


def test_a_changed_function_is_another_target(file: Path):
    before = parse_target(f"call:{file}:difference", None, 3)
    file.write_text(FUNCTION + "\n", encoding="utf-8")
    function_of.cache_clear()
    assert parse_target(f"call:{file}:difference", None, 3) != before


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nothing", "has no function `nothing`"),
        ("constant", "has no function `constant`"),
        ("wrong", r"expected one number an image, a tensor of shape \(n,\), received shape \(2, 3\)"),
    ],
)
def test_a_function_that_is_none_is_one_clear_error(net: Net, file: Path, name: str, said: str):
    with pytest.raises(UserError, match=said):
        generator.attribute(net, torch.zeros(2, 3, 8, 8), "saliency", target=f"call:{file}:{name}")


@pytest.mark.parametrize("text", ["call:", "call:no_module_of_this_name:f", "call:/nowhere/targets.py:f", "call:x"])
def test_a_function_that_cannot_be_imported_is_one_clear_error(text: str):
    with pytest.raises(UserError, match="call:"):
        parse_target(text, None, 3)


# ---- groups


GROUPS = {"pair": ("0", "zebra"), "range": ("1 - 2",), "empty": (), "far": ("2-3",)}


def test_a_group_is_labels_indices_and_ranges():
    labels = ("ant", "bee", "zebra")
    assert parse_target("group:pair", labels, 3, GROUPS) == (GroupTarget("pair", (0, 2)),)
    assert parse_target("group:range", labels, 3, GROUPS) == (GroupTarget("range", (1, 2)),)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("group:pairs", r"no group `pairs` \(the nearest: `pair`\)"),
        ("group:", "no group ``"),
        ("group:empty", "is empty"),
        ("group:far", "from 0 to 2, received 2-3"),
    ],
)
def test_a_group_that_is_none_is_one_clear_error(text: str, said: str):
    with pytest.raises(UserError, match=said):
        parse_target(text, ("ant", "bee", "zebra"), 3, GROUPS)


def test_a_group_s_gradient_is_the_sum_of_its_classes(net: Net):
    x = torch.randn(2, 3, 8, 8)
    one, other = (generator.attribute(net, x, "saliency", target=c) for c in (0, 2))
    both = generator.attribute(net, x, "saliency", target=GroupTarget("outer", (0, 2)))
    torch.testing.assert_close(both, one + other)  # type: ignore[operator]


def test_cam_of_a_group_is_the_sum_of_its_classes(net: Net):
    x = torch.randn(2, 3, 8, 8)
    maps = [
        generator.attribute(net, x, "cam", layers="F.relu", target=target)
        for target in (0, 2, GroupTarget("outer", (0, 2)))
    ]
    torch.testing.assert_close(maps[2]["F.relu"], maps[0]["F.relu"] + maps[1]["F.relu"])  # type: ignore[index]


def test_a_file_of_functions_may_hold_dataclasses(net: Net, tmp_path: Path):
    path = tmp_path / "with_records.py"
    path.write_text(
        "from __future__ import annotations\n\nfrom dataclasses import dataclass\n\n\n@dataclass\nclass Record:\n"
        "    weight: float = 2.0\n\n\ndef weighted(output):\n    return Record().weight * output[:, 0]\n",
        encoding="utf-8",
    )
    x = torch.randn(1, 3, 8, 8)
    twice = generator.attribute(net, x, "saliency", target=f"call:{path}:weighted")
    torch.testing.assert_close(twice, 2 * generator.attribute(net, x, "saliency", target=0))  # type: ignore[operator]
