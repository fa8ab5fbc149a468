"""The comparison: maps packed and unpacked to the number, the page in use, and every file that it saves, opened."""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from generator.artifacts import NotApplicable
from generator.names import INPUT, Digest, LayerName
from generator.pages import exports
from generator.pages.docs_tree import DocsTree
from generator.pages.numbers import raw
from generator.pages.trust_views import MapId, Metric, Trust
from generator.pages.views import Heat, Report, Values
from generator.store import digest
from tests.pages.conftest import Built
from tests.pages.fixture_report import heat, method_views, picture, tiny_report
from tests.pages.opened import Opened, opened

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Download, Page

Floats = NDArray[np.float32]
SVG = "{http://www.w3.org/2000/svg}"
LINK = "{http://www.w3.org/1999/xlink}href"
METHODS = ("grad_cam", "grad_cam_pp", "layer_cam")


def known(folder: Path, values: Floats, *, signed: bool = False) -> Heat:
    """A heat of 32 x 32 input that knows its exact values."""
    values = np.asarray(values, np.float32)
    made = heat(folder, values, 32, signed=signed)
    low = -made.hi if signed else min(0.0, made.lo)
    return replace(made, lo=low, values=Values(digest(values.tobytes()), lambda: values))


def ramp(scale: float, h: int = 4, w: int = 4) -> Floats:
    """0 ... scale in reading order."""
    return (np.arange(h * w, dtype=np.float32).reshape(h, w) / (h * w - 1) * scale).astype(np.float32)


def report(folder: Path, rows: int = 3) -> Report:
    """Two images, two layers, two targets, a signed method, one on the input, an empty map, one not drawn, and judged maps."""
    base = tiny_report(folder)
    rng = np.random.default_rng(5)
    shallow, deep = base.cam_layers
    names = [*METHODS, *(f"extra_{k}" for k in range(rows - 3))]
    images = []
    judged: dict[str, dict[MapId, dict[str, float]]] = {}
    for k, image in enumerate(base.images):
        cams: dict[tuple[str, LayerName, int], Heat | NotApplicable] = {}
        for m, method in enumerate(names):
            for target in range(2):
                cams[method, shallow, target] = known(folder, rng.random((8, 8)) * 3)
                cams[method, deep, target] = known(folder, ramp(1 + m + 10 * k + 100 * target))
        for target in range(2):
            cams["cam", deep, target] = known(folder, rng.normal(size=(4, 4)), signed=True)
        cams["cam", shallow, 0] = NotApplicable("it is defined on one layer only.")
        cams["layer_cam", deep, 0] = replace(known(folder, np.zeros((4, 4))), empty=True)
        pixels = [known(folder, rng.random((32, 32))) for _ in range(2)]
        clipped = replace(pixels[0], hi=0.5, raw_hi=float(pixels[0].hi), facts=(("completeness error", 0.25),))
        images.append(
            replace(
                image,
                cams=cams,
                gradients={("saliency", 0): (clipped, None), ("saliency", 1): (pixels[1], None)},
                predictions=image.predictions[k:] + image.predictions[:k],
                targets=(image.predictions + image.predictions)[k : k + 2],
            )
        )
        judged[image.slug] = {
            MapId("grad_cam", deep): {"deletion": 0.3 + k / 10, "insertion": 0.5},
            MapId("grad_cam_pp", deep): {"deletion": 0.1 + k / 10, "insertion": 0.25},
            MapId("saliency", INPUT): {"deletion": 0.2 + k / 10},
        }
    metrics = (
        Metric("deletion", "Deletion", "lower", "Strongest pixels go first."),
        Metric("insertion", "Insertion", "higher", "They come first.", "%"),
    )
    view = method_views()[1]
    extra = tuple(
        replace(view, name=n, title=n.replace("_", " ").title())
        for n in names
        if n not in {m.name for m in base.methods}
    )
    return replace(base, images=tuple(images), methods=(*base.methods, *extra), trust=Trust(metrics=metrics, baselines=("grad_cam_pp",), images=judged))  # fmt: skip


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory, rebuild: Callable[..., Built]) -> Built:
    folder = tmp_path_factory.mktemp("compared")
    return rebuild(report(folder / "store"), folder)


@pytest.fixture(params=["http", "file"])
def where(request: pytest.FixtureRequest, compared: Built, site_server: Callable[[Path], str]) -> str:
    return site_server(compared.site) if request.param == "http" else compared.site.as_uri() + "/"


@pytest.fixture
def server(compared: Built, site_server: Callable[[Path], str]) -> str:
    return site_server(compared.site)


def put(text: str) -> Any:
    """The value that a data script hands over."""
    return json.loads("[" + text[text.index("(") + 1 : text.rindex(")")] + "]")[2]


def head(built: Built, image: int = 0) -> dict[str, Any]:
    return dict(put((built.site / f"data/compare/image-{image}.js").read_text("utf-8")))


