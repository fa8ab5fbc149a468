"""Every kind of picture a folder can hold: decoded right, or skipped with its reason, and never an exception."""

from __future__ import annotations

import gc
import hashlib
import os
import random
import struct
import weakref
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, PngImagePlugin

from generator.errors import UserError
from generator.images import ImageRecord, load, scan
from generator.images.decode import LIMIT_PIXELS

CORNERS = np.array(
    [[[250, 10, 20], [10, 240, 30], [20, 30, 230]], [[0, 0, 0], [128, 128, 128], [255, 255, 255]]], dtype=np.uint8
)
"""Two rows of three pixels, all different: what is turned or swapped is seen."""


def one(folder: Path) -> ImageRecord:
    """The only picture of a folder, with nothing skipped."""
    found = scan(folder)
    assert found.skipped == ()
    (record,) = found.images
    return record


def pixels(record: ImageRecord, channels: int = 3) -> np.ndarray:
    """Decoded, as an array."""
    return np.asarray(load(record, channels))


def reason(folder: Path, name: str) -> str:
    """Why `name` was skipped in a folder that holds a good picture beside it."""
    Image.fromarray(CORNERS).save(folder / "good.png")
    found = scan(folder)
    assert [record.name for record in found.images] == ["good"]
    (skipped,) = found.skipped
    assert skipped.path == name
    assert "\n" not in skipped.reason
    assert skipped.reason.endswith(".")
    return skipped.reason


