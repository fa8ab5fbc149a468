"""Folders and lists as streams: what is listed, in which order, how it is labelled, and what is said of the rest."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from generator.dataset.sources import Dataset, of_images, open_dataset
from generator.images import scan
from generator.images.decode import Undecodable
from tests.dataset.made import level, said

ROOT = Path(__file__).parents[2]


def picture(path: Path, value: int = 0) -> Path:
    """A gray picture of one level: which one was read is seen in any pixel."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (4, 3), value).save(path)
    return path


def rows(data: Dataset) -> list[tuple[int, str, str | None]]:
    return [(sample.index, sample.name, sample.label) for sample in data]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five pictures at three depths, and what lies beside them."""
    names = ("top.png", "ant/b.png", "ant/a.png", "Bee/deep/c.png", "2/d.png")
    for number, name in enumerate(names):
        picture(tmp_path / "set" / name, 10 * number)
    for name in ("README", "ant/labels.csv", ".hidden.png", ".cache/e.png", "ant/meta.json"):
        (tmp_path / "set" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "set" / name).touch()
    return tmp_path / "set"


# --- folders ---


def test_a_folder_is_listed_by_path_and_labelled_by_the_folders_below(folder: Path):
    data = open_dataset(folder)
    assert data.kind == "folder"
    assert len(data) == 5
    assert rows(data) == [
        (0, "top.png", None),
        (1, "2/d.png", "2"),
        (2, "Bee/deep/c.png", "deep"),
        (3, "ant/a.png", "ant"),
        (4, "ant/b.png", "ant"),
    ]
    assert [level(data, index) for index in range(5)] == [0, 40, 30, 20, 10]


def test_a_folder_is_listed_as_the_report_s_images_are(folder: Path):
    report = of_images(scan(folder))
    streamed = open_dataset(folder)
    assert [sample.locator for sample in streamed] == [sample.locator for sample in report]
    assert [sample.label for sample in streamed] == [sample.label for sample in report]


def test_a_limit_takes_the_first(folder: Path):
    assert rows(open_dataset(folder, limit=2)) == rows(open_dataset(folder))[:2]
    assert "expected a limit of at least 1, received 0" in said(folder, limit=0)


def test_linked_folders_are_entered_once(folder: Path, tmp_path: Path):
    picture(tmp_path / "elsewhere/cat/x.png")
    (folder / "loop").symlink_to(folder)
    (folder / "more").symlink_to(tmp_path / "elsewhere")
    names = [sample.name for sample in open_dataset(folder)]
    assert len(names) == 6
    assert names[-1] == "more/cat/x.png"


def test_hostile_names_can_be_written_and_are_still_found(tmp_path: Path):
    names = [b"caf\xe9.png", "猫 <b>&.png".encode(), b"a\nb.png", b"%2e%2e.png", b"{x}[1]*.png"]
    for number, name in enumerate(names):
        with open(os.fsencode(tmp_path) + b"/" + name, "wb") as file:
            Image.new("L", (4, 3), number).save(file, format="PNG")
    data = open_dataset(tmp_path)
    assert sorted(sample.name for sample in data) == sorted(name.decode("utf-8", "replace") for name in names)
    assert sorted(level(data, index) for index in range(5)) == [0, 1, 2, 3, 4]
    "".join(sample.name for sample in data).encode()


def test_a_set_can_be_sent_to_another_process(folder: Path):
    data = pickle.loads(pickle.dumps(open_dataset(folder)))
    assert level(data, 2) == 30


def test_an_index_beyond_the_set_is_refused(folder: Path):
    for index in (-1, 5):
        with pytest.raises(IndexError, match=f"from 0 to 4, received {index}"):
            open_dataset(folder)[index]


# --- pictures, good and bad ---


def test_a_picture_that_cannot_be_read_stops_nothing(tmp_path: Path):
    picture(tmp_path / "a.png", 7)
    (tmp_path / "b.png").touch()
    Image.effect_noise((64, 64), 90).save(tmp_path / "c.png")
    os.truncate(tmp_path / "c.png", 2000)
    os.mkfifo(tmp_path / "d.png")
    (tmp_path / "e.png").symlink_to(tmp_path / "nowhere")
    picture(tmp_path / "f.png", 9)
    picture(tmp_path / "g.png")
    data = open_dataset(tmp_path)
    (tmp_path / "g.png").unlink()
    reasons = {}
    for sample in data:
        try:
            data.load(sample)
        except Undecodable as error:
            reasons[sample.name] = str(error)
    assert list(reasons) == ["b.png", "c.png", "d.png", "e.png", "g.png"]
    assert reasons["b.png"] == "The file is empty (0 bytes)."
    assert reasons["c.png"].startswith("The image data end early or are damaged")
    assert reasons["d.png"] == "It is not a regular file."
    assert reasons["e.png"] == reasons["g.png"] == "The file cannot be read (No such file or directory)."
    assert (level(data, 0), level(data, 5)) == (7, 9)


def test_a_picture_is_decoded_as_the_report_decodes(tmp_path: Path):
    deep = np.array([[0, 256, 65535]], dtype=np.uint16)
    Image.fromarray(deep).save(tmp_path / "deep.png")
    turned = Image.new("RGB", (6, 2))
    turned.getexif()[0x0112] = 6
    turned.save(tmp_path / "turned.jpg", exif=turned.getexif())
    Image.new("CMYK", (2, 2)).save(tmp_path / "inks.jpg")
    data = open_dataset(tmp_path)
    by_name = {sample.name: sample for sample in data}
    assert np.asarray(data.load(by_name["deep.png"], 1)).tolist() == [[0, 1, 255]]
    assert data.load(by_name["turned.jpg"]).size == (2, 6)
    assert data.load(by_name["inks.jpg"]).mode == "RGB"
    assert data.load(by_name["inks.jpg"], 4).mode == "RGBA"


def test_threads_read_any_picture_in_any_order(tmp_path: Path):
    for number in range(40):
        picture(tmp_path / f"{number:02}.png", 5 * number)
    data = open_dataset(tmp_path)
    order = [(7 * turn) % 40 for turn in range(400)]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda index: level(data, index), order)) == [5 * index for index in order]


# --- labels ---


def test_labels_are_indices_or_names_of_classes(folder: Path):
    data = open_dataset(folder)
    assert data.labels(("ant", "bee", "deep"), 3) == (None, 2, 2, 0, 0)
    assert data.labels(("ant", "bee"), 2) == (None, None, None, 0, 0)
    assert data.labels(None, 3) == (None, 2, None, None, None)


# --- lists ---


def listing(folder: Path, text: str | bytes) -> Path:
    path = folder / "list.txt"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_a_list_names_pictures_in_its_order(folder: Path, tmp_path: Path):
    away = picture(tmp_path / "away/x.png", 99)
    text = f"\ufeff# mine\nant/b.png\ttabby cat\r\n\n2/d.png,281\nBee/deep/c.png 207\n{away}\nant/b.png\n  top.png\t\n"
    data = open_dataset(listing(folder, text))
    assert data.kind == "list"
    assert rows(data) == [
        (0, "ant/b.png", "tabby cat"),
        (1, "2/d.png", "281"),
        (2, "Bee/deep/c.png", "207"),
        (3, str(away), None),
        (4, "ant/b.png", None),
        (5, "top.png", None),
    ]
    assert [level(data, index) for index in range(6)] == [10, 40, 30, 99, 10, 0]
    assert rows(open_dataset(listing(folder, text), limit=3)) == rows(data)[:3]


def test_a_path_may_hold_commas_and_spaces(tmp_path: Path):
    for number, name in enumerate(("a, b 1.png", "a", "#1.png")):
        Image.new("L", (4, 3), number).save(tmp_path / name, format="PNG")
    text = "a, b 1.png\na, b 1.png, two words\na, b 1.png 3\na, b 1.png\tx, y\na, b\n./#1.png\n"
    assert [(sample.name, sample.label) for sample in open_dataset(listing(tmp_path, text))] == [
        ("a, b 1.png", None),
        ("a, b 1.png", "two words"),
        ("a, b 1.png", "3"),
        ("a, b 1.png", "x, y"),
        ("a", "b"),
        ("./#1.png", None),
    ]
    assert "called 'a, b 1.png, one, two' in" in said(listing(tmp_path, "a, b 1.png, one, two"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("top.png\n\n# x\nnone.png\n", "list.txt', line 4: expected a file, but there is none called 'none.png' in "),
        ("none.png\t3\n", "line 1: expected a file, but there is none called 'none.png' in "),
        ("none.png,3\n", "line 1: expected a file, but there is none called 'none.png,3' in "),
        ("ant\n", "line 1: expected a file, but there is none called 'ant' in "),
        ("\t3\n", "line 1: expected a file, but there is none called '3' in "),
        ("a\0b.png\n", "line 1: expected a file, but there is none called 'a\\x00b.png' in "),
        ("x" * 5000, "line 1: expected a file, but there is none called "),
        ("# nothing\n\n", "expected at least one picture in "),
        (b"caf\xe9.png\n", "expected text in UTF-8 in the list "),
    ],
)
def test_a_wrong_list_is_one_clear_error(folder: Path, text: str | bytes, expected: str):
    assert expected in said(listing(folder, text))


# --- what is no set ---


def test_what_is_no_set_is_one_clear_error(tmp_path: Path):
    assert "but '" in said(tmp_path / "nowhere")
    assert "does not exist; check the path" in said(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    assert "expected at least one picture in " in said(tmp_path / "empty")
    (tmp_path / "empty/notes.md").touch()
    assert "found none" in said(tmp_path / "empty")
    assert "received '" in said(picture(tmp_path / "one.png"))


# --- fingerprints ---


def test_a_fingerprint_knows_names_labels_sizes_and_times_and_no_place(folder: Path, tmp_path: Path):
    first = open_dataset(folder).fingerprint
    assert len(first) == 64
    assert open_dataset(folder).fingerprint == first
    assert open_dataset(folder.rename(tmp_path / "moved")).fingerprint == first
    folder = tmp_path / "moved"
    seen = {first, open_dataset(folder, limit=4).fingerprint}
    os.utime(folder / "top.png", ns=(1, 1))
    seen.add(open_dataset(folder).fingerprint)
    (folder / "top.png").write_bytes(b"longer" * 99)
    os.utime(folder / "top.png", ns=(1, 1))
    seen.add(open_dataset(folder).fingerprint)
    (folder / "top.png").rename(folder / "tip.png")
    seen.add(open_dataset(folder).fingerprint)
    seen.add(open_dataset(listing(folder, "tip.png\n")).fingerprint)
    seen.add(open_dataset(listing(folder, "tip.png\tant\n")).fingerprint)
    assert len(seen) == 7


def test_the_report_s_images_are_known_by_their_digests(folder: Path):
    found = scan(folder)
    data = of_images(found)
    assert (data.kind, len(data)) == ("images", 5)
    assert rows(data)[:2] == [(0, "top", None), (1, "d", "2")]
    assert data.labels(("ant",), 3) == (None, 2, None, 0, 0)
    assert [level(data, index) for index in range(5)] == [0, 40, 30, 20, 10]
    for record in found.images:
        os.utime(record.path, ns=(1, 1))
    assert of_images(scan(folder).images).fingerprint == data.fingerprint
    assert of_images(found.images[:4]).fingerprint != data.fingerprint
    picture(folder / "top.png", 1)
    assert of_images(scan(folder)).fingerprint != data.fingerprint
    (folder / "top.png").unlink()
    with pytest.raises(Undecodable, match="No such file"):
        data.load(data[0])


# --- memory ---


MEASURED = """
import json, sys, tracemalloc
from pathlib import Path
from generator.dataset.sources import open_dataset
tracemalloc.start()
data = open_dataset(Path(sys.argv[1]))
kept, peak = tracemalloc.get_traced_memory()
tracemalloc.reset_peak()
sevenths = sum(sample.label == "class-07" for sample in data)
passed = tracemalloc.get_traced_memory()[1] - kept
print(json.dumps([len(data), sevenths, kept, peak, passed]))
"""


def test_a_listed_picture_costs_some_hundred_bytes(tmp_path: Path):
    many = 20_000
    for group in range(20):
        (tmp_path / f"class-{group:02}").mkdir()
        for number in range(many // 20):
            (tmp_path / f"class-{group:02}" / f"photograph-{number:06}.jpg").touch()
    # in a process of its own: what other tests left running would be counted too
    ran = subprocess.run(
        [sys.executable, "-c", MEASURED, str(tmp_path)], cwd=ROOT, check=True, capture_output=True, text=True
    )
    found, sevenths, kept, peak, passed = json.loads(ran.stdout)
    assert (found, sevenths) == (many, many // 20)
    assert kept / many < 200
    assert peak / many < 800
    assert passed < 100_000
