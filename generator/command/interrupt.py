"""Ctrl-C is answered in time, even while one long operation holds the main thread.

    signal ──▶ C handler ──▶ wake-up pipe ──▶ watching thread ──▶ after `within` seconds: say, and leave
                   └──▶ KeyboardInterrupt in the main thread, as soon as it is back in Python: the ordinary way out

Python raises KeyboardInterrupt only between two bytecodes of the main thread; a pass over a large batch is one.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def answered(within: float, say: Callable[[], object]) -> Iterator[None]:
    """While open, a Ctrl-C that the main thread has not answered after `within` seconds ends the process with 130.

    Safe at any moment, since all that a build writes is written to a temporary name and moved. Main thread only.
    """
    read, write = os.pipe()
    os.set_blocking(write, False)
    before = signal.set_wakeup_fd(write, warn_on_full_buffer=False)

    def watch() -> None:
        while caught := os.read(read, 1):
            if caught[0] == signal.SIGINT:
                time.sleep(within)
                if sys.stderr.isatty():
                    sys.stderr.write("\x1b[?25h\n")  # a live display hides the cursor
                say()
                os._exit(130)

    thread = threading.Thread(target=watch, daemon=True, name="ctrl-c")
    thread.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        os.close(write)
