"""From a source to a model that is ready to run: built, filled with weights, checked, with its preprocessing and labels.

efficientnet_lite0    torchvision:resnet50    timm:NAME    python:package.module:callable    python:file.py:callable
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from generator.errors import UserError
from generator.model.builtin import BUILTIN
from generator.model.from_python import build_python
from generator.model.from_timm import build_timm, timm_data
from generator.model.inputs import read_inputs
from generator.model.labels import imagenet, read_labels
from generator.model.prepare import adapt
from generator.model.preprocess import Preprocess
from generator.model.untrained import drawn
from generator.model.unwrap import unwrapped
from generator.model.weightless import weightless
from generator.model.weights import RANDOM, check_finite, classes_in, digest, put, read_state
from generator.names import Digest
from generator.selectors import nearest

if TYPE_CHECKING:
    from generator.config import ModelConfig

SEED = 0
"""Of random weights, so that two builds of an untrained model are the same."""


@dataclass(frozen=True)
class LoadedModel:
    """A model in evaluation mode on the CPU, and what belongs to it."""

    module: nn.Module = field(repr=False)
    source: str
    title: str
    preprocess: Preprocess
    labels: tuple[str, ...] | None = field(repr=False)
    """One a class, raw; None where nothing is known."""
    weights_digest: Digest
    notes: tuple[str, ...] = ()
    """Sentences for the run page: where the weights came from, what was decided."""
    head: str = "auto"
    """What the configuration says that the scores are (`model.head`)."""
    output: str = ""
    """Where the configuration says that they stand (`model.output`)."""
    inputs: Mapping[str, Tensor] = field(default_factory=dict, repr=False)
    """Further inputs by parameter name, each for one image."""

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """(channels, height, width)"""
        return (self.preprocess.channels, *self.preprocess.size)


@dataclass(frozen=True)
class _Found:
    """What a source gave, before weights from a file and the config's own input and labels."""

    module: nn.Module
    title: str
    preprocess: Preprocess | None
    labels: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Skeleton:
    """A model that is only looked at: its weights are random, or not there at all."""

    module: nn.Module = field(repr=False)
    title: str
    input_shape: tuple[int, int, int] | None
    """(channels, height, width); None where the model does not say."""
    weightless: bool
    """Whether its parameters have shapes alone."""


def skeleton(config: ModelConfig, *, weights: bool, as_said: bool = False) -> Skeleton:
    """The model that `config` names in evaluation mode, fast: random weights, or without `weights` none where we build it
    (a model of the user's own may look at its weights while it is built). Nothing is fetched, but for what `config` says of
    weights, where it is to be done `as_said`.

    Raises:
        UserError: an unknown source, or one that cannot be built.
    """
    if not as_said:
        config = config.model_copy(update={"weights": "random"})
    found = None
    if not weights and not config.source.startswith("python:"):
        try:
            with _seeded(), weightless():
                found = _find(config)
        except Exception:  # a constructor that looks at its weights; what is wrong otherwise is told below
            found = None
    bare = found is not None
    if found is None:
        with _seeded():
            found = _find(config)
    known = found.preprocess
    shape = None if known is None else (known.channels, *known.size)
    return Skeleton(unwrapped(found.module).eval(), found.title, shape, bare)


def load(config: ModelConfig) -> LoadedModel:
    """Build the model that `config` names, in evaluation mode, on the CPU.

    Raises:
        UserError: an unknown source, weights that are absent, unsafe, unfit or not finite, labels that cannot be read.
    """
    with _seeded():
        found = _find(config)
    module = unwrapped(found.module).eval()
    check_finite(module)
    labels = found.labels if config.labels is None else read_labels(config.labels)
    return LoadedModel(
        module,
        config.source,
        found.title,
        adapt(found.preprocess, config.input, module, config.source),
        labels,
        digest(module),
        found.notes,
        config.head,
        config.output or "",
        read_inputs(config.inputs),
    )


