"""Nets in a line or two, read as a file is."""

from __future__ import annotations

from pathlib import Path

from generator.diagrams.architecture import Architecture
from generator.diagrams.prototxt import read

IMAGE = 'name: "net" layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 2 dim: 3 dim: 9 dim: 11 } } }\n'
"""Two images of three channels, 9 high and 11 wide."""


def net(folder: Path, text: str, phase: str = "TEST", **more: object) -> Architecture:
    """The architecture of `text`."""
    path = folder / "net.prototxt"
    path.write_text(text, encoding="utf-8")
    return read(path, phase, **more)  # type: ignore[arg-type]


def layer(type: str, settings: str = "", bottom: str = "data", top: str = "out", name: str = "it") -> str:
    """One layer; bottoms and tops are words with spaces between."""
    ends = " ".join(f'{end}: "{blob}"' for end, blobs in (("bottom", bottom), ("top", top)) for blob in blobs.split())
    return f'layer {{ name: "{name}" type: "{type}" {ends} {settings} }}\n'
