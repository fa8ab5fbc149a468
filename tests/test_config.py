"""The configuration: what it merges, where it finds files, and what it says when something is not right."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from generator.config import PRESETS, MethodChoice, ModelConfig, ReportConfig, dump, load_config
from generator.errors import UserError
from generator.resources import packaged

PRESET = "layers: [act]\nunits: top:4\nmethods:\n  - grad_cam: {}\n  - kernels: {}\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def written(folder: Path, text: str, name: str = "my.yml") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def said(text: str, folder: Path) -> str:
    """What the user reads of a file that is not right, after the file's folder."""
    with pytest.raises(UserError) as error:
        load_config(written(folder, text))
    line = str(error.value)
    assert "\n" not in line
    return line.removeprefix(f"{folder}/")


def test_the_issue_s_example_reads_as_meant(folder: Path):
    config = load_config(
        written(
            folder,
            """
model: {source: "python:my/model.py:build", weights: my/weights.safetensors, labels: my/labels.txt,
        input: {size: [64, 48], mean: [0, 0, 0], std: [1, 1, 1]}}     # resize and crop options as torchvision has them
images: my/images
layers: conv            # a selector, or a list of them
methods: all            # or a list; each may carry its own options
targets: top1
preset: quick
""",
        )
    )
    assert config.model.source == "python:my/model.py:build"
    assert config.model.weights == "my/weights.safetensors"
    assert config.model.input.size == (64, 48)
    assert config.model.input.mean == (0.0, 0.0, 0.0)
    assert config.model.input.std == (1.0, 1.0, 1.0)
    assert config.images == Path("my/images")
    assert (config.layers, config.targets, config.preset) == (("conv",), ("top1",), "quick")


def test_the_default_report():
    config = load_config(packaged("site_config/report.yml"))
    assert config.model == ModelConfig(source="efficientnet_lite0")
    assert config.targets == ("top:3",)
    assert config.preset == "quick"
    assert (config.images / "..").resolve() == packaged("inputs").resolve()


def test_all_means_every_method_and_presets_name_only_methods_and_options_that_exist():
    from generator.methods import registry

    for preset in PRESETS:
        config = load_config(packaged("site_config/report.yml"), {"preset": preset})
        assert [one.name for one in config.methods] == list(registry())
        for one in config.methods:
            registry()[one.name].cls(**one.options)


def test_the_command_line_wins_over_the_file_and_the_file_over_the_preset(folder: Path):
    written(folder, PRESET, "site_config/presets/mine.yml")
    path = written(folder, "model: tinyvgg_digits\npreset: mine\nunits: all\nlimit: 3\nseed: 7\n")
    config = load_config(path, {"limit": 5, "seed": None})
    assert (config.layers, config.units, config.limit, config.seed) == (("act",), "all", 5, 7)
    assert load_config(path, {"preset": "quick"}).layers == ("conv", "act", "block")


def test_a_model_from_the_command_line_takes_nothing_of_the_file_s_model(folder: Path):
    path = written(folder, "model: {source: tinyvgg_digits, labels: mine.txt, input: {size: 32}}\n")
    assert load_config(path, {"model": "torchvision:resnet18"}).model == ModelConfig(source="torchvision:resnet18")


