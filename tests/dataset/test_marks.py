"""Marks of pictures: the same for copies, another for whatever differs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from generator.build import build
from generator.config import load_config
from generator.dataset.answers import NONE
from generator.dataset.marks import mark


def test_a_mark_is_that_of_the_numbers_in_their_order():
    x = torch.rand(3, 32, 32)
    assert mark(x) == mark(x.clone()) == mark(x.contiguous(memory_format=torch.contiguous_format))
    assert mark(x.permute(1, 2, 0).contiguous().permute(2, 0, 1)) == mark(x), "however they lie"
    found = {mark(x), mark(x.flip(0)), mark(x.flip(2)), mark(-x), mark(x * 2), mark(torch.zeros(3, 32, 32))}
    for k in range(200):
        one = x.clone().flatten()
        one[k * 7] = torch.nextafter(one[k * 7], torch.tensor(2.0))  # one bit, more or less
        found.add(mark(one.view(3, 32, 32)))
    assert len(found) == 206 and 0 not in found


@pytest.mark.parametrize("odd", [False, True])
def test_pictures_of_zeros_and_ones_have_marks_of_their_own(odd: bool):
    """Numbers are taken two by two: what differs in one of each pair alone differs all the same."""
    draw = torch.Generator().manual_seed(0)
    found = set()
    for _ in range(2000):
        x = torch.zeros(1, 16, 16)
        x.view(-1)[int(odd) :: 2] = (torch.rand(128, generator=draw) > 0.5).float()
        found.add(mark(x))
    assert len(found) == 2000


def test_a_photograph_that_the_set_has_several_times_is_one_patch(tmp_path: Path):
    rng = np.random.default_rng(0)
    (tmp_path / "set").mkdir()
    for k in range(6):
        Image.fromarray(rng.integers(0, 255, (32, 32), np.uint8)).save(tmp_path / f"set/{k}.png")
    for copy in range(7):
        (tmp_path / f"set/copy-{copy}.png").write_bytes((tmp_path / "set/0.png").read_bytes())
    given = {
        "model": "tinyvgg_digits", "images": str(tmp_path / "set"), "limit": 1, "dataset": str(tmp_path / "set"),
        "layers": ["conv1_2"], "methods": [{"dataset_examples": {"top": 5, "reconstructions": 0}}],
        "effective_fields": 0, "out": str(tmp_path / "site"), "store": str(tmp_path / "store"), "checkpoints": [],
    }  # fmt: skip
    found = build(load_config(None, given)).report.layers[0].answers
    assert found is not None and found.seen == 13
    of = {
        number: 0 if number >= 6 else number for number in range(13)
    }  # as listed: the copies come behind 0.png to 5.png
    for row in found.images.tolist():
        pictures = [of[number] for number in row if number != NONE]
        assert len(pictures) == len(set(pictures)), row
    assert (found.images[:, :5] != NONE).all(axis=1).any(), "the room of copies went to others"
