"""docs/drawings.md says which options the styles of tensors and units have."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from generator.diagrams.plain import options
from generator.diagrams.styles import styles

TEXT = (Path(__file__).resolve().parents[2] / "docs/drawings.md").read_text("utf-8")


@pytest.mark.parametrize("name", ["alexnet", "fcnn", "lenet"])
def test_every_option_is_documented_with_its_default(name: str):
    section = re.search(rf"^## `{name}`\n(.*?)(?=^## |\Z)", TEXT, re.M | re.S)
    assert section
    rows = re.findall(r"^\| `(\w+)` \| `(.+?)` \| (.+) \|$", section[1], re.M)
    assert [key for key, _, _ in rows] == [one.name for one in options(styles()[name].cls)]
    for one, (_, default, said) in zip(options(styles()[name].cls), rows, strict=True):
        shown = (
            str(one.default).lower()
            if one.kind == "flag"
            else f"{one.default:g}"
            if one.kind == "number"
            else one.default
        )
        assert default == shown and said.startswith(one.doc)
        assert all(f"`{choice}`" in said for choice in one.choices)