def cell(page: Page, row: str, column: str) -> Any:
    """The map in the row and the column with these headings."""
    at = [h.strip().split("\n")[0] for h in page.locator(".ca-grid thead th .ca-grid__head").all_inner_texts()].index(
        column
    )
    return (
        page.locator(".ca-grid tbody tr")
        .filter(has=page.locator("th a", has_text=re.compile(rf"^{re.escape(row)}$")))
        .locator("td")
        .nth(at)
    )


def ready(seen: Opened, selector: str = ".ca-grid [data-drawn]") -> Page:
    seen.page.wait_for_selector(selector)
    return seen.page


def saved(page: Page, kind: str) -> bytes:
    """What `Save` gives."""
    page.locator("[data-save] summary").click()
    with page.expect_download() as waiting:
        page.locator(f"[data-kind={kind}]").click()
    return content(waiting.value)


def content(download: Download) -> bytes:
    return Path(download.path()).read_bytes()


# Packing


def unescaped(text: str) -> bytes:
    """The other way round, written apart: JavaScript's escapes, then seven bits a character."""
    codes = re.sub(
        r"\\x00|\\n|\\r|\\\"|\\\\",
        lambda m: {"\\x00": "\0", "\\n": "\n", "\\r": "\r", '\\"': '"', "\\\\": "\\"}[m[0]],
        text,
    )
    bits = "".join(f"{ord(c):07b}" for c in codes)
    return bytes(int(bits[k : k + 8], 2) for k in range(0, len(bits) - 7, 8))


@pytest.mark.parametrize("size", [0, 1, 6, 7, 8, 1000])
def test_seven_bits_a_character_lose_nothing(size: int):
    data = np.random.default_rng(size).integers(0, 256, size).astype(np.uint8).tobytes()
    text = exports.sevens(data)
    assert unescaped(text) == data
    assert (
        text.isascii() and not set(text) & {"\0", "\n", "\r"} and not re.search(r'(?<!\\)"', text.replace("\\\\", ""))
    )


def test_seven_bits_take_a_fifth_more():
    data = np.random.default_rng(0).integers(0, 256, 50_000).astype(np.uint8).tobytes()
    assert len(exports.sevens(data)) < 1.22 * len(data)


def test_unsigned_maps_are_packed_from_zero_to_their_maximum(tmp_path: Path):
    packed = exports.pack(known(tmp_path, np.array([[0, 1], [2, 4]])))
    high, low = packed.data[:4], packed.data[4:]
    assert (packed.levels, packed.lo, packed.hi) == (65535, 0.0, 4.0)
    assert [h * 256 + g for h, g in zip(high, low, strict=True)] == [0, 16384, 32768, 65535]


def test_signed_maps_are_packed_about_zero(tmp_path: Path):
    packed = exports.pack(known(tmp_path, np.array([[-2, 0], [1, 2]]), signed=True))
    assert (packed.levels, packed.lo, packed.hi) == (65535, -2.0, 2.0)
    assert [h * 256 + g for h, g in zip(packed.data[:4], packed.data[4:], strict=True)] == [
        1,
        32768,
        32768 + 16384,
        65535,
    ]


def test_a_scale_that_ends_at_a_quantile_is_kept(tmp_path: Path):
    clipped = replace(known(tmp_path, np.array([[0.0, 1.0], [0.25, 0.5]])), hi=0.5, raw_hi=1.0)
    packed = exports.pack(clipped)
    assert packed.hi == 0.5
    assert [h * 256 + g for h, g in zip(packed.data[:4], packed.data[4:], strict=True)] == [0, 65535, 32768, 65535]


@pytest.mark.parametrize(
    ("side", "noisy", "levels"),
    [(32, True, 65535), (33, True, 255), (128, True, 255), (140, True, 63), (140, False, 255)],
)
def test_how_finely_a_map_is_kept(tmp_path: Path, side: int, noisy: bool, levels: int):
    y, x = np.mgrid[:side, :side] / side
    values = np.random.default_rng(0).random((side, side)) if noisy else np.exp(-((x - 0.5) ** 2) - (y - 0.4) ** 2)
    packed = exports.pack(known(tmp_path, values))
    assert packed.levels == levels
    assert len(packed.data) == side * side * (2 if levels == 65535 else 1)


def test_a_map_without_exact_values_is_that_of_its_picture(tmp_path: Path):
    made = replace(heat(tmp_path, np.array([[-1, 0], [0.5, 1]], np.float32), 2, signed=True))
    np.testing.assert_allclose(exports.numbers(made), [[-1, 0], [64 / 127, 1]], atol=1e-6)
    plain = heat(tmp_path, np.array([[0, 1], [2, 4]], np.float32), 2)
    np.testing.assert_allclose(exports.numbers(plain), [[0, 64 / 255 * 4], [128 / 255 * 4, 4]], atol=1e-6)


# Archives


def test_rounding_to_eight_significant_bits_by_hand():
    values = np.array([1.0, 1 + 2**-8, 1 + 2**-9, 3.14159, -3.14159, 1e-30, 0.0], np.float32)
    found = exports.rounded(values, 8)
    assert found[:5].tolist() == [1.0, 1 + 2**-7, 1.0, 3.140625, -3.140625]
    np.testing.assert_allclose(found, values, rtol=2**-8)
    assert found[-1] == 0


