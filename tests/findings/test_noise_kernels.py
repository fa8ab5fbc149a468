"""First kernels that stayed noise: noise of any size is not rejected more often than said, smooth kernels and edges are."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from generator.findings.noise_kernels import statistic
from tests.findings.planted import at, evidence_of, judged, noise, refused


def net(weight: Tensor) -> nn.Sequential:
    conv = nn.Conv2d(weight.shape[1], weight.shape[0], tuple(weight.shape[2:]), bias=False)  # type: ignore[arg-type]
    with torch.no_grad():
        conv.weight.copy_(weight)
    return nn.Sequential(conv, nn.ReLU(), nn.Conv2d(weight.shape[0], 4, 3))


def evidence(weight: Tensor):  # type: ignore[no-untyped-def]
    return evidence_of(net(weight), shape=(weight.shape[1], 24, 24))


def smooth(n: int, c: int, side: int) -> Tensor:
    """Waves of some direction, the same in all channels."""
    y, x = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    angle = torch.arange(n)[:, None, None] / n * 3.14
    wave = torch.cos((x * angle.cos() + y * angle.sin()) * 0.9 + angle)
    return wave[:, None].repeat(1, c, 1, 1)


def test_the_statistic_by_hand():
    """One kernel 2 x 2 of one channel, (1, 2; 3, 4): energy 30, K (K + 2) = 24.
    Side by side 2 + 12 = 14 of two pairs, above each other 3 + 8 = 11 of two, diagonals 4 and 6 of one each."""
    total, many, known = statistic(torch.tensor([[[[1.0, 2], [3, 4]]]]).double())
    z = np.array(
        [14 / 30 / (2 / 24) ** 0.5, 11 / 30 / (2 / 24) ** 0.5, 4 / 30 / (1 / 24) ** 0.5, 6 / 30 / (1 / 24) ** 0.5]
    )
    assert float(total) == pytest.approx(float((z**2).sum()))
    assert many == 4
    assert known.tolist() == [True]


def test_the_statistic_is_that_of_loops_over_pairs():
    """The same, pair by pair, over three channels."""
    W = noise(2, 3, 4, 5).double()
    total, many, _ = statistic(W)
    assert many == 5
    for n in range(2):
        w = {(c, y, x): float(W[n, c, y, x]) for c in range(3) for y in range(4) for x in range(5)}
        energy, count, found = sum(v * v for v in w.values()), len(w), 0.0
        steps = [(0, 0, 1), (0, 1, 0), (0, 1, 1), (0, 1, -1)]
        families = [[(a, tuple(p + q for p, q in zip(a, step, strict=True))) for a in w] for step in steps]
        families.append([(a, (other, *a[1:])) for a in w for other in range(a[0] + 1, 3)])
        for family in families:
            pairs = [(a, b) for a, b in family if b in w]
            z = sum(w[a] * w[b] for a, b in pairs) / energy / (len(pairs) / (count * (count + 2))) ** 0.5  # type: ignore[index]
            found += z * z
        assert float(total[n]) == pytest.approx(found)


@pytest.mark.parametrize("shape", [(3, 3, 3), (3, 5, 5), (1, 7, 7), (3, 11, 11), (12, 3, 3)])
@pytest.mark.parametrize("kind", ["normal", "uniform"])
def test_the_statistic_of_noise_has_the_mean_and_spread_of_chi_squared(shape: tuple[int, int, int], kind: str):
    """Of 4,000 kernels. The spread is what makes a probability of 1 % be one: it must not be above that of chi squared."""
    W = noise(4000, *shape, seed=3).double()
    if kind == "uniform":
        W = torch.special.ndtr(W) - 0.5
    total, many, _ = statistic(W)
    assert float(total.mean()) == pytest.approx(many, rel=0.06)
    assert float(total.var()) < 2 * many * 1.35


@pytest.mark.parametrize("side", [3, 5, 7])
@pytest.mark.parametrize("seed", range(4))
def test_noise_is_found(side: int, seed: int):
    found = judged("noise_kernels", evidence(noise(32, 3, side, side, seed=seed)))
    assert found.severity == "warning"
    assert at(found, "0").text == "the whole layer"


@pytest.mark.parametrize("side", [3, 5, 7])
def test_structure_is_found(side: int):
    found = judged("noise_kernels", evidence(smooth(32, 3, side)))
    assert found.severity == "fine"
    assert "less than 1e−12" in found.evidence
    assert ("too small to tell" in found.evidence) == (side == 3)
    assert "gray" not in found.evidence


def test_single_kernels_of_noise_are_named_where_they_are_large():
    """24 of 32 kernels are noise: about half of these have a probability above one half."""
    W = smooth(32, 3, 7)
    W[8:] = noise(24, 3, 7, 7)
    found = judged("noise_kernels", evidence(W))
    assert found.severity == "note"
    units = at(found, "0").units
    assert set(units) <= set(range(8, 32))
    assert 6 <= len(units) <= 18
    assert found.drawing is not None
    assert len(found.drawing.dots) == 32


def test_few_weights_are_too_few():
    assert "too few weights" in refused("noise_kernels", evidence(noise(12, 1, 3, 3)))
    assert judged("noise_kernels", evidence(smooth(12, 1, 3))).severity == "fine"


def test_kernels_of_one_weight_have_no_neighbours():
    assert "one weight wide" in refused("noise_kernels", evidence(noise(12, 3, 1, 1)))


def test_only_convolutions_that_read_the_image_are_looked_at():
    model = nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(3, 8, 3))
    assert "reads the image itself" in refused("noise_kernels", evidence_of(model, shape=(3, 16, 16)))


def test_kernels_over_volumes_are_not_tested_and_said_to_be_so():
    class Volume(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Conv3d(1, 16, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.first(x.unsqueeze(1)).mean((2, 3, 4))

    assert "over a volume" in refused("noise_kernels", evidence_of(Volume(), shape=(4, 12, 12)))
