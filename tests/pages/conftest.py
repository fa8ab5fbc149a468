"""Two small sites, rendered once: an ordinary one and a hostile one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from generator.pages.site import Rendered, render
from generator.pages.views import Report
from tests.pages.fixture_compare import report as compared_report
from tests.pages.fixture_report import tiny_report

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Built:
    """A rendered site and how it came to be."""

    report: Report
    folder: Path
    docs: Path
    site: Path
    rendered: Rendered


def build(report: Report, folder: Path, templates: tuple[Path, ...] = (ROOT / "templates",)) -> Built:
    """Render into folder/pages and folder/site."""
    docs, site = folder / "pages", folder / "site"
    made = render(report, mkdocs_yml=ROOT / "mkdocs.yml", templates=templates, docs_dir=docs, site_dir=site)
    return Built(report, folder, docs, site, made)


@pytest.fixture(scope="session")
def rebuild() -> Callable[..., Built]:
    """`build`, for tests that render by themselves."""
    return build


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The ordinary tiny report. Tests leave it as it is."""
    folder = tmp_path_factory.mktemp("tiny")
    return build(tiny_report(folder / "store"), folder)


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Every string from outside is an attack."""
    folder = tmp_path_factory.mktemp("hostile")
    return build(tiny_report(folder / "store", hostile=True), folder)


@pytest.fixture(params=["http", "file"])
def base(request: pytest.FixtureRequest, tiny: Built, site_server: Callable[[Path], str]) -> str:
    return site_server(tiny.site) if request.param == "http" else tiny.site.as_uri() + "/"


@pytest.fixture
def http(tiny: Built, site_server: Callable[[Path], str]) -> str:
    return site_server(tiny.site)


@pytest.fixture(scope="session")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The report of the comparison, whose maps know their exact numbers. Tests leave it as it is."""
    folder = tmp_path_factory.mktemp("compared")
    return build(compared_report(folder / "store"), folder)


@pytest.fixture(params=["http", "file"])
def where(request: pytest.FixtureRequest, compared: Built, site_server: Callable[[Path], str]) -> str:
    """Its address, by http and by double-click."""
    return site_server(compared.site) if request.param == "http" else compared.site.as_uri() + "/"


@pytest.fixture
def server(compared: Built, site_server: Callable[[Path], str]) -> str:
    """Its address by http."""
    return site_server(compared.site)
