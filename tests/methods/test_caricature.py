"""Caricature: the score by hand from the codes, rising, and nearer to its own photograph than to another."""

import pytest
import torch

from generator.artifacts import NotApplicable
from generator.methods.caricature import Caricature
from tests.methods.sought import Classifier, code, made, photographs, report

LAYER = "features.2"
SHORT = Caricature(steps=24, size=32)


def cosines(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.cosine_similarity(one.flatten(1), other.flatten(1))


@pytest.mark.parametrize("sharp", [0.0, 1.0, 2.0])
def test_the_score_by_hand_and_that_it_rises(sharp: float):
    model = Classifier()
    with report(model) as it:
        found = made(Caricature(steps=12, size=32, sharp=sharp), it, LAYER, 0, 1)
    mine, its = code(model, found.values).flatten(1), code(model, photographs()[:2]).flatten(1)
    dot = (mine * its).sum(dim=1) / its.norm(dim=1)
    by_hand = dot * (dot / mine.norm(dim=1)).clamp(min=0.1) ** sharp
    torch.testing.assert_close(torch.tensor(found.scores), by_hand, rtol=1e-4, atol=1e-4)
    assert all(curve[0] < score for curve, score in zip(found.curves, found.scores, strict=True))


def test_it_points_where_its_photograph_does_and_further():
    model = Classifier()
    with report(model) as it:
        found = made(SHORT, it, LAYER, 0, 1, 2)
    mine, its = code(model, found.values), code(model, photographs())
    near = cosines(mine, its)
    assert (near > 0.5).all()
    assert (near > cosines(mine, its.roll(1, dims=0))).all()
    assert (mine.flatten(1).norm(dim=1) > its.flatten(1).norm(dim=1)).all()


def test_a_picture_is_the_same_alone_and_in_company_and_comes_from_the_seed():
    with report(Classifier()) as it:
        alone, again = (made(SHORT, it, LAYER, 1) for _ in range(2))
        three = made(SHORT, it, LAYER, 0, 1, 2)
        other = made(SHORT, it, LAYER, 1, seed=9)
    assert torch.equal(alone.values, again.values)
    torch.testing.assert_close(three.values[1], alone.values[0], rtol=0, atol=1e-3)
    assert (alone.values - other.values).abs().mean() > 0.01


def test_its_options_say_which_images_and_layers():
    with report(Classifier()) as it:
        facts, layer = it[0].engine.facts, it[1][LAYER]
    assert Caricature().applies(facts, layer) is None
    none, elsewhere = Caricature(images=0).applies(facts, layer), Caricature(layers="act").applies(facts, layer)
    assert isinstance(none, NotApplicable) and "`images` is 0" in none.reason
    assert isinstance(elsewhere, NotApplicable) and "`layers`" in elsewhere.reason
