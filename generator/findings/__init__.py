"""The checks: one file each, found by looking into this folder; nobody edits a list.

A check file `dead_units.py` defines one frozen dataclass marked with `@check`. Its fields are its thresholds, its file stem
is its name in run.json and in addresses, and its module docstring is the prose on the page (first line: title, colon,
one-sentence summary; then what it looks for, how, and its limits).

    Evidence ──▶ judge ──▶ Finding | NotApplicable
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import ClassVar, Protocol, TypeVar

from generator.artifacts import NotApplicable
from generator.discovery import Entry, discovered, marked
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


CheckInfo = Entry
"""A registered check: its class and what its file says of it."""

_T = TypeVar("_T", bound=type)
_MARK = "__convatlas_check__"


def check(cls: _T) -> _T:
    """Mark the one class in a file that is the check."""
    return marked(cls, _MARK)


@cache
def checks() -> Mapping[str, CheckInfo]:
    """All checks by name, in alphabetical order, read from this folder."""
    return discovered(__name__, __path__, _MARK)