def test_options_of_a_preset_hold_for_the_methods_that_run(folder: Path, monkeypatch: pytest.MonkeyPatch):
    import dataclasses

    from generator import methods

    cls = dataclasses.make_dataclass("Tuned", [("steps", int, 8), ("size", int, 32)], frozen=True)
    known = {"tuned": methods.MethodInfo("tuned", cls, ""), **methods.registry()}
    monkeypatch.setattr(methods, "registry", lambda: known)
    written(folder, "methods: [{tuned: {steps: 64, size: 96}}]\n", "site_config/presets/mine.yml")

    def tuned(asked: str) -> Mapping[str, object]:
        config = load_config(written(folder, f"model: m\npreset: mine\nmethods: {asked}\n"))
        return {one.name: one.options for one in config.methods}

    assert tuned("all")["tuned"] == {"steps": 64, "size": 96}
    assert len(tuned("all")) == len(known)
    assert tuned("[cam, {tuned: {steps: 9}}]") == {"cam": {}, "tuned": {"steps": 9, "size": 96}}
    assert tuned("[all, {tuned: {steps: 9}}]")["tuned"] == {"steps": 9, "size": 96}
    assert tuned("{tuned: }") == {"tuned": {"steps": 64, "size": 96}}
    assert tuned("cam") == {"cam": {}}
    assert tuned("all") == {
        one.name: one.options for one in load_config(written(folder, "model: m\npreset: mine\n")).methods
    }
    assert "`tuned` has no option `step` (the nearest: `steps`); it has steps, size" in said(
        "preset: mine\nmethods: [{tuned: {step: 9}}]\n", folder
    )
    for value, line in (("9.5", "9.5"), ("yes", "True"), ("many", "'many'")):
        assert f"`tuned`: expected a whole number for `steps`, received {line}" in said(
            f"preset: mine\nmethods: [{{tuned: {{steps: {value}}}}}]\n", folder
        )
    written(folder, "units: all\nmethods: [{tuend: {steps: 64}}]\n", "site_config/presets/mine.yml")
    assert said("preset: mine\nmethods: cam\n", folder) == (
        "site_config/presets/mine.yml:2: methods: there is no method `tuend` (the nearest: `tuned`); `convatlas methods` lists them"
    )


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("model: m\nlayer: conv\n", "my.yml:2: there is no key `layer` (the nearest: `layers`"),
        (
            "model:\n  source: m\n  input:\n    sise: 3\n",
            "my.yml:4: there is no key `model.input.sise` (the nearest: `size`",
        ),
        ("model: {sauce: m}\n", "my.yml:1: there is no key `model.sauce` (the nearest: `source`)"),
        ("model: {weights: m}\n", "my.yml:1: expected a key `model.source`, found none"),
        ("model: [m]\n", "my.yml:1: model: expected keys and values, received ['m']"),
        ("model: {source: 3}\n", "my.yml:1: model.source: expected text, received 3"),
        ("# a\n\nlimit: '5'\n", "my.yml:3: limit: expected a whole number from 1, received '5'"),
        ("limit: 0\n", "my.yml:1: limit: expected a whole number from 1, received 0"),
        ("dataset_limit: 0\n", "my.yml:1: dataset_limit: expected a whole number from 1, received 0"),
        ("dataset: [a]\n", "my.yml:1: dataset: expected text, received ['a']"),
        ("limit: yes\n", "my.yml:1: limit: expected a whole number from 1, received True"),
        ("seed: -1\n", "my.yml:1: seed: expected a whole number from 0, received -1"),
        ("batch_size: auot\n", "my.yml:1: batch_size: expected auto, or a whole number from 1, received 'auot'"),
        ("device: gpu\n", "my.yml:1: device: expected auto, cuda, cuda:N, mps or cpu, received 'gpu'"),
        ("images: 3\n", "my.yml:1: images: expected a path, received 3"),
        ("layers: {a: b}\n", "my.yml:1: layers: expected a word, or a list of them, received {'a': 'b'}"),
        ("targets: []\n", "my.yml:1: targets: expected a word, or a list of them, received []"),
        (
            "units: top\n",
            "my.yml:1: units: expected top:K, threads:K, top:K+threads:N, channel numbers such as 0,5,17, or all, received `top`",
        ),
        ("title: [a]\n", "my.yml:1: title: expected text, received ['a']"),
        ("methods:\n- cam\n- gradcam\n", "my.yml:1: methods: there is no method `gradcam` (the nearest: `grad_cam`"),
        ("methods: [{cam: {steps: 3}}]\n", "my.yml:1: methods: `cam` has no option `steps`; it has none"),
        ("methods: [{cam: 3}]\n", "my.yml:1: methods: expected `all`, or a list of names and {name: {option: value}}"),
        ("methods: []\n", "my.yml:1: methods: expected `all`, or a list of names, received []"),
        ("preset: quik\n", "preset: there is no preset `quik` (the nearest: `quick`); there are full, quick, standard"),
        (
            "limit: 1\nseed: 2\nlimit: 3\n",
            "config: FOLDER/my.yml:3: `limit` stands here a second time (first on line 1); keep one",
        ),
        ("limit: [1\n", "config: FOLDER/my.yml:2 is not valid YAML: expected ',' or ']'"),
        ("- limit\n", "config: expected keys and values in FOLDER/my.yml, received a list"),
        ("limit\n", "config: expected keys and values in FOLDER/my.yml, received `limit`"),
    ],
)
def test_what_is_not_right_is_said_in_one_line(text: str, line: str, folder: Path):
    assert said(text, folder).replace(str(folder), "FOLDER").startswith(line)


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("size", "0", "a whole number of pixels, or [height, width]"),
        ("size", "[1, 2, 3]", "a whole number of pixels, or [height, width]"),
        ("resize", "2.5", "a whole number of pixels, or [height, width], or cover"),
        ("crop", "centre", "'center' or 'none'"),
        ("interpolation", "linear", "'nearest', 'nearest-exact', 'bilinear', 'bicubic', 'box', 'hamming' or 'lanczos'"),
        ("mean", "[0, a]", "a number, or a list with a number a channel"),
        ("mean", ".nan", "a number, or a list with a number a channel"),
        ("std", "[1, 0]", "numbers above 0"),
        ("channels", "2", "1, 3 or 4"),
        ("channels", "yes", "1, 3 or 4"),
    ],
)
def test_what_is_not_right_of_the_input(key: str, value: str, expected: str, folder: Path):
    line = said(f"model:\n  source: m\n  input:\n    {key}: {value}\n", folder)
    assert line.startswith(f"my.yml:4: model.input.{key}: expected {expected}, received ")


