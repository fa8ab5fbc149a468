"""`convatlas compare`: two models or prototxt files side by side, as a table, as CSV or as a drawing."""

from __future__ import annotations

from pathlib import Path

from generator.command.draw import read
from generator.diagrams.architecture import Architecture
from generator.diagrams.compare import compare
from generator.diagrams.compare_drawing import ComparisonDrawing
from generator.diagrams.compare_table import csv_text, text
from generator.errors import UserError

ENDINGS = (".svg", ".csv", ".txt")


def compared(
    a: str, b: str, out: Path | None, *, depth: int | None = None, phase: str = "TEST"
) -> tuple[str, tuple[str, ...]]:
    """The text that belongs into `out` (a table where it is None), and what a reader must know, as sentences.

    Raises UserError where a source cannot be read, or `out` has another ending than svg, csv or txt.
    """
    ending = ".txt" if out is None else out.suffix.lower()
    if ending not in ENDINGS:
        raise UserError(f"--out: expected a name that ends in {', '.join(ENDINGS)}, received {out}")
    it = compare(architecture(a, phase.upper()), architecture(b, phase.upper()), depth)
    notes = tuple(f"{side.title}: {note}" for side in (it.a, it.b) for note in side.notes)
    if ending == ".svg":
        return ComparisonDrawing().draw(it).svg, notes
    return (csv_text(it) if ending == ".csv" else text(it) + "\n"), notes


def architecture(source: str, phase: str = "TEST") -> Architecture:
    """The architecture of a prototxt file or of a model's source; shapes and costs need no trained weights."""
    return read(source, None, phase if source.lower().endswith(".prototxt") else None)
