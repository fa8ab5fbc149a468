"""Whether a device had no room for what was asked of it: smaller batches then help, and nothing else is wrong."""

from __future__ import annotations

import torch

CPU = "DefaultCPUAllocator"
"""Who speaks in torch's message where the processor's memory is full: the error itself is a plain RuntimeError."""


def no_room(error: BaseException) -> bool:
    """Whether torch found no memory, on a graphics card or on the processor."""
    return isinstance(error, torch.OutOfMemoryError) or (isinstance(error, RuntimeError) and CPU in str(error))
