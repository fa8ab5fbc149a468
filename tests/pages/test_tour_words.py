"""The tour's sentences against torch itself, and its columns for networks from small to a ResNet-152: nothing left out."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import torchvision
from torch import nn

from generator.diagrams.architecture import Op
from generator.diagrams.from_graph import from_graph
from generator.model.describe import describe
from generator.pages.environment import strings
from generator.pages.tour import ROOM, ending
from generator.pages.tour_columns import MANY, Tour, tour_of
from generator.pages.tour_words import (
    again,
    depth,
    lessons,
    padding,
    repeated,
    sentence,
    shuffles,
    sides,
    together,
    window,
)
from tests.pages.fixture_report import tiny_report

KERNEL = " A kernel is a small window of weights: numbers that were found in training, that is, learned. Wherever it lies, the numbers under it are multiplied by the weights and added up (a dot product): large where the picture looks like the kernel."
T = strings((Path(__file__).resolve().parents[2] / "site_config",), "en")
QUICK = ("conv", "act", "block")
"""Kinds of layers with a page in the preset quick."""


def tour(module: nn.Module, *kinds: str, size: int = 64, channels: int = 3) -> tuple[Tour, Any]:
    """The tour of a network whose layers of these kinds have a page, and its description."""
    found = describe(module.eval(), (channels, size, size))
    it = from_graph(found.graph, "net", parameters=found.parameters, layers=tuple(found.by_name))
    views = [SimpleNamespace(layer=one) for one in found.layers if one.kind in kinds]
    report: Any = SimpleNamespace(
        architecture=it, layers=views, input_shape=(channels, size, size), classes=10, title="net"
    )
    return tour_of(report), found


def reached(found: Tour) -> list[str]:
    """The layers that a column stands for."""
    return [str(v.layer.name) for one in found.columns if one.view for v in (one.view, *one.same)]


CONVS = [
    (nn.Conv2d(3, 5, 3, stride=2, padding=1), "5 kernels of 3 × 3 slide over all 3 maps at once, in steps of 2: each makes one new map of 16 × 16."),
    (nn.Conv2d(3, 5, (3, 5), stride=(1, 2)), "5 kernels of 3 × 5 slide over all 3 maps at once, in steps of 1 × 2: each makes one new map of 30 × 14."),
    (nn.Conv2d(3, 7, 1), "7 kernels of 1 × 1 look at one place at a time and mix what the 3 maps say there: each makes one new map of 32 × 32."),
    (nn.Conv2d(3, 3, 3, padding=1, groups=3), "Each of the 3 maps has a kernel of 3 × 3 to itself, which slides over that map alone, place by place: 3 maps of 32 × 32, none mixed with another."),
    (nn.Conv2d(3, 6, 3, padding=1, groups=3), "Each of the 3 maps has 2 kernels of 3 × 3 to itself, which slide over that map alone, place by place: 6 maps of 32 × 32, none mixed with another."),
    (nn.MaxPool2d(2), "Of every window of 2 × 2, in steps of 2, only the largest value stays: maps of 32 × 32 become maps of 16 × 16."),
    (nn.AvgPool2d(3, stride=1), "Every window of 3 × 3, place by place, becomes its mean: maps of 32 × 32 become maps of 30 × 30."),
    (nn.AdaptiveAvgPool2d(1), "Each of the 3 maps of 32 × 32 becomes one number, its mean: how much of what its unit looks for is anywhere in the picture."),
    (nn.ReLU(), "ReLU, a rectifier, sets every value below zero to zero and leaves the rest as it is."),
    (nn.ReLU6(), "ReLU6, a rectifier with a cap, sets every value below zero to zero, and none may pass its cap."),
    (nn.SiLU(), "SiLU bends every value by one curve, each by itself."),
    (nn.BatchNorm2d(3), "Batch normalisation subtracts from each map its mean over the training pictures and divides by the spread there; then it stretches by a learned factor (gamma, γ) and shifts by a learned number (beta, β), two numbers of each map's own. So the range of a map may grow as well as shrink: it becomes the one that was learned."),
    (nn.LocalResponseNorm(3), "Every value is divided by what the channels around it say at the same place: where many of them are on, each counts less."),
    (nn.MaxPool2d(1, stride=2), "Of the places only some stay, in steps of 2, and none is looked at but itself: maps of 32 × 32 become maps of 16 × 16."),
    (nn.Upsample(scale_factor=1), "Maps of another size would be drawn at the size of others here; these have it already: 32 × 32."),
    (nn.Upsample(scale_factor=2), "Every map is drawn at another size: 32 × 32 becomes 64 × 64."),
    (nn.ConvTranspose2d(3, 4, 2, stride=2), "4 kernels of 2 × 2 are stamped onto larger maps, each as strongly as the place says that it stands for: maps of 32 × 32 become 4 maps of 64 × 64."),
]  # fmt: skip


@pytest.mark.parametrize(
    ("module", "said"), CONVS, ids=lambda one: type(one).__name__ if isinstance(one, nn.Module) else ""
)
def test_a_sentence_says_what_torch_does(module: nn.Module, said: str):
    body = nn.Sequential(nn.Conv2d(3, 3, 1), module, nn.Conv2d(len(module.weight) if isinstance(module, nn.Conv2d) else 4 if isinstance(module, nn.ConvTranspose2d) else 3, 2, 1)).eval()  # fmt: skip
    found = describe(body, (3, 32, 32))
    it = from_graph(found.graph, "net", parameters=found.parameters, layers=tuple(found.by_name))
    op = next(op for op in it.ops if op.id == "1")
    text = sentence(T, op, [edge.shape for edge in it.inputs_of["1"]])
    assert text == said
    out = module(torch.zeros(1, 3, 32, 32))
    if not isinstance(module, (nn.ReLU, nn.ReLU6, nn.SiLU, nn.BatchNorm2d, nn.AdaptiveAvgPool2d, nn.LocalResponseNorm)):
        assert f"{out.shape[1]} " in text or isinstance(module, (nn.MaxPool2d, nn.AvgPool2d, nn.Upsample))
        assert f"{out.shape[2]} × {out.shape[3]}" in text, "the size that torch gives"


def test_the_first_convolution_slides_over_the_picture_itself():
    found, _ = tour(nn.Sequential(nn.Conv2d(3, 32, 3, stride=2, padding=1), nn.ReLU()), "conv", "act", size=224)
    from generator.pages.tour_words import first_conv

    column = found.columns[1]
    assert column.op is not None
    assert first_conv(T, column.op, column.reads) == "32 kernels of 3 × 3 slide over the picture in steps of 2: each makes one map of 112 × 112, called a feature map, adding up at every place a number from red, one from green and one from blue." + KERNEL  # fmt: skip
    gray, _ = tour(nn.Sequential(nn.Conv2d(1, 4, 3)), "conv", channels=1)
    assert gray.columns[1].op is not None
    assert first_conv(T, gray.columns[1].op, gray.columns[1].reads) == "4 kernels of 3 × 3 slide over the picture place by place: each makes one map of 62 × 62, called a feature map." + KERNEL  # fmt: skip


def ops_of(module: nn.Module, shape: tuple[int, int, int]) -> list[tuple[Any, list[Any]]]:
    """The operations of a network with the shapes that each reads."""
    found = describe(module.eval(), shape)
    it = from_graph(found.graph, "net", parameters=found.parameters, layers=tuple(found.by_name))
    return [(op, [edge.shape for edge in it.inputs_of[op.id]]) for op in it.ops]


def test_a_shuffle_says_that_channels_change_places():
    ops = ops_of(torchvision.models.shufflenet_v2_x0_5(), (3, 64, 64))
    said = {op.id: sentence(T, op, reads) for op, reads in ops if op.kind == "reshape" and shuffles(op, reads)}
    assert len(said) == 16, "one a unit"
    assert "the 48 maps, which stand in 2 groups, are dealt out in turn" in said["stage2.0.F.view@2"]


class Scaled(nn.Module):
    """A picture prepared by the model itself, and numbers worked on that are no maps."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.conv((x - 0.5) / 0.25).flatten(1)
        return (y.exp() * 2).sqrt().log1p().square().neg().clamp(min=-1)