def test_an_archive_holds_the_exact_numbers_and_says_what_they_are(compared: Built):
    image = compared.report.images[0]
    shallow, deep = compared.report.cam_layers
    (file,) = (compared.site / "raw").glob("image-0-*.npz")
    with np.load(file, allow_pickle=False) as archive:
        for layer in (shallow, deep):
            for target in range(2):
                expected = image.cams["grad_cam", layer, target].values.read()  # type: ignore[union-attr]
                found = archive[f"grad_cam/{exports.plain(str(layer))}/{target + 1}"]
                assert found.dtype == np.float32
                np.testing.assert_array_equal(found, expected)
        np.testing.assert_array_equal(archive["saliency/input/1"], image.gradients["saliency", 0][0].values.read())  # type: ignore[index]
        table = [dict(zip(archive["index"][0], row, strict=True)) for row in archive["index"][1:]]
        assert {row["member"] for row in table} | {"index"} == set(archive.files)
    row = next(row for row in table if row["method"] == "cam" and row["target"] == "2")
    assert row == {"member": f"cam/{exports.plain(str(deep))}/2", "method": "cam", "layer": str(deep), "target": "2", "label": "espresso", "signed": "True", "significant bits": "24"}  # fmt: skip


def test_equal_maps_are_archived_once_and_large_ones_for_the_first_target_alone(tmp_path: Path):
    rng = np.random.default_rng(1)
    same = known(tmp_path, ramp(1.0))
    large = [known(tmp_path, rng.random((140, 140))) for _ in range(2)]
    members = [exports.Member("eigen", "a", 1, "x", same), exports.Member("eigen", "a", 2, "y", same),
               *(exports.Member("noise", "input", t + 1, "x", large[t]) for t in range(2))]  # fmt: skip
    data = exports.npz(members)
    assert data == exports.npz(members)
    with np.load(io.BytesIO(data)) as archive:
        assert set(archive.files) == {"eigen/a/1", "noise/input/1", "index"}
        assert archive["index"][1:, 0].tolist() == ["eigen/a/1", "eigen/a/1", "noise/input/1"]
        exact = large[0].values.read()  # type: ignore[union-attr]
        np.testing.assert_allclose(archive["noise/input/1"], exact, rtol=2**-8)
        assert (archive["noise/input/1"] != exact).any()


def test_members_have_names_that_are_safe_to_unpack(tmp_path: Path):
    one = known(tmp_path, ramp(1.0))
    layers = ("../../etc/passwd", "<script>", "a b", "a_b", ".hidden", "")
    members = [
        exports.Member("m", layer, 1, "x", replace(one, values=Values(Digest(layer or "x"), lambda: ramp(1.0))))
        for layer in layers
    ]
    names = zipfile.ZipFile(io.BytesIO(exports.npz(members))).namelist()
    assert names == [
        "m/_.._etc_passwd/1.npy",
        "m/_script_/1.npy",
        "m/a_b/1.npy",
        "m/a_b/1-2.npy",
        "m/hidden/1.npy",
        "m/_/1.npy",
        "index.npy",
    ]


# The data of the page


def test_the_data_says_which_maps_there_are_and_why_others_are_not(compared: Built):
    index = put((compared.site / "data/compare.js").read_text("utf-8"))
    assert [m["id"] for m in index["methods"]] == ["cam", "grad_cam", "grad_cam_pp", "layer_cam", "saliency"]
    assert [m["input"] for m in index["methods"]] == [False] * 4 + [True]
    assert [layer["id"] for layer in index["layers"]] == ["layer-0", "layer-2"] and index["layer"] == "layer-2"
    assert [t["name"] for t in index["targets"]] == ["ranked first", "ranked second"]
    found = head(compared)
    assert found["why"] == ["it is defined on one layer only."]
    assert found["maps"]["cam"]["layer-0"] == [0, 0]
    assert set(found["maps"]["saliency"]) == {"input"}
    clipped = found["maps"]["saliency"]["input"][0]
    assert (clipped["hi"], clipped["facts"]) == (0.5, [["completeness error", 0.25]]) and clipped["top"] > 0.9
    assert found["maps"]["layer_cam"]["layer-2"][0]["empty"] == 1
    assert found["trust"]["saliency"] == {"input": {"deletion": 0.2}}
    assert found["photo"].startswith("data:image/jpeg;base64,")


def test_a_script_holds_the_numbers_of_its_maps(compared: Built):
    entry = head(compared)["maps"]["grad_cam"]["layer-2"][1]
    text = (compared.site / f"data/compare/{entry['at'][0]}.js").read_text("ascii")
    heads, rest = re.fullmatch(r'convatlas\.put\("maps","[^"]+",\[(\[\[.*?\]\]),"(.*)"\]\);\n', text, re.S).groups()  # type: ignore[union-attr]
    levels, lo, hi, offset = json.loads(heads)[entry["at"][1]]
    data = np.frombuffer(zlib.decompress(unescaped(rest)), np.uint8)[offset : offset + 32].astype(int)
    values = lo + (data[:16] * 256 + data[16:]) / levels * (hi - lo)
    np.testing.assert_allclose(values.reshape(4, 4), ramp(101.0), rtol=0, atol=101 / 65535)


