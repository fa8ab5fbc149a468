"""Memory that one tensor gave back is kept for the next, and large tensors lie in large pages.

glibc maps each large block anew and returns it at once, so that every page of every layer's output is faulted in, and
cleared by the kernel, at every pass. See docs/adr/0015. A map of 100 MB lies in 25,000 pages of 4 KiB, more than a processor
knows the places of. See docs/adr/0026.
"""

from __future__ import annotations

import ctypes
import os

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
"""glibc's malloc.h: bytes that may stay free at the end of the heap, and bytes from which a block is mapped alone."""
KEPT, ALONE = 2**31 - 1, 2**30


def keep() -> bool:
    """Ask the C library to keep freed memory; whether it can: glibc alone, and not where the user has told it otherwise."""
    if any(name in os.environ for name in ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES")):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another C library; on Windows there is none of that name
        return False
    return bool(mallopt(MMAP_THRESHOLD, ALONE)) and bool(mallopt(TRIM_THRESHOLD, KEPT))


def large_pages() -> None:
    """Ask torch to ask Linux for pages of 2 MiB for tensors of at least that size, unless the environment says. To be called
    before torch makes its first tensor."""
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
