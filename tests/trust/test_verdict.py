"""The verdict: what stands for better, and what is said of whom, to the word where it matters."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from generator.trust.metrics import DECIDING, METRICS, metric
from generator.trust.verdict import BASELINES, EDGES, FEWEST, RANDOM, OwnCheck, Row, sentences, standing, won

NAN = math.nan


def beside(random: str = "", edges: str = "") -> dict[str, dict[str, str]]:
    """Better where the metric is named, else undecided."""
    return {
        RANDOM: {name: "better" if name in random.split() else "undecided" for name in DECIDING},
        EDGES: {name: "better" if name in edges.split() else "undecided" for name in DECIDING},
    }


def row(title: str, random: str = "", edges: str = "", sanity: str | None = "passed", n: int = 8) -> Row:
    return Row(title, n, beside(random, edges), sanity)  # type: ignore[arg-type]


BEST = row("Grad-CAM", "insertion road", "insertion road")


def test_the_verdict_rests_on_numbers_that_a_random_map_does_not_win():
    assert DECIDING == ("insertion", "road")
    assert len({m.name for m in METRICS}) == len(METRICS) == 8
    assert all(m.summary.endswith(".") for m in METRICS)
    assert metric("deletion").better == "lower"


# ---- standing


def test_better_and_worse_depend_on_which_way_is_better_by_hand():
    high, low = [0.9, 0.8, 0.9, 0.7, 0.8, 0.9], [0.1, 0.2, 0.1, 0.1, 0.3, 0.2]
    assert standing(metric("insertion"), high, low) == "better"
    assert standing(metric("insertion"), low, high) == "worse"
    assert standing(metric("deletion"), low, high) == "better"
    assert standing(metric("deletion"), high, low) == "worse"


def test_undecided_where_the_interval_holds_zero():
    mine, theirs = [1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0], [0.4] * 8
    assert standing(metric("road"), mine, theirs) == "undecided"
    assert standing(metric("road"), theirs, theirs) == "undecided"  # no difference at all: the interval is zero itself


def test_undecided_on_five_images_however_much_they_agree():
    assert FEWEST == 6
    assert 2 / 2 ** (FEWEST - 1) > 0.05 > 2 / 2**FEWEST
    assert standing(metric("road"), [1.0] * 5 + [NAN], [0.0] * 6) == "undecided"
    assert standing(metric("road"), [1.0] * 6, [0.0] * 6) == "better"


def test_only_deciding_metrics_win():
    given = Row("x", 8, {RANDOM: {"road": "better", "average_drop": "better", "insertion": "worse"}})
    assert won(given, RANDOM) == ("road",)
    assert won(given, EDGES) == ()
    assert BASELINES == (RANDOM, EDGES) == ("random_map", "sobel_edges")


# ---- sentences


def test_the_whole_verdict_to_the_word():
    rows = [
        BEST,
        row("Score-CAM", "insertion road", "insertion road"),
        row("SmoothGrad", "insertion road", "insertion"),
        row("Guided backprop", "insertion", sanity="insensitive"),
        row("Saliency"),
    ]
    assert sentences(rows, checked=2) == (
        "Grad-CAM and Score-CAM do better than both a random map and the picture's edges by Insertion and ROAD: over 8 "
        "images the 95 % intervals of the paired differences leave out zero, which on so few is a hint.",
        "Guided backprop failed the sanity check on 2 images: with the upper layers random, the classifier "
        "among them, the maps are still largely the same, so they do not explain what was decided, whatever they score.",
        "SmoothGrad does better than both a random map and the picture's edges by Insertion only: over 8 images the 95 % "
        "intervals of the paired differences leave out zero, which on so few is a hint.",
        "Guided backprop does better than a random map, but cannot be shown to do better than the picture's edges, which "
        "know nothing of the model.",
        "Saliency cannot be shown to do better than a random map.",
        "Grad-CAM and Score-CAM pass all of these tests. That does not prove a map right; it is what these images can show.",
    )


def test_one_method_is_spoken_of_in_the_singular():
    said = sentences([BEST], checked=1)
    assert said[0].startswith("Grad-CAM does better than both")
    assert said[1] == "No map failed the sanity check on one image."
    assert said[2].startswith("Grad-CAM passes all of these tests.")


@pytest.mark.parametrize(("n", "words"), [(0, "no image"), (1, "one image"), (5, "5 images")])
def test_on_few_images_nothing_is_claimed(n: int, words: str):
    rows = [row("Grad-CAM", "insertion road", "insertion road", n=n), row("Edges", sanity="picture", n=n)]
    said = sentences(rows, checked=1)
    assert said == (
        f"Judged on {words}: too few to tell any difference between maps from chance, which takes 6 at least. The numbers "
        "describe these images alone.",
        "Edges failed the sanity check on one image: with every weight random the maps are still largely the same, so they "
        "show the picture rather than what the model learnt.",
    )


def test_good_numbers_do_not_outweigh_a_failed_sanity_check():
    failed = row("Grad-CAM++", "insertion road", "insertion road", sanity="insensitive")
    said = sentences([failed], checked=2)
    assert said[-1] == "No method passes all of these tests."
    assert "Grad-CAM++ failed the sanity check" in said[1]


def test_better_than_each_baseline_by_another_number_is_not_better_than_both():
    said = sentences([row("LRP", random="insertion", edges="road")], checked=2)
    assert said[0].startswith("Over 8 images no map can be shown to do better than both")
    assert said[2].startswith("LRP does better than a random map, but")


def test_without_a_sanity_check_it_says_so():
    said = sentences([row("Grad-CAM", "insertion road", "insertion road", sanity=None)])
    assert said[-1] == "No sanity check was made, so none of this says that a map depends on what the model learnt."
    assert not any("passes" in sentence for sentence in said)


def test_a_map_that_the_check_cannot_judge_is_named_and_does_not_pass():
    said = sentences([BEST, row("CAM", "insertion road", "insertion road", sanity=None)], checked=2)
    assert "The sanity check says nothing of CAM: there was no map to compare." in said
    assert said[-1].startswith("Grad-CAM passes")


def test_a_map_drawn_of_a_few_images_only_is_not_judged_by_them():
    said = sentences([BEST, row("Counterfactual", "insertion road", "insertion road", n=4)], checked=2)
    assert "Counterfactual was judged on too few images to tell." in said
    assert said[-1].startswith("Grad-CAM passes")


def test_without_baselines_or_without_a_deciding_number_no_comparison_is_claimed():
    edges_missing = Row("Grad-CAM", 8, {RANDOM: {"road": "better"}}, "passed")
    deletion_alone = Row("Grad-CAM", 8, {base: {"deletion": "better"} for base in BASELINES}, "passed")
    for given in (Row("Grad-CAM", 8, {}, "passed"), edges_missing, deletion_alone):
        said = sentences([given], checked=2)
        assert said[0].startswith("No map stands beside a random map and the picture's edges by Insertion or ROAD: ")
        assert said[1:] == ("No map failed the sanity check on 2 images.",)


def test_where_one_deciding_number_was_taken_it_decides_alone():
    only = Row("Grad-CAM", 8, {base: {"road": "better"} for base in BASELINES}, "passed")
    said = sentences([only], checked=2)
    assert "by ROAD: over 8 images" in said[0]
    assert said[-1].startswith("Grad-CAM passes all of these tests.")


def test_nothing_judged_nothing_said():
    assert sentences([]) == ()


def test_a_map_that_the_classifier_alone_does_not_move_is_named():
    whole, blind = row("Grad-CAM"), replace(row("Eigen-CAM"), kept=0.98)
    said = sentences([replace(whole, kept=0.2), blind], checked=1)
    (line,) = [one for one in said if "classifier alone" in one]
    assert line.startswith("Eigen-CAM keeps its map when the classifier alone is random")
    assert "No map failed the sanity check on one image." in said
    assert not any("classifier alone" in one for one in sentences([whole], checked=1))


# ---- what the sanity check leaves open


def test_one_image_leaves_the_sanity_check_undecided_and_gives_a_hint():
    kept = replace(row("LRP", "insertion road", "insertion road", sanity="insensitive"), doubt="few")
    said = sentences([replace(BEST, doubt="few"), kept], checked=1)
    assert (
        "The sanity check rests on one image, which leaves it undecided. As a hint: on that one LRP kept its map, as a map does "
        "that fails." in said
    )
    assert not any("failed" in one for one in said)
    assert said[-1] == "No method passes all of these tests."
    said = sentences([replace(BEST, doubt="few"), row("Saliency")], checked=2)  # the other one was drawn on two
    assert (
        "The sanity check rests on one image for Grad-CAM, which leaves it undecided. As a hint: on that one no map was kept."
        in said
    )


def test_what_lies_near_the_limit_is_undecided_and_does_not_pass():
    said = sentences([replace(BEST, doubt="near"), row("Saliency")], checked=2)
    assert (
        "The sanity check leaves Grad-CAM undecided: within 0.1 of its limit, a correlation of 0.71, other random weights could "
        "turn it round." in said
    )
    assert not any(one.startswith("No map failed") for one in said)
    assert said[-1] == "No method passes all of these tests."


def test_images_that_say_opposite_things_are_said_to():
    said = sentences([replace(BEST, doubt="split"), row("Saliency")], checked=2)
    assert (
        "The sanity check leaves Grad-CAM undecided: on one image its map clearly passed, on another clearly not."
        in said
    )
    assert said[-1] == "No method passes all of these tests."


def test_a_map_that_fails_its_own_check_is_named_and_passes_only_where_most_of_its_maps_hold():
    bad = replace(BEST, own=OwnCheck("completeness error", 0.629, 0.05, 5, 8))
    said = sentences([bad, row("Saliency")], checked=2)
    assert (
        "Grad-CAM: on 5 of 8 images the map is not what its definition promises, by its own check (completeness error of up to "
        "63 %, where 5 % is allowed). What is judged is that map, not the method." in said
    )
    assert said[-1] == "No method passes all of these tests."
    half = sentences([replace(bad, own=OwnCheck("completeness error", 0.06, 0.05, 4, 8)), row("Saliency")], checked=2)
    assert any(one.startswith("Grad-CAM: on 4 of 8") for one in half)
    assert half[-1].startswith("Grad-CAM passes")
