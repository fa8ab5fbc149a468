"""Which shards a folder or a pattern names, in which order; and what is said where there are none."""

from __future__ import annotations

from pathlib import Path

import pytest

from generator.dataset.sources import open_dataset
from generator.images.decode import Undecodable
from tests.dataset.made import gray, level, packed, said


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    for split, count in (("train", 3), ("val", 2)):
        for number in range(count):
            packed(tmp_path / f"shards/{split}-{number:03}.tar", {"0.png": gray(number), "1.png": gray(9)})
    (tmp_path / "shards/train-000.idx").touch()
    (tmp_path / "shards/README.md").touch()
    return tmp_path / "shards"


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("", ["train-000", "train-001", "train-002", "val-000", "val-001"]),
        ("*.tar", ["train-000", "train-001", "train-002", "val-000", "val-001"]),
        ("train-{000..001}.tar", ["train-000", "train-001"]),
        ("train-{002..001}.tar", ["train-002", "train-001"]),
        ("train-00{0..2}.tar", ["train-000", "train-001", "train-002"]),
        ("{val,train}-{001,000}.tar", ["val-001", "val-000", "train-001", "train-000"]),
        ("{val,train}-*.tar", ["val-000", "val-001", "train-000", "train-001", "train-002"]),
        ("{val-000,*}.tar", ["val-000", "train-000", "train-001", "train-002", "val-001"]),
        ("train-00[12].tar", ["train-001", "train-002"]),
        ("train-000.tar", ["train-000"]),
    ],
)
def test_patterns(shards: Path, pattern: str, names: list[str]):
    data = open_dataset(shards / pattern)
    assert [sample.name for sample in data] == [f"{name}.tar/{one}.png" for name in names for one in (0, 1)]
    assert [level(data, 2 * place) for place, name in enumerate(names)] == [int(name[-1]) for name in names]


def test_shards_of_several_folders_keep_them_in_the_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for folder in ("a", "b"):
        packed(tmp_path / folder / "0.tar", {"0.png": gray(0)})
    names = ["a/0.tar/0.png", "b/0.tar/0.png"]
    monkeypatch.chdir(tmp_path)
    for path in (tmp_path, tmp_path / "{a,b}/0.tar", tmp_path / "**/*.tar", Path("*/0.tar"), Path()):
        assert [sample.name for sample in open_dataset(path)] == names


def test_a_name_with_brackets_that_is_there_is_no_pattern(tmp_path: Path):
    packed(tmp_path / "set{1,2}/[a].tar", {"0.png": gray(0)})
    assert len(open_dataset(tmp_path / "set{1,2}")) == 1
    assert len(open_dataset(tmp_path / "set{1,2}/[a].tar")) == 1


def test_a_limit_opens_no_shard_that_it_does_not_need(shards: Path):
    (shards / "train-002.tar").write_bytes(b"no tar")
    assert [sample.name for sample in open_dataset(shards, limit=3)] == [
        "train-000.tar/0.png",
        "train-000.tar/1.png",
        "train-001.tar/0.png",
    ]
    assert len(open_dataset(shards, limit=4)) == 4
    assert "train-002.tar" in said(shards)


def test_pictures_beside_a_tar_make_a_folder_of_pictures(shards: Path):
    (shards / "1.png").write_bytes(gray(1))
    data = open_dataset(shards)
    assert data.kind == "folder"
    with pytest.raises(Undecodable, match="not a picture that can be read"):
        data.load(next(sample for sample in data if sample.name == "train-000.tar"))


def test_patterns_that_meet_nothing(shards: Path):
    assert "the pattern '" in said(shards / "none-*.tar")
    assert "meets none; check the path" in said(shards / "none-*.tar")
    assert "train-003.tar'; check the path" in said(shards / "train-{000..009}.tar")
    assert "expected at most 100,000 names" in said(shards / "{0..9999999999}.tar")
    assert "stands for 1,000,000;" in said(shards / "{0..999}-{000..999}.tar")


def test_a_pattern_that_meets_something_else(shards: Path):
    assert "README.md'" in said(shards / "*")
    (shards / "folder.tar").mkdir()
    assert "folder.tar' cannot be read (it is not a file)" in said(shards / "folder.*")
