"""What every method owes its reader, checked of whatever the folder holds: nobody adds a method to a list here."""

from __future__ import annotations

import ast
import dataclasses
import re
import string
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from typer.testing import CliRunner

import generator.methods
from generator import attribute, images
from generator.artifacts import ImageGrid, NotApplicable
from generator.cli import app
from generator.config import InputConfig, ModelConfig
from generator.dataset.survey import Portion, survey
from generator.engine.handle import handle
from generator.engine.needs import Reads
from generator.engine.passes import Engine
from generator.engine.plan import plan
from generator.engine.probe import probed
from generator.library import engine_for, make_method, requests_for
from generator.methods import Cost, Places, Scope, is_probe, registry
from generator.model.describe import Description, describe
from generator.model.load import LoadedModel, load
from generator.names import ClassTarget, Paper, Unit
from generator.report.reporting import method_view
from generator.selectors import select_layers
from tests.methods.examples import same

TOP = Path(__file__).resolve().parents[2]
FOLDER = Path(generator.methods.__file__).parent
NAMES = sorted(file.stem for file in FOLDER.glob("*.py") if not file.stem.startswith("_"))
SEARCHES = [name for name in NAMES if registry()[name].cls.scope in generator.methods.SEARCHES]
SETS = [name for name in NAMES if registry()[name].cls.scope == "set"]
PER_BATCH = [name for name in NAMES if name not in (*SEARCHES, *SETS)]
"""Per-batch methods and probes: what `attribute` runs."""
PROBES = [name for name in NAMES if is_probe(registry()[name].cls)]
SMALL = {"steps": 4, "samples": 3, "units": 4}
"""Options by which a probe evaluates the model less often, where it has them."""
SHORT = {
    name: {key: value for key, value in SMALL.items() if key in registry()[name].cls.__dataclass_fields__}
    for name in PROBES
}
LOCATED = {"arxiv": r"\d{4}\.\d{4,5}", "doi": r"10\.\d{4,}/\S+", "url": r"https://\S+"}

every_method = pytest.mark.parametrize("name", NAMES)


# ---- what is written


def test_the_folder_is_the_registry_and_the_command_lists_it():
    assert list(registry()) == NAMES
    assert {"activation_maximization", "cam", "deconvnet", "grad_cam", "kernels"} <= set(NAMES)
    listed = CliRunner().invoke(app, ["methods"])
    assert listed.exit_code == 0, listed.output
    for name in NAMES:
        assert re.search(rf"(?m)^\W*{name}\b", listed.output), f"`convatlas methods` does not list {name}"


@every_method
def test_the_file_opens_with_title_and_summary_and_tells_equation_reading_and_limits(name: str):
    info = registry()[name]
    first = info.doc.splitlines()[0]
    assert re.fullmatch(r"[A-Z][^:]{2,40}: \S.{10,}\.", first), first
    assert info.doc.splitlines()[1] == "", "the title line stands alone"
    body = method_view(info).body
    equations = re.findall(r"\$\$(.+?)\$\$", body, flags=re.DOTALL)
    assert equations, "no equation"
    for equation in equations:
        assert "=" in equation
        assert equation.count("{") == equation.count("}"), equation
        assert "\t" not in equation, "a backslash was eaten: the docstring must be raw"
        assert "\f" not in equation, "a backslash was eaten: the docstring must be raw"
    assert "\nReading it: " in body
    assert "\nLimits: " in body


@every_method
def test_it_is_a_frozen_value_whose_every_option_is_explained(name: str):
    cls = registry()[name].cls
    assert cls.__dataclass_params__.frozen
    assert hash(cls()) == hash(cls()), "options must be hashable values: they become a key"
    assert cls.__doc__
    assert cls.scope in Scope.__args__
    assert cls.places in Places.__args__
    for field in dataclasses.fields(cls):
        assert len(field.metadata.get("doc", "")) > 10, f"option {field.name} of {name} is not explained"


