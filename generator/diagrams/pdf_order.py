"""A PDF in one order, so that the same drawing is the same bytes: svg2pdf writes fonts, and the names of resources, in any.

    trailer ─▶ root ─▶ pages ─▶ page ─▶ ...      objects are numbered and written as they are first named on this way

It reads what svg2pdf writes and nothing else: a table of offsets, objects of generation 0, no object streams.
"""

from __future__ import annotations

import re

_ENTRIES = re.compile(rb"(?:^ */[A-Za-z]+\d+ \d+ 0 R\n){2,}", re.MULTILINE)
"""Entries of a page's resources, a line each: ``      /gs6 14 0 R``."""
_REFERENCE = re.compile(rb"(?<![\w.])(\d+) 0 R\b")
_ROW = re.compile(rb"(\d{10}) \d{5} ([nf])")


def in_one_order(pdf: bytes) -> bytes:
    """The same pages with the same objects, numbered and written in the order in which they are named."""
    objects, head, trailer = _read(pdf)
    numbers: dict[int, int] = {}
    waiting = _named(trailer)
    while waiting:
        old = waiting.pop(0)
        if old in numbers or old not in objects:
            continue
        numbers[old] = len(numbers) + 1
        waiting[:0] = _named(objects[old][0])
    out = bytearray(head)
    offsets = []
    for old, new in numbers.items():
        words, stream = objects[old]
        offsets.append(len(out))
        out += b"%d 0 obj" % new + _renumbered(words, numbers) + stream
    table = b"".join(b"%010d 00000 n\r\n" % offset for offset in offsets)
    start = len(out)
    size = len(numbers) + 1
    out += b"xref\n0 %d\n0000000000 65535 f\r\n" % size + table
    out += re.sub(rb"/Size \d+", b"/Size %d" % size, _renumbered(trailer, numbers))
    return bytes(out) + b"startxref\n%d\n%%%%EOF" % start


def _read(pdf: bytes) -> tuple[dict[int, tuple[bytes, bytes]], bytes, bytes]:
    """Objects by number, each as (what may name others, its stream and end); what stands before them; the trailer."""
    found = re.search(rb"startxref\s+(\d+)\s+%%EOF\s*\Z", pdf)
    assert found is not None
    start = int(found[1])
    table, _, rest = pdf[start:].partition(b"trailer")
    rows = [(int(offset), number) for number, (offset, kind) in enumerate(_ROW.findall(table)) if kind == b"n"]
    rows.sort()
    objects = {}
    for (begin, number), end in zip(rows, [*(offset for offset, _ in rows[1:]), start], strict=True):
        whole = pdf[begin:end].partition(b" 0 obj")[2]
        words, stream, data = whole.partition(b"\nstream\n")
        words = _ENTRIES.sub(lambda run: b"".join(sorted(run[0].splitlines(keepends=True))), words)
        objects[number] = words, stream + data
    return objects, pdf[: rows[0][0]], b"trailer" + rest.partition(b"startxref")[0]


def _named(words: bytes) -> list[int]:
    return [int(number) for number in _REFERENCE.findall(words)]


def _renumbered(words: bytes, numbers: dict[int, int]) -> bytes:
    return _REFERENCE.sub(lambda ref: b"%d 0 R" % numbers.get(int(ref[1]), 0), words)
