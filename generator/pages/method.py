"""A page a method, from its docstring: equation, how to read it, limits, options, references."""

from __future__ import annotations

from generator.pages import bibtex, data, escape, prose
from generator.pages.context import Site
from generator.pages.views import Atlas, Heat, MethodView, Picture


def write(site: Site, method: MethodView) -> None:
    """Write methods/<name>.md."""
    example: dict[str, object] = {}
    name = escape.slug(method.name)
    if isinstance(method.example, Heat):
        example = {"kind": "heat", **data.heat(site.tree, method.example, f"{name}-example")}
    elif isinstance(method.example, Atlas):
        tiles = method.example
        example = {
            "kind": "atlas", "src": site.tree.picture(tiles.picture, f"{name}-example"), "w": tiles.tile_w, "h": tiles.tile_h, "signed": tiles.signed, "rgb": tiles.rgb,
            "aw": tiles.picture.width, "ah": tiles.picture.height,
            "tiles": [(k % tiles.columns * (tiles.tile_w + 1), k // tiles.columns * (tiles.tile_h + 1)) for k in range(min(24, len(tiles.units)))],
        }  # fmt: skip
    elif isinstance(method.example, Picture):
        example = {
            "kind": "picture",
            "src": site.tree.picture(method.example, f"{name}-example"),
            "w": method.example.width,
            "h": method.example.height,
        }
    order = list(site.methods)
    at = order.index(method.name)
    site.page(
        f"methods/{method.name}.md", "method.html", title=method.title, section="methods", description=site.sentence(method.summary),
        method=method, body=prose.to_html(method.body), summary=prose.to_html(site.sentence(method.summary)), example=example,
        references=[(paper, bibtex.address(paper), bibtex.entry(paper)) for paper in method.papers],
        missing=[(layer, why) for m, layer, why in site.report.not_applicable if m == method.name],
        around={"before": site.methods[order[at - 1]] if at else None, "after": site.methods[order[at + 1]] if at + 1 < len(order) else None},
    )  # fmt: skip
