"""Two reports to render pages from, without the pipeline: a tiny made-up one, and a real one to look at.

    tiny_report(folder)    made-up numbers, ready in a blink: what the tests render
    real_report(folder)    EfficientNet-Lite0 on photographs, by plain hooks: what eyes judge

`python -m tests.pages.fixture_report OUT` renders the real one into OUT/site.
"""

from __future__ import annotations

import hashlib
import io
import math
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from generator.artifacts import NotApplicable
from generator.encode import FEW
from generator.names import Digest, Layer, LayerName, Paper
from generator.pages.views import (
    Atlas,
    Gray,
    Heat,
    ImageView,
    LayerView,
    MethodView,
    Passes,
    Picture,
    Prediction,
    Report,
)
from tests.pages import fixture_architecture, fixture_findings, fixture_learn, fixture_trust

HOSTILE = (
    "<script>window.pwned=1</script>",
    "<img src=x onerror=window.pwned=2>",
    "[x](javascript:window.pwned=3)",
    "</title><script>window.pwned=4</script>",
    "one\n# two\n<script>window.pwned=5</script>",
    "a | b | c",
    "{{7*7}}",
    '--8<-- "secret.txt"',
    "{: onclick=window.pwned=6 }",
    "abc\u202egnp.exe",
    "</script><script>window.pwned=7</script>",
    '"onmouseover="window.pwned=8',
    "```\n<b onclick=window.pwned=9>",
    "&lt;script&gt;window.pwned=10&lt;/script&gt;",
)
"""Strings that a label, a file name or a layer name may be."""


def picture(folder: Path, pixels: np.ndarray[Any, Any], kind: str = "PNG") -> Picture:
    """Write (h, w) gray or (h, w, 3) RGB bytes to a file named after its digest."""
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, kind, **({"quality": 88} if kind == "JPEG" else {"optimize": True}))
    digest = hashlib.sha256(out.getvalue()).hexdigest()
    file = folder / f"{digest}.{'jpg' if kind == 'JPEG' else 'png'}"
    file.write_bytes(out.getvalue())
    return Picture(file, Digest(digest), pixels.shape[1], pixels.shape[0])


def gray(values: np.ndarray[Any, Any], signed: bool) -> tuple[np.ndarray[Any, Any], float, float]:
    """Bytes of one map and the raw values of its ends, as `Atlas` says."""
    lo, hi = float(values.min()), float(values.max())
    if signed:
        top = max(abs(lo), abs(hi))
        scaled = values / top * 127 + 128 if top else np.full_like(values, 128)
        return np.rint(scaled).astype(np.uint8), -top, top
    scaled = (values - lo) / (hi - lo) * 255 if hi > lo else np.zeros_like(values)
    return np.rint(scaled).astype(np.uint8), lo, hi


def atlas(
    folder: Path, maps: np.ndarray[Any, Any], *, signed: bool = False, units: Sequence[int] | None = None, **more: Any
) -> Atlas:
    """(c, h, w) raw maps, or (c, h, w, 3) bytes, as one picture."""
    count, height, width = maps.shape[:3]
    columns = max(1, min(count, math.ceil(math.sqrt(count * height / width))))
    rows = math.ceil(count / columns)
    rgb = maps.ndim == 4
    sheet = np.zeros((rows * (height + 1) - 1, columns * (width + 1) - 1, *((3,) if rgb else ())), np.uint8)
    lo, hi, raw_lo, raw_hi = [], [], [], []
    for k in range(count):
        y, x = k // columns * (height + 1), k % columns * (width + 1)
        if rgb:
            sheet[y : y + height, x : x + width] = maps[k]
            continue
        sheet[y : y + height, x : x + width], low, high = gray(maps[k], signed)
        lo.append(low)
        hi.append(high)
        raw_lo.append(float(maps[k].min()))
        raw_hi.append(float(maps[k].max()))
    return Atlas(
        picture(folder, sheet), columns, width, height, tuple(units if units is not None else range(count)),
        tuple(lo), tuple(hi), tuple(raw_lo), tuple(raw_hi), signed, rgb, **more,
    )  # fmt: skip


def heat(folder: Path, values: np.ndarray[Any, Any], *, signed: bool = False) -> Heat:
    """(h, w) raw values: as bytes where they are few, else as a picture."""
    low = min(0.0, float(values.min())) if not signed else 0.0
    raw, lo, hi = gray(values, signed)
    few = values.size <= FEW
    shown = Gray(raw.tobytes(), values.shape[1], values.shape[0]) if few else picture(folder, raw)
    return Heat(shown, lo, hi, signed, bool(values.max() <= low))


