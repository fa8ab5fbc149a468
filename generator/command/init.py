"""A folder of the user's own: fresh copies of all that is meant to be changed."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from generator.errors import UserError
from generator.resources import packaged

COPIED = ("mkdocs.yml", "templates", "site_config")


def lay_out(folder: Path) -> Sequence[Path]:
    """Copy the packaged files into `folder` and write a commented report.yml; returns what was made, from its top.

    Raises UserError where one of them is there already: nothing is ever overwritten, and then nothing is written.
    """
    made = [folder / name for name in ("report.yml", *COPIED)]
    if folder.exists() and not folder.is_dir():
        raise UserError(f"init: expected a folder, found a file at {folder}; choose another name")
    if there := [path for path in made if path.exists()]:
        raise UserError(f"init: {there[0]} is there already and is not overwritten; choose another folder")
    sources = [packaged(name) for name in ("site_config/report.yml", *COPIED)]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for source, path in zip(sources, made, strict=True):
            if source.is_dir():
                shutil.copytree(source, path, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copyfile(source, path)
    except OSError as error:
        raise UserError(f"init: {folder} cannot be written: {error.strerror or error}") from None
    return made
