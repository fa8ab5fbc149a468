"""The camera: one stream, which ends with the shot."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.conftest import FLAGS, chromium
from tests.live.conftest import Page as Live
from tests.live.test_live_page import SLOW, ran
from tests.pages.opened import opened

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture
def filming(browser: Browser) -> Iterator[Browser]:
    """A browser that has a camera: Chromium's own test picture."""
    arguments = [*FLAGS, "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    made = browser.browser_type.launch(executable_path=chromium(), args=arguments)
    yield made
    made.close()


def test_the_camera(filming: Browser, tinyvgg: Live):
    """Its stream ends with the shot."""
    with opened(filming, tinyvgg.http + "live.html") as seen:
        page = seen.page
        page.locator("[data-act=camera]").click()
        page.wait_for_function("() => document.querySelector('.lv-camera video')?.videoWidth > 0", timeout=SLOW)
        page.evaluate("window.track = document.querySelector('.lv-camera video').srcObject.getTracks()[0]")
        page.locator(".lv-camera button").first.click()
        ran(page, "camera")
        assert page.evaluate("window.track.readyState") == "ended"
        assert page.locator("[data-camera]").is_hidden()
        seen.check()


def test_the_camera_asked_for_twice_is_off_after_the_shot(filming: Browser, tinyvgg: Live):
    """Once more while it is on, and twice before the first is there: no stream is left on."""
    count = """() => {
      window.tracks = [];
      const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
      navigator.mediaDevices.getUserMedia = async (what) => { const stream = await ask(what); window.tracks.push(...stream.getTracks()); return stream; };
    }"""
    live = "() => window.tracks.filter((one) => one.readyState === 'live').length"
    with opened(filming, tinyvgg.http + "live.html") as seen:
        page = seen.page
        page.evaluate(count)
        page.evaluate("() => { for (let k = 0; k < 2; k += 1) document.querySelector('[data-act=camera]').click(); }")
        page.wait_for_function("() => document.querySelector('.lv-camera video')?.videoWidth > 0", timeout=SLOW)
        page.locator("[data-act=camera]").click()
        page.wait_for_function("() => window.tracks.length === 3", timeout=SLOW)
        page.wait_for_function("() => document.querySelector('.lv-camera video')?.srcObject?.getTracks()[0] === window.tracks[2]", timeout=SLOW)  # fmt: skip
        assert page.evaluate(live) == 1
        page.wait_for_function("() => document.querySelector('.lv-camera video').videoWidth > 0", timeout=SLOW)
        page.locator(".lv-camera button").first.click()
        ran(page, "camera")
        assert page.evaluate(live) == 0
        seen.check()


def test_without_a_camera_it_says_so(browser: Browser, tinyvgg: Live):
    with opened(browser, tinyvgg.http + "live.html") as seen:
        seen.page.locator("[data-act=camera]").click()
        seen.page.wait_for_function("() => document.querySelector('.lv-status').textContent.startsWith('The camera cannot be had')")  # fmt: skip
        seen.check()
