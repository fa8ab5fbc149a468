"""Which files of a folder may be pictures, and in which order: the one rule for every set that lies in a folder.

Hidden files and documents (README, .md, .json, …) are passed over; whatever else lies there may be a picture.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

_NOT_IMAGES = frozenset((
    ".cfg", ".csv", ".db", ".htm", ".html", ".ini", ".ipynb", ".json", ".jsonl", ".log", ".md", ".py", ".rst", ".sh",
    ".toml", ".tsv", ".txt", ".xml", ".yaml", ".yml",
))  # fmt: skip
"""Suffixes of what lies beside pictures and is not meant as one."""
_DOCUMENTS = frozenset(("AUTHORS", "COPYING", "CREDITS", "LICENCE", "LICENSE", "MANIFEST", "NOTICE", "README"))


def listed(root: Path) -> list[str]:
    """Every file below `root` that may be meant as a picture, as its path from there ("cats/felix.jpg").

    A folder's own files come before its subfolders, each by name: so the files at the top keep the plain slugs. Linked
    folders are entered, each folder once. Raises OSError where `root` itself cannot be read.
    """
    return sorted(_walk(root), key=_order)


def readable(name: str) -> str:
    """A file name as text that can be written as UTF-8: bytes that are none become U+FFFD. Nothing else is changed."""
    return os.fsencode(name).decode("utf-8", "replace")


def _walk(root: Path) -> Iterator[str]:
    seen: set[tuple[int, int]] = set()

    def fail(error: OSError) -> None:
        if error.filename == os.fspath(root):
            raise error

    for folder, folders, files in os.walk(root, followlinks=True, onerror=fail):
        about = os.stat(folder)
        if (about.st_dev, about.st_ino) in seen:
            folders.clear()
            continue
        seen.add((about.st_dev, about.st_ino))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        inside = Path(folder).relative_to(root).as_posix()
        before = "" if inside == "." else f"{inside}/"
        yield from (before + name for name in files if _may_be_image(name))


def _may_be_image(name: str) -> bool:
    stem, suffix = os.path.splitext(name)
    document = not suffix and stem.upper() in _DOCUMENTS
    return not (name.startswith(".") or suffix.lower() in _NOT_IMAGES or document)


def _order(relative: str) -> tuple[tuple[bool, str], ...]:
    *folders, name = relative.split("/")
    return (*((True, folder) for folder in folders), (False, name))
