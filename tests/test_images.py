"""Every kind of picture a folder can hold is decoded right."""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from generator.images import load, scan
from tests.picture_files import CORNERS, one, pixels, png


def test_a_record_says_what_the_file_is(tmp_path: Path) -> None:
    Image.fromarray(CORNERS).save(tmp_path / "Corner Case.png")
    record = one(tmp_path)
    assert (record.name, record.slug, record.label, record.note) == ("Corner Case", "corner-case", None, "")
    assert (record.width, record.height) == (3, 2)
    assert record.digest == hashlib.sha256((tmp_path / "Corner Case.png").read_bytes()).hexdigest()
    assert np.array_equal(pixels(record), CORNERS)


@pytest.mark.parametrize("suffix", ["bmp", "gif", "png", "ppm", "tiff", "webp", "jp2", "avif", "jpg"])
def test_the_common_formats(tmp_path: Path, suffix: str) -> None:
    flat = np.full((40, 60, 3), (200, 100, 50), dtype=np.uint8)
    lossless = {"webp": {"lossless": True}}.get(suffix, {"quality": 95} if suffix in ("jpg", "avif") else {})
    Image.fromarray(flat).save(tmp_path / f"flat.{suffix}", **lossless)
    record = one(tmp_path)
    assert (record.width, record.height) == (60, 40)
    worst = np.abs(pixels(record).astype(int) - flat).max()
    assert worst <= (3 if suffix in ("jpg", "avif") else 0)


@pytest.mark.parametrize("suffix", ["jpg", "png", "tiff", "webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_rotation_is_applied(tmp_path: Path, suffix: str, orientation: int) -> None:
    # Bright top left, so that each of the eight turns differs; blocks survive JPEG.
    upright = np.zeros((32, 48), dtype=np.uint8)
    upright[:16, :16], upright[:16, 16:] = 250, 120
    # How a camera stores it, by the EXIF standard: what `orientation` says the 0th row and column are.
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.T,
        6: np.rot90(upright, 1),
        7: upright[::-1, ::-1].T,
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"quality": 95} if suffix == "jpg" else {"lossless": True} if suffix == "webp" else {}
    Image.fromarray(np.ascontiguousarray(stored)).save(tmp_path / f"turned.{suffix}", exif=exif, **options)
    record = one(tmp_path)
    assert (record.width, record.height) == (48, 32)
    seen = pixels(record, 1).astype(int)
    assert seen.shape == (32, 48)
    assert np.abs(seen - upright).max() <= (12 if suffix == "jpg" else 0)


def test_a_large_turned_jpeg_has_its_upright_size(tmp_path: Path) -> None:
    # Large enough to be decoded at an eighth while scanning: its size must not be an eighth.
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (1203, 801), "teal").save(tmp_path / "phone.jpg", exif=exif)
    record = one(tmp_path)
    assert (record.width, record.height) == (801, 1203)
    assert load(record).size == (801, 1203)


def test_broken_exif_is_no_orientation(tmp_path: Path) -> None:
    Image.new("RGB", (30, 20), "teal").save(tmp_path / "a.jpg", exif=b"Exif\0\0MM\0*\xff\xff\xff\xffgarbage")
    assert (one(tmp_path).width, one(tmp_path).height) == (30, 20)


def test_cmyk(tmp_path: Path) -> None:
    # Full cyan, magenta, yellow, key, by 255 - ink - key in each channel.
    inks = np.zeros((4, 4, 4), dtype=np.uint8)
    inks[0, :, 0] = inks[1, :, 1] = inks[2, :, 2] = inks[3, :, 3] = 255
    Image.fromarray(inks, mode="CMYK").save(tmp_path / "inks.tiff")
    expected = [[0, 255, 255], [255, 0, 255], [255, 255, 0], [0, 0, 0]]
    assert pixels(one(tmp_path))[:, 0].tolist() == expected


def test_cmyk_jpeg_is_not_inverted(tmp_path: Path) -> None:
    Image.new("CMYK", (32, 32), (0, 0, 0, 0)).save(tmp_path / "paper.jpg", quality=95)
    assert pixels(one(tmp_path)).min() >= 250


def test_cmyk_with_a_broken_profile_is_decoded_without_it(tmp_path: Path) -> None:
    Image.new("CMYK", (8, 8), (255, 0, 0, 0)).save(tmp_path / "a.tiff", icc_profile=b"not a profile")
    assert pixels(one(tmp_path))[0, 0].tolist() == [0, 255, 255]


def test_lab_goes_through_its_profile(tmp_path: Path) -> None:
    to_lab = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
    flat = Image.new("RGB", (8, 8), (200, 100, 50))
    lab = ImageCms.applyTransform(flat, to_lab)
    assert lab is not None
    lab.save(tmp_path / "lab.tiff")
    assert np.abs(pixels(one(tmp_path)).astype(int) - (200, 100, 50)).max() <= 2


