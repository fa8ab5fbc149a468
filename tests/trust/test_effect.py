"""How large a difference is, and what the verdict says of it: to the word where it matters."""

from __future__ import annotations

import pytest

from generator.trust.effect import Reach, amount, span
from generator.trust.verdict import BASELINES, HINT, Row, sentences

WIDE = Reach(((0.1, 0.5), (0.0, 0.2)), True)
"""The score moves by 0.3 in the mean: a difference below 0.006 has no weight."""


def row(title: str, insertion: float, road: float, *, n: int = 8, mean: float = 0.4, sanity: str = "passed") -> Row:
    """Better than both baselines by both numbers, by so much."""
    beside = {base: dict.fromkeys(("insertion", "road"), "better") for base in BASELINES}
    means = {"insertion": mean, "road": road}
    return Row(title, n, beside, sanity, means=means, gains={"insertion": insertion, "road": road})  # type: ignore[arg-type]


def test_how_far_a_score_moves_by_hand():
    assert WIDE.way == pytest.approx(0.3)  # (0.4 + 0.2) / 2
    assert WIDE.size == pytest.approx(0.35)  # (0.5 + 0.2) / 2
    assert WIDE.slight(0.0059) and WIDE.slight(-0.0059) and not WIDE.slight(0.0061)
    assert not WIDE.barely and not WIDE.still
    assert Reach(((0.10, 0.11), (0.30, 0.31)), True).barely  # 0.01 of a probability
    assert not Reach(((0.10, 0.11), (0.30, 0.31)), False).barely  # of any other score, a twentieth of its size
    assert Reach(((5.0, 5.05),), False).barely
    assert Reach(((0.001, 0.001), (0.0, 0.0)), True).still
    assert not Reach(((0.001, 0.001), (0.2, 0.3)), True).still  # of one image it moves


def test_two_significant_digits():
    assert [amount(v) for v in (0.18, 0.00027, 0.0996, 12.4, 1234.5, 0.0, -0.05)] == [
        "0.18", "0.00027", "0.10", "12", "1,234", "0.00", "−0.050",
    ]  # fmt: skip
    assert amount(3e-7) == "less than 0.00001"
    assert span([0.12, 0.08, 0.1]) == "0.080 to 0.12"
    assert span([0.101, 0.104]) == "0.10"


def test_the_verdict_says_by_how_much():
    said = sentences([row("Grad-CAM", 0.18, 0.05), row("LayerCAM", 0.1, 0.05)], 2, WIDE)
    assert said[0] == (
        "Grad-CAM and LayerCAM do better than both a random map and the picture's edges by Insertion (0.10 to 0.18 more than "
        "the better of the two) and ROAD (0.050 more): over 8 images the 95 % intervals of the paired differences leave out "
        "zero, which on so few is a hint."
    )


def test_a_difference_of_no_weight_crowns_nobody():
    said = sentences([row("Integrated gradients", 0.0004, 0.00027)], 2, WIDE)
    assert said[0] == (
        "Over 8 images no map can be shown to do better than both a random map and the picture's edges by more than a trace, "
        "by Insertion or ROAD."
    )
    assert (
        "Integrated gradients is better than both by 0.00027 to 0.00040 only, where the score moves by 0.30: below 2 % of that "
        "a difference has no weight, though its interval leaves out zero." in said
    )
    assert said[-1] == "No method passes all of these tests."


def test_a_number_of_no_weight_does_not_count_beside_one_that_has_it():
    said = sentences([row("Grad-CAM", 0.18, 0.001)], 2, WIDE)
    assert "by Insertion (0.18 more than the better of the two) only: over 8 images" in said[0]
    assert said[-1] == "No method passes all of these tests."


def test_a_higher_mean_of_another_map_is_named_beside_the_crowned_one():
    other = Row("LayerCAM", 8, {base: {"insertion": "undecided", "road": "undecided"} for base in BASELINES}, "passed",
                means={"insertion": 0.45, "road": 0.01}, gains={"insertion": 0.1, "road": 0.0})  # fmt: skip
    said = sentences([row("Grad-CAM", 0.18, 0.05, mean=0.39), other], 2, WIDE)
    assert said[0].endswith("The highest mean Insertion is that of LayerCAM: 0.45 against 0.39.")
    assert "highest" not in sentences([row("Grad-CAM", 0.18, 0.05, mean=0.5), other], 2, WIDE)[0]


def test_only_few_images_give_a_hint():
    assert HINT == 20
    assert "a hint" in sentences([row("Grad-CAM", 0.18, 0.05, n=19)], 2, WIDE)[0]
    assert "hint" not in "".join(sentences([row("Grad-CAM", 0.18, 0.05, n=20)], 2, WIDE))


def test_a_score_that_hardly_moves_is_said_first():
    said = sentences([row("Grad-CAM", 0.005, 0.005)], 2, Reach(((0.1, 0.112), (0.3, 0.304)), True))
    assert said[0] == (
        "The score hardly moves: whatever is done to the images, it changes by 0.0080 in the mean, and is 0.21 at most. "
        "Every difference between maps is a small part of that."
    )
    assert "better than both" in said[2]


def test_a_score_that_does_not_depend_on_the_picture_leaves_nothing_to_judge():
    still = Reach(((0.001, 0.001), (0.001, 0.001)), True)
    said = (
        "The score does not depend on the picture: whatever is done to the images, it stays at 0.0010. So nothing can be judged, "
        "and no map of it means anything. Is the model trained, and are its weights the ones meant?",
    )
    assert sentences([], 0, still) == said
    assert sentences([row("Grad-CAM", 0.1, 0.1)], 2, still) == said


def test_where_every_map_is_empty_it_is_said_and_where_nothing_was_judged_nothing():
    assert sentences([], 0, WIDE) == ("No map has a value that stands above the others, so none could be judged.",)
    assert sentences([]) == ()