def test_a_second_rendering_reads_no_map(
    tmp_path: Path, rebuild: Callable[..., Built], monkeypatch: pytest.MonkeyPatch
):
    made = report(tmp_path / "store")
    first = rebuild(made, tmp_path)
    monkeypatch.setattr(exports, "numbers", lambda item: pytest.fail("a map was read again"))
    assert rebuild(made, tmp_path).rendered == first.rendered


def test_maps_of_one_image_are_let_go_before_the_next(tmp_path: Path, rebuild: Callable[..., Built]):
    made = report(tmp_path / "store")
    read: list[str] = []

    def noted(item: Heat | NotApplicable, slug: str) -> Heat | NotApplicable:
        if not isinstance(item, Heat) or item.values is None:
            return item
        values = item.values
        return replace(item, values=Values(values.digest, lambda: (read.append(slug), values.read())[1]))

    images = [replace(i, cams={key: noted(item, i.slug) for key, item in i.cams.items()}) for i in made.images]
    rebuild(replace(made, images=tuple(images)), tmp_path)
    assert set(read) == {"image-0", "image-1"}
    assert read == sorted(read)


def test_what_is_made_from_the_same_key_is_left_alone(tmp_path: Path):
    made: list[int] = []

    def render(key: str) -> bytes:
        tree = DocsTree(tmp_path)
        file = tree.made("a/b.bin", Digest(key), lambda: (made.append(1), key.encode())[1])
        tree.finish()
        return file.read_bytes()

    assert [render("one"), render("one"), render("two")] == [b"one", b"one", b"two"]
    assert len(made) == 2


# The page


def test_maps_are_upsampled_as_torch_does(browser: Browser, server: str):
    values = np.random.default_rng(2).normal(size=(5, 7)).astype(np.float32)
    with opened(browser, server + "compare.html") as seen:
        for size in ((16, 11), (5, 7), (3, 4), (224, 224)):
            found = seen.page.evaluate(
                "([v, w, h, W, H]) => Array.from(convatlas.maps.resize(Float32Array.from(v), w, h, W, H))",
                [values.ravel().tolist(), 7, 5, size[1], size[0]],
            )
            expected = torch.nn.functional.interpolate(
                torch.from_numpy(values)[None, None], size=size, mode="bilinear", align_corners=False
            )[0, 0]
            np.testing.assert_allclose(np.reshape(found, size), expected.numpy(), rtol=1e-5, atol=1e-6)


def canvas(place: Any) -> NDArray[np.int64]:
    """What a cell's canvas holds, (h, w, 4)."""
    found = place.locator("canvas").evaluate(
        "(c) => [c.height, c.width, Array.from(c.getContext('2d').getImageData(0, 0, c.width, c.height).data)]"
    )
    return np.reshape(found[2], (found[0], found[1], 4))


def test_maps_are_drawn_from_numbers_to_the_pixel(browser: Browser, where: str, compared: Built):
    image = compared.report.images[1]
    deep = compared.report.cam_layers[1]
    with opened(browser, where + "compare.html#r=raw&c=magma", base=where) as seen:
        page = ready(seen)
        table = np.array(page.evaluate("convatlas.colours.table.magma"))
        place = cell(page, "Grad-CAM", "two cups")
        drawn = canvas(place)
        np.testing.assert_array_equal(drawn[..., :3], table[np.rint(ramp(255.0)).astype(int)])
        assert (drawn[..., 3] == 255).all()
        assert place.locator(".ca-bar").get_attribute("aria-label") == "Colour bar from 0 to 11"
        signed = image.cams["cam", deep, 0]
        diverging = np.array(page.evaluate("convatlas.colours.table.diverging"))
        values = signed.values.read()  # type: ignore[union-attr]
        entries = 128 + np.rint(values / np.abs(values).max() * 127).astype(int)
        np.testing.assert_array_equal(canvas(cell(page, "CAM", "two cups"))[..., :3], diverging[entries])
        seen.check()


def test_smooth_maps_are_at_least_as_large_as_their_cell(browser: Browser, server: str):
    with opened(browser, server + "compare.html#c=gray") as seen:
        page = ready(seen)
        drawn = canvas(cell(page, "Grad-CAM", "chelsea"))
        h, w = drawn.shape[:2]
        assert w >= page.locator(".ca-grid td .ca-overlay").first.bounding_box()["width"] - 1  # type: ignore[index]
        expected = torch.nn.functional.interpolate(
            torch.from_numpy(ramp(255.0))[None, None], size=(h, w), mode="bilinear", align_corners=False
        )[0, 0]
        assert np.abs(drawn[..., 0] - expected.numpy()).max() < 0.51


def test_empty_and_missing_maps_say_so(browser: Browser, where: str):
    with opened(browser, where + "compare.html#l=layer-0", base=where) as seen:
        page = ready(seen)
        assert page.locator(".ca-grid__na").inner_text() == "Not drawn: it is defined on one layer only."
        assert page.locator(".ca-grid__na").get_attribute("colspan") == "2"
        seen.check()
    with opened(browser, where + "compare.html", base=where) as seen:
        page = ready(seen)
        assert cell(page, "Layer Cam", "chelsea").inner_text().strip() == "No value above zero."
        assert "No value above zero" in page.locator(".ca-enlarge").filter(has_text="No value").first.get_attribute(
            "aria-label"
        )  # type: ignore[operator]


