"""Whether to believe the maps: the page, its parts on other pages, its numbers and its empty states."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from generator.names import INPUT, LayerName
from generator.pages.context import Site
from generator.pages.docs_tree import DocsTree
from generator.pages.environment import environment, strings
from generator.pages.trust import curve_rows, method_part, rated_best, table_rows
from generator.pages.trust_agreement import matrix, order, shade, text
from generator.pages.trust_axis import Axis, Writer
from generator.pages.trust_sanity import sanity
from generator.pages.trust_table import of_image, of_set
from generator.pages.trust_views import Agreement, Estimate, MapId, Metric, SanityCurve, Standing, Summary, Trust
from tests.pages import fixture_trust
from tests.pages.conftest import ROOT, Built
from tests.pages.fixture_report import tiny_report
from tests.pages.opened import opened

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

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
    assert (deletion.n, deletion.better) == ("8", "lower")
    assert deletion.lines == (table.rows[4].cells[0].at, table.rows[3].cells[0].at)
    assert table.layer is not None and table.layer.layer == "layer4"
    # Where insertion alone decides, deletion is not counted.
    deciding = replace(over_set(), metrics=(replace(DELETION, decides=False), INSERTION))
    table = of_set(site(tmp_path, deciding))
    assert [(row.of, row.wins, row.judged) for row in table.rows[:3]] == [(CAM, 0, 1), (PLUS, 0, 1), (GUIDED, 1, 1)]
    assert [c.decides for c in table.columns] == [False, True] and not table.all_decide
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
        ({CAM: (0.1, 0.7), PLUS: (0.3, 0.5)}, "Deletion and insertion both rate Grad-CAM at layer4 best on this image (0.100 and 0.700)."),
        ({CAM: (0.1, 0.4), PLUS: (0.3, 0.5)}, "Deletion rates Grad-CAM at layer4 best on this image (0.100), insertion rates Grad-CAM++ at layer4 best (0.500)."),
        ({CAM: (0.1, NAN), PLUS: (0.1, NAN)}, "Deletion rates Grad-CAM at layer4 and Grad-CAM++ at layer4 best on this image (0.100)."),
        ({CAM: (0.3, NAN), GUIDED: (0.2, NAN), RANDOM: (0.1, NAN)}, "Deletion rates random_map best on this image (0.100)."),
        ({CAM: (NAN, NAN), PLUS: (NAN, NAN)}, ""),
    ],
)  # fmt: skip
def test_the_sentence_of_an_image(tmp_path: Path, numbers: dict[MapId, tuple[float, float]], sentence: str):
    here = site(tmp_path, single(numbers))
    assert rated_best(here, of_image(here, "image-0")) == sentence


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


# Pages


def cells(row: Locator) -> list[str]:
    return [re.sub(r"\s+", " ", t).strip() for t in row.locator("td.tr-cell .tr-number").all_inner_texts()]


def row_of(page: Page, title: str) -> Locator:
    return page.locator(".tr-table tbody tr").filter(has=page.get_by_text(title, exact=True)).first


def first_column(page: Page) -> list[str]:
    return page.locator(".tr-table tbody .tr-name > :first-child").all_inner_texts()


def test_without_scripts_all_numbers_and_drawings_stand(browser: Browser, base: str, tiny: Built):
    trust = tiny.report.trust
    assert trust is not None
    with opened(browser, base + "trust.html", scripts=False, base=base) as seen:
        page = seen.page
        assert page.locator(".tr-first").inner_text() == trust.sentences[0]
        rows = page.locator(".tr-table tbody tr")
        assert rows.count() == len(trust.summaries)
        assert page.locator(".tr-plot circle").count() == len(trust.summaries) * len(trust.metrics)
        assert page.locator(".tr-plot circle").first.is_visible()
        shown = row_of(page, "Grad-CAM").locator("td.tr-cell").first
        estimate = next(s for s in trust.summaries if s.of.method == "grad_cam").estimates["deletion"]
        values = [
            float(v)
            for v in page.locator(".tr-table tbody td:nth-child(4)").evaluate_all("e => e.map(c => c.dataset.value)")
        ]
        assert any(v == pytest.approx(estimate.mean, rel=1e-5) for v in values)
        assert shown.locator(".tr-number").is_visible()
        assert page.locator(".tr-curve path.tr-line").count() == len(trust.sanity) - 2
        assert page.locator(".tr-matrix tbody td").count() == len(trust.summaries) ** 2
        # What needs scripts is not offered.
        assert not page.locator("[data-csv]").first.is_visible()
        assert not page.locator(".tr-picker").first.is_visible()
        assert not page.locator(".tr-stage").is_visible()
        for metric in trust.metrics:
            assert page.get_by_text(metric.summary).is_visible()
    with opened(browser, base + "images/image-0.html", scripts=False, base=base) as seen:
        assert seen.page.locator(".tr-image .tr-table tbody tr").count() == len(trust.summaries)
        assert seen.page.locator(".tr-image .tr-matrix tbody tr").count() == len(trust.summaries)


def test_words_say_what_marks_say(browser: Browser, http: str, tiny: Built):
    trust = tiny.report.trust
    assert trust is not None
    with opened(browser, http + "trust.html") as seen:
        for summary in trust.summaries:
            if summary.of.method != "saliency":
                continue
            cell = row_of(seen.page, "Saliency").locator("td.tr-cell").first
            marks = [c.split("--")[1] for c in cell.locator(".tr-mark").evaluate_all("e => e.map(m => m.className)")]
            assert marks == [summary.beside[b]["deletion"] for b in trust.baselines]
            words = str(cell.locator(".ca-hidden").text_content())
            assert words == "".join(f", {'undecided beside' if m == 'undecided' else m + ' than'} {b}" for m, b in zip(marks, trust.baselines, strict=True))  # fmt: skip


def test_columns_sort_the_best_first(browser: Browser, base: str):
    with opened(browser, base + "trust.html", base=base) as seen:
        page = seen.page
        for name, down in (("Deletion", False), ("Insertion", True)):
            head = page.locator(".tr-head").filter(has_text=name)
            head.locator("button").click()
            assert head.get_attribute("aria-sort") == ("descending" if down else "ascending")
            at = head.evaluate("h => h.cellIndex")
            values = page.locator(".tr-table tbody tr").evaluate_all(
                f"e => e.map(r => Number(r.cells[{at}].dataset.value))"
            )
            assert values == sorted(values, reverse=down)
            head.locator("button").press("Enter")
            assert head.get_attribute("aria-sort") == ("ascending" if down else "descending")
        page.locator("th").filter(has_text="Ahead in").locator("button").click()
        wins = page.locator(".tr-wins").evaluate_all("e => e.map(c => c.dataset.value)")
        assert wins[-2:] == ["", ""]  # the baselines are not counted
        assert [int(w) for w in wins[:-2]] == sorted((int(w) for w in wins[:-2]), reverse=True)
        page.locator("th").filter(has_text="Ahead in").locator("button").click()
        assert page.locator(".tr-wins").evaluate_all("e => e.map(c => c.dataset.value)")[-2:] == ["", ""]
        seen.check()


def test_an_image_takes_the_place_of_the_set_and_the_address_says_so(browser: Browser, base: str, tiny: Built):
    here = tiny.report.images[1]
    with opened(browser, base + "images/" + here.slug + ".html", base=base) as seen:
        seen.page.locator("#believe").scroll_into_view_if_needed()
        names = first_column(seen.page)
        own = [cells(r) for r in seen.page.locator(".tr-table tbody tr").all()]
        own_matrix = seen.page.locator(".tr-matrix tbody td").evaluate_all(
            "e => e.map(c => [c.textContent, c.className])"
        )
        axes = seen.page.locator(".tr-axis").all_inner_texts()
        places = seen.page.locator(".tr-plot circle").evaluate_all("e => e.map(c => parseFloat(c.getAttribute('cx')))")
        wins = seen.page.locator(".tr-wins").all_inner_texts()
        seen.check()
    with opened(browser, base + "trust.html", base=base) as seen:
        page = seen.page
        whole = [cells(r) for r in page.locator(".tr-table tbody tr").all()]
        page.locator(f".tr-picker input[value={here.slug}]").first.check()
        page.wait_for_function("() => document.querySelector('[data-status]').textContent.includes('alone')")
        assert seen.address.endswith(f"#i={here.slug}")
        assert first_column(page) == names
        assert [cells(r) for r in page.locator(".tr-table tbody tr").all()] == own
        assert (
            page.locator(".tr-matrix tbody td").evaluate_all("e => e.map(c => [c.textContent, c.className])")
            == own_matrix
        )
        assert page.locator(".tr-axis").all_inner_texts() == axes
        assert (
            page.locator(".tr-plot circle").evaluate_all("e => e.map(c => parseFloat(c.getAttribute('cx')))") == places
        )
        assert page.locator(".tr-wins").all_inner_texts() == wins
        assert page.locator(".tr-best").count() >= len(fixture_trust.METRICS)
        assert not page.locator("[data-n]").first.is_visible()
        # Both pickers say the same, and the second one leads back.
        second = page.locator(".tr-picker").nth(1)
        assert second.locator(f"input[value={here.slug}]").is_checked()
        second.locator("input[value='']").check()
        page.wait_for_function("() => document.querySelector('[data-status]').textContent.includes('Mean')")
        assert [cells(r) for r in page.locator(".tr-table tbody tr").all()] == whole
        page.evaluate(f"location.hash = 'i={here.slug}'")
        page.wait_for_function("() => document.querySelector('[data-status]').textContent.includes('alone')")
        page.reload()
        page.wait_for_function("() => document.querySelector('[data-status]').textContent.includes('alone')")
        assert [cells(r) for r in page.locator(".tr-table tbody tr").all()] == own
        seen.check()


def saved(page: Page, kind: str) -> tuple[str, list[list[str]]]:
    with page.expect_download() as waiting:
        page.locator(f"[data-csv={kind}]").click()
    content = waiting.value.path().read_text("utf-8-sig")
    return waiting.value.suggested_filename, list(csv.reader(io.StringIO(content)))


def test_csv_on_http_and_by_double_click(browser: Browser, base: str, tiny: Built):
    trust = tiny.report.trust
    assert trust is not None and trust.agreement_of_set is not None
    with opened(browser, base + "trust.html", base=base) as seen:
        page = seen.page
        name, rows = saved(page, "table")
        assert name == "trust-table.csv"
        found = {(r[0], r[1]): dict(zip(rows[0], r, strict=True)) for r in rows[1:]}
        for summary in trust.summaries:
            line = found[summary.of.method, "input" if summary.of.layer == INPUT else str(summary.of.layer)]
            for metric, e in summary.estimates.items():
                got = [float(line[f"{metric}{end}"]) for end in ("", "_low", "_high", "_n")]
                assert got == pytest.approx([e.mean, e.low, e.high, e.n], rel=1e-4)
        name, rows = saved(page, "matrix")
        assert name == "trust-matrix.csv"
        assert rows[0][1:] == [r[0] for r in rows[1:]] and len(rows) == 1 + len(trust.agreement_of_set.of)
        assert all(float(rows[k][k]) == 1 for k in range(1, len(rows)))
        name, rows = saved(page, "curves")
        assert name == "trust-curves.csv" and rows[0][4:] == list(trust.stages)
        page.locator(".tr-picker input[value=image-1]").first.check()
        page.wait_for_function("() => document.querySelector('[data-status]').textContent.includes('alone')")
        name, rows = saved(page, "table")
        assert name == "trust-table-image-1.csv"
        of = next(o for o in trust.images["image-1"] if o.method == "saliency")
        line = next(r for r in rows if r[0] == "saliency")
        assert float(line[rows[0].index("road")]) == pytest.approx(trust.images["image-1"][of]["road"], rel=1e-4)
        seen.check()
    with opened(browser, base + "images/image-0.html", base=base) as seen:
        assert saved(seen.page, "matrix")[0] == "trust-matrix-image-0.csv"
        seen.check()


def test_a_hostile_name_is_no_formula_and_breaks_no_line(browser: Browser, hostile: Built):
    trust = hostile.report.trust
    assert trust is not None
    with opened(browser, hostile.site.as_uri() + "/trust.html", base=hostile.site.as_uri()) as seen:
        seen.page.evaluate(
            "() => { const d = convatlas.get('trust', ''); d.csv[1][0] = '=HYPERLINK(\"x\"),\\n'; d.csv[1][1] = '@SUM(1)'; }"
        )
        rows = saved(seen.page, "table")[1]
        assert rows[1][:2] == ['\'=HYPERLINK("x"),\n', "'@SUM(1)"]
        assert len(rows) == 1 + len(trust.summaries)
        row = seen.page.locator(".tr-matrix tbody tr").filter(has_text="<script>").first
        row.locator("td").first.hover()
        assert "<script>" in seen.page.locator("[data-readout]").inner_text()
        seen.check()


def test_cells_of_the_matrix_are_read_out(browser: Browser, base: str, tiny: Built):
    trust = tiny.report.trust
    assert trust is not None
    with opened(browser, base + "trust.html", base=base) as seen:
        page = seen.page
        heads = page.locator(".tr-matrix thead th").evaluate_all("e => e.map(h => h.title)")
        readout = page.locator("[data-readout]")
        before = readout.inner_text()
        cell = page.locator(".tr-matrix tbody tr").nth(2).locator("td").nth(4)
        cell.hover()
        assert readout.inner_text() == f"{cell.inner_text()} {heads[2]} and {heads[4]}"
        assert page.locator(".tr-matrix th.tr-lit").count() == 2
        page.mouse.move(2, 2)
        assert readout.inner_text() == before
        page.locator(".tr-matrix-scroll").focus()
        page.keyboard.press("End")
        page.keyboard.press("ArrowDown")
        assert readout.inner_text().endswith(f"{heads[1]} and {heads[-1]}")
        for _ in range(len(heads) + 2):
            page.keyboard.press("ArrowUp")
        assert readout.inner_text().endswith(f"{heads[0]} and {heads[-1]}")
        page.keyboard.press("Tab")
        assert readout.inner_text() == before
        seen.check()


def test_scripts_write_correlations_as_the_pages_do(browser: Browser, http: str):
    values = [1.0, 0.834, -0.4, -0.001, 0.999, -1.0, None, 0.04, -0.96, 0.25, -0.35]
    with opened(browser, http + "trust.html") as seen:
        made = seen.page.evaluate(
            "(v) => { const m = document.querySelector('trust-matrix'); return v.map((x) => [m.text(x), m.shade(x)]); }",
            values,
        )
        assert made[:9] == [[text(v), shade(v)] for v in values[:9]]


def test_one_stage_is_marked_in_all_curves(browser: Browser, base: str, tiny: Built):
    trust = tiny.report.trust
    assert trust is not None
    with opened(browser, base + "trust.html", base=base) as seen:
        page = seen.page
        slider = page.locator(".tr-stage input")
        last = len(trust.stages) - 1
        assert page.locator("[data-stage]").inner_text() == f"{trust.stages[last]} ({last} of {last})"
        slider.focus()
        page.keyboard.press("ArrowLeft")
        assert slider.get_attribute("aria-valuetext") == f"{trust.stages[last - 1]} ({last - 1} of {last})"
        guided = next(c for c in trust.sanity if c.of.method == "guided_backprop")
        place = page.locator(".tr-curves li").filter(has_text="Guided backprop")
        assert float(place.locator("[data-at]").inner_text()) == pytest.approx(guided.correlations[last - 1], abs=0.006)
        assert place.locator(".tr-verdict").inner_text().endswith("failed")
        box = place.locator("svg").bounding_box()
        assert box
        page.mouse.move(box["x"] + box["width"] * 5 / 219, box["y"] + 20)
        assert page.locator("[data-stage]").inner_text().startswith("trained")
        assert set(page.locator("[data-at]").all_inner_texts()) == {"1.00"}
        assert len(set(page.locator(".tr-cursor").evaluate_all("e => e.map(c => c.getAttribute('x1'))"))) == 1
        seen.check()


def test_intervals_are_printed_on_demand(browser: Browser, http: str):
    with opened(browser, http + "trust.html") as seen:
        ends = seen.page.locator(".tr-ends").first
        assert not ends.is_visible()
        seen.page.locator("[data-control=intervals]").check()
        assert re.fullmatch(r"[−\d.,]+ – [−\d.,]+", ends.inner_text())


def test_other_pages_carry_their_part(browser: Browser, base: str, tiny: Built):
    trust = tiny.report.trust
    assert trust is not None
    with opened(browser, base + "index.html", base=base) as seen:
        assert trust.sentences[0] in seen.page.locator(".ca-verdict").inner_text()
        seen.page.locator(".ca-verdict a").click()
        seen.page.wait_for_load_state("load")
        assert seen.page.locator("h1").inner_text() == "Whether to believe the maps"
        seen.page.locator(".tr-cards a").first.click()
        seen.page.wait_for_load_state("load")
        assert seen.address.endswith("images/image-0.html#believe")
        assert re.search(r"^Deletion .+ best", seen.page.locator(".tr-image .tr-first").inner_text())
        seen.page.locator(".tr-image .ca-more").click()
        seen.page.wait_for_load_state("load")
        seen.page.locator(".tr-table a[href='methods/guided_backprop.html']").click()
        seen.page.wait_for_load_state("load")
        box = seen.page.locator(".tr-here")
        assert "failed" in box.inner_text()
        row = box.locator("tbody tr").first.locator("td.ca-num").all_inner_texts()
        guided = next(s for s in trust.summaries if s.of.method == "guided_backprop")
        base_of = {s.of.method: s.estimates["deletion"].mean for s in trust.summaries}
        expected = [guided.estimates["deletion"].mean, *(base_of[b] for b in trust.baselines)]
        assert [float(t.split()[0]) for t in row] == pytest.approx(expected, abs=6e-4)
        assert box.locator("svg.tr-curve").is_visible()
        box.locator("a").last.click()
        seen.page.wait_for_load_state("load")
        assert seen.address.endswith("trust.html")
        seen.check()


def audit(page: Page) -> list[Any]:
    """What axe finds. It reads style sheets with requests of its own, so over http alone."""
    from axe_playwright_python.base import AXE_FILE_PATH

    page.evaluate(Path(AXE_FILE_PATH).read_text("utf-8") + "\nundefined")
    result = page.evaluate("axe.run()")
    assert result["passes"]
    return [(v["id"], [(n["html"][:160], n["failureSummary"]) for n in v["nodes"][:3]]) for v in result["violations"]]


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_axe_finds_nothing_in_any_state(browser: Browser, http: str, scheme: str, width: int):
    with opened(browser, http + "trust.html#i=image-1", scheme=scheme, width=width, base=http) as seen:
        page = seen.page
        page.wait_for_function("() => document.querySelector('[data-status]').textContent.includes('alone')")
        page.locator(".tr-head button").first.click()
        page.locator(".tr-numbers summary").click()
        page.locator(".tr-matrix-scroll").focus()
        page.keyboard.press("ArrowRight")
        page.wait_for_timeout(200)
        assert audit(page) == []
        page.locator(".tr-picker input[value='']").first.check()
        page.locator("[data-control=intervals]").check()
        page.wait_for_timeout(200)
        assert audit(page) == []
        seen.check()


@pytest.mark.parametrize("trust", [None, Trust()])
def test_a_report_without_judgements_says_how_to_ask(
    browser: Browser,
    tmp_path: Path,
    rebuild: Callable[..., Built],
    site_server: Callable[[Path], str],
    trust: Trust | None,
):
    built = rebuild(replace(tiny_report(tmp_path / "store"), trust=trust), tmp_path)
    assert not (built.site / "data/trust.js").exists()
    address = site_server(built.site)
    with opened(browser, address + "trust.html") as seen:
        assert "were not judged" in seen.page.locator(".ca-na").inner_text()
        assert seen.page.locator("pre").inner_text().startswith("trust:\n  metrics: [deletion")
        assert audit(seen.page) == []
        seen.check()
    parts = {"index.html": ".ca-verdict", "images/image-0.html": ".tr-image", "methods/grad_cam.html": ".tr-here"}
    for page, gone in parts.items():
        with opened(browser, address + page, base=address) as seen:
            assert seen.page.locator("h1").count() == 1 and seen.page.locator(gone).count() == 0
            seen.check()


def test_one_image_a_flat_map_and_parts_alone(
    browser: Browser, tmp_path: Path, rebuild: Callable[..., Built], site_server: Callable[[Path], str]
):
    report = tiny_report(tmp_path / "store")
    trust = fixture_trust.trust(["image-0"], report.cam_layers[-1:])
    flat = next(of for of in trust.images["image-0"] if of.method == "saliency")
    values = {of: dict.fromkeys(v, NAN) if of == flat else v for of, v in trust.images["image-0"].items()}
    summaries = tuple(replace(s, estimates={}) if s.of == flat else s for s in trust.summaries)
    trust = replace(trust, images={"image-0": values}, summaries=summaries)
    built = rebuild(replace(report, images=report.images[:1], trust=trust), tmp_path)
    address = site_server(built.site)
    with opened(browser, address + "trust.html") as seen:
        page = seen.page
        assert "One image: there is no interval" in page.locator("[data-status]").inner_text()
        assert page.locator(".tr-table .tr-interval").count() == 0
        assert page.locator(".tr-picker").count() == 0
        assert cells(row_of(page, "Saliency")) == ["–"] * len(trust.metrics)
        assert row_of(page, "Saliency").locator("circle").count() == 0
        assert audit(page) == []
        page.locator(".tr-head button").first.click()
        assert first_column(page)[-1] == "Saliency"
        seen.check()
    with opened(browser, address + "images/image-0.html", base=address) as seen:
        page = seen.page
        assert "A dash: the map is flat" in page.locator(".tr-image").inner_text()
        seen.check()
    for part in (
        replace(trust, sanity=(), agreement={}, agreement_of_set=None),
        Trust(stages=trust.stages, sanity=trust.sanity),
        Trust(agreement=trust.agreement, agreement_of_set=trust.agreement_of_set),
    ):
        built = rebuild(replace(report, trust=part), tmp_path)
        with opened(browser, address + "trust.html") as seen:
            found = [bool(seen.page.locator(s).count()) for s in (".tr-table", ".tr-curves", ".tr-matrix")]
            assert found == [bool(part.summaries), bool(part.sanity), part.agreement_of_set is not None]
            assert audit(seen.page) == []
            seen.check()
        for name in ("images/image-0.html", "methods/grad_cam.html"):
            with opened(browser, address + name, base=address) as seen:
                assert seen.page.locator("h1").count() == 1
                seen.check()


@pytest.mark.parametrize("metrics", [fixture_trust.METRICS[:1], fixture_trust.METRICS + fixture_trust.BOXES])
def test_many_maps_fit_a_window_and_a_telephone(
    browser: Browser, tmp_path: Path, rebuild: Callable[..., Built], metrics: tuple[Metric, ...]
):
    report = tiny_report(tmp_path / "store")
    trust = fixture_trust.trust(
        [i.slug for i in report.images], report.cam_layers, methods=list(fixture_trust.QUALITY), metrics=metrics
    )
    built = rebuild(replace(report, trust=trust), tmp_path)
    for width in (1280, 390):
        for name in ("trust.html", "images/image-0.html", "methods/grad_cam.html"):
            with opened(browser, f"{built.site.as_uri()}/{name}", width=width, base=built.site.as_uri()) as seen:
                page = seen.page
                assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
                if width == 1280 and name == "trust.html":
                    assert page.locator(".tr-scroll").evaluate("e => e.scrollWidth - e.clientWidth") <= 0
                seen.check()
