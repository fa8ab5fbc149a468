"""Lost rank: a layer whose kernels are copies of few; bottlenecks and layers behind a loss are not blamed."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tests.findings.planted import at, evidence_of, judged, noise, refused, seeded


def net(rank: int) -> nn.Sequential:
    """Pointwise layers of 20 units on noise; the second has kernels that span `rank` directions."""
    model = nn.Sequential(*(nn.Conv2d(20, 20, 1, bias=False) for _ in range(4)))
    with torch.no_grad():
        for k, part in enumerate(model):
            turn, _ = torch.linalg.qr(noise(20, 20, seed=k))
            part.weight.copy_(turn[:, :, None, None])
        left = turn[:, :rank] if rank < 20 else turn
        model[1].weight.copy_((left @ left.T)[:, :, None, None])
    return model


@pytest.mark.parametrize(
    ("rank", "severity"), [(20, "fine"), (11, "fine"), (7, "note"), (4, "warning"), (1, "serious")]
)
def test_severity_by_the_share_of_directions(rank: int, severity: str):
    """White noise through a projection onto r of 20 directions: an effective rank of nearly r."""
    found = judged("lost_rank", evidence_of(net(rank), noise(8, 20, 16, 16)))
    assert found.severity == severity
    if severity != "fine":
        assert {place.layer for place in found.places} == {"1"}  # the layers behind are given no more
        said = float(at(found, "1").text.split()[0])
        assert said == pytest.approx(rank, rel=0.05)


def test_a_bottleneck_is_not_blamed():
    model = seeded(nn.Sequential(nn.Conv2d(20, 20, 1), nn.Conv2d(20, 4, 1), nn.Conv2d(4, 20, 1)))
    found = judged("lost_rank", evidence_of(model, noise(8, 20, 16, 16)))
    assert found.severity == "fine"
    assert found.drawing is not None
    assert found.drawing.dots[0].text.split(" of ")[1] == "4 directions"


def test_a_layer_that_was_not_asked_is_looked_through():
    model = seeded(nn.Sequential(nn.Conv2d(20, 20, 1), nn.BatchNorm2d(20), nn.ReLU()))
    evidence = evidence_of(model, noise(8, 20, 16, 16))
    assert "1" not in evidence.answers
    found = judged("lost_rank", evidence)
    assert found.drawing is not None
    assert [dot.layer for dot in found.drawing.dots] == ["2"]


class Sum(nn.Module):
    """Two projections of 20 directions, added; and a projection of that."""

    def __init__(self, *ranks: int) -> None:
        super().__init__()
        self.stem, self.one, self.other, self.last = (nn.Conv2d(20, 20, 1, bias=False) for _ in range(4))
        with torch.no_grad():
            for k, (part, rank) in enumerate(
                zip((self.stem, self.one, self.other, self.last), (20, *ranks), strict=True)
            ):
                turn, _ = torch.linalg.qr(noise(20, 20, seed=k))
                part.weight.copy_((turn[:, :rank] @ turn[:, :rank].T)[:, :, None, None])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        return self.last(self.one(x) + self.other(x))


def test_a_layer_that_reads_several_is_held_to_the_one_of_the_most_directions():
    """One branch of all 20 directions, one of 12: of their sum, which was not asked, a layer of 5 uses a quarter."""
    found = judged("lost_rank", evidence_of(Sum(20, 12, 5), noise(8, 20, 16, 16)))
    rank, allowed = (float(word) for word in at(found, "last").text.split(" of "))
    assert rank == pytest.approx(5, rel=0.05)
    assert allowed == pytest.approx(19.5, abs=0.5)


def test_what_cannot_be_judged_is_said():
    assert "dataset_examples" in refused("lost_rank", evidence_of(net(20), shape=(20, 16, 16)))
    alone = evidence_of(seeded(nn.Sequential(nn.Conv2d(3, 8, 3))), noise(4, 3, 16, 16))
    assert "no layer that reads another one" in refused("lost_rank", alone)
