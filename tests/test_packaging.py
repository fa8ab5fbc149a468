"""The wheel: what lies at the top of the repository travels in it, and is found there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parent.parent
INPUTS = ("CREDITS.md", "digits", "images", "make_images.py", "models", "prototxt")
TRAVELS = ("mkdocs.yml", "templates", "site_config", "bench/results", *(f"inputs/{name}" for name in INPUTS))


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The content of a fresh wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=TOP, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(folder / "unpacked")
    return folder / "unpacked"


def files(folder: Path) -> dict[str, bytes]:
    """Path below `folder` -> bytes, without what tools leave behind."""
    found = (
        {folder.name: folder} if folder.is_file() else {p.relative_to(folder).as_posix(): p for p in folder.rglob("*")}
    )
    left = re.compile(r"(^|/)(__pycache__|\.\w+_cache)/")
    return {name: path.read_bytes() for name, path in found.items() if path.is_file() and not left.search(name)}


@pytest.mark.parametrize("name", TRAVELS)
def test_what_users_change_travels_in_the_wheel(name: str, unpacked: Path):
    assert files(unpacked / "generator/_data" / name) == files(TOP / name) != {}


def test_the_examples_whose_licence_is_another_stay_out_of_the_wheel(unpacked: Path):
    assert {path.name for path in (unpacked / "generator/_data/inputs").iterdir()} == {*INPUTS}


def test_the_wheel_has_every_module_and_nothing_else(unpacked: Path):
    assert files(TOP / "generator").keys() == {
        path for path in files(unpacked / "generator") if not path.startswith("_data/")
    }
    assert {path.name.partition("-")[0] for path in unpacked.iterdir()} == {"generator", "conv_atlas"}


def test_an_installed_wheel_finds_its_own_files(unpacked: Path, tmp_path: Path):
    env = {**os.environ, "PYTHONPATH": str(unpacked)}
    command = [sys.executable, "-P", "-m", "generator.cli", "init", "mine"]
    subprocess.run(command, cwd=tmp_path, env=env, check=True, capture_output=True)
    program = "from generator.config import load_config; print(load_config().images)"
    done = subprocess.run(
        [sys.executable, "-P", "-c", program],
        cwd=tmp_path / "mine",
        env=env,
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == str(unpacked / "generator/_data/inputs/images")
    assert files(tmp_path / "mine/templates") == files(TOP / "templates")


def pins() -> dict[str, str]:
    lines = (TOP / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return {
        _plain(name): version
        for name, _, version in (line.partition("==") for line in lines if not line.startswith("#"))
    }


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_dependency_is_pinned_within_its_range():
    from packaging.requirements import Requirement

    project = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pinned = pins()
    assert (pinned["torch"], pinned["torchvision"]) == ("2.14.1", "0.29.1")
    for text in (
        *project["dependencies"],
        *(one for group in project["optional-dependencies"].values() for one in group),
    ):
        requirement = Requirement(text)
        assert requirement.specifier.contains(pinned[_plain(requirement.name)]), text


def test_what_runs_here_is_what_is_pinned():
    from importlib.metadata import version

    pinned = pins()
    for name in ("torch", "torchvision", "mkdocs", "mkdocs-material", "pydantic", "typer", "numpy", "pillow"):
        assert version(name) == pinned[name]


def test_every_import_of_the_product_is_declared():
    import ast
    from importlib.metadata import packages_distributions

    project = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    optional = [one for name in ("timm", "ray", "lrp", "live") for one in project["optional-dependencies"][name]]
    declared = {_plain(re.split(r"[<>=~!\[ ]", text)[0]) for text in (*project["dependencies"], *optional)}
    owners = packages_distributions()
    for path in sorted((TOP / "generator").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            for name in (name.partition(".")[0] for name in names):
                if name in sys.stdlib_module_names or name == "generator":
                    continue
                assert {_plain(one) for one in owners.get(name, [])} & declared, f"{path.name} imports {name}"
