"""The docs folder: only what changed is written, only what is ours is removed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from generator.errors import UserError
from generator.names import Digest
from generator.pages.docs_tree import DocsTree
from generator.pages.views import Picture
from tests.pages.fixture_report import picture


def test_stale_files_go_and_others_stay(tmp_path: Path):
    tree = DocsTree(tmp_path / "docs")
    tree.write("layers/a.md", "a")
    tree.write("data/b.js", "b")
    tree.finish()
    (tmp_path / "docs/mine.md").write_text("mine")
    (tmp_path / "docs/empty").mkdir()
    again = DocsTree(tmp_path / "docs")
    again.write("layers/a.md", "a")
    again.finish()
    assert (tmp_path / "docs/mine.md").read_text() == "mine"
    assert (tmp_path / "docs/layers/a.md").read_text() == "a"
    assert not (tmp_path / "docs/data").exists()
    assert (tmp_path / "docs/empty").is_dir()


def test_unchanged_files_are_not_written_again(tmp_path: Path):
    digests = []
    times = []
    for text in ("same", "same", "other"):
        tree = DocsTree(tmp_path)
        tree.write("a.md", text)
        digests.append(tree.finish())
        times.append((tmp_path / "a.md").stat().st_mtime_ns)
    assert times[0] == times[1] != times[2]
    assert digests[0] == digests[1] != digests[2]


def test_a_file_that_somebody_emptied_is_written_again(tmp_path: Path):
    for _ in range(2):
        tree = DocsTree(tmp_path)
        tree.write("a.md", "text")
        tree.finish()
        written = (tmp_path / "a.md").read_text()
        (tmp_path / "a.md").write_text("")
    assert written == "text"


def test_pictures_are_named_after_their_digest_and_copied_once(tmp_path: Path):
    (tmp_path / "store").mkdir()
    one = picture(tmp_path / "store", np.zeros((2, 3), np.uint8))
    assert isinstance(one.source, Path)
    bare = one.source.rename(tmp_path / "store/without-suffix")
    one = Picture(bare, one.digest, 3, 2)
    tree = DocsTree(tmp_path / "docs")
    path = tree.picture(one, "chelsea")
    assert path == f"pictures/chelsea-{one.digest[:10]}.png"
    assert tree.picture(one, "another-name") == path
    assert (tmp_path / "docs" / path).read_bytes() == bare.read_bytes()
    tree.finish()
    assert not (tmp_path / "docs/pictures").joinpath("another-name").exists()


def test_a_picture_may_be_its_bytes(tmp_path: Path):
    one = picture(tmp_path, np.zeros((2, 3), np.uint8))
    tree = DocsTree(tmp_path / "docs")
    path = tree.picture(replace(one, source=one.read()), "small")
    assert path.endswith(".png") and (tmp_path / "docs" / path).read_bytes() == one.read()


def test_a_file_that_is_no_picture_is_refused(tmp_path: Path):
    (tmp_path / "x.png").write_text("<svg onload=alert(1)>")
    with pytest.raises(ValueError, match="expected a PNG, JPEG or WebP"):
        DocsTree(tmp_path / "docs").picture(Picture(tmp_path / "x.png", "0" * 64, 1, 1), "x")  # type: ignore[arg-type]


def test_a_folder_that_cannot_be_made_is_the_users(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        DocsTree(tmp_path / "file/docs")


@pytest.mark.parametrize("links", [True, False])
def test_a_picture_is_a_second_name_of_the_stores_file_or_a_copy_where_there_are_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
):
    def refused(*_: object) -> None:
        raise OSError("no links here")

    (tmp_path / "store").mkdir()
    one = picture(tmp_path / "store", np.zeros((2, 3), np.uint8))
    assert isinstance(one.source, Path)
    if not links:
        monkeypatch.setattr("os.link", refused)
    tree = DocsTree(tmp_path / "docs")
    made = tmp_path / "docs" / tree.picture(one, "chelsea")
    assert made.read_bytes() == one.source.read_bytes()
    assert made.samefile(one.source) == links
    tree.finish()
    DocsTree(tmp_path / "docs").finish()  # which shows it no longer
    assert one.source.exists()
    assert not made.exists()


def test_what_is_made_in_a_thread_is_there_when_settled_and_its_error_is_raised(tmp_path: Path):
    tree = DocsTree(tmp_path)
    files = [tree.made(f"{k}.bin", Digest(f"{k}"), lambda k=k: bytes([k])) for k in range(20)]
    tree.settle()
    assert [file.read_bytes() for file in files] == [bytes([k]) for k in range(20)]

    def broken() -> bytes:
        raise ArithmeticError("no bytes")

    tree.made("broken.bin", Digest("b"), broken)
    with pytest.raises(ArithmeticError, match="no bytes"):
        tree.settle()
    assert not (tmp_path / "broken.bin").exists()