@every_method
def test_it_is_cited_where_it_can_be_found(name: str):
    papers = registry()[name].cls.papers
    assert papers
    for paper in papers:
        assert re.fullmatch(rf"[a-z]+{paper.year}[a-z]?", paper.key), paper.key
        assert 1950 <= paper.year <= 2030
        assert len(paper.title) > 10
        assert paper.authors[0].isupper()
        found = {kind: getattr(paper, kind) for kind in LOCATED if getattr(paper, kind)}
        assert found, f"{paper.key} cannot be found: no arXiv number, DOI or address"
        for kind, value in found.items():
            assert re.fullmatch(LOCATED[kind], value), (paper.key, kind, value)


def test_one_key_is_one_paper_in_the_bibliography():
    known: dict[str, Paper] = {}
    for info in registry().values():
        for paper in info.cls.papers:
            assert known.setdefault(paper.key, paper) == paper


@every_method
def test_the_caption_is_a_sentence_with_known_blanks(name: str):
    cls = registry()[name].cls
    blanks = {field for _, field, _, _ in string.Formatter().parse(cls.caption) if field is not None}
    assert blanks <= {"layer", "target", "image", "unit"}
    assert blanks, "a caption says of what the picture is"
    assert ("target" in blanks) == getattr(cls, "needs_target", False)
    assert cls.caption.endswith(".")
    assert not cls.caption.format(layer="L", target="T", image="I", unit="U").startswith(" ")


@every_method
def test_it_has_a_test_file_with_numbers_worked_out_by_hand(name: str):
    tree = ast.parse((TOP / f"tests/methods/test_{name}.py").read_text(encoding="utf-8"))
    tests = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]
    by_hand = [test for test in tests if "by_hand" in test.name]
    assert by_hand, f"no test_..._by_hand in test_{name}.py"
    assert len(tests) > len(by_hand), "numbers by hand and a reference: the second is missing"
    for test in by_hand:
        numbers = [n for n in ast.walk(test) if isinstance(n, ast.Constant) and isinstance(n.value, (int, float))]
        assert len(numbers) >= 2, f"{test.name} holds no numbers"


# ---- what is computed, on real models and real pictures


@dataclasses.dataclass(frozen=True)
class Real:
    """A trained model with a batch of pictures it was made for."""

    loaded: LoadedModel
    description: Description
    x: Tensor
    layers: tuple[str, ...]

    @property
    def engine(self) -> Engine:
        return engine_for(self.loaded.module, self.description)


@cache
def real(source: str) -> Real:
    small = {"efficientnet_lite0": InputConfig(size=(64, 64))}
    folder = {"efficientnet_lite0": "images", "tinyvgg_digits": "digits"}[source]
    layers = {
        "efficientnet_lite0": ("_blocks.1._swish@2", "_blocks.10._swish@2", "_conv_head", "_swish@2"),
        "tinyvgg_digits": ("all",),
    }[source]
    loaded = load(ModelConfig(source=source, input=small.get(source, InputConfig())))
    records = images.scan(TOP / "inputs" / folder, limit=3).images
    channels = loaded.input_shape[0]
    x = torch.stack([loaded.preprocess(images.load(record, channels)) for record in records])
    return Real(loaded, describe(loaded.module, loaded.input_shape), x, layers)


MODELS = ("tinyvgg_digits", "efficientnet_lite0")


def drawn(found: Any) -> Iterator[Tensor]:
    """The tensors in what `attribute` gave for one method."""
    for value in found.values() if isinstance(found, dict) else [found]:
        if not isinstance(value, NotApplicable):
            yield value


@cache
def everything(source: str) -> dict[str, Any]:
    """Every per-batch method at once, of class 0."""
    it = real(source)
    return attribute(it.loaded.module, it.x, PER_BATCH, layers=it.layers, target=0, options=SHORT)


