"""The store: whole or absent, the same bytes once, and any changed part another key."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from generator import store as module
from generator.errors import UserError
from generator.store import INLINE, Store, digest, key_of, write

LARGE = b"x" * (INLINE + 1)


def test_a_record_comes_back_and_equal_bytes_are_stored_once(tmp_path: Path):
    store = Store(tmp_path / "s")
    first = store.put(key_of({"a": 1}), {"lo": [0.5]}, {"atlas.png": LARGE, "other": LARGE + b"more"})
    store.put(key_of({"a": 2}), {}, {"atlas.png": LARGE})
    assert store.get(key_of({"a": 1})) == first
    assert store.blob(first, "atlas.png") == store.read(first.blobs["atlas.png"]) == LARGE
    assert len([p for p in (tmp_path / "s" / "objects").rglob("*") if p.is_file()]) == 2
    assert list(store.keys()) == sorted([key_of({"a": 1}), key_of({"a": 2})])


def test_a_small_blob_stays_in_its_record(tmp_path: Path):
    store = Store(tmp_path)
    store.put(key_of({}), {}, {"map": b"small"})
    record = store.get(key_of({}))
    assert record is not None and record.inline == {"map": b"small"} and not (tmp_path / "objects").exists()
    assert store.blob(record, "map") == b"small"


def test_keys_know_every_part_and_no_order():
    assert key_of({"a": 1, "b": [1, 2]}) == key_of({"b": [1, 2], "a": 1})
    assert len({key_of({"a": 1}), key_of({"a": 2}), key_of({"b": 1}), key_of({"a": 1, "b": None})}) == 4
    with pytest.raises(TypeError):
        key_of({"a": object()})


def test_a_record_whose_blob_is_gone_or_that_is_cut_is_no_record(tmp_path: Path):
    store = Store(tmp_path)
    record = store.put(key_of({}), {}, {"x": LARGE})
    store.path(record.blobs["x"]).unlink()
    assert store.get(key_of({})) is None
    store.put(key_of({}), {}, {"x": LARGE})
    file = next((tmp_path / "keys").rglob("*.json"))
    file.write_bytes(file.read_bytes()[:10])
    assert store.get(key_of({})) is None


def test_a_write_that_is_killed_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    target = tmp_path / "a" / "b"
    write(target, b"before")

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module.os, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        write(target, b"after")
    assert target.read_bytes() == b"before"
    assert os.listdir(target.parent) == ["b"]


def test_a_folder_that_cannot_be_made_is_the_users_to_mend(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="choose another folder"):
        Store(tmp_path / "file" / "under").put(digest(b""), {})
