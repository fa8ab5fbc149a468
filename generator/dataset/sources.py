"""An image set of any kind and size -> the stream of its pictures; which kind it is, is told by looking.

folder   pictures in folders; the folder that a picture lies in is its label (torchvision's ImageFolder)
list     a .txt that names pictures, one a line
shards   a .tar, a folder of them, or a pattern that names them (WebDataset)
images   the report's own
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from generator.dataset import lists, patterns, shards
from generator.dataset.samples import Dataset, Files, Kind, Locator, Sample
from generator.errors import UserError
from generator.images.listing import ImageRecord, ImageSet
from generator.images.walk import listed, readable
from generator.names import Digest

__all__ = ["Dataset", "Locator", "Sample", "of_images", "open_dataset"]

_KINDS = "a folder of pictures, a .txt list, a .tar shard, a folder of them, or a pattern such as shards/{000..009}.tar"


def open_dataset(path: Path, *, limit: int | None = None) -> Dataset:
    """List an image set of any kind, at most the first `limit` pictures of it, and decode none.

    In a folder hidden files and documents are passed over, linked folders are entered once, and the order is by path,
    as where the report's images are listed. Raises UserError where nothing is there, no picture is in it, a list names
    a file that is missing, a pattern meets no file, or a tar is damaged or compressed.
    """
    path = path.expanduser()
    if limit is not None and limit < 1:
        raise UserError(f"dataset: expected a limit of at least 1, received {limit}; leave it out to use all pictures")
    if path.is_dir():
        found = _folder(path, limit)
    elif path.suffix.lower() == ".txt" and path.is_file():
        found = _list(path, limit)
    elif path.exists():
        found = _shards([path], path.parent, limit)
    elif patterns.is_pattern(str(path)):
        met = patterns.expand(str(path))
        found = _shards(met, Path(os.path.commonpath([os.path.abspath(one.parent) for one in met])), limit)
    else:
        raise UserError(f"dataset: expected {_KINDS}, but {str(path)!r} does not exist; check the path")
    if not found:
        raise UserError(f"dataset: expected at least one picture in {str(path)!r}, found none; it may be {_KINDS}")
    return found


def of_images(images: ImageSet | Sequence[ImageRecord]) -> Dataset:
    """The report's own images as a set: sample i is image i, called as it is. Their digests are the fingerprint."""
    records = images.images if isinstance(images, ImageSet) else tuple(images)
    digests = ((one.name, one.label, one.digest) for one in records)
    return Dataset(
        "images",
        tuple(one.name for one in records),
        tuple(one.label for one in records),
        tuple(one.path for one in records),
        _fingerprint("images", digests),
    )


def _folder(root: Path, limit: int | None) -> Dataset:
    try:
        names = listed(root)
    except OSError as error:
        raise UserError(
            f"dataset: the folder {str(root)!r} cannot be read ({error.strerror}); check its permissions"
        ) from None
    archives = [name for name in names if name.lower().endswith(".tar") or shards.is_compressed(name)]
    if archives and not any(map(shards.is_picture, names)):
        return _shards([root / name for name in archives], root, limit)
    chosen = tuple(names[:limit])
    folders = {name.rpartition("/")[0] for name in chosen}
    label_of = {folder: readable(folder.rpartition("/")[2]) or None for folder in folders}
    labels = tuple(label_of[name.rpartition("/")[0]] for name in chosen)
    return _files("folder", root, chosen, labels)


def _list(file: Path, limit: int | None) -> Dataset:
    lines = tuple(lists.read(file, limit))
    shared: dict[str | None, str | None] = {}
    labels = tuple(shared.setdefault(line.label, line.label) for line in lines)
    return _files("list", file.parent, tuple(line.name for line in lines), labels)


def _files(kind: Kind, root: Path, names: tuple[str, ...], labels: tuple[str | None, ...]) -> Dataset:
    places = Files(root, names)
    facts = ((name, label, *_state(root / name)) for name, label in zip(names, labels, strict=True))
    return Dataset(kind, names, labels, places, _fingerprint(kind, facts))


def _shards(tars: Sequence[Path], root: Path, limit: int | None) -> Dataset:
    for tar in tars:
        if shards.is_compressed(tar.name):
            raise UserError(
                f"dataset: expected tar shards that are not compressed, received {str(tar)!r}, in which a picture cannot "
                "be read without all before it; unpack it to a .tar"
            )
        if tar.suffix.lower() != ".tar":
            raise UserError(f"dataset: expected {_KINDS}, received {str(tar)!r}")
    named = {Path(os.path.relpath(tar, root)).as_posix(): tar for tar in tars}
    states = {tar: _state(tar) for tar in tars}  # before they are read: what changes meanwhile makes another set
    found = shards.index(named, limit)
    places = found.members
    facts = (
        (name, label, place.size, place.offset, *states[place.shard])
        for name, label, place in zip(found.names, found.labels, places, strict=True)
    )
    return Dataset("shards", found.names, found.labels, places, _fingerprint("shards", facts))


def _state(file: Path) -> tuple[int, int]:
    """(bytes, time of last change in nanoseconds) of a file; (-1, 0) where it is gone."""
    try:
        about = file.stat()
    except OSError:
        return -1, 0
    return about.st_size, about.st_mtime_ns


def _fingerprint(kind: Kind, facts: Iterable[Sequence[object]]) -> Digest:
    """sha256 of one line for the kind and one for each picture."""
    whole = hashlib.sha256(kind.encode())
    for fact in facts:
        whole.update(f"\n{json.dumps(fact)}".encode())
    return Digest(whole.hexdigest())
