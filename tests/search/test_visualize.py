"""`generator.visualize`: each kind of objective does what it says on small models; what cannot be is one line."""

import copy
import dataclasses
import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import generator
from generator.errors import UserError
from generator.names import ClassTarget, GroupTarget, LayerName, RankTarget, Unit
from generator.search.climb import climb
from generator.search.objectives import Caricature, Classes, DeepDream, Direction, Inversion, Units
from generator.search.visualize import objective_of
from tests.search.searching import QUICK, conv, held, random_convs

MEAN, STD = (0.4, 0.5, 0.6), (0.2, 0.25, 0.3)
SMALL = {"mean": MEAN, "std": STD, "shape": (32, 24)}


class Classifier(nn.Module):
    """Two convolutions, the mean over all places, five classes."""

    def __init__(self) -> None:
        super().__init__()
        self.features = random_convs()
        self.head = nn.Linear(5, 5)
        self.head.weight.data = torch.eye(5) * 3
        self.head.bias.data.zero_()
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x).mean(dim=(2, 3)))


def image(seed: int = 0) -> Tensor:
    """A smooth picture (3, 32, 24)."""
    small = torch.rand(1, 3, 6, 5, generator=torch.Generator().manual_seed(seed))
    return nn.functional.interpolate(small, (32, 24), mode="bicubic")[0].clamp(0.05, 0.95)


def code(model: nn.Module, pictures: Tensor) -> Tensor:
    """What the last convolution gives for pictures in [0, 1]."""
    mean, std = (torch.tensor(v).view(-1, 1, 1) for v in (MEAN, STD))
    with torch.no_grad():
        return model.features((pictures - mean) / std)


def first(model: nn.Module, pictures: Tensor) -> Tensor:
    """What the first convolution gives for pictures in [0, 1]."""
    mean, std = (torch.tensor(v).view(-1, 1, 1) for v in (MEAN, STD))
    with torch.no_grad():
        return model.features[0]((pictures - mean) / std)


def test_classes_are_raised_each_in_its_own_picture_and_the_model_is_left_alone():
    model = Classifier()
    before = copy.deepcopy(model.state_dict())
    model.train()
    found = generator.visualize(
        model, [0, "two", 4], labels=["zero", "one", "two", "three", "four"], **SMALL, options={"steps": 12}
    )
    assert model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert found.pictures.shape == (3, 3, 32, 24)
    assert 0 <= found.pictures.min() < found.pictures.max() <= 1
    scores = 3 * code(model, found.pictures).mean(dim=(2, 3))  # (pictures, classes)
    torch.testing.assert_close(torch.tensor(found.scores), scores[[0, 1, 2], [0, 2, 4]], rtol=1e-4, atol=1e-4)
    assert scores[:, [0, 2, 4]].argmax(dim=0).tolist() == [0, 1, 2]
    assert found.dead == ("", "", "")
    assert [len(curve) for curve in found.curves] == [12] * 3


def test_a_unit_is_the_one_of_the_method():
    model = Classifier()
    found = generator.visualize(model, "unit:features.2:3", **SMALL, seed=2, options={"steps": 6})
    with held(model, (3, 32, 24), MEAN, STD) as it:
        same = climb(QUICK.climb, it[0], Units(LayerName("features.2"), (Unit(LayerName("features.2"), 3),)), [torch.Generator().manual_seed(2_000_006)], (32, 24), seed=2)  # fmt: skip
    assert torch.equal(found.pictures, same.pictures)
    alike = generator.visualize(
        model, ["unit:features.2:3", "unit:features.2:1"], **SMALL, options={"diversity": 2, "steps": 3}
    )
    assert alike.pictures.shape[0] == 4


def test_a_direction_of_one_unit_is_that_unit_and_a_direction_turns_the_code_its_way():
    model = Classifier()
    layer = LayerName("features.2")
    alone = Direction(layer, torch.eye(5)[3])
    options = {"steps": 8}
    one, unit = (generator.visualize(model, of, **SMALL, seed=1, count=n, options=options) for of, n in ((alone, None), ([Unit(layer, 3)], 1)))  # fmt: skip
    torch.testing.assert_close(one.scores, unit.scores, rtol=0.2, atol=0)  # another seed than unit 3 of a layer has
    v = torch.tensor([1.0, -1.0, 1.0, 0.5, 0.0])
    share = []
    for sharp in (0.0, 2.0):
        found = generator.visualize(model, Direction(layer, v, sharp), **SMALL)
        maps = code(model, found.pictures)
        dot = (maps * v.view(1, 5, 1, 1)).sum(dim=1).clamp(min=0)
        cosine = torch.cosine_similarity(maps, v.view(1, 5, 1, 1))
        assert cosine.mean() > 0.4
        share.append(((cosine * dot).sum() / dot.sum()).item())
    assert share[1] > share[0] + 0.02, "where the picture answers at all, it answers more purely"


