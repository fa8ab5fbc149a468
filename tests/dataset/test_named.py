"""Which classes the labels of an image set are: the model's, all of them, or their own."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from generator.dataset.named import named
from generator.dataset.sources import Dataset, open_dataset

LABELS = ("tench", "goldfish", "great white shark")


def folders(root: Path, **counts: int) -> Dataset:
    """A folder of so many pictures each; those of `none` lie in no folder."""
    for name, count in counts.items():
        where = root / "set" / ("" if name == "none" else name)
        where.mkdir(parents=True, exist_ok=True)
        for k in range(count):
            Image.new("L", (4, 4), k).save(where / f"{name}-{k}.png")
    return open_dataset(root / "set")


def test_labels_that_all_name_classes_of_the_model_are_these(tmp_path: Path):
    found = named(folders(tmp_path, **{"0": 1, "Goldfish": 2, "great_white_shark": 1, "none": 1}), LABELS, 3)
    assert found.classes == (None, 0, 1, 1, 2)
    assert not found.names and not found.notes


def test_where_one_label_names_no_class_all_are_classes_of_their_own(tmp_path: Path):
    found = named(folders(tmp_path, **{"n01440764": 2, "2": 2, "tench": 2, "none": 1}), LABELS, 3)
    assert found.names == ("2", "n01440764", "tench")
    assert found.classes == (None, 0, 0, 1, 1, 2, 2), "2 is the set's first class here, and not the model's third"
    assert found.notes == (
        "dataset: 2 of 3 labels name a class of the model; the folders' names are taken for the classes of its images.",
    )


@pytest.mark.parametrize("known", [0, 1])
def test_imagenet_s_folders_are_classes_of_their_own(tmp_path: Path, known: int):
    other = ("n01443537", "1")[known]
    found = named(folders(tmp_path, **{"n01440764": 2, other: 2}), LABELS, 3)
    assert set(found.names) == {"n01440764", other} and set(found.classes) == {0, 1}
    assert ("0 of 2 labels name a class", "1 of 2 labels names a class")[known] in found.notes[0]


def test_a_list_s_labels_are_no_folders(tmp_path: Path):
    folders(tmp_path, a=2, b=2)
    (tmp_path / "set.txt").write_text("".join(f"set/{x}/{x}-{k}.png\tkind {x}\n" for x in "ab" for k in range(2)))
    found = named(open_dataset(tmp_path / "set.txt"), LABELS, 3)
    assert found.names == ("kind a", "kind b") and found.classes == (0, 0, 1, 1)
    assert "the labels themselves are taken" in found.notes[0]


def test_labels_that_tell_nothing_apart_are_no_classes(tmp_path: Path):
    one = named(folders(tmp_path / "one", train=3), LABELS, 3)
    assert one.classes == (None,) * 3 and not one.names and "0 of 1 labels" in one.notes[0]
    captions = named(folders(tmp_path / "captions", **{"a cat": 1, "a dog": 1, "1": 1, "two dogs": 2}), LABELS, 3)
    assert captions.classes == (None,) * 5 and not captions.names
    assert "1 of 4 labels names a class of the model; fewer than 2 images have each" in captions.notes[0]
    nothing = named(folders(tmp_path / "nothing", none=3), LABELS, 3)
    assert nothing.classes == (None,) * 3 and not nothing.notes
