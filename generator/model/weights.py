"""Weights: read safely, put into a model, checked for numbers that are none, and named by a digest."""

from __future__ import annotations

import hashlib
import pickle
import re
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from generator.errors import UserError
from generator.names import Digest

State = dict[str, Tensor]

SUFFIXES = (".safetensors", ".pth", ".pt", ".bin", ".ckpt", ".tar")
_NESTED = ("state_dict", "model_state_dict", "model")
_PREFIXES = ("module.", "_orig_mod.", "model.")
"""What DataParallel, torch.compile and Lightning put before every name."""

RANDOM = ("none", "random")
"""What `model.weights` says for an untrained model."""


def read_state(path: Path) -> State:
    """The tensors by name in a weights file, ``.safetensors`` or ``.pth``; nothing in the file is ever executed.

    Raises:
        UserError: no such file, not a weights file, or a pickle that needs more than plain tensors.
    """
    if not path.is_file():
        raise UserError(
            f"model.weights: expected a weights file, found none at {path}: give the path of a .safetensors or .pth file"
        )
    if path.suffix.lower() not in SUFFIXES:
        raise UserError(
            f"model.weights: expected a .safetensors or .pth file, received {path.name}: save the state_dict as one"
        )
    try:
        if path.suffix.lower() == ".safetensors":
            return load_file(path)
        return _unwrapped(torch.load(path, map_location="cpu", weights_only=True), path)
    except pickle.UnpicklingError as error:
        if "Unsupported operand" in str(error):  # bytes that no torch.save writes
            raise _damaged(path, "it is no file that torch.save wrote") from error
        needed = re.search(r"GLOBAL ([\w.]+)", str(error))
        raise UserError(
            f"model.weights: {path} is a pickle that holds more than tensors{f' ({needed[1]})' if needed else ''}, and "
            "loading it could run any code: save torch.save(model.state_dict(), ...) or a .safetensors file and give that"
        ) from error
    except (SafetensorError, RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        said = (str(error).strip().splitlines() or [""])[0]
        raise _damaged(path, said if len(said) > 8 else type(error).__name__) from error


def _damaged(path: Path, said: str) -> UserError:
    return UserError(f"model.weights: cannot read {path} as weights ({said}): the file may be damaged or incomplete")


def _unwrapped(loaded: object, path: Path) -> State:
    for key in _NESTED:
        if isinstance(loaded, Mapping) and isinstance(loaded.get(key), Mapping):
            loaded = loaded[key]
    if not isinstance(loaded, Mapping) or not loaded:
        received = "nothing" if isinstance(loaded, Mapping) else type(loaded).__name__
        raise UserError(f"model.weights: expected a state_dict in {path}, received {received}: save model.state_dict()")
    tensors = {str(name): value for name, value in loaded.items() if isinstance(value, Tensor)}
    if not tensors:
        raise UserError(
            f"model.weights: expected tensors in {path}, received {', '.join(map(str, list(loaded)[:3]))}: "
            "save model.state_dict(), bare or under the key state_dict"
        )
    return tensors


def without_prefix(state: State, module: nn.Module) -> State:
    """The same tensors by the module's own names, where every name carries one prefix more."""
    known = set(module.state_dict())
    for prefix in _PREFIXES:
        if all(name.startswith(prefix) for name in state) and not known & set(state):
            state = {name.removeprefix(prefix): value for name, value in state.items()}
    return state


def put(state: State, module: nn.Module, path: Path) -> None:
    """Load `state` into `module`; every name and shape must fit.

    Raises:
        UserError: names the first few tensors that are missing, unexpected or of another shape.
    """
    state = without_prefix(state, module)
    own = {name: value for name, value in module.state_dict().items() if isinstance(value, Tensor)}
    troubles = []
    optional = {name for name in own if name.endswith("num_batches_tracked")}
    if missing := [name for name in own if name not in state and name not in optional]:
        troubles.append(f"lacks {_few(missing)}")
    if unexpected := [name for name in state if name not in own]:
        troubles.append(f"has {_few(unexpected)}, which the model does not know")
    shapes = [
        f"{name} ({_by(state[name])} for {_by(own[name])})"
        for name in own
        if name in state and state[name].shape != own[name].shape
    ]
    if shapes:
        troubles.append(f"has another shape for {_few(shapes)}")
    if troubles:
        raise UserError(f"model.weights: {path} does not fit {type(module).__name__}: it {', and '.join(troubles)}")
    module.load_state_dict(state, strict=False)


def classes_in(state: State, module: nn.Module) -> int | None:
    """How many classes a classifier's weights were trained for, where that is all in which they differ from `module`.

    The tensors of another shape must all be of the last layer and differ in their first dimension alone.
    """
    state = without_prefix(state, module)
    own = module.state_dict()
    sizes = set()
    for name, value in own.items():
        if not isinstance(value, Tensor) or name not in state or state[name].shape == value.shape:
            continue
        if state[name].dim() == 0 or value.dim() == 0 or state[name].shape[1:] != value.shape[1:]:
            return None
        sizes.add((value.shape[0], state[name].shape[0]))
    return sizes.pop()[1] if len(sizes) == 1 else None


def _few(names: list[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def _by(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "a number"


def check_finite(module: nn.Module) -> None:
    """Refuse a model with NaN or infinity in its parameters or its running statistics.

    Other buffers may hold infinities on purpose (attention masks do).
    """
    statistics = ((n, b) for n, b in module.named_buffers() if n.endswith(("running_mean", "running_var")))
    for name, tensor in (*module.named_parameters(), *statistics):
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor.detach()).all()):
            what = "NaN" if bool(torch.isnan(tensor.detach()).any()) else "infinity"
            raise UserError(
                f"expected finite weights, received {what} in {name}: the training diverged or the file is damaged"
            )


def digest(module: nn.Module) -> Digest:
    """sha256 over the names, dtypes, shapes and bytes of the module's state, in its own order."""
    total = hashlib.sha256()
    for name, value in module.state_dict().items():
        if not isinstance(value, Tensor):  # packed parameters of quantized modules, extra state
            total.update(f"{name} {value!r}\n".encode())
            continue
        total.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
        plain = value.detach().cpu()
        plain = plain.int_repr() if plain.is_quantized else plain
        total.update(plain.contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return Digest(total.hexdigest())