@pytest.mark.parametrize("name", PER_BATCH)
def test_it_draws_finite_maps_of_a_real_model(name: str):
    maps = [value for source in MODELS for value in drawn(everything(source)[name])]
    assert maps, "it applies to neither of the two models: nothing was checked"
    assert all(value.isfinite().all() for value in maps)
    assert all(value.dtype == torch.float32 and not value.requires_grad for value in maps)
    assert any(value.abs().max() > 0 for value in maps)


@pytest.mark.parametrize("name", PER_BATCH)
def test_alone_and_again_it_gives_the_same_bits_as_among_all_others(name: str):
    it, together = real("tinyvgg_digits"), everything("tinyvgg_digits")
    alone = attribute(it.loaded.module, it.x, name, layers=it.layers, target=0, options=SHORT)
    for a, b in zip(drawn(alone), drawn(together[name]), strict=True):
        assert torch.equal(a, b)


def test_all_methods_give_the_same_bits_twice():
    it, first = real("efficientnet_lite0"), everything("efficientnet_lite0")
    again = attribute(it.loaded.module, it.x, PER_BATCH, layers=it.layers, target=0, options=SHORT)
    for name in PER_BATCH:
        assert all(torch.equal(a, b) for a, b in zip(drawn(again[name]), drawn(first[name]), strict=True)), name


@pytest.mark.parametrize("source", MODELS)
def test_an_image_has_the_same_maps_in_whatever_company(source: str):
    it = real(source)
    # rectified layers: elsewhere Grad-CAM++ is at the mercy of rounding, which differs with the batch (see its page)
    layers = (
        ("act", "pool") if source == "tinyvgg_digits" else ("_blocks.1._swish@2", "_blocks.10._swish@2", "_swish@2")
    )
    names = [name for name in PER_BATCH if registry()[name].cls.scope != "weights"]
    lonely, together = (
        attribute(it.loaded.module, x, names, layers=layers, target=0, options=SHORT) for x in (it.x[2:3], it.x)
    )
    compared = set()
    for name in names:
        for alone, among in zip(drawn(lonely[name]), drawn(together[name]), strict=True):
            if among[2].abs().max() > 0:
                same(alone[0], among[2], relative=1e-4)
                compared.add(name)
    assert {"saliency", "feature_maps", "input_response", "grad_cam_pp"} <= compared


@pytest.mark.parametrize("source", MODELS)
def test_computing_is_a_pure_function_of_its_reads(source: str):
    it = real(source)
    requests = []
    for name in (name for name in PER_BATCH if name not in PROBES):
        layers = select_layers(it.layers, it.description.layers)
        requests += requests_for(name, make_method(name), layers, (ClassTarget(0),), it.description)[0]
    for served in it.engine.run(it.x, plan(requests, it.description.facts)):
        assert isinstance(served.reads, Reads)
        before = {need: value.clone() for need, value in served.reads.values.items()}
        once, twice = (list(served.request.method.compute(served.reads)) for _ in range(2))
        assert [type(a) for a in once] == [type(a) for a in twice]
        assert all(torch.equal(a.values, b.values) for a, b in zip(once, twice, strict=True))
        assert len(once) == 1, "one artifact for one layer and one target"
        assert all(torch.equal(served.reads[need], value) for need, value in before.items()), served.request.name


def test_the_model_is_left_as_it_was_found():
    module = real("tinyvgg_digits").loaded.module
    before = {key: value.clone() for key, value in module.state_dict().items()}
    module.train()
    module[0].eval()
    try:
        flags = [part.training for part in module.modules()]
        attribute(module, real("tinyvgg_digits").x, PER_BATCH, layers="all", target=0, options=SHORT)
        assert [part.training for part in module.modules()] == flags
    finally:
        module.eval()
    assert all(torch.equal(value, before[key]) for key, value in module.state_dict().items())
    assert all(parameter.requires_grad and parameter.grad is None for parameter in module.parameters())
    hooks = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    assert not any(getattr(part, kind) for part in module.modules() for kind in hooks)


