"""What the comparison page saves, opened: CSV, arrays, PNG, SVG and PDF, by http and by double-click."""

from __future__ import annotations

import csv
import io
import re
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import numpy as np
from PIL import Image

from tests.pages.conftest import Built
from tests.pages.fixture_compare import content, ramp, ready, saved
from tests.pages.opened import opened

if TYPE_CHECKING:
    from playwright.sync_api import Browser

SVG = "{http://www.w3.org/2000/svg}"
LINK = "{http://www.w3.org/1999/xlink}href"


def test_the_numbers_of_the_view_are_a_table_and_a_csv(browser: Browser, where: str):
    with opened(browser, where + "compare.html#m=grad_cam.saliency", base=where) as seen:
        page = ready(seen)
        page.locator("[data-numbers] summary").click()
        page.wait_for_selector(".ca-listing tbody tr")
        shown = [row.split("\t") for row in page.locator(".ca-listing tbody tr").all_inner_texts()]
        assert shown[1] == [
            "Grad-CAM",
            "two cups",
            "_blocks.10._depthwise_conv",
            "espresso (ranked first)",
            "0",
            "11",
            "11",
            "–",
            "4 × 4",
            "0.4",
            "0.5",
        ]
        assert (
            shown[2][:7] == ["Saliency", "chelsea", "the input", "tabby (ranked first)", "0", "0.5", shown[2][6]]
            and float(shown[2][6]) > 0.9
        )
        table = list(csv.reader(io.StringIO(saved(page, "csv").decode("utf-8"))))
        assert table[0][:6] == ["Method", "Image", "Layer", "Class", "Scale from", "Scale to"]
        assert [row[:4] for row in table[1:]] == [row[:4] for row in shown]
        seen.check()


def test_csv_fields_are_quoted_and_never_formulas(browser: Browser, server: str):
    with opened(browser, server + "compare.html") as seen:
        text = seen.page.evaluate(
            "convatlas.save.csv([['a,b', 'say \"x\"', '=1+1', '-x', 'two\\nlines', -1.5, null, NaN]])"
        )
    assert text == '"a,b","say ""x""",\'=1+1,\'-x,"two\nlines",-1.5,,\r\n'


def test_arrays_of_the_view_open_in_numpy(browser: Browser, where: str, compared: Built):
    with opened(
        browser, where + "compare.html#rows=method&cols=target&m=cam.grad_cam.saliency&i=image-1", base=where
    ) as seen:
        page = ready(seen)
        data = saved(page, "npz")
        seen.check()
    image, deep = compared.report.images[1], compared.report.cam_layers[1]
    with np.load(io.BytesIO(data), allow_pickle=False) as archive:
        assert len(archive.files) == 7 and "under raw/" in str(archive["about"])
        for method, target in (("cam", 0), ("cam", 1), ("grad_cam", 1)):
            exact = image.cams[method, deep, target].values.read()  # type: ignore[union-attr]
            found = archive[f"image-1/{method}/{deep}/{target + 1}"]
            assert found.dtype == np.float32 and found.shape == (4, 4)
            np.testing.assert_allclose(found, exact, rtol=0, atol=np.abs(exact).max() / 32767)
        (kept,) = (compared.site / "raw").glob("image-1-*.npz")
        with np.load(kept, allow_pickle=False) as finer:  # saliency's is kept under its own name too
            named = {name.removeprefix("image-1/") for name in archive.files} - {"about"}
            assert named <= {*finer.files}
    assert zipfile.ZipFile(io.BytesIO(data)).testzip() is None


def test_the_arrays_of_a_pair_are_its_two_alone_and_no_more_exact_than_said(
    browser: Browser, where: str, compared: Built
):
    address = where + "compare.html#large=image-0&left=cam.layer-2.0&right=grad_cam.layer-0.1"
    with opened(browser, address, base=where) as seen:
        page = seen.page
        page.wait_for_function("() => document.querySelectorAll('.ca-large__side canvas').length === 2")
        with page.expect_download() as waiting:
            page.locator(".ca-large__save button").filter(has_text="NPZ").click()
        assert waiting.value.suggested_filename == "tinynet-chelsea.npz"
        data = content(waiting.value)
        whole = page.locator(".ca-large__links a").filter(has_text="All arrays of this image")
        assert re.search(r"raw/image-0-\w+\.npz$", whole.get_attribute("href") or "")
        page.locator("[data-side=left][data-part=method]").select_option("photo")
        page.wait_for_function("() => document.querySelectorAll('.ca-large__side canvas').length === 1")
        with page.expect_download() as waiting:
            page.locator(".ca-large__save button").filter(has_text="NPZ").click()
        one = content(waiting.value)
        seen.check()
    image = compared.report.images[0]
    shallow, deep = compared.report.cam_layers
    with np.load(io.BytesIO(data), allow_pickle=False) as archive:
        assert set(archive.files) == {f"cam/{deep}/1", f"grad_cam/{shallow}/2", "about"}
        exact = image.cams["cam", deep, 0].values.read()  # type: ignore[union-attr]
        np.testing.assert_allclose(archive[f"cam/{deep}/1"], exact, rtol=0, atol=np.abs(exact).max() / 32767)
        assert "beyond to 8 significant bits" in str(archive["about"])
    with np.load(io.BytesIO(one), allow_pickle=False) as archive:
        assert set(archive.files) == {f"grad_cam/{shallow}/2", "about"}


