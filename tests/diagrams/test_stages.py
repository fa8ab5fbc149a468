"""A network as a row of tensors: which are drawn, what they are called, where the dense layers are."""

from __future__ import annotations

from dataclasses import replace

import pytest

from generator.diagrams.architecture import Architecture, Block, Edge, Op
from generator.diagrams.dense import columns
from generator.diagrams.row import spread
from generator.diagrams.scale import sized
from generator.diagrams.stages import label, main_path, maps, stages, window, word
from tests.diagrams.drawn import architectures, chain, conv, hand


def row(name: str, most: int = 16, depth: int = -1) -> list[tuple[str, tuple[str, ...]]]:
    return [(label(stage.op.shape), stage.words) for stage in stages(architectures()[name], most, depth)]


def test_small_networks_show_every_operation():
    found = stages(hand(), 16)
    assert [stage.op.id for stage in found] == ["@input", "conv", "pool", "fc1", "fc2"]
    assert [stage.words for stage in found] == [(), ("Convolution",), ("Max-Pool",), ("Dense",), ("Dense",)]
    assert [stage.kernel for stage in found] == [None, (3, 3), (2, 2), None, None]
    assert found[1].tooltip == "conv: Conv2d, 2 × 8 × 8"


def test_blocks_are_opened_as_far_as_no_branch_opens():
    assert row("resnet50") == [
        ("3@224×224", ()),
        ("64@112×112", ("Convolution",)),
        ("64@56×56", ("Max-Pool",)),
        ("256@56×56", ("Bottleneck", "×3")),
        ("512@28×28", ("Bottleneck", "×4")),
        ("1024@14×14", ("Bottleneck", "×6")),
        ("2048@7×7", ("Bottleneck", "×3")),
        ("2048", ("Global pool",)),
        ("1000", ("Dense",)),
    ]
    assert [words for _, words in row("resnet50", depth=0)][3:7] == [("Sequential",)] * 4
    assert [words for _, words in row("densenet121")][3:7] == [("DenseBlock",), ("Transition",)] * 2


def test_the_longest_way_leads_through_a_u_net():
    words = [words for _, words in row("unet")]
    assert len(words) == 13
    assert words[5:8] == [("Convolution", "×2"), ("Up-", "convolution"), ("Concatenation",)]
    assert row("unet", most=6) == [
        ("3@32×48", ()),
        ("16@32×48", ("Convolution", "×2")),
        ("32@16×24", ("Max-Pool", "Convolution ×2")),
        ("64@8×12", ("Max-Pool", "Convolution ×2")),
        ("32@16×24", ("Up-convolution", "Concatenation", "Convolution ×2")),
        ("2@32×48", ("Up-convolution", "Concatenation", "Convolution ×3")),
    ]


def test_tokens_are_sheets_and_repeated_blocks_one():
    assert row("tokens")[1:] == [
        ("24@4×4", ("Convolution",)),
        ("16×24", ("TransformerEncoderLayer", "×3")),
        ("10", ("Dense",)),
    ]


@pytest.mark.parametrize(
    ("shape", "found", "said"),
    [
        ((64, 56, 48), (64, 56, 48), "64@56×48"),
        ((8, 8, 96), (8, 8, 96), "8@8×96"),
        ((197, 768), (1, 197, 768), "197×768"),
        ((1280, 1, 1), None, "1280"),
        ((10,), None, "10"),
        ((), None, "?"),
        ((4, 3, 7, 7), (3, 7, 7), "3@7×7"),
    ],
)
def test_shapes_as_maps(shape: tuple[int, ...], found: tuple[int, int, int] | None, said: str):
    assert maps(shape) == found
    assert label(shape) == said


def test_channels_come_last_where_only_so_a_square_image_stays_square():
    assert [label for label, _ in row("channels_last")] == ["3@32×32", "96@8×8", "192@4×4"]
    assert row("unet")[2][0] == "16@16×24"  # of an image that is no square


