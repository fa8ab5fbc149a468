"""A report into a site: complete, repeatable, an ordinary MkDocs project, and quiet about the world outside."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from generator.errors import UserError
from generator.pages import mkdocs_build
from generator.pages.learn import ARTICLES
from generator.pages.site import render
from generator.pages.views import Atlas, Passes
from tests.pages.conftest import ROOT, Built
from tests.pages.fixture_report import tiny_report


def texts(site: Path) -> dict[str, str]:
    return {p.relative_to(site).as_posix(): p.read_text("utf-8") for p in site.rglob("*.html")}


def test_every_kind_of_page_is_there(tiny: Built):
    found = set(texts(tiny.site))
    expected = {
        "index.html",
        "layers/index.html",
        "images/index.html",
        "methods/index.html",
        "compare.html",
        "live.html",
        "units.html",
        "trust.html",
        "findings.html",
        "drawings.html",
        "learn/descent.html",
        "run.html",
        "404.html",
        "architecture.html",
        "tour.html",
    }
    expected |= {f"layers/{v.slug}.html" for v in tiny.report.layers} | {
        f"images/{i.slug}.html" for i in tiny.report.images
    }
    expected |= {f"methods/{m.name}.html" for m in tiny.report.methods}
    expected |= {"learn/index.html"} | {f"learn/{article.name}.html" for article in ARTICLES}
    assert found == expected
    assert tiny.rendered.pages == len(expected)


def test_a_layers_heading_says_what_it_does_before_its_name(tiny: Built):
    """As the tour does: the name is the model's own, and ``_swish`` may be a ReLU6."""
    kinds = ("conv 3 × 3, stride 2", "activation, ReLU", "conv 3 × 3, stride 2", "pooling")
    for view, kind in zip(tiny.report.layers, kinds, strict=True):
        text = (tiny.site / f"layers/{view.slug}.html").read_text("utf-8")
        title = text[text.index('<div class="ca-title">') :]
        words = html.unescape(re.sub(r"<[^>]*>", "", title[: title.index("</h1>")]))
        assert " ".join(words.split()) == f"{kind} · {view.layer.name}"


def test_every_address_in_the_pages_and_data_exists(tiny: Built):
    missing = []
    for name, text in texts(tiny.site).items():
        if name == "404.html":  # served from any depth: its addresses start at the site's root
            continue
        for found in re.findall(r'(?:href|src)="([^"#]+)', text):
            if (
                not found.startswith(("http", "data:", "javascript:"))
                and not (tiny.site / name).parent.joinpath(found).resolve().exists()
            ):
                missing.append((name, found))
    for script in (tiny.site / "data").rglob("*.js"):
        for found in re.findall(r'"((?:pictures|data|layers|methods)/[^"]+)"', script.read_text("utf-8")):
            if not (tiny.site / found).exists():
                missing.append((script.name, found))
    assert missing == []


def test_no_address_leads_to_another_host_but_citations(tiny: Built):
    for name, text in texts(tiny.site).items():
        outside = re.findall(r'(?:src|href|action|content)="(https?:[^"]*)"', text)
        cites = name.startswith(("methods/", "learn/")) or name == "findings.html"
        assert [a for a in outside if not (cites and a.startswith(("https://arxiv.org/", "https://doi.org/")))] == []


def test_pages_know_no_build_path(tiny: Built):
    for path in tiny.site.rglob("*"):
        if path.is_file() and path.suffix in (".html", ".js", ".json", ".xml", ".css"):
            assert str(tiny.folder) not in path.read_text("utf-8")


def test_run_json_says_the_sites_size(tiny: Built):
    size = sum(p.stat().st_size for p in tiny.site.rglob("*") if p.is_file())
    run = json.loads((tiny.site / "run.json").read_text("utf-8"))
    assert run == {"schema": 1, "model": {"source": "python:tiny.py:build"}, "bytes": size}
    assert tiny.rendered.bytes == size


