"""What pages know of what was looked for in a model. No tensors."""

from __future__ import annotations

from dataclasses import dataclass

from generator.artifacts import NotApplicable
from generator.findings.finding import Finding
from generator.names import Paper


@dataclass(frozen=True)
class Checked:
    """One thing that was looked for, and what came of it."""

    name: str
    """``dead_units``"""
    title: str
    summary: str
    body: str
    """Markdown with LaTeX between $ and $$: trusted, ours."""
    advice: str
    papers: tuple[Paper, ...]
    result: Finding | NotApplicable
    """NotApplicable: it could not be judged, for this reason."""


@dataclass(frozen=True)
class Findings:
    """All of it."""

    checked: tuple[Checked, ...]
    """Gravest first; then what is fine, then what could not be judged."""
    images: int
    """How many images units were asked about; 0 where only the weights were looked at."""
    layers: int
    """Of how many layers the answers are known."""
