"""A page opened in a browser that writes down whatever it should not have done."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

WATCH = """window.violations = [];
document.addEventListener('securitypolicyviolation', (e) => window.violations.push(e.violatedDirective + ' ' + e.blockedURI + ' ' + e.sample));"""


@dataclass
class Opened:
    """The page, and its complaints: console errors, script errors, dialogs, failed and foreign requests."""

    page: Page
    complaints: list[str] = field(default_factory=list)

    @property
    def address(self) -> str:
        """Where the page says it is now: the driver's own `page.url` lags behind `history.replaceState`."""
        return str(self.page.evaluate("location.href"))

    def check(self) -> None:
        """Nothing of that happened, and no policy was violated."""
        assert self.complaints == []
        assert self.page.evaluate("window.violations") == []
        assert self.page.evaluate("window.pwned") is None


@contextmanager
def opened(
    browser: Browser,
    address: str,
    *,
    width: int = 1280,
    height: int = 900,
    scheme: str = "light",
    scripts: bool = True,
    base: str = "",
) -> Iterator[Opened]:
    """Open `address` in a fresh context; `base` is what its requests must start with (its own folder by default)."""
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=scheme, java_script_enabled=scripts
    )  # type: ignore[arg-type]
    own = base or address.rsplit("/", 1)[0]
    page = context.new_page()
    seen = Opened(page)
    say = seen.complaints.append
    page.add_init_script(WATCH)
    page.on("console", lambda m: say(f"console: {m.text}") if m.type == "error" else None)
    page.on("pageerror", lambda e: say(f"script error: {e}"))
    page.on("dialog", lambda d: (say(f"dialog: {d.message}"), d.dismiss()))
    # A request cut off because the reader has gone on to the next page (the icon comes last) is not the page's fault.
    page.on("requestfailed", lambda r: None if r.failure == "net::ERR_ABORTED" else say(f"failed: {r.url}"))
    page.on(
        "request", lambda r: None if r.url.startswith((own, "data:", "blob:", "about:")) else say(f"foreign: {r.url}")
    )
    page.on("response", lambda r: say(f"{r.status}: {r.url}") if r.status >= 400 else None)
    try:
        page.goto(address, wait_until="load")
        yield seen
    finally:
        context.close()


def search(page: Page, word: str) -> list[str]:
    """Type a word into the search box and return the titles found."""
    page.locator(".md-search__input").click()
    page.keyboard.type(word)
    page.wait_for_function(
        "() => /\\d|No/.test(document.querySelector('.md-search-result__meta').textContent)", timeout=15000
    )
    page.wait_for_timeout(250)
    return page.locator(".md-search-result__item:not([hidden]) .md-search-result__article h1").all_inner_texts()


_AXE = """axe.run({resultTypes: ['violations']}).then(({passes, violations}) => ({
    passed: passes.length,
    found: violations.map(({id, nodes}) => [id, nodes.slice(0, 3).map((n) => [n.html.slice(0, 160), n.failureSummary])]),
}))"""
"""What passed is counted in the page: all of axe's answer, handed over, takes longer than axe itself."""


def audit(page: Page) -> list[Any]:
    """What axe finds: a rule's name with up to three elements and what is wrong with each. Over http: it reads style sheets."""
    from axe_playwright_python.base import AXE_SCRIPT

    # the policy of the page lets no script in but the site's own: axe comes by the driver, once a page
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT + "\nundefined")
    result = page.evaluate(_AXE)
    assert result["passed"]
    return list(result["found"])
