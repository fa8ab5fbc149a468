"""The same drawing is the same PDF, whatever order the converter writes in, and still a PDF."""

import pypdfium2

from generator.diagrams.export import export
from generator.diagrams.pdf_order import in_one_order
from generator.diagrams.svg import Canvas, Drawing


def drawn() -> Drawing:
    """Two fonts, many opacities, a picture: what svg2pdf shuffles."""
    canvas = Canvas()
    for k in range(12):
        canvas.rect(10 * k, 0, 9, 30, fill="#446688", fill_opacity=(k + 1) / 13)
        canvas.text((10 * k, 50), chr(97 + k), 9, font_weight="bold" if k % 2 else None)
    return canvas.drawing(120, 60, title="shuffled")


def test_twelve_exports_are_one_file_and_it_reads_as_before():
    made = {export(drawn(), "pdf").data for _ in range(12)}
    assert len(made) == 1
    (pdf,) = made
    page = pypdfium2.PdfDocument(pdf)[0]
    assert page.get_textpage().get_text_bounded().split() == list("abcdefghijkl")
    assert in_one_order(pdf) == pdf


BACKWARDS = (
    b"%PDF-1.7\n1 0 obj\n<<\n  /Stands 3 0 R\n>>\nendobj\n\n2 0 obj\n<<\n  /Pages 1 0 R\n>>\nendobj\n\n"
    b"3 0 obj\n<<\n  /Length 5\n>>\nstream\n9 0 R\nendstream\nendobj\n\n"
)


def test_objects_are_numbered_as_they_are_named_and_streams_are_left_alone():
    at = [BACKWARDS.index(b"%d 0 obj" % k) for k in (1, 2, 3)]
    table = b"xref\n0 4\n0000000000 65535 f\r\n" + b"".join(b"%010d 00000 n\r\n" % k for k in at)
    tail = b"trailer\n<<\n  /Size 4\n  /Root 2 0 R\n>>\nstartxref\n%d\n%%%%EOF" % len(BACKWARDS)
    found = in_one_order(BACKWARDS + table + tail)
    assert found.startswith(
        b"%PDF-1.7\n1 0 obj\n<<\n  /Pages 2 0 R\n>>\nendobj\n\n2 0 obj\n<<\n  /Stands 3 0 R\n>>\nendobj\n\n"
        b"3 0 obj\n<<\n  /Length 5\n>>\nstream\n9 0 R\nendstream\nendobj\n\nxref\n0 4\n"
    )
    assert b"/Root 1 0 R" in found
    assert found.index(b"xref") == int(found.split(b"startxref\n")[1].split(b"\n")[0])
