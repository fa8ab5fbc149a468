"""A page a layer: the wall of its units, and a data script for each image, loaded when it is picked."""

from __future__ import annotations

from typing import Any

from generator.pages import architecture, data, escape, explain, learn, named, numbers, threads, units, wires
from generator.pages.context import Site, asked
from generator.pages.courses import courses
from generator.pages.views import Atlas, LayerView

CONV = "conv"
"""The kind of layers of which it is told why they have no kernels, or were not searched; others have no such view."""


def write(site: Site, k: int) -> None:
    """Write the page of the k-th layer and its data."""
    report = site.report
    view = report.layers[k]
    layer, slug = view.layer, escape.slug(view.slug)
    images = []
    for image in report.images:
        item = view.maps.get(image.slug)
        entry: dict[str, Any] = {
            "slug": image.slug,
            "name": escape.clean(image.name),
            "photo": site.photo(image),
            "classes": [p.index for p in image.predictions],
            "target": next((escape.clean(p.label) for p in (*image.targets, *image.predictions)), ""),
        }
        if isinstance(item, Atlas):
            address = f"data/maps/{slug}/{escape.slug(image.slug)}.js"
            site.atlas(address, "maps", f"{view.slug}/{image.slug}", item, f"{slug}-{escape.slug(image.slug)}")
            entry["maps"] = address
        else:
            entry["na"] = escape.clean(item.reason) if item else site.t("layer.no_maps")
        images.append(entry)
    value = {
        "name": escape.clean(layer.name),
        "units": layer.units,
        "height": layer.shape[1],
        "width": layer.shape[2],
        "images": images,
        "kernels": data.atlas(site.tree, view.kernels, f"{slug}-kernels"),
        "kernelNote": sentence(escape.clean(view.kernel_note)),
        "kernelInputs": {
            str(c): data.atlas(site.tree, a, f"{slug}-kernels-{c}") for c, a in view.kernel_inputs.items()
        },
        "pictures": data.atlas(site.tree, view.pictures, f"{slug}-pictures"),
        "behind": [
            {
                "name": escape.clean(one.layer),
                "page": f"layers/{escape.slug(one.slug)}.html",
                "own": list(one.own),
                "pictures": data.atlas(site.tree, one.pictures, f"{escape.slug(one.slug)}-pictures"),
            }
            for one in site.behind.get(layer.name, ())
        ],
        "cams": cams(site, view, slug),
        "searched": courses(site, view, slug),
        "findings": named.data(site.named.get(layer.name, ())),
        "answers": units.write(site, view, slug),
        "wires": wires.write(site, view, slug),
        "explain": explain.page(site, view),
        "threads": threads.address(site),
        "threaded": report.threaded,
        "opens": opens(site, view),
        "captions": {
            "pictures": site.caption("activation_maximization", layer=layer.name),
            **{m: site.caption(m, layer=layer.name) for m in sorted({m for m, _ in view.cams})},
        },
    }
    site.script(f"data/layers/{slug}.js", "layer", view.slug, value)
    around = {
        "before": report.layers[k - 1] if k else None,
        "after": report.layers[k + 1] if k + 1 < len(report.layers) else None,
    }
    first = next((view.maps[i.slug] for i in report.images if isinstance(view.maps.get(i.slug), Atlas)), None)
    site.page(
        f"layers/{slug}.md",
        "layer.html",
        title=str(layer.name),
        section="layers",
        description=site.t("layer.description", name=layer.name, model=report.title, shape=numbers.times(*layer.shape)),
        view=view,
        layer=layer,
        around=around,
        explained=report.explained is not None,
        op=site.op_line(layer),
        fallback=site.tree.picture(first.picture, f"{slug}-map") if isinstance(first, Atlas) else "",
        script=f"data/layers/{slug}.js",
        images=images,
        filtered=isinstance(view.kernels, Atlas) or layer.kind == CONV,
        pictured=isinstance(view.pictures, Atlas)
        or (asked(view.pictures) and (layer.kind == CONV or bool(site.behind.get(layer.name)))),
        paired=paired(view),
        opens=opens(site, view),
        answered=view.answers is not None,
        selective=view.answers is not None and bool((view.answers.chosen >= 0).any()),
        coloured=view.colour is not None,
        measured=isinstance(view.kernels, Atlas) and bool(view.kernels.norms),
        marked=units.marked(site, view),
        network=architecture.places(site, layer.name),
        article=learn.of_kind(layer.kind),
        inputs=[(name, site.layer_views.get(name)) for name in layer.inputs],  # type: ignore[call-overload]
    )


def paired(view: LayerView) -> bool:
    """Whether units' pictures can stand beside the photographs that raise them."""
    return isinstance(view.pictures, Atlas) and view.answers is not None


def opens(site: Site, view: LayerView) -> str:
    """The view that a layer opens with: where its units see half of the picture or more, their pictures beside photographs say more
    than maps of a few places; and where no maps were asked for, pictures are what there is."""
    if isinstance(view.pictures, Atlas) and not any(asked(item) for item in view.maps.values()):
        return "units" if paired(view) else "pictures"
    field, (_, height, width) = view.layer.receptive_field, site.report.input_shape
    deep = field is None or (2 * field[0] >= height and 2 * field[1] >= width)
    return "units" if paired(view) and deep else "maps"


def sentence(note: str) -> str:
    """With one full stop at its end, whether it had one or not."""
    return f"{note.rstrip('. ')}." if note.strip() else ""


def cams(site: Site, view: LayerView, slug: str) -> list[dict[str, Any]]:
    """[{method, title, maps: {image slug: heat}}] in the methods' own order."""
    found: dict[str, dict[str, Any]] = {}
    for (method, image), item in view.cams.items():
        found.setdefault(method, {})[image] = data.heat(
            site.tree, item, f"{slug}-{escape.slug(image)}-{escape.slug(method)}"
        )
    return [{"method": m, "title": site.method_title(m), "maps": maps} for m, maps in found.items()]
