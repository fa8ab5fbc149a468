"""Colour selectivity: by hand, beside a slow oracle, and through a whole report."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from generator.build import ask, compute
from generator.command.progress import Silent
from generator.config import load_config
from generator.dataset.colour import LUMA, Colour, in_gray, sample
from generator.dataset.columns import Accepted
from generator.dataset.peaks import peaks
from generator.dataset.survey import Portion, survey
from generator.errors import UserError
from generator.library import engine_for, make_method
from generator.model.describe import describe
from generator.model.preprocess import Preprocess
from generator.names import LayerName
from generator.pages.views import Passes
from generator.report import colours
from generator.report.plan import plan_report, plan_searches
from generator.report.setup import Setup, set_up
from generator.resources import packaged

NOTHING = Accepted(*(torch.zeros(0, dtype=torch.int64) for _ in range(4)))


def measured(A: Tensor) -> list[float]:
    """Of (2n, c, h, w), the second half of which is the first in gray."""
    state = Colour.start(A.shape[1])
    state.update(peaks(A), torch.arange(len(A)), NOTHING)
    return state.finish().tolist()


def test_by_hand():
    colour = torch.tensor([[[[1.0, 4.0]], [[2.0, 0.0]], [[-1.0, -3.0]]], [[[0.0, 6.0]], [[0.0, 8.0]], [[-2.0, -5.0]]]])
    gray = torch.tensor([[[[9.0, 1.0]], [[2.0, 7.0]], [[5.0, 5.0]]], [[[9.0, 4.0]], [[7.0, 23.0]], [[5.0, 5.0]]]])
    # unit 0 is strongest at place 1 of both: 1 - (1 + 4) / (4 + 6); unit 1 at place 0, then 1: 1 - (2 + 23) / (2 + 8),
    # which is below -1; unit 2 is never above zero
    assert measured(torch.cat([colour, gray]))[:2] == [0.5, -1.0]
    assert np.isnan(measured(torch.cat([colour, gray]))[2])


def test_below_zero_counts_for_nothing_and_what_is_no_number_is_left_out():
    colour = torch.tensor([[[[4.0]], [[4.0]]], [[[4.0]], [[torch.inf]]], [[[4.0]], [[4.0]]]])
    gray = torch.tensor([[[[-100.0]], [[1.0]]], [[[4.0]], [[2.0]]], [[[2.0]], [[torch.nan]]]])
    assert measured(torch.cat([colour, gray])) == [pytest.approx(0.5), 0.75]


def test_a_unit_that_subtracts_channels_is_colour_selective_and_one_that_sums_them_is_not():
    model = nn.Sequential(nn.Conv2d(3, 3, 1, bias=False), nn.ReLU(), nn.Flatten(), nn.Linear(3 * 64, 2)).eval()
    # red less green; the sum of all, as luminance weighs them; red alone
    model[0].weight.data = torch.tensor([[1.0, -1.0, 0.0], [*LUMA], [1.0, 0.0, 0.0]]).reshape(3, 3, 1, 1)
    preprocess = Preprocess(size=(8, 8), mean=(0.0,) * 3, std=(1.0,) * 3)
    x = torch.zeros(2, 3, 8, 8)
    x[0, :, 2, 2] = torch.tensor([1.0, 0.5, 0.0])
    x[1, :, 5, 1] = torch.tensor([0.8, 0.0, 0.6])
    description = describe(model, (3, 8, 8))
    pair = Portion(torch.cat([x, in_gray(x, preprocess)]), [0, 1, 0, 1])
    name = LayerName("1")
    found = survey(engine_for(model, description), {name: Colour.start(3)}, [pair])[name]
    luma = [0.299 + 0.5 * 0.587, 0.8 * 0.299 + 0.6 * 0.114]  # of the two pixels
    assert found.tolist() == pytest.approx([1.0, 0.0, 1 - sum(luma) / 1.8], abs=1e-6)


def test_gray_inputs_are_those_of_gray_pictures():
    preprocess = Preprocess(size=(6, 6), mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 255, (6, 6, 3), np.uint8))
    gray = preprocess(picture.convert("L"))
    # Pillow rounds to whole levels
    assert torch.allclose(in_gray(preprocess(picture)[None], preprocess)[0], gray, atol=0.51 / 255 / 0.224)


def test_the_same_in_one_batch_or_many_and_as_a_slow_loop_has_it():
    A, G = torch.randn(2, 7, 5, 4, 3, generator=torch.Generator().manual_seed(3))
    whole, parts = Colour.start(5), Colour.start(5)
    whole.update(peaks(torch.cat([A, G])), torch.arange(14), NOTHING)
    for at in (0, 3, 6):
        part = torch.cat([A[at : at + 3], G[at : at + 3]])
        parts.update(peaks(part), torch.arange(len(part)), NOTHING)
    assert np.allclose(whole.finish(), parts.finish(), atol=1e-6)
    for unit in range(5):
        colour = gray = 0.0
        for image in range(7):
            place = int(A[image, unit].flatten().argmax())
            colour += max(0.0, float(A[image, unit].flatten()[place]))
            gray += max(0.0, float(G[image, unit].flatten()[place]))
        assert float(whole.finish()[unit]) == pytest.approx(max(-1.0, 1 - gray / colour), abs=1e-5)


def test_a_sample_is_uniform_in_order_and_the_same_each_time():
    assert sample(5, 256, 0).tolist() == [0, 1, 2, 3, 4]
    one = sample(1000, 256, 0)
    assert len(set(one.tolist())) == 256 and (np.diff(one) > 0).all()
    assert np.array_equal(one, sample(1000, 256, 0))
    assert not np.array_equal(one, sample(1000, 256, 1))
    assert 400 < one.mean() < 600


def asked(folder: Path, source: str = "torchvision:squeezenet1_1", **options: int) -> tuple[Setup, Passes]:
    model: object = {"source": source, "weights": "random", "input": {"size": 64}} if ":" in source else source
    given = {
        "model": model,
        "images": str(packaged("inputs/images" if ":" in source else "inputs/digits")),
        "limit": 5,
        "layers": ["conv"],
        "methods": [{"dataset_examples": {"reconstructions": 0, **options}}],
        "store": str(folder / "store"),
        "device": "cpu",
        "trust": "none",
        "units": "top:2",
    }
    setup = set_up(load_config(None, given), Silent())
    compute(setup, plan_report(setup), Silent())
    before = setup.engine.counts.forward
    planned = ask(setup, plan_searches(setup), Silent())
    assert planned == Passes(setup.engine.counts.forward - before, 0)
    return setup, planned


def test_a_report_plans_its_passes_and_an_unchanged_rebuild_runs_none(tmp_path: Path):
    setup, planned = asked(tmp_path)
    # five images: one batch of 16, one more of what drives units, two of 4 of their threads, and one of 8 in colour and in gray
    assert planned == Passes(1 + 1 + 2 + 1, 0)
    assert setup.asking
    name = setup.jobs.sets[0].layer.name
    found = colours.colour_of(setup.asking, setup.store, name)
    assert found is not None and found.shape == (setup.jobs.sets[0].layer.units,)
    assert np.isfinite(found).any() and (np.abs(found[np.isfinite(found)]) <= 1).all()
    again, planned = asked(tmp_path)
    assert planned == Passes(0, 0) and again.asking
    assert np.array_equal(colours.colour_of(again.asking, again.store, name), found, equal_nan=True)
    _, planned = asked(tmp_path, colour=4)  # the dataset is not passed again
    assert planned == Passes(1, 0)
    none, planned = asked(tmp_path, colour=0)
    assert planned == Passes(0, 0) and none.asking
    assert colours.colour_of(none.asking, none.store, name) is None


def test_a_model_that_sees_no_colours_has_none(tmp_path: Path):
    setup, _ = asked(tmp_path, "tinyvgg_digits")
    assert setup.asking
    assert colours.requests(setup.asking) == ()
    assert colours.colour_of(setup.asking, setup.store, setup.jobs.sets[0].layer.name) is None


def test_a_wrong_option_says_what_to_do():
    with pytest.raises(UserError, match="expected colour to be 0 or more, got -1"):
        make_method("dataset_examples", {"colour": -1})
