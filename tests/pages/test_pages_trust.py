"""Whether to believe the maps: numbers and places, tables, sentences, without a browser."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from generator.names import INPUT, LayerName
from generator.pages.context import Site
from generator.pages.docs_tree import DocsTree
from generator.pages.environment import environment, strings
from generator.pages.trust import curve_rows, method_part, rated_best, settings, table_rows
from generator.pages.trust_agreement import matrix, order, shade, text
from generator.pages.trust_axis import Axis, Writer
from generator.pages.trust_sanity import sanity
from generator.pages.trust_table import Doubted, of_image, of_set
from generator.pages.trust_views import (
    Agreement,
    Doubt,
    Estimate,
    MapId,
    Metric,
    SanityCurve,
    Settings,
    Standing,
    Summary,
    Trust,
)
from tests.pages.conftest import ROOT
from tests.pages.fixture_report import tiny_report

DELETION = Metric("deletion", "Deletion", "lower", "…")
INSERTION = Metric("insertion", "Insertion", "higher", "…")
CAM = MapId("grad_cam", LayerName("layer4"))
PLUS = MapId("grad_cam_pp", LayerName("layer4"))
GUIDED, RANDOM, EDGES = MapId("guided_backprop", INPUT), MapId("random_map", INPUT), MapId("sobel_edges", INPUT)
NAN = math.nan


def site(folder: Path, trust: Trust | None) -> Site:
    """A site under way over the tiny report, with this trust."""
    t = strings((ROOT / "site_config",), "en")
    report = replace(tiny_report(folder / "store"), trust=trust)
    return Site(report, DocsTree(folder / "docs"), environment((ROOT / "templates",), t), t)


def single(numbers: dict[MapId, tuple[float, float]]) -> Trust:
    """One image's deletion and insertion."""
    values = {of: {"deletion": d, "insertion": i} for of, (d, i) in numbers.items()}
    return Trust(metrics=(DELETION, INSERTION), images={"image-0": values})


# Numbers and places


def test_an_axis_of_a_metric_that_is_better_low_runs_backwards():
    estimates = [Estimate(0.2, NAN, NAN, 1), Estimate(0.6, NAN, NAN, 1)]
    # A hundredth part of 4 % of 0.4 on either side: 0.184 to 0.616, and 5 % free at each end of the plot.
    low = Axis.of(estimates, "lower")
    assert (low.left, low.right) == pytest.approx((0.616, 0.184))
    assert low.place(0.6) == pytest.approx(5 + 0.016 / 0.432 * 90, abs=0.05)
    assert low.place(0.2) == pytest.approx(95 - 0.016 / 0.432 * 90, abs=0.05)
    high = Axis.of(estimates, "higher")
    assert (high.left, high.right) == pytest.approx((0.184, 0.616))
    assert high.place(0.2) + low.place(0.2) == pytest.approx(100)


def test_an_axis_makes_room_for_the_usual_interval_and_cuts_longer_ones():
    axis = Axis.of([Estimate(10, 9, 11, 4), Estimate(20, 18, 22, 4), Estimate(30, -20, 80, 4)], "higher")
    assert (axis.left, axis.right) == (8, 32)  # half-widths 1, 2 and 50: their median is 2
    assert axis.place(-20) == 0 and axis.place(80) == 100


def test_an_axis_that_spans_orders_of_magnitude_is_logarithmic():
    axis = Axis.of([Estimate(v, NAN, NAN, 1) for v in (0.001, 0.01, 0.1)], "higher")
    assert axis.log
    assert axis.place(0.01) == 50
    assert axis.place(-1) == 0
    assert not Axis.of([Estimate(v, NAN, NAN, 1) for v in (0.01, 0.1)], "higher").log
    assert not Axis.of([Estimate(v, NAN, NAN, 1) for v in (0.0, 0.0, 0.1)], "higher").log
    assert not Axis.of([Estimate(v, NAN, NAN, 1) for v in (0.001, 0.2, 0.3)], "higher").log  # a quiet one may be small


def test_axes_of_one_value_and_of_none():
    assert Axis.of([Estimate(5, NAN, NAN, 1)], "higher").place(5) == 50
    assert Axis.of([], "lower").place(0.5) == 50
    shares = Axis.of([Estimate(1.0, NAN, NAN, 1), Estimate(0.0, NAN, NAN, 1)], "higher")
    assert (shares.left, shares.right) == (0, 1)  # no share is below none or above all


