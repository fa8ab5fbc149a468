"""A training on a plane: directions by numpy's singular values, places by its least squares."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from generator.landscape.trajectory import differences, ends, principal, project

NAMES = ("a.weight", "a.bias", "b.weight")
SHAPES = ((4, 2, 3, 3), (4,), (5, 16))


def weights(seed: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {name: torch.randn(shape, generator=generator) for name, shape in zip(NAMES, SHAPES, strict=True)}


def flat(of: dict[str, Tensor]) -> np.ndarray:
    return np.concatenate([of[name].double().numpy().ravel() for name in NAMES])


@pytest.fixture
def apart() -> list[dict[str, Tensor]]:
    """Seven sets of weights on their way to an eighth, which is one of them as well."""
    states = [weights(k) for k in range(8)]
    walked = [{n: (8 - k) * states[0][n] + 0.3 * states[k][n] for n in NAMES} for k in range(8)]
    return differences(walked, walked[-1], NAMES)


def test_differences_are_to_the_centre(apart: list[dict[str, Tensor]]) -> None:
    assert len(apart) == 8
    assert all(not one.any() for one in apart[-1].values())
    expected = 7 * weights(0)["a.bias"] + 0.3 * (weights(0)["a.bias"] - weights(7)["a.bias"])
    torch.testing.assert_close(apart[0]["a.bias"], expected)


def test_principal_directions_are_numpys_singular_vectors(apart: list[dict[str, Tensor]]) -> None:
    across, up = principal(apart, torch.Generator())
    matrix = np.stack([flat(one) for one in apart])
    _, sizes, rows = np.linalg.svd(matrix, full_matrices=False)
    for ours, theirs in ((flat(across), rows[0]), (flat(up), rows[1])):
        assert np.linalg.norm(ours) == pytest.approx(1, rel=1e-5)
        assert abs(float(ours @ theirs)) == pytest.approx(1, rel=1e-5)
    found = project(apart, across, up)
    places = matrix @ np.stack([flat(across), flat(up)]).T
    np.testing.assert_allclose(found.points, places, atol=1e-4)
    assert found.held == pytest.approx(float((sizes[:2] ** 2).sum() / (sizes**2).sum()), rel=1e-5)
    rest = np.linalg.norm(matrix - places @ np.stack([flat(across), flat(up)]), axis=1)
    np.testing.assert_allclose(found.off, rest, atol=1e-3)
    assert found.points[0][0] < 0, "training goes from left to right"
    assert max((y for _, y in found.points), key=abs) > 0


def test_no_plane_holds_more(apart: list[dict[str, Tensor]]) -> None:
    best = project(apart, *principal(apart, torch.Generator())).held
    for seed in range(5):
        assert project(apart, weights(100 + seed), weights(200 + seed)).held < 0.5 * best


def test_any_two_directions_are_projected_on_by_least_squares(apart: list[dict[str, Tensor]]) -> None:
    across = {n: 3 * v for n, v in weights(50).items()}
    up = {n: across[n] + weights(51)[n] for n in NAMES}  # neither short nor at right angles
    found = project(apart, across, up)
    matrix, plane = np.stack([flat(one) for one in apart]), np.stack([flat(across), flat(up)]).T
    places = np.linalg.lstsq(plane, matrix.T, rcond=None)[0].T
    np.testing.assert_allclose(found.points, places, rtol=1e-4, atol=1e-6)
    rest = matrix - places @ plane.T
    np.testing.assert_allclose(found.off, np.linalg.norm(rest, axis=1), rtol=1e-5, atol=1e-5)
    assert found.held == pytest.approx(1 - float((rest**2).sum() / (matrix**2).sum()), rel=1e-3)


def test_of_no_checkpoints_nothing_is_projected(apart: list[dict[str, Tensor]]) -> None:
    found = project([], apart[0], apart[1])
    assert (found.points, found.off, math.isnan(found.held)) == ((), (), True)


def test_where_all_lie_on_one_line_the_second_direction_is_drawn() -> None:
    along = weights(9)
    line = [{n: -k * v for n, v in along.items()} for k in (3.0, 1.0, 0.0)]
    across, up = principal(line, torch.Generator().manual_seed(0))
    assert abs(flat(across) @ flat(along)) == pytest.approx(np.linalg.norm(flat(along)), rel=1e-5)
    assert flat(up) @ flat(across) == pytest.approx(0, abs=1e-5)
    assert np.linalg.norm(flat(up)) == pytest.approx(1, rel=1e-5)
    assert project(line, across, up).held == pytest.approx(1)
    nowhere = principal([{n: 0 * v for n, v in along.items()}] * 2, torch.Generator().manual_seed(0))
    assert flat(nowhere[0]) @ flat(nowhere[1]) == pytest.approx(0, abs=1e-5)
    assert np.isnan(project([{n: 0 * v for n, v in along.items()}], *nowhere).held)


@pytest.mark.parametrize("count", [3, 5, 21])
@pytest.mark.parametrize("values", [(-7.5, -2.0, 0.0), (0.0,), (-1.0, 2.0), (3.0, 4.0), (-0.001, 900.0)])
def test_ticks_hold_all_and_zero(values: tuple[float, ...], count: int) -> None:
    found = ends(values, count)
    low, high = min(0.0, *values), max(0.0, *values)
    quarter = 0.25 * ((high - low) or 1.0)
    assert len(found) == count
    assert 0.0 in found
    assert found[0] <= low - quarter + 1e-9 * high
    assert found[-1] >= high + quarter - 1e-9 * high
    np.testing.assert_allclose(np.diff(found), found[1] - found[0])
