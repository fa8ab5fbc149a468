"""The configuration: YAML over a preset, the command line over both, as frozen values that are right or refused.

    site_config/presets/quick.yml  ◀──  report.yml  ◀──  --model, --images, --layers, …

Every key is documented in docs/config.md, and a test holds the two together.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import fields
from math import isfinite
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_serializer

from generator.config.errors import explain
from generator.config.paths import Places, shown
from generator.config.yaml_lines import Document, read
from generator.errors import UserError
from generator.selectors import nearest, parse_units

Interpolation = Literal["nearest", "nearest-exact", "bilinear", "bicubic", "box", "hamming", "lanczos"]
Crop = Literal["center", "none"]
Head = Literal["auto", "classification", "multilabel", "binary", "regression", "segmentation", "detection"]
LOCALISING = ("pointing_game", "energy_in_box")
"""Taken wherever there are boxes, and never chosen."""
METRICS = ("deletion", "insertion", "road", "average_drop", "increase", "infidelity")
"""What maps are judged by: see docs/trust.md."""
_SIZE = "a whole number of pixels, or [height, width]"


def _refuse(expected: str, received: object) -> ValueError:
    return ValueError(f"expected {expected}, received {received!r}")


def _whole(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _size(value: object) -> object:
    """One number stays one number: for `resize` it is the shorter side."""
    if value is None or _whole(value, 1):
        return value
    if isinstance(value, (list, tuple)) and len(value) == 2 and all(_whole(side, 1) for side in value):
        return tuple(value)
    raise _refuse(_SIZE, value)


def _square(value: object) -> object:
    sides = _size(value)
    return (sides, sides) if isinstance(sides, int) else sides


def _per_channel(value: object) -> tuple[float, ...] | None:
    if value is None:
        return None
    many = value if isinstance(value, (list, tuple)) else [value]
    numbers = tuple(float(one) for one in many if isinstance(one, (int, float)) and not isinstance(one, bool))
    if not numbers or len(numbers) != len(many) or not all(map(isfinite, numbers)):
        raise _refuse("a number, or a list with a number a channel", value)
    return numbers


def _deviations(value: object) -> object:
    many = _per_channel(value)
    if many is not None and any(one <= 0 for one in many):
        raise _refuse("numbers above 0", value)
    return many


def _channels(value: object) -> object:
    if value not in (None, 1, 3, 4) or isinstance(value, (bool, float)):
        raise _refuse("1, 3 or 4", value)
    return value


def _count(least: int, words: str) -> BeforeValidator:
    def check(value: object) -> object:
        if value is None or _whole(value, least):
            return value
        raise _refuse(words, value)

    return BeforeValidator(check)


def _words(value: object) -> object:
    """One word or a list of them (numbers as YAML reads them) -> a tuple of strings."""
    many = value if isinstance(value, (list, tuple)) else [value]
    if not many or any(isinstance(one, bool) or not isinstance(one, (str, int)) or one == "" for one in many):
        raise _refuse("a word, or a list of them", value)
    return tuple(str(one) for one in many)


def _some_words(value: object) -> object:
    """The same, or none."""
    return () if isinstance(value, (list, tuple)) and not value else _words(value)


def _units(value: object) -> object:
    text = ",".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
    try:
        parse_units(text, 1)
    except UserError as error:
        raise ValueError(str(error).removeprefix("units: ")) from None
    return text


def _device(value: object) -> object:
    if not isinstance(value, str) or not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", value):
        raise _refuse("auto, cuda, cuda:N, mps or cpu", value)
    return value


def _batch(value: object) -> object:
    if value != "auto" and not _whole(value, 1):
        raise _refuse("auto, or a whole number from 1", value)
    return value


def _text(value: object) -> object:
    if value is None or (isinstance(value, (str, Path)) and str(value)):
        return value if value is None else str(value)
    raise _refuse("text", value)


def _inputs(value: object) -> object:
    if not isinstance(value, Mapping) or not all(isinstance(name, str) and name for name in value):
        raise _refuse("names and values", value)
    for name, given in value.items():
        if not isinstance(given, (int, float, str, list)) or isinstance(given, bool):
            raise _refuse(f"for `{name}` a number, a list of numbers, or a file (.npy, .safetensors)", given)
    return dict(value)


def _metrics(value: object) -> object:
    chosen = () if value in ("none", (), []) else _words(value)
    assert isinstance(chosen, tuple)
    for name in chosen:
        if name in LOCALISING:
            raise ValueError(
                f"`{name}` is taken wherever `trust.boxes` names a file of boxes: it is not among `metrics`"
            )
        if name not in METRICS:
            raise _refuse(f"none, or some of {', '.join(METRICS)}", name)
    return tuple(name for name in METRICS if name in chosen)


def _shares(value: object) -> object:
    many = _per_channel(value)
    if many is None or not all(0 < one < 1 for one in many):
        raise _refuse("shares between 0 and 1", value)
    return many


def _megabytes(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not isfinite(value) or value < 0:
        raise _refuse("a number of megabytes from 0", value)
    return float(value)


def _groups(value: object) -> object:
    if not isinstance(value, Mapping) or not all(isinstance(name, str) and name for name in value):
        raise _refuse("names of groups, each with a list of labels, indices or ranges", value)
    return {name: _words(given) for name, given in value.items()}


Text = Annotated[str, BeforeValidator(_text)]
Words = Annotated[tuple[str, ...], BeforeValidator(_words)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


class InputConfig(_Frozen):
    """How a photograph becomes the model's input. None: as the weights' own metadata says."""

    size: Annotated[tuple[int, int] | None, BeforeValidator(_square)] = None
    """(height, width) in pixels of what the model sees."""
    resize: Annotated[int | tuple[int, int] | None, BeforeValidator(_size)] = None
    """One number: the shorter side, keeping the shape. Two: exactly that."""
    crop: Crop | None = None
    """`center`: the middle of the resized picture, of `size`. `none`: the resized picture itself."""
    interpolation: Interpolation | None = None
    mean: Annotated[tuple[float, ...] | None, BeforeValidator(_per_channel)] = None
    """Taken from values in [0, 1], one a channel."""
    std: Annotated[tuple[float, ...] | None, BeforeValidator(_deviations)] = None
    """Divided by, one a channel."""
    channels: Annotated[int | None, BeforeValidator(_channels)] = None
    """1: gray; 3: RGB; 4: RGB and alpha."""


class ModelConfig(_Frozen):
    """Which model, with which weights, and what its classes are called."""

    source: Text
    weights: Text | None = None
    labels: Text | None = None
    """`imagenet`, or a file with one label a line."""
    input: InputConfig = InputConfig()
    head: Head = "auto"
    """What the scores are; `auto`: as the model's output and last operation show."""
    output: Text | None = None
    """Where the scores stand in an output of several parts: keys, fields and positions joined by dots."""
    inputs: Annotated[Mapping[str, object], BeforeValidator(_inputs)] = {}
    """Further inputs by the name of their parameter, for one image, without the batch axis."""


