"""The clearest units: of the deeper half of the layers, one a layer, and none twice for the same photographs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from generator.dataset.answers import NONE, Answers
from generator.dataset.clear import MOST, RAISE, clear_unit, clearest, strongest
from generator.dataset.kin import Kin
from tests.pages.fixture_units import answers

KINDS = Kin(
    replace(
        answers(3),
        images=np.array([[0, 1, 2], [3, 4, 5], [6, 7, 8]], np.int32),
        values=np.ones((3, 3), np.float32),
    )
)
"""To the last layer photographs 0 to 2, 3 to 5 and 6 to 8 are three kinds."""


def layer(*rows: tuple[int, ...]) -> Answers:
    return replace(answers(len(rows)), images=np.array(rows, np.int32))


def test_of_the_deeper_half_one_a_layer_and_no_kind_twice():
    shallow = layer((0, 1, 2))
    mixed = layer((0, 3, 6), (3, 4, 5), (6, 7, 8))
    again = layer((3, 5, 4), (0, 1, 3), (0, 3, 6))
    # In the last layer one stands out; in the one before two of three are as clear, and one of them has its photographs.
    assert clearest([(shallow, [0]), (mixed, [0, 1, 2]), (again, [0, 1, 2])], KINDS) == {1: 2, 2: 0}
    assert clearest([(shallow, [0]), (mixed, [0]), (again, [0])], KINDS) == {1: 0, 2: 0}, "of those that may be chosen"
    assert clearest([], KINDS) == {}
    assert list(clearest([(shallow, [0])] * 7 + [(mixed, [1])], KINDS)) == [4], "nor of the last eighth"


def test_so_many_at_most():
    # Photographs beyond those of the last layer are of no kind, and each unit here has its own.
    many = [(layer((9 + 3 * k, 10 + 3 * k, 11 + 3 * k)), [0]) for k in range(4 * MOST)]
    assert list(clearest(many, KINDS)) == list(range(2 * MOST, 3 * MOST)), "of equals the shallow ones"


def test_a_layers_clearest_unit():
    assert clear_unit(layer((0, 3, 6), (0, 1, 3), (6, 8, 7)), KINDS) == (2,)
    assert clear_unit(layer((0, 3, 6), (0, NONE, NONE)), KINDS) == ()
    assert clear_unit(layer((3, 4, 5), (0, 1, 2), (4, 3, 5)), KINDS) == (), "all are of one kind each: none stands out"


def test_a_unit_with_fewer_photographs_has_none_to_show():
    some = layer((4, 2, 0), (4, 2, NONE))
    assert RAISE == 3
    assert strongest(some, 0) == (4, 2, 0)
    assert strongest(some, 1) == strongest(answers(2), 0) == ()
