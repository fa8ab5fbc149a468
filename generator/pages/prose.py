r"""A method's docstring as HTML: Markdown whose $…$ and $$…$$ become MathML, so that no script and no host is needed.

The formulas are taken out before Markdown sees them and put back after, since `_` and `\` mean other things there.
"""

from __future__ import annotations

import re
from html import unescape

import markdown
from latex2mathml.converter import convert
from markupsafe import Markup, escape

_MATH = re.compile(r"\$\$(?P<block>.+?)\$\$|(?<![\\$\w])\$(?P<inline>[^$\n]+?)\$(?!\w)", re.S)
_ARG = re.compile(r"\\arg\s*\\(max|min)_(?:\{)?([^{}\s]+)(?:\})?")
LONG = 110
"""Characters of LaTeX from which on a displayed formula is set on several lines."""
_SLOT = "convatlasformula{}slot"
_WORD = re.compile(r'<mrow>((?:<mi mathvariant="normal">[A-Za-z]</mi>){2,})</mrow>')


def mathml(latex: str, *, block: bool = False) -> Markup:
    """One formula; its LaTeX stays with it as the annotation that copying and screen readers use.

    Raises ValueError for a command that the converter does not know, rather than print it as it is.
    """
    source = " ".join(latex.split())
    made = convert(
        _ARG.sub(r"\\underset{\2}{\\mathrm{arg}\\,\\mathrm{\1}}", source), display="block" if block else "inline"
    )
    # \mathrm{ReLU} comes as four letters: one word is read and spaced as one.
    made = _WORD.sub(lambda m: f"<mi>{''.join(re.findall('>([A-Za-z])<', m[1]))}</mi>", made)
    unknown = re.search(r">(\\[A-Za-z]+)", made)
    if unknown:
        raise ValueError(f"expected LaTeX that becomes MathML, received the unknown command {unknown[1]} in ${source}$")
    head, inner = made[: made.index(">") + 1], made[made.index(">") + 1 : made.rindex("</math>")]
    annotation = f'<annotation encoding="application/x-tex">{escape(source)}</annotation>'
    return Markup(f"{head}<semantics><mrow>{inner}</mrow>{annotation}</semantics></math>")


def lines(latex: str) -> list[str]:
    """A long formula as the lines it is written on: split where a \\quad stands outside all braces and fences."""
    if len(latex) <= LONG:
        return [latex]
    parts, depth, start = [], 0, 0
    for found in re.finditer(r"\\(left|right|quad)(?![A-Za-z])|(?<!\\)[{}]", latex):
        step = {"left": 1, "right": -1, "quad": 0}.get(found[1] or "", 1 if found[0] == "{" else -1)
        depth += step
        if found[1] == "quad" and depth == 0:
            parts.append(latex[start : found.start()])
            start = found.end()
    return [p.strip().removeprefix("\\quad").strip() for p in (*parts, latex[start:]) if p.strip()]


def terms(latex: str) -> list[str]:
    """A sum as its terms, each with its sign, so that a line may break between them: split outside all brackets."""
    parts, depth, start = [], 0, 0
    for k, sign in enumerate(latex):
        depth += (sign in "({") - (sign in ")}")
        if depth == 0 and latex[k : k + 3] in (" + ", " - "):
            parts.append(latex[start:k])
            start = k
    found = [*parts, latex[start:]]
    # the sign is between two terms, though it is written first
    return [found[0], *(f"{{}} {part.strip()}" for part in found[1:])]


def in_line(text: str) -> Markup:
    """A sentence of our own Markdown, without a paragraph around it."""
    return Markup(to_html(text).removeprefix("<p>").removesuffix("</p>"))


def formulas(html: str) -> Markup:
    """HTML of our own whose $…$ and $$…$$ become MathML. Trusted: a name from outside in it has no $, see `escape.md`."""

    def made(match: re.Match[str]) -> str:
        if match["block"] is None:
            return mathml(unescape(match["inline"]))
        latex = " ".join(unescape(match["block"]).split())
        inner = "".join(mathml(line, block=True) for line in lines(latex))
        return f'<div class="formula" tabindex="0" role="group" aria-label="Formula">{inner}</div>'

    return Markup(_MATH.sub(made, str(html)))


def to_html(text: str) -> Markup:
    """Our own Markdown as one line of HTML. Trusted: it is not escaped."""
    formulas: list[str] = []

    def take(match: re.Match[str]) -> str:
        block = match["block"] is not None
        found = lines(" ".join(match["block"].split())) if block else [match["inline"]]
        formulas.append("".join(mathml(line, block=block) for line in found))
        slot = _SLOT.format(len(formulas) - 1)
        return f"\n\n{slot}\n\n" if block else slot

    done = markdown.markdown(_MATH.sub(take, text), extensions=["tables", "sane_lists"], output_format="html")
    for k in reversed(range(len(formulas))):
        slot, formula = _SLOT.format(k), formulas[k]
        block = f'<div class="formula" tabindex="0" role="group" aria-label="Formula">{formula}</div>'
        done = done.replace(f"<p>{slot}</p>", block).replace(slot, formula)
    # A <pre> keeps its line breaks as references: the page around it is one line.
    parts = re.split(r"(<pre>.*?</pre>)", done, flags=re.S)
    return Markup("".join(p.replace("\n", "&#10;") if p.startswith("<pre>") else p.replace("\n", " ") for p in parts))
