"""An image set: a folder of pictures -> records of what can be used, and of what cannot and why.

Nothing but records is kept; pixels are decoded when they are asked for, so memory does not grow with the set.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import unicodedata
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

from PIL import Image

from generator.errors import UserError
from generator.images.decode import Decoded, Undecodable, bombs_measured, decode
from generator.images.walk import listed, readable
from generator.names import Digest

_RESERVED = re.compile(r"index|con|prn|aux|nul|(com|lpt)[0-9]")
"""Slugs that a site or a file system has another use for."""
_SLUG_LENGTH = 48


@dataclass(frozen=True)
class ImageRecord:
    """A picture that was decoded once, whole, and can be decoded again."""

    name: str
    """The file's stem, as it stands: hostile."""
    slug: str
    """Unique in its set: [a-z0-9-]."""
    digest: Digest
    """sha256 of the file's bytes."""
    path: Path
    width: int
    """Pixels, after EXIF rotation."""
    height: int
    label: str | None = None
    """The folder it lies in, below the one scanned: the class, where folders are classes. Hostile."""
    note: str = ""
    """What a reader should know of it: "the first of 12 frames"."""


@dataclass(frozen=True)
class Skipped:
    """A file that looked like a picture and could not be used. `path` is relative to the folder scanned: hostile."""

    path: str
    reason: str
    """A plain sentence."""


@dataclass(frozen=True)
class ImageSet:
    """What a scan found, in the order of the files' paths."""

    images: tuple[ImageRecord, ...]
    skipped: tuple[Skipped, ...]


def scan(path: Path, *, limit: int | None = None) -> ImageSet:
    """List the pictures in a folder and those below it, or the one picture that `path` names.

    Hidden files and documents (README, .md, .json, …) are passed over in silence; whatever else is no picture is
    listed as skipped. Each picture is decoded once, to know that it can be. With `limit` the scan ends after that many
    good pictures, and files behind them are not looked at. Raises UserError where nothing usable is found.
    """
    path = path.expanduser()
    if limit is not None and limit < 1:
        raise UserError(f"images: expected a limit of at least 1, received {limit}; leave it out to use all images")
    if not path.exists():
        raise UserError(f"images: expected a folder or an image, but {str(path)!r} does not exist; check the path")
    single = not path.is_dir()
    root = path.parent if single else path
    try:
        files = [path.name] if single else listed(root)
    except OSError as error:
        raise UserError(
            f"images: the folder {str(path)!r} cannot be read ({error.strerror}); check its permissions"
        ) from None

    images: list[ImageRecord] = []
    skipped: list[Skipped] = []
    slugs: set[str] = set()
    with bombs_measured(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Pillow warns of is either harmless or in the reason
        for name in files:
            relative = Path(name)
            try:
                images.append(_inspect(path if single else root / relative, relative, slugs))
            except Undecodable as why:
                skipped.append(Skipped(readable(relative.as_posix()), str(why)))
            if len(images) == limit:
                break
    if not images:
        raise UserError(_nothing_found(path, skipped))
    return ImageSet(tuple(images), tuple(skipped))


def load(record: ImageRecord, channels: int = 3) -> Image.Image:
    """Decode a picture as L, RGB or RGBA (1, 3 or 4 channels), upright, transparent places on white unless RGBA.

    Raises UserError where the file is no longer what it was when it was scanned.
    """
    try:
        with record.path.open("rb") as file:
            return decode(file, channels).picture
    except (OSError, Undecodable) as error:
        raise UserError(
            f"images: {str(record.path)!r} could be read when the images were listed, but not any more: "
            f"{' '.join(str(error).split())}"
        ) from None


def _inspect(file: Path, relative: Path, slugs: set[str]) -> ImageRecord:
    """Hash and decode one file; its slug is added to `slugs`. Raises Undecodable."""
    try:
        with opened(file) as stream:
            digest = Digest(hashlib.file_digest(stream, "sha256").hexdigest())
            stream.seek(0)
            decoded = decode(stream, quick=True)
            decoded.picture.close()
    except OSError as error:
        raise Undecodable(f"The file cannot be read ({error.strerror or error}).") from None
    slug = _slug(relative, slugs)
    slugs.add(slug)
    label = readable(relative.parent.name) or None
    return ImageRecord(
        readable(file.stem), slug, digest, file, decoded.width, decoded.height, label, _first_of(decoded)
    )


def opened(file: Path) -> BufferedReader:
    """Open a regular file; of anything else Undecodable is raised, for opening a pipe would wait for ever."""
    if not stat.S_ISREG(file.stat().st_mode):
        raise Undecodable("It is not a regular file.")
    return file.open("rb")


def _first_of(decoded: Decoded) -> str:
    return f"the first of {decoded.frames} frames" if decoded.frames > 1 else ""


def _slug(relative: Path, taken: set[str]) -> str:
    """The stem in [a-z0-9-]; with a hash of its path where that is empty, cut, reserved or taken."""
    ascii_stem = unicodedata.normalize("NFKD", relative.stem.casefold()).encode("ascii", "ignore").decode()
    whole = re.sub(r"[^a-z0-9]+", "-", ascii_stem).strip("-")
    base = whole[:_SLUG_LENGTH].strip("-")
    if base and base == whole and base not in taken and not _RESERVED.fullmatch(base):
        return base
    path_hash = hashlib.sha256(os.fsencode(relative.as_posix())).hexdigest()
    candidates = (f"{base or 'image'}-{path_hash[:length]}" for length in range(8, len(path_hash) + 1))
    return next(slug for slug in candidates if slug not in taken)


def _nothing_found(path: Path, skipped: Sequence[Skipped]) -> str:
    if not skipped:
        return f"images: expected at least one image in {str(path)!r}, found none; put JPEG or PNG files into it"
    first = skipped[0]
    return (
        f"images: expected at least one image in {str(path)!r}, but none of its {len(skipped)} files can be used; "
        f"the first is {first.path!r}: {first.reason}"
    )
