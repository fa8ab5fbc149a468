"""The main job on a real small model: passes as planned, nothing twice, whole after a kill."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

import generator.executors.local as local
from generator import library, methods
from generator.artifacts import Artifact, Heatmap, NotApplicable
from generator.build import build, compute
from generator.command.progress import Silent
from generator.config import ReportConfig, load_config
from generator.engine.needs import Activation, Need, Reads
from generator.errors import UserError
from generator.methods import MethodInfo, ModelFacts, Places, Scope
from generator.names import Layer, LayerName, Paper
from generator.pages.views import Heat, Passes
from generator.report import assemble, reporting, trusted
from generator.report.plan import plan_report, plan_searches
from generator.report.setup import Setup, set_up
from generator.resources import packaged
from generator.store import Store

SEARCH = {"activation_maximization": {"size": 32, "steps": 4}}
METHODS = ["feature_maps", "kernels", "saliency", "guided_backprop", "deconvnet", "deconvnet_backward", "grad_cam"]
METHODS += ["grad_cam_pp", "input_response", "cam"]


@pytest.fixture(autouse=True)
def one_format(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which memory format is faster is measured, and the two round differently in the last bit."""
    monkeypatch.setattr("generator.build.faster_format", lambda engine, shape: "contiguous")


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages are written below the working directory: two tests at once must not share it."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    for file in sorted(packaged("inputs/digits").glob("*.png"))[:4]:
        shutil.copy(file, folder)
    return folder


def config_for(tmp_path: Path, images: Path, **more: object) -> ReportConfig:
    given = {
        "model": "tinyvgg_digits",
        "images": str(images),
        "layers": ["conv", "pool"],
        "methods": [*METHODS, SEARCH],
        "targets": ["top:2"],
        "units": "top:3",
        "store": str(tmp_path / "store"),
        "out": str(tmp_path / "site"),
        "device": "cpu",
        "batch_size": 2,
    }
    return load_config(None, given | more)


def filled(config: ReportConfig) -> tuple[Setup, Passes]:
    """Everything but the pages: the set-up with its counts, and the passes planned."""
    setup = set_up(config, Silent())
    todo = plan_report(setup)
    return setup, todo.passes + compute(setup, todo, Silent()).passes


def ran(setup: Setup) -> Passes:
    return Passes(setup.engine.counts.forward, setup.engine.counts.backward)