class MethodChoice(_Frozen):
    """A method to run and the options that differ from its defaults."""

    name: str
    options: Mapping[str, object] = {}


class TrustConfig(_Frozen):
    """Whether to believe the maps: which numbers are taken, of how many images, at which cost. Of the first target."""

    metrics: Annotated[tuple[str, ...], BeforeValidator(_metrics)] = METRICS
    """What maps are judged by; empty: nothing."""
    steps: Annotated[int, _count(2, "a whole number from 2")] = 16
    """Fractions of the pixels at which insertion and deletion look at the score."""
    shares: Annotated[tuple[float, ...], BeforeValidator(_shares)] = (0.2, 0.4, 0.6, 0.8)
    """Of the pixels, what ROAD takes away."""
    samples: Annotated[int, _count(1, "a whole number from 1")] = 32
    """Random perturbations of infidelity."""
    layers: Words | None = None
    """At which of the compared layers maps are judged: a selector; None: the last."""
    images: Annotated[int | None, _count(1, "a whole number from 1")] = None
    """At most so many images, the first ones; None: all."""
    boxes: Text | None = None
    """COCO-style JSON with boxes or masks of the images' objects: adds the pointing game and the energy in the box."""
    sanity: Annotated[int, _count(0, "a whole number from 0")] = 6
    """Stages in which the weights are randomised, from the output down; 0: no sanity check."""
    sanity_images: Annotated[int, _count(1, "a whole number from 1")] = 2
    """Images of the sanity check, the first ones."""


def _odd(value: object) -> object:
    if not _whole(value, 3) or value % 2 == 0:  # type: ignore[operator]
        raise _refuse("an odd number from 3, so that the model itself is in the middle", value)
    return value


def _reach(value: object) -> object:
    many = _per_channel(value)
    if many is None or len(many) != 1 or many[0] <= 0:
        raise _refuse("a number above 0", value)
    return many[0]