def test_arithmetic_with_one_number_and_what_works_on_no_maps():
    ops = ops_of(Scaled(), (3, 16, 16))
    said = [sentence(T, op, reads) for op, reads in ops]
    assert "From every value a number of the model's own is taken." in said
    assert "Every value is divided by a number of the model's own." in said
    text, which = together(T, [op for op, _ in ops])
    assert text == "7 operations on numbers that are no maps: exp, mul, sqrt, log1p, square, neg, clamp."
    assert len(which) == 7
    boxes = [
        replace(ops[-2][0], id=str(k), op=name) for k, name in enumerate(("exp", "F.nms", "stack", "sub", "topk", "gt"))
    ]
    assert (
        together(T, boxes, last=True)[0] == "6 operations on numbers that are no maps: nms, topk, exp, stack, sub, gt."
    )
    assert together(T, [op for op, _ in ops][-4:]) == ("", frozenset()), "few are told one by one"


def test_a_window_lies_where_the_operation_reads():
    pad = Op("x", "conv", "Conv2d", (4, 8, 8), attributes=(("kernel", "3×5"), ("stride", "2"), ("padding", "top 0, bottom 1, left 1, right 2"), ("dilation", "2×1"), ("channels", "6 → 4"), ("groups", "2")))  # fmt: skip
    assert window(pad) == {"k": [3, 5], "s": [2, 2], "p": [0, 1], "d": [2, 1]}
    assert depth(pad) == 3
    assert window(replace(pad, op="ConvTranspose2d")) is None, "it does not read by windows"
    assert window(Op("x", "act", "ReLU", (4, 8, 8))) is None
    assert (sides("3x3"), sides("7"), sides("")) == ((3, 3), (7, 7), None)
    assert (padding("1"), padding("2×0"), padding("top 3, bottom 0, left 1, right 0")) == ((1, 1), (2, 0), (3, 1))


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v2", "googlenet", "densenet121", "vit_b_16"])
@pytest.mark.parametrize(
    "kinds", [QUICK, ("conv",), ("conv", "norm", "act", "pool", "block", "merge", "attention", "linear", "other")]
)
def test_every_layer_with_a_page_is_reached_once(name: str, kinds: tuple[str, ...]):
    module = getattr(torchvision.models, name)(**({"init_weights": False} if name == "googlenet" else {}))
    found, described = tour(module, *kinds, size=224 if name == "vit_b_16" else 64)
    names = reached(found)
    assert sorted(names) == sorted(str(one.name) for one in described.layers if one.kind in kinds)
    assert [one.role for one in (found.columns[0], found.columns[-1])] == ["image", "answer"]
    at = [one.at for one in found.columns[1:-1]]
    assert at == sorted(at), "in order of execution"
    assert [k for group in found.groups for k in range(group.first, group.stop)] == list(range(len(found.columns)))