def test_palette(tmp_path: Path) -> None:
    Image.fromarray(CORNERS).convert("P", palette=Image.Palette.ADAPTIVE, colors=8).save(tmp_path / "few.png")
    with Image.open(tmp_path / "few.png") as stored:
        assert stored.mode == "P"
    assert np.array_equal(pixels(one(tmp_path)), CORNERS)


def test_sixteen_bit_gray_is_scaled_and_not_clipped(tmp_path: Path) -> None:
    rows = b"".join(b"\0" + struct.pack(">2H", *row) for row in [(0, 257), (32896, 65535)])
    (tmp_path / "deep.png").write_bytes(png(2, 2, 16, 0, rows))
    assert pixels(one(tmp_path), 1).tolist() == [[0, 1], [128, 255]]
    assert pixels(one(tmp_path), 3)[1].tolist() == [[128] * 3, [255] * 3]


def test_sixteen_bit_tiff_and_pgm(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 25700, 65535]], dtype=np.uint16)).save(tmp_path / "a.tiff")
    (tmp_path / "b.pgm").write_bytes(b"P5 3 1 65535\n" + struct.pack(">3H", 0, 25700, 65535))
    for record in scan(tmp_path).images:
        assert pixels(record, 1).tolist() == [[0, 100, 255]]


def test_sixteen_bit_rgb(tmp_path: Path) -> None:
    (tmp_path / "deep.png").write_bytes(png(1, 1, 16, 2, b"\0" + struct.pack(">3H", 0, 0x80FF, 65535)))
    assert pixels(one(tmp_path)).tolist() == [[[0, 128, 255]]]


def test_floating_point_in_0_to_1(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 0.5, 1]], dtype=np.float32)).save(tmp_path / "a.tiff")
    assert pixels(one(tmp_path), 1).tolist() == [[0, 128, 255]]


def test_one_bit(tmp_path: Path) -> None:
    Image.fromarray(np.array([[True, False]])).save(tmp_path / "a.png")
    assert pixels(one(tmp_path), 1).tolist() == [[255, 0]]


def test_gray_serves_colour_models_and_colour_serves_gray_ones(tmp_path: Path) -> None:
    Image.fromarray(CORNERS[1, :, :1].T).save(tmp_path / "gray.png")
    assert pixels(one(tmp_path), 3).tolist() == [[[v] * 3 for v in (0, 128, 255)]]
    (tmp_path / "gray.png").unlink()
    Image.new("RGB", (1, 1), (255, 0, 0)).save(tmp_path / "red.png")
    assert pixels(one(tmp_path), 1).tolist() == [[76]]  # 0.299 * 255


@pytest.mark.parametrize("kind", ["RGBA", "LA", "P", "tRNS"])
def test_transparent_places_are_white(tmp_path: Path, kind: str) -> None:
    black = Image.new("RGBA", (2, 1), (0, 0, 0, 255))
    black.putpixel((0, 0), (0, 0, 0, 0))
    target = tmp_path / "a.png"
    if kind == "P":
        index = Image.fromarray(np.array([[0, 1]], dtype=np.uint8))
        index = index.convert("P")
        index.putpalette([0, 0, 0, 0, 0, 0])
        index.save(target, transparency=0)
    elif kind == "tRNS":
        picture = Image.new("RGB", (2, 1), (0, 0, 0))
        picture.putpixel((0, 0), (1, 2, 3))
        picture.save(target, transparency=(1, 2, 3))
    else:
        black.convert(kind).save(target)
    assert pixels(one(tmp_path)).tolist() == [[[255] * 3, [0] * 3]]
    assert pixels(one(tmp_path), 1).tolist() == [[255, 0]]


def test_half_transparent_is_mixed_with_white_and_kept_for_four_channels(tmp_path: Path) -> None:
    Image.new("RGBA", (1, 1), (100, 0, 200, 51)).save(tmp_path / "a.png")  # a fifth
    assert pixels(one(tmp_path)).tolist() == [[[224, 204, 244]]]
    assert pixels(one(tmp_path), 4).tolist() == [[[100, 0, 200, 51]]]


def test_opaque_pictures_serve_four_channels(tmp_path: Path) -> None:
    Image.fromarray(CORNERS).save(tmp_path / "a.png")
    four = pixels(one(tmp_path), 4)
    assert np.array_equal(four[..., :3], CORNERS)
    assert (four[..., 3] == 255).all()


@pytest.mark.parametrize("suffix", ["gif", "webp", "png", "tiff"])
def test_animated_gives_its_first_frame_and_says_so(tmp_path: Path, suffix: str) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "lime", "blue")]
    options = {"lossless": True} if suffix == "webp" else {}
    frames[0].save(tmp_path / f"a.{suffix}", save_all=True, append_images=frames[1:], **options)
    record = one(tmp_path)
    assert record.note == "the first of 3 frames"
    assert pixels(record)[0, 0].tolist() == [255, 0, 0]


def test_one_pixel(tmp_path: Path) -> None:
    Image.new("RGB", (1, 1), (1, 2, 3)).save(tmp_path / "dot.png")
    assert pixels(one(tmp_path)).tolist() == [[[1, 2, 3]]]
