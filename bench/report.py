"""The default report: how long, how large, what a second build and one image more cost, and whether memory stays flat.

    python bench/report.py      writes bench/results/report.json

Each build is a process of its own, as a user starts it; set-up (installing) is not counted.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from _timing import keep
from PIL import Image

from generator.resources import packaged

MEASURED = """
import atexit, json, resource, sys
from generator.cli import main
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
atexit.register(lambda: print(json.dumps({"peak_mib": peak()}), file=sys.stderr))
main()
"""


def build(folder: Path, *arguments: str) -> dict[str, object]:
    """Build in `folder` and tell the seconds, the peak memory, the passes and the size of the site."""
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, "build", *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    took = time.perf_counter() - start
    if done.returncode:
        raise SystemExit(done.stderr)
    peak = json.loads(done.stderr.strip().splitlines()[-1])["peak_mib"]
    run = json.loads((folder / "site" / "run.json").read_text("utf-8"))
    return {
        "seconds": round(took, 1),
        "peak MiB": round(peak),
        "passes run": run["passes"]["run"],
        "site MB": round(run["bytes"] / 1e6, 1),
        "timings": run["timings"],
    }


def many(folder: Path, count: int) -> Path:
    """`count` pictures: the sample photographs, each time turned and mirrored a little differently."""
    target = folder / f"images-{count}"
    target.mkdir(parents=True)
    sources = sorted(packaged("inputs/images").glob("*.jpg"))
    for k in range(count):
        with Image.open(sources[k % len(sources)]) as picture:
            picture.convert("RGB").rotate(3 * (k // len(sources))).save(target / f"{k:04}.jpg", quality=90)
    return target


def main() -> None:
    """Measure all of it."""
    figures: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        images = folder / "images"
        shutil.copytree(packaged("inputs/images"), images)
        last = images / "rocket.jpg"
        aside = folder / "rocket.jpg"
        shutil.move(last, aside)
        figures["all but one image"] = build(folder, "--images", str(images))
        shutil.move(aside, last)
        figures["one image more"] = build(folder, "--images", str(images))
        figures["unchanged"] = build(folder, "--images", str(images))
        shutil.rmtree(folder / ".convatlas")
        figures["from nothing"] = build(folder, "--images", str(images))
    light = ("--methods", "feature_maps,grad_cam,grad_cam_pp,saliency,guided_backprop", "--layers", "conv")
    for count in (20, 200):
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            figures[f"{count} images"] = build(folder, "--images", str(many(folder, count)), *light)
    small, large = figures["20 images"]["peak MiB"], figures["200 images"]["peak MiB"]  # type: ignore[index]
    figures["peak memory, 200 images over 20"] = round(large / small, 3)
    keep("report", figures)


if __name__ == "__main__":
    main()