def method_views() -> tuple[MethodView, ...]:
    """A few methods as their docstrings would have them."""
    selvaraju = Paper("selvaraju2017", "Selvaraju, R. R. and Cogswell, M. and Das, A. and Vedantam, R. and Parikh, D. and Batra, D.", 2017,
                      "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization", "ICCV", arxiv="1610.02391")  # fmt: skip
    cam_body = (
        "$$ L^c = \\mathrm{ReLU}\\Big(\\sum_k \\alpha_k^c A^k\\Big), \\quad\n"
        "\\alpha_k^c = \\frac{1}{HW}\\sum_{ij} \\frac{\\partial y^c}{\\partial A^k_{ij}} $$\n\n"
        "Reading it: bright places raise the logit $y^c$. The map has the layer's resolution\n"
        "(7x7 in a ResNet's last stage); upsampling makes it look sharper than it is.\n\n"
        "Limits: the weights $\\alpha_k^c$ are means, so that a unit that speaks for the class here\n"
        "and against it there is averaged away."
    )
    rows = (
        ("cam", "CAM", "the class's own weights on the last maps.", "layer"),
        ("grad_cam", "Grad-CAM", "which places in a layer speak for a class.", "layer"),
        ("grad_cam_pp", "Grad-CAM++", "Grad-CAM with a weight for each place.", "layer"),
        ("saliency", "Saliency", "the plain gradient of the logit with respect to each pixel.", "input"),
        (
            "guided_backprop",
            "Guided backprop",
            "the gradient that passes only where input and gradient are positive.",
            "input",
        ),
        ("deconvnet", "Deconvnet", "the gradient that passes only where it is positive itself.", "input"),
        ("input_response", "Input x response", "the image, lit by what a layer answers.", "layer"),
        (
            "activation_maximization",
            "Activation maximization",
            "an image that drives one unit as far as it goes.",
            "search",
        ),
    )
    return tuple(
        MethodView(name, title, summary, cam_body, (selvaraju,), "Where {layer} speaks for {target}.", (("relu", "True", "drop what speaks against the class"),), scope)
        for name, title, summary, scope in rows
    )  # fmt: skip


def ranked(predictions: Sequence[Prediction]) -> tuple[Prediction, ...]:
    """Predictions as the targets that are ranked so."""
    return tuple(replace(one, role=f"rank {k}") for k, one in enumerate(predictions, 1))


