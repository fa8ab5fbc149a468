"""The section "Explained": short articles on what convolutional networks do, each with figures that compute as the reader turns them.

ARTICLES ──▶ learn/index.md, learn/<name>.md (templates/learn/<name>.html), data/learn.js (words of the figures, the model's own numbers)

To add an article, add a line to ARTICLES, its title and its sentence to `learn.articles` of the language file, and
templates/learn/<name>.html; or write the page elsewhere, and say so with `elsewhere`.
"""

from __future__ import annotations

from dataclasses import dataclass

from generator.learn.effective import Effective
from generator.learn.own import Own
from generator.learn.papers import PAPERS
from generator.names import Kind
from generator.pages import bibtex
from generator.pages.context import Site
from generator.pages.learn_numbers import field_rows, growing, layer_link, numbers


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
    Article("receptive_field", ("field", "measured"), (), ("dataset_examples",), ("araujo2019", "luo2016", "yu2016")),
    Article("pooling", ("pool",), ("pool",), ("deconvnet",), ("zeiler2013", "lin2013", "zhang2019")),
    Article("batch_norm", ("norm",), ("norm",), (), ("ioffe2015", "santurkar2018")),
    Article("activation", ("curves",), ("act",), (), ("sandler2018", "hendrycks2016", "elfwing2017", "lu2019")),
    Article("backprop_rules", ("rules",), (), ("saliency", "guided_backprop", "deconvnet_backward", "guided_grad_cam"), ("simonyan2013", "zeiler2013", "springenberg2014", "nie2018", "adebayo2018")),
    Article("cam", ("cam",), (), ("cam", "grad_cam", "grad_cam_pp", "counterfactual_grad_cam"), ("zhou2015", "selvaraju2016", "chattopadhyay2017")),
    Article("descent", elsewhere=True),
)  # fmt: skip
"""In the order in which they are read."""

SCRIPTS = ("core", "core-units", "formula", "parts")
"""What the figures of every article need."""


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
        effective=_measured(site),
        image=site.report.images[0] if site.report.images else None,
        around={"before": _named(site, k - 1), "after": _named(site, k + 1)},
    )


def _measured(site: Site) -> tuple[Effective | None, str]:
    """(what was measured, else why nothing was)"""
    found = site.report.effective
    if isinstance(found, Effective):
        return found, ""
    return None, "" if found is None else site.sentence(found.reason)


def _named(site: Site, k: int) -> tuple[str, str] | None:
    """(title, address) of a neighbour."""
    if not 0 <= k < len(ARTICLES):
        return None
    return site.t(f"learn.articles.{ARTICLES[k].name}.title"), f"{ARTICLES[k].name}.html"


def of_kind(kind: str) -> str:
    """The article on what a layer of this kind does, or ""."""
    return next((article.name for article in ARTICLES if kind in article.kinds), "")


def of_method(method: str) -> str:
    """The article that explains a method, or ""."""
    return next((article.name for article in ARTICLES if method in article.methods), "")
