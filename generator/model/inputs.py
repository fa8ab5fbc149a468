"""Further inputs of a model beside the image: a number, a list of numbers, or a file, the same for every image."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from generator.errors import UserError


def read_inputs(inputs: Mapping[str, object]) -> Mapping[str, Tensor]:
    """`model.inputs` as tensors, each for one image, without the batch axis. Whole numbers stay whole.

    Raises:
        UserError: a file cannot be read, or holds several tensors; a list is not of numbers.
    """
    return {name: _tensor(name, value) for name, value in inputs.items()}


def _tensor(name: str, value: object) -> Tensor:
    if isinstance(value, str):
        return _file(name, Path(value))
    try:
        return torch.tensor(value)
    except (TypeError, ValueError, RuntimeError):
        raise UserError(f"model.inputs.{name}: expected a number, or a list of numbers, received {value!r}") from None


def _file(name: str, path: Path) -> Tensor:
    try:
        if path.suffix == ".npy":
            return torch.from_numpy(np.load(path, allow_pickle=False))
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            found = load_file(path)
            if len(found) == 1:
                return next(iter(found.values()))
            raise UserError(f"model.inputs.{name}: expected one tensor in {path}, received {len(found)}")
    except (OSError, ValueError, TypeError) as error:
        raise UserError(f"model.inputs.{name}: cannot read {path}: {str(error).splitlines()[0]}") from None
    raise UserError(f"model.inputs.{name}: expected a .npy or a .safetensors file, received {path}")