def png(width: int, height: int, depth: int, colour: int, rows: bytes) -> bytes:
    """A PNG by hand: `rows` are the unfiltered scan lines, each behind its filter byte 0."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


# --- what is decoded ---


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


@pytest.mark.parametrize("worst", [2.5, -1.0, float("nan")])
def test_floating_point_of_unknown_range_is_skipped(tmp_path: Path, worst: float) -> None:
    Image.fromarray(np.array([[0, worst]], dtype=np.float32)).save(tmp_path / "a.tiff")
    assert "floating-point" in reason(tmp_path, "a.tiff")


def test_integers_of_unknown_range_are_skipped(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 70000]], dtype=np.int32)).save(tmp_path / "a.tiff")
    assert "32-bit" in reason(tmp_path, "a.tiff")


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


# --- what is skipped, and why ---


def test_zero_bytes(tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").touch()
    assert reason(tmp_path, "empty.jpg") == "The file is empty (0 bytes)."


def test_text_called_jpg(tmp_path: Path) -> None:
    (tmp_path / "note.jpg").write_text("This is no picture.\n")
    assert "holds text" in reason(tmp_path, "note.jpg")


def test_bytes_called_jpg(tmp_path: Path) -> None:
    (tmp_path / "noise.jpg").write_bytes(bytes(range(256)) * 4)
    assert "not a picture" in reason(tmp_path, "noise.jpg")


def test_heic_is_named(tmp_path: Path) -> None:
    (tmp_path / "phone.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    assert "HEIC" in reason(tmp_path, "phone.heic")


@pytest.mark.parametrize("suffix", ["jpg", "png", "gif", "bmp", "tiff", "webp"])
@pytest.mark.parametrize("keep", [0.02, 0.5, 0.9])
def test_truncated(tmp_path: Path, suffix: str, keep: float) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (200, 300, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / f"whole.{suffix}")
    whole = (tmp_path / f"whole.{suffix}").read_bytes()
    (tmp_path / f"whole.{suffix}").unlink()
    (tmp_path / f"cut.{suffix}").write_bytes(whole[: int(len(whole) * keep)])
    assert reason(tmp_path, f"cut.{suffix}")


def test_truncated_says_so(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (200, 300, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "cut.jpg")
    os.truncate(tmp_path / "cut.jpg", 20_000)
    assert "end early" in reason(tmp_path, "cut.jpg")


def test_a_bomb_is_measured_and_not_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # 20,000 x 20,000 black pixels in 48 kB: 400 MB if it were decoded.
    row = b"\0" * 2501
    (tmp_path / "bomb.png").write_bytes(png(20_000, 20_000, 1, 0, row * 20_000))
    limit = Image.MAX_IMAGE_PIXELS
    decoded: list[tuple[int, int]] = []
    load_png = PngImagePlugin.PngImageFile.load

    def noted(image: PngImagePlugin.PngImageFile) -> object:
        decoded.append(image.size)
        return load_png(image)

    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load", noted)
    said = reason(tmp_path, "bomb.png")
    assert "20,000 x 20,000" in said
    assert "400 megapixels" in said
    assert set(decoded) == {(3, 2)}
    assert limit == Image.MAX_IMAGE_PIXELS


def test_the_limit_itself_is_decoded(tmp_path: Path) -> None:
    side = int(LIMIT_PIXELS**0.5)
    (tmp_path / "large.png").write_bytes(png(side, side, 1, 0, (b"\0" + b"\xff" * ((side + 7) // 8)) * side))
    (tmp_path / "larger.png").write_bytes(png(side + 1, side, 1, 0, b""))
    found = scan(tmp_path)
    assert [record.width for record in found.images] == [side]
    assert [skipped.path for skipped in found.skipped] == ["larger.png"]


def test_a_compressed_comment_bomb(tmp_path: Path) -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("comment", "a" * (PngImagePlugin.MAX_TEXT_CHUNK + 1), zip=True)
    Image.fromarray(CORNERS).save(tmp_path / "a.png", pnginfo=info)
    assert "damaged" in reason(tmp_path, "a.png")


def test_damaged_bytes_never_raise(tmp_path: Path) -> None:
    # A thousand damaged files: whatever the decoders do, each is a record or has a reason.
    rng = random.Random(0)
    count = 0
    for suffix in ("jpg", "png", "gif", "tiff", "webp"):
        Image.fromarray(CORNERS).resize((40, 30)).save(tmp_path / f"whole.{suffix}")
        whole = (tmp_path / f"whole.{suffix}").read_bytes()
        (tmp_path / f"whole.{suffix}").unlink()
        for number in range(200):
            damaged = bytearray(whole)
            for _ in range(rng.randint(1, 8)):
                damaged[rng.randrange(len(damaged))] = rng.randrange(256)
            (tmp_path / f"{number}.{suffix}").write_bytes(damaged)
            count += 1
    found = scan(tmp_path)
    assert len(found.images) + len(found.skipped) == count
    assert found.skipped


def test_a_pipe_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    assert reason(tmp_path, "pipe.jpg") == "It is not a regular file."


def test_a_dead_link(tmp_path: Path) -> None:
    (tmp_path / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    assert "cannot be read" in reason(tmp_path, "gone.jpg")


# --- folders ---


def test_documents_and_hidden_files_are_passed_over(tmp_path: Path) -> None:
    names = ("README", "CREDITS.md", "LICENSE", "labels.txt", "a.json", "a.CSV", ".hidden.jpg", "._a.jpg", "Thumbs.db")
    for name in names:
        (tmp_path / name).write_text("x")
    (tmp_path / ".cache").mkdir()
    (tmp_path / ".cache" / "a.jpg").write_text("x")
    Image.fromarray(CORNERS).save(tmp_path / "a.png")
    assert one(tmp_path).name == "a"


def test_a_picture_without_a_suffix(tmp_path: Path) -> None:
    Image.fromarray(CORNERS).save(tmp_path / "scan", format="PNG")
    assert one(tmp_path).name == "scan"


def test_folders_below_are_classes_and_order_is_by_path(tmp_path: Path) -> None:
    for name in ("b.png", "dogs/1.png", "cats/2.png", "cats/1.png", "a.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(CORNERS).save(tmp_path / name)
    found = scan(tmp_path).images
    relative = [record.path.relative_to(tmp_path).as_posix() for record in found]
    assert relative == ["a.png", "b.png", "cats/1.png", "cats/2.png", "dogs/1.png"]
    assert [record.label for record in found] == [None, None, "cats", "cats", "dogs"]


def test_two_files_of_one_name(tmp_path: Path) -> None:
    for name in ("tom.png", "x/tom.png", "y/tom.png", "tom.bmp"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(CORNERS).save(tmp_path / name)
    found = scan(tmp_path).images
    assert [record.name for record in found] == ["tom"] * 4
    slugs = {record.path.relative_to(tmp_path).as_posix(): record.slug for record in found}
    assert len(set(slugs.values())) == 4
    assert slugs["tom.bmp"] == "tom"
    assert slugs["x/tom.png"] == "tom-" + hashlib.sha256(b"x/tom.png").hexdigest()[:8]
    # A picture more elsewhere changes no slug.
    Image.fromarray(CORNERS).save(tmp_path / "x" / "new.png")
    again = {record.path.relative_to(tmp_path).as_posix(): record.slug for record in scan(tmp_path).images}
    assert slugs.items() <= again.items()


HOSTILE = [
    "<script>alert(1)</script>".replace("/", "\u2215"),
    "a' onerror='b",
    'quote"quote',
    "{{ config }}{% raw %}",
    "`code` | pipe * [x](y)",
    "%2e%2e%2fetc",
    "  spaces  ",
    "new\nline",
    "猫",
    "кошка",
    "Café",
    "ﬁne",
    "x" * 200,
    "x" * 199 + "y",
    "index",
    "CON",
    "---",
    "\U0001f431",
    "\u202egnp.exe",
]


def test_hostile_names_are_kept_and_slugs_are_safe(tmp_path: Path) -> None:
    for name in HOSTILE:
        Image.fromarray(CORNERS).save(tmp_path / f"{name}.png")
    found = scan(tmp_path)
    assert found.skipped == ()
    assert sorted(record.name for record in found.images) == sorted(HOSTILE)
    slugs = [record.slug for record in found.images]
    assert len(set(slugs)) == len(HOSTILE)
    for slug in slugs:
        assert slug
        assert set(slug) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
        assert not slug.startswith("-")
        assert len(slug) <= 60
    by_name = {record.name: record.slug for record in found.images}
    assert by_name["Café"] == "cafe"
    assert by_name["猫"].startswith("image-")
    assert not {"index", "con"} & set(slugs)


def test_a_name_that_is_not_unicode_can_still_be_written(tmp_path: Path) -> None:
    raw = os.fsencode(tmp_path) + b"/caf\xe9.png"
    with open(raw, "wb") as file:
        Image.fromarray(CORNERS).save(file, format="PNG")
    record = one(tmp_path)
    assert record.name == "caf\ufffd"
    record.name.encode()
    assert np.array_equal(pixels(record), CORNERS)


def test_a_folder_linked_into_itself(tmp_path: Path) -> None:
    Image.fromarray(CORNERS).save(tmp_path / "a.png")
    (tmp_path / "loop").symlink_to(tmp_path)
    assert one(tmp_path).name == "a"


def test_a_linked_folder_is_entered(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "elsewhere").mkdir()
    Image.fromarray(CORNERS).save(tmp_path / "elsewhere" / "a.png")
    (tmp_path / "set" / "cats").symlink_to(tmp_path / "elsewhere")
    assert one(tmp_path / "set").label == "cats"


def test_a_single_file(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        Image.fromarray(CORNERS).save(tmp_path / name)
    (record,) = scan(tmp_path / "b.png").images
    assert (record.name, record.label) == ("b", None)


def test_the_limit_counts_good_pictures(tmp_path: Path) -> None:
    (tmp_path / "0.jpg").touch()
    for number in range(1, 5):
        Image.fromarray(CORNERS).save(tmp_path / f"{number}.png")
    found = scan(tmp_path, limit=2)
    assert [record.name for record in found.images] == ["1", "2"]
    assert len(found.skipped) == 1


# --- the user's errors ---


def error(path: Path, **options: int) -> str:
    with pytest.raises(UserError) as caught:
        scan(path, **options)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_a_missing_folder(tmp_path: Path) -> None:
    assert "does not exist" in error(tmp_path / "nowhere")


def test_an_empty_folder(tmp_path: Path) -> None:
    assert "found none" in error(tmp_path)


def test_a_folder_of_documents_only(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("x")
    assert "found none" in error(tmp_path)


def test_a_folder_of_bad_files_only(tmp_path: Path) -> None:
    (tmp_path / "a\nb.jpg").touch()
    (tmp_path / "c.jpg").touch()
    message = error(tmp_path)
    assert "none of its 2 files" in message
    assert "empty" in message


def test_a_single_bad_file(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").touch()
    assert "empty" in error(tmp_path / "a.jpg")


def test_a_limit_of_none_at_all(tmp_path: Path) -> None:
    assert "at least 1" in error(tmp_path, limit=0)


def test_a_file_that_is_gone_when_it_is_loaded(tmp_path: Path) -> None:
    Image.fromarray(CORNERS).save(tmp_path / "a.png")
    record = one(tmp_path)
    record.path.write_bytes(b"")
    with pytest.raises(UserError, match="not any more"):
        load(record)
    record.path.unlink()
    with pytest.raises(UserError, match="not any more"):
        load(record)


# --- batches and memory ---


def holds_pixels(image: Image.Image | None) -> bool:
    """False for a closed picture: Pillow refuses its pixels."""
    try:
        return image is not None and image.im is not None
    except ValueError:
        return False


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA"])
def test_a_scan_holds_the_pixels_of_one_picture_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    opened: list[weakref.ref[Image.Image]] = []
    most = 0
    load_png = PngImagePlugin.PngImageFile.load

    def noted(image: PngImagePlugin.PngImageFile) -> object:
        nonlocal most
        if all(held() is not image for held in opened):
            opened.append(weakref.ref(image))
        loaded = load_png(image)
        most = max(most, sum(holds_pixels(held()) for held in opened))
        return loaded

    for number in range(20):
        Image.new(mode, (10, 10)).save(tmp_path / f"{number}.png")
    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load", noted)
    gc.disable()  # what is freed is freed without its help
    try:
        found = scan(tmp_path)
        assert not any(holds_pixels(held()) for held in opened)
    finally:
        gc.enable()
    assert len(found.images) == len(opened) == 20
    assert most == 1
