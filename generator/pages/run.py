"""The run: what was configured, planned, run, skipped and not drawn; the same facts as run.json."""

from __future__ import annotations

from generator.pages.context import Site


def write(site: Site) -> None:
    """Write run.md."""
    grouped: dict[tuple[str, str], list[str]] = {}
    for method, layer, why in site.report.not_applicable:
        grouped.setdefault((method, why), []).append(layer)
    missing = [(site.method_title(m), m, why, layers) for (m, why), layers in grouped.items()]
    site.page(
        "run.md",
        "run.html",
        title=site.t("run.title"),
        section="run",
        description=site.t("run.description", model=site.report.title),
        missing=missing,
    )