def test_layers_that_an_archive_calls_alike_are_both_saved(browser: Browser, server: str):
    with opened(browser, server + "compare.html#m=grad_cam&i=image-0") as seen:
        ready(seen)
        make = """async () => {
          const page = document.querySelector('compare-page');
          const [one, two] = ['layer-0', 'layer-2'].map((layer) => page.entry({method: 'grad_cam', image: 'image-0', layer, target: '0'}).head);
          return Array.from(await page.arrays([['x/1', one], ['x/1', two], ['x/1', one]]));
        }"""
        data = bytes(seen.page.evaluate(make))
    with np.load(io.BytesIO(data), allow_pickle=False) as archive:
        assert {name: archive[name].shape for name in archive.files} == {"x/1": (8, 8), "x/1-2": (4, 4), "about": ()}


def test_png(browser: Browser, where: str):
    with opened(browser, where + "compare.html#m=grad_cam.grad_cam_pp&r=raw&overlay=100&c=gray", base=where) as seen:
        page = ready(seen)
        picture_of = Image.open(io.BytesIO(saved(page, "png"))).convert("RGB")
        seen.check()
    assert min(picture_of.size) > 600
    pixels = np.asarray(picture_of).astype(int)
    assert (pixels[0, 0] == 255).all()
    # A map of sixteen grays over a photograph hidden by it: all of them are there, in large blocks.
    for gray in np.rint(ramp(255.0)).astype(int).ravel():
        assert (pixels == gray).all(axis=2).sum() > 5000


def test_svg_has_text_and_vectors_and_only_maps_as_pictures(browser: Browser, where: str):
    with opened(browser, where + "compare.html#m=grad_cam.layer_cam.saliency&s=row", base=where) as seen:
        page = ready(seen)
        root = ElementTree.fromstring(saved(page, "svg").decode("utf-8"))
        seen.check()
    texts = [e.text for e in root.iter(f"{SVG}text")]
    assert {"TinyNet", "Grad-CAM", "Layer Cam", "chelsea", "two cups", "No value above zero."} <= set(texts)
    assert texts.count("11") == 2  # Grad-CAM's two maps on one scale
    assert "The maps of a row share a scale." in " ".join(text or "" for text in texts)
    links = [e.get(LINK) for e in root.iter() if e.get(LINK)]
    assert all(
        link.startswith(("data:image/png;base64,", "data:image/jpeg;base64,", "#photo-")) for link in links if link
    )
    assert (
        sum(1 for e in root.iter(f"{SVG}image") if "opacity" in e.attrib) == 4
    )  # three methods, two images, less two empty maps
    assert len(list(root.iter(f"{SVG}linearGradient"))) == 1
    assert len(list(root.iter(f"{SVG}use"))) == 6
    assert not list(root.iter(f"{SVG}script"))


def objects(data: bytes) -> dict[int, tuple[bytes, bytes]]:
    """A PDF's objects by the offsets of its own table: (dictionary, stream)."""
    start = int(re.search(rb"startxref\n(\d+)\n%%EOF\n$", data)[1])  # type: ignore[index]
    size, entries = re.match(rb"xref\n0 (\d+)\n0{10} 65535 f \n((?:\d{10} 00000 n \n)+)trailer", data[start:]).groups()  # type: ignore[union-attr]
    offsets = [int(line[:10]) for line in entries.splitlines()]
    assert len(offsets) == int(size) - 1
    found = {}
    for number, at in enumerate(offsets, 1):
        inside = re.match(rb"%d 0 obj\n<< (.*?) >>\n(stream\n|endobj)" % number, data[at:], re.S)
        assert inside, number
        stream = b""
        if inside[2] == b"stream\n":
            length = int(re.search(rb"/Length (\d+)", inside[1])[1])  # type: ignore[index]
            begin = at + inside.end()
            stream = data[begin : begin + length]
            assert data[begin + length :].startswith(b"\nendstream\nendobj\n")
        found[number] = (inside[1], stream)
    return found


