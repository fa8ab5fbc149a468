"""Bytes of any common picture -> pixels as a reader sees them: upright, 8 bits, on white, first frame.

    open ─▶ measure (refuse bombs) ─▶ decode ─▶ turn as EXIF says ─▶ 8 bits ─▶ put on white ─▶ L, RGB or RGBA

What cannot be decoded leaves as `Undecodable` with a sentence; nothing else does, but for what the disk raises.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, ImageCms, UnidentifiedImageError

FORMATS = ("AVIF", "BMP", "DIB", "GIF", "JPEG", "JPEG2000", "MPO", "PNG", "PPM", "TIFF", "WEBP")
"""What may be opened, where Pillow was built with it. Not EPS or WMF: decoding those starts other programs."""
LIMIT_PIXELS = 100_000_000
MODES = {1: "L", 3: "RGB", 4: "RGBA"}
"""Channels of a model's input -> Pillow's mode."""

_QUICK = (64, 64)
_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF orientation -> what makes it upright."""


class Undecodable(Exception):
    """Why a picture cannot be used: one plain sentence."""


@dataclass(frozen=True)
class Decoded:
    """A picture, its size when upright (also where `picture` itself was decoded small), and how many frames follow."""

    picture: Image.Image
    width: int
    height: int
    frames: int = 1


@contextmanager
def bombs_measured() -> Iterator[None]:
    """Let `decode` see the size of a picture that Pillow would refuse to open, so that the reason can name it.

    Pillow's own limit is one value for the whole process: hold this around a scan, not around work in threads.
    """
    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = limit


def decode(file: BinaryIO, channels: int = 3, *, quick: bool = False) -> Decoded:
    """Decode the first frame of an open file as L, RGB or RGBA for 1, 3 or 4 channels.

    `quick` lets a JPEG be decoded at an eighth of its size: all of its bytes are still read, which is what finds the
    damaged ones. Raises Undecodable; OSError only where the file itself cannot be read.
    """
    head = file.read(512)
    file.seek(0)
    if not head:
        raise Undecodable("The file is empty (0 bytes).")
    try:
        with Image.open(file, formats=_formats()) as image:
            width, height = image.size
            if width * height > LIMIT_PIXELS:
                raise Undecodable(
                    f"It is {width:,} x {height:,} pixels ({width * height / 1e6:,.0f} megapixels); "
                    f"the limit is {LIMIT_PIXELS / 1e6:,.0f} megapixels."
                )
            drafted = quick and image.format == "JPEG" and image.draft("", _QUICK) is not None
            image.load()
            turn = _TURNS.get(orientation(image))
            picture = with_channels(image if turn is None else image.transpose(turn), channels)
            if not drafted:
                width, height = picture.size
            elif turn is not None and turn >= Image.Transpose.ROTATE_90 and turn != Image.Transpose.ROTATE_180:
                width, height = height, width
            frames = _frames(image)
            if picture is not image:
                image.close()  # Pillow's objects wait for the garbage collector; their pixels must not
            return Decoded(picture, width, height, frames)
    except Undecodable:
        raise
    except UnidentifiedImageError:
        raise Undecodable(_unidentified(head)) from None
    except MemoryError:
        raise Undecodable("There was not enough memory to decode it.") from None
    except Image.DecompressionBombError as error:
        raise Undecodable(f"It is too large: {_line(error)}.") from None
    except Exception as error:  # decoders raise whatever a damaged byte leads them to
        raise Undecodable(f"The image data end early or are damaged ({_line(error)}).") from None


def with_channels(image: Image.Image, channels: int) -> Image.Image:
    """Return a picture of any mode as L, RGB or RGBA, 8 bits a channel; without alpha it stands on white.

    16-bit gray is scaled (Pillow's own conversion clips it). CMYK goes through its embedded profile if it has one.
    Profiles of RGB pictures are not applied: the pipelines that models are trained with read the numbers as they are.
    Raises Undecodable where the pixels' range is unknown.
    """
    if channels not in MODES:
        raise Undecodable(f"Pictures have 1, 3 or 4 channels; the model reads {channels}.")
    wanted = MODES[channels]
    plain = _eight_bit(image)
    if plain.mode == "RGBA" and wanted != "RGBA":
        plain = Image.alpha_composite(Image.new("RGBA", plain.size, "white"), plain).convert("RGB")
    return plain if plain.mode == wanted else plain.convert(wanted)


@cache
def _formats() -> list[str]:
    Image.init()
    return [name for name in FORMATS if name in Image.OPEN]


def _eight_bit(image: Image.Image) -> Image.Image:
    """L or RGB; RGBA where the picture has transparent places."""
    mode = image.mode
    if mode.startswith("I;16"):
        return _scaled(image, 65535)
    if mode == "I":
        low, high = image.getextrema()
        if low < 0 or high > 65535:  # type: ignore[operator]
            raise Undecodable("Its pixels are 32-bit integers beyond 0..65535, whose range is unknown.")
        return _scaled(image, 65535)
    if mode == "F":
        values = np.asarray(image)
        if not (values.min() >= 0 and values.max() <= 1):  # false for NaN as well
            raise Undecodable("Its pixels are floating-point numbers beyond 0..1, whose range is unknown.")
        return _scaled(image, 1)
    if mode == "La":
        image = image.convert("LA")
    if image.has_transparency_data:
        return image.convert("RGBA")
    if mode in ("1", "L"):
        return image.convert("L")
    if mode in ("CMYK", "LAB"):
        return _managed(image)
    return image.convert("RGB")


def _scaled(image: Image.Image, top: int) -> Image.Image:
    """Gray levels 0..top to 0..255, rounded."""
    return Image.fromarray(np.round(np.asarray(image, dtype=np.float32) * (255 / top)).astype(np.uint8))


def _managed(image: Image.Image) -> Image.Image:
    """CMYK or LAB to RGB through a colour profile; CMYK without a usable one by Pillow's plain rule."""
    embedded = image.info.get("icc_profile")
    try:
        source: Any = ImageCms.ImageCmsProfile(BytesIO(embedded)) if embedded else None
        if image.mode == "LAB":
            source = ImageCms.createProfile("LAB")
        if source is not None:
            converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
            if converted is not None:
                return converted
    except (ImageCms.PyCMSError, OSError, ImportError):
        pass  # a broken profile is no reason to lose the picture
    return image.convert("RGB")


def orientation(image: Image.Image) -> int:
    """1 to 8; 1 where there is none or it cannot be read."""
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except (ValueError, TypeError, KeyError, SyntaxError, OSError, struct.error):
        return 1


def _frames(image: Image.Image) -> int:
    """Frames or pages in the file; the pictures that a phone keeps beside the one (MPO) are not such."""
    if image.format == "MPO":
        return 1
    try:
        return int(getattr(image, "n_frames", 1))
    except Exception:  # the later frames may be damaged, and are not used
        return 1


def _unidentified(head: bytes) -> str:
    if head[4:8] == b"ftyp" and head[8:12] in (b"heic", b"heix", b"mif1", b"msf1", b"hevc"):
        return "It is a HEIC picture, which is not supported; save it as JPEG or PNG."
    known = "AVIF, BMP, GIF, JPEG, JPEG 2000, PNG, PPM, TIFF or WebP"
    if head.isascii() and b"\0" not in head:
        return f"It holds text, not a picture; expected {known}."
    return f"It is not a picture that can be read; expected {known}."


def _line(error: BaseException) -> str:
    """The error's message on one line, or its name where it has none."""
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__
