"""The command line: its exit codes, its one-line errors, and what each command prints."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import types
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from generator import cli
from generator.command.progress import Progress
from generator.config import ReportConfig
from generator.errors import UserError
from generator.resources import packaged

TOP = Path(__file__).resolve().parent.parent
ENV = {**os.environ, "PYTHONPATH": str(TOP), "OMP_NUM_THREADS": "1"}


def hears() -> None:
    """In a child process: Ctrl-C means what it says, also where the tests run in the background of a script, which
    shells start deaf to it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@dataclass
class Result:
    site: Path
    bytes: int


Build = Callable[[ReportConfig, Progress], Result]


@pytest.fixture
def flow(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> types.SimpleNamespace:
    """A stand-in for the flow below the command line, and an empty working directory."""
    monkeypatch.chdir(tmp_path)
    seen: list[ReportConfig] = []

    def build(config: ReportConfig, progress: Progress) -> Result:
        seen.append(config)
        return Result(config.out, 41_000_000)

    def plan(config: ReportConfig) -> str:
        seen.append(config)
        return "forward 1\nbackward 3\n"

    fake = types.SimpleNamespace(build=build, plan=plan, seen=seen)
    monkeypatch.setitem(sys.modules, "generator.build", fake)  # type: ignore[arg-type]
    monkeypatch.setattr("generator.build", fake, raising=False)
    return fake


def test_help_does_not_load_torch_and_lists_the_commands():
    program = "import sys; from generator.cli import run; code = run(['--help']); print(code, 'torch' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=ENV)
    assert shown.stdout.splitlines()[-1] == "0 False"
    for command in ("build", "serve", "layers", "draw", "methods", "init"):
        assert f"\n  {command} " in shown.stdout


def test_no_arguments_is_help(capsys: pytest.CaptureFixture[str]):
    assert cli.run([]) == 0
    assert capsys.readouterr().out.startswith("Usage: convatlas ")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["biuld"], "convatlas: No such command 'biuld'"),
        (["build", "--modle", "m"], "convatlas: No such option: --modle"),
        (["serve", "--port", "high"], "convatlas: Invalid value for '--port'"),
        (["serve", "--port", "70000"], "convatlas: Invalid value for '--port'"),
        (["init"], "convatlas: Missing argument"),
        (["build", "--preset", "quik"], "convatlas: preset: there is no preset `quik` (the nearest: `quick`)"),
        (
            ["build", "--methods", "gradcam"],
            "convatlas: methods: there is no method `gradcam` (the nearest: `grad_cam`",
        ),
        (["build", "--device", "gpu"], "convatlas: device: expected auto, cuda, cuda:N, mps or cpu, received 'gpu'"),
        (["build", "--config", "none.yml"], "convatlas: config: expected a YAML file, found nothing at none.yml"),
        (
            ["serve", "nowhere"],
            "convatlas: expected a built site, found no nowhere/index.html; run `convatlas build` first",
        ),
    ],
)
def test_the_user_s_errors_are_one_line_and_2(
    arguments: list[str], line: str, flow: types.SimpleNamespace, capsys: pytest.CaptureFixture[str]
):
    assert cli.run(arguments) == 2
    shown = capsys.readouterr()
    assert shown.err.startswith(line)
    assert shown.err.count("\n") == 1
    assert shown.out == ""
    assert flow.seen == []


def test_debug_shows_the_traceback_of_the_user_s_error(flow: types.SimpleNamespace, capsys: pytest.CaptureFixture[str]):
    def build(config: ReportConfig, progress: Progress) -> Result:
        raise UserError("images: expected a folder,\nfound none")

    flow.build = build
    assert cli.run(["build"]) == 2
    assert capsys.readouterr().err == "convatlas: images: expected a folder, found none\n"
    assert cli.run(["build", "--debug"]) == 2
    shown = capsys.readouterr().err
    assert "Traceback" in shown
    assert shown.endswith("convatlas: images: expected a folder, found none\n")


