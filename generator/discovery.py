"""Folders that are registries: one file each, found by looking; nobody edits a list.

A file defines one class with a mark. Its stem is the name; its module docstring is the prose (first line: title, colon,
one-sentence summary; then the rest).
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T", bound=type)


@dataclass(frozen=True)
class Entry:
    """A registered class and what its file says of it."""

    name: str
    cls: type[Any]
    doc: str

    @property
    def title(self) -> str:
        """``Grad-CAM`` of ``Grad-CAM: which places in a layer speak for a class.``"""
        return self.doc.strip().splitlines()[0].partition(":")[0]

    @property
    def summary(self) -> str:
        """The sentence after the title's colon."""
        return self.doc.strip().splitlines()[0].partition(":")[2].strip()

    @property
    def body(self) -> str:
        """What follows the first line: Markdown."""
        return self.doc.strip().partition("\n")[2].strip()


def marked(cls: T, mark: str) -> T:
    """The class, marked as the one in its file that is meant."""
    setattr(cls, mark, True)
    return cls


def discovered(package: str, folder: Iterable[str], mark: str) -> Mapping[str, Entry]:
    """All classes with this mark in the files of `folder`, the path of `package`, by name in alphabetical order."""
    found: dict[str, Entry] = {}
    for info in sorted(pkgutil.iter_modules(folder), key=lambda i: i.name):
        module = importlib.import_module(f"{package}.{info.name}")
        for value in vars(module).values():
            if isinstance(value, type) and mark in vars(value) and value.__module__ == module.__name__:
                found[info.name] = Entry(info.name, value, module.__doc__ or "")
    return found
