"""What the library returns is what a report stores, to the bit."""

from __future__ import annotations

import shutil
from collections import Counter

import pytest
import torch
from torch import Tensor

import generator
from generator.build import compute
from generator.command.progress import Silent
from generator.config import load_config
from generator.encode import from_npy
from generator.images import load as load_picture
from generator.model.builtin import BUILTIN
from generator.names import RankTarget
from generator.report.plan import plan_report
from generator.report.setup import set_up
from generator.resources import packaged
from tests.small_net import PER_BATCH

OTHERWISE = ("dense_heatmap", "random_map", "smooth_grad", "smooth_grad_squared", "var_grad")
"""What a report has otherwise than the library: it has the photograph for a larger input, and seeds by its keys."""


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory):
    """The set-up of a report of two digits whose store is filled."""
    folder = tmp_path_factory.mktemp("library")
    (folder / "images").mkdir()
    for file in sorted(packaged("inputs/digits").glob("*.png"))[3:5]:
        shutil.copy(file, folder / "images")
    given = {
        "model": "tinyvgg_digits",
        "images": str(folder / "images"),
        "layers": ["conv", "pool"],
        "targets": ["top:2"],
    }
    given |= {"methods": [*PER_BATCH, "kernels"], "store": str(folder / "store"), "device": "cpu"}
    setup = set_up(load_config(None, given), Silent())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("generator.build.faster_format", lambda engine, shape: "contiguous")
        compute(setup, plan_report(setup), Silent())
    return setup


def test_a_report_stores_the_numbers_that_the_library_returns(stored):
    model = BUILTIN["tinyvgg_digits"].build()
    model.load_state_dict(BUILTIN["tinyvgg_digits"].state())
    preprocess = stored.loaded.preprocess
    compared = Counter[str]()
    options = {choice.name: dict(choice.options) for choice in stored.config.methods}
    for image in stored.images.images:
        x = preprocess(load_picture(image, 1))[None]
        stored_ends = tuple(end.tolist() for end in preprocess.ends)
        for k, target in enumerate((RankTarget(1), RankTarget(2))):
            names = [layer.name for layer in stored.description.layers]
            found = generator.attribute(
                model, x, PER_BATCH, layers=names, target=target, ends=stored_ends, options=options
            )
            for request in stored.jobs.requests:
                if request.name in ("predictions", "feature_maps", *OTHERWISE) or k >= max(1, len(request.targets)):
                    continue
                maps = found[request.name]
                value = maps if isinstance(maps, Tensor) else maps[request.layer]
                record = stored.store.get(stored.jobs.key(request, image))
                kept = torch.from_numpy(from_npy(stored.store.blob(record, f"{k}.values.npy")))
                if request.probes:  # of both targets at once: the last bit may differ from that of one
                    torch.testing.assert_close(kept, value[0], rtol=0, atol=1e-4 * float(kept.abs().max()))
                else:
                    assert torch.equal(kept, value[0]), (request.name, request.layer)
                compared[request.name] += 1
            for request in (r for r in stored.jobs.requests if r.name == "feature_maps"):
                meta = stored.store.get(stored.jobs.key(request, image)).meta["maps"][0]
                ends = found["feature_maps"][request.layer][0].flatten(1)
                raw_lo, raw_hi = meta.get("raw_lo", meta["lo"]), meta.get("raw_hi", meta["hi"])
                assert raw_lo == [float(f"{v:.5g}") for v in ends.amin(1).tolist()]  # five digits are kept of these
                assert raw_hi == [float(f"{v:.5g}") for v in ends.amax(1).tolist()]
                compared["feature_maps"] += 1
    assert compared["saliency"] == compared["guided_backprop"] == compared["deconvnet"] == 4
    assert compared["grad_cam"] == compared["grad_cam_pp"] > 4
    assert compared["feature_maps"] > 0
    assert compared["input_response"] > 0


def test_cam_of_the_report_s_model_is_refused_as_by_the_library(stored):
    refused = {(method, layer): reason for method, layer, reason in stored.jobs.refused if method == "cam"}
    model = stored.loaded.module
    maps = generator.attribute(model, torch.zeros(1, 1, 32, 32), "cam", layers=[layer for _, layer in refused])
    assert refused
    assert {("cam", layer): value.reason for layer, value in maps.items()} == refused