def test_a_second_rendering_runs_no_mkdocs_and_changes_no_byte(
    tmp_path: Path, rebuild: Callable[..., Built], monkeypatch: pytest.MonkeyPatch
):
    report = tiny_report(tmp_path / "store")
    first = rebuild(report, tmp_path)
    before = {
        p: (p.read_bytes(), p.stat().st_mtime_ns) for p in first.site.rglob("*") if p.is_file() and p.name != "run.json"
    }
    calls: list[object] = []
    original = mkdocs_build.run
    monkeypatch.setattr(mkdocs_build, "run", lambda *a: (calls.append(a), original(*a)))
    again = rebuild(report, tmp_path)
    assert calls == []
    assert again.rendered == first.rendered
    assert before == {
        p: (p.read_bytes(), p.stat().st_mtime_ns) for p in first.site.rglob("*") if p.is_file() and p.name != "run.json"
    }
    slower = rebuild(replace(report, timings={"passes": 99.0}, run=Passes(0, 0)), tmp_path)
    assert calls == []
    assert '["passes","1 min 39 s"]' in (slower.site / "data/run.js").read_text("utf-8")
    changed = rebuild(replace(report, title="Another net"), tmp_path)
    assert len(calls) == 1
    assert "Another net" in (changed.site / "index.html").read_text("utf-8")
    (changed.site / "index.html").unlink()
    rebuild(replace(report, title="Another net"), tmp_path)
    assert len(calls) == 2
    assert (changed.site / "index.html").is_file()


def test_what_a_report_no_longer_has_goes(tmp_path: Path, rebuild: Callable[..., Built]):
    report = tiny_report(tmp_path / "store")
    first = rebuild(report, tmp_path)
    assert (first.site / "images/image-1.html").is_file()
    pictures = {p.name for p in (first.site / "pictures").iterdir()}
    fewer = rebuild(replace(report, images=report.images[:1]), tmp_path)
    assert not (fewer.site / "images/image-1.html").exists()
    assert not (fewer.docs / "images/image-1.md").exists()
    assert {p.name for p in (fewer.site / "pictures").iterdir()} < pictures


def test_two_renderings_elsewhere_are_the_same_bytes(tmp_path: Path, tiny: Built, rebuild: Callable[..., Built]):
    other = rebuild(tiny_report(tmp_path / "store"), tmp_path)

    def contents(site: Path) -> dict[str, bytes]:
        # The gzip header and the site map carry today's date.
        return {
            p.relative_to(site).as_posix(): p.read_bytes()
            for p in site.rglob("*")
            if p.is_file() and "sitemap" not in p.name
        }

    assert contents(other.site) == contents(tiny.site)


def plain_settings(folder: Path, built: Built) -> Path:
    """Our mkdocs.yml with its three folders where the test has them."""
    text = (ROOT / "mkdocs.yml").read_text("utf-8")
    folders = {
        "docs_dir: build/pages": f"docs_dir: {built.docs}",
        "site_dir: site": f"site_dir: {folder / 'plain'}",
        "custom_dir: site_config/theme": f"custom_dir: {ROOT / 'site_config/theme'}",
    }
    for ours, theirs in folders.items():
        assert text.count(ours) == 1
        text = text.replace(ours, theirs)
    settings = folder / "mkdocs.yml"
    settings.write_text(text, "utf-8")
    return settings


