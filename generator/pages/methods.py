"""The index of methods, by where they draw."""

from __future__ import annotations

from generator.pages import bibtex
from generator.pages.context import Site
from generator.pages.method import shown

SCOPES = ("layer", "input", "set", "weights", "search", "class_search", "image_search")


def write(site: Site) -> None:
    """Write methods/index.md."""
    found = {scope: [m for m in site.report.methods if m.scope == scope] for scope in SCOPES}
    others = [m for m in site.report.methods if m.scope not in SCOPES]
    groups = [(scope, group) for scope, group in (*found.items(), ("other", others)) if group]
    site.page(
        "methods/index.md",
        "methods.html",
        title=site.t("methods.title"),
        section="methods",
        description=site.t("methods.description", model=site.report.title),
        groups=[
            (scope, [(m, shown(site, m, 9), bibtex.short(m.papers[0]) if m.papers else "") for m in group])
            for scope, group in groups
        ],
    )