def bars(page: Page) -> list[str]:
    return [
        str(e)
        for e in page.locator(".ca-grid .ca-bar[role=img]").evaluate_all(
            "(all) => all.map((e) => e.getAttribute('aria-label'))"
        )
    ]


def test_scales_are_shared_as_asked(browser: Browser, server: str):
    with opened(browser, server + "compare.html#m=grad_cam.grad_cam_pp&t=1") as seen:
        page = ready(seen)
        page.wait_for_function("() => document.querySelectorAll('.ca-grid [data-drawn]').length === 4")

        def ends() -> list[str]:
            page.wait_for_timeout(100)
            return [bar.rpartition(" ")[2] for bar in bars(page)]

        assert ends() == ["101", "111", "102", "112"]
        for scale, expected in (
            ("row", ["111", "111", "112", "112"]),
            ("column", ["102", "112"] * 2),
            ("all", ["112"] * 4),
            ("own", ["101", "111", "102", "112"]),
        ):
            page.locator(f"[name=scale][value={scale}]").check(force=True)
            assert ends() == expected
            assert (f"s={scale}" in seen.address) == (scale != "own")
        seen.check()


def test_rows_and_columns_are_chosen_and_the_address_brings_them_back(browser: Browser, where: str):
    with opened(browser, where + "compare.html", base=where) as seen:
        page = ready(seen)
        assert page.locator(".ca-grid tbody th").count() == 5
        page.locator("[data-control=columns]").select_option("layer")
        page.wait_for_selector(".ca-grid__corner img")
        assert page.locator(".ca-grid thead th a").all_inner_texts() == ["stem", "_blocks.10._depthwise_conv"]
        assert page.locator("[data-one=image]").is_visible() and not page.locator("[data-one=layer]").is_visible()
        assert (
            page.locator(".ca-grid tbody tr").last.inner_text().split("\n")[-1].strip()
            == "On the input: the same at every layer."
        )
        page.locator("[data-control=image]").select_option("image-1")
        page.locator("[data-pick=rows] summary").click()
        page.locator("[data-pick=rows] label").filter(has_text=re.compile("^CAM$")).click()
        page.keyboard.press("Escape")
        page.wait_for_function("() => document.querySelectorAll('.ca-grid tbody th').length === 4")
        page.locator("[name=resolution][value=raw]").check(force=True)
        page.locator("[data-control=opacity]").fill("30")
        page.locator("[data-control=opacity]").dispatch_event("change")
        said = dict(part.split("=") for part in seen.address.partition("#")[2].split("&"))
        assert said == {
            "cols": "layer",
            "m": "grad_cam.grad_cam_pp.layer_cam.saliency",
            "i": "image-1",
            "r": "raw",
            "c": "inferno",
            "overlay": "30",
        }
        assert (
            page.locator("[data-about]")
            .inner_text()
            .startswith("4 methods × 2 layers, on two cups, for the class espresso (ranked first).")
        )
        address = seen.address
        seen.check()
    with opened(browser, address, base=where) as seen:
        page = ready(seen)
        assert page.locator(".ca-grid tbody th").count() == 4
        assert page.locator("[data-control=image]").input_value() == "image-1"
        assert page.locator("[data-control=opacity]").input_value() == "30"
        assert page.evaluate("getComputedStyle(document.querySelector('.ca-grid canvas')).opacity") == "0.3"
        assert page.locator("[name=resolution][value=raw]").is_checked()
        assert seen.address == address


def test_back_and_forward_walk_through_the_views(browser: Browser, where: str):
    with opened(browser, where + "compare.html", base=where) as seen:
        page = ready(seen)
        page.locator("[data-control=rows]").select_option("image")  # swaps them: columns were images
        page.wait_for_function("() => document.querySelectorAll('.ca-grid tbody th').length === 2")
        assert page.locator("[data-control=columns]").input_value() == "method"
        page.locator("[data-control=columns]").select_option("target")
        page.wait_for_function("() => document.querySelectorAll('.ca-grid thead th').length === 2")
        assert page.locator(".ca-grid__note").all_inner_texts() == [
            "tabby 60.0\u202f%",
            "espresso 30.0\u202f%",
            "espresso 30.0\u202f%",
            "missile 20.0\u202f%",
        ]
        page.go_back()
        page.wait_for_function("() => document.querySelectorAll('.ca-grid thead th').length === 5")
        page.go_back()
        page.wait_for_function("() => document.querySelectorAll('.ca-grid tbody th').length === 5")
        assert page.locator("[data-control=rows]").input_value() == "method"
        page.go_forward()
        page.wait_for_function("() => document.querySelectorAll('.ca-grid tbody th').length === 2")
        seen.check()