def pdf_text(found: dict[int, tuple[bytes, bytes]]) -> str:
    """The page's content, as it is written."""
    (content_of,) = [int(m[1]) for d, _ in found.values() if (m := re.search(rb"/Contents (\d+) 0 R", d))]
    return zlib.decompress(found[content_of][1]).decode("ascii")


def test_pdf(browser: Browser, where: str, compared: Built):
    with opened(browser, where + "compare.html#m=cam.grad_cam&r=raw&c=viridis", base=where) as seen:
        page = ready(seen)
        table = np.array(page.evaluate("convatlas.colours.table.viridis"))
        data = saved(page, "pdf")
        seen.check()
    assert data.startswith(b"%PDF-1.4\n")
    found = objects(data)
    drawn = pdf_text(found)
    for text in ("TinyNet", "Grad-CAM", "chelsea", "two cups", "tabby 60.0 %", "11"):
        assert f"({text}) Tj" in drawn
    assert len(re.findall(r" Do Q", drawn)) == 8 and len(re.findall(r" sh Q", drawn)) == 4
    photographs = [stream for d, stream in found.values() if b"/DCTDecode" in d]
    assert [Image.open(io.BytesIO(s)).size for s in photographs] == [(32, 32)] * 2
    maps = [zlib.decompress(s) for d, s in found.values() if b"/Subtype /Image" in d and b"/FlateDecode" in d]
    assert len(maps) == 4 and all(len(m) == 4 * 4 * 3 for m in maps)
    expected = table[np.rint(ramp(255.0)).astype(int)].astype(np.uint8).tobytes()
    assert maps.count(expected) == 2
    functions = [zlib.decompress(s) for d, s in found.values() if b"/FunctionType 0" in d]
    assert table.astype(np.uint8).tobytes() in functions and len(functions) == 2


def test_letters_that_helvetica_lacks_are_drawn(browser: Browser, server: str):
    with opened(browser, server + "compare.html") as seen:
        page = ready(seen)
        make = """async (said) => {
          const thing = (text) => ({kind: 'text', x: 10, y: 20, text, size: 8, colour: '#12151c', anchor: 'start', bold: false});
          return Array.from(await convatlas.figure.asPdf({width: 100, height: 50, things: [thing(said)]}, {title: said}));
        }"""
        latin = objects(bytes(page.evaluate(make, "Fenêtre (×2) – 3\u22124\\")))
        chinese = objects(bytes(page.evaluate(make, "猫")))
    assert "(Fen\\352tre \\(\\3272\\) \\226 3\\2264\\\\) Tj" in pdf_text(latin)
    assert " Tj" not in pdf_text(chinese) and " Do Q" in pdf_text(chinese)
    assert b"/Title <FEFF732b>" in b"".join(d for d, _ in chinese.values())


def test_a_pair_is_saved_from_the_large_view(browser: Browser, where: str):
    with opened(
        browser, where + "compare.html#large=image-0&left=cam.layer-2.0&right=grad_cam.layer-0.1", base=where
    ) as seen:
        page = seen.page
        page.wait_for_function("() => document.querySelectorAll('.ca-large__side canvas').length === 2")
        with page.expect_download() as waiting:
            page.locator(".ca-large__save button").filter(has_text="SVG").click()
        assert waiting.value.suggested_filename == "tinynet-chelsea.svg"
        root = ElementTree.fromstring(content(waiting.value).decode("utf-8"))
        seen.check()
    texts = [e.text for e in root.iter(f"{SVG}text")]
    assert texts[:2] == ["TinyNet: chelsea", "photograph"] and {
        "CAM",
        "Grad-CAM",
        "stem, 8 × 8",
        "espresso (ranked second)",
    } <= set(texts)


def test_hostile_names_are_text_in_saved_files(browser: Browser, hostile: Built, site_server: Callable[[Path], str]):
    for base in (site_server(hostile.site), hostile.site.as_uri() + "/"):
        with opened(browser, base + "compare.html", base=base) as seen:
            page = ready(seen)
            root = ElementTree.fromstring(saved(page, "svg").decode("utf-8"))
            assert not [
                e.tag
                for e in root.iter()
                if e.tag.removeprefix(SVG)
                not in {"svg", "title", "defs", "image", "use", "rect", "text", "linearGradient", "stop"}
            ]
            assert objects(saved(page, "pdf"))
            table = list(csv.reader(io.StringIO(saved(page, "csv").decode("utf-8"))))
            assert any("<script>window.pwned=1</script>" in row[1] for row in table)
            seen.check()
