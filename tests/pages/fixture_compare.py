"""A small report to compare, whose maps know their exact numbers, and what tests do with its page."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from generator.artifacts import NotApplicable
from generator.names import INPUT, LayerName
from generator.pages.trust_views import MapId, Metric, Trust
from generator.pages.views import Heat, Report, Values
from generator.store import digest
from tests.pages.fixture_report import heat, method_views, ranked, tiny_report
from tests.pages.opened import Opened

if TYPE_CHECKING:
    from playwright.sync_api import Download, Page

    from tests.pages.conftest import Built

Floats = NDArray[np.float32]
METHODS = ("grad_cam", "grad_cam_pp", "layer_cam")


def known(folder: Path, values: Floats, *, signed: bool = False) -> Heat:
    """A heat of 32 x 32 input that knows its exact values."""
    values = np.asarray(values, np.float32)
    made = heat(folder, values, signed=signed)
    low = -made.hi if signed else min(0.0, made.lo)
    return replace(made, lo=low, values=Values(digest(values.tobytes()), lambda: values))


def ramp(scale: float, h: int = 4, w: int = 4) -> Floats:
    """0 ... scale in reading order."""
    return (np.arange(h * w, dtype=np.float32).reshape(h, w) / (h * w - 1) * scale).astype(np.float32)


def report(folder: Path, rows: int = 3) -> Report:
    """Two images, two layers, two targets, a signed method, one on the input, an empty map, one not drawn, and judged maps."""
    base = tiny_report(folder)
    rng = np.random.default_rng(5)
    shallow, deep = base.cam_layers
    names = [*METHODS, *(f"extra_{k}" for k in range(rows - 3))]
    images = []
    judged: dict[str, dict[MapId, dict[str, float]]] = {}
    for k, image in enumerate(base.images):
        cams: dict[tuple[str, LayerName, int], Heat | NotApplicable] = {}
        for m, method in enumerate(names):
            for target in range(2):
                cams[method, shallow, target] = known(folder, rng.random((8, 8)) * 3)
                cams[method, deep, target] = known(folder, ramp(1 + m + 10 * k + 100 * target))
        for target in range(2):
            cams["cam", deep, target] = known(folder, rng.normal(size=(4, 4)), signed=True)
        cams["cam", shallow, 0] = NotApplicable("it is defined on one layer only.")
        cams["layer_cam", deep, 0] = replace(known(folder, np.zeros((4, 4))), empty=True)
        pixels = [known(folder, rng.random((32, 32))) for _ in range(2)]
        clipped = replace(pixels[0], hi=0.5, raw_hi=float(pixels[0].hi), facts=(("completeness error", 0.25),))
        images.append(
            replace(
                image,
                cams=cams,
                gradients={("saliency", 0): (clipped, None), ("saliency", 1): (pixels[1], None)},
                predictions=image.predictions[k:] + image.predictions[:k],
                targets=ranked((image.predictions + image.predictions)[k : k + 2]),
            )
        )
        judged[image.slug] = {
            MapId("grad_cam", deep): {"deletion": 0.3 + k / 10, "insertion": 0.5},
            MapId("grad_cam_pp", deep): {"deletion": 0.1 + k / 10, "insertion": 0.25},
            MapId("saliency", INPUT): {"deletion": 0.2 + k / 10},
        }
    metrics = (
        Metric("deletion", "Deletion", "lower", "Strongest pixels go first."),
        Metric("insertion", "Insertion", "higher", "They come first.", "%"),
    )
    view = method_views()[1]
    extra = tuple(
        replace(view, name=n, title=n.replace("_", " ").title())
        for n in names
        if n not in {m.name for m in base.methods}
    )
    return replace(base, images=tuple(images), methods=(*base.methods, *extra), trust=Trust(metrics=metrics, baselines=("grad_cam_pp",), images=judged))  # fmt: skip


def put(text: str) -> Any:
    """The value that a data script hands over."""
    return json.loads("[" + text[text.index("(") + 1 : text.rindex(")")] + "]")[2]


def head(built: Built, image: int = 0) -> dict[str, Any]:
    return dict(put((built.site / f"data/compare/image-{image}.js").read_text("utf-8")))


def cell(page: Page, row: str, column: str) -> Any:
    """The map in the row and the column with these headings."""
    at = [h.strip().split("\n")[0] for h in page.locator(".ca-grid thead th .ca-grid__head").all_inner_texts()].index(
        column
    )
    return (
        page.locator(".ca-grid tbody tr")
        .filter(has=page.locator("th a", has_text=re.compile(rf"^{re.escape(row)}$")))
        .locator("td")
        .nth(at)
    )


def ready(seen: Opened, selector: str = ".ca-grid [data-drawn]") -> Page:
    seen.page.wait_for_selector(selector)
    return seen.page


def saved(page: Page, kind: str) -> bytes:
    """What `Save` gives."""
    page.locator("[data-save] summary").click()
    with page.expect_download() as waiting:
        page.locator(f"[data-kind={kind}]").click()
    return content(waiting.value)


def content(download: Download) -> bytes:
    return Path(download.path()).read_bytes()


def canvas(place: Any) -> NDArray[np.int64]:
    """What a cell's canvas holds, (h, w, 4)."""
    found = place.locator("canvas").evaluate(
        "(c) => [c.height, c.width, Array.from(c.getContext('2d').getImageData(0, 0, c.width, c.height).data)]"
    )
    return np.reshape(found[2], (found[0], found[1], 4))
