"""A text file that names pictures, one a line, with or without a label.

# photographs of last summer
cats/felix.jpg<TAB>tabby
cats/tom.jpg,281
/data/dogs/rex.jpg 207
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from generator.errors import UserError

MARKS = (",", " ")
"""What may stand between a path and its label where no tab does."""


@dataclass(frozen=True, slots=True)
class Line:
    """A picture as it is named: a path from the list's folder, or from the root of the disk; the text of its label."""

    name: str
    label: str | None


def read(file: Path, limit: int | None = None) -> Iterator[Line]:
    """The pictures that a list names, in its order; empty lines and those that begin with # are passed over.

    A tab ends the path. A line without one is a path if there is a file of that name; else the label stands behind the
    last comma or the last space, whichever leaves the longer name of a file. Raises UserError, with the line's number,
    where no such file is there.
    """
    count = 0
    try:
        with file.open(encoding="utf-8-sig") as stream:
            for number, text in enumerate(stream, 1):
                text = text.strip()
                if not text or text.startswith("#"):
                    continue
                if count == limit:
                    return
                count += 1
                yield _line(file, number, text)
    except UnicodeDecodeError:
        raise UserError(f"dataset: expected text in UTF-8 in the list {str(file)!r}; save it as UTF-8") from None
    except OSError as error:
        raise UserError(f"dataset: the list {str(file)!r} cannot be read ({error.strerror or error})") from None


def _line(file: Path, number: int, text: str) -> Line:
    if "\t" in text:
        ways = [text.partition("\t")]
    else:
        ways = sorted([(text, "", ""), *map(text.rpartition, MARKS)], key=lambda way: -len(way[0]))
    for name, _, label in ways:
        if name and _is_file(file.parent / name.strip()):
            return Line(name.strip(), label.strip() or None)
    raise UserError(
        f"dataset: {str(file)!r}, line {number}: expected a file, but there is none called {ways[0][0]!r} in "
        f"{str(file.parent)!r}; mend the line or take it out"
    )


def _is_file(path: Path) -> bool:
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except (OSError, ValueError):  # a name too long, or with a null byte
        return False
