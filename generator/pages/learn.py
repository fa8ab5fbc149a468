"""The section "Explained": short articles on what convolutional networks do, each with figures that compute as the reader turns them.

ARTICLES ──▶ learn/index.md, learn/<name>.md (templates/learn/<name>.html), data/learn.js (words of the figures, the model's own numbers)

To add an article, add a line to ARTICLES, its title and its sentence to `learn.articles` of the language file, and
templates/learn/<name>.html; or write the page elsewhere, and say so with `elsewhere`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from generator.learn.own import Own
from generator.names import Kind, LayerName
from generator.pages import escape
from generator.pages.context import Site
from generator.pages.numbers import compact


@dataclass(frozen=True)
class Article:
    """One article of the section."""

    name: str
    figures: tuple[str, ...] = ()
    """The scripts of its figures: templates/assets/js/learn-<figure>.js."""
    kinds: tuple[Kind, ...] = ()
    """Kinds of layers whose pages lead to it."""
    methods: tuple[str, ...] = ()
    """Methods whose pages lead to it, and which it leads to."""
    elsewhere: bool = False
    """Whether another module writes its page: then it is listed here, and no more."""


ARTICLES = (
    Article("convolution", ("window",), ("conv",), ("kernels", "feature_maps")),
)  # fmt: skip
"""In the order in which they are read."""

SCRIPTS = ("core", "core-units", "parts")
"""What the figures of every article need."""


def write(site: Site) -> None:
    """Write the index, the articles and their data."""
    own = site.report.own or Own()
    site.script("data/learn.js", "learn", "all", {"words": site.t.section("learn")["figures"], "own": numbers(own)})
    site.page(
        "learn/index.md",
        "index.html",
        folder="learn",
        title=site.t("learn.title"),
        section="learn",
        description=site.t("learn.description", model=site.report.title),
        articles=ARTICLES,
    )
    for k, article in enumerate(ARTICLES):
        if not article.elsewhere:
            _article(site, k, own)


def _article(site: Site, k: int, own: Own) -> None:
    article = ARTICLES[k]
    title = site.t(f"learn.articles.{article.name}.title")
    site.page(
        f"learn/{article.name}.md",
        "article.html",
        folder="learn",
        title=title,
        section="learn",
        description=site.t(f"learn.articles.{article.name}.says"),
        article=article,
        heading=title,
        own=own,
        link=lambda name: layer_link(site, name),
        scripts=[f"assets/js/learn-{one}.js" for one in (*SCRIPTS, *article.figures)],
        methods=[site.methods[name] for name in article.methods if name in site.methods],
        around={"before": _named(site, k - 1), "after": _named(site, k + 1)},
    )


def _named(site: Site, k: int) -> tuple[str, str] | None:
    """(title, address) of a neighbour."""
    if not 0 <= k < len(ARTICLES):
        return None
    return site.t(f"learn.articles.{ARTICLES[k].name}.title"), f"{ARTICLES[k].name}.html"


def layer_link(site: Site, name: LayerName | None) -> str:
    """The address of a layer's page from the site's root, or "" where it has none."""
    view = site.layer_views.get(name) if name is not None else None
    return f"layers/{escape.slug(view.slug)}.html" if view else ""


def of_kind(kind: str) -> str:
    """The article on what a layer of this kind does, or ""."""
    return next((article.name for article in ARTICLES if kind in article.kinds), "")


def of_method(method: str) -> str:
    """The article that explains a method, or ""."""
    return next((article.name for article in ARTICLES if method in article.methods), "")


def numbers(own: Own) -> Mapping[str, Any]:
    """The model's own numbers as the figures read them."""
    found: dict[str, Any] = {
        "windows": [{**vars(one), "layer": escape.clean(one.layer)} for one in own.windows],
        "activations": [[escape.clean(op), n] for op, n, _ in own.activations],
    }
    if own.kernels is not None:
        found["kernels"] = {"layer": escape.clean(own.kernels.layer), "weight": _plain(own.kernels.weight)}
    if own.norm is not None:
        parts = ("mean", "variance", "gamma", "beta", "bias")
        values = {part: getattr(own.norm, part) for part in parts}
        found["norm"] = {
            "layer": escape.clean(own.norm.layer),
            "convolution": escape.clean(own.norm.convolution or ""),
            "eps": own.norm.eps,
            **{part: None if value is None else _plain(value) for part, value in values.items()},
        }
    return found


def _plain(values: Tensor) -> Any:
    """Nested lists of numbers of five digits."""
    if values.dim() > 1:
        return [_plain(row) for row in values]
    return [compact(float(value)) for value in values]
