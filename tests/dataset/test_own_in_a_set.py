"""A report's own image stands in a set under its own name, and leads to its page."""

from __future__ import annotations

import shutil
from pathlib import Path

from generator.build import build
from generator.config import load_config

DIGITS = Path(__file__).parents[2] / "inputs" / "digits"


def test_the_reports_images_keep_name_and_page_in_a_list_that_names_them(tmp_path: Path):
    shown, other = tmp_path / "shown", tmp_path / "other"
    shown.mkdir()
    other.mkdir()
    for name, folder in (("3-a", shown), ("7-a", shown), ("1-a", other), ("8-a", other)):
        shutil.copy(DIGITS / f"{name}.png", folder)
    shutil.copy(DIGITS / "7-a.png", other / "copy.png")
    (other / "list.txt").write_text(
        "1-a.png\n../shown/3-a.png\n8-a.png\n../shown/7-a.png\ncopy.png\n", encoding="utf-8"
    )
    given = {
        "model": "tinyvgg_digits", "images": str(shown), "dataset": str(other / "list.txt"), "layers": ["conv2_2"], "checkpoints": [],
        "methods": ["dataset_examples"], "trust": "none", "explain": "none", "effective_fields": 0, "out": str(tmp_path / "site"),
        "store": str(tmp_path / "store"), "device": "cpu",
    }  # fmt: skip
    report = build(load_config(None, given)).report
    pages = {image.name: image.slug for image in report.images}
    assert {one.number: (one.name, one.page) for one in report.examples} == {
        0: ("1-a.png", None),
        1: ("3-a", pages["3-a"]),
        2: ("8-a.png", None),
        3: ("7-a", pages["7-a"]),
    }, "the copy of 7-a stands in no list beside it"
