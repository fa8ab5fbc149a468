"""Targets are told apart: by label, by how their class is chosen, and where both are alike by number."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from generator.pages.views import Prediction
from tests.pages.conftest import Built
from tests.pages.fixture_compare import put, ready, report
from tests.pages.opened import opened

if TYPE_CHECKING:
    from playwright.sync_api import Browser

Rebuild = Callable[..., Built]


def one(label: str, index: int, role: str = "") -> Prediction:
    return Prediction(index, label, 0.25, 1.0, role)


PETS = Prediction(-1, "pets", 0.5, 2.0)
UNKNOWN = Prediction(-1, "true class: not known", None, None, "true")
CAT, DOG, HORSE = ("cat", 0), ("dog", 1), ("horse", 2)


def site(folder: Path, rebuild: Rebuild, *targets: Sequence[Prediction]) -> Built:
    """A site of two images with these targets."""
    made = report(folder / "store")
    images = []
    for image, own in zip(made.images, targets, strict=True):
        cams = {
            ("grad_cam", made.cam_layers[1], t): image.cams["grad_cam", made.cam_layers[1], 0] for t in range(len(own))
        }
        images.append(replace(image, targets=tuple(own), cams=cams, gradients={}))
    return rebuild(replace(made, images=tuple(images), trust=None), folder)  # fmt: skip


def buttons(built: Built, image: int = 0) -> list[str]:
    """The targets to choose from on an image's page."""
    text = (built.site / f"images/image-{image}.html").read_text("utf-8")
    return [html.unescape(found) for found in re.findall(r'name="target"[^>]*><span>(.*?)</span>', text)]


def listed(built: Built) -> list[str]:
    """The classes to choose from in the comparison."""
    return [target["name"] for target in put((built.site / "data/compare.js").read_text("utf-8"))["targets"]]


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory, rebuild: Rebuild) -> Built:
    """targets: [true, group:pets, top:3], where one image is labelled with the class ranked second, the other not at all."""
    first = (one(*CAT, "true"), PETS, one(*HORSE, "rank 1"), one(*CAT, "rank 2"), one(*DOG, "rank 3"))
    second = (UNKNOWN, PETS, one(*DOG, "rank 1"), one(*HORSE, "rank 2"), one(*CAT, "rank 3"))
    return site(tmp_path_factory.mktemp("mixed"), rebuild, first, second)


def test_of_two_targets_with_one_label_each_says_how_it_was_chosen(mixed: Built):
    assert buttons(mixed) == ["cat (as labelled)", "pets", "horse", "cat (ranked second)", "dog"]
    assert buttons(mixed, 1) == ["true class: not known", "pets", "dog", "horse", "cat"]


def test_the_comparison_calls_the_labelled_class_so(mixed: Built):
    assert listed(mixed) == ["as labelled", "pets", "ranked first", "ranked second", "ranked third"]


def test_labels_that_all_images_share_are_told_apart_as_well(tmp_path: Path, rebuild: Rebuild):
    same = (one(*DOG, "true"), one(*DOG, "rank 1"), one(*DOG), one(*CAT), one("cat", 7))
    built = site(tmp_path, rebuild, same, same)
    expected = ["dog (as labelled)", "dog (ranked first)", "dog", "cat (0)", "cat (7)"]
    assert (buttons(built), listed(built)) == (expected, expected)


def test_a_named_class_keeps_its_name_where_the_ranked_ones_differ(tmp_path: Path, rebuild: Rebuild):
    no, yes = ("no", 0), ("yes", 1)
    first = (one(*no), one(*yes), one(*yes, "rank 1"), one(*no, "rank 2"))
    second = (one(*no), one(*yes), one(*no, "rank 1"), one(*yes, "rank 2"))
    built = site(tmp_path, rebuild, first, second)
    assert listed(built) == ["no", "yes", "ranked first", "ranked second"]
    assert buttons(built) == ["no", "yes", "yes (ranked first)", "no (ranked second)"]


def test_the_comparison_in_use_says_class_and_choice(browser: Browser, mixed: Built):
    base = mixed.site.as_uri() + "/"
    with opened(browser, base + "compare.html#rows=target&cols=layer&i=image-0", base=base) as seen:
        page = ready(seen)
        rows = [row.split("\n") for row in page.locator(".ca-grid tbody th").all_inner_texts()]
        assert [(row[0], row[1].split(" 25")[0]) for row in rows] == [
            ("cat", "as labelled"), ("pets", "50.0\u202f%"), ("horse", "ranked first"), ("cat", "ranked second"), ("dog", "ranked third"),
        ]  # fmt: skip
        seen.check()
    with opened(browser, base + "compare.html#i=image-0&t=0&cols=layer", base=base) as seen:
        ready(seen)
        assert "for the class cat (as labelled)" in seen.page.locator("[data-about]").inner_text()
        seen.check()