class LandscapeConfig(_Frozen):
    """The loss around the model's weights: of how many labelled images, at how many places (docs/learning.md)."""

    grid: Annotated[int, BeforeValidator(_odd)] = 21
    """Places a side: the loss is measured at grid x grid of them."""
    span: Annotated[float, BeforeValidator(_reach)] = 1.0
    """How far it goes each way; 1: every filter is changed by as much as it is long."""
    images: Annotated[int, _count(1, "a whole number from 1")] = 64
    """At most so many labelled images."""


def _landscape(value: object) -> object:
    if value in ("none", False, None):
        return None
    return LandscapeConfig() if value is True else value


class LiveConfig(_Frozen):
    """The page on which the visitor's own image runs through the model, in the browser."""

    layers: Words = ("all",)
    """Whose feature maps it shows: a selector."""


def _live(value: object) -> object:
    return LiveConfig() if value is True else None if value in ("none", False) else value


class ExplainConfig(_Frozen):
    """How a layer's numbers are computed, shown with the numbers themselves: of how many images, in how many bytes."""

    images: Annotated[int, _count(0, "a whole number from 0")] = 1
    """Of the first so many images; 0: no figures."""
    budget_mb: Annotated[float, BeforeValidator(_megabytes)] = 25.0
    """What all of it may take on the site, in millions of bytes: beyond it the most expensive layers go without."""


def _explain(value: object) -> object:
    return ExplainConfig(images=0) if value in ("none", False) else value


def _trust(value: object) -> object:
    return TrustConfig(metrics=(), sanity=0) if value in ("none", False) else value


def _model(value: object) -> object:
    return {"source": value} if isinstance(value, (str, Path)) else value


def _choices(value: object) -> tuple[MethodChoice, ...]:
    """`all`, names, and {name: {option: value}} -> the methods, in alphabetical order, each with its options."""
    from generator.methods import registry  # loads torch

    known = registry()
    chosen: dict[str, dict[str, object]] = {}
    for name, options in _named(value):
        if name == "all":
            for every in known:
                chosen.setdefault(every, {})
            continue
        if name not in known:
            raise ValueError(f"there is no method `{name}`{nearest(name, list(known))}; `convatlas methods` lists them")
        for option, given in options.items():
            _check_option(name, known[name].cls, str(option), given)
        chosen.setdefault(name, {}).update(options)
    return tuple(MethodChoice(name=name, options=chosen[name]) for name in sorted(chosen))


def _check_option(method: str, cls: type, option: str, value: object) -> None:
    """Refuse an option that the method has not, and a value of another type than the option's default."""
    defaults = {field.name: field.default for field in fields(cls)}
    if option not in defaults:
        has = f"it has {', '.join(defaults)}" if defaults else "it has none"
        raise ValueError(f"`{method}` has no option `{option}`{nearest(option, defaults)}; {has}")
    default = defaults[option]
    for kind, words in ((bool, "true or false"), (int, "a whole number"), (float, "a number"), (str, "text")):
        if isinstance(default, kind):  # a bool is an int too, hence the order
            good = isinstance(value, (int, float) if kind is float else kind)
            if not good or isinstance(value, bool) is not (kind is bool):
                raise ValueError(f"`{method}`: expected {words} for `{option}`, received {value!r}")
            return


def _every() -> tuple[MethodChoice, ...]:
    return _choices("all")


def _named(value: object) -> list[tuple[str, Mapping[str, object]]]:
    """The items of a `methods` setting as (name, options)."""
    items = value if isinstance(value, (list, tuple)) else [value]
    named: list[tuple[str, Mapping[str, object]]] = []
    for item in items:
        if isinstance(item, MethodChoice):
            named.append((item.name, item.options))
        elif isinstance(item, str):
            named.append((item, {}))
        elif isinstance(item, dict) and all(isinstance(of, dict) or of is None for of in item.values()):
            named.extend((str(name), of or {}) for name, of in item.items())
        else:
            raise _refuse("`all`, or a list of names and {name: {option: value}}", item)
    if not named:
        raise _refuse("`all`, or a list of names", value)
    return named


