"""Whether to believe the maps, in a browser: the page with and without scripts, sorted, for one image, saved, read out."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

import pytest

from generator.names import INPUT
from generator.pages.trust_agreement import shade, text
from tests.pages import fixture_trust
from tests.pages.conftest import Built
from tests.pages.opened import opened
from tests.pages.trust_table import cells, first_column, row_of

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


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
        at = page.locator(".tr-head").filter(has_text="Deletion").evaluate("h => h.cellIndex")
        shown = row_of(page, "Grad-CAM").locator("td").nth(at - 1)
        estimate = next(s for s in trust.summaries if s.of.method == "grad_cam").estimates["deletion"]
        values = [
            float(v)
            for v in page.locator(f".tr-table tbody td:nth-child({at + 1})").evaluate_all(
                "e => e.map(c => c.dataset.value)"
            )
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
            at = seen.page.locator(".tr-head").filter(has_text="Deletion").evaluate("h => h.cellIndex")
            cell = row_of(seen.page, "Saliency").locator("td").nth(at - 1)
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
