"""What is no picture, or a damaged one, is skipped with its reason, and never an exception."""

from __future__ import annotations

import os
import random
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from generator.images import scan
from generator.images.decode import LIMIT_PIXELS
from tests.picture_files import CORNERS, png, reason


@pytest.mark.parametrize("worst", [2.5, -1.0, float("nan")])
def test_floating_point_of_unknown_range_is_skipped(tmp_path: Path, worst: float) -> None:
    Image.fromarray(np.array([[0, worst]], dtype=np.float32)).save(tmp_path / "a.tiff")
    assert "floating-point" in reason(tmp_path, "a.tiff")


def test_integers_of_unknown_range_are_skipped(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 70000]], dtype=np.int32)).save(tmp_path / "a.tiff")
    assert "32-bit" in reason(tmp_path, "a.tiff")


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
