"""The random map: the moments of its distribution, the generator that it draws from, and what it must not depend on."""

from types import SimpleNamespace

import torch

import generator
from generator.artifacts import InputMap
from generator.engine.needs import Input
from generator.methods import Cost
from generator.methods.random_map import RandomMap
from generator.names import INPUT
from tests.methods.examples import alexnet, exactly, facts, photo, reads, resnet18


def test_uniform_between_0_and_1_by_hand():
    values = generator.attribute(resnet18(), photo(1), "random_map")
    assert values.shape == (1, 1, 64, 64)
    assert 0 <= values.min() < 0.01
    assert 0.99 < values.max() < 1
    # 4096 draws: the mean is 1/2 within 5 standard errors of sqrt(1/12 / 4096) = 0.0045, the variance 1/12
    assert abs(float(values.mean()) - 0.5) < 0.0226
    assert abs(float(values.var()) - 1 / 12) < 0.006
    # neighbours know nothing of each other: correlations within 5 / sqrt(4096)
    centred = values[0, 0] - 0.5
    for a, b in ((centred[1:], centred[:-1]), (centred[:, 1:], centred[:, :-1])):
        assert abs(float((a * b).mean()) * 12) < 5 / 64


def test_equals_torchs_own_draws_from_the_generator_that_it_is_given():
    x = photo(1, channels=4, height=5, width=7)
    model = SimpleNamespace(generator=torch.Generator().manual_seed(11))
    (made,) = RandomMap().probe(reads({Input(): x}), model, INPUT)
    assert isinstance(made, InputMap)
    assert not made.signed
    exactly(made.values, torch.rand(1, 1, 5, 7, generator=torch.Generator().manual_seed(11)))
    assert RandomMap().cost(facts(), None, 3) == Cost(0, 0)


def test_each_image_has_its_own_whatever_the_model_and_the_company():
    x = photo(2)
    both = generator.attribute(resnet18(), x, "random_map")
    assert (both[0] - both[1]).abs().max() > 0.5
    exactly(generator.attribute(alexnet(), x[1:], "random_map"), both[1:])
    again = generator.attribute(resnet18(), x, "random_map", seed=1)
    assert (again - both).abs().max() > 0.5
