"""Findings in whole reports: of the images' answers or of the weights alone, kept between builds, in run.json and on pages."""

from __future__ import annotations

import csv
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest

from generator.artifacts import NotApplicable
from generator.command.progress import Silent
from generator.config import load_config
from generator.findings import checks
from generator.findings.finding import Finding
from generator.report.findings import evidence_of, findings_key, findings_of, packed, unpacked
from generator.report.setup import set_up
from tests.whole import Built, addresses, build, convatlas, copied, digits

SICK = """
import torch
from torch import nn


def build():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 16, 5), nn.ReLU(), nn.Conv2d(16, 20, 3), nn.ReLU(),
                          nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(20, 10))
    with torch.no_grad():
        model[0].bias[:6] = -100
        model[2].weight[10:] = model[2].weight[9]
        model[2].bias[9:] = 0
    return model
"""
MODEL = {"source": "python:sick.py:build", "input": {"size": [32, 32], "crop": "none", "mean": [0.5], "std": [0.5]}}


def report(folder: Path, methods: list[object]) -> Built:
    copied(digits(4), folder / "images")
    (folder / "sick.py").write_text(SICK, encoding="utf-8")
    layers = ["conv", "act"]
    return build(folder, {"model": MODEL, "images": "images", "layers": layers, "methods": methods, "trust": "none"})


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return report(tmp_path_factory.mktemp("asked"), ["feature_maps", {"dataset_examples": {"reconstructions": 0}}])


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return report(tmp_path_factory.mktemp("alone"), ["feature_maps"])


def severities(built: Built) -> dict[str, str]:
    return {one["name"]: one["severity"] for one in built.run["findings"]}


def test_planted_defects_are_found_and_in_run_json(asked: Built):
    found = {one["name"]: one for one in asked.run["findings"]}
    assert set(found) == set(checks())
    assert found["dead_units"]["severity"] == "warning"  # 6 of 16
    assert {"layer": "1", "text": "6 of 16 dead", "units": [0, 1, 2, 3, 4, 5]} in found["dead_units"]["places"]
    assert found["redundant_units"]["severity"] == "serious"  # 10 of 20
    assert found["redundant_units"]["places"][0]["units"] == list(range(9, 20))
    assert found["saturated"] == {
        "name": "saturated",
        "severity": "not judged",
        "evidence": "the model has no rectifier with a cap.",
        "threshold": "",
        "places": [],
    }
    order = [one["severity"] for one in asked.run["findings"]]
    assert order == sorted(order, key=["serious", "warning", "note", "fine", "not judged"].index)


def test_every_link_of_the_page_leads_somewhere(asked: Built):
    page = asked.site / "findings.html"
    led = [(address, to) for file, address, to in addresses(asked.site) if file == page and to is not None]
    assert all(to.exists() for _, to in led if to is not None)
    assert "layers/1.html#f=certain" in {address for address, _ in led}
    assert "layers/1.html#u=5" in {address for address, _ in led}
    rows = csv.DictReader((asked.site / "findings.csv").read_text(encoding="utf-8").splitlines())
    assert {row["finding"] for row in rows} == set(checks())


def test_without_images_the_weights_are_judged_and_the_page_says_so(alone: Built):
    found = severities(alone)
    assert {name for name, severity in found.items() if severity == "not judged"} >= {
        "always_on",
        "dead_units",
        "lost_rank",
        "scale",
    }
    assert found["redundant_units"] == "serious"
    text = unescape((alone.site / "findings.html").read_text("utf-8"))
    assert "Judged by the weights alone: no image was looked at" in text
    assert "units answer to a dataset where" in text


def test_an_unchanged_rebuild_judges_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    built = report(tmp_path, ["feature_maps", {"dataset_examples": {"reconstructions": 0}}])
    before = (built.site / "findings.html").read_bytes()

    def refused(*_: object) -> None:
        raise AssertionError("a check ran again")

    for info in checks().values():
        monkeypatch.setattr(info.cls, "judge", refused)
    outcome = convatlas(tmp_path, "build")
    assert outcome.code == 0, outcome.err
    assert (built.site / "findings.html").read_bytes() == before


def test_what_is_kept_is_what_was_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(report(tmp_path, ["feature_maps", {"dataset_examples": {"reconstructions": 0}}]).folder)
    setup = set_up(load_config(Path("report.yml"), {}), Silent())
    evidence = evidence_of(setup)
    assert evidence.images == 4
    kept = {one.name: one.result for one in findings_of(setup).checked}
    for name, info in checks().items():
        said = info.cls().judge(evidence)
        assert unpacked(packed(said)) == said == kept[name]
    assert {type(one) for one in kept.values()} == {Finding, NotApplicable}


def test_the_key_knows_whether_images_were_looked_at(asked: Built, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(asked.folder)
    setup = set_up(load_config(Path("report.yml"), {}), Silent())
    assert findings_key(setup) == findings_key(replace(setup, notes=("another",)))
    assert findings_key(setup) != findings_key(replace(setup, asking=None))
