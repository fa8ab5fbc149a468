"""Targets into numbers: of which classes each image's target is, and its value in what the model gave.

resolve: (target, scores, labels) ──▶ classes (n, g), or None for what is no class      value: ──▶ (n,), differentiable
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from generator.engine.output import Readout
from generator.errors import UserError
from generator.names import CallTarget, ClassTarget, LayerName, RankTarget, Target, TrueTarget, Unit

UNLABELLED = "the image has no label, so it has no true class."


def resolve(target: Target, scores: Tensor | None, truth: Sequence[int | None] = ()) -> Int[Tensor, "n g"] | None:
    """The classes that `target` means for each row of `scores` (n, classes); None for units and functions.

    `truth` has the true class of each image, None where it has none: its row is then class 0, and no map of it may be
    shown (see UNLABELLED). Of equal scores, the lower index ranks first.

    Raises:
        UserError: the model has too few classes.
    """
    if isinstance(target, (Unit, CallTarget)):
        return None
    assert scores is not None
    n, have = scores.shape
    if isinstance(target, RankTarget):
        if target.rank > have:
            raise UserError(f"expected at most top:{have} for a model of {have} classes, received rank {target.rank}")
        return scores.detach().argsort(dim=1, descending=True, stable=True)[:, target.rank - 1, None]
    if isinstance(target, TrueTarget):
        rows = [truth[k] if k < len(truth) else None for k in range(n)]
        classes = torch.tensor([0 if row is None else row for row in rows], device=scores.device)[:, None]
    else:
        wanted = (target.index,) if isinstance(target, ClassTarget) else target.classes
        classes = torch.tensor(wanted, device=scores.device).expand(n, -1)
    bad = classes[(classes < 0) | (classes >= have)]
    if len(bad):
        raise UserError(f"expected a class from 0 to {have - 1}, received {int(bad[0])}")
    return classes


def value(
    target: Target,
    classes: Int[Tensor, "n g"] | None,
    raw: Any,
    readout: Readout,
    kept: Mapping[LayerName, Tensor],
) -> Float[Tensor, " n"]:
    """The number that gradients start from, of each image (images do not see each other).

    Raises:
        UserError: a function that gives no number an image.
    """
    if isinstance(target, Unit):
        maps = kept[target.layer][:, target.channel]
        if target.position is None:
            return maps.mean(dim=(1, 2))
        row, column = target.position
        return maps[:, row, column]
    if isinstance(target, CallTarget):
        found = function_of(target.function)(raw)
        if not isinstance(found, Tensor) or found.dim() != 1:
            got = f"shape {tuple(found.shape)}" if isinstance(found, Tensor) else type(found).__name__
            raise UserError(
                f"call:{target.function}: expected one number an image, a tensor of shape (n,), received {got}"
            )
        return found
    assert classes is not None
    return readout.values(raw, classes)


def source_of(path: str) -> str:
    """The sha256 of the file that a ``call:`` function stands in; the function is imported, so that a wrong name is told
    before anything runs.

    Raises:
        UserError: as `function_of`.
    """
    file = inspect.getsourcefile(function_of(path))
    return hashlib.sha256(Path(file).read_bytes()).hexdigest() if file else ""


@cache
def function_of(path: str) -> Callable[[Any], Any]:
    """The function that ``package.module:name`` or ``path/file.py:name`` names.

    Raises:
        UserError: it cannot be imported, or is no function.
    """
    where, _, name = path.rpartition(":")
    if not where or not name:
        raise UserError(
            f"targets: expected call:package.module:function or call:file.py:function, received `call:{path}`"
        )
    try:
        if where.endswith(".py"):
            spec = importlib.util.spec_from_file_location(f"convatlas_target_{Path(where).stem}", where)
            if spec is None or spec.loader is None or not Path(where).is_file():
                raise ImportError(f"there is no file {where}")
            module = importlib.util.module_from_spec(spec)
            sys.modules[spec.name] = module  # dataclasses in it look their module up
            spec.loader.exec_module(module)
        else:
            if "" not in sys.path and str(Path.cwd()) not in sys.path:
                sys.path.insert(0, str(Path.cwd()))
            module = importlib.import_module(where)
    except Exception as error:
        said = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise UserError(f"targets: `call:{path}` cannot be imported: {said}") from error
    found = getattr(module, name, None)
    if not callable(found):
        raise UserError(f"targets: `call:{path}`: {where} has no function `{name}`")
    return found  # type: ignore[no-any-return]
