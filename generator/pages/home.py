"""The first page: which model, what it says of the images, and a way through its layers that asks to be clicked."""

from __future__ import annotations

from generator.pages import data, escape, findings, trust
from generator.pages.context import Site
from generator.pages.image import BEST
from generator.pages.views import Atlas, Heat


def write(site: Site) -> None:
    """Write index.md."""
    report = site.report
    image = max(
        report.images, key=lambda i: (i.predictions[0].probability or 0.0) if i.predictions else 0.0, default=None
    )
    cards = []
    by: dict[str, None] = {}
    for each in report.images:
        at = report.default_layer
        drawn = {m: item for m in BEST if at and isinstance(item := each.cams.get((m, at, 0)), Heat)}
        method, found = next(iter(drawn.items()), ("", None))
        by |= dict.fromkeys([method] if method else [])
        heat = None if found is None else data.heat(site.tree, found, f"{escape.slug(each.slug)}-home")
        cards.append((each, site.photo(each), heat))
    chosen = [site.layer_views[n] for n in report.cam_layers if n in site.layer_views]
    if len(chosen) < 3:
        spatial = [v for v in report.layers if any(isinstance(a, Atlas) for a in v.maps.values())]
        step = max(1, len(spatial) // 5)
        chosen = spatial[::step][:5]
    chosen = [chosen[round(k * (len(chosen) - 1) / 3)] for k in range(4)] if len(chosen) > 4 else chosen
    stem = report.layers[0] if report.layers else None
    way = [v for v in ((stem, *chosen) if stem and stem not in chosen else chosen) if v]
    minis = [site.mini(v, image, 16) for v in way]
    kinds = {bool(mini["signed"]) for mini in minis if mini}
    scale = "way_scale_both" if len(kinds) > 1 else "way_scale_signed" if True in kinds else "way_scale"
    site.page(
        "index.md", "home.html", searched=False, title=report.title, section="home", description=site.t("home.description", model=report.title),
        cards=cards, lead=_lead(site, list(by)), way=[(v, mini, site.op_line(v.layer)) for v, mini in zip(way, minis, strict=True)], way_scale=site.t(f"home.{scale}"), image=image, photo=site.photo(image) if image else "", verdict=trust.first_sentence(site), examined=findings.verdict(site), notes=[escape.code_spans(note) for note in report.notes if _matters(note)],
    )  # fmt: skip


def _matters(note: str) -> bool:
    """Whether a note belongs on the first page: where weights came from does only where they are nobody's."""
    return not note.startswith("weights: ") or "untrained" in note


def _lead(site: Site, methods: list[str]) -> str:
    """What the images' cards show, and which methods drew them."""
    titles = [site.method_title(m) for m in methods]
    return site.t("home.images_lead", method=" or ".join(titles)) if titles else site.t("home.images_alone")