def test_a_resnet_152_folds_and_every_copy_can_be_opened():
    found, described = tour(torchvision.models.resnet152(), *QUICK)
    assert found.folds
    kin, *exact = found.runs
    assert (kin.times, kin.alike) == (49, False), "50 blocks: the first, the second, and 48 of the same operations"
    assert [run.times for run in exact] == [7, 35, 2], "of 8, 36 and 3 blocks, the first of each by itself"
    seen = [one for one in found.columns if not one.copies]
    assert len(seen) < MANY < len(found.columns)
    assert max(len([*one.copies]) for one in found.columns) == 2, "a repetition may stand in another"
    assert all(one.copies[0] == 0 for one in found.columns if one.copies), "the outer one first"
    for number, run in list(enumerate(found.runs))[1:]:
        hidden = [one for one in found.columns if number in one.copies]
        first = found.columns[run.after - len(hidden) // (run.times - 1) + 1 : run.after + 1]
        assert len(hidden) == len(first) * (run.times - 1)
        shapes = [one.view.layer.shape if one.view else None for one in hidden]
        assert shapes == [one.view.layer.shape if one.view else None for one in first] * (run.times - 1), (
            "copies are alike"
        )
    assert sorted(reached(found)) == sorted(str(one.name) for one in described.layers if one.kind in QUICK)


def test_what_has_no_page_is_gathered_or_told_with_the_one_before():
    body = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))  # fmt: skip
    found, _ = tour(body, "conv")
    assert [one.role for one in found.columns] == ["image", "layer", "between", "layer", "between", "between", "answer"]
    assert [op.id for op in found.columns[2].ops] == ["1", "2", "3"]
    ends = [[op.kind for op in one.ops] for one in found.columns[4:]]
    assert ends == [["pool"], ["reshape", "linear"], []], "pooling, scores and shares are a step each"
    found, _ = tour(body, "conv", "act")
    assert [one.role for one in found.columns] == ["image", "layer", "layer", "between", "layer", "between", "between", "answer"]  # fmt: skip
    assert [op.id for op in found.columns[1].also] == ["1"], "a normalisation is told with its convolution"


def test_each_lesson_is_given_once_where_it_is_first_shown():
    found, _ = tour(torchvision.models.mobilenet_v2(), *QUICK)
    given = lessons(found.columns, (3, 64, 64))
    every = [key for some in given for key in some]
    assert len(every) == len(set(every))
    assert {
        "image",
        "kernel",
        "unit",
        "smaller",
        "point",
        "depthwise",
        "norm",
        "act",
        "skip",
        "field",
        "sum",
        "pool_all",
        "linear",
        "softmax",
    } == set(every)
    assert given[0] == ["image"] and given[-1] == ["softmax"]
    for key in every:
        assert re.fullmatch(r".+\|.+", str(T.table["tour"]["lesson"][key])), "a heading and a text"


