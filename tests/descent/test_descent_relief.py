"""The relief: places by turning them by hand, hidden ones by looking along the line to the eye, frames where the run is."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from generator.cli import run
from generator.command.descent import descended
from generator.descent.optimizers import OPTIMIZERS
from generator.descent.picture import FOOT, LEFT, MAP, TOP
from generator.descent.relief import ABOVE, DEEP, PITCH, TALL, YAW, Relief
from generator.descent.surfaces import SURFACES


def relief(surface: str, steps: int = 40) -> Relief:
    return Relief(*descended(surface, None, None, [], [], steps))


@pytest.mark.parametrize("name", SURFACES)
def test_the_relief_fills_its_frame_and_no_more(name: str):
    found = relief(name)
    v, u = np.mgrid[0:1:41j, 0:1:41j]  # type: ignore[misc]
    x, y = found.at(u, v, found.on(u, v))
    assert LEFT - 1e-6 <= x.min() <= x.max() <= MAP + 1e-6
    assert TOP - 1e-6 <= y.min() <= y.max() <= FOOT + 1e-6
    assert np.ptp(x) > 0.99 * (MAP - LEFT) or np.ptp(y) > 0.97 * (FOOT - TOP)


def test_places_are_turned_by_two_angles():
    found = relief("ravine")
    a, b = math.radians(YAW), math.radians(PITCH)
    turn = np.array([[math.cos(a), -math.sin(a), 0], [math.sin(a), math.cos(a), 0], [0, 0, 1]])
    tilt = np.array([[1, 0, 0], [0, math.sin(b), -math.cos(b)], [0, math.cos(b), math.sin(b)]])
    some = np.random.default_rng(0).random((3, 20))
    x, y, _ = tilt @ turn @ np.stack([some[0] - 0.5, (some[1] - 0.5) * DEEP, (some[2] - 0.5) * TALL])
    ours = np.stack(found.at(*some))
    scale, left, top = found.fit
    np.testing.assert_allclose(ours, np.stack([left + scale * x, top + scale * y]))


def test_heights_between_corners_are_the_surfaces():
    found = relief("saddle")
    x0, x1, y0, y1 = found.surface.box
    u, v = np.random.default_rng(1).random((2, 200))
    x, y = x0 + u * (x1 - x0), y1 - v * (y1 - y0)
    values = x**2 - y**2 + y**4 / 4
    low, high = -1.0, float((2**2) + max(0.0, -(2.2**2) + 2.2**4 / 4))
    np.testing.assert_allclose(found.on(u, v), (values - low) / (high - low), atol=4e-3)


@pytest.mark.parametrize("name", ["two_wells", "beale"])
def test_what_is_hidden_is_covered_by_something_nearer(name: str):
    """A slow look: of all places of a fine net that are drawn at the same point, the nearest one is seen."""
    found = relief(name)
    v, u = np.mgrid[0:1:301j, 0:1:301j]  # type: ignore[misc]
    h = found.on(u, v)
    x, y = found.at(u, v, h)
    yaw, pitch = math.radians(YAW), math.radians(PITCH)
    near = (u - 0.5) * math.sin(yaw) + (v - 0.5) * DEEP * math.cos(yaw)
    near = near * math.cos(pitch) + (h - 0.5) * TALL * math.sin(pitch)
    some = np.random.default_rng(2).integers(0, 301, (2, 200))
    hidden = found.hidden(u[some[0], some[1]], v[some[0], some[1]])
    for k, (j, i) in enumerate(some.T):
        apart, nearer = np.hypot(x - x[j, i], y - y[j, i]), near - near[j, i]
        cover = (apart < 3) & (nearer > 0.15)
        sides = [
            (cover & (a > 0) & (b > 0)).any() for a in (x - x[j, i], x[j, i] - x) for b in (y - y[j, i], y[j, i] - y)
        ]
        if all(sides):
            assert hidden[k], "something stands well in front of it, on all sides"
        if not (nearer[apart < 4] > 0.01).any():
            assert not hidden[k], "nothing near that point is nearer to the eye"
    assert 5 < hidden.sum() < 100, "there is something to hide, and something to see"


def test_pieces_lie_on_the_relief_and_join():
    found = relief("two_wells")
    for way, one in zip(found.ways, found.runs, strict=True):
        pieces = [piece for step in way for piece in step]
        assert len(way) == 40
        for before, after in pairwise(pieces):
            assert math.dist(before.b, after.a) < 1e-6
        u, v = found.share(tuple(one.points[-1].tolist()))
        x, y = found.at(np.array([u]), np.array([v]), found.on(np.array([u]), np.array([v])) + ABOVE)
        assert math.dist(pieces[-1].b, (float(x[0]), float(y[0]))) < 1e-6


@pytest.mark.parametrize("form", ["webp", "gif"])
def test_an_animation_from_the_side_shows_each_step_where_the_run_is(tmp_path: Path, form: str):
    out = tmp_path / f"two.{form}"
    assert run(["descent", "--optimizers", "sgd,momentum", "--steps", "8", "--view", "3d", "-o", str(out)]) == 0
    found = Relief(*descended("two_wells", ["sgd", "momentum"], None, [], [], 8))
    wanted = [int(OPTIMIZERS["momentum"].colour[a : a + 2], 16) for a in (1, 3, 5)]
    with Image.open(out) as film:
        assert (film.n_frames, film.size) == (9, (960, 540))
        shown = []
        for k in range(9):
            film.seek(k)
            shown.append(np.asarray(film.convert("RGB"), np.int16))
    for k, pixels in enumerate(shown):
        u, v = (np.array([one]) for one in found.share(tuple(found.runs[1].points[k].tolist())))
        x, y = found.at(u, v, found.on(u, v) + ABOVE)
        seen = pixels[round(float(y[0])), round(float(x[0]))]
        assert np.abs(seen - wanted).max() < 30, (k, seen, wanted)
    trail = [np.abs(one - shown[0])[TOP:FOOT, LEFT:MAP].max(axis=2) > 60 for one in shown]
    grown = [int(one.sum()) for one in trail]
    assert grown[8] > 1.5 * grown[2], "the way behind the mark stays"


def test_a_run_that_leaves_the_box_is_drawn_no_further(tmp_path: Path):
    surface, runs = descended("rosenbrock", ["sgd"], None, ["sgd=1"], [], 20)
    found = Relief(surface, runs)
    far = [k for k, step in enumerate(found.ways[0]) if step]
    assert len(far) < 20
    out = tmp_path / "lost.png"
    assert run(["descent", "--surface", "rosenbrock", "--optimizers", "sgd", "--lr", "sgd=1", "--steps", "20", "--view", "3d", "-o", str(out)]) == 0  # fmt: skip
    with Image.open(out) as made:
        assert made.size == (1920, 1080)
