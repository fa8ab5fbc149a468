"""Picture files for tests of reading: one in a folder, its pixels, why another was skipped, and a PNG by hand."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from generator.images import ImageRecord, load, scan

CORNERS = np.array(
    [[[250, 10, 20], [10, 240, 30], [20, 30, 230]], [[0, 0, 0], [128, 128, 128], [255, 255, 255]]], dtype=np.uint8
)
"""Two rows of three pixels, all different: what is turned or swapped is seen."""


def one(folder: Path) -> ImageRecord:
    """The only picture of a folder, with nothing skipped."""
    found = scan(folder)
    assert found.skipped == ()
    (record,) = found.images
    return record


def pixels(record: ImageRecord, channels: int = 3) -> np.ndarray:
    """Decoded, as an array."""
    return np.asarray(load(record, channels))


def reason(folder: Path, name: str) -> str:
    """Why `name` was skipped in a folder that holds a good picture beside it."""
    Image.fromarray(CORNERS).save(folder / "good.png")
    found = scan(folder)
    assert [record.name for record in found.images] == ["good"]
    (skipped,) = found.skipped
    assert skipped.path == name
    assert "\n" not in skipped.reason
    assert skipped.reason.endswith(".")
    return skipped.reason


def png(width: int, height: int, depth: int, colour: int, rows: bytes) -> bytes:
    """A PNG by hand: `rows` are the unfiltered scan lines, each behind its filter byte 0."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
