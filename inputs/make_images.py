"""Make `inputs/images/`, `inputs/digits/` and `inputs/examples/` from what others ship.

    python inputs/make_images.py            writes the pictures again; the same packages give the same bytes

The packages are scikit-image, scikit-learn and matplotlib, and for the cut-outs among the examples Debian's `tuxpaint-stamps-default`;
without the last the cut-outs stay as they are. Who made each picture, and under which licence, stands in `inputs/CREDITS.md`. A JPEG that is small enough is copied
as it is, so that nothing is lost by a second compression.
"""

from __future__ import annotations

import importlib.util
import shutil
import sys
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

HERE = Path(__file__).resolve().parent
STAMPS = Path("/usr/share/tuxpaint/stamps")
EXAMPLE = 256
"""Pixels of an example's side: models read 224 to 256 of them."""
MARGIN = 15
"""Pixels kept free around the thing, which a model's crop cuts off."""
LONGER_SIDE = 768
QUALITY = 90
LIMIT = 150_000
"""Bytes a picture may take, so that a clone of the project stays light."""

PHOTOGRAPHS = {
    "astronaut": ("skimage", "data/astronaut.png"),
    "camera": ("skimage", "data/camera.png"),
    "chelsea": ("skimage", "data/chelsea.png"),
    "china": ("sklearn", "datasets/images/china.jpg"),
    "coffee": ("skimage", "data/coffee.png"),
    "flower": ("sklearn", "datasets/images/flower.jpg"),
    "grace_hopper": ("matplotlib", "mpl-data/sample_data/grace_hopper.jpg"),
    "rocket": ("skimage", "data/rocket.jpg"),
}
"""File stem -> (package, path inside it)."""

SURFACES = {
    "brick": ("skimage", "data/brick.png"),
    "clock": ("skimage", "data/clock_motion.png"),
    "coins": ("skimage", "data/coins.png"),
    "galaxies": ("skimage", "data/hubble_deep_field.jpg"),
    "glands": ("skimage", "data/ihc.png"),
    "grass": ("skimage", "data/grass.png"),
    "gravel": ("skimage", "data/gravel.png"),
    "letters": ("skimage", "data/text.png"),
    "retina": ("skimage", "data/retina.jpg"),
}
"""The same for photographs among the examples that fill their frame."""

TEXT = """A convolution lays a small window of weights on a picture, multiplies what lies under it by the weights, adds it all up
and writes the sum into a map; then the window moves on. Where the picture looks like the weights the sum is large. A network stacks
many such layers: the first answer to edges and colours, later ones to textures, then to parts of things, and at last to whole
things."""
"""What the pages of text say, over and over."""
FONTS = "mpl-data/fonts/ttf"
"""Where matplotlib keeps DejaVu."""


@dataclass(frozen=True)
class Page:
    """How a page of text is set: colours of paper and ink, DejaVu's font, its size in pixels, the columns, the lean in degrees."""

    paper: str
    ink: str
    font: str
    size: int
    columns: int = 1
    lean: float = 0.0
    headline: str = ""


PAGES = {
    "blackboard": Page("#20382c", "#f2f2e8", "DejaVuSans-Oblique", 20),
    "book": Page("#fbf6e9", "#222222", "DejaVuSerif", 11),
    "label": Page("#f7d046", "#222222", "DejaVuSans-Bold", 18, lean=-8),
    "large_print": Page("#ffffff", "#000000", "DejaVuSans-Bold", 26),
    "letter": Page("#ffffff", "#1a2a6c", "DejaVuSans-Oblique", 14, lean=6),
    "newspaper": Page("#eeeade", "#111111", "DejaVuSerif", 8, columns=3, headline="THE MAP"),
    "poster": Page("#c8102e", "#ffffff", "DejaVuSans-Bold", 34),
    "screen": Page("#10141a", "#9fe29f", "DejaVuSansMono", 10),
    "small_print": Page("#f4f4f0", "#333333", "DejaVuSans", 7, columns=2),
}
"""File stem -> how it is set."""


