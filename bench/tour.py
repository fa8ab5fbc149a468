"""The tour of the default model on a processor four times slower: when words and the picture are painted, when the maps are.

    python bench/tour.py [SITE]      writes bench/results/tour.json

Chromium holds the processor back itself. The home page of the same site is measured by turns with it: A B A B, the least of each.
Without SITE the default model's maps are drawn first, into a folder that is gone afterwards.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from _timing import keep
from playwright.sync_api import Browser, sync_playwright

SLOWER = 4
ROUNDS = 5
PAINTED = 1000
"""Milliseconds in which the first paint is due."""
CONFIG = "model: efficientnet_lite0\nmethods: [feature_maps, kernels]\npreset: quick\ntrust: none\ndevice: cpu\n"
WATCH = """() => { const tick = () => {
  const seen = [...document.querySelectorAll('.tour-column--layer')].filter((li) => { const r = li.getBoundingClientRect(); return r.width && r.left < innerWidth && r.right > 0; });
  if (seen.length && seen.every((li) => li.querySelector('.tour-tiles'))) self.drawn = performance.now(); else requestAnimationFrame(tick); };
  tick(); }"""


def opened(browser: Browser, address: str, maps: bool) -> dict[str, float]:
    """Milliseconds to the first paint, and to the maps of all columns in sight."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    page.goto(address, wait_until="load")
    found = {"first paint": page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")}
    if maps:
        page.evaluate(WATCH)
        page.wait_for_function("self.drawn", timeout=60000)
        found["maps in sight"] = page.evaluate("self.drawn")
    context.close()
    return found


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        if len(sys.argv) > 1:
            site = Path(sys.argv[1]).resolve()
        else:
            (Path(folder) / "report.yml").write_text(CONFIG, "utf-8")
            code = "from generator.cli import main; main()"
            subprocess.run([sys.executable, "-c", code, "build"], cwd=folder, check=True, capture_output=True)
            site = Path(folder) / "site"
        chrome = os.environ.get("CHROME_PATH") or shutil.which("chromium") or shutil.which("google-chrome")
        found: dict[str, list[dict[str, float]]] = {"tour": [], "home": []}
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chrome, args=["--no-sandbox", "--disable-gpu"])
            for _ in range(ROUNDS):
                found["tour"].append(opened(browser, f"{site.as_uri()}/tour.html", maps=True))
                found["home"].append(opened(browser, f"{site.as_uri()}/index.html", maps=False))
            browser.close()
    least = {page: {what: round(min(one[what] for one in all_)) for what in all_[0]} for page, all_ in found.items()}
    for page, figures in least.items():
        print(page, ", ".join(f"{what} {value} ms" for what, value in figures.items()), f"({SLOWER}x slower)")
    print(f"first paint of the tour: {least['tour']['first paint']} ms, bound {PAINTED} ms")
    keep("tour", {"slower": SLOWER, "rounds": ROUNDS, "ms": least, "bound": PAINTED})


if __name__ == "__main__":
    main()
