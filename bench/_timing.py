"""Measuring by turns: A B A B, the best of each, so that a busy moment of the machine spoils no ratio; and what comes of bounds."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

RESULTS = Path(__file__).parent / "results"


def in_turn(tasks: Mapping[str, Callable[[], object]], rounds: int = 7, warm: bool = True) -> dict[str, float]:
    """Seconds of each task: the least of `rounds`, taken in turn, after one round that warms up where they are short."""
    best = dict.fromkeys(tasks, float("inf"))
    for turn in range(0 if warm else 1, rounds + 1):
        for name, task in tasks.items():
            start = time.perf_counter()
            task()
            took = time.perf_counter() - start
            if turn:
                best[name] = min(best[name], took)
    return best


def machine() -> dict[str, str]:
    """What was measured on."""
    return {
        "processor": processor(),
        "threads": str(torch.get_num_threads()),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else "none",
    }


def processor() -> str:
    """Its name where the system tells one, and which instructions for short numbers it has: they part one from another."""
    path = Path("/proc/cpuinfo")
    told = dict(line.split(":", 1) for line in path.read_text().splitlines() if ":" in line) if path.is_file() else {}
    told = {key.strip(): value.strip() for key, value in told.items()}
    has = [name for name in ("avx512_bf16", "amx_bf16") if name in told.get("flags", "").split()]
    return ", ".join([told.get("model name", platform.machine()), *has])


def earlier(name: str) -> dict[str, Any]:
    """What results/<name>.json holds of the run before; nothing where there was none."""
    path = RESULTS / f"{name}.json"
    found: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    return found


@dataclass(frozen=True)
class Bound:
    """A figure and what it is held against."""

    what: str
    value: float
    limit: float
    least: bool = False
    """Whether the figure must reach the limit, not stay within it."""
    ours: bool = True
    """Whether a miss fails the bench: not where a figure is told beside the one that is meant, or stems from an earlier run."""

    @property
    def met(self) -> bool:
        """Whether it holds; of what is no number it does not."""
        return self.value >= self.limit if self.least else self.value <= self.limit

    def __str__(self) -> str:
        verdict = "met" if self.met else "MISSED" if self.ours else "missed"
        told = "" if self.ours else ", told only"
        return f"  {verdict:6}  {self.what}: {self.value:g}, {'at least' if self.least else 'at most'} {self.limit:g}{told}"


def verdicts(bounds: Iterable[Bound]) -> int:
    """Print each bound with its verdict. The exit status: 1 where one that is ours to hold is missed, else 0."""
    missed = 0
    for bound in bounds:
        print(bound, flush=True)
        missed += bound.ours and not bound.met
    return int(missed > 0)


def keep(name: str, figures: Mapping[str, object]) -> None:
    """Write results/<name>.json and print it."""
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps({"machine": machine(), **figures}, indent=2) + "\n"
    (RESULTS / f"{name}.json").write_text(text, "utf-8")
    print(text)
