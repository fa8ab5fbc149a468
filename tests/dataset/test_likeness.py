"""Likeness of pictures: by hand, whatever their place, and slowly by trying every shift."""

from __future__ import annotations

import math

import numpy as np
import pytest

from generator.dataset.likeness import likeness, vague


def test_by_hand():
    a = np.zeros((2, 4, 1), np.float32)
    b = a.copy()
    a[0, 0], b[1, 2] = 3, 5  # one dot each, elsewhere
    assert likeness(np.stack([a, b])) == pytest.approx(1)
    b[1, 2] = -5
    assert likeness(np.stack([a, b])) == pytest.approx(0), (
        "turned round it is another picture: no shift makes one of it"
    )
    c = a.copy()
    c[0, 0], c[0, 1] = 3, 4  # 3 of the dot's own 3 within a length of 5, or 4
    assert likeness(np.stack([a, c])) == pytest.approx(4 / 5)


def test_colours_count_and_gray_is_like_nothing():
    red, green = np.zeros((2, 3, 3, 3), np.float32)
    red[..., 0], green[..., 1] = 1, 1
    assert likeness(np.stack([red, green])) == pytest.approx(0, abs=1e-9)
    assert likeness(np.stack([red, red * 0])) == 0
    assert math.isnan(likeness(red[None]))


def test_beside_every_shift_tried():
    pictures = np.random.default_rng(0).normal(size=(4, 5, 6, 3)).astype(np.float32)
    values = []
    for k in range(4):
        for j in range(k):
            shifted = (np.roll(pictures[j], (y, x), (0, 1)) for y in range(5) for x in range(6))
            size = np.linalg.norm(pictures[k]) * np.linalg.norm(pictures[j])
            values.append(max(float((pictures[k] * one).sum()) for one in shifted) / size)
    assert likeness(pictures) == pytest.approx(float(np.median(values)), rel=1e-5)


def test_vague_is_alike_where_guided_is_not():
    assert vague(0.93, 0.2)
    assert not vague(0.68, 0.75), "units that look for one thing are alike in both"
    assert not vague(0.5, 0.1)
    assert not vague(float("nan"), 0.1)
    assert not vague(0.9, float("nan"))
