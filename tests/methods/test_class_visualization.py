"""Class visualization: the score is the model's own, each class rises in its own picture, and company changes nothing."""

import pytest
import torch

from generator.artifacts import NotApplicable
from generator.errors import UserError
from generator.methods.class_visualization import ClassVisualization
from tests.methods.sought import Classifier, OneSize, code, made, report
from tests.search.searching import held

SHORT = ClassVisualization(steps=12, size=32)


def test_the_score_is_the_logit_by_hand_and_each_class_is_highest_in_its_own_picture():
    model = Classifier()
    with report(model) as it:
        found = made(SHORT, it, None, 0, 2, 4)
    assert found.units == (0, 2, 4)
    assert found.values.shape == (3, 3, 32, 24)
    assert 0 <= found.values.min() < found.values.max() <= 1
    logits = 3 * code(model, found.values).mean(dim=(2, 3))  # (pictures, classes)
    torch.testing.assert_close(torch.tensor(found.scores), logits[[0, 1, 2], [0, 2, 4]], rtol=1e-4, atol=1e-4)
    assert logits[:, [0, 2, 4]].argmax(dim=0).tolist() == [0, 1, 2]
    assert all(curve[0] < score for curve, score in zip(found.curves, found.scores, strict=True))
    assert found.dead == ("", "", "")


def test_a_class_that_is_a_colour_is_painted_in_it():
    class Colours(torch.nn.Module):
        """Class k is the mean of channel k, less the others'."""

        def __init__(self) -> None:
            super().__init__()
            self.same = torch.nn.Conv2d(3, 3, 1, bias=False)
            self.same.weight.data = (2 * torch.eye(3) - 1).view(3, 3, 1, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            found: torch.Tensor = self.same(x).mean(dim=(2, 3))
            return found

    with held(Colours(), (3, 32, 32), (0.5,) * 3, (0.25,) * 3) as it:
        found = made(ClassVisualization(steps=24, size=32), it, None, 0, 1, 2)
    means = found.values.mean(dim=(2, 3))  # (class, channel)
    assert means.argmax(dim=1).tolist() == [0, 1, 2]
    by_hand = [
        (2 * means[k, k] - means[k].sum() + 0.5) / 0.25 for k in range(3)
    ]  # (x - 0.5) / 0.25, one for and two against
    assert list(found.scores) == pytest.approx([float(v) for v in by_hand], rel=1e-4)


def test_pictures_come_from_the_seed_and_from_no_company():
    with report(Classifier()) as it:
        alone, again = (made(SHORT, it, None, 2, seed=5) for _ in range(2))
        three = made(SHORT, it, None, 0, 2, 4, seed=5)
        pairs = made(ClassVisualization(steps=12, size=32, batch=2), it, None, 0, 2, 4, seed=5)
        other = made(SHORT, it, None, 2, seed=6)
    assert torch.equal(alone.values, again.values)
    for one in (three, pairs):
        torch.testing.assert_close(one.values[1], alone.values[0], rtol=0, atol=1e-3)
    assert (alone.values - other.values).abs().mean() > 0.05


def test_smaller_pictures_where_the_model_takes_them_and_its_own_size_where_not():
    small = ClassVisualization(steps=3, size=16)
    with report(Classifier()) as it:
        assert made(small, it, None, 1).values.shape == (1, 3, 16, 12)
    with report(OneSize()) as it:
        (grid,) = small.search(it[0], None, (1,), 0)
    assert grid.values.shape == (1, 3, 32, 24)
    with report(Classifier()) as it:
        assert made(ClassVisualization(steps=3, size=500), it, None, 1).values.shape == (1, 3, 32, 24)


def test_what_is_not_made_says_why_and_what_cannot_be_is_refused():
    with report(Classifier()) as it:
        facts = it[0].engine.facts
    assert ClassVisualization().applies(facts, None) is None
    for none in (ClassVisualization(targets=0), ClassVisualization(most=0)):
        said = none.applies(facts, None)
        assert isinstance(said, NotApplicable) and "targets" in said.reason
    with pytest.raises(UserError, match="class_visualization: expected steps to be 1 or more"):
        ClassVisualization(steps=0)
