"""Tar shards as WebDataset lays them out: one pass over the headers -> where each picture's bytes lie.

    train-000.tar   cat/0001.jpg  cat/0001.cls │ cat/0002.jpg  cat/0002.json │ …
                    └─ one sample: "cat/0001" ─┘ └─ "cat/0002" ────────────┘

Nothing is unpacked, and of the pictures nothing is read: a picture is later read by its offset, in any order. Members
belong together that are called alike up to the first dot of the base name, wherever in the shard they stand.
"""

from __future__ import annotations

import json
import os
import re
import tarfile
from array import array
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from generator.errors import UserError
from generator.images.decode import Undecodable

PICTURES = frozenset((
    ".apng", ".avif", ".bmp", ".dib", ".gif", ".j2k", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg", ".mpo", ".pbm", ".pgm",
    ".png", ".pnm", ".ppm", ".tif", ".tiff", ".webp",
))  # fmt: skip
"""Suffixes of the members that are pictures."""
LABEL_KEYS = ("label", "class", "cls")
"""Keys of a sample's .json that may hold its label, the first of them first."""
_COMPRESSED = re.compile(r".*\.(tar\.(gz|bz2|xz|zst|lz4?|lzma|z)|tgz|tbz2?|txz|tzst)", re.IGNORECASE | re.DOTALL)
_MOST = {"cls": 256, "json": 1 << 20}
"""Bytes of a member that is read for its label; a longer one is none."""
_LONGEST = 256


@dataclass(frozen=True, slots=True)
class Member:
    """A picture in a shard: `size` bytes from byte `offset` on."""

    shard: Path
    offset: int
    size: int

    def open(self) -> BinaryIO:
        """Its bytes, through a file of its own: any number of threads may do so. Raises Undecodable, OSError."""
        with self.shard.open("rb") as file:
            file.seek(self.offset)
            data = file.read(self.size)
        if len(data) != self.size:
            raise Undecodable("The shard ends before the picture does: it has changed since it was listed.")
        return BytesIO(data)


@dataclass(frozen=True, eq=False)
class Members:
    """The places of many pictures, 24 bytes each: `which` of the shards, `offset` and `size` in bytes."""

    shards: tuple[Path, ...]
    which: array[int] = field(default_factory=lambda: array("q"))
    offset: array[int] = field(default_factory=lambda: array("q"))
    size: array[int] = field(default_factory=lambda: array("q"))

    def __getitem__(self, index: int, /) -> Member:
        return Member(self.shards[self.which[index]], self.offset[index], self.size[index])

    def __iter__(self) -> Iterator[Member]:
        return (self[index] for index in range(len(self.which)))


@dataclass(frozen=True)
class Indexed:
    """The samples of some shards in their order: names, labels as they are written, and places."""

    names: tuple[str, ...]
    labels: tuple[str | None, ...]
    members: Members


@dataclass(slots=True)
class _Group:
    """What is known of a sample while its shard is read."""

    picture: str = ""
    dots: int = 0
    offset: int = 0
    size: int = 0
    cls: str | None = None
    json: str | None = None


def is_compressed(name: str) -> bool:
    """Whether a file is called like a compressed tar."""
    return _COMPRESSED.fullmatch(name) is not None


def is_picture(name: str) -> bool:
    """Whether a member, or a file, is called like a picture."""
    return os.path.splitext(name)[1].lower() in PICTURES


def index(shards: Mapping[str, Path], limit: int | None = None) -> Indexed:
    """Read the headers of shards, given by the names that their samples' names begin with, until there are `limit`.

    A sample is a group of members with a picture among them: of several the one with the fewest dots in its name, and
    of these the first. Its label is what its `.cls` says, or a key of its `.json` (LABEL_KEYS): a class's index or
    label. A member that stands twice counts as it stands last. Links and sparse members are passed over. Raises
    UserError where a shard is damaged or cannot be read.
    """
    names: list[str] = []
    labels: list[str | None] = []
    members = Members(tuple(shards.values()))
    shared: dict[str | None, str | None] = {}
    for number, (shown, shard) in enumerate(shards.items()):
        if len(names) == limit:
            break
        for group in _groups(shard):
            if group.picture and len(names) != limit:
                label = group.json if group.cls is None else group.cls
                names.append(f"{shown}/{group.picture}")
                labels.append(shared.setdefault(label, label))
                members.which.append(number)
                members.offset.append(group.offset)
                members.size.append(group.size)
    return Indexed(tuple(names), tuple(labels), members)


def _groups(shard: Path) -> Collection[_Group]:
    """Everything of one shard that may be a sample."""
    groups: dict[str, _Group] = {}
    with _explained(shard), shard.open("rb") as stream, tarfile.open(fileobj=stream, mode="r:") as archive:
        for member in _headers(archive, stream):
            name = member.name.removeprefix("./")
            base = name.rpartition("/")[2]
            stem, _, suffix = base.partition(".")
            if not stem or not member.isreg() or member.issparse():
                continue
            key = name[: len(name) - len(suffix)]
            if suffix.lower() in _MOST:
                group = groups.setdefault(key, _Group())
                data = _read(stream, member, _MOST[suffix.lower()])
                if suffix.lower() == "cls":
                    group.cls = _text(data.decode("utf-8", "replace"))
                else:
                    group.json = _keyed(data)
            elif is_picture(base):
                group, dots = groups.setdefault(key, _Group()), suffix.count(".")
                if not group.picture or name == group.picture or dots < group.dots:
                    group.picture, group.dots = name, dots
                    group.offset, group.size = member.offset_data, member.size
    return groups.values()


@contextmanager
def _explained(shard: Path) -> Iterator[None]:
    """Whatever the bytes of a shard lead the reader to leaves as UserError."""
    try:
        if not shard.is_file():
            raise OSError("it is not a file")  # opening a pipe would wait for ever
        yield
    except OSError as error:
        raise UserError(f"dataset: the tar {str(shard)!r} cannot be read ({error.strerror or error})") from None
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UserError(
            f"dataset: expected a whole tar, not compressed, but {str(shard)!r} is none ({reason}); make it again"
        ) from None


def _headers(archive: tarfile.TarFile, stream: BinaryIO) -> Iterator[tarfile.TarInfo]:
    """Every member. The reader takes a damaged header for the end, and one of negative size leads it back: neither
    is an end here."""
    end = 0
    while (member := archive.next()) is not None:
        if member.size < 0 or member.offset < end:
            raise tarfile.ReadError(f"the header at byte {member.offset:,} is damaged")
        end = member.offset_data
        yield member
        archive.members = []  # type: ignore[attr-defined]  # else the reader keeps a kilobyte of each
    stream.seek(archive.offset)
    if stream.read(tarfile.BLOCKSIZE).strip(b"\0"):
        raise tarfile.ReadError(f"the header at byte {archive.offset:,} is damaged")


def _read(stream: BinaryIO, member: tarfile.TarInfo, most: int) -> bytes:
    """The bytes of a small member; none of a larger one."""
    stream.seek(member.offset_data)
    return stream.read(member.size) if member.size <= most else b""


def _keyed(data: bytes) -> str | None:
    """The label in a sample's .json."""
    try:
        values = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if not isinstance(values, dict):
        return None
    found = (values[key] for key in LABEL_KEYS if key in values)
    given = next((one for one in found if isinstance(one, (str, int)) and not isinstance(one, bool)), None)
    return None if given is None else _text(str(given))


def _text(text: str) -> str | None:
    """One line that can be a label, else None."""
    text = text.strip()
    return text if text.isprintable() and 0 < len(text) <= _LONGEST else None