def package_file(package: str, path: str) -> Path:
    """Where an installed package keeps a file of its own, without importing the package."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit(f"{package} is not installed: pip install scikit-image scikit-learn matplotlib")
    return Path(spec.submodule_search_locations[0]) / path


def write_photograph(source: Path, target: Path) -> None:
    """Copy a JPEG that is small enough; else scale the longer side down to 768 px and compress, to at most `LIMIT`."""
    with Image.open(source) as image:
        if image.format == "JPEG" and max(image.size) <= LONGER_SIDE and source.stat().st_size <= LIMIT:
            shutil.copyfile(source, target)
            return
        gray = image.mode in ("1", "L", "LA", "I;16")
        picture = image.convert("L" if gray else "RGB")
    picture.thumbnail((LONGER_SIDE, LONGER_SIDE), Image.Resampling.LANCZOS)
    for quality in range(QUALITY, 50, -5):
        picture.save(target, "JPEG", quality=quality, optimize=True)
        if target.stat().st_size <= LIMIT:
            return
    raise SystemExit(f"{target.name} stays above {LIMIT} bytes at quality 55")


def cut_outs() -> list[str]:
    """Names of the cut-outs in `examples/list.txt`, without their suffix: vehicles/flight/balloon360."""
    lines = (HERE / "examples" / "list.txt").read_text("utf-8").splitlines()
    return [line.removesuffix(".jpg") for line in lines if not line.startswith(("#", "..", "pages/", "surfaces/"))]


def write_cut_out(source: Path, target: Path) -> None:
    """A cut-out with its thing as large as it goes in a white square."""
    with Image.open(source) as image:
        cut = image.convert("RGBA")
    cut = cut.crop(cut.getchannel("A").point(lambda alpha: 255 * (alpha > 8)).getbbox())
    scale = (EXAMPLE - 2 * MARGIN) / max(cut.size)
    size = tuple(max(1, round(side * scale)) for side in cut.size)
    cut = cut.convert("RGBa").resize(size, Image.Resampling.LANCZOS).convert("RGBA")
    square = Image.new("RGBA", (EXAMPLE, EXAMPLE), "white")
    square.alpha_composite(cut, ((EXAMPLE - size[0]) // 2, (EXAMPLE - size[1]) // 2))
    target.parent.mkdir(parents=True, exist_ok=True)
    square.convert("RGB").save(target, "JPEG", quality=82, optimize=True)


def write_surface(source: Path, target: Path) -> None:
    """The middle square of a photograph."""
    with Image.open(source) as image:
        picture = image.convert("RGB")
    side = min(picture.size)
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    square = picture.crop((left, top, left + side, top + side)).resize((EXAMPLE, EXAMPLE), Image.Resampling.LANCZOS)
    target.parent.mkdir(parents=True, exist_ok=True)
    square.save(target, "JPEG", quality=75, optimize=True)


def write_page(page: Page, fonts: Path, target: Path) -> None:
    """A page full of `TEXT`, in DejaVu of the folder `fonts`."""
    sheet = Image.new("RGB", (EXAMPLE, EXAMPLE), page.paper)
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.truetype(str(fonts / f"{page.font}.ttf"), page.size)
    top, gap = MARGIN, 8
    if page.headline:
        large = ImageFont.truetype(str(fonts / f"{page.font}-Bold.ttf"), 2 * page.size)
        draw.text((EXAMPLE // 2, MARGIN), page.headline, font=large, fill=page.ink, anchor="ma")
        top += 3 * page.size
    width = (EXAMPLE - 2 * MARGIN + gap) // page.columns - gap
    words = cycle(TEXT.split())
    word = next(words)
    for column in range(page.columns):
        for y in range(top, EXAMPLE - MARGIN - page.size, round(1.3 * page.size)):
            line, word = word, next(words)
            while font.getlength(f"{line} {word}") <= width:
                line, word = f"{line} {word}", next(words)
            draw.text((MARGIN + column * (width + gap), y), line, font=font, fill=page.ink)
    turned = sheet.rotate(page.lean, Image.Resampling.BICUBIC, fillcolor=page.paper)
    target.parent.mkdir(parents=True, exist_ok=True)
    turned.save(target, "JPEG", quality=75, optimize=True)


def write_digits(folder: Path) -> None:
    """One digit of each class, the first of it in the held-out fifth, as 32x32 gray PNG."""
    sys.path.insert(0, str(HERE / "models"))
    import digits

    pictures, labels, held_out = digits.load()
    for digit in range(10):
        first = next(i for i in range(len(labels)) if held_out[i] and labels[i] == digit)
        Image.fromarray(pictures[first]).save(folder / f"{digit}-a.png", optimize=True)


def main() -> None:
    """Write every picture anew."""
    images, digit_images = HERE / "images", HERE / "digits"
    images.mkdir(exist_ok=True)
    digit_images.mkdir(exist_ok=True)
    for stem, (package, path) in PHOTOGRAPHS.items():
        write_photograph(package_file(package, path), images / f"{stem}.jpg")
    write_digits(digit_images)
    for stem, (package, path) in SURFACES.items():
        write_surface(package_file(package, path), HERE / "examples" / "surfaces" / f"{stem}.jpg")
    for stem, page in PAGES.items():
        write_page(page, package_file("matplotlib", FONTS), HERE / "examples" / "pages" / f"{stem}.jpg")
    for name in cut_outs() if STAMPS.is_dir() else ():
        write_cut_out(STAMPS / f"{name}.png", HERE / "examples" / f"{name}.jpg")


if __name__ == "__main__":
    main()
