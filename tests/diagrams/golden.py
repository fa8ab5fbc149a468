"""Drawings kept under tests/diagrams/golden/, to be compared with. CONVATLAS_GOLDEN=write writes them anew: look at them then."""

from __future__ import annotations

import os
from pathlib import Path

FOLDER = Path(__file__).parent / "golden"
MOST = 100_000
"""Bytes of a file."""


def check(name: str, svg: str) -> None:
    """The drawing is what it was when somebody looked at it."""
    file = FOLDER / f"{name}.svg"
    text = svg.replace("><", ">\n<") + "\n"  # a shape a line, so that a change is seen in a diff
    if os.environ.get("CONVATLAS_GOLDEN") == "write":
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, "utf-8")
    assert len(text.encode()) <= MOST
    assert text == file.read_text("utf-8")
