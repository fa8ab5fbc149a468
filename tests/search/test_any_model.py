"""Searches in any model: every size and channel count, refusals, a full memory, places."""

import dataclasses

import pytest
import torch
from torch import Tensor, nn

from generator.artifacts import ImageGrid
from generator.errors import UserError
from generator.names import LayerName, Unit
from tests.search.searching import QUICK, held, random_convs, search


@pytest.mark.parametrize(
    ("shape", "size"),
    [((1, 64, 64), (32, 32)), ((4, 64, 64), (32, 32)), ((3, 28, 40), (28, 32)), ((2, 20, 200), (20, 32))],
)
def test_any_channels_and_any_shape(shape, size):
    with held(random_convs(shape[0]), shape) as it:
        found = search(QUICK, it, "2", 0, 2)
    assert found.values.shape == (2, shape[0], *size)
    assert found.values.isfinite().all()
    assert 0 <= found.values.min() < found.values.max() <= 1
    assert found.dead == ("", "")


class OneSize(nn.Module):
    """A position table: only 48 x 40 will do."""

    def __init__(self, refusal: type[Exception]) -> None:
        super().__init__()
        self.conv, self.refusal = random_convs()[0], refusal
        self.refused = 0

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[-2:] != (48, 40):
            self.refused += 1
            raise self.refusal("this model takes 48 x 40 only")
        return self.conv(x)


@pytest.mark.parametrize("parametrization", ["pixel", "maco"])
@pytest.mark.parametrize("shape", [(1, 64, 64), (4, 28, 40)])
def test_any_channels_and_any_shape_in_any_parametrization(shape, parametrization):
    with held(random_convs(shape[0]), shape) as it:
        found = search(dataclasses.replace(QUICK, parametrization=parametrization, steps=12), it, "2", 0, 2)
    assert found.values.shape[:2] == (2, shape[0])
    assert 0 <= found.values.min() < found.values.max() <= 1
    assert found.dead == ("", "")


def test_a_framed_picture_is_seen_larger_and_comes_out_as_large_as_before(monkeypatch):
    with held(random_convs(), (3, 64, 64)) as it:
        seen = []

        def watched(name: str) -> None:  # whole, or in front of the layer
            real = getattr(it[0], name)

            def call(layer: LayerName, x: Tensor, *, redirect: bool = False, precision: str = "float32") -> Tensor:
                seen.append((tuple(x.shape[2:]), x[0, :, 0, 0].tolist()))
                return real(layer, x, redirect=redirect, precision=precision)

            monkeypatch.setattr(it[0], name, call)

        watched("layer_output")
        watched("layer_input")
        found = search(dataclasses.replace(QUICK, steps=3, pad=3), it, "2", 0)
    # gray is 0.5: (0.5 - 0.5) / 0.25 = 0; the first look and the last are of the picture itself
    assert seen[1:3] == [((38, 38), [0, 0, 0])] * 2
    assert [size for size, _ in (seen[0], *seen[3:])] == [(32, 32)] * 2
    assert found.values.shape == (1, 3, 32, 32)


@pytest.mark.parametrize("refusal", [RuntimeError, AssertionError, ValueError])
def test_a_model_that_refuses_small_pictures_gets_its_own_size(refusal):
    model = OneSize(refusal)
    with held(model, (3, 48, 40)) as it:
        found = search(dataclasses.replace(QUICK, batch=1), it, "conv", 0, 1)
    assert found.values.shape == (2, 3, 48, 40)
    assert model.refused == 1, "it is asked once, not for every batch"


def test_a_model_that_refuses_a_frame_gets_none():
    with held(OneSize(RuntimeError), (3, 48, 40)) as it:
        found = search(dataclasses.replace(QUICK, pad=4, size=64), it, "conv", 0)
    assert found.values.shape == (1, 3, 48, 40)


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("full"), UserError("no such layer")])
def test_what_a_larger_picture_would_not_mend_is_passed_on(error, monkeypatch):
    with held(random_convs(), (3, 64, 64)) as it:
        asked = []

        def refuse(layer: LayerName, x: Tensor, *, redirect: bool = False, precision: str = "float32") -> Tensor:
            asked.append(tuple(x.shape))
            raise error

        monkeypatch.setattr(it[0], "layer_output", refuse)
        with pytest.raises(type(error), match=str(error)):
            search(QUICK, it, "2", 0)
    assert asked == [(1, 3, 32, 32)]


def test_out_of_memory_halves_the_units_that_are_searched_together_and_goes_on(monkeypatch):
    units = (0, 1, 2, 3, 4)
    with held(random_convs(), (3, 64, 64)) as it:
        whole = search(QUICK, it, "2", *units)
        real, sizes = it[0].layer_output, []

        def small(layer: LayerName, x: Tensor, *, redirect: bool = False, precision: str = "float32") -> Tensor:
            sizes.append(len(x))
            if len(x) > 2:
                raise torch.OutOfMemoryError("full")
            return real(layer, x, redirect=redirect, precision=precision)

        monkeypatch.setattr(it[0], "layer_output", small)
        parts = search(QUICK, it, "2", *units)
    assert list(dict.fromkeys(sizes)) == [5, 2, 1]
    assert parts.units == units
    torch.testing.assert_close(parts.values, whole.values, rtol=0, atol=1e-4)


def test_a_failure_at_the_models_own_size_is_passed_on(monkeypatch):
    with held(random_convs(), (3, 64, 64)) as it:
        monkeypatch.setattr(it[0], "backward", lambda *args: (_ for _ in ()).throw(RuntimeError("broken")))
        with pytest.raises(RuntimeError, match="broken"):
            search(QUICK, it, "2", 0)


def test_a_unit_at_a_place_is_raised_there_at_the_models_own_size():
    layer = LayerName("0")
    with held(random_convs(), (3, 40, 48)) as it:
        (grid,) = QUICK.search(it[0], it[1]["0"], (Unit(layer, 2, (30, 12)),), 0)
        assert isinstance(grid, ImageGrid)
        with torch.no_grad():
            maps = it[0].layer_output(layer, (grid.values - 0.5) / 0.25)
    assert grid.values.shape == (1, 3, 40, 48)
    assert grid.scores[0] == pytest.approx(maps[0, 2, 30, 12].item(), rel=1e-5)
    assert grid.scores[0] > maps[0, 2].mean() + 2 * maps[0, 2].std()