@contextmanager
def _seeded() -> Iterator[None]:
    """The same random weights every time, and the caller's own random numbers undisturbed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        yield


def _find(config: ModelConfig) -> _Found:
    scheme, colon, rest = config.source.partition(":")
    if not colon:
        return _builtin(config)
    kinds = {"torchvision": _torchvision, "timm": _timm, "python": _python}
    if scheme not in kinds:
        raise UserError(
            f"model.source: there is no kind of source `{scheme}:`{nearest(scheme, kinds)}; there are "
            f"torchvision:NAME, timm:NAME, python:module:callable, {', '.join(BUILTIN)}"
        )
    return kinds[scheme](config, rest)


def _is_random(weights: str | Path | None) -> bool:
    return weights is not None and str(weights).lower() in RANDOM


def _from_file(found: _Found, weights: str | Path) -> _Found:
    path = Path(weights)
    put(read_state(path), found.module, path)
    return replace(found, notes=(*found.notes, f"weights: the file {path.name}"))


def _untrained(found: _Found) -> _Found:
    zeros = drawn(found.module)
    also = f"; {', '.join(zeros)} had zeros alone as built, and drew weights too" if zeros else ""
    return replace(found, notes=(*found.notes, f"weights: random (seed {SEED}), the model is untrained{also}"))


def _builtin(config: ModelConfig) -> _Found:
    name = config.source
    if name not in BUILTIN:
        raise UserError(
            f"model.source: there is no built-in model `{name}`{_written_out(name)}; there are {', '.join(BUILTIN)}, and "
            "torchvision:NAME, timm:NAME, python:module:callable"
        )
    builtin = BUILTIN[name]
    found = _Found(builtin.build(), builtin.title, builtin.preprocess(), builtin.labels())
    if config.weights is None:
        found.module.load_state_dict(builtin.state())
        return replace(found, notes=(builtin.note,))
    return _untrained(found) if _is_random(config.weights) else _from_file(found, config.weights)


def _written_out(name: str) -> str:
    """The sources nearest to a bare name: most often one of torchvision's, without its ``torchvision:``."""
    from torchvision import models

    known = {model: f"torchvision:{model}" for model in models.list_models()} | {model: model for model in BUILTIN}
    close = [name] if name in known else get_close_matches(name, known)
    return f" (the nearest: {', '.join(f'`{known[one]}`' for one in close)})" if close else ""


def _torchvision(config: ModelConfig, name: str) -> _Found:
    from generator.model import from_torchvision as tv  # it takes a second and a half to import torchvision

    tv.check_torchvision(name)
    asked = None if config.weights is None else str(config.weights)
    entry = tv.weights_entry(name, asked)
    about = entry if entry is not None else tv.default_entry(name)
    categories = about.meta.get("categories") if about is not None else None
    labels = tuple(categories) if categories else None
    module = tv.build_torchvision(name, entry)
    found = _Found(module, name, tv.fitted(tv.transforms_of(about), module), labels)
    if entry is not None:
        return replace(found, notes=(f"weights: torchvision's {entry}",))
    if asked is None or _is_random(asked):
        return _untrained(found)
    classes = classes_in(read_state(Path(asked)), found.module)
    if classes is not None:  # a classifier of one's own on this architecture
        found = replace(found, module=tv.build_torchvision(name, None, classes), labels=None)
    return _from_file(found, asked)


def _timm(config: ModelConfig, name: str) -> _Found:
    module = build_timm(name, pretrained=config.weights is None)
    labels = imagenet() if getattr(module, "num_classes", None) == 1000 else None
    found = _Found(module, name, Preprocess.from_timm(timm_data(module)), labels)
    if config.weights is None:
        return replace(found, notes=("weights: timm's own",))
    if _is_random(config.weights):
        return _untrained(found)
    classes = classes_in(read_state(Path(config.weights)), module)
    if classes is not None:
        found = replace(found, module=build_timm(name, pretrained=False, classes=classes), labels=None)
    return _from_file(found, config.weights)


def _python(config: ModelConfig, where: str) -> _Found:
    module = build_python(config.source)
    title = where.rpartition(":")[2]
    found = _Found(module, type(module).__name__ if title in ("build", "model", "get_model", "main") else title, None)
    if config.weights is None or _is_random(config.weights):
        return replace(found, notes=(f"weights: as {where} made them",))
    return _from_file(found, config.weights)
