"""A small report of each of many architectures: each map is drawn right, or says why not."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from generator.build import compute
from generator.command.progress import Silent
from generator.config import load_config
from generator.encode import from_npy
from generator.model.weights import digest
from generator.names import INPUT, LayerName
from generator.pages.views import Report
from generator.report.plan import plan_report
from generator.report.reporting import report_of
from generator.report.setup import Setup, set_up
from tests.architectures import ARCHITECTURES, BUILDERS, BUILT, METHODS, SIZES

NO_CAM = "the model does not end in global average pooling and one linear layer."
NO_RECTIFIER = "the model has no rectifier (ReLU or its kin), so the map would be the plain gradient again."
UNRECTIFIED = {
    "convnext_tiny", "efficientnet_b0", "efficientnet_v2_s", "maxvit_t", "swin_t", "swin_v2_t", "vit_b_32",
}  # fmt: skip
"""GELU or SiLU wherever the image goes: Swin v2 has rectifiers, but for its position biases alone."""
FADING = {"deeplabv3_mobilenet_v3_large", "lraspp_mobilenet_v3_large"}
"""Untrained, nothing but its biases is left of an image in the last layers."""
FLATTENED = {
    "alexnet", "convnext_tiny", "deeplabv3_mobilenet_v3_large", "fasterrcnn", "lraspp_mobilenet_v3_large", "maxvit_t",
    "mobilenet_v3_small", "squeezenet1_1", "ssdlite320_mobilenet_v3_large", "vgg11_bn", "vit_b_32",
}  # fmt: skip
"""No global average in front of one linear layer."""


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("images")
    noise = np.random.default_rng(1)
    for name in ("one", "two"):
        blocks = noise.integers(0, 255, (8, 10, 3), dtype=np.uint8)
        Image.fromarray(blocks).resize((80, 64), Image.Resampling.BILINEAR).save(folder / f"{name}.png")
    return folder


@dataclass(frozen=True)
class Made:
    """A report without its site: what was set up, the maps by (method, place), and what the pages show."""

    setup: Setup
    drawn: dict[tuple[str, LayerName], list[NDArray[np.float32]]]
    said: dict[tuple[str, LayerName], set[str]]
    report: Report


def made(name: str, images: Path, folder: Path) -> Made:
    """Plan, run, and read back."""
    source = f"torchvision:{name}"
    if name in BUILT:
        (folder / "builders.py").write_text(BUILDERS, encoding="utf-8")
        source = f"python:{folder / 'builders.py'}:{name}"
    model = {"source": source, "input": {"size": SIZES.get(name, 64)}}
    given = {
        "model": model | ({} if name in BUILT else {"weights": "random"}),
        "images": str(images),
        "layers": ["last_conv", "stage_ends"],
        "cam_layers": "stage_ends",
        "methods": METHODS,
        "targets": "top1",
        "trust": "none",
        "effective_fields": 0,
        "device": "cpu",
        "out": str(folder / "site"),
        "store": str(folder / "store"),
    }
    setup = set_up(load_config(None, given), Silent())
    todo = plan_report(setup)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("generator.build.faster_format", lambda engine, shape: "channels_last")
        searches = compute(setup, todo, Silent())
    report = report_of(setup, searches.units, todo.passes)
    assert report.run == report.planned == todo.passes
    drawn: dict[tuple[str, LayerName], list[NDArray[np.float32]]] = defaultdict(list)
    said: dict[tuple[str, LayerName], set[str]] = defaultdict(set)
    for method, layer, reason in setup.jobs.refused:
        said[method, layer].add(reason)
    for request in setup.jobs.requests:
        for image in setup.images.images:
            record = setup.store.get(setup.jobs.key(request, image))
            assert record is not None
            (meta,) = record.meta["maps"]
            if "not_applicable" in meta:
                said[request.name, request.layer].add(meta["not_applicable"])
            elif request.name == "feature_maps":
                ends = np.array([meta.get("raw_lo", meta["lo"]), meta.get("raw_hi", meta["hi"])], dtype=np.float32)
                layer = setup.description.by_name[request.layer]
                assert (meta["count"], *meta.get("reduced", meta["tile"])) == layer.shape
                assert "not_finite" not in meta
                drawn[request.name, request.layer].append(ends)
            else:
                drawn[request.name, request.layer].append(from_npy(setup.store.blob(record, "0.values.npy")))
    return Made(setup, drawn, said, report)


@pytest.mark.parametrize("name", [*ARCHITECTURES, *BUILT])
def test_a_small_report_of_an_architecture(name: str, images: Path, tmp_path: Path):
    found = made(name, images, tmp_path)
    setup, drawn = found.setup, found.drawn
    chosen = {layer.name for layer in setup.layers}
    compared = {layer.name for layer in setup.compared}
    places = {"cam": compared, "grad_cam": compared | chosen, "feature_maps": chosen}
    for method in METHODS:
        for place in places.get(method, {INPUT}):
            maps, reasons = drawn.get((method, place), []), found.said.get((method, place), set())
            assert len(maps) == 2 or reasons, (method, place)
            assert all(re.fullmatch(r"[a-z].{20,}\.", reason) for reason in reasons), reasons
            for values in maps:
                assert np.isfinite(values).all(), (method, place)
                if place == INPUT:
                    assert values.shape == setup.input_shape
                elif method != "feature_maps":
                    assert values.shape == setup.description.by_name[place].shape[1:]
    flat = {layer for layer in chosen if not any((lo != hi).any() for lo, hi in drawn["feature_maps", layer])}
    assert flat < chosen if name in FADING else not flat
    for method in {"cam", "grad_cam", "guided_backprop", "saliency"} & {method for method, _ in drawn}:
        several = [v for (of, _), maps in drawn.items() for v in maps if of == method and v.size > 1]
        assert any(values.min() < values.max() for values in several), method
    assert ("saliency", INPUT) in drawn
    assert (("guided_backprop", INPUT) in drawn) == (name not in UNRECTIFIED)
    assert any(method == "cam" for method, _ in drawn) == (name not in FLATTENED)
    if name in FLATTENED:
        assert {reason for (of, _), reasons in found.said.items() for reason in reasons if of == "cam"} == {NO_CAM}
    if name in UNRECTIFIED:
        assert found.said["guided_backprop", INPUT] == {NO_RECTIFIER}

    module = setup.loaded.module
    assert setup.engine.module is module
    assert digest(module) == setup.loaded.weights_digest
    assert not any(part._forward_hooks or part._forward_pre_hooks or part.training for part in module.modules())
    assert all(p.requires_grad and p.grad is None for p in module.parameters())