def test_shapes_of_the_input(folder: Path):
    read = load_config(
        written(folder, "model: {source: m, input: {size: 32, resize: 40, crop: none, mean: 0.5, std: [1, 2]}}\n")
    )
    assert read.model.input.size == (32, 32)
    assert read.model.input.resize == 40
    assert read.model.input.crop == "none"
    assert read.model.input.mean == (0.5,)
    assert read.model.input.std == (1.0, 2.0)


def test_words_as_yaml_reads_them(folder: Path):
    read = load_config(written(folder, 'targets: [281, "tabby", top:3]\nunits: [0, 5, 17]\nlayers: layer4.*\n'))
    assert (read.targets, read.units, read.layers) == (("281", "tabby", "top:3"), "0,5,17", ("layer4.*",))
    assert load_config(written(folder, "targets: 243\nunits: 3\n")).targets == ("243",)


def test_files_that_are_no_configuration(folder: Path):
    with pytest.raises(UserError, match=r"expected a YAML file, found nothing at none\.yml"):
        load_config("none.yml")
    (folder / "latin.yml").write_bytes(b"title: \xe9\n")
    with pytest.raises(UserError, match="save the file as UTF-8"):
        load_config("latin.yml")
    with pytest.raises(UserError, match="cannot be read"):
        load_config(folder)
    assert load_config(written(folder, "")).model.source == "efficientnet_lite0"
    assert "alias" in said("title: &a [*b]\n", folder)
    assert "title: expected text" in said("title: &a [*a]\n", folder)


def test_report_yml_here_is_read_without_being_named(folder: Path):
    assert load_config().model.source == "efficientnet_lite0"
    written(folder, "model: tinyvgg_digits\n", "report.yml")
    assert load_config().model.source == "tinyvgg_digits"


def test_paths_are_found_here_then_beside_the_file_then_among_the_packaged(folder: Path):
    text = "model: {source: 'python:net.py:build', weights: w.pth, labels: l.txt}\nimages: pictures\n"
    path = written(folder, text, "deep/my.yml")
    for name in ("net.py", "w.pth", "l.txt"):
        written(folder, "", f"deep/{name}")
    written(folder, "", "l.txt")
    (folder / "deep/pictures").mkdir()
    config = load_config(path.relative_to(folder))
    assert config.model.source == "python:deep/net.py:build"
    assert config.model.weights == "deep/w.pth"
    assert config.model.labels == "l.txt"
    assert config.images == Path("deep/pictures")
    assert load_config(written(folder, "images: nowhere\n")).images == Path("nowhere")
    assert load_config(written(folder, "images: inputs/images\n")).images == packaged("inputs/images")
    assert load_config(path, {"images": str(folder)}).images == folder


