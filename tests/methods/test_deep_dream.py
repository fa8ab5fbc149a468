"""Deep dream: the score by hand, beginning at the photograph's own, and a picture that is still the photograph's."""

import pytest
import torch

from generator.methods.deep_dream import DeepDream
from tests.methods.sought import Classifier, code, made, photographs, report

LAYER = "features.2"
SHORT = DeepDream(steps=6, size=32)


def test_the_score_by_hand_begins_at_the_photographs_and_rises():
    model, wanted = Classifier(), photographs()
    with report(model) as it:
        found = made(SHORT, it, LAYER, 0, 1, 2)
    energy = code(model, found.values).square().mean(dim=(1, 2, 3))
    torch.testing.assert_close(torch.tensor(found.scores), energy, rtol=1e-4, atol=1e-4)
    began = code(model, wanted).square().mean(dim=(1, 2, 3))
    assert [curve[0] for curve in found.curves] == pytest.approx(began.tolist(), rel=1e-3)
    assert (energy > 1.2 * began).all()


def test_each_goes_on_from_its_own_photograph_and_a_short_way():
    wanted = photographs()
    with report(Classifier()) as it:
        found = made(SHORT, it, LAYER, 2, 0)
        further = made(DeepDream(steps=24, size=32), it, LAYER, 2, 0)
    far = [(one.values - wanted[[2, 0]]).abs().mean(dim=(1, 2, 3)) for one in (found, further)]
    crossed = (found.values - wanted[[0, 2]]).abs().mean(dim=(1, 2, 3))
    assert (far[0] < 0.1).all()
    assert (far[0] < 0.7 * crossed).all()
    assert (far[0] < far[1]).all()


def test_a_picture_is_the_same_alone_and_in_company():
    with report(Classifier()) as it:
        alone, again, three = (made(SHORT, it, LAYER, *of) for of in ((1,), (1,), (0, 1, 2)))
    assert torch.equal(alone.values, again.values)
    torch.testing.assert_close(three.values[1], alone.values[0], rtol=0, atol=1e-3)
