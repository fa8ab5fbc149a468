"""A dataset of three hundred pictures without labels, and one whose labels are classes of its own: what lands on the site, and what pages say of classes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from PIL import Image

from generator.command.progress import Silent
from generator.config import load_config
from generator.dataset.answers import NONE
from generator.report.answers import answers_of, classes_of, named
from generator.report.plan import plan_searches
from generator.report.setup import Setup, set_up
from generator.report.size import HEADER, JPEG, site_bytes
from generator.resources import packaged
from tests.pages.opened import opened
from tests.whole import Built, build, digits

if TYPE_CHECKING:
    from playwright.sync_api import Browser

IMAGES = 300
TOP = 3
CONFIG = {
    "model": "tinyvgg_digits",
    "images": str(packaged("inputs/digits")),
    "limit": 2,
    "dataset": "set",
    "layers": "conv1_1",
    "cam_layers": "conv1_1",
    "methods": ["feature_maps", {"dataset_examples": {"top": TOP, "reconstructions": 1, "colour": 0}}],
    "units": "top:1",
    "trust": "none",
}


def drawn(folder: Path, folders: tuple[str, ...] = ()) -> None:
    """Digits, shifted and faded, so that no two are alike and the model reads each as one class or another; each digit in its
    folder, those in the first one brighter, or all in none."""
    draw = np.random.default_rng(0)
    sources = [np.asarray(Image.open(path).convert("L")) for path in digits(10)]
    for k in range(IMAGES):
        moved = np.roll(sources[k % 10], draw.integers(-3, 4, 2), (0, 1)) * draw.uniform(0.4, 1)
        if folders and folders[k % 10] != folders[0]:
            moved = moved * 0.3
        where = folder / (folders[k % 10] if folders else "")
        where.mkdir(parents=True, exist_ok=True)
        Image.fromarray(moved.astype(np.uint8)).save(where / f"{k:03}.png")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp("unlabelled")
    drawn(folder / "set")
    # an earlier report, whose longer lists name more pictures: these stay in the store
    build(
        folder,
        {**CONFIG, "methods": ["feature_maps", {"dataset_examples": {"top": 40, "colour": 0, "reconstructions": 0}}]},
    )
    return build(folder, CONFIG)


def again(built: Built) -> Setup:
    """The setup of the report that was built."""
    given = load_config(built.folder / "report.yml")
    store, data = built.folder / given.store, built.folder / "set"
    return set_up(given.model_copy(update={"store": str(store), "dataset": str(data)}), Silent())


def pictures(built: Built) -> list[Path]:
    return sorted((built.site / "pictures").glob("example-*"))


def test_only_pictures_that_a_shown_patch_is_cut_from_are_on_the_site(built: Built):
    setup = again(built)
    assert setup.asking
    lists = [answers_of(setup.asking, setup.store, request).images for request in setup.asking.requests]
    referred = {int(n) for images in lists for n in images.ravel() if n != NONE}
    assert lists[0].shape[1] == TOP
    assert named(setup.asking, setup.store) == sorted(referred)
    assert 0 < len(pictures(built)) <= len(referred) < IMAGES // 2
    kept = sum(setup.store.get(setup.asking.picture_key(n)) is not None for n in range(IMAGES))
    assert kept > len(referred), "the earlier report had more, or this test tells nothing"
    height, width = setup.input_shape[1:]
    for path in pictures(built):
        with Image.open(path) as picture:
            assert picture.size == (width, height), "as the model sees it, whatever the file's size"


def test_the_plan_counts_the_pictures_that_lists_name(built: Built):
    setup = again(built)
    assert setup.asking
    units = plan_searches(setup).units
    one = JPEG * setup.input_shape[1] * setup.input_shape[2] + HEADER
    after = site_bytes(setup, units)
    fresh = set_up(load_config(built.folder / "report.yml").model_copy(
        update={"store": str(built.folder / "nothing yet"), "dataset": str(built.folder / "set")}), Silent())  # fmt: skip
    before = site_bytes(fresh, units)
    entries = sum(request.layer.units * TOP for request in setup.asking.requests)
    expected = IMAGES * (1 - np.exp(-entries / IMAGES))
    assert before - after == pytest.approx((expected - len(named(setup.asking, setup.store))) * one, rel=1e-6)
    real = built.run["bytes"]
    assert real / 1.5 < after <= before < real * 1.5


def test_classes_are_the_model_s_own_where_no_label_names_one(built: Built):
    setup = again(built)
    assert setup.asking and setup.asking.by_model
    said = classes_of(setup.asking, setup.store)
    for number in (0, 7, 150, 299):
        with setup.asking.dataset.load(setup.asking.dataset[number], setup.loaded.preprocess.channels) as picture:
            x = setup.loaded.preprocess(picture)[None]
        with torch.no_grad():
            assert said[number] == int(setup.loaded.module(x)[0].argmax())
    found = answers_of(setup.asking, setup.store, setup.asking.requests[0])
    assert set(found.chosen.tolist()) - {NONE} <= set(said)
    assert (found.chosen != NONE).any()


def test_units_are_found_by_what_the_model_says_and_the_page_says_so(browser: Browser, built: Built):
    base = built.site.as_uri() + "/"
    setup = again(built)
    assert setup.loaded.labels
    text = (built.site / "data/unit-search.js").read_text("utf-8")
    classes = json.loads(re.search(r'"classes":(\[[^\]]*\])', text)[1])  # type: ignore[index]
    assert classes and set(classes) <= set(setup.loaded.labels)
    with opened(browser, f"{base}units.html", base=base) as seen:
        page = seen.page
        page.wait_for_function("() => document.querySelector('unit-search').found")
        assert "the model's own" in page.locator("main").inner_text().replace("’", "'")
        page.locator("unit-search [type=search]").fill(
            f'"{classes[0]}"'
        )  # of the images that raise units most, one at least
        page.wait_for_function("() => document.querySelectorAll('.ca-hit').length > 0")
        seen.check()
    assert setup.asking
    unit = int((answers_of(setup.asking, setup.store, setup.asking.requests[0]).chosen != NONE).argmax())
    with opened(browser, f"{base}layers/conv1-1.html#u={unit}", base=base) as seen:
        page = seen.page
        page.wait_for_selector(".ca-patch")
        assert "the model says" in (page.locator(".ca-patch").first.get_attribute("title") or "")
        assert "that the model itself calls" in page.locator("unit-panel").inner_text()
        seen.check()


def written(built: Built) -> dict[str, bytes]:
    """The data scripts, but for that which says how long the run took."""
    return {path.name: path.read_bytes() for path in (built.site / "data").rglob("*.js") if path.name != "run.js"}


def test_a_second_build_says_the_same_and_runs_no_pass(built: Built):
    first = written(built)
    second = build(built.folder, CONFIG)
    assert second.run["passes"]["run"] == {"forward": 0, "backward": 0}
    assert written(second) == first


WNIDS = ("n01440764",) * 4 + ("2",) * 3 + ("cats & dogs",) * 3
"""The folder of each digit: one is called like a class of the model, and is another."""


@pytest.fixture(scope="module")
def of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp("of-its-own")
    drawn(folder / "set", WNIDS)
    return build(folder, CONFIG)


def test_labels_that_are_no_classes_of_the_model_name_classes_on_every_page(browser: Browser, of_its_own: Built):
    note = "1 of 3 labels names a class of the model; the folders' names are taken"
    assert any(note in one for one in of_its_own.run["notes"])
    base = of_its_own.site.as_uri() + "/"
    setup = again(of_its_own)
    assert setup.asking and setup.asking.names == ("2", "cats & dogs", "n01440764")
    found = answers_of(setup.asking, setup.store, setup.asking.requests[0])
    unit = int((found.chosen == 2).nonzero()[0][0])
    text = (of_its_own.site / "data/unit-search.js").read_text("utf-8")
    classes = json.loads(re.search(r'"classes":(\[[^\]]*\])', text)[1])  # type: ignore[index]
    assert "n01440764" in classes and set(classes) <= set(WNIDS)
    with opened(browser, f"{base}run.html", base=base) as seen:
        assert note in seen.page.locator("main").inner_text().replace("’", "'")
        seen.check()
    with opened(browser, f"{base}units.html", base=base) as seen:
        page = seen.page
        page.wait_for_function("() => document.querySelector('unit-search').found")
        assert "the dataset's own" in page.locator("main").inner_text().replace("’", "'")
        page.locator("unit-search [type=search]").fill("fires:n01440764")
        page.wait_for_function("() => document.querySelectorAll('.ca-hit').length > 0")
        seen.check()
    with opened(browser, f"{base}layers/conv1-1.html#u={unit}", base=base) as seen:
        page = seen.page
        page.wait_for_selector(".ca-patch")
        assert "“n01440764”" in page.locator("unit-panel").inner_text()
        assert set(WNIDS) & set((page.locator(".ca-patch").first.get_attribute("title") or "").split(" · "))
        seen.check()
