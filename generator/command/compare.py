"""`convatlas compare`: two models or prototxt files side by side, as a table, as CSV or as a drawing."""

from __future__ import annotations

from pathlib import Path

from generator.diagrams.architecture import Architecture
from generator.diagrams.compare import compare
from generator.diagrams.compare_drawing import ComparisonDrawing
from generator.diagrams.compare_table import csv_text, text
from generator.diagrams.source import read, shape_of
from generator.errors import UserError

ENDINGS = (".svg", ".csv", ".txt")


def compared(
    a: str, b: str, out: Path | None, *, depth: int | None = None, size: str | None = None, phase: str | None = None
) -> tuple[str, tuple[str, ...]]:
    """The text that belongs into `out` (a table where it is None), and what a reader must know, as sentences.

    Raises UserError where a source cannot be read, or `out` has another ending than svg, csv or txt.
    """
    ending = ".txt" if out is None else out.suffix.lower()
    if ending not in ENDINGS:
        raise UserError(f"--out: expected a name that ends in {', '.join(ENDINGS)}, received {out}")
    if phase is not None and not any(map(_is_prototxt, (a, b))):
        raise UserError(f"--phase: expected a .prototxt file, received {a} and {b}, which have no phases: leave it out")
    if size is not None and shape_of(size) is None and not all(map(_is_prototxt, (a, b))):
        sizes = [None if _is_prototxt(one) else size for one in (a, b)]  # said of the model: a file is never run
    else:
        sizes = [size, size]
    it = compare(architecture(a, sizes[0], phase), architecture(b, sizes[1], phase), depth)
    notes = tuple(f"{side.title}: {note}" for side in (it.a, it.b) for note in side.notes)
    if ending == ".svg":
        return ComparisonDrawing().draw(it).svg, notes
    return (csv_text(it) if ending == ".csv" else text(it) + "\n"), notes


def architecture(source: str, size: str | None = None, phase: str | None = None) -> Architecture:
    """The architecture of a prototxt file or of a model's source; shapes and costs need no trained weights."""
    return read(source, size, phase if _is_prototxt(source) else None)


def _is_prototxt(source: str) -> bool:
    return source.lower().endswith(".prototxt")
