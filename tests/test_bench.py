"""The measurements: what becomes of a bound that is missed, of columns that nobody measured, and how passes are counted."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import nn

from generator.dataset.reconstruct import Round, Start
from generator.dataset.reconstruct import reconstruct as honest
from generator.library import engine_for
from generator.model.describe import describe

ROOT = Path(__file__).parents[1]


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[[str], ModuleType]]:
    """A module of bench/ by its name; what it keeps lands in `tmp_path`."""
    monkeypatch.syspath_prepend(str(ROOT / "bench"))
    names = {path.stem for path in (ROOT / "bench").glob("*.py")}

    def module(name: str) -> ModuleType:
        found = importlib.import_module(name)
        monkeypatch.setattr(importlib.import_module("_timing"), "RESULTS", tmp_path)
        return found

    yield module
    for name in names:
        sys.modules.pop(name, None)


def test_a_missed_bound_that_is_ours_is_an_exit_status(
    bench: Callable[[str], ModuleType], capsys: pytest.CaptureFixture[str]
):
    timing = bench("_timing")
    good, told = timing.Bound("a", 1.25, 1.25), timing.Bound("b", 2, 1.25, ours=False)
    assert timing.verdicts([good, told]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "  met     a: 1.25, at most 1.25",
        "  missed  b: 2, at most 1.25, told only",
    ]
    assert timing.verdicts([good, timing.Bound("c", 9.9, 10, least=True), good]) == 1
    assert "  MISSED  c: 9.9, at least 10" in capsys.readouterr().out
    assert timing.verdicts([timing.Bound("d", float("nan"), 1)]) == 1
    assert timing.verdicts([timing.Bound("e", 10, 10, least=True)]) == 0


def figures(times: float = 12.0, ratio: float = 1.1, plain: float = 1.2) -> dict[str, Any]:
    """What bench/searches.py would keep, the same of both models."""
    sooner = {"steps": 20, "times lucent": 11.0, "reached at least as much as lucent": 6}
    one = {
        "precision": "bfloat16",
        "over bare passes": {"conv1": {"ratio": ratio, "ratio in float32": plain}},
        "beside lucent": {
            "all convolutions": {
                "layers measured": 7,
                "times lucent": times,
                "reached at least as much as lucent": 7,
                "ours in the steps of the method's own default": sooner,
            },
            "deepest quarter": {"layers measured": 4, "times lucent": times, "reached at least as much as lucent": 4},
        },
    }
    return {
        "machine": {"threads": "2"},
        "steps": 32,
        "versions": {"torch": "2.0", "torch-lucent": "0.1.8"},
        "conv-atlas": "0.1.0",
        **{name: json.loads(json.dumps(one)) for name in ("efficientnet_lite0", "torchvision:resnet50")},
    }


def searches(
    bench: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch, told: dict[str, Any], arguments: Sequence[str]
) -> int:
    """bench/searches.py, all but what takes time: the exit status."""
    module = bench("searches")

    class Subject:
        climb = type("Climb", (), {"precision": "bfloat16"})

    monkeypatch.delenv("LUCENT", raising=False)
    monkeypatch.setattr(module, "memory", type("Memory", (), {"keep": lambda: None, "large_pages": lambda: None}))
    monkeypatch.setattr(module, "subject", lambda *_: Subject)
    monkeypatch.setattr(module, "over_bare", lambda *_: told["efficientnet_lite0"]["over bare passes"])
    monkeypatch.setattr(module, "lucent_at", lambda folder: folder)
    monkeypatch.setattr(module, "beside", lambda *_: told["efficientnet_lite0"]["beside lucent"])
    return module.main(arguments)


def test_without_lucent_its_columns_stay_and_say_when_they_were_measured(
    bench: Callable[[str], ModuleType],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
):
    before, kept = figures(times=9.0), tmp_path / "searches.json"
    kept.write_text(json.dumps(before))
    for _ in range(2):  # the second time they stem from the first of all
        assert searches(bench, monkeypatch, figures(), []) == 0, "a miss of an earlier run's is told only"
        now = json.loads(kept.read_text())
        assert "torch-lucent" not in now["versions"]
        for model in ("efficientnet_lite0", "torchvision:resnet50"):
            (note, with_), *columns = now[model]["beside lucent"].items()
            assert "earlier" in note
            assert (with_["torch"], with_["torch-lucent"], with_["threads"], with_["steps"]) == (
                "2.0",
                "0.1.8",
                "2",
                32,
            )
            assert dict(columns) == before[model]["beside lucent"]
    assert "in an earlier run: 9, at least 10, told only" in capsys.readouterr().out
    assert searches(bench, monkeypatch, figures(times=12.0), ["--lucent", "here"]) == 0
    now = json.loads(kept.read_text())
    assert now["efficientnet_lite0"]["beside lucent"] == figures()["efficientnet_lite0"]["beside lucent"]
    kept.unlink()
    assert searches(bench, monkeypatch, figures(), []) == 0
    assert "beside lucent" not in json.loads(kept.read_text())["efficientnet_lite0"]


@pytest.mark.parametrize(
    ("told", "arguments"),
    [
        (figures(ratio=1.26), []),
        (figures(plain=1.26), []),
        (figures(times=9.9), ["--lucent", "here"]),
    ],
)
def test_searches_that_miss_a_bound_fail_in_either_precision_and_beside_lucent(
    bench: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch, told: dict[str, Any], arguments: list[str]
):
    assert searches(bench, monkeypatch, told, arguments) == 1


def test_fewer_steps_beside_lucent_are_told_and_fail_nothing(
    bench: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    assert searches(bench, monkeypatch, figures(times=12.0), ["--lucent", "here"]) == 0
    said = capsys.readouterr().out
    at = "efficientnet_lite0 all convolutions in 20 steps"
    assert f"met     {at}, times lucent's units a second: 11, at least 10, told only" in said
    assert f"missed  {at}, share of units that reached as much: 0.857, at least 1, told only" in said


def test_a_machine_is_told_by_its_processors_name_and_its_short_numbers(
    bench: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    timing = bench("_timing")
    told = tmp_path / "cpuinfo"
    told.write_text("processor\t: 0\nmodel name\t: Any CPU 9\nflags\t\t: fpu avx512_bf16 sse\n\nprocessor\t: 1\n")
    monkeypatch.setattr(timing, "Path", lambda _: told)
    assert timing.processor() == "Any CPU 9, avx512_bf16"
    told.unlink()
    assert timing.processor() == timing.platform.machine()


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({}, 0),
        ({"ratio": 1.16}, 1),
        ({"ratio in this process": 2.0, "ratio to the faster format": 2.0}, 0),
        ({"forwards run": 9}, 1),
        ({"backwards run": 39}, 1),
        ({"memory": 1.06}, 1),
    ],
)
def test_a_pass_over_a_dataset_is_held_to_its_bounds(
    bench: Callable[[str], ModuleType], change: dict[str, float], status: int
):
    module, timing = bench("dataset"), bench("_timing")
    ratios = {"ratio": 1.1, "ratio in this process": 1.1, "ratio to the faster format": 1.1}
    passes = {
        "reconstructions": 1152,
        "forwards planned": 8,
        "forwards run": 8,
        "backwards planned": 40,
        "backwards run": 40,
    }
    one = {
        **{kinds: ratios | {k: v for k, v in change.items() if k in ratios} for kinds in module.KINDS},
        module.NINE: passes | {k: v for k, v in change.items() if k in passes},
    }
    told = {**dict.fromkeys(module.MODELS, one), "memory": {"ratio": change.get("memory", 1.0)}}
    assert timing.verdicts(module.bounds(told)) == status


@pytest.mark.parametrize("wasteful", [False, True])
def test_reconstructions_are_those_of_the_strongest_places_and_their_passes_are_counted_where_they_run(
    bench: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch, wasteful: bool
):
    """A reconstruction that runs the model once more than it was planned to, and one backward more, is seen."""
    module = bench("dataset")
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 5, 3, padding=1), nn.ReLU(), nn.Conv2d(5, 6, 3, padding=1), nn.ReLU()).eval()
    description = describe(model, (3, 12, 10))
    x = torch.rand(21, 3, 12, 10, generator=torch.Generator().manual_seed(1))
    sent: dict[int, set[Start]] = {}

    def looked(engine: Any, one: torch.Tensor, planned: list[Sequence[Round]], *rest: Any) -> Any:
        (number,) = (k for k in range(len(x)) if torch.equal(one[0], x[k]))
        sent[number] = {start for round_ in planned[0] for start, _ in round_.starts}
        if wasteful:
            torch.autograd.grad(model(one.clone().requires_grad_()).sum(), list(model.parameters()))
        return honest(engine, one, planned, *rest)

    monkeypatch.setattr(module, "reconstruct", looked)
    found = module.reconstructions(engine_for(model, description), description, list(x.split(8)))
    layer = description.layers[0].name
    with torch.no_grad():
        maps = model[0](x)
    expected: dict[int, set[Start]] = {}
    for unit in range(5):
        order = maps[:, unit].flatten(1).amax(dim=1).argsort(descending=True)[:9].tolist()
        for number in order:
            row, column = divmod(int(maps[number, unit].argmax()), 10)
            expected.setdefault(number, set()).add(Start(layer, unit, row, column))
    assert sent == expected
    assert (found["images"], found["forwards planned"]) == (len(expected), len(expected))
    assert found["reconstructions"] == 2 * 9 * 5
    extra = len(expected) if wasteful else 0
    assert found["forwards run"] == found["forwards planned"] + extra
    assert found["backwards run"] == found["backwards planned"] + extra


def test_make_bench_runs_all_and_fails_at_the_end(tmp_path: Path):
    """The rule itself, on three measurements of which the first fails."""
    folder = tmp_path / "bench"
    folder.mkdir()
    (folder / "_timing.py").write_text("raise SystemExit(3)")
    for name, status in (("a", 1), ("b", 0), ("c", 0)):
        (folder / f"{name}.py").write_text(
            f"import os, sys; print('{name}', os.environ.get('LUCENT')); sys.exit({status})"
        )
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    python.symlink_to(sys.executable)
    command = ["make", "-f", str(ROOT / "Makefile"), "bench", "DEVELOP=", f"BIN={python.parent}", "LUCENT=here"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    said = [line for line in done.stdout.splitlines() if not line.startswith("==")]
    assert said == ["a here", "b here", "c here"]
    assert done.returncode == 2
    (folder / "a.py").write_text("print('a')")
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode == 0
