"""An image's page in words: each map is said to be what its own method says, and what was not drawn has no heading."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from generator.pages.views import ImageView, Likeness
from tests.pages.conftest import Built
from tests.pages.fixture_compare import known, ramp, report
from tests.pages.fixture_report import tiny_report
from tests.pages.opened import opened

if TYPE_CHECKING:
    from playwright.sync_api import Browser

CAPTIONS = {
    "grad_cam": "Where {layer} speaks for {target}.",
    "grad_cam_pp": "Where {layer} speaks against {target}.",
    "cam": "Where {layer} is most active in {image}.",
    "saliency": "Where a small change of {image} would change {target} most.",
    "guided_backprop": "How far {target} falls when a window at a place of {image} is covered.",
}
METHODS = ("cam", "grad_cam", "grad_cam_pp")


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory, rebuild: Callable[..., Built]) -> str:
    """A site whose methods say different things; on the input one map with colour channels and one without."""
    folder = tmp_path_factory.mktemp("said")
    made = report(folder / "store")
    tiny = tiny_report(folder / "more")

    def changed(image: ImageView) -> ImageView:
        heat, _ = image.gradients["saliency", 0]  # type: ignore[misc]
        covered = known(folder, ramp(2.0, 32, 32) - 1, signed=True)
        rgb = tiny.images[0].gradients["saliency", 0][1]  # type: ignore[index]
        gradients = {("saliency", t): (heat, rgb) for t in range(2)} | {
            ("guided_backprop", t): (covered, None) for t in range(2)
        }
        return replace(image, gradients=gradients, cams={k: v for k, v in image.cams.items() if k[0] in METHODS})

    methods = [replace(m, caption=CAPTIONS.get(m.name, m.caption)) for m in made.methods]
    images = tuple(changed(image) for image in made.images)
    alike = {"saliency": Likeness(0.994, 0.1, switches=False), "guided_backprop": Likeness(0.5, 0.1, switches=True)}
    return rebuild(replace(made, images=images, methods=tuple(methods), trust=None, alike=alike), folder).site.as_uri()


def test_every_row_says_what_its_own_method_shows_of_the_chosen_target(browser: Browser, said: str):
    with opened(browser, said + "/images/image-0.html", base=said) as seen:
        page = seen.page
        rows = {row.split("\n")[0]: row.split("\n")[-1] for row in page.locator(".ca-cams tbody th").all_inner_texts()}
        assert rows == {
            "Grad-CAM": "Where a layer speaks for tabby.",
            "Grad-CAM++": "Where a layer speaks against tabby.",
            "CAM": "Where a layer is most active in chelsea.",
        }
        page.locator(".ca-toolbar [name=target][value='1']").check(force=True)
        changed = page.locator(".ca-cams tbody th").all_inner_texts()
        assert [row.split("\n")[-1] for row in changed if "CAM++" in row] == ["Where a layer speaks against espresso."]
        assert "Bright places speak for" not in page.locator("image-page").inner_text()
        seen.check()


def test_a_method_that_draws_the_same_of_every_image_says_so(browser: Browser, said: str):
    with opened(browser, said + "/images/image-0.html", base=said) as seen:
        figures = seen.page.locator("[data-gradients] figure")
        told = [figure for figure in figures.all() if figure.locator(".ca-pair__vague").count()]
        assert len(told) == 1, "likeness of 0.5 is no pattern of the network's own"
        text = told[0].locator(".ca-pair__vague").inner_text()
        assert "nearly the same (likeness 0.99 of 1 between images; of guided backprop 0.10)" in text
        assert "this model has none" in text, "no max-pools, no switches"
        seen.check()


def test_the_map_beside_the_photograph_is_told_by_its_method(browser: Browser, said: str):
    with opened(browser, said + "/images/image-0.html", base=said) as seen:
        text = seen.page.locator("[data-read]").inner_text()
        assert text.startswith(
            "Beside the photograph, Grad-CAM. Where _blocks.10._depthwise_conv speaks for tabby. It was computed at 8 × 12"
        )


def test_maps_on_the_input_are_not_all_called_gradients(browser: Browser, said: str):
    with opened(browser, said + "/images/image-0.html", base=said) as seen:
        section = seen.page.locator("[aria-labelledby=gradients]")
        assert "gradient" not in section.locator("h2, h2 + p").first.inner_text().lower()
        heads = [head.split("\n") for head in section.locator("figcaption").all_inner_texts()]
        assert heads == [
            ["Saliency", "Where a small change of chelsea would change tabby most."],
            ["Guided backprop", "How far tabby falls when a window at a place of chelsea is covered."],
        ]
        first, second = section.locator("figure").all()
        assert first.locator(".ca-note").first.inner_text().startswith("The largest absolute value of the channels.")
        assert second.locator(".ca-note").count() == 0
        seen.check()


def test_without_a_target_nothing_is_said_to_be_for_one(
    browser: Browser, tmp_path: Path, rebuild: Callable[..., Built]
):
    made = tiny_report(tmp_path / "store")
    images = tuple(replace(image, targets=()) for image in made.images)
    base = rebuild(replace(made, images=images, trust=None), tmp_path).site.as_uri()
    with opened(browser, base + "/images/image-0.html", base=base) as seen:
        text = seen.page.locator("image-page").inner_text()
        assert "{target}" not in text and "speaks for" not in text and "undefined" not in text
        seen.check()


def test_pairs_of_maps_stay_inside_a_telephone(browser: Browser, said: str):
    with opened(browser, said + "/images/image-0.html", width=390, height=844, base=said) as seen:
        seen.page.wait_for_selector(".ca-pair__signed img")
        rights = seen.page.locator(".ca-pairs img").evaluate_all(
            "(all) => all.map((e) => e.getBoundingClientRect().right)"
        )
        assert rights and max(rights) <= 390


@pytest.mark.parametrize("layers", [1, 2])
def test_maps_of_few_layers_are_no_larger_than_the_one_beside_the_photograph(
    browser: Browser, tmp_path: Path, rebuild: Callable[..., Built], layers: int
):
    made = tiny_report(tmp_path / "store")
    kept = made.cam_layers[:layers]
    images = [replace(i, cams={key: item for key, item in i.cams.items() if key[1] in kept}) for i in made.images]
    built = rebuild(replace(made, images=tuple(images), cam_layers=kept, default_layer=kept[-1], trust=None), tmp_path)
    base = built.site.as_uri()
    with opened(browser, base + "/images/image-0.html", base=base) as seen:
        seen.page.wait_for_selector(".ca-cams heat-overlay")
        width = "(all) => all.map((e) => e.getBoundingClientRect().width)"
        (best,) = seen.page.locator("[data-best] heat-overlay").evaluate_all(width)
        found = seen.page.locator(".ca-cams heat-overlay").evaluate_all(width)
        assert len(found) > layers
        assert max(found) <= best + 1
        assert min(found) > 0.8 * best
        (empty,) = seen.page.locator(".ca-cams .ca-overlay__empty").evaluate_all(width)
        assert empty <= best
        seen.check()
