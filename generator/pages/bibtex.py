"""A paper as BibTeX, as a line of references, and short."""

from __future__ import annotations

import re

from generator.names import Paper

_SPECIAL = str.maketrans(
    {c: f"\\{c}" for c in "&%$#_{}"}
    | {"~": "\\textasciitilde{}", "^": "\\textasciicircum{}", "\\": "\\textbackslash{}"}
)


def authors(paper: Paper) -> tuple[str, ...]:
    """The names one by one, whether the paper lists them as "Ada Lu, Bo Ng and Cy Li" or as "Lu, A. and Ng, B."."""
    parts = re.split(r",?\s+and\s+", paper.authors.strip())
    if all(len(name.split()) > 1 for part in parts for name in part.split(",")):
        parts = [name for part in parts for name in part.split(",")]
    return tuple(part.strip() for part in parts)


def surname(name: str) -> str:
    """Of "Ada B. Lu" or of "Lu, A."."""
    return name.partition(",")[0] if "," in name else name.split()[-1]


def short(paper: Paper) -> str:
    """Lu 2017, Lu and Ng 2017, Lu et al. 2017"""
    names = [surname(n) for n in authors(paper)]
    who = f"{names[0]} et al." if len(names) > 2 else " and ".join(names)
    return f"{who} {paper.year}"


def entry(paper: Paper) -> str:
    """One @inproceedings, @article or, for what stands on arXiv alone, @misc."""
    journal = re.search(r"journal|transactions|distill|plos|report|review", paper.venue, re.I)
    kind = "misc" if not paper.venue else "article" if journal else "inproceedings"
    rows = {"author": " and ".join(authors(paper)), "title": paper.title}
    rows = {key: value.translate(_SPECIAL) for key, value in rows.items()}
    rows["title"] = "{" + rows["title"] + "}"
    rows["year"] = str(paper.year)
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
