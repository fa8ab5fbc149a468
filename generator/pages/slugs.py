"""Names into file names: [a-z0-9-], unique, the same in every build."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Sequence


def slug(name: str) -> str:
    """``layer4.2.conv3`` -> ``layer4-2-conv3``; what has no letter or digit -> ``x``."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:80] or "x"


def slugs(names: Sequence[str]) -> list[str]:
    """A slug a name; those that would meet get a short hash of their name."""
    plain = [slug(name) for name in names]
    met = Counter(plain)
    found = []
    for name, one in zip(names, plain, strict=True):
        short = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:6]
        found.append(one if met[one] == 1 and one != "index" else f"{one}-{short}")
    return found