def test_what_the_address_cannot_mean_is_left_out(browser: Browser, server: str):
    with opened(
        browser,
        server
        + "compare.html#rows=image&cols=image&m=no.such&l=<img>&t=99&s=x&r=y&c=z&overlay=-1&o=q&large=nobody&left=a.b.c&wipe=999",
    ) as seen:
        page = ready(seen)
        assert (
            page.locator("[data-control=rows]").input_value(),
            page.locator("[data-control=columns]").input_value(),
        ) == ("image", "method")
        assert page.locator("dialog[open]").count() == 0
        seen.check()


def test_nothing_chosen_says_what_to_do(browser: Browser, server: str):
    with opened(browser, server + "compare.html") as seen:
        page = ready(seen)
        page.locator("[data-pick=rows] summary").click()
        page.locator("[data-pick=rows] button").filter(has_text="none").click()
        page.wait_for_selector(".ca-grid-box > .ca-na")
        assert (
            page.locator(".ca-grid-box").inner_text() == "Nothing is chosen to be shown. Choose rows and columns above."
        )
        page.locator("[data-pick=rows] button").filter(has_text="all").click()
        page.wait_for_selector(".ca-grid")
        seen.check()


def test_only_what_is_in_view_is_loaded_and_drawn(browser: Browser, tmp_path: Path, rebuild: Callable[..., Built]):
    built = rebuild(report(tmp_path / "store", rows=60), tmp_path)
    base = built.site.as_uri() + "/"
    with opened(browser, base + "compare.html", base=base) as seen:
        page = ready(seen)
        page.wait_for_timeout(500)
        total, drawn = (page.locator(s).count() for s in (".ca-grid .ca-enlarge", ".ca-grid [data-drawn]"))
        assert total > 100 and 0 < drawn < total / 3
        scripts = "document.querySelectorAll('head script[src*=\"data/compare/\"]').length"
        before = page.evaluate(scripts)
        page.evaluate("document.querySelector('.ca-grid tbody tr:last-child').scrollIntoView()")
        page.wait_for_function(f"() => document.querySelectorAll('.ca-grid [data-drawn]').length > {drawn}")
        page.wait_for_timeout(300)
        assert page.locator(".ca-grid [data-drawn]").count() < total / 2  # the middle was passed over
        assert page.evaluate(scripts) > before  # the maps on the input stand last, and only now were asked for
        headings = page.locator(".ca-grid thead th").first.bounding_box()
        bar = page.locator(".ca-toolbar").bounding_box()
        assert headings and bar and abs(headings["y"] - bar["y"] - bar["height"]) < 8  # they stay in sight
        seen.check()


def test_arrow_keys_walk_over_the_maps(browser: Browser, where: str):
    with opened(browser, where + "compare.html", base=where) as seen:
        page = ready(seen)
        assert page.locator(".ca-enlarge[tabindex='0']").count() == 1
        page.locator(".ca-enlarge[tabindex='0']").focus()
        label = "document.activeElement.getAttribute('aria-label')"
        assert page.evaluate(label).startswith("Large view: CAM, chelsea")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowDown")
        assert page.evaluate(label).startswith("Large view: Grad-CAM, two cups")
        page.keyboard.press("Enter")
        page.wait_for_selector("dialog[open]")
        page.keyboard.press("Escape")
        page.wait_for_function("() => !document.querySelector('dialog[open]')")
        assert page.evaluate(label).startswith("Large view: Grad-CAM, two cups")
        assert "large" not in seen.address
        seen.check()


def test_the_large_view_reads_numbers_and_wipes(browser: Browser, where: str, compared: Built):
    with opened(browser, where + "compare.html#r=raw", base=where) as seen:
        page = ready(seen)
        cell(page, "Grad-CAM", "two cups").locator("button").click()
        page.wait_for_selector(".ca-large__side canvas")
        stage = page.locator(".ca-large__stage")
        box = stage.bounding_box()
        assert box and "large=image-1&left=photo&right=grad_cam.layer-2.0" in seen.address
        page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + box["height"] * 0.9)
        assert page.locator(".ca-large__value").inner_text() == f"Row 4, column 3 of 4 × 4: {raw(14 / 15 * 11)}"
        stage.focus()
        page.keyboard.press("ArrowUp")
        assert page.locator(".ca-large__value").inner_text() == f"Row 3, column 3 of 4 × 4: {raw(10 / 15 * 11)}"
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowRight")
        assert page.locator(".ca-large__value").inner_text() == f"Row 3, column 4 of 4 × 4: {raw(11 / 15 * 11)}"
        page.locator("[data-side=left][data-part=method]").select_option("saliency")
        page.wait_for_function("() => document.querySelectorAll('.ca-large__side canvas').length === 2")
        facts = page.locator(".ca-large__facts div").all_inner_texts()
        largest = compared.report.images[1].gradients["saliency", 0][0].raw_hi  # type: ignore[index]
        assert [fact.split() for fact in facts] == [
            ["largest", "value", raw(largest)],
            ["completeness", "error", "0.25"],
        ]
        rows = [row.split() for row in page.locator(".ca-large__judged tbody tr").all_inner_texts()]
        assert rows == [["Deletion", "↓", "0.3", "0.4"], ["Insertion,", "%", "↑", "–", "0.5"]]
        assert page.locator(".ca-large__judged b").all_inner_texts() == ["0.3"]
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 20)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + 30)
        page.mouse.up()
        assert page.locator(".ca-large input[type=range]").input_value() == "25"
        assert page.evaluate("document.querySelector('.ca-wipe__over').style.clipPath") == "inset(0px 0px 0px 25%)"
        page.locator("[data-part=both]").check()
        page.wait_for_function(
            "() => new Set([...document.querySelectorAll('.ca-large .ca-bar')].map((e) => e.getAttribute('aria-label'))).size === 1"
        )
        assert "wipe=25" in seen.address and "both=1" in seen.address
        address = seen.address
        seen.check()
    with opened(browser, address, base=where) as seen:
        seen.page.wait_for_function("() => document.querySelectorAll('.ca-large__side canvas').length === 2")
        assert seen.page.locator(".ca-large input[type=range]").input_value() == "25"
        assert seen.page.locator("[data-side=left][data-part=method]").input_value() == "saliency"
        assert seen.page.locator("[data-part=both]").is_checked()
        assert seen.page.locator(".ca-large__links a").first.get_attribute("href").endswith("methods/saliency.html")  # type: ignore[union-attr]
        seen.check()


