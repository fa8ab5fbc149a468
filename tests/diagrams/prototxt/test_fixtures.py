"""The nets in inputs/prototxt: their totals as published, and every shape as torch gives it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from generator.diagrams.architecture import Architecture
from generator.diagrams.prototxt import phases, read
from generator.diagrams.simplify import at_depth, fused, without
from generator.images import scan
from generator.resources import packaged
from tests.diagrams.prototxt.oracle import Net, seen

FOLDER = packaged("inputs/prototxt")
NAMES = ("alexnet", "googlenet", "lenet", "unet_like", "vgg16")
SIZES = {"alexnet": (3, 227, 227), "googlenet": (3, 224, 224), "lenet": (1, 28, 28), "unet_like": (1, 252, 252), "vgg16": (3, 224, 224)}  # fmt: skip


def path(name: str) -> Path:
    return FOLDER / f"{name}.prototxt"


def net(name: str, phase: str = "TEST") -> Architecture:
    return read(path(name), phase)


def test_there_are_these_five_and_none_of_them_leaves_a_question():
    assert sorted(one.stem for one in FOLDER.iterdir()) == sorted(NAMES)
    for name in NAMES:
        for phase in ("TRAIN", "TEST"):
            it = net(name, phase)
            assert it.notes == ()
            assert all(op.shape for op in it.ops if op.kind != "output")
            assert not [op.id for op in it.ops if "?" in op.op or op.note]


@pytest.mark.parametrize(
    ("name", "parameters", "macs"),
    [
        ("lenet", 431_080, 2_293_000),
        ("alexnet", 60_965_224, 724_406_816),
        ("vgg16", 138_357_544, 15_470_264_320),
        ("googlenet", 6_998_552, 1_582_671_872),
    ],
)
def test_totals_as_published(name: str, parameters: int, macs: int):
    """LeNet: 520 + 25,050 + 400,500 + 5,010. The others: the counts that are quoted of Caffe's reference models."""
    it = net(name)
    assert (it.parameters, it.macs) == (parameters, macs)
    assert sum(op.parameters for op in it.ops) == parameters
    assert sum(op.macs for op in it.ops) == macs


@pytest.mark.parametrize("name", NAMES)
def test_shapes_weights_and_macs_as_torch_has_them(name: str):
    it = net(name)
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        run = Net(path(name))(torch.zeros(1, *SIZES[name]))
    assert {op.id: (1, *op.shape) for op in it.ops if op.id in run.shapes} == run.shapes
    assert len(run.shapes) >= len(it.ops) - 5  # all but input, output, losses and accuracies
    assert run.weights == it.parameters
    assert counter.get_total_flops() == 2 * it.macs


def test_vgg_16_is_torchvision_s():
    from torchvision.models import vgg16

    with torch.device("meta"):
        model = vgg16(weights=None)
        with FlopCounterMode(display=False) as counter:
            model(torch.zeros(1, 3, 224, 224))
    it = net("vgg16")
    assert it.parameters == sum(one.numel() for one in model.parameters())
    assert 2 * it.macs == counter.get_total_flops()


@pytest.mark.parametrize(
    ("name", "layer", "place", "side"),
    [
        ("lenet", "pool2", 1, 28),
        ("alexnet", "conv3", 6, 227),
        ("alexnet", "pool5", 3, 227),
        ("vgg16", "conv4_3", 7, 112),
        ("googlenet", "inception_3b/join", 14, 224),
        ("unet_like", "bottom/sum", 12, 252),
    ],
)
def test_receptive_fields_as_gradients_measure_them(name: str, layer: str, place: int, side: int):
    x = torch.ones(1, SIZES[name][0], side, side, dtype=torch.float64)
    assert seen(Net(path(name), smooth=True), x, layer, [(place, place)]) == {net(name).by_id[layer].receptive_field}


def test_after_deconvolutions_places_see_by_turns_more_and_less_and_the_most_is_said():
    x = torch.ones(1, *SIZES["unet_like"], dtype=torch.float64)
    assert seen(Net(path("unet_like"), smooth=True), x, "score", [(80, 80), (84, 84)]) == {(124, 124), (132, 132)}
    assert net("unet_like").by_id["score"].receptive_field == (132, 132)


def test_what_is_there_only_while_training_or_testing():
    assert [name for name in NAMES if phases(path(name))] == ["alexnet", "googlenet", "lenet"]
    for name in ("lenet", "alexnet"):
        train, test = net(name, "TRAIN"), net(name)
        assert {op.id for op in test.ops} - {op.id for op in train.ops} <= {"accuracy", "top1", "top5"}
        assert (train.parameters, train.macs) == (test.parameters, test.macs)
    train, test = net("googlenet", "TRAIN"), net("googlenet")
    heads = [op for op in train.ops if op.id.startswith("head")]
    assert len(heads) == 2 * 8
    # each: 1 × 1 convolution to 128 channels over 4 × 4, 2048 → 1024, 1024 → 1000; from 512 and 528 channels
    dense = 2048 * 1024 + 1024 + 1024 * 1000 + 1000
    assert train.parameters - test.parameters == 2 * dense + (512 + 528) * 128 + 2 * 128
    assert {edge.source for edge in train.edges if edge.target.endswith("loss")} == {
        "head1/classifier",
        "head2/classifier",
        "classifier",
        "label",
    }


def test_inception_modules_are_blocks():
    it = at_depth(fused(without(net("googlenet"))), 0)
    modules = [op for op in it.ops if op.kind == "block"]
    assert [op.id for op in modules] == [
        f"inception_{name}" for name in ("3a", "3b", "4a", "4b", "4c", "4d", "4e", "5a", "5b")
    ]
    assert modules[0].shape == (256, 28, 28)
    # 192 → 64; 96 → 128; 16 → 32; 32
    assert (
        modules[0].parameters == 192 * (64 + 96 + 16 + 32) + 9 * 96 * 128 + 25 * 16 * 32 + 64 + 96 + 128 + 16 + 32 + 32
    )
    assert len([edge for edge in it.edges if edge.target == "inception_3a"]) == 1


def test_the_u_net_crosses_over_and_adds():
    it = net("unet_like")
    assert it.title == "U-Net-like"
    for level, sides in ((3, (64, 48, 48)), (2, (32, 88, 88)), (1, (16, 168, 168))):
        assert it.by_id[f"up{level}/crop"].shape == it.by_id[f"up{level}/larger"].shape == sides
        assert [edge.source for edge in it.inputs_of[f"up{level}/crop"]] == [
            f"down{level}/conv_b_relu",
            f"up{level}/larger",
        ]
    assert [edge.source for edge in it.inputs_of["bottom/sum"]] == ["bottom/conv_b_relu", "bottom/step_b"]


def test_nets_are_not_taken_for_pictures(tmp_path: Path):
    """`images:` may name a folder that holds such files too."""
    for one in (*FOLDER.iterdir(), packaged("inputs/digits/3-a.png")):
        shutil.copy(one, tmp_path)
    found = scan(tmp_path)
    assert [one.name for one in found.images] == ["3-a"]
    assert sorted(one.path for one in found.skipped) == [f"{name}.prototxt" for name in NAMES]


def test_a_net_is_read_without_torch():
    program = f"import sys; from generator.diagrams.prototxt import read; from pathlib import Path; read(Path({str(path('lenet'))!r})); print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[3]
    )
    assert done.stdout == "False\n"
