"""Which font a PDF or PNG is set in: converters drop text whose font is not there, and say nothing.

A drawing names families, most wanted first: ``Helvetica, Arial, Liberation Sans, sans-serif``. The first that this computer has
is taken, else DejaVu Sans, which comes with matplotlib and so is always there. A font is there if it leaves ink.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from functools import cache
from html import unescape
from importlib.util import find_spec
from pathlib import Path

GENERIC = {"serif": "DejaVu Serif", "monospace": "DejaVu Sans Mono"}
"""What stands in for a generic family; DejaVu Sans for every other."""
_PLAIN = 0x250
"""Below this, every font has the characters."""
_NOWHERE = "\U0010fffd"
"""A character of no font."""


def own_files() -> tuple[str, ...]:
    """The DejaVu fonts that come with matplotlib, which need not be imported for them."""
    spec = find_spec("matplotlib")
    if spec is None or spec.origin is None:
        return ()
    folder = Path(spec.origin).parent / "mpl-data/fonts/ttf"
    return tuple(str(path) for path in sorted(folder.glob("DejaVu*.ttf")))


def settled(svg: str) -> tuple[str, tuple[str, ...]]:
    """The same drawing with one family for each text, which is there; and the families taken."""
    taken: dict[str, None] = {}

    def one(found: re.Match[str]) -> str:
        family = _first(unescape(found[1]))
        taken[family] = None
        return f'font-family="{family}"'

    return re.sub(r'font-family="([^"]*)"', one, svg), tuple(taken)


def without_a_glyph(svg: str) -> str:
    """The characters of a drawing whose fonts are settled that no font here has: they come out as empty boxes."""
    words = {unescape(text) for text in re.findall(r"<text[^>]*>([^<]*)</text>", svg)}
    unusual = sorted(c for c in set("".join(words)) if ord(c) >= _PLAIN)
    if not unusual:
        return ""
    box, *found = _rows((c, "DejaVu Sans") for c in (_NOWHERE, *unusual))
    return "".join(c for c, drawn in zip(unusual, found, strict=True) if drawn == box)


@cache
def _first(families: str) -> str:
    names = [name.strip().strip("'\"") for name in families.split(",")]
    named = [name for name in names if name and name.lower() not in (*GENERIC, "sans-serif")]
    blank, *found = _rows([(" ", "DejaVu Sans"), *(("x", name) for name in named)])
    generic = next((name.lower() for name in names if name.lower() in GENERIC), "")
    there = (name for name, drawn in zip(named, found, strict=True) if drawn != blank)
    return next(there, GENERIC.get(generic, "DejaVu Sans"))


def _rows(lines: Iterable[tuple[str, str]]) -> list[bytes]:
    """The pixels of each (text, family), all in one picture: the computer's fonts are read once."""
    import resvg_py
    from markupsafe import escape
    from PIL import Image

    texts = [
        f'<text x="2" y="{20 * k + 15}" font-size="12" font-family="{escape(family)}">{escape(text)}</text>'
        for k, (text, family) in enumerate(lines)
    ]
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" width="20" height="{20 * len(texts)}">{"".join(texts)}</svg>'
    # without a serif family, which would stand in for every family that is not there
    png = bytes(resvg_py.svg_to_bytes(svg_string=svg, serif_family="-", font_files=list(own_files())))
    picture = Image.open(io.BytesIO(png))
    return [picture.crop((0, 20 * k, 20, 20 * k + 20)).tobytes() for k in range(len(texts))]