def contents(store: Path) -> dict[str, str]:
    files = (p for p in store.rglob("*") if p.is_file() and not p.name.startswith("."))  # less unfinished writes
    return {p.relative_to(store).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def test_passes_run_are_passes_planned(tmp_path: Path, images: Path):
    config = config_for(tmp_path, images)
    before = set_up(config, Silent())
    batches, searches = plan_report(before).passes, plan_searches(before).passes
    setup, planned = filled(config)
    # two batches of two images: one forward each; per target plain, guided and deconv (no overlapping pools)
    assert batches == Passes(2, 2 * 2 * 3)
    assert ran(setup) == planned == batches + searches
    assert searches.forward > 0


def test_a_report_says_which_methods_it_was_asked_for_drawn_or_not(tmp_path: Path, images: Path):
    asked = ["kernels", "cam", "saliency"]  # the model ends in two linear layers: CAM is refused
    setup, planned = filled(config_for(tmp_path, images, methods=asked, checkpoints=(), effective_fields=0))
    assert {method for method, _, _ in setup.jobs.refused} >= {"cam"}
    report = reporting.report_of(setup, {}, planned)
    assert {method.name for method in report.methods if method.asked} == {
        *asked,
        "random_map",
        "sobel_edges",
    }  # the baselines
    assert len(report.methods) == len(methods.registry())


def test_methods_that_look_at_the_same_noise_share_its_gradients(tmp_path: Path, images: Path):
    trio = [{name: {"samples": 3}} for name in ("smooth_grad", "smooth_grad_squared", "var_grad")]
    config = config_for(tmp_path, images, methods=trio)
    before = plan_report(set_up(config, Silent()))
    assert before.probes == Passes(4 * 3, 4 * 3 * 2)  # four images, two targets: once, not three times
    assert "with smooth_grad" in str(before)
    setup, planned = filled(config)
    assert ran(setup) == planned
    more = config_for(tmp_path, images, methods=[trio[0], {"var_grad": {"samples": 2}}])
    assert plan_report(set_up(more, Silent())).probes == Passes(4 * 2, 4 * 2 * 2)  # noise of another kind is its own


def test_a_second_build_runs_nothing(tmp_path: Path, images: Path):
    config = config_for(tmp_path, images)
    filled(config)
    kept = contents(tmp_path / "store")
    setup, planned = filled(config)
    assert ran(setup) == planned == Passes(0, 0)
    assert contents(tmp_path / "store") == kept


def test_one_image_more_computes_that_image_alone(tmp_path: Path, images: Path):
    config = config_for(tmp_path, images)
    filled(config)
    kept = contents(tmp_path / "store")
    shutil.copy(sorted(packaged("inputs/digits").glob("*.png"))[7], images)
    setup = set_up(config, Silent())
    todo = plan_report(setup)
    assert [len(batch.images) for batch in todo.batches] == [1]
    assert todo.passes + plan_searches(setup).passes == Passes(1, 6)
    compute(setup, todo, Silent())
    assert ran(setup) == Passes(1, 6)
    assert kept.items() <= contents(tmp_path / "store").items()


def test_units_are_chosen_anew_where_an_image_that_chose_them_is_gone(tmp_path: Path, images: Path):
    config = config_for(tmp_path, images)
    filled(config)
    first = sorted(images.glob("*.png"))[0]
    first.unlink()
    setup = set_up(config, Silent())
    chosen = plan_searches(setup).units
    fresh = set_up(config_for(tmp_path / "fresh", images), Silent())
    compute(fresh, plan_report(fresh), Silent())
    assert chosen == plan_searches(fresh).units


def test_one_method_or_layer_more_computes_that_alone(tmp_path: Path, images: Path):
    filled(config_for(tmp_path, images, methods=["saliency"]))
    setup, _ = filled(config_for(tmp_path, images, methods=["saliency", "guided_backprop"]))
    assert ran(setup) == Passes(2, 4)  # two batches, two targets: the guided backwards, no plain ones
    setup, _ = filled(config_for(tmp_path, images, methods=["saliency", "guided_backprop", "feature_maps"]))
    assert ran(setup) == Passes(2, 0)


@pytest.mark.parametrize("after", [3, 40, 103, 110])
def test_a_killed_run_is_completed_to_the_same_bytes(
    tmp_path: Path, images: Path, after: int, monkeypatch: pytest.MonkeyPatch
):
    filled(config_for(tmp_path / "whole", images, batch_size="auto"))
    config = config_for(tmp_path / "killed", images, batch_size="auto")
    put, written = Store.put, []

    def killed(self: Store, *args: object) -> object:
        written.append(args)
        if len(written) > after:
            raise KeyboardInterrupt
        return put(self, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(Store, "put", killed)
    with pytest.raises(KeyboardInterrupt):
        filled(config)
    monkeypatch.setattr(Store, "put", put)
    filled(config)
    got, wanted = contents(tmp_path / "killed" / "store"), contents(tmp_path / "whole" / "store")
    assert got == wanted


def test_an_error_in_a_worker_stops_the_build(tmp_path: Path, images: Path, monkeypatch: pytest.MonkeyPatch):
    def broken(*_: object) -> None:
        raise RuntimeError("encoder broke")

    monkeypatch.setattr(local, "encode", broken)
    with pytest.raises(RuntimeError, match="encoder broke"):
        filled(config_for(tmp_path, images))


def test_a_report_has_a_page_a_layer_an_image_and_a_method(tmp_path: Path, images: Path):
    config = config_for(tmp_path, images)
    result = build(config)
    site = config.out
    assert result.planned == result.run
    assert result.bytes == sum(p.stat().st_size for p in site.rglob("*") if p.is_file())
    assert len(list((site / "layers").glob("*.html"))) == 1 + 6  # the table, four convolutions, two pools
    assert len(list((site / "images").glob("*.html"))) == 1 + 4
    assert (site / "methods" / "grad_cam_pp.html").exists()
    again = build(config)
    assert again.run == Passes(0, 0)


def test_a_folder_that_cannot_be_written_is_the_users_to_mend(tmp_path: Path, images: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="file"):
        build(config_for(tmp_path, images, methods=["saliency"], out=str(tmp_path / "file" / "site")))
    with pytest.raises(UserError, match="file"):
        build(config_for(tmp_path, images, methods=["saliency"], store=str(tmp_path / "file" / "store")))


@dataclass(frozen=True)
class Mean:
    """A method nobody has heard of: no target, one map a layer."""

    papers: ClassVar[tuple[Paper, ...]] = ()
    caption: ClassVar[str] = "The mean of {layer}."
    scope: ClassVar[Scope] = "layer"
    places: ClassVar[Places] = "both"
    needs_target: ClassVar[bool] = False
    many: ClassVar[int] = 1

    def applies(self, model: ModelFacts, layer: Layer | None) -> NotApplicable | None:
        return None

    def needs(self, layer: LayerName) -> tuple[Need, ...]:
        return (Activation(layer),)

    def compute(self, reads: Reads) -> Iterator[Artifact]:
        for _ in range(self.many):
            yield Heatmap(reads.activation.mean(dim=1))


def test_a_method_nobody_named_appears_on_the_pages(tmp_path: Path, images: Path, monkeypatch: pytest.MonkeyPatch):
    known = {
        **methods.registry(),
        "of_a_stranger": MethodInfo("of_a_stranger", Mean, "Of a stranger: its summary.\n\nIt."),
    }
    monkeypatch.setattr(methods, "registry", lambda: known)
    for module in (library, assemble, reporting, trusted):
        monkeypatch.setattr(module, "registry", lambda: known)
    config = config_for(tmp_path, images, methods=["of_a_stranger", "saliency"])
    report = build(config).report
    image = report.images[0]
    rows = {key for key in image.cams if key[0] == "of_a_stranger"}
    assert len(rows) == 2 * len(report.cam_layers)  # the same map for both targets
    assert all(isinstance(image.cams[key], Heat) for key in rows)
    assert ("of_a_stranger", image.slug) in report.layers[0].cams
    assert "of_a_stranger" in next((config.out / "data" / "images").glob("*.js")).read_text("utf-8")
    assert "of_a_stranger" in next((config.out / "data" / "layers").glob("*.js")).read_text("utf-8")


def test_a_method_that_yields_several_artifacts_is_told(tmp_path: Path, images: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Mean, "many", 2)
    known = {
        **methods.registry(),
        "of_a_stranger": MethodInfo("of_a_stranger", Mean, "Of a stranger: its summary.\n\nIt."),
    }
    monkeypatch.setattr(methods, "registry", lambda: known)
    monkeypatch.setattr(library, "registry", lambda: known)
    with pytest.raises(TypeError, match="of_a_stranger is expected to yield one artifact"):
        filled(config_for(tmp_path, images, methods=["of_a_stranger"]))