def test_an_inversion_comes_back_to_the_image():
    model, wanted = Classifier(), image()
    found = generator.visualize(model, Inversion(LayerName("features.0"), wanted), **SMALL)
    assert found.scores[0] > -0.02
    assert found.curves[0][0] < -0.3
    mine, its = (first(model, pictures) for pictures in (found.pictures, wanted[None]))
    assert found.scores[0] == pytest.approx(-((mine - its).square().sum() / its.square().sum()).item(), abs=1e-4)
    inner = found.pictures[0, :, 2:-2, 2:-2], wanted[:, 2:-2, 2:-2]
    assert (inner[0] - inner[1]).abs().mean() < 0.08


def test_a_caricature_points_where_the_image_does_and_further():
    model, wanted, other = Classifier(), image(4), image(3)
    found = generator.visualize(model, Caricature(LayerName("features.2"), wanted), **SMALL)
    mine, its, others = (code(model, each).flatten() for each in (found.pictures, wanted[None], other[None]))
    near = torch.cosine_similarity(mine, its, dim=0)
    assert near > 0.6
    assert near > torch.cosine_similarity(mine, others, dim=0) + 0.05
    assert mine.norm() > 1.5 * its.norm()


def test_a_dream_goes_on_from_the_picture_it_starts_with():
    model, begun = Classifier(), image(4)
    dream = DeepDream(LayerName("features.2"))
    found = generator.visualize(model, dream, **SMALL, start=begun, options={"steps": 4})
    energy = code(model, torch.stack([begun, found.pictures[0]])).square().mean(dim=(1, 2, 3))
    assert energy[1] > 1.2 * energy[0]
    assert (found.pictures[0] - begun).abs().mean() < 0.1
    assert found.curves[0][0] == pytest.approx(energy[0].item(), rel=1e-3)


def test_an_image_of_another_size_is_fitted():
    large = nn.functional.interpolate(image()[None], (64, 48), mode="bilinear")[0]
    found = generator.visualize(Classifier(), Inversion(LayerName("features.0"), large), **SMALL, options={"steps": 2})
    assert found.pictures.shape == (1, 3, 32, 24)


@pytest.mark.parametrize("channels", [1, 4])
def test_any_channels(channels):
    model = nn.Sequential(*random_convs(channels), nn.AdaptiveAvgPool2d(1), nn.Flatten()).eval()
    for parametrization in ("fourier", "pixel", "maco"):
        found = generator.visualize(model, [1, 2], mean=[0.0] * channels, std=[1.0] * channels, shape=(20, 28), options={"steps": 12, "parametrization": parametrization})  # fmt: skip
        assert found.pictures.shape == (2, channels, 20, 28)
        assert found.dead == ("", "")
        assert (found.opacity is None) == (parametrization != "maco")


def test_the_models_own_normalisation_counts():
    model = nn.Sequential(conv(torch.ones(1, 3, 1, 1))).eval()
    for mean, std in (((0.0,) * 3, (1.0,) * 3), ((0.5,) * 3, (0.1,) * 3)):
        found = generator.visualize(model, "unit:0:0", mean=mean, std=std, shape=(16, 16), options={"steps": 3})
        assert found.scores[0] == pytest.approx(
            ((found.pictures - mean[0]) / std[0]).sum(dim=1).mean().item(), rel=1e-4
        )


def test_several_from_one_objective_differ_by_their_seeds_and_come_again():
    def dreams(seed: int) -> Tensor:
        of = DeepDream(LayerName("features.2"))
        return generator.visualize(Classifier(), of, **SMALL, count=2, seed=seed, options={"steps": 2}).pictures

    once, again, other = dreams(0), dreams(0), dreams(1)
    assert torch.equal(once, again)
    assert not torch.equal(once[0], once[1])
    assert not torch.equal(once, other)


def test_targets_into_objectives_by_hand():
    layer = LayerName("l")
    units = (Unit(layer, 2), Unit(layer, 5))
    assert objective_of(units) == Units(layer, units)
    assert objective_of((ClassTarget(3), GroupTarget("dogs", (1, 2)))) == Classes(((3,), (1, 2)))
    for wrong in ((), (RankTarget(1),), (ClassTarget(0), units[0]), (units[0], Unit(LayerName("m"), 0))):
        with pytest.raises(UserError, match="expected units of one layer"):
            objective_of(wrong)


