"""What is written, character by character."""

import xml.etree.ElementTree as ET

from generator.diagrams.svg import Canvas, num, text_width


def test_numbers_are_short_and_round_as_in_a_browser():
    given = (12, 0.5, -3.25, 1.005, 2.675, -0.004, -0.125, 1e6, 0.125)
    assert [num(value) for value in given] == ["12", "0.5", "-3.25", "1", "2.68", "0", "-0.12", "1000000", "0.13"]


def test_a_drawing_by_hand():
    canvas = Canvas()
    with canvas.group(title="a conv", href="layers/conv.html", class_="ca-op", data_id="conv"):
        canvas.rect(1, 2, 3.5, 4, fill="#fff", rx=None)
    canvas.text((1, 2), "64 × 56", 11, text_anchor="middle")
    assert canvas.drawing(10, 20, title="net").svg == (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="10" height="20" '
        'viewBox="0 0 10 20" role="img" aria-label="net"><a xlink:href="layers/conv.html"><g class="ca-op" data-id="conv">'
        '<title>a conv</title><rect x="1" y="2" width="3.5" height="4" fill="#fff"/></g></a><text x="1" y="2" '
        'font-family="Helvetica, Arial, Liberation Sans, sans-serif" font-size="11" text-anchor="middle">64 × 56</text></svg>'
    )


def test_hostile_strings_stay_text():
    canvas = Canvas()
    canvas.text((0, 0), '</text><script>alert(1)</script>\u202e"\x00', 10)
    with canvas.group(title="<img onerror=x>", data_id='" onclick="x'):
        canvas.circle((0, 0), 1)
    found = ET.fromstring(canvas.drawing(1, 1, title='"><script>').svg)
    assert not [element for element in found.iter() if "script" in element.tag or "onclick" in element.attrib]
    assert found[0].text == '</text><script>alert(1)</script>" '


def test_arrowheads_point_where_they_should():
    canvas = Canvas()
    canvas.arrowhead((10, 0), 0, 5)
    assert canvas.parts == ['<polygon points="10,0 5.43,2.04 5.43,-2.04"/>']


def test_text_takes_room():
    assert text_width("iii", 10) < text_width("mmm", 10) < text_width("mmm", 10, bold=True)
    assert text_width("0123456789", 10) > 10 * 5.56
