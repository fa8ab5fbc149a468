"""Objectives by hand, and each written a second way; what a search for it comes to."""

import math

import pytest
import torch
from torch import Tensor

from generator.methods.activation_maximization import ActivationMaximization
from generator.names import LayerName, Unit
from generator.search.objectives import Caricature, Classes, DeepDream, Direction, Inversion, Units
from tests.search.searching import held, random_convs, search

L = LayerName("layer")
A = torch.tensor([[[1.0, -2.0], [3.0, 0.0]], [[0.0, 1.0], [2.0, 5.0]]])
"""Two units, 2 x 2 places."""


def of(objective: object, maps: Tensor, code: Tensor | None = None) -> list[float]:
    """Scores of `maps`; an image's code is `code`."""

    def see(pictures: Tensor) -> Tensor:
        assert code is not None, "this objective looks at no image"
        assert pictures.shape == (1, 3, 2, 2)
        return code[None]

    return objective.scorer(see)(maps).tolist()  # type: ignore[attr-defined]


def test_a_units_mean_its_centre_and_its_place_by_hand():
    two = A.expand(2, -1, -1, -1)
    assert of(Units(L, (Unit(L, 0), Unit(L, 1))), two) == [0.5, 2.0]
    assert of(Units(L, (Unit(L, 0), Unit(L, 1)), "centre"), two) == [0.0, 5.0]  # of two by two, the lower right
    assert of(Units(L, (Unit(L, 0, (0, 1)), Unit(L, 1))), two) == [-2.0, 2.0]
    wide = torch.arange(15.0).view(1, 1, 3, 5)
    assert of(Units(L, (Unit(L, 0),), "centre"), wide) == [7.0]


def test_a_layers_strength_by_hand():
    assert of(DeepDream(L), A[None]) == [(1 + 4 + 9 + 1 + 4 + 25) / 8]


def test_classes_by_hand():
    scores = torch.tensor([[1.0, 2.0, 4.0], [8.0, 16.0, 32.0]])
    assert of(Classes(((2,), (0, 1))), scores) == [4.0, 24.0]


def test_a_direction_by_hand():
    v = torch.tensor([3.0, 4.0])
    # at the four places: 3, -6 + 4, 9 + 8, 20
    dots = [3.0, -2.0, 17.0, 20.0]
    assert of(Direction(L, v), A[None]) == [sum(dots) / 4]
    # cosines: 3 / 5, below a tenth, 17 / (5 sqrt 13), 20 / 25
    cosines = [0.6, 0.1, 17 / (5 * math.sqrt(13)), 0.8]
    sharp = [d * c**2 for d, c in zip(dots, cosines, strict=True)]
    assert of(Direction(L, v, 2.0), A[None]) == pytest.approx([sum(sharp) / 4])
    each = Direction(L, torch.stack([v, -v]))
    assert of(each, A.expand(2, -1, -1, -1)) == [9.5, -9.5]


def test_a_caricature_by_hand():
    image = torch.zeros(3, 2, 2)
    code = torch.zeros(2, 2, 2)
    code[0, 1, 0], code[1, 1, 1] = 3.0, 4.0
    # <A, code> = 9 + 20, |code| = 5, |A| = sqrt 44
    assert of(Caricature(L, image, 0.0), A[None], code) == pytest.approx([29 / 5])
    assert of(Caricature(L, image, 2.0), A[None], code) == pytest.approx([29 / 5 * (29 / 5 / math.sqrt(44)) ** 2])
    assert of(Caricature(L, image), -A[None], code) == pytest.approx([-0.58])  # the cosine counts as a tenth


def test_an_inversion_by_hand():
    image = torch.zeros(3, 2, 2)
    assert of(Inversion(L, image), torch.stack([A, torch.zeros_like(A)]), A) == [0.0, -1.0]
    off = A.clone()
    off[0, 0, 0] += 2.0
    assert of(Inversion(L, image), off[None], A) == pytest.approx([-4 / 44])


@pytest.mark.parametrize("sharp", [0.0, 1.0, 3.0])
def test_directions_and_caricatures_equal_loops_and_are_finite_at_nothing(sharp):
    gen = torch.Generator().manual_seed(0)
    maps, v, code = (torch.randn(*s, dtype=torch.float64, generator=gen) for s in ((2, 3, 4, 5), (3,), (3, 4, 5)))
    found = of(Direction(L, v, sharp), maps)
    for b, map_ in enumerate(maps):
        total = 0.0
        for y in range(4):
            for x in range(5):
                place = map_[:, y, x]
                dot = sum(float(p * q) for p, q in zip(place, v, strict=True))
                cosine = dot / math.sqrt(sum(float(p * p) for p in place) * sum(float(q * q) for q in v))
                total += dot * max(cosine, 0.1) ** sharp
        assert found[b] == pytest.approx(total / 20)
    image = torch.zeros(3, 2, 2)
    found = of(Caricature(L, image, sharp), maps, code)
    for b, map_ in enumerate(maps):
        dot = sum(float(p * q) for p, q in zip(map_.flatten(), code.flatten(), strict=True)) / float(code.norm())
        assert found[b] == pytest.approx(dot * max(dot / float(map_.norm()), 0.1) ** sharp)
    nothing = torch.zeros(1, 3, 4, 5, dtype=torch.float64, requires_grad=True)
    for objective in (Direction(L, v, sharp), Caricature(L, image, sharp), Inversion(L, image)):
        score = objective.scorer(lambda pictures: code[None])(nothing)
        (gradient,) = torch.autograd.grad(score.sum(), nothing)
        assert gradient.isfinite().all()
        assert gradient.any(), "silence must be able to move"


def test_a_unit_raised_at_its_centre_is_strongest_there():
    with held(random_convs(), (3, 32, 32)) as it:
        found = search(ActivationMaximization(objective="centre", jitter=0, turn=0, zoom=0), it, "2", 0, 3)
        with torch.no_grad():
            maps = it[0].layer_output("2", (found.values - 0.5) / 0.25)
    for k, unit in enumerate((0, 3)):
        assert found.scores[k] == pytest.approx(maps[k, unit, 16, 16].item(), rel=1e-4)
        assert maps[k, unit, 16, 16] > maps[k, unit].mean() + 2.5 * maps[k, unit].std()
