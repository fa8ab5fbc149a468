"""Where a site is written from, and to: the user's own mkdocs.yml, templates and theme win over the packaged ones."""

from __future__ import annotations

import json
import os
from pathlib import Path

from generator.config import ReportConfig
from generator.errors import UserError
from generator.pages.site import Rendered, render
from generator.pages.turn import turn
from generator.pages.views import Report
from generator.resources import packaged

DOCS = Path("build/pages")
"""The generated Markdown, where mkdocs.yml says it is."""
MARK = ".convatlas-site"
"""An empty file in every site: what is in a folder with it is ours to replace, even where a kill left half of it."""


def check_out(config: ReportConfig) -> None:
    """See, before anything is computed, that the site can be written: MkDocs empties the folder that it writes to.

    Raises:
        UserError: `config.out` or its parent is no folder or may not be written, holds what is not a site, or holds the
            images or the store.
    """
    out = config.out.resolve()
    there = next(path for path in (out, *out.parents) if os.path.lexists(path))
    if not there.is_dir():
        raise UserError(f"out: expected a folder, found a file at {there}; choose another folder with --out")
    if not os.access(there, os.W_OK):
        raise UserError(f"out: {there} cannot be written; choose another folder with --out")
    for name, path in (("images", config.images), ("store", Path(config.store))):
        if path.resolve().is_relative_to(out):
            raise UserError(
                f"out: expected a folder for the site alone, received {config.out}, which holds the {name}; "
                "choose another with --out"
            )
    if there == out and not _is_site(out) and any(not entry.name.startswith(".") for entry in out.iterdir()):
        raise UserError(
            f"out: expected a new or empty folder or an earlier site, but {config.out} holds other files, which would be "
            "removed; choose another with --out"
        )


def _is_site(folder: Path) -> bool:
    """Whether a folder is a site of ours, whole or begun."""
    try:
        return (folder / MARK).exists() or json.loads((folder / "run.json").read_bytes())["schema"].startswith(
            "convatlas."
        )
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return False


def write_site(config: ReportConfig, report: Report) -> Rendered:
    """Render the report into `config.out`."""
    own = Path("mkdocs.yml")
    mkdocs_yml = own if own.exists() else packaged("mkdocs.yml")
    templates = tuple(folder for folder in (Path("templates"), packaged("templates")) if folder.is_dir())
    out = config.out.resolve()
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / MARK).touch()
    except OSError as error:
        raise UserError(
            f"the site cannot be written to {config.out}: {error.strerror or error}; choose another folder with --out"
        ) from None
    docs = DOCS.resolve()
    with turn(docs):
        return render(report, mkdocs_yml=mkdocs_yml, templates=templates, docs_dir=docs, site_dir=out)
