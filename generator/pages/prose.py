r"""A method's docstring as HTML: Markdown whose $…$ and $$…$$ become MathML, so that no script and no host is needed.

The formulas are taken out before Markdown sees them and put back after, since `_` and `\` mean other things there.
"""

from __future__ import annotations

import re

import markdown
from latex2mathml.converter import convert
from markupsafe import Markup, escape

_MATH = re.compile(r"\$\$(?P<block>.+?)\$\$|(?<![\\$\w])\$(?P<inline>[^$\n]+?)\$(?!\w)", re.S)
_SLOT = "convatlasformula{}slot"
_WORD = re.compile(r'<mrow>((?:<mi mathvariant="normal">[A-Za-z]</mi>){2,})</mrow>')


def mathml(latex: str, *, block: bool = False) -> Markup:
    """One formula; its LaTeX stays with it as the annotation that copying and screen readers use."""
    made = convert(" ".join(latex.split()), display="block" if block else "inline")
    # \mathrm{ReLU} comes as four letters: one word is read and spaced as one.
    made = _WORD.sub(lambda m: f"<mi>{''.join(re.findall('>([A-Za-z])<', m[1]))}</mi>", made)
    inner = made[made.index(">") + 1 : made.rindex("</math>")]
    source = escape(" ".join(latex.split()))
    head = made[: made.index(">") + 1]
    return Markup(
        f'{head}<semantics><mrow>{inner}</mrow><annotation encoding="application/x-tex">{source}</annotation></semantics></math>'
    )


def to_html(text: str) -> Markup:
    """Our own Markdown as one line of HTML. Trusted: it is not escaped."""
    formulas: list[str] = []

    def take(match: re.Match[str]) -> str:
        block = match["block"] is not None
        formulas.append(mathml(match["block"] if block else match["inline"], block=block))
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
