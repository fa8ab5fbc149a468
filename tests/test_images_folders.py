"""Folders of pictures: names, classes, links, what is the user's error, and how much is in memory at a time."""

from __future__ import annotations

import gc
import hashlib
import os
import weakref
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from generator.errors import UserError
from generator.images import load, scan
from tests.picture_files import CORNERS, one, pixels


def test_documents_and_hidden_files_are_passed_over(tmp_path: Path) -> None:
    names = ("README", "CREDITS.md", "LICENSE", "labels.txt", "a.json", "a.CSV", ".hidden.jpg", "._a.jpg", "Thumbs.db")
    for name in names:
        (tmp_path / name).write_text("x")
    (tmp_path / ".cache").mkdir()
    (tmp_path / ".cache" / "a.jpg").write_text("x")
    Image.fromarray(CORNERS).save(tmp_path / "a.png")
    assert one(tmp_path).name == "a"


def test_a_picture_without_a_suffix(tmp_path: Path) -> None:
    Image.fromarray(CORNERS).save(tmp_path / "scan", format="PNG")
    assert one(tmp_path).name == "scan"


def test_folders_below_are_classes_and_order_is_by_path(tmp_path: Path) -> None:
    for name in ("b.png", "dogs/1.png", "cats/2.png", "cats/1.png", "a.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(CORNERS).save(tmp_path / name)
    found = scan(tmp_path).images
    relative = [record.path.relative_to(tmp_path).as_posix() for record in found]
    assert relative == ["a.png", "b.png", "cats/1.png", "cats/2.png", "dogs/1.png"]
    assert [record.label for record in found] == [None, None, "cats", "cats", "dogs"]


def test_two_files_of_one_name(tmp_path: Path) -> None:
    for name in ("tom.png", "x/tom.png", "y/tom.png", "tom.bmp"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(CORNERS).save(tmp_path / name)
    found = scan(tmp_path).images
    assert [record.name for record in found] == ["tom"] * 4
    slugs = {record.path.relative_to(tmp_path).as_posix(): record.slug for record in found}
    assert len(set(slugs.values())) == 4
    assert slugs["tom.bmp"] == "tom"
    assert slugs["x/tom.png"] == "tom-" + hashlib.sha256(b"x/tom.png").hexdigest()[:8]
    # A picture more elsewhere changes no slug.
    Image.fromarray(CORNERS).save(tmp_path / "x" / "new.png")
    again = {record.path.relative_to(tmp_path).as_posix(): record.slug for record in scan(tmp_path).images}
    assert slugs.items() <= again.items()


HOSTILE = [
    "<script>alert(1)</script>".replace("/", "\u2215"),
    "a' onerror='b",
    'quote"quote',
    "{{ config }}{% raw %}",
    "`code` | pipe * [x](y)",
    "%2e%2e%2fetc",
    "  spaces  ",
    "new\nline",
    "猫",
    "кошка",
    "Café",
    "ﬁne",
    "x" * 200,
    "x" * 199 + "y",
    "index",
    "CON",
    "---",
    "\U0001f431",
    "\u202egnp.exe",
]


def test_hostile_names_are_kept_and_slugs_are_safe(tmp_path: Path) -> None:
    for name in HOSTILE:
        Image.fromarray(CORNERS).save(tmp_path / f"{name}.png")
    found = scan(tmp_path)
    assert found.skipped == ()
    assert sorted(record.name for record in found.images) == sorted(HOSTILE)
    slugs = [record.slug for record in found.images]
    assert len(set(slugs)) == len(HOSTILE)
    for slug in slugs:
        assert slug
        assert set(slug) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
        assert not slug.startswith("-")
        assert len(slug) <= 60
    by_name = {record.name: record.slug for record in found.images}
    assert by_name["Café"] == "cafe"
    assert by_name["猫"].startswith("image-")
    assert not {"index", "con"} & set(slugs)


def test_a_name_that_is_not_unicode_can_still_be_written(tmp_path: Path) -> None:
    raw = os.fsencode(tmp_path) + b"/caf\xe9.png"
    with open(raw, "wb") as file:
        Image.fromarray(CORNERS).save(file, format="PNG")
    record = one(tmp_path)
    assert record.name == "caf\ufffd"
    record.name.encode()
    assert np.array_equal(pixels(record), CORNERS)


def test_a_folder_linked_into_itself(tmp_path: Path) -> None:
    Image.fromarray(CORNERS).save(tmp_path / "a.png")
    (tmp_path / "loop").symlink_to(tmp_path)
    assert one(tmp_path).name == "a"


def test_a_linked_folder_is_entered(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "elsewhere").mkdir()
    Image.fromarray(CORNERS).save(tmp_path / "elsewhere" / "a.png")
    (tmp_path / "set" / "cats").symlink_to(tmp_path / "elsewhere")
    assert one(tmp_path / "set").label == "cats"


def test_a_single_file(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        Image.fromarray(CORNERS).save(tmp_path / name)
    (record,) = scan(tmp_path / "b.png").images
    assert (record.name, record.label) == ("b", None)


def test_the_limit_counts_good_pictures(tmp_path: Path) -> None:
    (tmp_path / "0.jpg").touch()
    for number in range(1, 5):
        Image.fromarray(CORNERS).save(tmp_path / f"{number}.png")
    found = scan(tmp_path, limit=2)
    assert [record.name for record in found.images] == ["1", "2"]
    assert len(found.skipped) == 1


# --- the user's errors ---


def error(path: Path, **options: int) -> str:
    with pytest.raises(UserError) as caught:
        scan(path, **options)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_a_missing_folder(tmp_path: Path) -> None:
    assert "does not exist" in error(tmp_path / "nowhere")


def test_an_empty_folder(tmp_path: Path) -> None:
    assert "found none" in error(tmp_path)


def test_a_folder_of_documents_only(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("x")
    assert "found none" in error(tmp_path)


def test_a_folder_of_bad_files_only(tmp_path: Path) -> None:
    (tmp_path / "a\nb.jpg").touch()
    (tmp_path / "c.jpg").touch()
    message = error(tmp_path)
    assert "none of its 2 files" in message
    assert "empty" in message


def test_a_single_bad_file(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").touch()
    assert "empty" in error(tmp_path / "a.jpg")


def test_a_limit_of_none_at_all(tmp_path: Path) -> None:
    assert "at least 1" in error(tmp_path, limit=0)


def test_a_file_that_is_gone_when_it_is_loaded(tmp_path: Path) -> None:
    Image.fromarray(CORNERS).save(tmp_path / "a.png")
    record = one(tmp_path)
    record.path.write_bytes(b"")
    with pytest.raises(UserError, match="not any more"):
        load(record)
    record.path.unlink()
    with pytest.raises(UserError, match="not any more"):
        load(record)


# --- batches and memory ---


def holds_pixels(image: Image.Image | None) -> bool:
    """False for a closed picture: Pillow refuses its pixels."""
    try:
        return image is not None and image.im is not None
    except ValueError:
        return False


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA"])
def test_a_scan_holds_the_pixels_of_one_picture_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    opened: list[weakref.ref[Image.Image]] = []
    most = 0
    load_png = PngImagePlugin.PngImageFile.load

    def noted(image: PngImagePlugin.PngImageFile) -> object:
        nonlocal most
        if all(held() is not image for held in opened):
            opened.append(weakref.ref(image))
        loaded = load_png(image)
        most = max(most, sum(holds_pixels(held()) for held in opened))
        return loaded

    for number in range(20):
        Image.new(mode, (10, 10)).save(tmp_path / f"{number}.png")
    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load", noted)
    gc.disable()  # what is freed is freed without its help
    try:
        found = scan(tmp_path)
        assert not any(holds_pixels(held()) for held in opened)
    finally:
        gc.enable()
    assert len(found.images) == len(opened) == 20
    assert most == 1
