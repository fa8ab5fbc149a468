"""Which checkpoints a configuration names, in which order, and what they are called."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from generator.config import load_config
from generator.errors import UserError
from generator.report.checkpoints import Checkpoint, checkpoints_of, label_of, listed


def save(folder: Path, *names: str, width: int = 2) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for k, name in enumerate(names):
        torch.manual_seed(k)
        torch.save(nn.Linear(width, 2).state_dict(), folder / name)


def test_a_folder_is_sorted_by_its_numbers(tmp_path: Path) -> None:
    save(tmp_path, "step-10.pth", "step-9.pth", "step-100.pth")
    (tmp_path / "notes.md").write_text("no weights")
    assert [one.label for one in listed([str(tmp_path)])] == ["step 9", "step 10", "step 100"]


def test_files_keep_the_order_they_are_named_in(tmp_path: Path) -> None:
    save(tmp_path, "a.pth", "b.pth")
    assert [one.label for one in listed([str(tmp_path / "b.pth"), str(tmp_path / "a.pth")])] == ["b", "a"]


def test_a_pattern_is_sorted_by_its_numbers(tmp_path: Path) -> None:
    save(tmp_path, "epoch=2-step=20.pth", "epoch=10-step=100.pth", "other.pth")
    found = listed([str(tmp_path / "epoch*.pth")])
    assert [one.label for one in found] == ["step 20", "step 100"]


@pytest.mark.parametrize(
    ("stem", "label"),
    [
        ("step-000440", "step 440"),
        ("epoch=3", "epoch 3"),
        ("ep12_best", "epoch 12"),
        ("iter_12000", "step 12,000"),
        ("final", "final"),
    ],
)
def test_what_a_checkpoint_is_called(stem: str, label: str) -> None:
    assert label_of(stem) == label


def test_what_is_wrong_is_said(tmp_path: Path) -> None:
    save(tmp_path / "one", "a.pth")
    (tmp_path / "none").mkdir()
    for sources, words in (
        ([str(tmp_path / "gone")], "found nothing"),
        ([str(tmp_path / "none")], "found none"),
        ([str(tmp_path / "one")], "at least two"),
        ([str(tmp_path / "one" / "a.pth")] * 2, "named twice"),
        ([str(tmp_path / "x-*.pth")], "checkpoints: expected files"),
    ):
        with pytest.raises(UserError, match=words):
            listed(sources)


def test_one_that_does_not_fit_is_named(tmp_path: Path) -> None:
    save(tmp_path, "step-1.pth", width=3)
    with pytest.raises(UserError, match=r"checkpoints: step-1\.pth.*another shape for weight"):
        Checkpoint(tmp_path / "step-1.pth", "step 1").into(nn.Linear(2, 2))


def test_one_that_is_no_number_is_named(tmp_path: Path) -> None:
    torch.save(
        {name: value * torch.nan for name, value in nn.Linear(2, 2).state_dict().items()}, tmp_path / "step-1.pth"
    )
    with pytest.raises(UserError, match=r"checkpoints: step-1\.pth: expected finite weights"):
        Checkpoint(tmp_path / "step-1.pth", "step 1").into(nn.Linear(2, 2))


def test_the_digits_come_with_ten_and_others_with_none() -> None:
    own = checkpoints_of(load_config(None, {"model": "tinyvgg_digits"}))
    assert len(own) == 10
    assert own[0].label == "step 0"
    assert own[-1].label == "step 440"
    assert checkpoints_of(load_config(None, {"model": "tinyvgg_digits", "checkpoints": []})) == ()
    assert checkpoints_of(load_config(None, {"model": {"source": "tinyvgg_digits", "weights": "random"}})) == ()
    assert checkpoints_of(load_config(None, {"model": "efficientnet_lite0"})) == ()
