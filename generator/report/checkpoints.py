"""Checkpoints of a training: the files that a configuration names, in the order of training.

files, folders, patterns ──▶ weights files by their numbers ──▶ Checkpoint, Checkpoint, …
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from torch import nn

from generator.config import ReportConfig
from generator.dataset.patterns import expand, is_pattern
from generator.errors import UserError
from generator.model.builtin import BUILTIN
from generator.model.twin import copied
from generator.model.weights import SUFFIXES, check_finite, put, read_state
from generator.names import Digest
from generator.resources import packaged

AUTO = ("auto",)
_STEP = re.compile(r"(?:step|iter(?:ation)?s?|it)[^0-9]{0,2}(\d+)", re.IGNORECASE)
_EPOCH = re.compile(r"ep(?:och)?s?[^0-9]{0,2}(\d+)", re.IGNORECASE)


@dataclass(frozen=True)
class Checkpoint:
    """The weights of a model at one moment of its training."""

    path: Path
    label: str
    """``step 44``, ``epoch 3``, else the file's name. Hostile."""

    @cached_property
    def digest(self) -> Digest:
        """sha256 of the file."""
        with self.path.open("rb") as file:
            return Digest(hashlib.file_digest(file, "sha256").hexdigest())

    def into(self, module: nn.Module) -> nn.Module:
        """A copy of `module` with these weights, in evaluation mode.

        Raises:
            UserError: they cannot be read, do not fit, or are no numbers.
        """
        made = copied(module)
        try:
            put(read_state(self.path), made, self.path)
            check_finite(made)
        except UserError as error:
            said = str(error).removeprefix("model.weights: ")
            raise UserError(f"checkpoints: {self.path.name}: {said}") from error
        return made.eval()


def checkpoints_of(config: ReportConfig) -> tuple[Checkpoint, ...]:
    """The checkpoints that a report is given; `auto`: those of a built-in model, where its weights are its own.

    Raises:
        UserError: nothing is there, or one is named twice.
    """
    own = BUILTIN.get(config.model.source)
    if config.checkpoints != AUTO:
        return listed(config.checkpoints) if config.checkpoints else ()
    if own is None or own.checkpoints is None or config.model.weights is not None:
        return ()
    return listed([str(packaged(own.checkpoints))])


def listed(sources: Sequence[str]) -> tuple[Checkpoint, ...]:
    """The weights files of each source, those of one folder or pattern by the numbers in their names."""
    found = [file for source in sources for file in _files(source)]
    if len({file.resolve() for file in found}) < len(found):
        twice = next(file for k, file in enumerate(found) if file.resolve() in {one.resolve() for one in found[:k]})
        raise UserError(f"checkpoints: {twice} is named twice; name each checkpoint once")
    if len(found) == 1:
        raise UserError(f"checkpoints: expected at least two, found {found[0]} alone")
    return tuple(Checkpoint(file, label_of(file.stem)) for file in found)


def _files(source: str) -> list[Path]:
    path = Path(source).expanduser()
    if path.is_file():
        return [path]
    if path.is_dir():
        found = [file for file in path.iterdir() if file.suffix.lower() in SUFFIXES and file.name[0] != "."]
    elif is_pattern(source):
        found = _expanded(source)
    else:
        raise UserError(
            f"checkpoints: expected weights files, a folder of them or a pattern, found nothing at {source}"
        )
    if not found:
        raise UserError(f"checkpoints: expected weights files ({', '.join(SUFFIXES)}) in {source}, found none")
    return sorted(found, key=lambda file: by_numbers(file.name))


def _expanded(pattern: str) -> list[Path]:
    try:
        return expand(pattern)
    except UserError as error:
        raise UserError(f"checkpoints: {str(error).removeprefix('dataset: ')}") from None


def by_numbers(name: str) -> tuple[tuple[int, str], ...]:
    """A key that sorts step-9 before step-10."""
    return tuple((int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name) if part)


def label_of(stem: str) -> str:
    """What a file's name says of when it was saved."""
    for pattern, word in ((_STEP, "step"), (_EPOCH, "epoch")):
        if met := pattern.search(stem):
            return f"{word} {int(met[1]):,}"
    return stem
