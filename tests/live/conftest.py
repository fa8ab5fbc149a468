"""Live pages, rendered once: EfficientNet-Lite0 with all its layers, and TinyVGG under hostile names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from generator.pages import escape
from generator.pages.live_views import Live as LiveView
from tests.live.made import Model, live, model_once, report
from tests.pages.conftest import Built, build, tiny  # noqa: F401 - a fixture
from tests.pages.fixture_report import HOSTILE


@dataclass(frozen=True)
class Page:
    """A site with a live page, and the model on it."""

    model: Model
    built: Built
    http: str

    def model_name(self, k: int) -> str:
        """What the page calls the k-th picture of the report."""
        page = self.built.report.live
        assert isinstance(page, LiveView)
        return escape.clean(page.samples[k].name)


@pytest.fixture(scope="session")
def lite(tmp_path_factory: pytest.TempPathFactory, site_server: Callable[[Path], str]) -> Page:
    """EfficientNet-Lite0 with every layer. It ends in an average and one linear layer."""
    made, folder = model_once(tmp_path_factory, "efficientnet_lite0"), tmp_path_factory.mktemp("lite")
    built = build(report(made, folder / "store", live(made)), folder)
    return Page(made, built, site_server(built.site))


@pytest.fixture(scope="session")
def tinyvgg(tmp_path_factory: pytest.TempPathFactory, site_server: Callable[[Path], str]) -> Page:
    """TinyVGG, whose head is not averaged; every label, and every name of a picture, is an attack."""
    made, folder = model_once(tmp_path_factory, "tinyvgg_digits"), tmp_path_factory.mktemp("tinyvgg")
    page = live(made, names=HOSTILE[:4], labels=HOSTILE[:10])
    built = build(report(made, folder / "store", page, hostile=True), folder)
    return Page(made, built, site_server(built.site))
