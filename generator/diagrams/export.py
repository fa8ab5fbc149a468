"""A drawing as a file: SVG as it is, PDF with text that can be selected, PNG.

    svg ──▶ families that are there (fonts.py) ──▶ usvg ──▶ svg2pdf ──▶ PDF     one parser behind both,
                                                     └────▶ resvg ────▶ PNG     so that they look alike

Both are pure functions of the drawing and of the fonts of this computer.
"""

from __future__ import annotations

import re
import struct
import zlib
from dataclasses import dataclass

from generator.diagrams.fonts import own_files, settled, without_a_glyph
from generator.diagrams.pdf_order import in_one_order
from generator.diagrams.svg import Drawing, num
from generator.errors import UserError

FORMATS = ("svg", "pdf", "png")
MOST = 250_000_000
"""Pixels of a PNG: a gigabyte while it is drawn."""
PAGE = 14_400
"""Points of the largest page that readers of PDF must show."""
_INCH = 0.0254


@dataclass(frozen=True)
class Exported:
    """The bytes of a file, and what a reader may want to know of its text."""

    data: bytes
    notes: tuple[str, ...] = ()


def export(drawing: Drawing, form: str, scale: float = 2.0) -> Exported:
    """The drawing as ``svg``, ``pdf`` or ``png``; a PNG has `scale` pixels for each of the drawing's, and says so by its dpi.

    Raises:
        UserError: another format, or a PNG of more than 250 million pixels.
    """
    if form == "svg":
        return Exported(drawing.svg.encode())
    if form not in FORMATS:
        raise UserError(f"expected a format of {', '.join(FORMATS)}, received {form!r}")
    svg, families = settled(drawing.svg)
    notes = [f"text is set in {' and '.join(families)}"] if families else []
    if form == "png":
        data = _png(svg, drawing, scale)
    else:
        points = min(0.75, PAGE / max(drawing.width, drawing.height))  # for a pixel of 1/96 inch
        if points < 0.75:
            notes.append(f"a PDF page has at most {PAGE // 72} inches: the drawing is {points / 0.75:.0%} of its size")
        data = _pdf(svg, drawing, points)
    if boxes := without_a_glyph(svg):
        notes.append(f"no font here has {' '.join(boxes)}: they are drawn as boxes")
    return Exported(data, tuple(notes))


def _pdf(svg: str, drawing: Drawing, points: float) -> bytes:
    """A page of the drawing's size, `points` for each pixel; the converter takes pixels for points. It fills lines too, in black:
    nothing in SVG, a hairline in PDF."""
    import svg2pdf_py

    fonts = svg2pdf_py.FontDatabase.system()
    for file in own_files():
        fonts.load_font_file(file)
    size = f'width="{num(drawing.width * points)}" height="{num(drawing.height * points)}"'
    svg = re.sub(r"<line (?![^>]*\bfill=)", '<line fill="none" ', svg)
    return in_one_order(
        bytes(svg2pdf_py.svg_to_pdf(re.sub(r'width="[^"]*" height="[^"]*"', size, svg, count=1), fonts))
    )


def _png(svg: str, drawing: Drawing, scale: float) -> bytes:
    import resvg_py

    if not scale > 0:
        raise UserError(f"expected a scale above 0, received {scale:g}")
    if (pixels := drawing.width * drawing.height * scale**2) > MOST:
        raise UserError(
            f"expected a PNG of at most {MOST // 10**6} million pixels, this one would have {pixels / 1e6:,.0f} million: "
            "give a smaller scale, or make it a PDF"
        )
    data = bytes(resvg_py.svg_to_bytes(svg_string=svg, zoom=scale, background="white", font_files=list(own_files())))
    return _with_dpi(data, 96 * scale)


def _with_dpi(png: bytes, dpi: float) -> bytes:
    """With a pHYs chunk behind its header, by which a document sets it in the drawing's own size."""
    header = 8 + 25  # the signature and IHDR
    per_metre = round(dpi / _INCH)
    body = b"pHYs" + struct.pack(">IIB", per_metre, per_metre, 1)
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    return png[:header] + chunk + png[header:]