def test_our_errors_are_1_and_say_that_they_are_ours(flow: types.SimpleNamespace, capsys: pytest.CaptureFixture[str]):
    def build(config: ReportConfig, progress: Progress) -> Result:
        raise KeyError("layer4")

    flow.build = build
    assert cli.run(["build"]) == 1
    shown = capsys.readouterr().err
    assert shown == "convatlas: this is a fault of Conv Atlas: KeyError: 'layer4' (run again with --debug)\n"
    assert cli.run(["build", "--debug"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_build_hands_on_its_options_and_says_where_the_site_is(
    flow: types.SimpleNamespace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    options = {
        "--model": "tinyvgg_digits",
        "--images": "pictures",
        "--layers": "conv, layer4.*",
        "--methods": "saliency,grad_cam",
        "--targets": 'top:2,281,"hen, of the woods"',
        "--preset": "standard",
        "--device": "cpu",
        "--out": "my site",
        "--store": "kept",
    }
    assert cli.run(["build", *(word for pair in options.items() for word in pair)]) == 0
    (config,) = flow.seen
    assert config.model.source == "tinyvgg_digits"
    assert config.images == Path("pictures")
    assert config.layers == ("conv", "layer4.*")
    assert [one.name for one in config.methods] == ["grad_cam", "saliency"]
    assert config.targets == ("top:2", "281", '"hen, of the woods"')
    assert (config.preset, config.device, config.out, config.store) == ("standard", "cpu", Path("my site"), "kept")
    assert capsys.readouterr().out.splitlines() == [
        "",
        "my site/index.html   41.0 MB",
        "",
        f"To look at it:  open {tmp_path.as_uri()}/my%20site/index.html in a browser",
        "           or:  convatlas serve 'my site'",
    ]


def test_build_takes_o_for_out_as_the_other_commands_do(flow: types.SimpleNamespace):
    assert cli.run(["build", "-o", "there"]) == 0
    assert flow.seen[0].out == Path("there")


def test_plan_prints_and_builds_nothing(flow: types.SimpleNamespace, capsys: pytest.CaptureFixture[str]):
    flow.build = None
    assert cli.run(["build", "--plan"]) == 0
    assert capsys.readouterr().out == "forward 1\nbackward 3\n"
    assert [config.preset for config in flow.seen] == ["quick"]


@pytest.mark.parametrize("raised", [KeyboardInterrupt()])
def test_ctrl_c_says_how_to_go_on(
    raised: BaseException, flow: types.SimpleNamespace, capsys: pytest.CaptureFixture[str]
):
    def build(config: ReportConfig, progress: Progress) -> Result:
        raise raised

    flow.build = build
    assert cli.run(["build", "--store", "kept"]) == 130
    shown = capsys.readouterr().err
    assert shown == "convatlas: Stopped. Everything finished is kept in kept; run the same command to go on.\n"


BUSY = """
import hashlib, sys, threading, time, types
def build(config, progress):
    threading.Thread(target=lambda: time.sleep(60)).start()  # a worker that would hold the interpreter at its exit
    print("busy", flush=True)
    {work}
sys.modules["generator.build"] = types.SimpleNamespace(build=build)
sys.argv = ["convatlas", "build"]
from generator.cli import main
main()
"""


@pytest.mark.parametrize(
    "work",
    ["time.sleep(60)", "hashlib.pbkdf2_hmac('sha256', b'', b'', 10**9)"],
    ids=["waiting", "in one long operation"],
)
def test_ctrl_c_ends_within_two_seconds_whatever_runs(work: str, tmp_path: Path):
    process = subprocess.Popen(
        [sys.executable, "-c", BUSY.format(work=work)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env=ENV,
        preexec_fn=hears,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "busy\n"
        time.sleep(0.2)
        start = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    finally:
        process.kill()
    assert time.monotonic() - start < 2
    assert process.returncode == 130
    assert err == "convatlas: Stopped. Everything finished is kept in .convatlas; run the same command to go on.\n"


def test_a_real_build_that_is_stopped_leaves_what_the_next_one_goes_on_from(tmp_path: Path):
    command = [sys.executable, "-m", "generator.cli", "build", "--model", "tinyvgg_digits"]
    command += ["--images", str(packaged("inputs/digits"))]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path, env=ENV, preexec_fn=hears
    )
    try:
        assert process.stderr is not None
        first = process.stderr.readline()
        start = time.monotonic()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert time.monotonic() - start < 2
    assert process.returncode == 130, first + err
    assert "Stopped. Everything finished is kept in .convatlas; run the same command to go on." in err
    assert "index.html" not in out
    again = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=ENV, check=False)
    assert again.returncode == 0, again.stderr
    assert (tmp_path / "site/index.html").is_file()
    assert again.stdout.splitlines()[1].startswith("site/index.html   ")


def test_methods_lists_every_method_with_its_paper(capsys: pytest.CaptureFixture[str]):
    from generator.methods import registry

    assert cli.run(["methods"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["name", "title", "draws", "on", "paper"]
    assert [line.split()[0] for line in lines[1:]] == list(registry())
    assert any(
        line.split() == ["grad_cam", "Grad-CAM", "a", "layer", "Selvaraju", "et", "al.", "2016"] for line in lines
    )


def test_layers_lists_a_model_s_layers(capsys: pytest.CaptureFixture[str]):
    assert cli.run(["layers", "tinyvgg_digits", "--json"]) == 0
    records = json.loads(capsys.readouterr().out)
    convs = [record for record in records if record["kind"] == "conv"]
    assert len(convs) == 4
    assert all({"name", "kind", "shape", "parameters", "macs", "receptive_field"} <= set(record) for record in records)
    assert convs[0]["receptive_field"] == [3, 3]
    assert convs[1]["receptive_field"] == [5, 5]
    assert cli.run(["layers", "tinyvgg_digits"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == [record["name"] for record in records]


def test_layers_of_the_configuration_s_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    Path("net.py").write_text(
        "from torch import nn\n"
        "def build():\n"
        "    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))\n",
        encoding="utf-8",
    )
    Path("report.yml").write_text(
        "model: {source: 'python:net.py:build', input: {size: [20, 12], channels: 1, mean: [0], std: [1]}}\n",
        encoding="utf-8",
    )
    assert cli.run(["layers", "--json"]) == 0
    records = json.loads(capsys.readouterr().out)
    assert records[0]["shape"] == [4, 18, 10]
    assert records[0]["parameters"] == 4 * 9 + 4
    assert records[0]["macs"] == 18 * 10 * 4 * 9


def test_layers_of_a_model_that_is_none(capsys: pytest.CaptureFixture[str]):
    assert cli.run(["layers", "torchvision:resnet81"]) == 2
    shown = capsys.readouterr().err
    assert shown.startswith("convatlas: ")
    assert "resnet18" in shown
    assert shown.count("\n") == 1


def test_serve_serves_the_site_on_this_computer_alone(tmp_path: Path):
    (tmp_path / "index.html").write_text("<title>Atlas</title>", encoding="utf-8")
    (tmp_path / "data.js").write_text("1", encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, "-m", "generator.cli", "serve", str(tmp_path), "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=ENV,
        preexec_fn=hears,
    )
    try:
        assert process.stdout is not None
        address = process.stdout.readline().split(" at ")[1].split()[0]
        assert address.startswith("http://127.0.0.1:")
        with urllib.request.urlopen(address, timeout=10) as answer:
            assert answer.read() == b"<title>Atlas</title>"
        with urllib.request.urlopen(address + "data.js", timeout=10) as answer:
            assert answer.headers["Content-Type"] == "text/javascript"
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    finally:
        process.kill()
    assert (process.returncode, err) == (0, "")


def test_a_port_that_is_taken(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    from generator.command.serve import server_for

    (tmp_path / "index.html").write_text("", encoding="utf-8")
    with server_for(tmp_path, 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        assert cli.run(["serve", str(tmp_path), "--port", str(server.server_port)]) == 2
        server.shutdown()
    assert "choose another with --port" in capsys.readouterr().err


def files(folder: Path) -> dict[str, bytes]:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes()
        for p in folder.rglob("*")
        if p.is_file() and "__pycache__" not in p.parts
    }


def test_init_lays_out_fresh_copies_and_never_overwrites(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    folder = tmp_path / "mine"
    assert cli.run(["init", str(folder)]) == 0
    capsys.readouterr()
    assert {path.name for path in folder.iterdir()} == {"report.yml", "mkdocs.yml", "templates", "site_config"}
    for name in ("templates", "site_config"):
        assert files(folder / name) == files(packaged(name)) != {}
    assert (folder / "mkdocs.yml").read_bytes() == packaged("mkdocs.yml").read_bytes()
    before = files(folder)
    (folder / "mkdocs.yml").unlink()
    (folder / "report.yml").write_text("model: mine\n", encoding="utf-8")
    assert cli.run(["init", str(folder)]) == 2
    assert "report.yml is there already and is not overwritten" in capsys.readouterr().err
    assert {**before, "report.yml": b"model: mine\n"} == {**files(folder), "mkdocs.yml": before["mkdocs.yml"]}
    assert cli.run(["init", str(folder / "report.yml")]) == 2
    assert "found a file" in capsys.readouterr().err


def test_init_s_report_is_read_from_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from generator.config import load_config

    assert cli.run(["init", str(tmp_path / "mine")]) == 0
    default = load_config(packaged("site_config/report.yml"))
    monkeypatch.chdir(tmp_path / "mine")
    assert load_config() == default.model_copy(update={"images": packaged("inputs/images")})


def test_listing_layers_downloads_no_weights(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    def download(*_: object, **__: object) -> None:
        raise AssertionError("weights were asked for")

    monkeypatch.setattr("torch.hub.load_state_dict_from_url", download)
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", download)
    assert cli.run(["layers", "torchvision:resnet18"]) == 0
    assert "layer4.1.relu@2" in capsys.readouterr().out
