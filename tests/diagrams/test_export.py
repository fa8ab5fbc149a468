"""Drawings as files: that text is there and can be selected, that both converters see the same picture, at its size."""

from __future__ import annotations

import io
import re

import numpy as np
import pypdfium2
import pytest
from PIL import Image

from generator.diagrams import fonts
from generator.diagrams.export import export
from generator.diagrams.svg import FONT, Canvas, Drawing
from generator.errors import UserError

ABSENT = "No Such Family At All"


def drawing(families: str = FONT, words: str = "64 × 56 × 56") -> Drawing:
    canvas = Canvas()
    canvas.rect(10, 5, 40, 20, fill="#c00000")
    canvas.text((60, 20), words, 14, font_family=families)
    canvas.arrowhead((150, 40), 0, 12, fill="#0000c0")
    return canvas.drawing(200, 50, title="a drawing")


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"), dtype=int)


def page(pdf: bytes, scale: float) -> np.ndarray:
    return np.asarray(pypdfium2.PdfDocument(pdf)[0].render(scale=scale).to_pil().convert("RGB"), dtype=int)


def test_svg_is_the_drawing_itself():
    assert export(drawing(), "svg").data.decode() == drawing().svg


@pytest.mark.parametrize("scale", [1.0, 2.0, 3.5])
def test_a_png_by_its_pixels(scale: float):
    data = export(drawing(), "png", scale).data
    seen = pixels(data)
    assert seen.shape == (50 * scale, 200 * scale, 3)
    at = lambda x, y: tuple(seen[int(y * scale), int(x * scale)])  # noqa: E731
    assert at(30, 15) == (192, 0, 0)
    assert at(145, 40) == (0, 0, 192)
    assert at(5, 40) == at(52, 15) == (255, 255, 255)
    assert Image.open(io.BytesIO(data)).info["dpi"] == pytest.approx((96 * scale, 96 * scale), rel=1e-3)


def test_a_faint_line_is_faint_in_a_pdf_too():
    canvas = Canvas()
    canvas.line((10, 5), (190, 45), stroke="#c00000", stroke_width=0.4, stroke_opacity=0.1)
    canvas.line((10, 25), (190, 5), stroke="#0000c0", stroke_width=0.1, fill="none", stroke_opacity=0.06)
    made = canvas.drawing(200, 50, title="two lines")
    for seen in (page(export(made, "pdf").data, 4), pixels(export(made, "png", 3).data)):
        assert 150 < seen.min() < 255  # PDF has a hairline, and a black one, for what fills no room


@pytest.mark.parametrize(
    "families", [FONT, ABSENT, f"{ABSENT}, serif", "monospace", "sans-serif", "'DejaVu Sans', serif"]
)
@pytest.mark.parametrize("form", ["png", "pdf"])
def test_text_leaves_ink_whatever_fonts_there_are(families: str, form: str):
    made = export(drawing(families), form, 2)
    seen = pixels(made.data) if form == "png" else page(made.data, 2 / 0.75)
    words = seen[2 * 8 : 2 * 24, 2 * 58 : 2 * 145]
    assert (words.max(axis=2) < 100).mean() > 0.05
    assert made.notes[0].startswith("text is set in ")


def test_the_first_family_that_is_there_is_taken():
    svg, taken = fonts.settled(drawing(f"{ABSENT}, DejaVu Sans Mono, serif").svg)
    assert taken == ("DejaVu Sans Mono",)
    assert 'font-family="DejaVu Sans Mono"' in svg
    assert fonts.settled(drawing(f"{ABSENT}, serif").svg)[1] == ("DejaVu Serif",)
    assert fonts.settled(drawing(ABSENT).svg)[1] == ("DejaVu Sans",)


def test_text_of_a_pdf_can_be_selected_and_its_page_has_the_drawing_s_size():
    (first,) = pypdfium2.PdfDocument(export(drawing(), "pdf").data)
    assert first.get_size() == (150, 37.5)  # 200 x 50 pixels of 1/96 inch, in points of 1/72
    assert first.get_textpage().get_text_range() == "64 × 56 × 56"


def test_a_drawing_larger_than_a_page_may_be_is_made_smaller():
    canvas = Canvas()
    canvas.rect(0, 0, 38_400, 100)
    made = export(canvas.drawing(38_400, 100, title="long"), "pdf")
    assert pypdfium2.PdfDocument(made.data)[0].get_size() == (14_400, 37.5)
    assert made.notes == ("a PDF page has at most 200 inches: the drawing is 50% of its size",)


def test_pdf_and_png_are_the_same_picture():
    one, other = pixels(export(drawing(), "png", 4).data), page(export(drawing(), "pdf").data, 4 / 0.75)
    assert one.shape == other.shape
    assert np.abs(one - other).mean() < 3  # of 255: they smooth edges each in its own way
    assert np.abs(one - 255).mean() > 20


@pytest.mark.parametrize("form", ["png", "pdf"])
def test_the_same_drawing_is_the_same_bytes(form: str):
    assert export(drawing(), form).data == export(drawing(), form).data


def test_characters_of_no_font_are_told():
    notes = export(drawing(words="conv \U0010fff0 é × →"), "png").notes
    assert [note for note in notes if "boxes" in note] == ["no font here has \U0010fff0: they are drawn as boxes"]
    assert not any("boxes" in note for note in export(drawing(), "pdf").notes)


@pytest.mark.parametrize(
    ("form", "scale", "said"),
    [
        ("gif", 1, "expected a format of svg, pdf, png, received 'gif'"),
        ("png", 0, "a scale above 0"),
        ("png", 1e4, "smaller scale"),
    ],
)
def test_what_cannot_be_exported_is_one_sentence(form: str, scale: float, said: str):
    with pytest.raises(UserError, match=re.escape(said)):
        export(drawing(), form, scale)


def test_hostile_names_reach_neither_markup_nor_fonts():
    words = '</text><script>alert(1)</script>" font-family="x'
    made = export(drawing(words=words), "pdf")
    assert pypdfium2.PdfDocument(made.data)[0].get_textpage().get_text_range().startswith("</text><script>")
    assert export(drawing(words=words), "png").notes == made.notes
