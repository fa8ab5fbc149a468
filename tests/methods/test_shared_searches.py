"""What searches of classes and from images share is written once: options that mean the same, their least values, the search."""

from __future__ import annotations

import dataclasses
import math

import pytest

from generator.errors import UserError
from generator.methods import registry
from generator.methods._searches import DOCS, FREE, LEAST, MOST, FromImages, PictureSearch
from generator.report.keys import options_of

SHARING = {name: info.cls for name, info in registry().items() if issubclass(info.cls, PictureSearch)}
OWN = {("class_visualization", "steps"), ("deep_dream", "steps"), ("deep_dream", "rate")}
"""Options that mean something of their own: passes of the whole model, a start that is no noise."""

every = pytest.mark.parametrize("name", SHARING)


def test_all_searches_but_that_of_units_share_one_body():
    assert set(SHARING) == {"caricature", "class_visualization", "deep_dream", "inversion"}
    assert {name for name, cls in SHARING.items() if issubclass(cls, FromImages)} == set(SHARING) - {
        "class_visualization"
    }
    for cls in SHARING.values():
        assert not {"search", "passes", "together", "__post_init__"} & vars(cls).keys()


@every
def test_an_option_means_what_it_means_in_all(name: str):
    for field in dataclasses.fields(SHARING[name]):
        if field.name in DOCS:
            assert (field.metadata["doc"] == DOCS[field.name]) is ((name, field.name) not in OWN)
            assert (field.name in options_of(SHARING[name]())) is (field.name not in FREE)


@every
@pytest.mark.parametrize("option", LEAST)
def test_options_below_their_least_value_are_refused_in_every_search(name: str, option: str):
    if option in SHARING[name].__dataclass_fields__:
        least = LEAST[option]
        SHARING[name](**{option: least})
        with pytest.raises(UserError, match=f"^{name}: expected {option} to be {least} or more"):
            SHARING[name](**{option: least - 1})


@every
def test_what_is_no_finite_number_is_refused_in_every_search(name: str):
    numbers = [f.name for f in dataclasses.fields(SHARING[name]) if isinstance(f.default, (int, float))]
    for option in numbers:
        for value in (math.nan, math.inf, -math.inf):
            with pytest.raises(UserError, match=f"^{name}: expected {option} to be .* received {value}$"):
                SHARING[name](**{option: value})


@every
@pytest.mark.parametrize("option", MOST)
def test_options_above_their_largest_value_are_refused_in_every_search(name: str, option: str):
    if option in SHARING[name].__dataclass_fields__:
        SHARING[name](**{option: MOST[option]})
        with pytest.raises(UserError, match=f"^{name}: expected {option} to be {MOST[option]} or less"):
            SHARING[name](**{option: MOST[option] + 1})