@pytest.mark.parametrize(
    ("op", "said"),
    [
        (Op("a", "pool", "F.mean", (5, 1, 1)), "Global pool"),
        (Op("a", "pool", "Pooling", (5, 2, 2), attributes=(("pool", "MAX"),)), "Max-Pool"),
        (Op("a", "conv", "ConvTranspose2d", (5, 2, 2)), "Up-convolution"),
        (Op("a", "conv", "Deconvolution", (5, 2, 2)), "Up-convolution"),
        (Op("a", "merge", "F.add", (5, 2, 2)), "Sum"),
        (Op("a", "merge", "Concat", (5, 2, 2)), "Concatenation"),
        (Op("a", "other", "F.roll", (5, 2, 2)), "roll"),
    ],
)
def test_words(op: Op, said: str):
    assert word(op) == said


def test_windows():
    def kernel(text: str) -> Op:
        return Op("a", "conv", "Conv2d", (1, 1, 1), attributes=(("kernel", text),))

    assert [window(kernel(text)) for text in ("3×5", "3x5", "7", "²", "all", "")] == [
        (3, 5),
        (3, 5),
        (7, 7),
        None,
        None,
        None,
    ]


def test_of_equally_long_ways_the_first_is_taken():
    ops = tuple(Op(name, "other", name, (1,)) for name in "abcd")
    edges = tuple(Edge(*pair, (1,)) for pair in ("ab", "ac", "bd", "cd"))
    assert [op.id for op in main_path(Architecture("", ops, edges))] == ["a", "b", "d"]


def test_dense_layers_by_hand():
    found = columns(hand())
    assert (found.sizes, [op.id for op in found.ops]) == ((32, 4, 2), ["fc1", "fc2"])
    broken = chain(Op("a", "linear", "Linear", (4,)), conv("c", (2, 3, 3)), Op("b", "linear", "Linear", (5,)))
    assert columns(broken).sizes == (18, 5)
    assert columns(architectures()["tokens"]).sizes == (24, 10)
    assert columns(architectures()["unet"]).ops == ()


def test_a_row_by_hand():
    """Bodies of 10; the second label of 60 needs 30 + 10 px to the middle before, the third word 5 + 20 + 10."""
    starts, middles = spread([10, 10, 10], [0, 60, 0], [0, 10, 40], 5)
    assert starts == [0, 40, 80]
    assert middles == [0, 25, 65]
    assert spread([100, 10], [20, 80], [0, 0], 5)[0] == [0, 140]  # the label of 80 begins 5 behind the body of 100
    assert spread([10, 100], [80, 20], [0, 0], 5)[0] == [0, 50]  # and ends 5 in front of it
    starts, middles = spread([10, 10, 10], [0, 0, 0], [0, 10, 80], 5)
    # words: 5 + 40 + 10 behind the first word's middle at 12.5
    assert middles == [0, 12.5, 67.5]
    assert starts == [0, 15, 110]


def test_scales_by_hand():
    assert sized(4, 16, "sqrt", 100, 1) == 50
    assert sized(4, 16, "linear", 100, 1) == 25
    assert sized(3, 15, "log", 100, 1) == 50
    assert sized(1, 1000, "linear", 100, 4) == 4
    assert sized(30, 15, "linear", 100, 4) == 100


def test_two_tensors_between_two_blocks_are_no_branch():
    """What the second block adds to, and what it reshapes of that, are one tensor in two shapes, as in Swin V2."""
    shape = (8, 4, 4)
    plain = chain(
        Op("@input", "input", "input", shape), *(conv(name, shape) for name in ("net.a.0", "net.b.0", "net.b.1"))
    )
    it = replace(
        plain,
        edges=(*plain.edges, Edge("net.a.0", "net.b.1", (16, 8))),
        blocks=(Block("net", "Net", 1, 4), Block("net.a", "Stage", 1, 2), Block("net.b", "Head", 2, 4)),
    )
    assert [stage.op.id for stage in stages(it, 16)] == ["@input", "net.a", "net.b"]
