"""One word for many files: braces and wildcards -> the files that are there, in a fixed order.

shards/train-{000..009}.tar   ──▶ ten files, all of which must be there
shards/{train,val}-*.tar      ──▶ those of train by name, then those of val
"""

from __future__ import annotations

import glob
import re
from collections.abc import Iterator
from math import prod
from pathlib import Path

from generator.errors import UserError

MOST = 100_000
"""Names that braces may stand for."""
_BRACE = re.compile(r"\{(\d+)\.\.(\d+)\}|\{([^{}]*,[^{}]*)\}")


def is_pattern(text: str) -> bool:
    """Whether it holds braces or wildcards (`*`, `?`, `[…]`)."""
    return bool(_BRACE.search(text)) or glob.has_magic(text)


def meets(pattern: str) -> bool:
    """Whether there is any file that the pattern names. Raises UserError where its braces stand for too many names."""
    return Path(pattern).exists() or any(map(_met, _names(pattern)))


def expand(pattern: str) -> list[Path]:
    """The files that a pattern names: in the order of its braces, of one wildcard by name, each once.

    `{000..009}` counts, up or down, with as many digits as are written; `{a,b}` lists. Raises UserError where the
    pattern, or one of the names that its braces stand for, meets no file.
    """
    found: dict[Path, None] = {}
    for name in _names(pattern):
        met = _met(name)
        if not met:
            which = "" if name == pattern else f": there is no {name!r}"
            raise UserError(f"dataset: expected files, but the pattern {pattern!r} meets none{which}; check the path")
        found.update(dict.fromkeys(map(Path, met)))
    return list(found)


def _met(name: str) -> list[str]:
    return [name] if Path(name).exists() else sorted(glob.glob(name, recursive=True))


def _names(pattern: str) -> Iterator[str]:
    """The pattern once for every choice in its braces; the last brace changes fastest."""
    braces = list(_BRACE.finditer(pattern))
    many = prod(_length(brace) for brace in braces)
    if many > MOST:
        raise UserError(
            f"dataset: expected at most {MOST:,} names, but {pattern!r} stands for {many:,}; use `*` instead"
        )
    return _chosen(pattern, braces)


def _chosen(pattern: str, braces: list[re.Match[str]]) -> Iterator[str]:
    if not braces:
        yield pattern
        return
    *before, last = braces
    for head in _chosen(pattern[: last.start()], before):
        yield from (head + choice + pattern[last.end() :] for choice in _choices(last))


def _length(brace: re.Match[str]) -> int:
    first, last, listed = brace.groups()
    return listed.count(",") + 1 if listed else abs(int(last) - int(first)) + 1


def _choices(brace: re.Match[str]) -> Iterator[str]:
    first, last, listed = brace.groups()
    if listed:
        yield from listed.split(",")
        return
    start, stop = int(first), int(last)
    padded = any(len(end) > 1 and end.startswith("0") for end in (first, last))
    width = max(len(first), len(last)) if padded else 1
    for number in range(start, stop + 1) if start <= stop else range(start, stop - 1, -1):
        yield f"{number:0{width}}"
