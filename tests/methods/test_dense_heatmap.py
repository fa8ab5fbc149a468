"""Dense class heat maps: by hand, and against models whose linear layers are rewritten as convolutions."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from functools import cache

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, conv2d, interpolate

import generator
from generator.artifacts import Artifact, Heatmap, NotApplicable
from generator.engine.output import Readout
from generator.engine.passes import Counts, Engine
from generator.engine.plan import Request, plan
from generator.engine.probe import probed
from generator.errors import UserError
from generator.library import engine_for
from generator.methods import Cost
from generator.methods.dense_heatmap import DenseHeatmap, spread
from generator.model.describe import describe
from generator.names import INPUT, CallTarget, ClassTarget, GroupTarget, LayerName, Target, Unit
from tests.methods.examples import alexnet, facts, photo, resnet18, row, same, vgg11


class Pooled(nn.Module):
    """The score of class 0 is ln 2 times the mean of the picture, that of class 1 is 0: a place of value v is class 0 with
    probability 2^v / (2^v + 1)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.fc = nn.Conv2d(1, 1, 1, bias=False), nn.Linear(1, 2, bias=False)
        self.conv.weight.data.fill_(1)
        self.fc.weight.data = torch.tensor([[math.log(2)], [0.0]])

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.conv(x).mean((2, 3)))


