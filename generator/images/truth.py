"""The true classes of images: from the folders they lie in, or from a CSV of file names and labels.

cats/felix.jpg   ──▶ "cats" ──▶ the class of that label, or of that index
felix.jpg,tabby  ──▶ "tabby"
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from generator.errors import UserError
from generator.images.listing import ImageRecord
from generator.selectors import nearest

FOLDERS = "folders"
SHOWN = 5
"""Names of folders that a sentence lists."""
_DIGITS = 18
"""Of an index: Python refuses to read a number of thousands."""


def truths(
    images: Sequence[ImageRecord], root: Path, truth: str, labels: Sequence[str] | None, classes: int
) -> Mapping[str, int]:
    """Slug -> class index of every image whose class is known; `root` is the folder that was scanned.

    A folder that is called like no class says nothing. A line of a CSV that names no class, or no image, is an error:
    somebody wrote it down.

    Raises:
        UserError: the CSV cannot be read, or a line of it is wrong.
    """
    index_of = finder(labels, classes)
    if truth == FOLDERS:
        found = {image.slug: index_of(image.label) for image in images if image.label}
        return {slug: index for slug, index in found.items() if index is not None}
    named = _written(Path(truth))
    by_name: dict[str, list[ImageRecord]] = {}
    for image in images:
        for name in {_relative(image, root), image.path.name, image.path.stem}:
            by_name.setdefault(name, []).append(image)
    result: dict[str, int] = {}
    for line, name, label in named:
        index = index_of(label)
        if index is None:
            raise UserError(
                f"truth: {truth}, line {line}: there is no class `{label}`{nearest(label, list(labels or ()))}"
            )
        for image in by_name.get(name, ()):
            result[image.slug] = index
    if not result:
        raise UserError(f"truth: none of the files that {truth} names is among the images")
    return result


def finder(labels: Sequence[str] | None, classes: int) -> Callable[[str], int | None]:
    """What tells the class that a text names, by its index or by its label, in capitals or not; None where it names
    none. Of labels that stand twice the first is meant."""
    known = {_plain(label): index for index, label in reversed(list(enumerate(labels or ())))}

    def index_of(text: str) -> int | None:
        if text.isdecimal() and len(text) <= _DIGITS and int(text) < classes:
            return int(text)
        return known.get(_plain(text))

    return index_of


def unlabelled_folders(images: Sequence[ImageRecord], truth: str, known: Mapping[str, int]) -> tuple[str, ...]:
    """The sentence, where there is one to say, that names the folders which are called like no class."""
    if truth != FOLDERS:
        return ()
    names = sorted({image.label for image in images if image.label and image.slug not in known})
    if not names:
        return ()
    shown = ", ".join(f"`{name}`" for name in names[:SHOWN]) + (
        f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    )
    one = len(names) == 1
    return (
        f"truth: no class is called like the {'folder' if one else 'folders'} {shown}: the true class of "
        f"{'its' if one else 'their'} images is not known.",
    )


def _plain(label: str) -> str:
    """A label as it is compared: in one case, and as a folder's name may have it, without spaces or hyphens."""
    return " ".join(re.split(r"[\s_-]+", label.strip().casefold()))


def _relative(image: ImageRecord, root: Path) -> str:
    try:
        return image.path.relative_to(root if root.is_dir() else root.parent).as_posix()
    except ValueError:
        return image.path.name


def _written(file: Path) -> list[tuple[int, str, str]]:
    """(line number, file name, label) of a CSV; a first line that says `file,label` or the like is a heading."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            rows = [(reader.line_num, row) for reader in [csv.reader(stream)] for row in reader if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(
            f"truth: expected `folders` or a CSV of file names and labels, cannot read {file}: {error}"
        ) from None
    if rows and [cell.strip().casefold() for cell in rows[0][1][:2]] in (
        [one, other] for one in ("file", "filename", "file_name", "image", "path") for other in ("label", "class")
    ):
        rows = rows[1:]
    for number, row in rows:
        if len(row) != 2 or not all(cell.strip() for cell in row):
            raise UserError(
                f"truth: {file}, line {number}: expected a file name and a label, received {','.join(row)!r}"
            )
    return [(number, row[0].strip(), row[1].strip()) for number, row in rows]