def test_values_beyond_the_scale_and_coarse_ones_are_said_so(
    browser: Browser, tmp_path: Path, rebuild: Callable[..., Built]
):
    made = report(tmp_path / "store")
    rng = np.random.default_rng(3)
    values = rng.random((140, 140)).astype(np.float32)
    values[70, 70] = 2
    loud = replace(known(tmp_path, values), hi=1.0, raw_hi=2.0)
    image = replace(made.images[0], gradients={("saliency", 0): (loud, None)})
    built = rebuild(replace(made, images=(image, *made.images[1:])), tmp_path)
    base = built.site.as_uri() + "/"
    with opened(browser, base + "compare.html#large=image-0&left=photo&right=saliency.layer-2.0", base=base) as seen:
        page = seen.page
        page.wait_for_selector(".ca-large__side canvas")
        read = "([x, y]) => document.querySelector('map-large').read((x + 0.5) / 140, (y + 0.5) / 140, 1)"
        page.evaluate(read, [70, 70])
        assert page.locator(".ca-large__value b").inner_text() == "at least 1"
        page.evaluate(read, [30, 20])
        assert (
            page.locator(".ca-large__value b").inner_text() == f"{round(float(values[20, 30]) * 63) / 63:.3f} ± 0.008"
        )
        assert "largest value" in page.locator(".ca-large__facts").inner_text()


# Numbers


def test_rows_are_sorted_by_a_metric_best_first(browser: Browser, where: str):
    with opened(browser, where + "compare.html", base=where) as seen:
        page = ready(seen)
        page.locator("[data-control=order]").select_option("deletion")
        page.wait_for_selector(".ca-grid__metric")
        order = [text.split("\n")[0] for text in page.locator(".ca-grid tbody th").all_inner_texts()]
        assert order == ["Grad-CAM++", "Saliency", "Grad-CAM", "CAM", "Layer Cam"]
        assert page.locator(".ca-grid__metric").all_inner_texts() == ["Deletion 0.15", "Deletion 0.25", "Deletion 0.35"]
        assert cell(page, "Saliency", "two cups").locator(".ca-grid__note").inner_text() == "Deletion 0.3"
        page.locator(".ca-judged thead button").filter(has_text="Insertion").click()
        page.wait_for_function("() => document.querySelector('[data-control=order]').value === 'insertion'")
        assert [t.split("\n")[0] for t in page.locator(".ca-grid tbody th").all_inner_texts()][:2] == [
            "Grad-CAM",
            "Grad-CAM++",
        ]
        assert "o=insertion" in seen.address
        rows = [row.split("\t") for row in page.locator(".ca-judged tbody tr").all_inner_texts()]
        assert [[part.strip() for part in row] for row in rows] == [
            ["Grad-CAM", "0.35", "0.5"],
            ["Grad-CAM++ baseline", "0.15", "0.25"],
            ["Saliency", "0.25", "–"],
        ]
        assert page.locator(".ca-judged b").all_inner_texts() == ["0.5", "0.15"]
        with page.expect_download() as waiting:
            page.locator("[data-csv=judged]").click()
        table = list(csv.reader(io.StringIO(content(waiting.value).decode("utf-8"))))
        assert table[0] == ["Method", "Deletion", "n", "Insertion (%)", "n"]
        assert [row[0] for row in table[1:]] == ["Grad-CAM", "Grad-CAM++", "Saliency"]
        assert float(table[1][1]) == pytest.approx(0.35) and table[3][3:] == ["", ""]
        page.locator("[data-control=target]").select_option("1")
        page.wait_for_function("() => !document.querySelector('.ca-judged')")
        assert "no numbers" in page.locator("[data-judged-note]").inner_text()
        seen.check()


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
            found = archive[f"image-1/{method}/layer-2/{target + 1}"]
            assert found.dtype == np.float32 and found.shape == (4, 4)
            np.testing.assert_allclose(found, exact, rtol=0, atol=np.abs(exact).max() / 32767)
    assert zipfile.ZipFile(io.BytesIO(data)).testzip() is None


