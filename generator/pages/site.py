"""A report into a site: pages, data scripts and pictures into the docs folder, MkDocs over it, run.json beside it.

    Report ──▶ docs_dir (Markdown, data/*.js, pictures/, assets/) ──▶ MkDocs ──▶ site_dir + run.json

A rendering that changes nothing runs no MkDocs.
"""

from __future__ import annotations

import filecmp
import hashlib
import json
import shutil
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from generator.pages import (
    architecture,
    compare,
    descent,
    drawings,
    explain,
    findings,
    home,
    image,
    images,
    landscape,
    layer,
    layers,
    learn,
    learned,
    live,
    method,
    methods,
    mkdocs_build,
    networks,
    run,
    search,
    threads,
    tour,
    trust,
    units,
)
from generator.pages.context import Site
from generator.pages.docs_tree import DocsTree
from generator.pages.environment import environment, strings
from generator.pages.views import Report

STAMP = ".convatlas-site.json"


@dataclass(frozen=True)
class Rendered:
    """What a site came to: bytes on disk, and how many pages."""

    bytes: int
    pages: int


def render(
    report: Report,
    *,
    mkdocs_yml: Path,
    templates: tuple[Path, ...],
    docs_dir: Path,
    site_dir: Path,
    language: str = "en",
) -> Rendered:
    """Write the whole site of a report.

    `templates` are folders with pages/, components/ and assets/; the first that has a file wins. Raises `UserError`
    where a folder cannot be written or mkdocs.yml is wrong.
    """
    settings = mkdocs_yml.resolve().parent / "site_config"
    packaged = tuple(folder.resolve().parent / "site_config" for folder in templates)
    t = strings((settings, *packaged), language)
    tree = DocsTree(docs_dir)
    site = Site(report, tree, environment(templates, t), t)
    _write_assets(tree, templates)
    site.script("data/strings.js", "strings", "en", t.section("script"))
    home.write(site)
    tour.write(site)
    networks.write(site)
    architecture.write(site, drawings.write(site))
    layers.write(site)
    search.write(site)
    images.write(site)
    compare.write(site)
    trust.write(site)
    findings.write(site)
    learned.write(site)
    landscape.write(site)
    live.write(site)
    methods.write(site)
    descent.write(site)
    learn.write(site)
    run.write(site)
    units.examples(site)
    threads.write(site)
    explain.write(site)
    for k in range(len(report.layers)):
        layer.write(site, k)
    for k in range(len(report.images)):
        image.write(site, k)
    for each in report.methods:
        method.write(site, each)
    stamp = _stamp(tree, mkdocs_yml, settings / "theme", site_dir)
    kept = docs_dir / STAMP
    if not _is_built(kept, stamp, site_dir):
        kept.unlink(missing_ok=True)
        mkdocs_build.run(mkdocs_yml, docs_dir, site_dir)
        mkdocs_build.write_policy(site_dir)
        kept.write_text(json.dumps({"stamp": stamp}), "utf-8")
    for path in tree.volatile:
        if not filecmp.cmp(docs_dir / path, site_dir / path, shallow=False):
            shutil.copyfile(docs_dir / path, site_dir / path)
    size = _write_run(report, site_dir)
    (docs_dir / "run.json").write_bytes((site_dir / "run.json").read_bytes())
    return Rendered(size, sum(1 for _ in site_dir.rglob("*.html")))


def _write_assets(tree: DocsTree, templates: tuple[Path, ...]) -> None:
    """Copy assets/ of every template folder, the first folder's files winning."""
    seen: set[str] = set()
    for folder in templates:
        for file in sorted((folder / "assets").rglob("*")):
            path = f"assets/{file.relative_to(folder / 'assets').as_posix()}"
            if file.is_file() and path not in seen:
                seen.add(path)
                tree.write(path, file.read_bytes())


def _stamp(tree: DocsTree, mkdocs_yml: Path, theme: Path, site_dir: Path) -> str:
    """A digest of all that the built site depends on: our pages, pages added by hand, the settings, the theme, MkDocs."""
    versions = f"{version('mkdocs')} {version('mkdocs-material')}"
    digest = hashlib.sha256(f"{tree.finish()}\0{site_dir.resolve()}\0{versions}".encode())
    found = {p.relative_to(tree.root).as_posix(): p for p in tree.root.rglob("*") if p.is_file() and p.name[0] != "."}
    sizes = {path: p.stat().st_size for path, p in found.items() if path not in {"run.json", *tree.volatile}}
    digest.update(json.dumps(sizes, sort_keys=True).encode())
    for file in (mkdocs_yml, *sorted(p for p in theme.rglob("*") if p.is_file())):
        digest.update(file.as_posix().encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def _is_built(kept: Path, stamp: str, site_dir: Path) -> bool:
    """Whether site_dir holds what `stamp` stands for: built here, whole, and by us rather than by plain mkdocs."""
    try:
        same = json.loads(kept.read_text("utf-8"))["stamp"] == stamp
        return bool(
            same
            and (site_dir / "index.html").is_file()
            and "httpEquiv" in (site_dir / "assets/js/csp.js").read_text("utf-8")
        )
    except (OSError, ValueError, KeyError):
        return False


def _write_run(report: Report, site_dir: Path) -> int:
    """Write run.json with the site's size, which includes run.json's own; return it."""
    file = site_dir / "run.json"
    others = sum(p.stat().st_size for p in site_dir.rglob("*") if p.is_file() and p != file)
    size = others
    while True:
        text = json.dumps({**report.run_json, "bytes": size}, indent=2, ensure_ascii=False) + "\n"
        total = others + len(text.encode("utf-8"))
        if total == size:
            break
        size = total
    file.write_text(text, "utf-8")
    return size
