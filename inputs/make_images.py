"""Make `inputs/images/`, `inputs/digits/` and `inputs/examples/` from what others ship.

    python inputs/make_images.py            writes the pictures again; the same packages give the same bytes

The packages are scikit-image, scikit-learn and matplotlib, and for the examples Debian's `tuxpaint-stamps-default`; without the
last the examples stay as they are. Who made each picture, and under which licence, stands in `inputs/CREDITS.md`. A JPEG that is small enough is copied
as it is, so that nothing is lost by a second compression.
"""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path

from PIL import Image

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


def examples() -> list[str]:
    """Names of the cut-outs in `examples/list.txt`, without their suffix: vehicles/flight/balloon360."""
    lines = (HERE / "examples" / "list.txt").read_text("utf-8").splitlines()
    return [line.removesuffix(".jpg") for line in lines if not line.startswith(("#", ".."))]


def write_example(source: Path, target: Path) -> None:
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
    for name in examples() if STAMPS.is_dir() else ():
        write_example(STAMPS / f"{name}.png", HERE / "examples" / f"{name}.jpg")


if __name__ == "__main__":
    main()