@pytest.mark.parametrize(
    ("of", "more", "said"),
    [
        (DeepDream(LayerName("nowhere")), {}, "no layer 'nowhere'"),
        ([Unit(LayerName("features.2"), 5)], {}, "from 0 to 4, received 5"),
        ("unit:features.2:1:32:0", {}, "32 x 24"),
        ("unit:features.2:1:3:3", {"size": (24, 24)}, "a unit's place is one of the model's own input size, 32 x 24"),
        (Caricature(LayerName("features.2"), torch.rand(3, 8, 8)), {"options": {"pad": 2}}, "expected pad 0"),
        ([ClassTarget(5)], {}, "expected a class from 0 to 4, received 5"),
        (
            Direction(LayerName("features.2"), torch.ones(4)),
            {},
            r"over the 5 units of features.2, received shape \(4,\)",
        ),
        (Inversion(LayerName("features.2"), torch.rand(1, 8, 8)), {}, r"expected image as \(3, height, width\)"),
        (DeepDream(LayerName("features.2")), {"start": torch.rand(8, 8)}, "expected start as"),
        ([0, 1], {"count": 3}, "received 3"),
        ([0], {"options": {"diversity": 2}}, "expected diversity 1 for classes"),
        ([0], {"options": {"stepz": 2}}, "no option 'stepz'"),
        ("top1", {}, "expected units of one layer"),
    ],
)
def test_what_cannot_be_is_one_line(of, more, said):
    with pytest.raises(UserError, match=said):
        generator.visualize(Classifier(), of, **SMALL, **more)


@pytest.mark.parametrize("option", ["turn", "zoom", "rate", "decay"])
@pytest.mark.parametrize("value", [math.inf, math.nan])
def test_a_number_that_is_not_finite_is_one_line_and_does_not_end_the_process(option: str, value: float):
    with pytest.raises(UserError, match=f"expected {option} to be 0 or more.*, received {value}"):
        generator.visualize(Classifier(), 0, **SMALL, options={option: value})


def test_a_start_from_an_image_is_free_of_the_noise():
    with held(Classifier(), (3, 32, 24), MEAN, STD) as it:
        it[0].seen = lambda count: torch.stack([image(6), image(7)])[:count]
        method = dataclasses.replace(QUICK, start="image", steps=1, rate=0.0, contrast=0.0, size=32)
        assert method.photographs == 1
        (grid,) = method.search(it[0], it[1]["features.2"], (Unit(LayerName("features.2"), 0),), 0)
    torch.testing.assert_close(grid.values[0], image(6), rtol=0, atol=1e-4)


def test_of_several_directions_the_variants_of_each_stand_together():
    """Two directions of one unit each, two pictures of each: 0 0 1 1."""
    model, layer = Classifier(), LayerName("features.2")
    towards = torch.eye(5)[[3, 1]]
    found = generator.visualize(
        model, Direction(layer, towards), **SMALL, options={"diversity": 2, "steps": 4, "turn": 0.0, "zoom": 0.0}
    )
    with torch.no_grad():
        mean = model.features((found.pictures - torch.tensor(MEAN).view(-1, 1, 1)) / torch.tensor(STD).view(-1, 1, 1))
    assert found.scores == pytest.approx([float(mean[k, (3, 3, 1, 1)[k]].mean()) for k in range(4)], rel=1e-3)
    single = generator.visualize(
        model, Direction(layer, towards[0]), **SMALL, options={"diversity": 2, "steps": 4}, count=1
    )
    assert len(single.pictures) == 2


def test_one_number_is_both_sides():
    model = Classifier()
    one, two = (
        generator.visualize(model, 1, shape=side, size=24, mean=MEAN, std=STD, options={"steps": 2})
        for side in (32, (32, 32))
    )
    assert one.pictures.shape == (1, 3, 24, 24)
    assert torch.equal(one.pictures, two.pictures)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"size": (32,)}, "expected size as .height, width., or one number for both, received .32,."),
        ({"shape": (32.5, 32)}, "expected shape as"),
        ({"shape": 0}, "expected shape as"),
        ({"std": (0.5, 0.0, 0.5)}, "expected as many std above 0 as mean"),
        ({"std": (0.5, 0.5)}, "expected as many std above 0 as mean"),
        ({"count": 3}, 'several pictures of each: options={"diversity": 3}'),
    ],
)
def test_shapes_and_normalisations_that_are_none_are_refused_in_words(given: dict[str, Any], said: str):
    with pytest.raises(UserError, match=said):
        generator.visualize(Classifier(), 1, **{"shape": (32, 24), "mean": MEAN, "std": STD} | given)
