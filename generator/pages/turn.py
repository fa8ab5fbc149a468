"""One rendering at a time in a folder: of two builds at once, the second writes its pages when the first is done."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from generator.errors import UserError

LONGEST = 15 * 60
"""Seconds after which a rendering that is waited for counts as stuck."""


@contextmanager
def turn(folder: Path, longest: float = LONGEST) -> Iterator[None]:
    """Holds `folder` for the caller alone, across processes; waits where another has it. What a killed process held is free.

    The lock is a file beside the folder. Where none can be kept there (a read-only disk, a file system without locks), nothing
    is held.

    Raises:
        UserError: another has had it for `longest` seconds.
    """
    lock = FileLock(folder.parent / f".{folder.name}.lock")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=longest)
    except Timeout:
        raise UserError(
            f"another build has been writing {folder} for {longest / 60:.0f} minutes: wait until it is done and run this again, "
            "which computes nothing anew; or build in another folder"
        ) from None
    except (OSError, NotImplementedError):
        yield  # what cannot be written is told by who writes
        return
    try:
        yield
    finally:
        lock.release()
