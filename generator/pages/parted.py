"""Blocks of a page that stand side by side in its text, with a space where they meet.

A reader sees cells and lines apart; what reads the text alone (the site's search, a copy to the clipboard) sees
`<td>conv</td><td>3 × 3</td>` as conv3 × 3. Between blocks a space is not drawn.
"""

from __future__ import annotations

import re

_BLOCK = "(?:td|th|tr|dt|dd|dl|div|table|thead|tbody|section|details|summary|figure|figcaption|title|h[1-6])"
_ENDS = re.compile(rf"(</{_BLOCK}>(?:</\w[\w-]*>)*)(?=<\w|[^\s<])")
_BEGINS = re.compile(rf"(</\w[\w-]*>|[^\s>])(?=<{_BLOCK}[\s>])")


def parted(line: str) -> str:
    """A page's body with a space behind each block, and before one that text or another element stands in front of."""
    return _BEGINS.sub(r"\1 ", _ENDS.sub(r"\1 ", line))
