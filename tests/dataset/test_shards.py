"""Tar shards: what belongs together, where its bytes lie, what is damaged; against the bytes that were packed."""

from __future__ import annotations

import io
import json
import os
import tarfile
import tracemalloc
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from generator.dataset.shards import Member
from generator.dataset.sources import Dataset, open_dataset
from generator.images.decode import Undecodable
from tests.dataset.made import add, gray, level, packed, said


def rows(data: Dataset) -> list[tuple[str, str | None]]:
    return [(sample.name, sample.label) for sample in data]


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_members_called_alike_are_one_sample(tmp_path: Path, form: int):
    members = {
        "./a/0.cls": b"17\n",
        "./a/0.jpg": gray(1),
        "b/0.JPG": gray(2),
        "b/0.json": b'{"label": "tabby"}',
        "a.b/1.mask.png": gray(3),
        "a.b/1.png": gray(4),
        "a.b/1.seg.webp": gray(5),
        "2.x.png": gray(6),
        "notes.txt": b"x",
        "3.cls": b"4",
        f"{'deep/' * 40}4.png": gray(7),
        "a/0.extra": b"",
    }
    if form == tarfile.USTAR_FORMAT:
        del members[f"{'deep/' * 40}4.png"]
        members["long/4.png"] = gray(7)
    data = open_dataset(packed(tmp_path / "set.tar", members, form))
    assert data.kind == "shards"
    assert rows(data)[:4] == [
        ("set.tar/a/0.jpg", "17"),
        ("set.tar/b/0.JPG", "tabby"),
        ("set.tar/a.b/1.png", None),
        ("set.tar/2.x.png", None),
    ]
    assert len(data) == 5
    assert [level(data, index) for index in range(5)] == [1, 2, 4, 6, 7]
    assert data.labels(["x"] * 17 + ["Tabby"], 18) == (17, 17, None, None, None)


def test_members_may_stand_apart_and_the_last_of_a_name_counts(tmp_path: Path):
    with tarfile.open(tmp_path / "set.tar", "w") as archive:
        for name, data in (
            ("1.png", gray(1)),
            ("2.png", gray(2)),
            ("1.cls", b"3"),
            ("1.png", gray(9)),
            ("2.jpg", gray(8)),
            ("1.cls", b"5"),
        ):
            add(archive, name, data)
    data = open_dataset(tmp_path / "set.tar")
    assert rows(data) == [("set.tar/1.png", "5"), ("set.tar/2.png", None)]
    assert (level(data, 0), level(data, 1)) == (9, 2)


@pytest.mark.parametrize(
    ("name", "text", "label"),
    [
        ("cls", b"0", "0"),
        ("cls", b" golden retriever \n", "golden retriever"),
        ("cls", b"3\n4", None),
        ("cls", b"", None),
        ("cls", b"1" * 300, None),
        ("cls", b"\x00\x01", None),
        ("json", b'{"cls": 7}', "7"),
        ("json", b'{"cls": 1, "class": 2, "label": 3}', "3"),
        ("json", b'{"label": [1], "class": true, "cls": "ant"}', "ant"),
        ("json", b'{"label": null}', None),
        ("json", b'{"label": 1.5}', None),
        ("json", b'{"caption": "x"}', None),
        ("json", b"[1]", None),
        ("json", b"{", None),
        ("json", b"\xff\xfe\xfd", None),
        ("json", b"[" * 100_000, None),
        ("json", b'{"label": ' + b"9" * 5000 + b"}", None),
    ],
)
def test_labels(tmp_path: Path, name: str, text: bytes, label: str | None):
    data = open_dataset(packed(tmp_path / "set.tar", {"1.png": gray(1), f"1.{name}": text}))
    assert rows(data) == [("set.tar/1.png", label)]
    assert level(data, 0) == 1


def test_the_cls_wins_over_the_json(tmp_path: Path):
    members = {"1.json": b'{"label": 2}', "1.cls": b"1", "1.png": gray(0)}
    assert rows(open_dataset(packed(tmp_path / "set.tar", members))) == [("set.tar/1.png", "1")]


def test_what_is_no_plain_member_is_passed_over(tmp_path: Path):
    with tarfile.open(tmp_path / "set.tar", "w") as archive:
        add(archive, "1.png", gray(1))
        for kind, name in ((tarfile.SYMTYPE, "2.png"), (tarfile.LNKTYPE, "3.png"), (tarfile.DIRTYPE, "4.png")):
            link = tarfile.TarInfo(name)
            link.type, link.linkname = kind, "/etc/hostname"
            archive.addfile(link)
        add(archive, "._1.png", b"x")
        add(archive, ".hidden/../../../etc/5.png", gray(5))
    data = open_dataset(tmp_path / "set.tar")
    assert [sample.name for sample in data] == ["set.tar/1.png", "set.tar/.hidden/../../../etc/5.png"]
    assert level(data, 1) == 5


def test_names_that_are_not_unicode_can_be_written(tmp_path: Path):
    data = open_dataset(packed(tmp_path / "set.tar", {"caf\udce9.png": gray(3)}, tarfile.GNU_FORMAT))
    assert rows(data) == [("set.tar/caf\ufffd.png", None)]
    assert level(data, 0) == 3


