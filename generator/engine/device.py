"""Where passes run."""

from __future__ import annotations

import torch

from generator.errors import UserError


def device_of(name: str) -> torch.device:
    """``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps`` as a torch device that is there.

    Raises:
        UserError: the device is not there.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "mps" if _mps() else "cpu")
    kind, _, number = name.partition(":")
    if kind == "cuda" and int(number or 0) >= torch.cuda.device_count():
        have = torch.cuda.device_count()
        raise UserError(f"device {name}: this machine shows {have} CUDA device(s) to torch; use --device auto or cpu")
    if kind == "mps" and not _mps():
        raise UserError("device mps: torch sees no Apple GPU here; use --device auto or cpu")
    return torch.device(name)


def _mps() -> bool:
    return bool(torch.backends.mps.is_available())
