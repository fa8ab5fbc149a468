"""Measuring by turns: A B A B, the best of each, so that a busy moment of the machine spoils no ratio."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable, Mapping
from pathlib import Path

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
        "processor": platform.machine(),
        "threads": str(torch.get_num_threads()),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else "none",
    }


def keep(name: str, figures: Mapping[str, object]) -> None:
    """Write results/<name>.json and print it."""
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps({"machine": machine(), **figures}, indent=2) + "\n"
    (RESULTS / f"{name}.json").write_text(text, "utf-8")
    print(text)