def test_places_hold_the_bytes_that_were_packed(tmp_path: Path):
    generator = np.random.default_rng(3)
    members = {f"{number:03}.png": generator.bytes(int(generator.integers(0, 3000))) for number in range(50)}
    path = packed(tmp_path / "set.tar", members)
    for sample in open_dataset(path):
        assert isinstance(sample.locator, Member)
        if sample.locator.size:
            with sample.locator.open() as stream:
                assert stream.read() == members[sample.name.removeprefix("set.tar/")]


def test_threads_read_any_picture_in_any_order(tmp_path: Path):
    for shard in range(3):
        packed(tmp_path / f"{shard}.tar", {f"{one}.png": gray(60 * shard + one) for one in range(60)})
    data = open_dataset(tmp_path)
    assert [sample.name for sample in data][59:61] == ["0.tar/59.png", "1.tar/0.png"]
    order = [(77 * turn) % 180 for turn in range(720)]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda index: level(data, index), order)) == order


# --- the user's errors ---


@pytest.mark.parametrize("name", ["set.tar.gz", "set.TGZ", "set.tar.zst"])
def test_a_compressed_tar_is_refused(tmp_path: Path, name: str):
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / name).touch()
    for path in (tmp_path / "x" / name, tmp_path / "x", tmp_path / "x/s*"):
        assert "expected tar shards that are not compressed" in said(path)
        assert "unpack it to a .tar" in said(path)


def test_a_compressed_tar_that_is_called_otherwise_is_refused(tmp_path: Path):
    with tarfile.open(tmp_path / "set.tar", "w:gz") as archive:
        add(archive, "1.png", gray(1))
    assert "expected a whole tar, not compressed, but" in said(tmp_path / "set.tar")


def test_a_tar_without_pictures(tmp_path: Path):
    assert "expected at least one picture" in said(packed(tmp_path / "none.tar", {}))
    assert "expected at least one picture" in said(packed(tmp_path / "text.tar", {"1.cls": b"3", "1.txt": b"x"}))


def whole() -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for number in range(3):
            add(archive, f"{number}.png", bytes(range(256)) * 4)
    return stream.getvalue()  # each member a header of 512 and 1024 bytes


@pytest.mark.parametrize(
    ("keep", "patch"),
    [
        (0, {}),
        (100, {}),
        (2000, {}),
        (1536 * 3 - 1, {}),
        (1536 * 2 + 300, {}),
        (None, {1536 + 20: b"damaged"}),
        (None, {1536 * 2 + 124: b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xf6\x00"}),
        (None, {0: b"\xff" * 512}),
    ],
)
def test_a_damaged_tar_is_one_clear_error(tmp_path: Path, keep: int | None, patch: Mapping[int, bytes]):
    data = bytearray(whole()[:keep])
    for place, new in patch.items():
        data[place : place + len(new)] = new
    (tmp_path / "set.tar").write_bytes(data)
    assert "expected a whole tar, not compressed, but '" in said(tmp_path / "set.tar")
    assert "set.tar' is none (" in said(tmp_path / "set.tar")


def test_a_tar_without_its_last_empty_blocks_is_whole(tmp_path: Path):
    (tmp_path / "set.tar").write_bytes(whole()[: 1536 * 3])
    assert len(open_dataset(tmp_path / "set.tar")) == 3


def test_a_header_whose_size_leads_back_ends_in_an_error(tmp_path: Path):
    about = tarfile.TarInfo("1.png")
    about.size = -512
    header = about.tobuf(tarfile.GNU_FORMAT)
    (tmp_path / "set.tar").write_bytes(header + whole())
    assert "is damaged" in said(tmp_path / "set.tar")


def test_a_shard_that_changes_under_its_listing(tmp_path: Path):
    path = packed(tmp_path / "set.tar", {"1.png": gray(1), "2.png": gray(2)})
    data = open_dataset(path)
    path.write_bytes(path.read_bytes()[:1600])
    assert level(data, 0) == 1
    with pytest.raises(Undecodable, match="it has changed since it was listed"):
        data.load(data[1])
    path.unlink()
    with pytest.raises(Undecodable, match="No such file"):
        data.load(data[0])


def test_a_fingerprint_knows_members_labels_and_the_shard_s_time(tmp_path: Path):
    seen = set()
    for label, name in ((b"1", "1.png"), (b"2", "1.png"), (b"2", "2.png")):
        path = packed(tmp_path / "set.tar", {"1.cls": label, "2.cls": label, name: gray(1)})
        os.utime(path, ns=(5, 5))
        seen.add(open_dataset(path).fingerprint)
        assert open_dataset(path).fingerprint in seen
    os.utime(path, ns=(6, 6))
    seen.add(open_dataset(path).fingerprint)
    assert len(seen) == 4
    (tmp_path / "moved").mkdir()
    assert open_dataset(path.rename(tmp_path / "moved/set.tar")).fingerprint in seen


def test_a_member_costs_some_hundred_bytes(tmp_path: Path):
    many = 20_000
    with tarfile.open(tmp_path / "set.tar", "w") as archive:
        for number in range(many):
            add(archive, f"class/photograph-{number:06}.jpg", b"x")
            add(archive, f"class/photograph-{number:06}.json", json.dumps({"label": number % 10}).encode())
    tracemalloc.start()
    try:
        data = open_dataset(tmp_path / "set.tar")
        kept, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(data) == many
    assert data[19_999].label == "9"
    assert kept / many < 200
    assert peak / many < 800
