"""The index of images: every photograph with what the model says of it."""

from __future__ import annotations

from generator.pages.context import Site


def write(site: Site) -> None:
    """Write images/index.md."""
    cards = [(image, site.photo(image)) for image in site.report.images]
    site.page(
        "images/index.md", "images.html", searched=False, title=site.t("images.title"), section="images",
        description=site.t("images.description", model=site.report.title), cards=cards,
    )  # fmt: skip