class ReportConfig(_Frozen):
    """All that a build depends on, besides the files it names."""

    title: Text | None = None
    """None: the model's source."""
    model: Annotated[ModelConfig, BeforeValidator(_model)] = ModelConfig(source="efficientnet_lite0")
    images: Path = Path("inputs/images")
    limit: Annotated[int | None, _count(1, "a whole number from 1")] = None
    """At most so many images, in order of their paths; None: all."""
    dataset: Text | None = None
    """An image set of any size whose patches stand beside units: a folder, a list, tar shards or a pattern that names
    them (dataset/sources.py); None: the report's images."""
    dataset_limit: Annotated[int | None, _count(1, "a whole number from 1")] = None
    """At most so many pictures of it, in its order; None: all."""
    compare: Annotated[tuple[str, ...], BeforeValidator(_some_words)] = ()
    """Other networks that this one is put beside: sources, as `model.source` has them, or prototxt files."""
    checkpoints: Annotated[tuple[str, ...], BeforeValidator(_some_words)] = ("auto",)
    """Earlier weights of the same model, in the order of training: files, folders of them, patterns. `auto`: those that a
    built-in model comes with, where its weights are its own."""
    landscape: Annotated[LandscapeConfig | None, BeforeValidator(_landscape)] = None
    """The loss around the weights; None: it is not measured."""
    layers: Words = ("conv",)
    cam_layers: Words = ("stage_ends",)
    methods: Annotated[tuple[MethodChoice, ...], BeforeValidator(_choices)] = Field(default_factory=_every)
    targets: Words = ("top1",)
    groups: Annotated[Mapping[str, tuple[str, ...]], BeforeValidator(_groups)] = {}
    """Names of groups of classes -> labels, indices, ranges; those of `site_config/labels/` are there as well."""
    truth: Text = "folders"
    """The images' true classes: `folders` (the folder an image lies in is its label), or a CSV of file names and labels."""
    units: Annotated[str, BeforeValidator(_units)] = "top:8"
    trust: Annotated[TrustConfig, BeforeValidator(_trust)] = TrustConfig()
    live: Annotated[LiveConfig | None, BeforeValidator(_live)] = None
    """The visitor's own image, run in the browser; None: without that."""
    explain: Annotated[ExplainConfig, BeforeValidator(_explain)] = ExplainConfig()
    preset: str = "quick"
    device: Annotated[str, BeforeValidator(_device)] = "auto"
    out: Path = Path("site")
    store: Text = ".convatlas"
    seed: Annotated[int, _count(0, "a whole number from 0")] = 0
    batch_size: Annotated[int | Literal["auto"], BeforeValidator(_batch)] = "auto"

    @field_serializer("images", "out")
    def _as_written(self, path: Path) -> str:
        return shown(path)


def load_config(path: Path | str | None = None, overrides: Mapping[str, object] | None = None) -> ReportConfig:
    """The configuration of one build: `overrides` over the file at `path` over the preset that they name.

    Without a path it is `report.yml` in the working directory, else the packaged default report. Values of None among
    the overrides are as if absent. Raises UserError, one line with the file's line, for whatever is not right.
    """
    places = Places.of(path)
    document = read(places.file)
    given = {key: value for key, value in (overrides or {}).items() if value is not None}
    preset_name = str(given.get("preset", document.values.get("preset", ReportConfig.model_fields["preset"].default)))
    preset = read(places.preset(preset_name))
    merged = {**preset.values, **document.values, **given, "preset": preset_name}
    tuned, own = preset.values.get("trust"), merged.get("trust")
    if isinstance(tuned, Mapping) and isinstance(own, Mapping):
        merged["trust"] = {**tuned, **own}  # as the options of a method: the preset's hold where nothing else is said
    origin = {
        key: (Document({}, {}, "") if key in given else document if key in document.values else preset)
        for key in merged
    }
    asked = given.get("methods", document.values.get("methods", "all"))  # never the preset's: it tunes and chooses none
    try:
        config = ReportConfig.model_validate({**merged, "methods": _methods(preset, asked)})
    except ValidationError as error:
        raise UserError(explain(error, origin, ReportConfig)) from None
    return places.resolve(config)


def _methods(preset: Document, asked: object) -> object:
    """The methods asked for, above the options that the preset gives to those among them.

    A preset says how much work a method may be, not which methods to run: `methods: [grad_cam]` runs one method
    under every preset, and `methods: all` keeps the preset's options.
    """
    own = preset.values.get("methods", "all")
    try:
        _choices(own)
    except ValueError as error:
        raise UserError(f"{preset.where(('methods',))}: methods: {error}") from None
    try:
        names = {name for name, _ in _named(asked)}
    except ValueError:
        return asked  # the validator says it better
    tuned = [(name, options) for name, options in _named(own) if options and (name in names or "all" in names)]
    below: Sequence[object] = [{name: dict(options)} for name, options in tuned]
    return [*below, *(asked if isinstance(asked, (list, tuple)) else [asked])]


PRESETS: tuple[str, ...] = ("quick", "standard", "full")
INTERPOLATIONS: tuple[str, ...] = get_args(Interpolation)
