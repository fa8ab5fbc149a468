"""After a build, plain MkDocs does with the pages what it does in any project: it builds them strictly and deploys them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.whole import Built, convatlas, copied, digits, loaded_from_elsewhere, missing


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """A folder as `convatlas init` lays it out, its report.yml changed as a user would, and built."""
    folder = tmp_path_factory.mktemp("publish") / "my report"
    folder.parent.mkdir(exist_ok=True)
    made = convatlas(folder.parent, "init", str(folder))
    assert made.code == 0, made.err
    copied(digits(2), folder / "pictures")
    settings = {
        "model": "tinyvgg_digits",
        "images": "pictures",
        "methods": ["feature_maps", "grad_cam", "kernels", "saliency"],
    }
    (folder / "report.yml").write_text(yaml.safe_dump({**settings, "device": "cpu"}), encoding="utf-8")
    outcome = convatlas(folder, "build")
    assert outcome.code == 0, outcome.err
    return Built(folder, outcome)


def mkdocs(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Plain mkdocs, as a user calls it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", *arguments],
        cwd=folder,
        env=kept | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def pages(site: Path) -> set[str]:
    return {path.relative_to(site).as_posix() for path in site.rglob("*.html")}


def test_mkdocs_builds_the_pages_strictly(project: Built, tmp_path: Path):
    built = mkdocs(project.folder, "build", "--strict", "--site-dir", str(tmp_path / "plain"))
    assert built.returncode == 0, built.stderr
    assert "WARNING" not in built.stderr
    assert pages(tmp_path / "plain") == pages(project.site)
    assert "layers/conv2-1.html" in pages(tmp_path / "plain")
    assert missing(tmp_path / "plain") == []
    assert loaded_from_elsewhere(tmp_path / "plain") == []


def test_mkdocs_and_then_convatlas_again(project: Built):
    before = pages(project.site)
    assert mkdocs(project.folder, "build", "--strict").returncode == 0
    assert pages(project.site) == before
    again = convatlas(project.folder, "build")
    assert again.code == 0, again.err
    assert pages(project.site) == before
    assert project.run["passes"]["run"] == {"forward": 0, "backward": 0}


def test_gh_deploy_publishes_to_a_bare_repository(project: Built, tmp_path: Path):
    bare = tmp_path / "remote.git"
    identity = {
        "GIT_AUTHOR_NAME": "Reader",
        "GIT_AUTHOR_EMAIL": "reader@example.org",
        "GIT_COMMITTER_NAME": "Reader",
        "GIT_COMMITTER_EMAIL": "reader@example.org",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_SYSTEM": os.devnull,
        "GIT_CEILING_DIRECTORIES": str(project.folder.parent),
    }
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}

    def git(*arguments: str) -> str:
        done = subprocess.run(
            ["git", *arguments], cwd=project.folder, env=kept | identity, capture_output=True, text=True, check=True
        )
        return done.stdout

    git("init", "--quiet", "--initial-branch", "main")
    git("init", "--quiet", "--bare", str(bare))
    git("remote", "add", "origin", str(bare))
    git("add", "report.yml", "mkdocs.yml")
    git("commit", "--quiet", "--message", "My report")
    deployed = mkdocs(project.folder, "gh-deploy", "--no-history", **identity)
    assert deployed.returncode == 0, deployed.stderr
    listed = git("--git-dir", str(bare), "ls-tree", "-r", "--name-only", "gh-pages").splitlines()
    assert {"index.html", "layers/conv1-1.html", "run.json", ".nojekyll"} <= set(listed)
    pictures = {path.name for path in (project.site / "pictures").iterdir()}
    assert {name.removeprefix("pictures/") for name in listed if name.startswith("pictures/")} == pictures != set()
    assert "conv1_1" in git("--git-dir", str(bare), "show", "gh-pages:layers/conv1-1.html")
