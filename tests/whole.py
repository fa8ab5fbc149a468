"""Whole reports for tests: built through the command line in a folder of their own, and looked through for what is missing."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
import yaml

from generator import cli
from generator.resources import packaged
from tests.shared import once

LEAN = ["cam", "deconvnet", "feature_maps", "grad_cam", "guided_backprop", "input_response", "kernels", "saliency"]
"""Methods that take a pass or two: no search."""
SEARCH = {"activation_maximization": {"size": 32, "steps": 2}}
"""The search method at its shortest."""


@dataclass(frozen=True)
class Outcome:
    """How one command ended."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Built:
    """A finished report: the folder it was built in, its site and its run.json."""

    folder: Path
    outcome: Outcome

    @property
    def site(self) -> Path:
        return self.folder / "site"

    @property
    def run(self) -> dict[str, Any]:
        return dict(json.loads((self.site / "run.json").read_text(encoding="utf-8")))


def convatlas(folder: Path, *arguments: str) -> Outcome:
    """Run a command in `folder`, in this process."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = cli.run(list(arguments))
    return Outcome(code, out.getvalue(), err.getvalue())


def build(folder: Path, config: Mapping[str, object], *arguments: str) -> Built:
    """Write report.yml and build from it; the test fails where that does."""
    text = yaml.safe_dump({"device": "cpu", **config}, allow_unicode=True)
    (folder / "report.yml").write_text(text, encoding="utf-8")
    outcome = convatlas(folder, "build", *arguments)
    assert outcome.code == 0, outcome.err
    return Built(folder, outcome)


def built_once(factory: pytest.TempPathFactory, name: str, config: Mapping[str, object]) -> Built:
    """`build`, once for all the files of a run that ask for `name`; they leave it as it is."""

    def make(folder: Path) -> None:
        said = json.dumps(asdict(build(folder, config).outcome))
        (folder / "outcome.json").write_text(said, encoding="utf-8")

    folder = once(factory, name, make)
    return Built(folder, Outcome(**json.loads((folder / "outcome.json").read_text(encoding="utf-8"))))


def copied(files: list[Path], to: Path) -> Path:
    """The folder `to` with copies of these files."""
    to.mkdir(parents=True, exist_ok=True)
    for file in files:
        shutil.copy(file, to)
    return to


def digits(count: int) -> list[Path]:
    """The first few of the digits that come with the program."""
    return sorted(packaged("inputs/digits").glob("*.png"))[:count]


class _Addresses(HTMLParser):
    """Every address in a page, and every id."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.ids: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id" and value:
                self.ids.add(value)
            if name in ("src", "href", "poster", "data") and value is not None:
                self.found.append(value)
            if name == "srcset" and value:
                self.found += [part.split()[0] for part in value.split(",")]
            if name == "style" and value:
                self.found += _in_css(value)


def _in_css(text: str) -> list[str]:
    return [found.strip("\"' ") for found in re.findall(r"url\(([^)]+)\)", text)]


_IN_DATA = re.compile(r'"((?:pictures|data|layers|images|methods|assets)/[^"\\\s]+\.\w+)"')
"""An address in a data script: from the top of the site."""


def addresses(site: Path) -> Iterator[tuple[Path, str, Path | None]]:
    """(file, address, the file it means) of every address in pages, style sheets and data scripts; None for another host."""
    for page in sorted(site.rglob("*.html")):
        parser = _Addresses()
        parser.feed(page.read_text(encoding="utf-8"))
        base = site if page.name == "404.html" else page.parent
        for address in parser.found:
            yield page, address, _meant(site, base, page, address)
    for sheet in sorted((site / "assets").rglob("*.css")):
        for address in _in_css(sheet.read_text(encoding="utf-8")):
            if "#" not in address[:1]:
                yield sheet, address, _meant(site, sheet.parent, sheet, address)
    for script in sorted((site / "data").rglob("*.js")):
        for address in _IN_DATA.findall(script.read_text(encoding="utf-8")):
            yield script, address, site / address.partition("#")[0]


def _meant(site: Path, base: Path, page: Path, address: str) -> Path | None:
    parts = urlsplit(address)
    if parts.scheme == "data":
        return page
    if parts.scheme or parts.netloc:
        return None
    path = unquote(parts.path)
    if not path:
        return page
    found = site / path.lstrip("/") if path.startswith("/") else base / path
    found = Path(os.path.normpath(found))
    return found / "index.html" if found.is_dir() else found


def missing(site: Path) -> list[str]:
    """Addresses that lead nowhere, as ``page: address``."""
    return sorted(
        {
            f"{file.relative_to(site)}: {address}"
            for file, address, meant in addresses(site)
            if meant is not None and not meant.is_file()
        }
    )


def loaded_from_elsewhere(site: Path) -> list[str]:
    """Addresses of other hosts in what a page loads; links that a reader may follow are none."""
    found = []
    for page in sorted(site.rglob("*.html")):
        for tag in re.findall(
            r"<(?:script|img|link|iframe|source|object|embed|video|audio)\b[^>]*>", page.read_text(encoding="utf-8")
        ):
            if re.search(r"(?:src|href|srcset|data|poster)=[\"']?(?:https?:)?//", tag) and 'rel="canonical"' not in tag:
                found.append(f"{page.relative_to(site)}: {tag}")
    return found


def size(folder: Path) -> int:
    """Bytes of all files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
