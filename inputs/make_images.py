"""Make `inputs/images/` and `inputs/digits/` from what scikit-image, scikit-learn and matplotlib ship.

    python inputs/make_images.py            writes the pictures again; the same packages give the same bytes

Who made each picture, and under which licence, stands in `inputs/CREDITS.md`. A JPEG that is small enough is copied
as it is, so that nothing is lost by a second compression.
"""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path

from PIL import Image

HERE = Path(__file__).resolve().parent
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


if __name__ == "__main__":
    main()
