"""The page's preprocessing is generator/model/preprocess.py's: to the bit for Pillow, within a level for torch's own."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from generator.model.preprocess import Preprocess
from generator.pages.live import settings

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SCRIPT = Path(__file__).resolve().parents[2] / "templates/assets/js/live-preprocess.js"
SIZES = ((97, 131), (300, 200), (64, 64), (40, 30), (500, 167), (167, 500), (20, 300))
SHAPES: tuple[dict[str, Any], ...] = (
    {"size": (56, 64), "resize": 72},
    {"size": (50, 70), "crop": "none"},
    {"size": (80, 80)},
    {"size": (33, 44), "resize": (60, 51)},
    {"size": (90, 41), "resize": 60},
    {"size": (64, 96), "resize": "cover"},
    {"size": (91, 40), "resize": "cover"},
)
RUN = """({w, h, c, rgba, settings}) => {
  const P = self.livePreprocess, own = Uint8Array.from(atob(rgba), (x) => x.charCodeAt(0));
  const x = P.input(P.seen(P.channels(new Uint8ClampedArray(own.buffer), w, h, c), settings), settings);
  let text = ''; for (const byte of new Uint8Array(x.buffer)) text += String.fromCharCode(byte);
  return btoa(text);
}"""


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    opened = browser.new_page()
    opened.add_script_tag(content=SCRIPT.read_text("utf-8"))
    yield opened
    opened.close()


def picture(height: int, width: int, channels: int) -> Image.Image:
    """Noise on waves: sharp and smooth places."""
    rng = np.random.default_rng(height * width + channels)
    y, x = np.mgrid[0:height, 0:width]
    waves = ((np.sin(x / 9) + np.cos(y / 7)) * 60 + 127).astype(np.uint8)[..., None]
    pixels = (rng.integers(0, 256, (height, width, channels), dtype=np.uint8) // 4 + waves // 4 * 3).astype(np.uint8)
    return Image.fromarray(pixels[:, :, 0] if channels == 1 else pixels)


def in_the_page(page: Page, image: Image.Image, preprocess: Preprocess) -> np.ndarray:
    given = {"w": image.width, "h": image.height, "c": preprocess.channels, "settings": settings(preprocess),
             "rgba": base64.b64encode(image.convert("RGBA").tobytes()).decode()}  # fmt: skip
    found = np.frombuffer(base64.b64decode(page.evaluate(RUN, given)), np.float32)
    return found.reshape(preprocess.channels, *preprocess.size)


def of(channels: int, **how: Any) -> Preprocess:
    mean, std = (0.485, 0.456, 0.406, 0.3), (0.229, 0.224, 0.225, 0.4)
    return Preprocess(mean=mean[:channels], std=std[:channels], channels=channels, **how)


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "bicubic", "lanczos", "box", "hamming"])
def test_as_pillow_to_the_bit(page: Page, interpolation: str):
    for (height, width), channels, shape in product(SIZES, (1, 3, 4), SHAPES):
        preprocess = of(channels, interpolation=interpolation, **shape)
        image = picture(height, width, channels)
        found, expected = in_the_page(page, image, preprocess), preprocess(image).numpy()
        if isinstance(shape.get("resize"), (int, str)) or interpolation == "nearest":
            np.testing.assert_array_equal(found, expected, err_msg=f"{(height, width)} {channels} {shape}")
        elif channels < 4:  # where a shape changes, Pillow may take rows first: each pass rounds to bytes
            levels = np.abs(found - expected) * np.array(preprocess.std, np.float32)[:, None, None] * 255
            assert levels.max() < 1.01


@pytest.mark.parametrize("interpolation", ["nearest", "nearest-exact", "bilinear", "bicubic"])
def test_as_torch_without_antialiasing_within_a_level(page: Page, interpolation: str):
    for (height, width), channels, shape in product(SIZES[:5], (1, 3), SHAPES):
        preprocess = of(channels, interpolation=interpolation, antialias=False, **shape)
        image = picture(height, width, channels)
        found, expected = in_the_page(page, image, preprocess), preprocess(image).numpy()
        levels = np.abs(found - expected) * np.array(preprocess.std, np.float32)[:, None, None] * 255
        assert levels.max() < (0.01 if interpolation.startswith("nearest") else 1.01)
        assert (levels > 0.01).mean() < 0.005, f"{(height, width)} {channels} {shape}"


def test_only_what_is_kept_is_resized_where_the_whole_would_not_fit(page: Page):
    preprocess = of(3, size=(32, 32), resize=40)
    image = picture(3, 9000, 3)
    given = settings(preprocess) | {"limit": 1000}
    full = in_the_page(page, image, preprocess)
    part = page.evaluate(RUN, {"w": image.width, "h": image.height, "c": 3, "settings": given,
                               "rgba": base64.b64encode(image.convert("RGBA").tobytes()).decode()})  # fmt: skip
    found = np.frombuffer(base64.b64decode(part), np.float32).reshape(3, 32, 32)
    levels = np.abs(found - full) * np.array(preprocess.std, np.float32)[:, None, None] * 255
    assert levels.max() < 2.01


def test_gray_and_transparent_pictures(page: Page):
    clear = Image.new("RGBA", (40, 40), (200, 30, 90, 0))
    opaque = Image.new("RGBA", (40, 40), (200, 30, 90, 255))
    for image in (clear, opaque, opaque.convert("L")):
        for channels in (1, 3):
            preprocess = of(channels, size=(40, 40))
            np.testing.assert_array_equal(in_the_page(page, image, preprocess), preprocess(image).numpy())