def test_a_lesson_is_given_where_it_is_in_sight():
    found, _ = tour(torchvision.models.mobilenet_v2(), *QUICK, size=224)
    assert found.folds
    for folded in (False, True):
        given = lessons(found.columns, (3, 224, 224), folded=folded)
        at = next(k for k, keys in enumerate(given) if "field" in keys)
        assert bool(found.columns[at].copies) == (not folded)


def test_blocks_of_the_same_operations_fold_whatever_their_size():
    found, _ = tour(torchvision.models.mobilenet_v2(), *QUICK)
    kin = [run for run in found.runs if not run.alike]
    assert kin and found.folds
    seen = [one for one in found.columns if not one.copies]
    assert len(seen) <= 26 < 60 < len(found.columns)
    blocks = {one.view.layer.name.split(".")[1] for one in seen if one.view and one.view.layer.name.count(".") > 2}
    assert {"1", "2", "3"} <= blocks, "the first without expansion, the first with it, the first that is added to"


def test_what_is_no_classifier_ends_in_one_step():
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.a, self.b = nn.Conv2d(3, 4, 3), nn.Linear(4, 2), nn.Linear(4, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = self.conv(x).mean((2, 3))
            return torch.cat([self.a(y), self.b(y)], 1)

    found, _ = tour(Two(), "conv")
    assert [one.role for one in found.columns] == ["image", "layer", "answer"]
    assert lessons(found.columns, (3, 64, 64))[-1] == ["answer"]


def test_without_a_graph_the_layers_stand_in_order(tmp_path: Path):
    report = replace(tiny_report(tmp_path / "store"), architecture=None)
    found = tour_of(report)
    assert reached(found) == [str(view.layer.name) for view in report.layers]
    assert [one.role for one in found.columns] == ["image", *["layer"] * 4, "answer"]


@pytest.mark.parametrize(
    ("name", "head"),
    [
        ("conv1", "conv1"),
        ("layers.encoder_layer_0.ln_1", "…encoder_layer_0.ln_1"),
        ("layers.encoder_layer_11.mlp.3", "…encoder_layer_11.mlp.3"),
        ("a_module_of_so_long_a_name_that_it_has_no_room", "a_module_of_so_long_a_name_that_it_has_no_room"),
        ("x.a_module_of_so_long_a_name_that_it_has_no_room", "…a_module_of_so_long_a_name_that_it_has_no_room"),
    ],
)
def test_the_end_of_a_long_name_stands_over_its_column(name: str, head: str):
    assert ending(name, ROOM) == head


def test_what_was_explained_is_told_briefly_from_then_on():
    found, _ = tour(torchvision.models.mobilenet_v2(), *QUICK)
    for folded in (False, True):
        known = repeated(found.columns, folded=folded)
        ops = [(op, op.id in known[k], bool(one.copies)) for k, one in enumerate(found.columns) for op in (*one.ops, *one.also)]  # fmt: skip
        for kind in ("norm", "act"):
            whole = [copies for op, short, copies in ops if op.kind == kind and not short]
            assert len(whole) == 1, "in full once"
            assert sum(op.kind == kind for op, *_ in ops) > 20
            assert not whole[0] or not folded, "where it is in sight"
        assert not any(short for op, short, _ in ops if op.kind not in ("norm", "act"))
    norm = Op("n", "norm", "BatchNorm2d", (16, 8, 8))
    assert (
        again(T, norm) == "Batch normalisation again: each of the 16 maps has a mean, a spread, a γ and a β of its own."
    )
    assert again(T, norm, (-0.25, 21.44)) == "Batch normalisation again: of the 16 maps the numbers are multiplied by −0.25 to 21.4, each map's by a factor of its own, and shifted. A factor below zero turns a map round: what was highest in it becomes lowest."  # fmt: skip
    assert again(T, norm, (0.25, 21.44)).endswith("and shifted."), "nothing is turned round"
    assert again(T, Op("a", "act", "ReLU6", (16, 8, 8))) == "ReLU6 again, on 16 maps: what is below zero becomes zero, what is above the cap becomes the cap."  # fmt: skip
    assert again(T, Op("a", "act", "F.relu_", (16, 8, 8))) == "relu again, on 16 maps: what is below zero becomes zero."