def test_numbers_of_a_column_stand_under_each_other():
    def written(values: list[float], log: bool = False) -> tuple[list[str], str]:
        write = Writer.of(values, log)
        return [write(v) for v in values], write.unit

    assert written([0.1234, 0.9]) == (["0.123", "0.900"], "")
    assert written([12.34, -3.0]) == (["12.3", "−3.0"], "")
    assert written([1.5, 0.25]) == (["1.50", "0.25"], "")
    assert written([12345.6, 1.0]) == (["12,346", "1"], "")
    assert written([0.00123, 0.0004]) == (["1.230", "0.400"], "×10⁻³")
    assert written([0.026, 0.00031], log=True) == (["26", "0.31"], "×10⁻³")
    assert written([-0.0001, 0.9]) == (["0.000", "0.900"], "")
    assert written([0.0, 0.0]) == (["0.00", "0.00"], "")


def test_correlations_as_text_and_shade():
    assert [text(v) for v in (1.0, 0.834, -0.4, -0.001, 0.999, -1.0, None)] == [
        "1",
        ".83",
        "−.40",
        ".00",
        "1",
        "−1",
        "–",
    ]
    assert [shade(v) for v in (1.0, 0.834, -0.4, -0.01, 0.04, -0.96, None)] == [
        "p10",
        "p8",
        "n4",
        "p0",
        "p0",
        "n10",
        "x",
    ]


def test_maps_that_agree_stand_together():
    # Two families, 0 with 2 and 1 with 3, and a flat map.
    a, b, n = 0.9, 0.1, NAN
    rows = ((1, b, a, b, n), (b, 1, b, a, n), (a, b, 1, 0.3, n), (b, a, 0.3, 1, n), (n, n, n, n, n))
    found = order(rows)
    assert sorted(found) == [0, 1, 2, 3, 4]
    assert abs(found.index(0) - found.index(2)) == abs(found.index(1) - found.index(3)) == 1
    assert abs(found.index(2) - found.index(3)) == 1  # the ends that meet are the most alike
    assert found.index(4) in (0, 4)
    assert order(()) == ()


# Tables


def over_set() -> Trust:
    """Four maps and two baselines: judged, and one of them blind."""

    def summary(of: MapId, numbers: tuple[float, float], stands: dict[str, tuple[Standing, Standing]]) -> Summary:
        estimates = {
            n: Estimate(v, v - 0.05, v + 0.05, 8) for n, v in zip(("deletion", "insertion"), numbers, strict=True)
        }
        return Summary(
            of, estimates, {b: dict(zip(("deletion", "insertion"), s, strict=True)) for b, s in stands.items()}
        )

    both: tuple[Standing, Standing] = ("better", "better")
    return Trust(
        metrics=(DELETION, INSERTION),
        summaries=(
            summary(RANDOM, (0.5, 0.2), dict.fromkeys(("random_map", "sobel_edges"), ("baseline", "baseline"))),
            summary(GUIDED, (0.1, 0.8), {"random_map": both, "sobel_edges": both}),
            summary(PLUS, (0.3, 0.5), {"random_map": both, "sobel_edges": ("undecided", "worse")}),
            summary(CAM, (0.2, 0.6), {"random_map": both, "sobel_edges": ("better", "undecided")}),
            summary(EDGES, (0.4, 0.3), dict.fromkeys(("random_map", "sobel_edges"), ("baseline", "baseline"))),
        ),
        stages=("trained", "_fc", "stem"),
        sanity=(
            SanityCurve(GUIDED, (1.0, 0.9, 0.8), 2, False), SanityCurve(CAM, (1.0, NAN, -0.3), 2, True),
            SanityCurve(PLUS, (1.0, 0.5, 0.001), 2, None), SanityCurve(EDGES, (1.0, 1.0, 1.0), 2, False),
        ),
    )  # fmt: skip


