"""The first page: which model, what it says of the images, and a way through its layers that asks to be clicked."""

from __future__ import annotations

from generator.pages import data, escape, findings, home_units, trust
from generator.pages.context import Site
from generator.pages.image import BEST
from generator.pages.views import Atlas, Heat, ImageView, Prediction


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
        cards.append((each, site.photo(each), heat, *_named(each, drawn=heat is not None)))
    chosen = [site.layer_views[n] for n in report.cam_layers if n in site.layer_views]
    if len(chosen) < 3:
        spatial = [v for v in report.layers if any(isinstance(a, Atlas) for a in v.maps.values())]
        step = max(1, len(spatial) // 5)
        chosen = spatial[::step][:5]
    chosen = [chosen[round(k * (len(chosen) - 1) / 3)] for k in range(4)] if len(chosen) > 4 else chosen
    stem = report.layers[0] if report.layers else None
    way = [v for v in ((stem, *chosen) if stem and stem not in chosen else chosen) if v]
    walk = [(v, mini, site.op_line(v.layer)) for v in way if (mini := site.mini(v, image, 16))]
    kinds = {bool(mini["signed"]) for _, mini, _ in walk}
    scale = "way_scale_both" if len(kinds) > 1 else "way_scale_signed" if True in kinds else "way_scale"
    site.page(
        "index.md", "home.html", searched=False, title=report.title, section="home", description=site.t("home.description", model=report.title),
        cards=cards, units=home_units.shown(site), lead=_lead(site, list(by), others=any(ranked for *_, ranked in cards)), way=walk, methods=[m for m in report.methods if m.asked], way_scale=site.t(f"home.{scale}"), numbers=_numbers(site, image), image=image, photo=site.photo(image) if image else "", verdict=trust.first_sentence(site), examined=findings.verdict(site), notes=[escape.code_spans(note) for note in report.notes if _matters(note)],
    )  # fmt: skip


def _numbers(site: Site, image: ImageView | None) -> str:
    """The image that the tour is to begin with: this one, where its steps have their numbers, else the first that has them."""
    found = site.report.explained
    if image is None or found is None or not found.images or image.slug in found.images:
        return "" if image is None else image.slug
    return found.images[0]


def _matters(note: str) -> bool:
    """Whether a note belongs on the first page: where weights came from does only where they are nobody's."""
    return not note.startswith("weights: ") or "untrained" in note


def _named(image: ImageView, *, drawn: bool) -> tuple[Prediction | None, Prediction | None]:
    """What a card names: the target that its map is drawn for, without a map the class that the model ranks first; and
    that class, where the target is another."""
    first = image.predictions[0] if image.predictions else None
    if not drawn or not image.targets:
        return first, None
    target = image.targets[0]
    return target, None if first is None or (first.index, first.label) == (target.index, target.label) else first


def _lead(site: Site, methods: list[str], *, others: bool) -> str:
    """What the images' cards show, and which methods drew them; `others`: a map is of a class that is not ranked first."""
    titles = [site.method_title(m) for m in methods]
    lead = "home.images_of" if others else "home.images_lead"
    return site.t(lead, method=" or ".join(titles)) if titles else site.t("home.images_alone")