# Figures


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


# Looks


@pytest.fixture(scope="module")
def axe() -> str:
    from axe_playwright_python.base import AXE_FILE_PATH

    return Path(AXE_FILE_PATH).read_text("utf-8") + "\nundefined"


@pytest.mark.parametrize(
    "view",
    [
        "",
        "#rows=image&cols=method&o=deletion",
        "#cols=layer",
        "#large=image-0&left=cam.layer-2.0&right=saliency.layer-2.0",
    ],
)
@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 1280), ("light", 390)])
def test_axe_finds_nothing(browser: Browser, server: str, axe: str, view: str, scheme: str, width: int):
    with opened(browser, f"{server}compare.html{view}", scheme=scheme, width=width) as seen:
        page = ready(seen)
        if "large" in view:
            page.wait_for_selector(".ca-large__side canvas")
        else:
            page.locator("[data-numbers] summary").click()
            page.locator("[data-pick=rows] summary").click()
        page.evaluate(axe)
        result = page.evaluate("axe.run()")
        assert result["passes"]
        assert [
            (v["id"], [(n["html"][:160], n["failureSummary"]) for n in v["nodes"][:3]]) for v in result["violations"]
        ] == []
        assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
        seen.check()


def test_the_dark_redraws_signed_maps(browser: Browser, server: str):
    with opened(browser, server + "compare.html#m=cam&r=raw") as seen:
        page = ready(seen)
        light = canvas(page.locator(".ca-grid td").nth(1))
        page.locator("label[title='Switch to dark']").click()
        page.wait_for_function("() => convatlas.colours.table.diverging[128][0] < 32")
        page.wait_for_timeout(300)
        dark = canvas(page.locator(".ca-grid td").nth(1))
        assert light.shape == dark.shape and (light != dark).any()
        seen.check()


def test_a_telephone_shows_maps_first(browser: Browser, server: str):
    with opened(browser, server + "compare.html", width=390, height=844) as seen:
        page = ready(seen)
        assert not page.locator("[name=scale]").first.is_visible()
        assert page.locator(".ca-grid td .ca-overlay").first.bounding_box()["y"] < 600  # type: ignore[index]
        page.locator("[data-tune]").click()
        assert page.locator("colour-menu").is_visible()
        assert page.locator("[data-tune]").get_attribute("aria-expanded") == "true"


def test_without_scripts_there_is_a_sentence_and_a_way_on(browser: Browser, where: str):
    with opened(browser, where + "compare.html", scripts=False, base=where) as seen:
        assert seen.page.locator("noscript a[href='images/index.html']").is_visible()
        assert not seen.page.locator(".ca-toolbar").is_visible()
        assert seen.page.locator(".ca-archives a").count() == 2


def test_a_report_without_maps_says_so(tmp_path: Path, rebuild: Callable[..., Built]):
    made = tiny_report(tmp_path / "store")
    bare = replace(
        made, images=tuple(replace(i, cams={}, gradients={}) for i in made.images), cam_layers=(), default_layer=None
    )
    built = rebuild(bare, tmp_path)
    text = (built.site / "compare.html").read_text("utf-8")
    assert "No map was drawn in this run." in text and "<compare-page>" not in text
    assert not (built.site / "raw").exists()


def test_a_report_of_maps_on_the_input_alone_is_compared(
    browser: Browser, tmp_path: Path, rebuild: Callable[..., Built]
):
    made = report(tmp_path / "store")
    bare = replace(made, images=tuple(replace(i, cams={}) for i in made.images), cam_layers=(), default_layer=None)
    built = rebuild(bare, tmp_path)
    base = built.site.as_uri() + "/"
    for view in ("", "#cols=target", "#large=image-0&left=photo&right=saliency..0"):
        with opened(browser, base + "compare.html" + view, base=base) as seen:
            page = ready(seen)
            assert page.locator(".ca-grid tbody th").all_inner_texts()[0].startswith("Saliency")
            assert not page.locator("[data-one=layer]").is_visible()
            assert (page.locator("dialog[open]").count() == 1) == ("large" in view)
            seen.check()


def test_pictures_that_are_not_square_stay_so(browser: Browser, tmp_path: Path, rebuild: Callable[..., Built]):
    made = report(tmp_path / "store")
    wide = picture(tmp_path / "store", np.random.default_rng(0).integers(0, 255, (24, 48, 3)).astype(np.uint8), "JPEG")
    built = rebuild(replace(made, images=tuple(replace(i, photo=wide) for i in made.images)), tmp_path)
    base = built.site.as_uri() + "/"
    with opened(browser, base + "compare.html#large=image-0&left=photo&right=grad_cam.layer-2.0", base=base) as seen:
        page = ready(seen)
        page.wait_for_selector(".ca-large__side canvas")
        for selector in (".ca-grid td .ca-overlay", ".ca-large__stage"):
            box = page.locator(selector).first.bounding_box()
            assert box and box["width"] / box["height"] == pytest.approx(2, rel=0.02)