@pytest.mark.parametrize("name", PROBES)
@pytest.mark.parametrize("source", MODELS)
def test_a_probe_runs_the_evaluations_it_said_and_draws_one_artifact_a_target(source: str, name: str):
    it = real(source)
    method = make_method(name, SHORT[name])
    layers = select_layers(it.layers, it.description.layers)
    targets = (ClassTarget(0), ClassTarget(3)) if method.needs_target else ()
    requests, _ = requests_for(name, method, layers, targets, it.description)
    engine = it.engine
    asked = plan(requests, it.description.facts)
    ends = (torch.full((it.x.shape[1],), -1.0), torch.full((it.x.shape[1],), 1.0))
    for served in list(engine.run(it.x, asked)):
        before = dataclasses.replace(engine.counts)
        found = probed(engine, served, 1, it.x, ends, seed=5)
        ran = Cost(engine.counts.forward - before.forward, engine.counts.backward - before.backward)
        assert ran == served.request.cost(it.description.facts)
        assert len(found) == max(1, len(targets))
        again = probed(engine, served, 1, it.x, ends, seed=5)
        for one, other in zip(found, again, strict=True):
            assert type(one) is type(other)
            if not isinstance(one, NotApplicable):
                assert one.values.shape[0] == 1
                assert torch.equal(one.values, other.values)  # type: ignore[union-attr]


@pytest.mark.parametrize("source", MODELS)
@pytest.mark.parametrize("name", SETS)
def test_a_method_over_a_set_says_the_same_of_every_unit_twice(name: str, source: str):
    it = real(source)
    layers = select_layers(it.layers, it.description.layers)
    made = []
    for _ in range(2):
        engine = it.engine
        states = {layer.name: make_method(name).start(layer, "cpu") for layer in layers}
        made.append(survey(engine, states, [Portion(it.x[:2], (0, 1)), Portion(it.x[2:], (2,))]))
        assert (engine.counts.forward, engine.counts.backward) == (2, 0)
    for layer in layers:
        once, twice = (vars(found[layer.name]) for found in made)
        for field, value in once.items():
            assert np.array_equal(value, twice[field]), field
            assert np.isfinite(value).all(), field
            assert np.ndim(value) == 0 or len(value) == layer.units, field


@pytest.mark.parametrize("name", SEARCHES)
def test_a_search_gives_the_same_finite_pictures_twice_in_the_passes_it_said(name: str):
    it = real("tinyvgg_digits")
    cls = registry()[name].cls
    short = {"steps": 6} if "steps" in cls.__dataclass_fields__ else {}
    method = make_method(name, short)
    (conv,) = select_layers("conv2_2", it.description.layers)
    layer = None if cls.scope == "class_search" else conv
    subjects = {"search": (3, 11), "class_search": (3, 7), "image_search": (0, 2)}[cls.scope]
    asked = tuple(Unit(conv.name, one) for one in subjects) if cls.scope == "search" else subjects
    made: list[tuple[ImageGrid, ...]] = []
    pre = it.loaded.preprocess
    seen = pre.denormalise(it.x).clamp(0, 1)
    for _ in range(2):
        engine = it.engine
        with handle(engine, it.loaded.input_shape, pre.mean, pre.std, lambda n, at=0: seen[at : at + n]) as held:
            made.append(tuple(method.search(held, layer, asked, seed=5)))
        assert (engine.counts.forward, engine.counts.backward) == method.passes(layer, len(subjects))
    for once, twice in zip(*made, strict=True):
        assert torch.equal(once.values, twice.values)
        assert once.scores == twice.scores
        assert once.values.isfinite().all()
        assert 0 <= once.values.min() < once.values.max() <= 1
    assert tuple(one for grid in made[0] for one in grid.units) == subjects
