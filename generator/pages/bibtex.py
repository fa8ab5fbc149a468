"""A paper as BibTeX and as a line of references."""

from __future__ import annotations

import re

from generator.names import Paper

_SPECIAL = str.maketrans(
    {c: f"\\{c}" for c in "&%$#_{}"}
    | {"~": "\\textasciitilde{}", "^": "\\textasciicircum{}", "\\": "\\textbackslash{}"}
)


def entry(paper: Paper) -> str:
    """One @inproceedings or @article."""
    kind = (
        "article"
        if re.search(r"journal|transactions|distill|arxiv|plos|report", paper.venue, re.I) or not paper.venue
        else "inproceedings"
    )
    rows = {
        "author": paper.authors.translate(_SPECIAL),
        "title": "{" + paper.title.translate(_SPECIAL) + "}",
        "year": str(paper.year),
    }
    if paper.venue:
        rows["journal" if kind == "article" else "booktitle"] = paper.venue.translate(_SPECIAL)
    if paper.arxiv:
        rows |= {"eprint": paper.arxiv, "archiveprefix": "arXiv"}
    if paper.doi:
        rows["doi"] = paper.doi
    if paper.url:
        rows["url"] = paper.url
    body = ",\n".join(f"  {k:<13} = {{{v}}}" for k, v in rows.items())
    return f"@{kind}{{{paper.key},\n{body}\n}}"


def address(paper: Paper) -> str:
    """Where it stands on the web, or "" where that is not known or is no http address."""
    if paper.arxiv:
        return f"https://arxiv.org/abs/{paper.arxiv}"
    if paper.doi:
        return f"https://doi.org/{paper.doi}"
    return paper.url if paper.url.startswith(("https://", "http://")) else ""
