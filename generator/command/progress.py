"""What is running, how far it is, how fast, and how long it still takes: live on a terminal, plain lines elsewhere.

with progress.stage("passes", total=49) as stage:
    for batch in batches:
        ...
        stage.advance(what=batch.name)
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol, TextIO


class Stage(Protocol):
    """One step of the flow while it runs. `advance` may be called from any thread."""

    def advance(self, by: int = 1, what: str = "") -> None:
        """`by` more are done; `what` names the one at hand (raw text, from outside)."""


class Progress(Protocol):
    """Where a build tells how it goes."""

    def stage(self, name: str, total: int | None = None) -> AbstractContextManager[Stage]:
        """Open a step of `total` equal parts, or of an unknown number."""

    def say(self, text: str) -> None:
        """A sentence that stays on the screen: a warning, a skipped file."""


class Silent:
    """For the library and for tests: nothing is printed."""

    @contextmanager
    def stage(self, name: str, total: int | None = None) -> Iterator[Stage]:
        yield _Count(lambda count, what: None)

    def say(self, text: str) -> None:
        pass


class _Count:
    """A number that threads raise, and a function that hears of it."""

    def __init__(self, heard: Callable[[int, str], None]) -> None:
        self.done = 0
        self._heard = heard
        self._lock = threading.Lock()

    def advance(self, by: int = 1, what: str = "") -> None:
        with self._lock:
            self.done += by
            self._heard(self.done, what)


class Plain:
    """Lines for logs: one when a stage starts, one every `every` seconds while it runs, one when it ends."""

    def __init__(self, out: TextIO, every: float = 5.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._out = out
        self._every = every
        self._clock = clock

    @contextmanager
    def stage(self, name: str, total: int | None = None) -> Iterator[Stage]:
        start = said = self._clock()
        self.say(name if total is None else f"{name} (0/{total})")

        def heard(done: int, what: str) -> None:
            nonlocal said
            now = self._clock()
            if now - said >= self._every:
                said = now
                self.say(f"{name} {_far(done, total, now - start)}{_named(what)}")

        count = _Count(heard)
        yield count
        done = f", {count.done} in all" if count.done else ""
        self.say(f"{name}: done in {lasting(self._clock() - start)}{done}")

    def say(self, text: str) -> None:
        print(_one_line(text), file=self._out, flush=True)


class Live:
    """A display that rich redraws in place: a line a running stage, with a bar, counts, rate and time left."""

    def __init__(self, out: TextIO) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, SpinnerColumn, TextColumn
        from rich.progress import Progress as Bars

        self._console = Console(file=out, highlight=False)
        self._bars = Bars(
            SpinnerColumn(finished_text="✓"),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[far]}", markup=False),
            TextColumn("{task.fields[what]}", markup=False),
            console=self._console,
        )
        self._open = 0

    @contextmanager
    def stage(self, name: str, total: int | None = None) -> Iterator[Stage]:
        start = time.monotonic()
        if not self._open:
            self._bars.start()
        self._open += 1
        task = self._bars.add_task(name, total=total, far="" if total is None else f"0/{total}", what="")

        def heard(done: int, what: str) -> None:
            far = _far(done, total, time.monotonic() - start)
            self._bars.update(task, completed=done, far=far, what=_named(what, 28))

        try:
            yield _Count(heard)
            end = f"done in {lasting(time.monotonic() - start)}"
            self._bars.update(task, total=total or 1, completed=total or 1, far=end, what="")
        finally:
            self._open -= 1
            if not self._open:
                self._bars.stop()
                for one in list(self._bars.task_ids):  # what is printed stays; the next stage starts a fresh display
                    self._bars.remove_task(one)

    def say(self, text: str) -> None:
        self._console.print(_one_line(text), markup=False)


def for_stream(out: TextIO | None = None) -> Progress:
    """The live display where `out` (standard error, if not given) is a terminal that can redraw, else plain lines."""
    out = out or sys.stderr
    if not out.isatty():
        return Plain(out)
    from rich.console import Console

    return Plain(out) if Console(file=out).is_dumb_terminal else Live(out)


def _far(done: int, total: int | None, seconds: float) -> str:
    """``12/49  3.1/s  12 s left``"""
    rate = done / seconds if seconds > 0 else 0.0
    parts = [str(done) if total is None else f"{done}/{total}"]
    if rate > 0:
        parts.append(f"{rate:.1f}/s" if rate >= 1 else f"{1 / rate:.1f} s each")
        if total is not None and total > done:
            parts.append(f"{lasting((total - done) / rate)} left")
    return "  ".join(parts)


def lasting(seconds: float) -> str:
    """``0.4 s``, ``12 s``, ``3 min 5 s``, ``1 h 2 min``"""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if not minutes:
        return f"{rest} s"
    hours, left = divmod(minutes, 60)
    return f"{hours} h {left} min" if hours else f"{minutes} min {rest} s"


def _named(what: str, width: int = 80) -> str:
    text = _one_line(what)
    return f"  {text}" if 0 < len(text) <= width else f"  {text[: width - 1]}…" if text else ""


def _one_line(text: str) -> str:
    """Names come from outside: control characters must not reach a terminal."""
    return "".join(c if c.isprintable() else " " for c in text)