def test_the_most_trusted_come_first_and_baselines_last(tmp_path: Path):
    table = of_set(site(tmp_path, over_set()))
    assert [row.of for row in table.rows] == [CAM, PLUS, GUIDED, EDGES, RANDOM]
    assert [(row.wins, row.judged) for row in table.rows] == [(1, 2), (0, 2), (2, 2), (0, 0), (0, 0)]
    cam, plus = table.rows[:2]
    assert [c.standing for c in cam.cells] == ["better", "undecided"]
    assert [c.standing for c in plus.cells] == ["undecided", "worse"]
    assert plus.cells[0].beside == ("better", "undecided")
    assert cam.cells[0].interval == "0.150 – 0.250"
    assert cam.name.full == "Grad-CAM at layer4" and table.rows[2].name.full == "Guided backprop"
    assert table.intervals and not any(c.best for row in table.rows for c in row.cells)
    deletion = table.columns[0]
    assert (deletion.n, deletion.better) == (8, "lower")
    assert deletion.lines == (table.rows[4].cells[0].at, table.rows[3].cells[0].at)
    assert table.layer is not None and table.layer.layer == "layer4"
    # Where insertion alone decides, deletion is not counted.
    deciding = replace(over_set(), metrics=(replace(DELETION, decides=False), INSERTION))
    table = of_set(site(tmp_path, deciding))
    assert [(row.of, row.wins, row.judged) for row in table.rows[:3]] == [(CAM, 0, 1), (PLUS, 0, 1), (GUIDED, 1, 1)]
    assert [c.decides for c in table.columns] == [True, False] and not table.all_decide
    # Where nothing would decide, everything does.
    none = replace(over_set(), metrics=tuple(replace(m, decides=False) for m in (DELETION, INSERTION)))
    assert of_set(site(tmp_path, none)).all_decide
    # Right is better in both columns.
    for k in (0, 1):
        at = {row.of: row.cells[k].at for row in table.rows}
        assert at[RANDOM] < at[EDGES] < at[PLUS] < at[CAM] < at[GUIDED]  # type: ignore[operator]


def test_the_sets_numbers_as_csv(tmp_path: Path):
    here = site(tmp_path, over_set())
    head, *rows = table_rows(here, of_set(here))
    assert head[:9] == ["method", "layer", "sanity", "deletion", "deletion_low", "deletion_high", "deletion_n",
                        "deletion_vs_random_map", "deletion_vs_sobel_edges"]  # fmt: skip
    assert rows[1][:9] == ["grad_cam_pp", "layer4", "undecided", 0.3, 0.25, 0.35, 8, "better", "undecided"]
    assert rows[-1][:9] == ["random_map", "input", "", 0.5, 0.45, 0.55, 8, None, None]
    curves = curve_rows(sanity(here))
    assert curves[0] == ["method", "layer", "verdict", "n", "trained", "_fc", "stem"]
    assert curves[2] == ["grad_cam_pp", "layer4", "undecided", 2, 1, 0.5, 0.001]


def test_curves_that_failed_come_first_and_gaps_stay_gaps(tmp_path: Path):
    found = sanity(site(tmp_path, over_set()))
    assert found is not None
    assert [(d.of, d.verdict, d.last) for d in found.drawings] == [(GUIDED, "failed", "0.80"), (PLUS, "undecided", "0.00"), (CAM, "passed", "−0.30")]  # fmt: skip
    assert [d.of for d in found.faint] == [EDGES]
    assert found.floor == -0.5  # the lowest is -0.3
    # 84 high from 1 to -0.5: 1 is at 0, 0 at 56, 0.8 at 11.2, -0.3 at 72.8; the stages are 100 apart.
    assert found.zero == 56
    assert found.drawings[0].path == "M0 0L100 5.6L200 11.2"
    assert found.drawings[2].path == "M0 0M200 72.8"
    assert found.drawings[2].texts == ("1.00", "–", "−0.30")


def test_one_image_has_no_interval_and_numbers_are_compared(tmp_path: Path):
    numbers = {CAM: (0.1, 0.7), PLUS: (0.3, 0.7), GUIDED: (NAN, NAN), RANDOM: (0.4, 0.2), EDGES: (0.3, 0.3)}
    here = site(tmp_path, single(numbers))
    table = of_image(here, "image-0")
    assert not table.intervals
    cells = {row.of: row.cells for row in table.rows}
    assert [(c.standing, c.best) for c in cells[CAM]] == [("better", True), ("better", True)]
    assert [(c.standing, c.best) for c in cells[PLUS]] == [("undecided", False), ("better", True)]
    assert [(c.text, c.value, c.at) for c in cells[GUIDED]] == [("–", None, None)] * 2
    assert all(c.interval == "" and c.low is None for row in cells.values() for c in row)
    # The set of one image is judged in the same way.
    alone = tuple(Summary(of, {"deletion": Estimate(d, NAN, NAN, 1)}) for of, (d, _) in numbers.items())
    whole = of_set(site(tmp_path, Trust(metrics=(DELETION,), summaries=alone)))
    assert not whole.intervals
    assert [row.of for row in whole.rows if row.wins] == [CAM]


