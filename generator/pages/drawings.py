"""The drawn architecture in every style, its options live: what the component needs, and a page of its own.

Architecture ──▶ data/drawings.js (the network, styles and their options) ──▶ components/drawings.html, drawing-studio.js
             ├─▶ drawings/<style>.svg, .pdf, .tex: as the styles draw it unasked
             ├─▶ data/drawings/<image>.js: maps for the faces, as data addresses
             └─▶ data/drawings/prepared-<style>.js: what a style prepares that the page cannot (prepared.py)

A page includes it by `{% include "components/drawings.html" %}` where `drawings = component(site)` is given.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

from generator.diagrams.architecture import Architecture
from generator.diagrams.export import export
from generator.diagrams.extras import with_faces
from generator.diagrams.plain import as_json, options
from generator.diagrams.styles import StyleInfo, styles
from generator.diagrams.svg import Drawing
from generator.pages import escape
from generator.pages.context import Site
from generator.pages.faces import faces
from generator.pages.prepared import DEEPEST, variants

ELSEWHERE = ("graph",)
"""Styles that have a page of their own too: what leads from there to these drawings need not show them."""
FIRST = ("blocks", "lenet")
"""Styles that stand first, those that are there; the others follow by name."""


@dataclass(frozen=True)
class Shown:
    """One style in the studio."""

    name: str
    title: str
    summary: str
    files: tuple[tuple[str, str], ...]
    """(kind, address) of what was drawn when the site was made: ``("pdf", "drawings/lenet.pdf")``."""
    width: float
    height: float
    why: str = ""
    """A sentence, where the style has nothing to draw of this network: there are no files then."""

    @property
    def card(self) -> bool:
        """Whether the page of the architecture shows it."""
        return bool(self.files) and self.name not in ELSEWHERE


@dataclass(frozen=True)
class Component:
    """What components/drawings.html needs."""

    styles: tuple[Shown, ...]
    images: tuple[tuple[str, str, str], ...]
    """(slug, name, address of its photograph) of those whose maps can lie on the faces."""
    ports: tuple[str, ...]
    """Scripts of the styles, by name."""


def component(site: Site) -> Component | None:
    """Write the scripts and files of the component and say what is in it; None where the network is not known."""
    it = site.report.architecture
    if it is None:
        return None
    seen = {image.slug: found for image in site.report.images if (found := faces(site, it, image))}
    images = tuple((image.slug, image.name, site.photo(image)) for image in site.report.images if image.slug in seen)
    for slug, found in seen.items():
        site.script(f"data/drawings/{escape.slug(slug)}.js", "faces", slug, {k: " ".join(v) for k, v in found.items()})
    with_maps = with_faces(it, next(iter(seen.values()))) if seen else it
    infos = sorted(styles().values(), key=lambda info: rank(info.name))
    shown = tuple(_shown(site, info, with_maps) for info in infos)
    site.script(
        "data/drawings.js",
        "drawings",
        "index",
        {
            "architecture": as_json(it),
            "source": escape.clean(site.report.source),
            "input": "x".join(map(str, site.report.input_shape)),
            "images": [{"slug": slug, "script": f"data/drawings/{escape.slug(slug)}.js"} for slug, _, _ in images],
            "styles": [
                {"name": info.name, "title": one.title, "why": one.why, **_options(site, info, replace(it, extra={}))}
                for info, one in zip(infos, shown, strict=True)
            ],
        },
    )
    return Component(shown, images, tuple(f"draw-{one.name}.js" for one in shown))


def rank(name: str) -> tuple[int, str]:
    """Where a style stands among the others."""
    return (FIRST.index(name) if name in FIRST else len(FIRST), name)


def write(site: Site) -> Component | None:
    """Write drawings.md, and say what is on it."""
    made = component(site)
    site.page(
        "drawings.md",
        "drawings.html",
        title=site.t("drawings.title"),
        section="architecture",
        description=site.t("drawings.description", model=site.report.title),
        drawings=made,
    )
    return made


def _shown(site: Site, info: StyleInfo, it: Architecture) -> Shown:
    style = info.cls()
    if (refuses := getattr(style, "refuses", None)) is not None and (why := refuses(it)):
        return Shown(info.name, info.title, site.sentence(info.summary), (), 0, 0, why)
    drawing: Drawing = style.draw(it)
    files = []
    for kind, content in _files(style, drawing, it):
        path = f"drawings/{info.name}.{kind}"
        site.tree.write(path, content)
        files.append((kind, path))
    return Shown(info.name, info.title, site.sentence(info.summary), tuple(files), drawing.width, drawing.height)


def _options(site: Site, info: StyleInfo, it: Architecture) -> dict[str, Any]:
    """The form of a style, and the script of what it prepares, if it does."""
    asked = options(info.cls)
    made: dict[str, Any] = {"options": [asdict(one) for one in asked]}
    if (found := variants(info.cls, asked, it)) is not None:
        path = f"data/drawings/prepared-{info.name}.js"
        site.script(path, "prepared", info.name, found)
        made["prepared"] = path
        made["options"] = [one | {"most": DEEPEST} if one["name"] == "depth" else one for one in made["options"]]
    return made


def _files(style: object, drawing: Drawing, it: Architecture) -> Iterator[tuple[str, bytes]]:
    yield "svg", drawing.svg.encode()
    yield "pdf", export(drawing, "pdf").data
    if (tex := getattr(style, "tex", None)) is not None:
        yield "tex", tex(it).encode()
