"""A forward ends at the layer that was asked for, whichever twin of the model runs: nothing behind it is computed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from generator.engine.handle import handle
from generator.engine.passes import Engine
from generator.names import LayerName
from tests.engine.test_passes import InPlace, images
from tests.engine.test_reduced import SHAPE, engine_of, pictures
from tests.search.searching import QUICK, held, random_convs, search

KINDS = (torch.ops.aten.convolution.default, torch.ops.aten.mkldnn_convolution.default)


class _Counted(TorchDispatchMode):
    """Counts the convolutions that run, of whatever module."""

    def __init__(self) -> None:
        super().__init__()
        self.convolutions = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.convolutions += func in KINDS
        return func(*args, **(kwargs or {}))


@contextmanager
def counted() -> Iterator[_Counted]:
    """What runs inside, backward passes left out."""
    with _Counted() as found:
        yield found


@pytest.mark.parametrize("redirect", [False, True])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize(("layer", "convolutions"), [("conv", 1), ("norm", 1), ("F.relu6", 1), ("depthwise", 2)])
def test_a_handle_runs_no_convolution_behind_the_layer(layer: str, convolutions: int, precision: str, redirect: bool):
    """Of three: through the twin without normalisations, through that with one kept apart, and through that in bfloat16."""
    engine = engine_of()
    with handle(engine, SHAPE, (0.0,) * 3, (1.0,) * 3) as it:
        assert (
            it.light is not engine.module and it.reduced is not it.light
        )  # both are made, on noise, before any counts
        with counted() as whole:
            it.class_scores(pictures(), redirect=redirect, precision=precision)
        with counted() as found:
            it.layer_output(LayerName(layer), pictures(), redirect=redirect, precision=precision)
        with counted() as before:
            it.layer_input(LayerName("depthwise"), pictures(), redirect=redirect, precision=precision)
    assert (whole.convolutions, found.convolutions, before.convolutions) == (3, convolutions, 1)


@pytest.mark.parametrize(("layer", "later"), [("conv1", ["bn", "relu", "conv2", "fc"]), ("relu", ["conv2", "fc"])])
def test_no_module_behind_the_layer_is_called(layer: str, later: list[str]):
    """Of an engine that knows no twin; a method that changes its output in place has it copied before, in a pass of its own."""
    model = InPlace().eval()
    calls: list[str] = []
    for name in later:
        model.get_submodule(name).register_forward_pre_hook(lambda *_, name=name: calls.append(name))
    with handle(Engine(model), (3, 8, 8), (0.0,) * 3, (1.0,) * 3) as it:
        it.layer_output(LayerName(layer), images())
        assert calls == []
        it.class_scores(images())
    assert calls == later


def test_a_search_runs_no_more_of_the_model_than_its_layer_takes():
    with held(random_convs(), (3, 32, 32)) as it:
        with counted() as first:
            search(QUICK, it, "0", 0)
        passes = it[0].engine.counts.forward
        with counted() as last:
            search(QUICK, it, "2", 0)
    # of the layer's own: for the first look and the last, one to see that it is a convolution and one to find its gradient
    assert first.convolutions == 4
    assert last.convolutions == it[0].engine.counts.forward - passes + 4 + 1, "and one of the layer before, to see that"
