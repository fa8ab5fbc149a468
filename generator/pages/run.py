"""The run: what was configured, planned, run, skipped and not drawn; the same facts as run.json."""

from __future__ import annotations

from generator.pages import escape, numbers
from generator.pages.context import Site


def write(site: Site) -> None:
    """Write run.md and data/run.js."""
    report = site.report
    grouped: dict[tuple[str, str], list[str]] = {}
    for method, layer, why in report.not_applicable:
        grouped.setdefault((method, why), []).append(layer)
    # Times differ from run to run, and passes from a first run to a second: apart from the page, so that they alone
    # do not make MkDocs build every page again.
    facts = {
        "planned": [report.planned.forward, report.planned.backward],
        "run": [report.run.forward, report.run.backward],
        "timings": [[escape.clean(stage), numbers.seconds(value)] for stage, value in report.timings.items()],
    }
    site.script("data/run.js", "run", "facts", facts, volatile=True)
    missing = [(site.method_title(m), m, escape.code_spans(why), layers) for (m, why), layers in grouped.items()]
    site.page(
        "run.md",
        "run.html",
        searched=False,
        title=site.t("run.title"),
        section="run",
        description=site.t("run.description", model=report.title),
        missing=missing,
        notes=[escape.code_spans(note) for note in report.notes],
    )