class Flat(nn.Module):
    """The score of class 0 is ln 2 times what the lower of two rows of two has more than the upper; class 1 is 0."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.fc = nn.Conv2d(1, 1, 1, bias=False), nn.Linear(4, 2, bias=False)
        self.conv.weight.data.fill_(1)
        self.fc.weight.data = torch.tensor([[-1.0, -1.0, 1.0, 1.0], [0.0] * 4]) * math.log(2)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.conv(x).flatten(1))


def test_a_pooled_head_by_hand():
    # enlarged to four columns, 0 and 4 become 0, 1, 3, 4
    found = generator.attribute(Pooled(), torch.tensor([[[[0.0, 4.0], [0.0, 4.0]]]]), "dense_heatmap", target=0)
    assert isinstance(found, Tensor)
    torch.testing.assert_close(found, torch.tensor([1 / 2, 2 / 3, 8 / 9, 16 / 17]).expand(1, 4, 4))


def test_windows_of_a_flat_head_by_hand():
    # enlarged to four rows, 0 and 4 become 0, 1, 3, 4: windows of two rows differ by 2 * 1, 2 * 2 and 2 * 1, so that class 0
    # has 4/5, 16/17 and 4/5. Centred between rows, they stand for rows 0 and 1, row 2, and row 3.
    found = generator.attribute(Flat(), torch.tensor([[[[0.0, 0.0], [4.0, 4.0]]]]), "dense_heatmap", target=0)
    assert isinstance(found, Tensor)
    torch.testing.assert_close(found[0], torch.tensor([4 / 5, 4 / 5, 16 / 17, 4 / 5])[:, None].expand(4, 4))


def test_where_windows_begin_and_which_stands_for_a_place_by_hand():
    starts, near = spread(4, 2, 3)
    assert (starts.tolist(), near.tolist()) == ([0, 1, 2], [0, 0, 1, 2])
    starts, near = spread(6, 3, 4)  # centred on places 1, 2, 3 and 4
    assert (starts.tolist(), near.tolist()) == ([0, 1, 2, 3], [0, 0, 1, 2, 3, 3])
    starts, near = spread(13, 6, 7)  # eight places to begin at, of which seven are taken
    assert starts.tolist() == [0, 1, 2, 4, 5, 6, 7]
    assert len(near) == 13
    assert spread(5, 5, 1)[0].tolist() == [0]


def twice(x: Tensor, scale: int = 2) -> Tensor:
    return interpolate(x, scale_factor=scale, mode="bilinear", align_corners=False)


@pytest.mark.parametrize("scale", [2, 3])
def test_equals_the_head_as_a_convolution(scale: int):
    model, x = copy.deepcopy(resnet18()), photo(2, height=64, width=96)
    model.fc.weight.data /= 30  # scores of a hundred leave all classes but one the probability zero
    found = generator.attribute(model, x, "dense_heatmap", target=3, options={"dense_heatmap": {"scale": scale}})
    with torch.no_grad():
        A = nn.Sequential(*list(model.children())[:-2])(twice(x, scale))
        expected = conv2d(A, model.fc.weight[:, :, None, None], model.fc.bias).softmax(dim=1)
    assert expected.shape[2:] == (2 * scale, 3 * scale)
    same(found, expected[:, 3])  # type: ignore[arg-type]


def convolutional(model: nn.Module, side: int) -> nn.Sequential:
    """The classifier of a VGG or an AlexNet as convolutions: the first linear layer reads `side` x `side` places at once, the
    others one."""
    layers: list[nn.Module] = []
    for module in model.classifier:
        if isinstance(module, nn.Linear):
            k = 1 if any(isinstance(layer, nn.Conv2d) for layer in layers) else side
            conv = nn.Conv2d(module.in_features // k**2, module.out_features, k)
            conv.weight.data = module.weight.data.reshape(conv.weight.shape)
            conv.bias.data = module.bias.data
            module = conv
        layers.append(module)
    return nn.Sequential(*layers).eval()


@cache
def at_224() -> Tensor:
    return photo(1, height=224, width=224)


@pytest.mark.parametrize(("build", "side", "rows"), [(vgg11, 7, range(8)), (alexnet, 6, (0, 1, 2, 4, 5, 6, 7))])
def test_equals_linear_layers_as_convolutions(build, side: int, rows: Sequence[int]):
    # in doubles: a sum of 9,216 floats taken by a linear layer and by a convolution differs by a few parts in 100,000 already
    model, x = copy.deepcopy(build()).double(), at_224().double()
    found = generator.attribute(model, x, "dense_heatmap", target=3)
    assert isinstance(found, Tensor)
    with torch.no_grad():
        A = model.features(twice(x))
        P = convolutional(model, side)(A).softmax(dim=1)[:, 3]  # (1, 8, 8): a window at every place
    assert found.shape[1:] == A.shape[2:]
    assert P.shape[1:] == (8, 8)
    taken = P[:, list(rows)][:, :, list(rows)]
    centres = [row + (side - 1) / 2 for row in rows]
    near = [min(range(len(rows)), key=lambda k: (abs(centres[k] - place), k)) for place in range(A.shape[2])]
    same(found, taken[:, near][:, :, near])


def test_a_pooling_to_a_fixed_grid_is_part_of_the_head():
    # at 64 pixels the VGG has 2 x 2 places, which its pooling spreads over 7 x 7: windows are of what stands before it
    model, x = vgg11(), photo(1)
    found = generator.attribute(model, x, "dense_heatmap", target=3)
    with torch.no_grad():
        A = model.features(twice(x))
        windows = torch.cat([A[:, :, r : r + 2, c : c + 2] for r in range(3) for c in range(3)])
        P = model.classifier(adaptive_avg_pool2d(windows, 7).flatten(1)).softmax(dim=1)[:, 3].reshape(1, 3, 3)
    same(found, P[:, [0, 0, 1, 2]][:, :, [0, 0, 1, 2]])  # type: ignore[arg-type]


def of_one(
    model: nn.Module, x: Tensor, targets: tuple[Target, ...], kind: str = "classification", **options: int
) -> tuple[list[Artifact | NotApplicable], Engine]:
    engine = engine_for(model, describe(model, (x.shape[1], x.shape[2], x.shape[3])))
    engine.readout = Readout(kind)  # type: ignore[arg-type]
    (served,) = engine.run(x, plan([Request("dense", DenseHeatmap(**options), INPUT, targets)], engine.facts))
    engine.counts = Counts()
    return list(probed(engine, served, 0, x, (torch.zeros(3), torch.ones(3)), 0)), engine


@pytest.mark.parametrize("build", [resnet18, vgg11])
def test_groups_add_up_and_classes_are_all_there_is(build):
    classes = tuple(ClassTarget(c) for c in range(10))
    found, _ = of_one(build(), photo(1), (*classes, GroupTarget("some", (2, 5, 7))))
    maps = torch.stack([one.values for one in found])  # type: ignore[union-attr]
    assert maps.min() >= 0
    torch.testing.assert_close(maps[:10].sum(dim=0), torch.ones_like(maps[0]))
    same(maps[10], maps[2] + maps[5] + maps[7])
    assert all(isinstance(one, Heatmap) and not one.signed for one in found)


def test_a_multilabel_head_has_a_sigmoid():
    ((found,), _) = of_one(Pooled(), torch.tensor([[[[0.0, 4.0], [0.0, 4.0]]]]), (ClassTarget(0),), "multilabel")
    expected = (torch.tensor([0.0, 1, 3, 4]) * math.log(2)).sigmoid()
    torch.testing.assert_close(found.values, expected.expand(1, 4, 4))  # type: ignore[union-attr]


def mean(output: Tensor) -> Tensor:
    """A target that is no class."""
    return output.mean(dim=1)


@pytest.mark.parametrize("build", [resnet18, vgg11])
def test_targets_that_are_no_class_have_no_probability(build):
    unit, call = Unit(LayerName("conv1" if build is resnet18 else "features.0"), 1), CallTarget(f"{__name__}:mean")
    found, _ = of_one(build(), photo(1), (ClassTarget(1), unit, call))
    assert isinstance(found[0], Heatmap)
    for refused in found[1:]:
        assert isinstance(refused, NotApplicable)
        assert "no probability" in refused.reason
    found, _ = of_one(build(), photo(1), (ClassTarget(1),), "regression")
    assert isinstance(found[0], NotApplicable)


class Strict(Flat):
    """It takes one size alone."""

    def forward(self, x: Tensor) -> Tensor:
        assert x.shape[2:] == (2, 2), "the wrong size"
        return super().forward(x)


class Fixed(Flat):
    """It brings every picture to one size first."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(interpolate(x, size=(2, 2)))


