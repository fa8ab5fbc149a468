"""Pictures that were searched for, for classes and from images at layers, as pages have them: on an image's page and on the
page of their method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from generator.artifacts import NotApplicable
from generator.names import LayerName
from generator.pages import escape
from generator.pages.context import Site
from generator.pages.views import ImageView, MethodView, Sought

CLASSES = "class_visualization"
SCOPE = "image_search"
ROWS = 12
"""Images in the gallery of a method: the others have theirs on their own pages."""


def tile(site: Site, found: Sought | NotApplicable, name: str) -> dict[str, Any]:
    """{src, w, h, score, began, dead} or {na: reason}; `name` is its place in the address, too."""
    if isinstance(found, NotApplicable):
        return {"na": found.reason}
    picture = found.picture
    src = site.tree.picture(picture, name)
    dead = site.t("sought.dead", why=found.dead) if found.dead else ""
    return {"id": name, "src": src, "w": picture.width, "h": picture.height, "score": found.score, "began": found.began, "dead": dead}  # fmt: skip


def of_image(site: Site, image: ImageView, slug: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The rows of an image's page, a method each, its tiles by layer; and the methods of which it has no picture, by reason."""
    layers = list(site.report.cam_layers)
    by_method: dict[str, dict[LayerName, Sought | NotApplicable]] = {}
    for (method, layer), found in image.sought.items():
        by_method.setdefault(method, {})[layer] = found
    rows, missing = [], dict[str, list[str]]()
    for method, by_layer in by_method.items():
        if not any(isinstance(one, Sought) for one in by_layer.values()):
            first, *others = dict.fromkeys(reason(one) for one in by_layer.values())
            missing.setdefault(" ".join([first, *map(site.sentence, others)]), []).append(method)
            continue
        tiles = []
        for layer in layers:
            one = by_layer.get(layer, NotApplicable(site.t("image.not_drawn")))
            made = tile(site, one, f"{escape.slug(method)}-{slug}-{escape.slug(str(layer), 24)}")
            made |= {"layer": str(layer), "id": f"{escape.slug(method)}-{escape.slug(str(layer), 24)}"}
            tiles.append(made)
        caption = site.caption(method, image=image.name, layer=site.t("sought.a_layer"))
        rows.append({"name": method, "title": site.method_title(method), "caption": caption, "tiles": tiles})
    reasons = [
        {"why": escape.code_spans(why), "methods": [(m, site.method_title(m)) for m in methods]}
        for why, methods in missing.items()
    ]
    return rows, reasons


def reason(found: Sought | NotApplicable) -> str:
    """Why there is no picture, or ""."""
    return found.reason if isinstance(found, NotApplicable) else ""


def of_classes(site: Site, image: ImageView) -> list[dict[str, Any]]:
    """The pictures of the classes that maps of an image are drawn for, with the class's score on the photograph."""
    found = []
    for index, one in site.report.sought.items():
        said = next(
            (p for p in (*image.targets, *image.predictions) if p.index == index and p.label == one.label), None
        )
        if said is not None:
            found.append({**class_tile(site, index, one), "photograph": said.logit})
    order = {p.index: k for k, p in reversed(list(enumerate((*image.predictions, *image.targets))))}
    return sorted(found, key=lambda made: order.get(made["index"], len(order)))


def class_tile(site: Site, index: int, one: Sought) -> dict[str, Any]:
    """A class's picture."""
    return {**tile(site, one, f"class-{index}"), "index": index, "label": one.label}


def entries(rows: Sequence[Mapping[str, Any]], classes: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """[{key, label parts, src}] for the large view, which lays them over the photograph."""
    found = [{"key": one["id"], "title": escape.clean(one["label"]), "src": one["src"]} for one in classes]
    return found + [
        {"key": one["id"], "title": escape.clean(row["title"]), "layer": escape.clean(one["layer"]), "src": one["src"]}
        for row in rows
        for one in row["tiles"]
        if "src" in one
    ]


def gallery(site: Site, method: MethodView) -> dict[str, Any]:
    """All that a search method made, for its own page; {} where it made nothing, or is of another kind."""
    if method.scope == "class_search":
        tiles = []
        for index, one in site.report.sought.items():
            on = [
                image
                for image in site.report.images
                if any(p.index == index for p in (*image.targets, *image.predictions[:1]))
            ]
            tiles.append({**class_tile(site, index, one), "images": [(i.name, escape.slug(i.slug)) for i in on]})
        return {"classes": tiles} if tiles else {}
    if method.scope != SCOPE:
        return {}
    layers = [
        layer for layer in site.report.cam_layers if any(_drawn(image, method, layer) for image in site.report.images)
    ]
    rows = []
    for image in site.report.images:
        if any(_drawn(image, method, layer) for layer in layers):
            slug = escape.slug(image.slug)
            tiles = [
                tile(
                    site,
                    image.sought.get((method.name, layer), NotApplicable("")),
                    f"{method.name.replace('_', '-')}-{slug}-{escape.slug(str(layer), 24)}",
                )
                for layer in layers
            ]
            rows.append({"image": image, "slug": slug, "photo": site.photo(image), "tiles": tiles})
    if not rows:
        return {}
    heads = [(layer, site.layer_views.get(layer)) for layer in layers]
    return {"layers": heads, "rows": rows[:ROWS], "left": max(0, len(rows) - ROWS)}


def _drawn(image: ImageView, method: MethodView, layer: LayerName) -> bool:
    return isinstance(image.sought.get((method.name, layer)), Sought)
