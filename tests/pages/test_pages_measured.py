"""The bench's last run on method pages: what stands in its file, and nothing where nothing was measured."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from generator.pages import measured as module
from generator.pages.measured import measured
from generator.resources import packaged


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[dict[str, Any]]:
    """The committed figures, to be changed and read again."""
    found = json.loads(packaged("bench/results/peers.json").read_text("utf-8"))
    yield found
    module._figures.cache_clear()


def test_every_cam_of_the_bench_shows_one_table_of_ours_over_a_bare_pass_and_of_each_peer(figures: dict[str, Any]):
    models = [name for name, one in figures.items() if isinstance(one, dict) and "cams" in one]
    assert models == ["efficientnet_lite0", "torchvision:resnet50"]
    tables = {method: measured(method) for method in figures[models[0]]["cams"]["methods"]}
    assert len(tables) == 8
    assert len({str(table) for table in tables.values()}) == 1
    table = tables["grad_cam"]
    assert table is not None
    assert table.columns == ("", *models)
    rows = {row[0]: row[1:] for row in table.rows}
    assert rows["the same, over a bare forward and backward"] == tuple(
        f"{figures[model]['cams']['ratio to bare']:.2f} ×" for model in models
    )
    captum = rows["captum, layer by layer, for 1 of them"]
    times = [figures[m]["cams"]["peers"]["captum, layer by layer"]["times ours, for the same methods"] for m in models]
    assert captum == tuple(f"{one:.0f} × ours" for one in times)
    assert figures["versions"]["captum"] in table.on


@pytest.mark.parametrize("method", ["score_cam", "integrated_gradients", "smooth_grad", "occlusion"])
def test_a_method_that_runs_the_model_again_shows_seconds_and_the_ratio_to_the_fastest_other(
    method: str, figures: dict[str, Any]
):
    table = measured(method)
    assert table is not None
    lite = figures["efficientnet_lite0"]["again"][method]
    assert ("Conv Atlas", f"{lite['ours, s']:.2f} s") == table.rows[0][:2]
    assert table.rows[-1][:2] == ("Conv Atlas over the fastest other", f"{lite['ours / fastest peer']:.2f} ×")


def test_what_was_not_measured_has_no_table(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, figures: dict[str, Any]):
    assert measured("feature_maps") is None
    monkeypatch.setattr(module, "packaged", lambda name: tmp_path / name)
    module._figures.cache_clear()
    assert measured("grad_cam") is None


def test_it_says_at_how_many_layers_others_were_timed(figures: dict[str, Any]):
    table = measured("grad_cam")
    assert table is not None
    lite = figures["efficientnet_lite0"]["cams"]
    taken = lite["peers"]["captum, layer by layer"]["layers measured"]
    assert f"timed at {taken} of {lite['convolutions']} and " in table.on
