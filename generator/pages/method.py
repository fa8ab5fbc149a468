"""A page a method, from its docstring: equation, how to read it, limits, options, references; and one of its pictures."""

from __future__ import annotations

from typing import Any

from generator.pages import bibtex, data, escape, learn, prose, sought, trust
from generator.pages.context import Site
from generator.pages.examples import WIDE, example
from generator.pages.measured import measured
from generator.pages.views import Atlas, Heat, MethodView


def write(site: Site, method: MethodView) -> None:
    """Write methods/<name>.md."""
    order = list(site.methods)
    at = order.index(method.name)
    site.page(
        f"methods/{method.name}.md",
        "method.html",
        title=method.title,
        section="methods",
        description=site.sentence(method.summary),
        method=method,
        body=prose.to_html(method.body),
        summary=prose.to_html(site.sentence(method.summary)),
        options=[(name, default, prose.in_line(meaning)) for name, default, meaning in method.options],
        example=shown(site, method),
        references=[
            (paper, bibtex.authors(paper), bibtex.address(paper), bibtex.entry(paper)) for paper in method.papers
        ],
        missing=[(escape.code_spans(site.sentence(why)), layers) for why, layers in missing(site, method)],
        speed=measured(method.name),
        gallery=sought.gallery(site, method),
        judged=trust.method_part(site, method.name),
        explained=learn.of_method(method.name),
        around={
            "before": site.methods[order[at - 1]] if at else None,
            "after": site.methods[order[at + 1]] if at + 1 < len(order) else None,
        },
    )


def missing(site: Site, method: MethodView) -> list[tuple[str, list[str]]]:
    """Each reason why it drew nothing, with the layers it holds for."""
    found: dict[str, list[str]] = {}
    for name, layer, why in site.report.not_applicable:
        if name == method.name:
            found.setdefault(why, []).append(layer)
    return list(found.items())


def shown(site: Site, method: MethodView, most: int = WIDE) -> dict[str, Any]:
    """The method's example for a template, or {} where it drew nothing."""
    found = example(site.report, method)
    if found is None:
        return {}
    name = escape.slug(method.name)
    where: dict[str, Any] = {
        "note": method.example_note
        or (site.t(found.says, layer=found.layer) if found.says else "")
        or _note(site, method, found.layer, found.image.name if found.image else "", found.target),
        "link": "",
        "photo": "",
    }
    if found.image and method.scope != "input":
        where["photo"] = site.photo(found.image)
    if found.image:
        where["link"] = f"images/{escape.slug(found.image.slug)}.html"
    elif found.layer and found.layer in site.layer_views:
        where["link"] = f"layers/{escape.slug(site.layer_views[found.layer].slug)}.html"  # type: ignore[index]
    if isinstance(found.shown, Heat):
        return {"kind": "heat", **where, **data.heat(site.tree, found.shown, f"{name}-example")}
    picture = found.shown.picture if isinstance(found.shown, Atlas) else found.shown
    source = {"src": site.tree.picture(picture, f"{name}-example"), "aw": picture.width, "ah": picture.height}
    if isinstance(found.shown, Atlas):
        return {"kind": "atlas", **where, **source, **data.tiles(found.shown, most)}
    return {"kind": "picture", **where, **source}


def _note(site: Site, method: MethodView, layer: str, image: str, target: str) -> str:
    """What the example shows, in the words of the method's own caption where that can be filled in."""
    each = site.t("method.each_unit")
    words = {"layer": layer, "image": image, "target": target, "unit": each}
    text = method.caption.replace("unit {unit}", each)
    for key, value in words.items():
        if value:
            text = text.replace("{" + key + "}", value)
    return "" if "{" in text else text