@pytest.mark.parametrize(
    ("numbers", "sentence"),
    [
        ({CAM: (0.1, 0.7), PLUS: (0.3, 0.5)}, "Deletion and Insertion both rate Grad-CAM at layer4 best on this image (0.100 and 0.700)."),
        ({CAM: (0.1, 0.4), PLUS: (0.3, 0.5)}, "Deletion rates Grad-CAM at layer4 best on this image (0.100), Insertion rates Grad-CAM++ at layer4 best (0.500)."),
        ({CAM: (0.1, NAN), PLUS: (0.1, NAN)}, "Deletion rates Grad-CAM at layer4 and Grad-CAM++ at layer4 best on this image (0.100)."),
        ({CAM: (0.3, NAN), GUIDED: (0.2, NAN), RANDOM: (0.1, NAN)}, ""),
        ({CAM: (0.0002, NAN), PLUS: (0.0003, NAN)}, "Deletion rates Grad-CAM at layer4 best on this image (0.200 ×10⁻³)."),
        ({CAM: (NAN, NAN), PLUS: (NAN, NAN)}, ""),
        ({CAM: (0.1, NAN), RANDOM: (0.3, NAN), EDGES: (0.2, NAN)}, "Deletion rates Grad-CAM at layer4 best on this image (0.100; random_map 0.300; sobel_edges 0.200)."),
    ],
)  # fmt: skip
def test_the_sentence_of_an_image(tmp_path: Path, numbers: dict[MapId, tuple[float, float]], sentence: str):
    here = site(tmp_path, single(numbers))
    assert rated_best(here, of_image(here, "image-0")) == sentence


def test_the_sentence_of_an_image_is_of_deciding_numbers_and_of_maps_that_do_not_fail(tmp_path: Path):
    given = single({CAM: (0.2, 0.5), GUIDED: (0.1, 0.8), RANDOM: (0.4, 0.1)})
    curves = (SanityCurve(GUIDED, (1.0, 0.9), 2, False), SanityCurve(CAM, (1.0, 0.1), 2, True))
    given = replace(given, metrics=(replace(DELETION, decides=False), INSERTION), sanity=curves)
    here = site(tmp_path, given)
    assert rated_best(here, of_image(here, "image-0")) == (
        "Insertion rates Grad-CAM at layer4 best on this image (0.500; random_map 0.100). In Insertion the number of Guided "
        "backprop is better, which fails the sanity check."
    )
    here = site(tmp_path, replace(given, sanity=(curves[0], replace(curves[1], passed=False))))
    assert rated_best(here, of_image(here, "image-0")) == ""


def test_matrices_of_images_are_in_the_order_of_the_set(tmp_path: Path):
    whole = Agreement((CAM, GUIDED, PLUS), ((1, 0.1, 0.9), (0.1, 1, 0.2), (0.9, 0.2, 1)))
    one = Agreement(
        (GUIDED, PLUS, RANDOM, CAM), ((1, NAN, 0, -0.5), (NAN, NAN, NAN, NAN), (0, NAN, 1, 0), (-0.5, NAN, 0, 1))
    )
    here = site(tmp_path, Trust(agreement={"image-0": one}, agreement_of_set=whole))
    of_whole, of_one = matrix(here), matrix(here, "image-0")
    assert of_whole is not None and of_one is not None
    titles = [n.title for n in of_whole.of]
    assert titles == ["Grad-CAM", "Grad-CAM++", "Guided backprop"]
    assert [n.title for n in of_one.of] == [*titles, "random_map"]
    assert of_one.values == ((1, None, -0.5, 0), (None, None, None, None), (-0.5, None, 1, 0), (0, None, 0, 1))
    assert of_one.cells[0] == (("1", "p10"), ("–", "x"), ("−.50", "n5"), (".00", "p0"))
    assert matrix(here, "image-1") is None


