"""Where a site is written from, and to: the user's own mkdocs.yml, templates and theme win over the packaged ones."""

from __future__ import annotations

from pathlib import Path

from generator.config import ReportConfig
from generator.pages.site import Rendered, render
from generator.pages.views import Report
from generator.resources import packaged

DOCS = Path("build/pages")
"""The generated Markdown, where mkdocs.yml says it is."""


def write_site(config: ReportConfig, report: Report) -> Rendered:
    """Render the report into `config.out`."""
    own = Path("mkdocs.yml")
    mkdocs_yml = own if own.exists() else packaged("mkdocs.yml")
    templates = tuple(folder for folder in (Path("templates"), packaged("templates")) if folder.is_dir())
    return render(
        report, mkdocs_yml=mkdocs_yml, templates=templates, docs_dir=DOCS.resolve(), site_dir=config.out.resolve()
    )
