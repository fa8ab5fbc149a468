"""The search executor: a record a unit, with its curve, its variants and its course; keys of what was read; and the views."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from generator.command.progress import Silent
from generator.engine.handle import Handle
from generator.executors.search import lacking
from generator.methods.activation_maximization import ActivationMaximization
from generator.names import LayerName, Unit
from generator.pages.views import Atlas
from generator.report.assemble import Assembly
from generator.report.plan import plan_searches
from generator.report.setup import Setup, set_up
from tests.executors.searched import filled, one_format, setup_for

__all__ = ["one_format"]


def view(setup: Setup) -> Any:
    """The layer as pages get it."""
    assembly = Assembly(setup.jobs, setup.store, setup.loaded.labels, setup.engine.readout)
    return assembly.layer(setup.layers[0], "conv", setup.images.images, plan_searches(setup).units)


def test_a_record_has_its_curve_and_the_first_units_their_course(tmp_path: Path):
    setup = setup_for(tmp_path, animate=2)
    filled(setup)
    shown = view(setup)
    assert isinstance(shown.pictures, Atlas)
    assert shown.pictures.units == tuple(shown.searched) == (3, 0, 5)
    assert shown.pictures.dead == (False, False, False)
    assert shown.pictures.reasons == ("", "", "")
    for unit, found in shown.searched.items():
        assert len(found.curve) == 4
        assert found.curve[-1] > found.curve[0]
        assert (found.course is None) == (unit == 5)
        assert found.variants is None and found.opacity is None
    film = Image.open(io.BytesIO(shown.searched[3].course.read()))
    assert (film.format, film.n_frames, film.size) == ("WEBP", 5, (28, 28))  # four steps, and what came of them
    film.seek(4)
    tile = np.asarray(Image.open(io.BytesIO(shown.pictures.picture.read())).convert("RGB"))[:28, :28].astype(int)
    assert np.abs(np.asarray(film.convert("RGB")).astype(int) - tile).mean() < 12, "the last frame is the picture"


def test_a_course_more_searches_for_that_unit_alone_and_gives_the_same_picture(tmp_path: Path):
    first, more = setup_for(tmp_path, animate=1), setup_for(tmp_path, animate=2)
    filled(first)
    search = first.jobs.searches[0]
    before = first.store.get(first.jobs.unit_key(search, 0))
    assert lacking(more.jobs, search=more.jobs.searches[0], units=(3, 0, 5), store=more.store) == (0,)
    assert filled(more) == (5, 4)
    after = more.store.get(more.jobs.unit_key(more.jobs.searches[0], 0, animated=True))
    assert before is not None and after is not None
    assert "course" in after.meta and "course" not in before.meta
    pictures = [
        np.asarray(Image.open(io.BytesIO(s.store.blob(r, "atlas.png")))).astype(int)
        for s, r in ((first, before), (more, after))
    ]
    assert np.abs(pictures[0] - pictures[1]).max() <= 1  # other company: the last bit
    assert filled(setup_for(tmp_path, animate=2)) == (0, 0)
    assert filled(setup_for(tmp_path, animate=1)) == (0, 0)


def test_a_batch_that_had_no_room_is_not_tried_again_for_the_layers_other_units(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    real, tried = Handle.layer_output, []

    def small(
        self: Handle, layer: LayerName, x: Tensor, *, redirect: bool = False, precision: str = "float32"
    ) -> Tensor:
        if not tried or tried[-1] != len(x):
            tried.append(len(x))
        if len(x) > 1:
            torch.empty(10**15)
        return real(self, layer, x, redirect=redirect, precision=precision)

    monkeypatch.setattr(Handle, "layer_output", small)
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # one part after the other
    try:
        filled(setup_for(tmp_path, units="3,0,5,7,2,1", batch=2))
    finally:
        torch.set_num_threads(before)
    assert tried == [2, 1]


def test_what_takes_longest_is_searched_for_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A layer of the most operations before it, and of the most units to be searched for together; a layer's two parts in order."""
    real, order = ActivationMaximization.search, []

    def noted(self: Any, handle: Any, layer: Any, units: tuple[Unit, ...], *rest: Any) -> Any:
        order.append((layer.name, tuple(unit.channel for unit in units)))
        return real(self, handle, layer, units, *rest)

    monkeypatch.setattr(ActivationMaximization, "search", noted)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        filled(setup_for(tmp_path, units="3,0,5", layers="conv", batch=2))
    finally:
        torch.set_num_threads(before)
    names = ["conv2_2", "conv2_1", "conv1_2", "conv1_1"]
    pairs = [(name, (3, 0)) for name in names]
    assert [one for one in order if len(one[1]) == 2] == pairs
    assert [one for one in order if len(one[1]) == 1] == [(name, (5,)) for name in names]
    assert order[:2] == pairs[:2], "two units of a layer before the one that is left of a deeper one"


