"""Maps as bytes: packed for the page and unpacked again, archived as floats, written once."""

from __future__ import annotations

import io
import json
import re
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from generator.artifacts import NotApplicable
from generator.names import Digest
from generator.pages import exports
from generator.pages.docs_tree import DocsTree
from generator.pages.views import Heat, Values
from tests.pages.conftest import Built
from tests.pages.fixture_compare import head, known, put, ramp, report
from tests.pages.fixture_report import heat


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
    made = replace(heat(tmp_path, np.array([[-1, 0], [0.5, 1]], np.float32), signed=True))
    np.testing.assert_allclose(exports.numbers(made), [[-1, 0], [64 / 127, 1]], atol=1e-6)
    plain = heat(tmp_path, np.array([[0, 1], [2, 4]], np.float32))
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
