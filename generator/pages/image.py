"""A page an image: the photograph beside its best map, then every map drawn on it, method by method."""

from __future__ import annotations

from typing import Any

from generator.artifacts import NotApplicable
from generator.dataset.likeness import vague
from generator.names import LayerName
from generator.pages import data, escape, sought, trust
from generator.pages import targets as named
from generator.pages.context import Site, asked
from generator.pages.views import Heat, ImageView

BEST = ("grad_cam", "layer_cam", "grad_cam_pp", "cam")
"""Which method the large map beside the photograph is drawn by: the first of these that has one."""


def write(site: Site, k: int) -> None:
    """Write the page of the k-th image and its data."""
    report = site.report
    image, slug = report.images[k], escape.slug(report.images[k].slug)
    methods = _rows(site, image)
    layers = list(report.cam_layers) or list(dict.fromkeys(layer for _, layer, _ in image.cams))
    targets = range(max(1, len(image.targets)))
    grid: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for method in methods:
        rows: dict[str, list[dict[str, Any]]] = {}
        for n, layer in enumerate(layers):
            name = f"{slug}-{escape.slug(method)}-{escape.slug(str(layer), 24)}"
            rows[str(n)] = [
                data.heat(site.tree, _cam(image, method, layer, t, site), f"{name}-{t + 1}") for t in targets
            ]
        grid[method] = rows
    gradients = {}
    for method in dict.fromkeys(m for m, _ in image.gradients):
        gradients[method] = [_gradient(site, image, method, t, slug) for t in targets]
    pairs: list[dict[str, Any]] = []
    for m, maps in gradients.items():
        title, caption, note = site.method_title(m), site.caption(m, image=image.name), trust.mark(site, m)
        twin = next((pair for pair in pairs if pair["maps"] == maps and not any("na" in one for one in maps)), None)
        if twin is None:
            pairs.append(
                {"name": m, "title": title, "caption": caption, "note": note, "vague": _vague(site, m), "maps": maps}
            )
        else:
            twin["title"] = site.t("image.same", one=twin["title"], other=title)
    response = {
        str(n): data.heat(
            site.tree,
            image.response.get(layer, NotApplicable(site.t("image.not_drawn"))),
            f"{slug}-response-{escape.slug(str(layer), 24)}",
        )
        for n, layer in enumerate(layers)
        if layer in image.response and any(asked(item) for item in image.response.values())
    }
    best = next(
        (m for m in BEST if any("na" not in h for row in grid.get(m, {}).values() for h in row)),
        methods[0] if methods else "",
    )
    default = layers.index(report.default_layer) if report.default_layer in layers else len(layers) - 1
    value = {
        "name": escape.clean(image.name),
        "photo": site.photo(image),
        "width": image.photo.width,
        "height": image.photo.height,
        "targets": [
            {"index": p.index, "label": escape.clean(p.label), "probability": p.probability} for p in image.targets
        ],
        "methods": [
            {
                "name": m,
                "title": site.method_title(m),
                "caption": site.caption(m, image=image.name),
                "note": trust.mark(site, m),
            }
            for m in methods
        ],
        "layers": [_column(site, layer) for layer in layers],
        "cams": grid,
        "best": {"method": best, "layer": default},
        "gradients": pairs,
        "response": {
            "title": site.method_title("input_response"),
            "caption": site.caption("input_response", image=image.name),
            "maps": response,
        },
    }
    sought_rows, sought_missing = sought.of_image(site, image, slug)
    looked = sought.of_classes(site, image)
    value["sought"] = sought.entries(sought_rows, looked)
    site.script(f"data/images/{slug}.js", "image", image.slug, value)
    around = {
        "before": report.images[k - 1] if k else None,
        "after": report.images[k + 1] if k + 1 < len(report.images) else None,
    }
    first = grid.get(best, {}).get(str(default), [{}])[0]
    site.page(
        f"images/{slug}.md", "image.html", title=image.name, section="images",
        description=site.t("image.description", name=image.name, model=report.title, label=image.predictions[0].label if image.predictions else ""),
        image=image, around=around, photo=site.photo(image), original=site.original(image), script=f"data/images/{slug}.js",
        methods=[(m, site.method_title(m), site.methods.get(m)) for m in methods], layers=[(n, site.layer_views.get(n)) for n in layers],
        best=best, best_title=site.method_title(best), best_layer=layers[default] if layers else "", first=first, gradients=value["gradients"], response=value["response"],
        sought=sought_rows, sought_missing=sought_missing, looked=looked, columns=value["layers"],
        targets=named.of_image(site, image), judged=trust.image_part(site, image.slug),
    )  # fmt: skip


def _rows(site: Site, image: ImageView) -> list[str]:
    """The methods that draw on layers of an image, those with the most maps first, otherwise in their own order."""
    drawn: dict[str, int] = {}
    for (method, _, _), item in image.cams.items():
        drawn[method] = drawn.get(method, 0) + isinstance(item, Heat)
    kept = [m for m in drawn if m not in site.methods or site.methods[m].scope == "layer"]
    return sorted(kept, key=lambda m: -drawn[m])


def _cam(image: ImageView, method: str, layer: LayerName, target: int, site: Site) -> Heat | NotApplicable:
    """The map of one target; a NotApplicable at target 0 speaks for all of them."""
    found = image.cams.get((method, layer, target))
    if found is None:
        first = image.cams.get((method, layer, 0))
        found = first if isinstance(first, NotApplicable) else NotApplicable(site.t("image.not_drawn"))
    return found


def _gradient(site: Site, image: ImageView, method: str, target: int, slug: str) -> dict[str, Any]:
    """{heat…, rgb} or {na}."""
    found = image.gradients.get((method, target))
    if found is None:
        first = image.gradients.get((method, 0))
        found = first if isinstance(first, NotApplicable) else NotApplicable(site.t("image.not_drawn"))
    if isinstance(found, NotApplicable):
        return {"na": escape.clean(found.reason)}
    name = f"{slug}-{escape.slug(method)}-{target + 1}"
    made = data.heat(site.tree, found[0], name)
    if found[1] is not None:
        made["rgb"] = site.tree.picture(found[1], f"{name}-rgb")
    if doubts := trust.doubtful(found[0], trust.limits(site, method)):
        made["doubts"] = doubts
    return made if found[0].reach is None else {**made, "reach": found[0].reach}


def _vague(site: Site, method: str) -> str:
    """That a deconvnet makes nearly the same of every image, where it does."""
    found = site.report.alike.get(method)
    if found is None or not vague(found.own, found.guided):
        return ""
    why = site.t("image.vague", own=f"{found.own:.2f}", guided=f"{found.guided:.2f}")
    return why if found.switches else f"{why} {site.t('layer.no_switches')}"


def _column(site: Site, layer: LayerName) -> dict[str, Any]:
    """A layer of the comparison: its name, size and page."""
    view = site.layer_views.get(layer)
    facts = next((x for x in site.report.all_layers if x.name == layer), None)
    return {
        "name": escape.clean(layer),
        "size": f"{facts.shape[1]} × {facts.shape[2]}" if facts else "",
        "page": f"layers/{escape.slug(view.slug)}.html" if view else "",
    }