def test_variants_and_opacity_reach_the_view(tmp_path: Path):
    setup = setup_for(tmp_path, units="3,0", diversity=3, parametrization="maco")
    filled(setup)
    for unit, found in view(setup).searched.items():
        assert isinstance(found.variants, Atlas)
        assert found.variants.units == (0, 1, 2)
        assert list(found.variants.scores) == sorted(found.variants.scores, reverse=True)
        record = setup.store.get(setup.jobs.unit_key(setup.jobs.searches[0], unit))
        whole = np.asarray(Image.open(io.BytesIO(found.variants.picture.read())))
        assert np.array_equal(
            whole[:28, :28], np.asarray(Image.open(io.BytesIO(setup.store.blob(record, "atlas.png"))))
        )
        opacity = np.asarray(Image.open(io.BytesIO(found.opacity.read())))
        assert opacity.shape == (28, 28)
        assert opacity.max() == 255


@pytest.mark.parametrize(("options", "many"), [({"parametrization": "maco"}, 2), ({"start": "image"}, 1), ({}, 0)])
def test_what_begins_from_photographs_depends_on_those_it_reads(tmp_path: Path, options: dict[str, Any], many: int):
    setups = [setup_for(tmp_path / str(n), images=n, **options) for n in (1, 2)]
    keys = [setup.jobs.unit_key(setup.jobs.searches[0], 3) for setup in setups]
    assert (keys[0] != keys[1]) == (many == 2)
    other = setup_for(tmp_path / "other", images=2, **options)
    next(iter(sorted((tmp_path / "other/images").iterdir()))).unlink()
    other = set_up(other.config, Silent())
    assert (other.jobs.unit_key(other.jobs.searches[0], 3) != keys[0]) == (many > 0)


def test_photographs_are_as_the_model_sees_them_in_0_to_1(tmp_path: Path):
    setup = setup_for(tmp_path)
    seen = setup.photographs(5)
    assert seen.shape == (2, *setup.input_shape)
    assert 0 <= seen.min() < seen.max() <= 1
    file = sorted((tmp_path / "images").glob("*.png"))[1]
    raw = torch.from_numpy(np.asarray(Image.open(file).convert("L")).astype(np.float32) / 255)
    torch.testing.assert_close(seen[1, 0], raw, rtol=0, atol=1e-5)


def test_a_batch_that_a_kill_cut_off_is_completed_from_the_whole(tmp_path: Path):
    setup = setup_for(tmp_path, animate=1)
    filled(setup)
    key = setup.jobs.unit_keys(setup.jobs.searches[0], (3, 0, 5))
    records = {unit: setup.store.get(one) for unit, one in key.items()}
    for one in (key[3], key[5]):
        (tmp_path / "store/keys" / one[:2] / f"{one[2:]}.json").unlink()
    again = setup_for(tmp_path, animate=1)
    assert filled(again) == (0, 0)
    assert {unit: again.store.get(one) for unit, one in key.items()} == records
