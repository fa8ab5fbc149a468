"""How the model learned, checkpoint by checkpoint: learned.html, where the report has checkpoints.

Training ──▶ data/learned.js (what all images share), data/learned-<n>.js (maps of one image) ──▶ a slider over all of it
"""

from __future__ import annotations

from generator.artifacts import NotApplicable
from generator.pages import data, escape
from generator.pages.context import Site
from generator.pages.learning_views import Training
from generator.pages.numbers import compact
from generator.pages.views import Atlas, ImageView

MOST = 20
"""Tiles of kernels that the page begins with."""


def write(site: Site) -> None:
    """Write learned.md and its data, where there are checkpoints."""
    found = site.report.training
    if found is None:
        return
    images = [site.report.images[n] for n in found.images]
    site.script("data/learned.js", "learned", "all", shared(site, found, images))
    for n in found.images:
        site.script(f"data/learned-{n}.js", "learned", str(n), of_image(site, found, n))
    kernels = found.kernels
    site.page(
        "learned.md",
        "learned.html",
        title=site.t("learned.title"),
        section="learn",
        description=site.t("learned.description", model=site.report.title),
        found=found,
        first=found.moments[0].label,
        last=found.moments[-1].label,
        images=images,
        photos=[site.photo(image) for image in images],
        why=kernels.reason if isinstance(kernels, NotApplicable) else "",
        landscape=site.report.landscape is not None,
    )


def shared(site: Site, found: Training, images: list[ImageView]) -> dict[str, object]:
    """What is said of every image at once."""
    kernels = found.kernels
    return {
        "moments": [
            {"label": escape.clean(one.label), "loss": _known(one.loss), "right": _known(one.right)}
            for one in found.moments
        ],
        "measured": found.measured,
        "kernels": data.atlas(site.tree, kernels, "learned-kernels"),
        "filters": found.filters,
        "channels": found.channels,
        "kernelLayer": escape.clean(found.kernel_layer),
        "layers": [
            {"name": escape.clean(name), "page": page_of(site, name), "units": list(units)}
            for name, units in zip(found.layers, found.units, strict=True)
        ],
        "camLayer": escape.clean(found.cam_layer or ""),
        "images": [
            {
                "n": n,
                "name": escape.clean(image.name),
                "slug": escape.slug(image.slug),
                "photo": site.photo(image),
                "target": escape.clean(found.targets[k].label),
                "says": [
                    {"label": escape.clean(moment.says[k].label), "p": _known(moment.says[k].probability)}
                    for moment in found.moments
                ],
            }
            for k, (n, image) in enumerate(zip(found.images, images, strict=True))
        ],
    }


def of_image(site: Site, found: Training, n: int) -> dict[str, object]:
    """The maps of one image."""
    sheets: list[Atlas] = [found.maps[k, n] for k in range(len(found.layers))]
    return {
        "maps": [data.atlas(site.tree, one, f"learned-{n}-{k}") for k, one in enumerate(sheets)],
        "cams": [data.heat(site.tree, one, f"learned-cam-{n}-{k}") for k, one in enumerate(found.cams[n])],
    }


def page_of(site: Site, name: str) -> str:
    """The address of a layer's page, or "" where it has none."""
    view = next((one for layer, one in site.layer_views.items() if layer == name), None)
    return "" if view is None else f"layers/{escape.slug(view.slug)}.html"


def _known(value: float | None) -> float | None:
    return None if value is None else compact(value)
