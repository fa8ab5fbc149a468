"""What the search over pages finds: words that stand apart on a page are apart in its text, and units are led to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from generator.pages.parted import parted
from tests.pages.conftest import Built
from tests.pages.kinds import KINDS
from tests.pages.opened import opened, search

if TYPE_CHECKING:
    from playwright.sync_api import Browser

GLUED = """() => {
  // Without a filter's function: where scripts are off none may be called.
  const drawn = document.createTreeWalker(document.querySelector('#content'), NodeFilter.SHOW_TEXT);
  const found = [];
  const kept = (node) => node.parentElement.closest('p, li, ol, ul, pre, code, h1, h2, h3, h4, h5, h6');  // set apart by the search itself
  const at = (node, last) => { const range = document.createRange(); range.selectNodeContents(node); const all = range.getClientRects(); return all[last ? all.length - 1 : 0]; };
  let before = null, gap = false;
  for (let node = drawn.nextNode(); node; node = drawn.nextNode()) {
    if (node.parentElement.closest('[data-search-exclude], script, style, noscript, math, svg')) continue;
    if (!node.data.trim()) { gap = true; continue; }
    const apart = gap || !before || /\\s$/.test(before.data) || /^[\\s,.;:)]/.test(node.data) || node.previousSibling?.nodeName === 'WBR' || kept(before) !== kept(node);
    const [a, b] = apart ? [] : [at(before, true), at(node, false)];
    if (a && b && (Math.abs(b.left - a.right) > 3 || Math.abs(b.top - a.top) > 12)) found.push(before.data.trim().slice(-30) + '|' + node.data.trim().slice(0, 30));
    before = node;
    gap = false;
  }
  return found;
}"""
"""Texts that a reader sees apart, on another line or behind a gap, and that nothing parts in the page's text."""


def test_blocks_are_parted_and_the_inside_of_a_line_is_left_alone():
    assert parted("<tr><th>conv</th><td>3 × 3</td></tr><tr><td>2</td></tr>") == (
        "<tr><th>conv</th> <td>3 × 3</td></tr> <tr><td>2</td></tr>"
    )
    assert parted("<a>ResNet</a><div>block</div>after") == "<a>ResNet</a> <div>block</div> after"
    assert parted("<div><b>x</b></div></div>") == "<div><b>x</b></div></div>"
    for same in ("<b>17</b><sup>2</sup>", "conv<wbr>_1", "<span>a</span><i>b</i>", "<td></td>"):
        assert parted(same) == same


@pytest.mark.parametrize("name", [kind for kind in KINDS if kind != "404.html"])
def test_what_stands_apart_on_a_page_is_apart_in_its_text(browser: Browser, tiny: Built, name: str):
    with opened(browser, f"{tiny.site.as_uri()}/{name}", scripts=False, base=tiny.site.as_uri()) as seen:
        seen.page.context.set_default_timeout(10000)
        assert seen.page.evaluate(GLUED) == []


def test_what_is_typed_into_the_search_over_pages_goes_on_to_the_units(browser: Browser, http: str, tiny: Built):
    assert "HiResCAMWhat" not in (tiny.site / "search/search_index.json").read_text("utf-8")
    with opened(browser, http + "layers/layer-0.html", base=http) as seen:
        page = seen.page
        line = page.locator(".ca-search-units")
        assert not line.is_visible()
        search(page, "head")
        assert line.inner_text().startswith("Search all units for “head”")
        line.locator("a").click()
        page.wait_for_function("() => document.querySelector('unit-search')?.found")
        assert seen.address.endswith("units.html#q=head")
        assert page.locator("[data-status]").inner_text().startswith("16 of")
        search(page, "stem")
        line.locator("a").click()
        page.wait_for_function("() => document.querySelector('unit-search [type=search]').value === 'stem'")
        assert not page.locator("#__search").is_checked(), "the dialog gives way"
        seen.check()


def test_the_index_of_the_search_holds_no_glued_cells(tiny: Built):
    docs = json.loads(Path(tiny.site / "search/search_index.json").read_text("utf-8"))["docs"]
    text = " ".join(one["text"] for one in docs if one["location"].startswith("compare.html"))
    assert "ImageFile" not in text and "FileSize" not in text