def tiny_report(folder: Path, *, hostile: bool = False, units: int = 12) -> Report:
    """Four layers, two images (or one per hostile string), a method each kind: made-up numbers from one seed."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    words = HOSTILE if hostile else ("tabby", "espresso", "missile")
    names = HOSTILE if hostile else ("chelsea", "two cups")
    shapes = ((units, 16, 16), (units, 16, 16), (8, 8, 12), (16, 1, 1))
    layer_names = tuple(LayerName(n) for n in ((HOSTILE[0], "blocks.0.<b>conv</b>", "_blocks.10._depthwise_conv", "head") if hostile
                                               else ("stem", "layer4.2.conv3", "_blocks.10._depthwise_conv", "head")))  # fmt: skip
    kinds: tuple[Any, ...] = ("conv", "act", "conv", "pool")
    layers = tuple(
        Layer(name, kind, HOSTILE[1] if hostile else {"conv": "Conv2d", "act": "ReLU", "pool": "AdaptiveAvgPool2d"}[kind], shape,
              100 * k, 10_000 * k, (3 + 2 * k, 3 + 2 * k) if k < 3 else None, (2.0, 2.0), (0.5, 0.5), k, name,
              (("kernel", "3x3"), ("stride", "2"), ("padding", HOSTILE[0] if hostile else "1")) if kind == "conv" else (), layer_names[k - 1 : k])
        for k, (name, kind, shape) in enumerate(zip(layer_names, kinds, shapes, strict=True))
    )  # fmt: skip
    photo = {n: picture(folder, rng.integers(0, 255, (32, 32, 3)).astype(np.uint8), "JPEG") for n in names}
    original = {n: picture(folder, rng.integers(0, 255, (40, 60, 3)).astype(np.uint8), "JPEG") for n in names}
    predictions = tuple(Prediction(k, word, 0.6 / (k + 1), 5.0 - k) for k, word in enumerate(words))
    reason = NotApplicable(
        HOSTILE[0] if hostile else "the model does not end in global average pooling and one linear layer."
    )
    cam_layers = (layer_names[0], layer_names[2])

    def some_heat(h: int = 8, signed: bool = False) -> Heat:
        return heat(
            folder,
            rng.normal(size=(h, h)).astype(np.float32) if signed else rng.random((h, h)).astype(np.float32) + 0.5,
            signed=signed,
        )

    images = []
    for k, name in enumerate(names):
        cams: dict[tuple[str, LayerName, int], Heat | NotApplicable] = {}
        for layer in cam_layers:
            cams["cam", layer, 0] = reason
            for target in range(2):
                cams["grad_cam", layer, target] = some_heat()
                cams["grad_cam_pp", layer, target] = some_heat()
        empty = heat(folder, np.zeros((8, 8), np.float32))
        cams["grad_cam_pp", cam_layers[0], 0] = empty
        images.append(
            ImageView(
                name, f"image-{k}", Digest(hashlib.sha256(name.encode()).hexdigest()), 60, 40, photo[name], original[name], predictions, ranked(predictions[:2]), cams,
                {("saliency", t): (some_heat(32), picture(folder, rng.integers(0, 255, (32, 32, 3)).astype(np.uint8))) for t in range(2)} | {("guided_backprop", 0): reason},
                {cam_layers[0]: some_heat(), cam_layers[1]: reason},
            )
        )  # fmt: skip

    views = []
    for layer in layers:
        c, h, w = layer.shape
        kernels: Atlas | NotApplicable = (
            atlas(folder, rng.normal(size=(c, 3, 3)).astype(np.float32), signed=True)
            if layer.kind == "conv"
            else NotApplicable("this layer has no kernels.")
        )
        scale = rng.uniform(0.2, 3, (c, 1, 1)).astype(np.float32)
        views.append(
            LayerView(
                layer, f"layer-{layer.depth}",
                {i.slug: atlas(folder, (rng.random((c, h, w)).astype(np.float32) * scale)) for i in images},
                kernels, "input channel 0 of 2" if layer.kind == "conv" else "",
                {n: atlas(folder, rng.normal(size=(c, 3, 3)).astype(np.float32), signed=True) for n in range(2)} if layer.kind == "conv" else {},
                atlas(folder, rng.integers(0, 255, (4, 24, 24, 3)).astype(np.uint8), units=range(0, 8, 2), scores=(1.5, 2.0, 0.0, 3.25), dead=(False, False, True, False)) if c >= 8 else reason,
                {("grad_cam", i.slug): some_heat() for i in images} | ({("cam", i.slug): reason for i in images}),
            )
        )  # fmt: skip
    judged = fixture_trust.trust([i.slug for i in images], cam_layers)
    if hostile:
        judged = replace(judged, sentences=HOSTILE[:3], stages=("trained", *HOSTILE[: len(judged.stages) - 1]))
    methods = list(method_views())
    methods[1] = MethodView(
        **{**vars(methods[1]), "example": views[0].cams["grad_cam", "image-0"], "example_note": names[0]}
    )
    return Report(
        HOSTILE[3] if hostile else "TinyNet", HOSTILE[0] if hostile else "python:tiny.py:build", 1234, 567_890, (3, 32, 32),
        HOSTILE[1] if hostile else "resized to 32, mean 0.5, std 0.5.", 10, Digest("ab" * 32), tuple(views), layers, cam_layers, cam_layers[-1], tuple(images),
        tuple(methods), Passes(4, 6), Passes(4, 6), {"passes": 1.5, "pages": 0.25}, ((HOSTILE[1] if hostile else "notes.jpg", HOSTILE[2] if hostile else "not a picture"),),
        (("cam", str(layer_names[0]), reason.reason),), {"torch": "2.14.1"}, HOSTILE[4] if hostile else "model:\n  source: python:tiny.py:build\npreset: quick\n", 0, "cpu",
        {"schema": 1, "model": {"source": "python:tiny.py:build"}}, judged, fixture_findings.findings(layer_names, HOSTILE if hostile else ("plain",)),
        architecture=fixture_architecture.architecture(layer_names, HOSTILE if hostile else ()),
        own=fixture_learn.own(layer_names, HOSTILE if hostile else ()),
        effective=fixture_learn.effective(layer_names),
        credits=HOSTILE if hostile else ("By Ann.\n- one.jpg: CC0",),
    )  # fmt: skip


def real_report(folder: Path) -> Report:
    """EfficientNet-Lite0 on seven photographs: kept here, apart from the pipeline, so that the pages can be judged alone."""
    from tests.pages.fixture_real import build

    return build(folder)


def main() -> None:
    """Render the real report (kept in OUT/report.pickle once made) into OUT/site."""
    import pickle
    import time

    from generator.pages.site import render

    out = Path(sys.argv[1]).resolve()
    kept = out / "report.pickle"
    if not kept.exists():
        (out / "store").mkdir(parents=True, exist_ok=True)
        kept.write_bytes(pickle.dumps(real_report(out / "store")))
    report = pickle.loads(kept.read_bytes())
    root = Path(__file__).resolve().parents[2]
    start = time.perf_counter()
    print(
        render(
            report,
            mkdocs_yml=root / "mkdocs.yml",
            templates=(root / "templates",),
            docs_dir=out / "pages",
            site_dir=out / "site",
        )
    )
    print(f"{time.perf_counter() - start:.1f} s")


if __name__ == "__main__":
    main()
