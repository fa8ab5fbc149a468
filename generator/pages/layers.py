"""The table of all layers, sortable and filterable, each row with a glimpse of its maps; and their names for the search box."""

from __future__ import annotations

from generator.pages import escape, numbers
from generator.pages.context import Site, sides


def write(site: Site) -> None:
    """Write layers/index.md and data/names.js."""
    report = site.report
    image = report.images[0] if report.images else None
    rows = []
    for layer in report.all_layers:
        view = site.layer_views.get(layer.name)
        facts = dict(layer.attributes)
        field = layer.receptive_field
        rows.append(
            {
                "layer": layer, "view": view, "kernel": sides(facts.get("kernel", "")), "stride": facts.get("stride", ""), "op": site.op_line(layer, sizes=False),
                "field": site.t("layer.whole") if field is None else f"{field[0]:,}" if field[0] == field[1] else numbers.times(*field),
                "field_sort": 10**9 if field is None else field[0] * field[1],
                "mini": site.mini(view, image, 4) if view else None,
                "size": layer.shape[1] * layer.shape[2],
            }
        )  # fmt: skip
    names = [[escape.clean(v.layer.name), f"layers/{escape.slug(v.slug)}.html"] for v in report.layers]
    site.script("data/names.js", "names", "layers", names)
    kinds = [
        k
        for k in ("conv", "norm", "act", "pool", "block", "merge", "attention", "linear", "other")
        if any(r.kind == k for r in report.all_layers)
    ]
    most_parameters = max((r.parameters for r in report.all_layers), default=0)
    most_macs = max((r.macs for r in report.all_layers), default=0)
    site.page(
        "layers/index.md", "layers.html", searched=False, title=site.t("layers.title"), section="layers", description=site.t("layers.description", model=report.title),
        rows=rows, kinds=kinds, most_parameters=most_parameters, most_macs=most_macs, image=image,
    )  # fmt: skip
