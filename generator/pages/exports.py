"""Maps as bytes that a page can draw and a reader can take away.

    pack, chunk   8 or 16 bits a value, deflated, in the text of a data script: what the comparison page draws
    npz           an archive of float32 arrays, one an image: what a reader computes with

A data script and not a picture, because on file:// a picture that was drawn cannot be read back.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from generator.names import Digest
from generator.pages.views import Gray, Heat, Picture

FORM = 3
"""Raised when the same numbers would be written otherwise."""
SMALL = 32 * 32
"""Values up to which a map is kept to 16 bits: it costs nothing."""
LARGE = 128 * 128
"""Values beyond which a map is one on the input, at the usual sizes."""
NOISE = 0.6
"""Bytes a value beyond which deflate has found no order: such a large map is kept to 64 levels, which no eye tells from 256."""
SEVERAL = 48 * 48
"""Values up to which a map is in the archive for every target; larger ones are there for the first."""
LARGE_BITS = 8
"""Significant bits of a large map's floats in the archive: to 0.2 %. All of them would double the size of a site."""

Floats = NDArray[np.float32]


def numbers(heat: Heat) -> Floats:
    """The values (h, w) of a map: exact where the report knows them, else those of its picture."""
    if heat.values is not None:
        return np.nan_to_num(np.asarray(heat.values.read(), np.float32))
    gray = _gray(heat.shown)
    if heat.signed:
        return np.asarray((gray - 128) / 127 * heat.hi, np.float32)
    return np.asarray(heat.lo + gray / 255 * (heat.hi - heat.lo), np.float32)


def _gray(shown: Picture | Gray) -> Floats:
    if isinstance(shown, Gray):
        return np.frombuffer(shown.data, np.uint8).reshape(shown.height, shown.width).astype(np.float32)
    with Image.open(io.BytesIO(shown.read())) as picture:
        return np.asarray(picture.convert("L"), np.float32)


def identity(heat: Heat) -> str:
    """What a map's numbers are known by: equal for equal numbers drawn on equal scales."""
    values = heat.values.digest if heat.values else hashlib.sha256(_gray(heat.shown).tobytes()).hexdigest()
    return f"{values} {heat.signed} {heat.lo} {heat.hi} {heat.raw_hi is not None}"


def key_of(kind: str, maps: Iterable[str]) -> Digest:
    """The key of a file made from maps of these identities."""
    return Digest(hashlib.sha256(json.dumps([FORM, kind, *maps]).encode()).hexdigest())


@dataclass(frozen=True)
class Packed:
    """A map as whole numbers 0 ... `levels`. Unsigned: 0 is `lo` and `levels` is `hi`. Signed: with the zero
    z = (levels + 1) / 2, q stands for (q - z) / (z - 1) * hi."""

    data: bytes
    """Row by row; of 16-bit numbers first all high bytes, then all low ones."""
    levels: int
    lo: float
    hi: float


def pack(heat: Heat) -> Packed:
    """Quantise a map over its scale, as finely as its size allows."""
    values = numbers(heat)
    # A scale that ends at a quantile is kept; else the ends are the map's own.
    hi = float(heat.hi if heat.raw_hi is not None else np.abs(values).max() if heat.signed else values.max())
    lo = -hi if heat.signed else min(0.0, float(values.min()))
    levels = 65535 if values.size <= SMALL else 255
    whole = _levels(values, lo, hi, heat.signed, levels)
    if levels == 65535:
        return Packed(
            (whole >> 8).astype(np.uint8).tobytes() + (whole & 255).astype(np.uint8).tobytes(), levels, lo, hi
        )
    data = whole.astype(np.uint8).tobytes()
    if values.size > LARGE and len(zlib.compress(data, 1)) > NOISE * values.size:
        levels = 63
        data = _levels(values, lo, hi, heat.signed, levels).astype(np.uint8).tobytes()
    return Packed(data, levels, lo, hi)


def _levels(values: Floats, lo: float, hi: float, signed: bool, levels: int) -> NDArray[np.uint16]:
    if signed:
        zero = (levels + 1) // 2
        return (zero + np.rint(np.clip(values / (hi or 1), -1, 1) * (zero - 1))).astype(np.uint16)
    unit = (values.astype(np.float64) - lo) / ((hi - lo) or 1)
    return np.rint(np.clip(unit, 0, 1) * levels).astype(np.uint16)


