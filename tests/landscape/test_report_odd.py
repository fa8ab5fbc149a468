"""Checkpoints and landscapes at the edge: hostile names, reports without them, pictures that cannot be decoded, losses that are
no numbers, first layers of any number of channels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import numpy as np
import pytest
import torch

from generator.artifacts import NotApplicable
from generator.pages.contours import SIDE, Mark, contours
from generator.pages.landscape import reach
from generator.report.labelled import UNREADABLE
from tests.landscape.test_report import HOSTILE, at, network, script
from tests.pages.opened import opened
from tests.whole import build, convatlas, copied, digits

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.mark.parametrize(("channels", "rgb"), [(1, False), (2, False), (3, True), (4, False)])
def test_kernels_are_on_the_scale_of_what_is_drawn(channels: int, rgb: bool) -> None:
    from generator.report.trained import _kernels

    rng = np.random.default_rng(0)
    found = [rng.normal(size=(4, channels, 3, 3)).astype(np.float32) for _ in range(2)]
    for one in found:
        one[:, -1] *= 50 if channels not in (1, 3) else 1  # the last channel, which is not drawn, is loud
    made, filters, read = _kernels(found)
    assert (filters, read) == (4, channels)
    assert not isinstance(made, NotApplicable)
    assert made.rgb == rgb
    drawn = np.stack(found) if rgb else np.stack(found)[:, :, :1]
    ends = np.abs(drawn).max(axis=(0, 2, 3, 4))
    assert made.hi == pytest.approx([*ends, *ends], rel=1e-4)


def test_hostile_names_of_checkpoints_and_images_do_no_harm(
    browser: Browser, tmp_path: Path, site_server: Callable[[Path], str]
) -> None:
    images = tmp_path / "images"
    copied(digits(2), images)
    (images / "0-a.png").rename(images / f"{HOSTILE}.png")
    folder = tmp_path / "run"
    folder.mkdir()
    for k, step in enumerate((0, 440)):
        torch.save(network(step).state_dict(), folder / f"{k}{HOSTILE}.pth")
    config = {
        "model": "tinyvgg_digits",
        "images": "images",
        "checkpoints": ["run"],
        "landscape": True,
        "methods": ["feature_maps", "kernels", "grad_cam"],
        "trust": "none",
    }
    made = build(tmp_path, config)
    base = site_server(made.site)
    for page in ("learned.html", "landscape.html", "index.html"):
        with opened(browser, base + page, base=base) as seen:
            seen.page.wait_for_timeout(400)
            if page == "learned.html":
                assert at(seen.page) == f"1{HOSTILE}"
            if page == "landscape.html":
                assert "no image's class is known" in seen.page.locator(".ca-na").inner_text().lower()
            seen.check()


def test_a_report_without_checkpoints_has_neither_page(tmp_path: Path) -> None:
    copied(digits(1), tmp_path / "images")
    config = {
        "model": "tinyvgg_digits", "images": "images", "checkpoints": [], "methods": ["kernels", "feature_maps"], "trust": "none",
    }  # fmt: skip
    made = build(tmp_path, config)
    assert not list(made.site.glob("learned*"))
    assert not list(made.site.glob("landscape*"))
    assert "learned.html" not in (made.site / "index.html").read_text("utf-8")


def test_where_no_labelled_image_can_be_decoded_the_page_says_so(tmp_path: Path) -> None:
    copied(digits(1), tmp_path / "images")
    for label in ("0", "1"):
        folder = tmp_path / "labelled" / label
        folder.mkdir(parents=True)
        (folder / "broken.png").write_bytes(b"no picture")
    config = {
        "model": "tinyvgg_digits", "images": "images", "dataset": "labelled", "landscape": {"grid": 3}, "methods": ["feature_maps", "kernels"], "trust": "none",
    }  # fmt: skip
    made = build(tmp_path, config)
    assert "None of the images whose class is known can be decoded" in (made.site / "landscape.html").read_text("utf-8")
    assert {one["loss"] for one in script(made, "learned")["moments"]} == {None}  # type: ignore[index, attr-defined]
    again = convatlas(tmp_path, "build")
    assert again.code == 0
    assert f"landscape is not drawn: {UNREADABLE.reason}" in again.err


def test_where_no_class_is_known_plan_and_build_say_so(tmp_path: Path) -> None:
    copied(digits(1), tmp_path / "images")
    config = {
        "model": "tinyvgg_digits", "images": "images", "landscape": True, "checkpoints": [], "methods": ["feature_maps"],
        "trust": "none", "explain": "none", "effective_fields": 0,
    }  # fmt: skip
    build(tmp_path, config)
    for more in ((), ("--plan",)):
        said = convatlas(tmp_path, "build", *more)
        (why,) = [line for line in (said.out + said.err).splitlines() if line.startswith("landscape is not drawn: ")]
        assert "no image's class is known" in why.lower()


def test_losses_that_are_no_numbers_are_left_out_of_the_drawing() -> None:
    values = np.array([[1, 2, 4], [1, 1, np.inf], [2, np.nan, 8]], np.float32)
    steps, rows = (-1.0, 0.0, 1.0), (-2.0, 0.0, 2.0)
    made = contours(values, steps, rows)
    drawn = made.svg("x", "loss")
    assert made.gaps
    assert not contours(np.ones((3, 3), np.float32), steps, rows).gaps
    assert "nan" not in drawn
    assert "inf" not in drawn
    assert reach(values, steps, rows) == 1.0
    assert reach(values, (-3.0, 0.0, 3.0), rows) == 2.0
    assert reach(np.ones((3, 3), np.float32), steps, rows) is None


def test_a_way_is_drawn_where_it_is_and_its_hostile_names_are_escaped() -> None:
    values = np.arange(9, dtype=np.float32).reshape(3, 3) + 1
    way = [Mark(-1.0, -4.0, HOSTILE), Mark(0.5, 4.0, "b"), Mark(5.0, 0.0, "far")]
    drawn = contours(values, (-1.0, 0.0, 1.0), (-4.0, 0.0, 4.0)).svg(
        HOSTILE, HOSTILE, way=way, other=Mark(0.0, 2.0, HOSTILE)
    )
    titles = [one.text for one in ElementTree.fromstring(drawn).iter("{http://www.w3.org/2000/svg}title")]
    assert titles == [HOSTILE, HOSTILE, "b", "far", HOSTILE]
    assert f'd="M0.0 {SIDE:.1f}L{0.75 * SIDE:.1f} 0.0L{3 * SIDE:.1f} {SIDE / 2:.1f}"' in drawn
    assert "<img" not in drawn
    assert f'cx="{SIDE / 2:.1f}" cy="{SIDE / 4:.1f}" r="5"' in drawn