@pytest.mark.parametrize("program", ["mkdocs", "properdocs"])
def test_plain_mkdocs_and_its_fork_build_the_same_pages(tmp_path: Path, tiny: Built, program: str):
    settings = tmp_path / "mkdocs.yml"
    text = (ROOT / "mkdocs.yml").read_text("utf-8")
    text = text.replace("docs_dir: build/pages", f"docs_dir: {tiny.docs}")
    text = text.replace("site_dir: site", f"site_dir: {tmp_path / 'plain'}")
    settings.write_text(
        text.replace("custom_dir: site_config/theme", f"custom_dir: {ROOT / 'site_config/theme'}"), "utf-8"
    )
    done = subprocess.run(
        [sys.executable, "-m", program, "build", "--strict", "--quiet", "-f", str(settings)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert texts(tiny.site) == texts(tmp_path / "plain")
    assert (tmp_path / "plain/search/search_index.js").is_file()
    assert (tmp_path / "plain/run.json").read_bytes() == (tiny.site / "run.json").read_bytes()


def test_gh_deploy_pushes_the_site(tmp_path: Path, tiny: Built):
    work, bare = tmp_path / "work", tmp_path / "bare.git"
    work.mkdir()
    settings = plain_settings(tmp_path, tiny)
    who = {
        f"GIT_{role}_{what}": value
        for role in ("AUTHOR", "COMMITTER")
        for what, value in (("NAME", "A"), ("EMAIL", "a@b.c"))
    }
    environment = {**os.environ, **who, "GIT_CONFIG_GLOBAL": os.devnull}

    def run(*command: str) -> str:
        return subprocess.run(command, cwd=work, env=environment, capture_output=True, text=True, check=True).stdout

    run("git", "init", "-q", "--bare", str(bare))
    run("git", "init", "-q", ".")
    run("git", "commit", "-q", "--allow-empty", "-m", "Start")
    run("git", "remote", "add", "origin", str(bare))
    run(sys.executable, "-m", "mkdocs", "gh-deploy", "-q", "-f", str(settings))
    pushed = run("git", "--git-dir", str(bare), "ls-tree", "-r", "--name-only", "gh-pages").splitlines()
    assert {"index.html", ".nojekyll", "run.json", "layers/layer-0.html", "data/layers/layer-0.js"} <= set(pushed)


def test_mkdocs_serve_answers(tmp_path: Path, tiny: Built):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "mkdocs",
        "serve",
        "-q",
        "-f",
        str(plain_settings(tmp_path, tiny)),
        "-a",
        f"127.0.0.1:{port}",
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as server:
        try:
            deadline = time.monotonic() + 60
            while True:
                try:
                    with urllib.request.urlopen(f"http://127.0.0.1:{port}/layers/layer-0.html", timeout=5) as answer:
                        assert "<layer-page" in answer.read().decode("utf-8")
                    break
                except urllib.error.URLError:
                    assert server.poll() is None, server.stderr.read() if server.stderr else ""
                    assert time.monotonic() < deadline
                    time.sleep(0.2)
        finally:
            server.terminate()


def test_the_policy_names_every_inline_script_and_nothing_else(tiny: Built):
    policy = (tiny.site / "assets/js/csp.js").read_text("utf-8")
    assert "'unsafe-inline'" not in policy.partition("script-src")[2].partition(";")[0]
    seen = set()
    for text in texts(tiny.site).values():
        assert text.index("assets/js/csp.js") < text.index("<script>")
        for body in re.findall(r"<script>(.*?)</script>", text, re.S):
            seen.add(f"'sha256-{base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()}'")
    assert set(re.findall(r"'sha256-[^']+'", policy)) == seen


def test_a_template_of_the_users_wins(tmp_path: Path, rebuild: Callable[..., Built]):
    mine = tmp_path / "templates"
    (mine / "pages").mkdir(parents=True)
    (mine / "assets/css").mkdir(parents=True)
    (mine / "pages/run.html").write_text("<div>My own run of {{ report.title }}</div>")
    (mine / "assets/css/tokens.css").write_text("/* mine */")
    built = rebuild(tiny_report(tmp_path / "store"), tmp_path, (mine, ROOT / "templates"))
    assert "My own run of TinyNet" in (built.site / "run.html").read_text("utf-8")
    assert (built.site / "assets/css/tokens.css").read_text() == "/* mine */"
    assert "ca-hero" in (built.site / "index.html").read_text("utf-8")


def test_settings_that_mkdocs_refuses_are_the_users(tmp_path: Path):
    settings = tmp_path / "mkdocs.yml"
    settings.write_text("site_name: x\ntheme: no_such_theme\n", "utf-8")
    with pytest.raises(UserError, match=r"mkdocs\.yml") as caught:
        render(
            tiny_report(tmp_path / "store"),
            mkdocs_yml=settings,
            templates=(ROOT / "templates",),
            docs_dir=tmp_path / "d",
            site_dir=tmp_path / "s",
        )
    assert "\n" not in str(caught.value)


def test_two_methods_with_one_picture_share_a_place_and_signed_pictures_say_their_reach(
    tmp_path: Path, rebuild: Callable[..., Built]
):
    report = tiny_report(tmp_path / "store")
    image = report.images[0]
    (_, target), found = next((key, v) for key, v in image.gradients.items() if isinstance(v, tuple))
    heat = replace(found[0], reach=0.25)
    same = {(m, target): (heat, found[1]) for m in ("deconvnet", "deconvnet_backward")}
    other = {("saliency", target): (replace(heat, hi=heat.hi * 2), found[1])}
    one = replace(image, gradients={**same, **other}, targets=image.targets[:1])
    built = rebuild(replace(report, images=(one, *report.images[1:])), tmp_path)
    text = (built.site / "data" / "images" / f"{image.slug}.js").read_text("utf-8")
    shown = json.loads(text[text.index("{") : text.rindex("}") + 1])["gradients"]
    assert [pair["name"] for pair in shown] == ["deconvnet", "saliency"]
    assert shown[0]["title"].endswith("here the same picture") and shown[0]["maps"][0]["reach"] == 0.25


def test_a_report_without_images_or_layers_is_still_a_site(tmp_path: Path, rebuild: Callable[..., Built]):
    report = replace(
        tiny_report(tmp_path / "store"),
        images=(),
        layers=(),
        all_layers=(),
        cam_layers=(),
        default_layer=None,
        methods=(),
        not_applicable=(),
        skipped=(),
    )
    built = rebuild(report, tmp_path)
    assert "No image was drawn" in (built.site / "index.html").read_text("utf-8")
    assert "Every input was read" in (built.site / "run.html").read_text("utf-8")


def test_titles_are_escaped_once(hostile: Built):
    for name, text in texts(hostile.site).items():
        head = text[: text.index("</head>")]
        titles = re.findall(r"<title>(.*?)</title>", head, re.S)
        assert len(titles) == 1, name
        assert "<" not in titles[0]
        assert "&amp;#" not in head
        assert not re.search(r"<script>\s*window\.pwned", text)


def test_options_are_code_and_say_what_this_report_has(tmp_path: Path, rebuild: Callable[..., Built]):
    made = tiny_report(tmp_path / "store")
    first = replace(made.methods[0], options=(("fill", "zero", "`zero` or `black`"),), used={"fill": "black"})
    built = rebuild(replace(made, methods=(first, *made.methods[1:])), tmp_path)
    page = (built.site / f"methods/{first.name}.html").read_text("utf-8")
    assert "<code>zero</code> or <code>black</code>" in page
    assert "<strong><code>black</code></strong>" in page
    assert "In this report" in page
    other = (built.site / f"methods/{made.methods[1].name}.html").read_text("utf-8")
    assert "In this report" not in other


def test_a_map_whose_numbers_change_has_its_script_written_anew_though_its_picture_stays(
    tiny: Built, rebuild: Callable[..., Built], tmp_path: Path
):
    first = rebuild(tiny.report, tmp_path)
    view = tiny.report.layers[0]
    slug = tiny.report.images[0].slug
    item = view.maps[slug]
    assert isinstance(item, Atlas)
    script = first.docs / f"data/maps/{view.slug}/{slug}.js"
    before = script.read_text("utf-8")
    moved = replace(item, raw_hi=tuple(value + 1 for value in item.raw_hi or item.hi))
    changed = replace(view, maps={**view.maps, slug: moved})
    rebuild(replace(tiny.report, layers=(changed, *tiny.report.layers[1:])), tmp_path)
    assert script.read_text("utf-8") != before
    rebuild(tiny.report, tmp_path)
    assert script.read_text("utf-8") == before
