"""The page in a real build: exported once, kept in the store, off unless asked for, and never in the way of a report."""

from __future__ import annotations

import html
import io
import json
import os
import re
from pathlib import Path

import pytest
from PIL import Image

from generator.artifacts import NotApplicable
from generator.build import build, plan
from generator.command.progress import Plain
from generator.config import ReportConfig, load_config
from generator.errors import UserError
from generator.live.runtime import FILES
from generator.pages.live_views import Live
from generator.report import live as reporting

TOP = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("images")
    for name in ("chelsea", "coffee"):
        source = next((TOP / "inputs/images").rglob(f"{name}.*"))
        Image.open(source).convert("RGB").resize((90, 70)).save(folder / f"{name}.png")
    return folder


def config(images: Path, folder: Path, **more: object) -> ReportConfig:
    return load_config(
        None,
        {"model": "tinyvgg_digits", "images": str(images), "methods": ["feature_maps"], "layers": ["conv"], "trust": "none",
         "out": str(folder / "site"), "store": str(folder / "store"), **more},
    )  # fmt: skip


@pytest.fixture(scope="module")
def made(images: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    before = Path.cwd()
    try:
        os.chdir(folder)
        result = build(config(images, folder, live=True))
    finally:
        os.chdir(before)
    assert isinstance(result.report.live, Live)
    return folder


def test_a_build_writes_the_model_the_runtime_and_the_samples(made: Path):
    site = made / "site"
    kinds = sorted(path.name.split("-")[0] for path in (site / "data/live").iterdir())
    assert kinds == ["maps", "sample", "sample", "scores", "weights"]
    assert {path.name for path in (site / "assets/vendor/onnxruntime-web").iterdir()} == set(FILES)
    page = html.unescape((site / "live.html").read_text("utf-8"))
    assert "differ by" in page and "Nothing leaves this computer" in page
    assert "live.html" in (site / "index.html").read_text("utf-8")
    told = (site / "data/live.js").read_text("utf-8")
    value = json.loads(told[told.index("{") : told.rindex("}") + 1])
    assert value["layers"][0]["page"].startswith("layers/")
    assert str(made) not in told


def test_run_json_says_what_it_took(made: Path):
    told = json.loads((made / "site/run.json").read_text("utf-8"))["live"]
    files = [path for path in (made / "site/data/live").iterdir() if not path.name.startswith("sample")]
    assert told["bytes"] == sum(path.stat().st_size for path in files)
    runtime = (made / "site/assets/vendor/onnxruntime-web").iterdir()
    assert told["runtime_bytes"] == sum(path.stat().st_size for path in runtime)
    assert (told["reason"], told["checked"]) == ("", 2)
    assert told["layers"] > 4
    assert told["seconds"] > 0
    assert 0 <= told["apart"] < 1e-3


def test_the_plan_has_a_line_for_it(made: Path, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    fresh = str(plan(config(images, tmp_path, live=True)))
    (row,) = (line.split("  ") for line in fresh.splitlines() if line.startswith("live page"))
    cells = [cell.strip() for cell in row if cell.strip()]
    assert cells[:2] == ["live page", "model"]
    assert cells[3:] == ["1", "1", "2 forward, not counted"]
    said = re.search(r"of it ([\d.]+) MB are the ONNX of the live page, ([\d.]+) MB what runs it there", fresh)
    assert said
    told = json.loads((made / "site/run.json").read_text("utf-8"))["live"]
    assert float(said[1]) == pytest.approx(told["bytes"] / 1e6, rel=0.3, abs=0.06)
    assert float(said[2]) == pytest.approx(told["runtime_bytes"] / 1e6, rel=0.05)
    assert int(cells[2]) == told["layers"]
    kept = str(plan(config(images, made, live=True)))
    (row,) = (line.split() for line in kept.splitlines() if line.startswith("live page"))
    assert row[-3:] == ["1", "0", "-"]
    assert "live page" not in str(plan(config(images, tmp_path)))


def test_samples_are_the_reports_pictures_without_loss(made: Path, images: Path):
    from generator.config import ModelConfig
    from generator.model.load import load

    loaded = load(ModelConfig(source="tinyvgg_digits"))
    for k, name in enumerate(("chelsea", "coffee")):
        x = loaded.preprocess(Image.open(images / f"{name}.png"))
        (file,) = (made / "site/data/live").glob(f"sample-{k}-*.png")
        sample = Image.open(file)
        assert sample.size == loaded.preprocess.size[::-1]
        again = loaded.preprocess(sample)
        assert (again - x).abs().max() == 0


def test_a_second_build_exports_nothing(made: Path, images: Path, monkeypatch: pytest.MonkeyPatch):
    def never(*_: object) -> None:
        raise AssertionError("exported a second time")

    monkeypatch.chdir(made)
    monkeypatch.setattr(reporting, "export", never)
    before = {path: path.read_bytes() for path in (made / "site/data/live").iterdir()}
    result = build(config(images, made, live=True))
    assert isinstance(result.report.live, Live)
    assert result.run.forward == result.run.backward == 0
    assert {path: path.read_bytes() for path in (made / "site/data/live").iterdir()} == before


def test_other_layers_are_another_export(made: Path, images: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.chdir(tmp_path)
    result = build(config(images, tmp_path, live={"layers": "conv"}))
    assert isinstance(result.report.live, Live)
    assert all("conv" in name for name in result.report.live.layers)


def test_a_reason_is_kept_and_the_build_goes_on(images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(reporting, "export", lambda *_: NotApplicable("torch cannot write this model as ONNX: no."))
    result = build(config(images, tmp_path, live=True))
    assert result.report.live == NotApplicable("torch cannot write this model as ONNX: no.")
    assert "cannot write this model as ONNX" in html.unescape((tmp_path / "site/live.html").read_text("utf-8"))
    assert not (tmp_path / "site/data/live").exists()
    told = json.loads((tmp_path / "site/run.json").read_text("utf-8"))["live"]
    assert (told["reason"], told["bytes"]) == ("torch cannot write this model as ONNX: no.", 0)
    assert "\nlive page is not drawn: torch cannot write" in str(plan(config(images, tmp_path, live=True)))


def test_without_the_runtime_a_build_goes_on(made: Path, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CONVATLAS_CACHE", str(tmp_path / "nothing"))
    out = io.StringIO()
    result = build(config(images, made, live=True, out=str(tmp_path / "site")), Plain(out))
    assert isinstance(result.report.live, Live) and isinstance(result.report.live.runtime, NotApplicable)
    assert "live page is not drawn: onnxruntime-web" in out.getvalue()
    assert "live page is not drawn: onnxruntime-web" in str(
        plan(config(images, made, live=True, out=str(tmp_path / "site")))
    )
    assert "convatlas live --fetch-runtime" in html.unescape((tmp_path / "site/live.html").read_text("utf-8"))
    assert not (tmp_path / "site/data/live").exists()


def test_it_is_off_unless_asked_for():
    assert ReportConfig().live is None
    for preset in ("quick", "standard", "full"):
        assert load_config(None, {"preset": preset}).live is None
    assert load_config(None, {"live": False}).live is None
    asked = load_config(None, {"live": True}).live
    assert asked is not None and asked.layers == ("all",)
    with pytest.raises(UserError, match=r"there is no key `live\.layer`"):
        load_config(None, {"live": {"layer": "conv"}})
    with pytest.raises(UserError, match="live: expected keys and values"):
        load_config(None, {"live": "yes"})
