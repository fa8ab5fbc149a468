"""Sheets of reconstructions: tiles in any order, stored when the last has come, and few of them held at once."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from generator.build import ask, compute
from generator.command.progress import Silent
from generator.config import load_config
from generator.encode import Grid
from generator.pages.views import Passes
from generator.report import reconstructions
from generator.report.plan import plan_report, plan_searches
from generator.report.setup import Setup, set_up
from generator.report.sheets import HIDES, LEVELS, SIDE, VEIL, Sheet, Sheets, picture, reaching, shrunk, veil
from generator.resources import packaged


def tiles(count: int, height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, height, width, 3), np.uint8)


def test_tiles_stand_row_by_row_with_gray_between_whatever_their_order():
    some, grid = tiles(7, 3, 4), Grid(3, 3, 3, 4)
    sheet = Sheet.of(grid)
    for k in (6, 0, 3, 5, 1, 4, 2):
        sheet.put(k, some[k])
    expected = np.full((3 * 4 - 1, 3 * 5 - 1, 3), 128, np.uint8)
    for k in range(7):
        for y in range(3):
            for x in range(4):
                expected[k // 3 * 4 + y, k % 3 * 5 + x] = some[k, y, x]
    assert np.array_equal(sheet.laid, expected)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(sheet.encoded())).convert("RGB")), expected)
    large = Sheet.of(Grid(1, 1, 33, 4))
    assert Image.open(io.BytesIO(large.encoded())).format == "JPEG"
    noise = Sheet(Grid(1, 1, 600, 600), tiles(1, 600, 600)[0])  # of a random model: more than a byte a pixel
    assert len(noise.encoded()) > 600 * 600


def test_a_layer_is_finished_once_when_the_last_tile_of_all_rules_has_come_and_lets_go():
    some, done = tiles(40, 3, 4), []

    def finish(made: Sheets[int]) -> None:
        done.append({name: sheet.laid.copy() for name, sheet in made.sheets.items()})

    grid, small = Grid.of(40, 3, 4), Grid.of(40, 2, 2)
    sheets = {"a": Sheet.of(grid), "b": Sheet.of(grid), "c": Sheet.veil(small)}
    # of c only the first ten tiles come
    made = Sheets(sheets, {100 + k: k for k in range(40)}, {"a": 40, "b": 40, "c": 10}, finish)
    assert made.held == 2 * grid.size[0] * grid.size[1] * 3 + small.size[0] * small.size[1]
    for k in range(10):
        made.put("c", 100 + k, np.full((2, 2, 1), k, np.uint8), False, k / 10)
    jobs = [(name, k) for k in range(40) for name in ("a", "b")][:-1]
    with ThreadPoolExecutor(4) as team:
        list(team.map(lambda job: made.put(job[0], 100 + job[1], some[job[1]], job[1] == 3), jobs))
    assert done == []
    made.put("b", 139, some[39], False)
    assert len(done) == 1
    assert np.array_equal(done[0]["a"], done[0]["b"])
    assert made.blank["a"] == [k == 3 for k in range(40)]
    assert made.told["c"][:10] == [k / 10 for k in range(10)] and np.isnan(made.told["c"][10:]).all()
    assert made.held == 0


def test_a_veil_hides_what_is_not_lit_and_leaves_what_is():
    opaque = round(255 * HIDES)
    tile = veil(torch.tensor([[0.0, 1.0], [0.5, 1.0]]))
    assert tile.shape == (2, 2, 1)
    assert tile[..., 0].tolist()[0] == [opaque, 0]
    assert tile[1, 0, 0] == pytest.approx(opaque / 2, abs=opaque / (2 * (LEVELS - 1)) + 0.5)
    sheet = Sheet.veil(Grid(2, 1, 2, 2))
    sheet.put(0, tile)
    shown = Image.open(io.BytesIO(sheet.encoded()))
    assert (shown.format, shown.mode) == ("PNG", "LA")
    gray, opacity = (np.asarray(part) for part in shown.split())
    assert set(gray.ravel()) == {VEIL}
    assert np.array_equal(opacity[:, :2], tile[..., 0])
    assert set(opacity[:, 2:].ravel()) == {opaque}, "between tiles it hides too, so that no edge shines"


def test_a_reconstruction_has_the_contrast_of_where_it_lies_however_small_that_is():
    rng = torch.Generator().manual_seed(0)
    wide = torch.randn(3, 60, 60, generator=rng)
    narrow = torch.zeros(3, 60, 60)
    narrow[:, 20:26, 30:36] = wide[:, :6, :6]
    spread = np.abs(picture(wide).astype(int) - 128)
    there = np.abs(picture(narrow).astype(int) - 128)[20:26, 30:36]
    assert there.mean() == pytest.approx(spread.mean(), rel=0.1)
    assert 0.01 < (spread == 127).mean() < 0.06
    # by hand: 10 of 6 + 3 + 1 is 1, which the 6 alone holds
    assert reaching(np.array([1.0, 6.0, 3.0], np.float32)) == 6
    # 4 of 40 is what the first four of forty ones hold
    assert reaching(np.ones(40, np.float32)) == 1
    assert reaching(np.zeros(4, np.float32)) == 0


@pytest.mark.parametrize("size", [(7, 9), (96, 96), (97, 96), (224, 31), (300, 400), (4000, 1)])
def test_the_size_of_a_tile_is_known_before_it_comes(size: tuple[int, int]):
    assert picture(torch.randn(3, *size)).shape == (*shrunk(*size), 3)
    assert max(shrunk(*size)) <= SIDE


def setup_for(folder: Path) -> Setup:
    given = {
        "model": "tinyvgg_digits",
        "images": str(packaged("inputs/digits")),
        "layers": "conv",
        "methods": [{"dataset_examples": {"reconstructions": 3, "colour": 0}}],
        "units": "all",
        "store": str(folder),
        "device": "cpu",
        "trust": "none",
    }
    setup = set_up(load_config(None, given), Silent())
    compute(setup, plan_report(setup), Silent())
    return setup


def filled(folder: Path, monkeypatch: pytest.MonkeyPatch, held: int) -> tuple[int, list[str], dict[str, bytes]]:
    """The most bytes that waited at once, which layers were stored, in order, while others were still to begin, and all sheets."""
    monkeypatch.setattr(reconstructions, "HELD", held)
    made: list[Sheets] = []  # type: ignore[type-arg]
    peak, early = 0, []
    begin, put = reconstructions._sheets, Sheets.put

    def begun(one: reconstructions.Wanted, *more: object) -> object:
        if made and not any(other.held for other in made):
            early.append(one.request.layer.name)
        made.append(begin(one, *more))  # type: ignore[arg-type]
        return made[-1]

    def watched(self: Sheets, *more: object) -> None:  # type: ignore[type-arg]
        nonlocal peak
        peak = max(peak, sum(one.held for one in made))
        put(self, *more)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(reconstructions, "_sheets", begun)
        patched.setattr(Sheets, "put", watched)
        setup = setup_for(folder)
        counts = setup.engine.counts
        before = counts.forward, counts.backward
        planned = ask(setup, plan_searches(setup), Silent())
    assert Passes(counts.forward - before[0], counts.backward - before[1]) == planned
    assert setup.asking
    assert not any(one.held for one in made)
    found = {}
    for layer, record in reconstructions.kept(
        reconstructions.wanted(setup.asking, setup.store, "all", {}), setup.store
    ):
        names = (*reconstructions.RULES, reconstructions.VEIL)
        found |= {f"{layer} {name}": setup.store.blob(record, name) for name in names}
        found[f"{layer} blank"] = repr(sorted(record.meta.items())).encode()
    return peak, early, found


def test_few_sheets_are_open_at_once_however_many_layers_there_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """All units of four layers: held to what the largest takes, they run part by part, and give the same bytes."""
    whole, early, expected = filled(tmp_path / "whole", monkeypatch, 2**40)
    assert early == []
    setup = setup_for(tmp_path / "whole")
    assert setup.asking
    each = []
    for one in reconstructions.wanted(setup.asking, setup.store, "all", {}):
        size = setup.loaded.preprocess.size
        each.append(reconstructions.takes(one, size))
        assert each[-1] == sum(sheet.laid.nbytes for sheet in reconstructions.begun(one, size).values())
    assert whole == sum(each)
    least = max(each)
    assert least < whole
    peak, early, found = filled(tmp_path / "parts", monkeypatch, least)
    assert peak == least
    assert early, "a part begins when the sheets of the one before are in the store"
    assert found == expected
    peak, early, found = filled(tmp_path / "alone", monkeypatch, 1)
    assert peak == least, "a layer that takes more is alone"
    assert len(early) == len(each) - 1
    assert found == expected
