"""How optimizers descend: a page that stands alone, with nothing of the report's model in it.

surfaces, optimizers ──▶ data/descent.js ──▶ learn/descent.html, whose scripts run what generator/descent/ runs
                     └──▶ learn/descent.svg, for readers without scripts
"""

from __future__ import annotations

from dataclasses import asdict
from functools import cache

from generator.descent.optimizers import OPTIMIZERS, Optimizer, Setting
from generator.descent.picture import picture
from generator.descent.runs import descend
from generator.descent.surfaces import SURFACES, Surface
from generator.diagrams.svg import Drawing
from generator.pages import bibtex, prose
from generator.pages.context import Site

STEPS = 200
"""How far the runs of the first view go."""


def write(site: Site) -> None:
    """Write learn/descent.md and its data."""
    t = site.t
    surfaces = [
        {**_plain(one), "about": t(f"descent.surfaces.{one.name}"), "terms": prose.terms(one.latex)}
        for one in SURFACES.values()
    ]
    optimizers = [
        {"name": one.name, "title": one.title, "mark": one.mark, "settings": [asdict(each) for each in one.settings]}
        for one in OPTIMIZERS.values()
    ]
    site.script("data/descent.js", "descent", "", {"surfaces": surfaces, "optimizers": optimizers})
    drawing = first_view()
    site.tree.write("learn/descent.svg", f"{drawing.svg}\n")
    site.page(
        "learn/descent.md",
        "descent.html",
        title=t("descent.title"),
        section="learn",
        description=t("descent.description"),
        picture="learn/descent.svg",
        width=drawing.width,
        height=drawing.height,
        choices=[(one.name, one.title) for one in SURFACES.values()],
        surfaces=surfaces,
        optimizers=tuple(OPTIMIZERS.values()),
        papers={one.name: (one.paper, bibtex.address(one.paper)) for one in OPTIMIZERS.values()},
        words={
            (one.name, each.name): t(f"descent.settings.{_word(one, each)}")
            for one in OPTIMIZERS.values()
            for each in one.settings
        },
        rules_lead=prose.in_line(t("descent.rules_lead")),
        honest=[prose.in_line(t(f"descent.honest_{k}")) for k in (1, 2, 3)],
    )


def _word(one: Optimizer, each: Setting) -> str:
    """What a setting is called: Lion's memories are both of the slope."""
    return f"lion_{each.name}" if one.name == "lion" and each.name in ("beta1", "beta2") else each.name


@cache
def first_view() -> Drawing:
    """What every report's page shows before its scripts run: nothing in it is the report's."""
    first = SURFACES["two_wells"]
    return picture(first, [descend(first, one, first.start, STEPS) for one in OPTIMIZERS.values()])


def _plain(one: Surface) -> dict[str, object]:
    """What the scripts know of a surface."""
    return {
        "name": one.name,
        "title": one.title,
        "box": one.box,
        "start": one.start,
        "minima": [asdict(each) for each in one.minima],
        "radius": one.radius,
        "rates": dict(one.rates),
        "log": one.log,
    }