def test_networks_to_be_put_beside_are_found_as_the_model_is(folder: Path):
    written(folder, "", "deep/net.py")
    written(folder, "", "deep/a.prototxt")
    text = "compare: [torchvision:resnet50, python:net.py:build, a.prototxt, python:pkg.mod:f]\n"
    config = load_config(written(folder, text, "deep/my.yml").relative_to(folder))
    assert config.compare == ("torchvision:resnet50", "python:deep/net.py:build", "deep/a.prototxt", "python:pkg.mod:f")
    assert load_config(written(folder, dump(config), "again.yml")).compare == config.compare
    assert load_config(written(folder, "compare: tinyvgg_digits\n")).compare == ("tinyvgg_digits",)
    assert load_config(written(folder, dump(load_config()), "none.yml")).compare == ()


@pytest.mark.parametrize("made", ["set/cats", "set.tar", "list.txt"])
def test_an_image_set_is_found_as_images_are(folder: Path, made: str):
    (folder / "deep" / made).mkdir(parents=True)
    path = written(folder, f"dataset: {made}\ndataset_limit: 9\n", "deep/my.yml").relative_to(folder)
    assert (load_config(path).dataset, load_config(path).dataset_limit) == (f"deep/{made}", 9)
    (folder / made).mkdir(parents=True)
    assert load_config(path).dataset == made
    assert load_config().dataset is None


@pytest.mark.parametrize("pattern", ["*.tar", "shards/*.tar", "shards/{000..001}.tar", "{shards,none}/000.tar"])
def test_a_pattern_is_found_where_it_meets_a_file(folder: Path, pattern: str):
    for name in ("deep/shards/000.tar", "deep/0.tar"):
        written(folder, "", name)
    path = written(folder, f"dataset: '{pattern}'\n", "deep/my.yml").relative_to(folder)
    assert load_config(path).dataset == f"deep/{pattern}"
    for name in ("shards/000.tar", "0.tar"):
        written(folder, "", name)
    assert load_config(path).dataset == pattern
    assert load_config(written(folder, "dataset: none/*.tar\n")).dataset == "none/*.tar"


def test_out_and_store_are_in_the_working_directory(folder: Path):
    (folder / "deep/site").mkdir(parents=True)
    config = load_config(written(folder, "out: site\nstore: kept\n", "deep/my.yml"))
    assert (config.out, config.store) == (Path("site"), "kept")


def test_a_dump_reads_back_to_the_same_configuration_and_names_no_place_of_this_computer(folder: Path):
    (folder / "pictures").mkdir()
    text = "model: {source: m, labels: l.txt, input: {size: 32}}\nimages: pictures\nmethods: [cam, grad_cam]\ntitle: 'é: #1'\n"
    text += f"dataset: '{folder}/shards/*.tar'\n"
    first = load_config(written(folder, text), {"images": str(folder / "pictures"), "out": str(folder / "site")})
    dumped = dump(first)
    assert str(folder) not in dumped
    assert yaml.safe_load(dumped)["images"] == "pictures"
    assert yaml.safe_load(dumped)["dataset"] == "shards/*.tar"
    second = load_config(written(folder, dumped))
    here = {"images": Path("pictures"), "out": Path("site"), "dataset": "shards/*.tar"}
    assert second == first.model_copy(update=here)
    assert dump(second) == dumped
    assert str(packaged("inputs")) not in dump(load_config())


def test_the_configuration_is_frozen():
    config = ReportConfig(model=ModelConfig(source="m"), methods=(MethodChoice(name="cam"),))
    with pytest.raises(ValidationError):
        config.seed = 3  # type: ignore[misc]
    assert [one.name for one in config.methods] == ["cam"]
