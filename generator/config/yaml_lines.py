"""A YAML mapping read with the line of every key, so that an error can say where to look."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from generator.errors import UserError

KeyPath = tuple[str | int, ...]
"""``("model", "input", "size", 0)``"""


@dataclass(frozen=True)
class Document:
    """What a file said: plain values, and the line, from 1, that each key or list item stands on."""

    values: Mapping[str, object]
    lines: Mapping[KeyPath, int]
    name: str
    """As shown to the user; empty where the values came from no file."""

    def where(self, path: KeyPath) -> str:
        """``report.yml:3`` for a key of the file, the file's name where the line is unknown, "" without a file."""
        while path and path not in self.lines:
            path = path[:-1]
        return f"{self.name}:{self.lines[path]}" if path else self.name


def read(path: Path) -> Document:
    """Read the mapping in a YAML file; an empty file is an empty mapping.

    Raises UserError where the file is missing, is not UTF-8, is not YAML, is not a mapping or names a key twice.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(f"config: expected a YAML file, found nothing at {path}") from None
    except UnicodeDecodeError:
        raise UserError(
            f"config: expected UTF-8 text, received other bytes in {path}; save the file as UTF-8"
        ) from None
    except OSError as error:
        raise UserError(f"config: {path} cannot be read: {error.strerror or error}") from None
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        values = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise UserError(f"config: {_position(path, error)} is not valid YAML: {_problem(error)}") from None
    lines: dict[KeyPath, int] = {}
    if root is not None:
        _walk(root, (), lines, path, set())
    if values is None:
        values = {}
    if not isinstance(values, dict):
        raise UserError(f"config: expected keys and values in {path}, received {_a(values)}")
    return Document(values, lines, str(path))


def _walk(node: yaml.Node, path: KeyPath, lines: dict[KeyPath, int], file: Path, seen: set[int]) -> None:
    if id(node) in seen:  # an alias: it may even hold itself
        return
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            here = (*path, str(key.value))
            if here in lines:
                raise UserError(
                    f"config: {file}:{key.start_mark.line + 1}: `{key.value}` stands here a second time "
                    f"(first on line {lines[here]}); keep one"
                )
            lines[here] = key.start_mark.line + 1
            _walk(value, here, lines, file, seen)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            lines[(*path, index)] = item.start_mark.line + 1
            _walk(item, (*path, index), lines, file, seen)


def _position(path: Path, error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    return f"{path}:{mark.line + 1}" if mark is not None else str(path)


def _problem(error: yaml.YAMLError) -> str:
    return " ".join(str(getattr(error, "problem", None) or error).split())


def _a(value: object) -> str:
    return "a list" if isinstance(value, list) else f"`{value}`"