def chunk(name: str, maps: Sequence[Heat]) -> bytes:
    """A data script with some maps: ``convatlas.put("maps", name, [[[levels, lo, hi, offset], …], text])``.

    The text is the deflated bytes of all, one after the other, seven bits a character: a fifth more, where base64 takes a third.
    """
    packed = [pack(heat) for heat in maps]
    offsets = np.cumsum([0, *(len(one.data) for one in packed)]).tolist()
    heads = [[p.levels, _short(p.lo), _short(p.hi), at] for p, at in zip(packed, offsets, strict=False)]
    text = sevens(deflated(b"".join(one.data for one in packed)))
    head = json.dumps(heads, separators=(",", ":"))
    return f'convatlas.put("maps",{json.dumps(name)},[{head},"{text}"]);\n'.encode("ascii")


def deflated(data: bytes) -> bytes:
    """A zlib stream. Maps are told by small steps: the strategy for those gives fewer bytes at level 6 than the plain one at 9,
    in half the time."""
    made = zlib.compressobj(6, zlib.DEFLATED, zlib.MAX_WBITS, 9, zlib.Z_FILTERED)
    return made.compress(data) + made.flush()


def _short(value: float) -> float:
    """As many digits as a float32 has."""
    return float(f"{value:.8g}")


ESCAPED = {0: "\\x00", 10: "\\n", 13: "\\r", 34: '\\"', 92: "\\\\"}


def sevens(data: bytes) -> str:
    """Bytes as the inside of a JavaScript string in quotes, all ASCII: seven bits a character, the last one filled with zeros."""
    bits = np.unpackbits(np.frombuffer(data, np.uint8))
    rows = np.pad(bits, (0, -len(bits) % 7)).reshape(-1, 7)
    codes = np.packbits(rows, axis=1)[:, 0] >> 1
    return codes.astype(np.uint8).tobytes().decode("ascii").translate(ESCAPED)


@dataclass(frozen=True)
class Member:
    """An array of an archive: whose, where, of which target (from 1), what that is called, and the map."""

    method: str
    layer: str
    target: int
    label: str
    heat: Heat


COLUMNS = ("member", "method", "layer", "target", "label", "signed", "significant bits")


def npz(members: Iterable[Member]) -> bytes:
    """A compressed numpy archive: arrays named ``method/layer/target``, and ``index``, a table (n, 7) of text that says what each
    is. A map that is the same for several targets is kept once. The same members give the same bytes.

    Maps of up to 128 x 128 values are exact, larger ones (maps on the input) to 8 significant bits. Those of more than 48 x 48
    are there for the first target alone.
    """
    table = [COLUMNS]
    kept: dict[str, str] = {}
    used: set[str] = set()
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for one in members:
            large = is_large(one.heat)
            name = kept.get(identity(one.heat), "")
            if not name and one.target > 1 and one.heat.shown.width * one.heat.shown.height > SEVERAL:
                continue
            if not name:
                name = unique(f"{plain(one.method)}/{plain(one.layer)}/{one.target}", used)
                values = numbers(one.heat)
                _write(archive, name, rounded(values, LARGE_BITS) if large else values)
                kept[identity(one.heat)] = name
            bits = str(LARGE_BITS if large else 24)
            table.append((name, one.method, one.layer, str(one.target), one.label, str(one.heat.signed), bits))
        _write(archive, "index", np.array(table))
    return out.getvalue()


def is_large(heat: Heat) -> bool:
    """Whether a map is too large to be kept exactly."""
    return heat.shown.width * heat.shown.height > LARGE


def rounded(values: Floats, bits: int) -> Floats:
    """Floats with so many significant bits, the nearest: the rest are zeros, and compress away."""
    drop = 24 - bits
    raw = np.ascontiguousarray(values, np.float32).view(np.uint32).astype(np.uint64)
    return (((raw + (1 << (drop - 1))) >> drop) << drop).astype(np.uint32).view(np.float32)


def plain(text: str) -> str:
    """A name as one step of a path in an archive, on any system."""
    return re.sub(r"[^A-Za-z0-9._@-]", "_", text).lstrip(".") or "_"


def unique(name: str, used: set[str]) -> str:
    """`name`, or with a number behind it where it is taken already."""
    found, n = name, 2
    while found in used:
        found, n = f"{name}-{n}", n + 1
    used.add(found)
    return found


def _write(archive: zipfile.ZipFile, name: str, values: NDArray[np.generic]) -> None:
    array = io.BytesIO()
    np.save(array, np.ascontiguousarray(values), allow_pickle=False)
    entry = zipfile.ZipInfo(f"{name}.npy")  # its date is 1980: an archive does not change because a day went by
    entry.external_attr = 0o644 << 16
    archive.writestr(entry, array.getvalue(), zipfile.ZIP_DEFLATED, 6)
