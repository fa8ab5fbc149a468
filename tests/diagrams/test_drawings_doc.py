"""docs/drawings.md says which options each style has."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from generator.diagrams.plain import Option, options
from generator.diagrams.styles import styles

TEXT = (Path(__file__).resolve().parents[2] / "docs/drawings.md").read_text("utf-8")


def shown(one: Option) -> str:
    """A default, as a reader would write it."""
    if one.kind == "names":
        return "[]"
    if one.kind == "number":
        return f"{one.default:g}"
    return str(one.default).lower() if one.kind == "flag" else one.default or "''"


@pytest.mark.parametrize("name", sorted(styles()))
def test_every_option_is_documented_with_its_default(name: str):
    section = re.search(rf"^## `{name}`\n(.*?)(?=^## |\Z)", TEXT, re.M | re.S)
    assert section
    rows = re.findall(r"^\| `(\w+)` \| `(.+?)` \| (.+) \|$", section[1], re.M)
    assert [key for key, _, _ in rows] == [one.name for one in options(styles()[name].cls)]
    for one, (_, default, said) in zip(options(styles()[name].cls), rows, strict=True):
        assert default == shown(one) and said.startswith(one.doc)
        assert all(f"`{choice}`" in said for choice in one.choices)
