"""Effective receptive fields: derivatives by changing one pixel after the other, squares by trying them all."""

from __future__ import annotations

import html
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from generator.build import plan
from generator.config import load_config
from generator.learn.effective import SHARE, SIDE, inner, measured, middle, seen, weights
from generator.model.describe import describe
from tests.whole import build, copied, digits


def stack(seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 5, 3, padding=1)
    ).double()


def gradient(net: nn.Module, x: Tensor) -> Tensor:
    x = x.clone().requires_grad_()
    return torch.autograd.grad(middle(net(x)), x)[0]


def test_weights_are_what_changing_each_pixel_does():
    net, x = stack(), torch.randn(3, 2, 10, 8, dtype=torch.float64)
    found = weights(gradient(net, x))
    expected = torch.zeros(10, 8, dtype=torch.float64)
    with torch.no_grad():
        for n in range(3):
            before = net(x[n : n + 1])[0, :, 2, 2].sum()  # of 5 x 4 places, the middle
            for c in range(2):
                for i in range(10):
                    for j in range(8):
                        moved = x[n : n + 1].clone()
                        moved[0, c, i, j] += 1e-7
                        change = (net(moved)[0, :, 2, 2].sum() - before) / 1e-7
                        expected[i, j] += change.abs() / 3
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)


def test_nothing_outside_the_theoretical_field_weighs_anything():
    net = stack(1).float().eval()
    facts = describe(nn.Sequential(*net, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(5, 3)).eval(), (2, 30, 26))
    field = weights(gradient(net, torch.randn(2, 2, 30, 26)))
    layer = facts.by_name["3"]
    top, left, bottom, right = seen((30, 26), layer.sees(0, layer.shape[1] // 2), layer.sees(1, layer.shape[2] // 2))
    assert (bottom - top, right - left) == layer.receptive_field == (8, 8)
    inside = torch.zeros_like(field, dtype=torch.bool)
    inside[top:bottom, left:right] = True
    assert not field[~inside].any()
    assert field[inside].count_nonzero() > 32


def test_a_field_at_the_border_is_cut_and_one_that_is_unknown_is_all():
    assert seen((8, 8), (2, 8), (-1, 3)) == (2, 0, 8, 4)
    assert seen((8, 6), None, None) == (0, 0, 8, 6)


def test_a_stack_of_even_weights_is_a_bell_of_the_known_width():
    net = nn.Sequential(*(nn.Conv2d(1, 1, 3, padding=1, bias=False) for _ in range(10))).double()
    for one in net:
        nn.init.ones_(one.weight)  # type: ignore[arg-type]
    field = weights(gradient(net, torch.zeros(1, 1, 41, 41, dtype=torch.float64)))
    row = (field.sum(dim=0) / field.sum()).numpy()
    places = np.arange(41) - 20
    assert float((row * places).sum()) == pytest.approx(0)
    assert float((row * places**2).sum()) ** 0.5 == pytest.approx((10 * 2 / 3) ** 0.5)  # what the article says
    assert row[np.abs(places) > 10].sum() == 0
    top, left, bottom, right = inner(field)
    one = {r: row[np.abs(places) <= r].sum() ** 2 for r in (5, 6)}  # rows and columns weigh independently
    assert one[5] < SHARE <= one[6]
    assert (bottom - top, right - left) == (13, 13), "of a field of 21 columns"


def test_the_square_is_the_smallest_that_holds_the_share():
    generator = torch.Generator().manual_seed(2)
    for _ in range(10):
        field = torch.rand(13, 17, generator=generator, dtype=torch.float64) ** 6
        top, left, bottom, right = inner(field)
        assert field[top:bottom, left:right].sum() >= SHARE * field.sum() * (1 - 1e-6)
        y = round(float((field.sum(1) * torch.arange(13)).sum() / field.sum()))
        x = round(float((field.sum(0) * torch.arange(17)).sum() / field.sum()))
        reach = next(
            r
            for r in range(20)
            if field[max(0, y - r) : y + r + 1, max(0, x - r) : x + r + 1].sum() >= SHARE * field.sum()
        )
        assert (top, left, bottom, right) == (max(0, y - reach), max(0, x - reach), min(13, y + reach + 1), min(17, x + reach + 1))  # fmt: skip


def test_large_fields_are_kept_as_means_and_empty_ones_not_at_all():
    field = torch.rand(100, 200, dtype=torch.float64)
    kept = measured(field, (0, 0, 100, 200))
    assert kept is not None
    assert kept.values.shape == (SIDE // 2, SIDE)
    assert float(kept.values.max()) == 1
    whole = measured(field, (10, 20, 14, 26))
    assert whole is not None
    torch.testing.assert_close(whole.values, (field[10:14, 20:26] / field[10:14, 20:26].max()).float())
    assert measured(torch.zeros(8, 8, dtype=torch.float64), (0, 0, 8, 8)) is None


CONFIG = {"model": "tinyvgg_digits", "images": "images", "checkpoints": [], "methods": ["feature_maps"], "trust": "none", "explain": "none"}  # fmt: skip


def test_a_report_measures_its_own_model_and_the_plan_counts_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    copied(digits(3), tmp_path / "images")
    made = build(tmp_path, {**CONFIG, "effective_fields": 3})
    assert made.run["passes"]["planned"] == made.run["passes"]["run"] == {"forward": 3 + 1, "backward": 3}
    text = html.unescape((made.site / "learn/receptive_field.html").read_text("utf-8"))
    assert "on average over 3 images" in text
    assert "<learn-measured" in text
    data = (made.site / "data/learn.js").read_text("utf-8")
    assert '"layer":"conv1_1"' in data
    again = build(tmp_path, {**CONFIG, "effective_fields": 3})
    assert again.run["passes"]["run"] == {"forward": 0, "backward": 0}
    monkeypatch.chdir(tmp_path)
    config = load_config(None, {**CONFIG, "device": "cpu", "effective_fields": 2})
    said = str(plan(config))
    rows = [line.split() for line in said.splitlines() if line.startswith("effective fields")]
    assert rows == [["effective", "fields", "model", "2", "2", "2", "1", "forward,", "2", "backward"]]


def test_where_nothing_is_measured_the_article_says_so(tmp_path: Path):
    copied(digits(1), tmp_path / "images")
    made = build(tmp_path, {**CONFIG, "effective_fields": 0})
    assert made.run["passes"]["run"]["backward"] == 0
    text = html.unescape((made.site / "learn/receptive_field.html").read_text("utf-8"))
    assert "<learn-measured" not in text
    assert "it was not measured. The configuration asks for none" in text
