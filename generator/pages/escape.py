"""Strings that come from outside, made safe for each place they may stand in.

    md     into Markdown: every ASCII character that is not alphanumeric becomes &#N;, so no syntax survives
    html   into HTML text or a quoted attribute
    json   into a <script>: valid JSON that can neither close the element nor break a line
    url    into one path segment or query value

A page's body is one line of HTML inside a Markdown file, so its default is `md`.
"""

from __future__ import annotations

import json as _json
import re
import unicodedata
from urllib.parse import quote

from markupsafe import Markup, escape

BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Controls that reorder what a reader sees; they are dropped."""

_PLAIN = re.compile(r"[A-Za-z0-9 ,./:_-]*\Z")


def clean(text: str) -> str:
    """Control characters and line separators become spaces, bidi controls and lone surrogates go."""
    kept = (c for c in text if c not in BIDI and unicodedata.category(c) != "Cs")
    return "".join(" " if unicodedata.category(c) in ("Cc", "Zl", "Zp") else c for c in kept)


def md(text: object) -> Markup:
    """For Markdown (and the HTML inside it): no character of `text` is syntax."""
    return Markup("".join(c if ord(c) > 127 or c.isalnum() or c == " " else f"&#{ord(c)};" for c in clean(str(text))))


def html(text: object) -> Markup:
    """For HTML text and quoted attributes in files that are not Markdown."""
    return escape(clean(str(text)))


def json(value: object) -> Markup:
    """For a <script>: compact JSON with `<`, U+2028 and U+2029 as escapes."""
    text = _json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return Markup(text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029"))


def url(text: object) -> str:
    """For one path segment or query value: percent-encoded, `/` too."""
    return quote(str(text).encode("utf-8", "replace"), safe="")


def block(text: object) -> Markup:
    """For <pre>: as `md`, with the line breaks and tabs kept as character references."""
    return Markup("&#10;").join(
        Markup("&#9;").join(md(part) for part in line.split("\t")) for line in str(text).splitlines()
    )


def breaks(text: object) -> Markup:
    """A dotted name as `md`, with places where a line may break: after dots and slashes, and after an underscore that no word begins
    with."""
    return Markup("<wbr>").join(md(part) for part in re.split(r"(?<=[./])(?=[^./])|(?<=[^._/]_)(?=[^._/])", str(text)))


def default(value: object) -> object:
    """What a template's {{ }} passes through: plain names and addresses as they are, all else as `md`."""
    if value is None:
        return ""
    if hasattr(value, "__html__") or not isinstance(value, str):
        return value
    return Markup(value) if _PLAIN.match(value) and "--" not in value else md(value)


def slug(text: str, most: int = 48) -> str:
    """[a-z0-9-], at most `most` long; "x" where nothing is left. Not unique by itself."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:most].strip("-") or "x"


def code_spans(text: str) -> list[str]:
    """Text and `code` by turns, text first; a backtick without a second one stays as it is."""
    return re.split(r"`([^`\n]+)`", text)