def test_models_that_take_no_larger_picture_or_make_nothing_of_it():
    x = torch.tensor([[[[0.0, 0.0], [4.0, 4.0]]]])
    refused = generator.attribute(Strict(), x, "dense_heatmap", target=0)
    assert refused == NotApplicable("the model refuses an input of 4 x 4 pixels.")
    refused = generator.attribute(Fixed(), x, "dense_heatmap", target=0)
    assert refused == NotApplicable("its layers are no larger where the input is.")
    nowhere = DenseHeatmap().applies(facts(layers={LayerName("a"): row("a", shape=(4, 1, 1))}), None)
    assert nowhere == NotApplicable("no layer of the model has more than one place.")


@pytest.mark.parametrize(
    ("build", "size", "options"),
    [
        (resnet18, (64, 96), {}),
        (vgg11, (64, 96), {}),
        (vgg11, (64, 96), {"scale": 3}),
        (alexnet, (80, 64), {}),
        (Flat, (2, 2), {"scale": 40}),
    ],
)
def test_it_runs_what_it_says(build, size: tuple[int, int], options: dict[str, int]):
    model = build()
    x = photo(1, 1 if build is Flat else 3, *size)
    _, engine = of_one(model, x, (ClassTarget(0), ClassTarget(1)), **options)
    assert engine.facts is not None
    assert DenseHeatmap(**options).cost(engine.facts, None, 2) == Cost(engine.counts.forward)
    assert engine.counts.forward <= 16 * 16 + 2


def test_its_scale_is_more_than_one():
    with pytest.raises(UserError, match="dense_heatmap: expected scale to be 2 or more, received 1"):
        DenseHeatmap(scale=1)


class Auxiliary(Flat):
    """An auxiliary head with a convolution of its own, called before or after the linear layer of the scores."""

    def __init__(self, first: bool) -> None:
        super().__init__()
        self.first, self.aux = first, nn.Conv2d(1, 2, 1)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        maps = self.conv(x)
        aux = self.aux(maps).mean((2, 3)) if self.first else None
        out = self.fc(maps.flatten(1))
        return {"out": out, "aux": self.aux(maps).mean((2, 3)) if aux is None else aux}


@pytest.mark.parametrize("first", [True, False])
def test_windows_are_not_cut_in_an_auxiliary_head(first: bool):
    x = torch.tensor([[[[0.0, 4.0], [2.0, 1.0]]]])
    found = generator.attribute(Auxiliary(first), x, "dense_heatmap", target=0)
    same(found, generator.attribute(Flat(), x, "dense_heatmap", target=0))


class Tokens(nn.Module):
    """Tokens of 4 x 4 pixels, as many as the picture has, whose mean is classified."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.patch, self.norm, self.fc = nn.Conv2d(3, 8, 4, 4), nn.LayerNorm(8), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.norm(self.patch(x).flatten(2).transpose(1, 2)).mean(1))


def test_tokens_of_a_larger_picture_are_not_read_as_those_of_the_model_s_own_size():
    found = generator.attribute(Tokens(), torch.rand(1, 3, 16, 16), "dense_heatmap", target=0)
    assert isinstance(found, NotApplicable) or found.shape[1:] == (8, 8)
