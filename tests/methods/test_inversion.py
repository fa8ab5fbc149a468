"""Inversion: the score by hand from the codes; what comes back is nearer to the code than any other picture, and shallow layers
give the photograph."""

import torch

from generator.methods.inversion import Inversion
from tests.methods.sought import Classifier, code, made, photographs, report

SHORT = Inversion(steps=48, size=32, total_variation=0.0, lp=0.0)


def distance(model: Classifier, pictures: torch.Tensor, wanted: torch.Tensor, depth: int) -> torch.Tensor:
    """|A(x) - A(x0)|^2 / |A(x0)|^2"""
    mine, its = code(model, pictures, depth).flatten(1), code(model, wanted, depth).flatten(1)
    return (mine - its).square().sum(dim=1) / its.square().sum(dim=1)


def test_the_score_by_hand_and_nearer_than_random_and_other_pictures():
    model, wanted = Classifier(), photographs()
    with report(model) as it:
        found = made(SHORT, it, "features.2", 0, 1, 2)
    mine = distance(model, found.values, wanted, 3)
    torch.testing.assert_close(torch.tensor(found.scores), -mine, rtol=1e-3, atol=1e-4)
    noise = torch.rand(3, 3, 32, 24, generator=torch.Generator().manual_seed(1))
    for other in (noise, torch.full_like(noise, 0.5), wanted.roll(1, dims=0)):
        assert (mine < 0.5 * distance(model, other, wanted, 3)).all()
    assert (mine < 0.05).all()


def test_a_shallow_layer_gives_the_photograph_back():
    model, wanted = Classifier(), photographs()
    with report(model) as it:
        found = made(Inversion(steps=128, size=32, total_variation=0.0, lp=0.0), it, "features.0", 0)
    inner = (slice(None), slice(2, -2), slice(2, -2))
    assert (found.values[0][inner] - wanted[0][inner]).abs().mean() < 0.08


def test_the_prior_makes_it_smoother():
    with report(Classifier()) as it:
        free, held_ = (made(Inversion(steps=24, size=32, lp=0.0, total_variation=weight), it, "features.2", 0) for weight in (0.0, 100.0))  # fmt: skip
    rough = [float(found.values.diff(dim=3).square().mean()) for found in (free, held_)]
    assert rough[1] < 0.7 * rough[0]


def test_a_picture_is_the_same_alone_and_in_company():
    few = Inversion(steps=6, size=32)
    with report(Classifier()) as it:
        alone, again, three = (made(few, it, "features.2", *of) for of in ((1,), (1,), (0, 1, 2)))
    assert torch.equal(alone.values, again.values)
    torch.testing.assert_close(three.values[1], alone.values[0], rtol=0, atol=1e-3)
