"""The configuration: YAML over a preset, the command line over both, as frozen values that are right or refused.

    site_config/presets/quick.yml  ◀──  report.yml  ◀──  --model, --images, --layers, …

Every key is documented in docs/config.md, and a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import BeforeValidator, Field, ValidationError, field_serializer

from generator.config.errors import explain
from generator.config.paths import Places, shown
from generator.config.sections import (
    ExplainConfig,
    Frozen,
    LandscapeConfig,
    LiveConfig,
    MethodChoice,
    ModelConfig,
    TrustConfig,
    as_explain,
    as_landscape,
    as_live,
    as_model,
    as_trust,
)
from generator.config.values import (
    Interpolation,
    Text,
    Words,
    as_batch,
    as_device,
    as_groups,
    as_some_words,
    as_units,
    counted,
    refusal,
)
from generator.config.yaml_lines import Document, read
from generator.errors import UserError
from generator.selectors import nearest


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
            raise refusal("`all`, or a list of names and {name: {option: value}}", item)
    if not named:
        raise refusal("`all`, or a list of names", value)
    return named


class ReportConfig(Frozen):
    """All that a build depends on, besides the files it names."""

    title: Text | None = None
    """None: the model's source."""
    model: Annotated[ModelConfig, BeforeValidator(as_model)] = ModelConfig(source="efficientnet_lite0")
    images: Path = Path("inputs/images")
    limit: Annotated[int | None, counted(1, "a whole number from 1")] = None
    """At most so many images, in order of their paths; None: all."""
    dataset: Text | None = None
    """An image set of any size whose patches stand beside units: a folder, a list, tar shards or a pattern that names
    them (dataset/sources.py); None: the report's images."""
    dataset_limit: Annotated[int | None, counted(1, "a whole number from 1")] = None
    """At most so many pictures of it, in its order; None: all."""
    compare: Annotated[tuple[str, ...], BeforeValidator(as_some_words)] = ()
    """Other networks that this one is put beside: sources, as `model.source` has them, or prototxt files."""
    checkpoints: Annotated[tuple[str, ...], BeforeValidator(as_some_words)] = ("auto",)
    """Earlier weights of the same model, in the order of training: files, folders of them, patterns. `auto`: those that a
    built-in model comes with, where its weights are its own."""
    landscape: Annotated[LandscapeConfig | None, BeforeValidator(as_landscape)] = None
    """The loss around the weights; None: it is not measured."""
    layers: Words = ("conv",)
    cam_layers: Words = ("stage_ends",)
    methods: Annotated[tuple[MethodChoice, ...], BeforeValidator(_choices)] = Field(default_factory=_every)
    targets: Words = ("top1",)
    groups: Annotated[Mapping[str, tuple[str, ...]], BeforeValidator(as_groups)] = {}
    """Names of groups of classes -> labels, indices, ranges; those of `site_config/labels/` are there as well."""
    truth: Text = "folders"
    """The images' true classes: `folders` (the folder an image lies in is its label), or a CSV of file names and labels."""
    units: Annotated[str, BeforeValidator(as_units)] = "top:8"
    trust: Annotated[TrustConfig, BeforeValidator(as_trust)] = TrustConfig()
    live: Annotated[LiveConfig | None, BeforeValidator(as_live)] = None
    """The visitor's own image, run in the browser; None: without that."""
    explain: Annotated[ExplainConfig, BeforeValidator(as_explain)] = ExplainConfig()
    effective_fields: Annotated[int, counted(0, "a whole number from 0")] = 5
    """Layers whose effective receptive field is measured: a backward each, and one forward for all."""
    preset: str = "quick"
    device: Annotated[str, BeforeValidator(as_device)] = "auto"
    out: Path = Path("site")
    store: Text = ".convatlas"
    seed: Annotated[int, counted(0, "a whole number from 0")] = 0
    batch_size: Annotated[int | Literal["auto"], BeforeValidator(as_batch)] = "auto"

    @property
    def unread(self) -> tuple[str, ...]:
        """What it names for nothing, each in a sentence."""
        if self.dataset is None or any(choice.name == "dataset_examples" for choice in self.methods):
            return ()
        return ("`dataset` is not read: units are asked about it where `dataset_examples` is among the methods.",)

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
