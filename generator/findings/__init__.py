"""The checks: one file each, found by looking into this folder; nobody edits a list.

A check file `dead_units.py` defines one frozen dataclass marked with `@check`. Its fields are its thresholds, its file stem
is its name in run.json and in addresses, and its module docstring is the prose on the page (first line: title, colon,
one-sentence summary; then what it looks for, how, and its limits).

    Evidence ──▶ judge ──▶ Finding | NotApplicable
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, Protocol, TypeVar

from generator.artifacts import NotApplicable
from generator.findings.evidence import Evidence
from generator.findings.finding import Finding
from generator.names import Paper


class Check(Protocol):
    """Something to look for in a model."""

    papers: ClassVar[tuple[Paper, ...]]
    advice: ClassVar[str]
    """One sentence: what one may do about it."""

    def judge(self, evidence: Evidence) -> Finding | NotApplicable:
        """What is found; NotApplicable with the reason where nothing can be said. A pure function."""


@dataclass(frozen=True)
class CheckInfo:
    """A registered check: its class and what its file says of it."""

    name: str
    cls: type[Any]
    doc: str

    @property
    def title(self) -> str:
        """``Dead units`` of ``Dead units: units that no image raises.``"""
        return self.doc.strip().splitlines()[0].partition(":")[0]

    @property
    def summary(self) -> str:
        """The sentence after the title's colon."""
        return self.doc.strip().splitlines()[0].partition(":")[2].strip()

    @property
    def body(self) -> str:
        """What follows the first line: Markdown."""
        return self.doc.strip().partition("\n")[2].strip()


_T = TypeVar("_T", bound=type)


def check(cls: _T) -> _T:
    """Mark the one class in a file that is the check."""
    cls.__convatlas_check__ = True  # type: ignore[attr-defined]
    return cls


@cache
def checks() -> Mapping[str, CheckInfo]:
    """All checks by name, in alphabetical order, read from this folder."""
    found: dict[str, CheckInfo] = {}
    for info in sorted(pkgutil.iter_modules(__path__), key=lambda i: i.name):
        module = importlib.import_module(f"{__name__}.{info.name}")
        for value in vars(module).values():
            if isinstance(value, type) and "__convatlas_check__" in vars(value) and value.__module__ == module.__name__:
                found[info.name] = CheckInfo(info.name, value, module.__doc__ or "")
    return found
