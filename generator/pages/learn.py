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
from generator.learn.papers import PAPERS
from generator.names import Kind, Layer, LayerName
from generator.pages import bibtex, escape
from generator.pages.context import Site, sides
from generator.pages.numbers import compact, times


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
    papers: tuple[str, ...] = ()
    """What it cites: keys of `PAPERS`."""
    elsewhere: bool = False
    """Whether another module writes its page: then it is listed here, and no more."""


ARTICLES = (
    Article("convolution", ("product", "window"), ("conv",), ("kernels", "feature_maps"), ("lecun1998", "dumoulin2016", "howard2017")),
    Article("receptive_field", ("field",), (), ("dataset_examples",), ("araujo2019", "luo2016", "yu2016")),
    Article("pooling", ("pool",), ("pool",), ("deconvnet",), ("zeiler2013", "lin2013", "zhang2019")),
    Article("batch_norm", ("norm",), ("norm",), (), ("ioffe2015", "santurkar2018")),
    Article("activation", ("curves",), ("act",), (), ("sandler2018", "hendrycks2016", "elfwing2017", "lu2019")),
    Article("backprop_rules", ("rules",), (), ("saliency", "guided_backprop", "deconvnet_backward", "guided_grad_cam"), ("simonyan2013", "zeiler2013", "springenberg2014", "nie2018", "adebayo2018")),
    Article("cam", ("cam",), (), ("cam", "grad_cam", "grad_cam_pp", "counterfactual_grad_cam"), ("zhou2015", "selvaraju2016", "chattopadhyay2017")),
)  # fmt: skip
"""In the order in which they are read."""

SCRIPTS = ("core", "core-units", "parts")
"""What the figures of every article need."""
ROWS = 12
"""Rows of the table of receptive fields."""
GROWING = 80
"""Layers whose receptive fields are followed."""


def write(site: Site) -> None:
    """Write the index, the articles and their data."""
    own = site.report.own or Own()
    site.script(
        "data/learn.js", "learn", "all", {"words": site.t.section("learn")["figures"], "own": numbers(site, own)}
    )
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
        articles=ARTICLES,
        heading=title,
        own=own,
        link=lambda name: layer_link(site, name),
        scripts=[f"assets/js/learn-{one}.js" for one in (*SCRIPTS, *article.figures)],
        methods=[site.methods[name] for name in article.methods if name in site.methods],
        papers={
            key: (PAPERS[key], bibtex.short(PAPERS[key]), bibtex.authors(PAPERS[key]), bibtex.address(PAPERS[key]))
            for key in article.papers
        },
        layers={layer.name: layer for layer in site.report.all_layers},
        growing=growing(site),
        rows=field_rows(site),
        image=site.report.images[0] if site.report.images else None,
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


def growing(site: Site) -> list[Layer]:
    """The layers that see more than any before them, at most `GROWING`, as far as fields are known."""
    found: list[Layer] = []
    for layer in site.report.all_layers:
        field = layer.receptive_field
        if field is not None and (not found or field > (found[-1].receptive_field or field)):
            found.append(layer)
    return found[:GROWING]


def field_rows(site: Site) -> list[dict[str, Any] | int]:
    """The rows of the table of receptive fields; of a deep model the middle is left out, and its number of layers stands there."""
    rows: list[dict[str, Any] | int] = []
    for layer in growing(site):
        facts, field = dict(layer.attributes), layer.receptive_field or (0, 0)
        rows.append(
            {
                "layer": layer,
                "kernel": sides(facts.get("kernel", "")),
                "stride": facts.get("stride", ""),
                "field": str(field[0]) if field[0] == field[1] else times(*field),
            }
        )
    left = len(rows) - ROWS
    return rows if left <= 1 else [*rows[: ROWS // 2], left, *rows[len(rows) - ROWS // 2 :]]


def numbers(site: Site, own: Own) -> Mapping[str, Any]:
    """The model's own numbers as the figures read them."""
    fields = [
        (escape.clean(one.name), *(one.receptive_field or ()), layer_link(site, one.name)) for one in growing(site)
    ]
    found: dict[str, Any] = {
        "input": list(site.report.input_shape[1:]),
        "fields": fields,
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
