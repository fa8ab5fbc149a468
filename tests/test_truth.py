"""The true classes of images, from folders and from a CSV, and the packaged groups of labels."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from generator.config import load_config
from generator.errors import UserError
from generator.images import scan
from generator.images.truth import FOLDERS, truths, unlabelled_folders
from generator.model.labels import imagenet
from generator.names import GroupTarget
from generator.selectors import parse_target

LABELS = ("ant", "Bee", "zebra")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("felix.png", "ant/a.png", "bee/b.png", "2/c.png", "other/d.png"):
        path = tmp_path / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8)).save(path)
    return tmp_path / "images"


def found(folder: Path, truth: str) -> dict[str, int]:
    return dict(truths(scan(folder).images, folder, truth, LABELS, 3))


def test_a_folder_called_like_a_class_or_its_index_is_the_label(folder: Path):
    assert found(folder, FOLDERS) == {"a": 0, "b": 1, "c": 2}


@pytest.mark.parametrize("heading", ["", "file,label\n"])
def test_a_csv_names_files_by_path_name_or_stem(folder: Path, tmp_path: Path, heading: str):
    table = tmp_path / "labels.csv"
    table.write_text(heading + 'felix,zebra\nant/a.png,1\n"d.png","ANT"\nnot-there.png,ant\n', encoding="utf-8")
    assert found(folder, str(table)) == {"felix": 2, "a": 1, "d": 0}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("felix,zebar\n", r"line 1: there is no class `zebar` \(the nearest: `zebra`\)"),
        ("felix,3\n", "line 1: there is no class `3`"),
        ("felix\n", "line 1: expected a file name and a label"),
        ("a,b,c\n", "line 1: expected a file name and a label"),
        ("nobody,ant\n", "none of the files"),
    ],
)
def test_a_wrong_csv_is_one_clear_error(folder: Path, tmp_path: Path, text: str, said: str):
    table = tmp_path / "labels.csv"
    table.write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=said):
        found(folder, str(table))


def test_a_csv_that_is_not_there_is_one_clear_error(folder: Path):
    with pytest.raises(UserError, match="cannot read"):
        found(folder, "nowhere.csv")


@pytest.mark.parametrize(
    ("name", "count", "members"),
    [
        ("dogs", 118, ("Chihuahua", "Mexican hairless", "golden retriever")),
        ("cats", 5, ("tabby", "Egyptian cat", "Siamese cat")),
        ("birds", 59, ("cock", "great grey owl", "black swan", "albatross")),
        ("flowers", 2, ("daisy",)),
        ("drinks", 8, ("espresso", "red wine", "teapot")),
    ],
)
def test_the_packaged_groups_hold_what_they_say(name: str, count: int, members: tuple[str, ...]):
    (group,) = parse_target(f"group:{name}", imagenet(), 1000, load_config().groups)
    assert isinstance(group, GroupTarget)
    assert len(group.classes) == count
    assert set(members) <= {imagenet()[index] for index in group.classes}


def test_a_folder_may_write_a_label_without_its_spaces(tmp_path: Path):
    images = tmp_path / "images"
    for folder in ("golden_retriever", "Golden-Retriever", "tiger_cat"):
        (images / folder).mkdir(parents=True)
        Image.new("RGB", (8, 8)).save(images / folder / "one.png")
    listed = scan(images).images
    known = truths(listed, images, "folders", ["tabby", "golden retriever"], 2)
    assert sorted(known.values()) == [1, 1]


def test_folders_that_name_no_class_are_listed_once(folder: Path):
    images = scan(folder).images
    assert unlabelled_folders(images, FOLDERS, found(folder, FOLDERS)) == (
        "truth: no class is called like the folder `other`: the true class of its images is not known.",
    )
    (said,) = unlabelled_folders(images, FOLDERS, {})
    assert "the folders `2`, `ant`, `bee`, `other`" in said
    assert unlabelled_folders(images, "labels.csv", {}) == ()
