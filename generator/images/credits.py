"""Whose pictures a report shows, where the folder they lie in says so."""

from __future__ import annotations

from pathlib import Path

NAMES = ("CREDITS.md", "CREDITS.txt", "CREDITS")
MOST = 20_000
"""Characters that are read of a file."""


def credits_of(places: list[Path]) -> tuple[str, ...]:
    """The credits that lie in folders of pictures, or beside lists of them: each text once, in order. Hostile."""
    found = (_in(place if place.is_dir() else place.parent) for place in places)
    return tuple(dict.fromkeys(text for text in found if text))


def _in(folder: Path) -> str:
    for name in NAMES:
        try:
            with (folder / name).open(encoding="utf-8", errors="replace") as file:
                return file.read(MOST).strip()
        except OSError:
            continue
    return ""