def test_a_method_is_shown_beside_the_baselines(tmp_path: Path):
    here = site(tmp_path, over_set())
    part = method_part(here, "grad_cam")
    assert part is not None
    assert [title for title, _ in part["baselines"]] == ["random_map", "sobel_edges"]
    ((row, drawing),) = part["maps"]
    assert row.of == CAM and drawing.verdict == "passed"
    edges = method_part(here, "sobel_edges")
    assert edges is not None and edges["places"] == [0]
    assert method_part(here, "cam") is None


def test_with_what_the_numbers_were_taken_stands_in_one_line(tmp_path: Path):
    given = Settings(6, 4, (0.5, 0.8), 16, 4, 2)
    road = Metric("road", "ROAD", "higher", "…")
    said = settings(site(tmp_path, replace(over_set(), settings=given)))
    assert said == (
        "Taken with: images judged: 6; Deletion and Insertion in 4 steps; sanity check in 4 stages, images: 2. More of each "
        "costs more time and scatters less."
    )
    infidelity = Metric("infidelity", "Infidelity", "lower", "…")
    every = replace(over_set(), settings=replace(given, checked=0), metrics=(road, infidelity))
    said = settings(site(tmp_path, every))
    assert "ROAD with 50, 80 % of the pixels taken away; Infidelity over 16 squares." in said and "sanity" not in said
    assert settings(site(tmp_path, Trust(settings=given))) == ""


def test_maps_that_fail_their_own_check_are_marked_and_counted(tmp_path: Path):
    images = {slug: {of: {"deletion": 0.2} for of in (CAM, GUIDED)} for slug in ("image-0", "image-1", "image-2")}
    doubts = {
        "image-0": {GUIDED: Doubt("completeness error", -0.3, 0.05)},
        "image-2": {GUIDED: Doubt("completeness error", 0.629, 0.05)},
    }
    here = site(tmp_path, replace(over_set(), images=images, doubts=doubts))
    found = {row.of: row.doubt for row in of_set(here).rows}
    worst = "completeness error up to 63 %, where 5 % is allowed: the map is not what its definition promises"
    assert found[GUIDED] == Doubted(2, 3, worst)
    assert all(doubt is None for of, doubt in found.items() if of != GUIDED)
    head, *rows = table_rows(here, of_set(here))
    assert [(row[0], row[head.index("own_check_fails")]) for row in rows if row[0] in ("guided_backprop", "grad_cam")] == [
        ("grad_cam", 0), ("guided_backprop", 2),
    ]  # fmt: skip
    single = {row.of: row.doubt for row in of_image(here, "image-0").rows}
    assert single[GUIDED] is not None and (single[GUIDED].images, single[GUIDED].of) == (1, 1)
    assert "up to 30 %" in single[GUIDED].text
    assert all(row.doubt is None for row in of_image(here, "image-1").rows)


def test_a_row_of_fewer_images_says_so_and_heads_of_columns_of_csv_are_unique(tmp_path: Path):
    def estimated(of: MapId, deletion: int, insertion: int) -> Summary:
        return Summary(
            of, {"deletion": Estimate(0.2, 0.1, 0.3, deletion), "insertion": Estimate(0.5, 0.4, 0.6, insertion)}
        )

    counted = (estimated(CAM, 6, 6), estimated(PLUS, 6, 3), estimated(GUIDED, 4, 5), estimated(RANDOM, 6, 6))
    here = site(tmp_path, Trust(metrics=(DELETION, INSERTION), summaries=counted))
    table = of_set(here)
    assert [c.n for c in table.columns] == [6, 6]
    assert {row.of: row.n for row in table.rows} == {CAM: None, PLUS: 3, GUIDED: 4, RANDOM: None}
    head = table_rows(here, table)[0]
    assert len(set(head)) == len(head)


def test_what_decides_stands_in_the_first_columns(tmp_path: Path):
    metrics = (replace(DELETION, decides=False), INSERTION)
    table = of_set(site(tmp_path, replace(over_set(), metrics=metrics)))
    assert [(c.name, c.decides) for c in table.columns] == [("insertion", True), ("deletion", False)]
