"""A model of the user's own: `python:package.module:callable` or `python:path/to/file.py:callable`."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

from generator.errors import UserError
from generator.selectors import nearest

_FORM = "python:package.module:callable or python:path/to/file.py:callable"


def build_python(source: str) -> nn.Module:
    """Import what `source` names and call it without arguments. Code in that file runs: it is the user's own.

    The file's folder (for a package: the working directory) is on the import path while the callable is imported and
    called, so that it may import its neighbours.

    Raises:
        UserError: there is no such file or name, it raised, or it returned something other than an nn.Module.
    """
    where, _, name = source.removeprefix("python:").rpartition(":")
    if not where or not name:
        raise UserError(f"model.source: expected {_FORM}, received {source}")
    file = Path(where) if where.endswith(".py") or "/" in where or "\\" in where else None
    if file is not None and not file.is_file():
        raise UserError(
            f"model.source: expected a Python file, found none at {where}: give its path from the working directory"
        )
    with _importable((file.parent if file is not None else Path.cwd()).resolve()):
        module = _import_file(file, source) if file is not None else _import_module(where, source)
        made = _named(module, name, source)
        if not isinstance(made, nn.Module):
            made = _called(made, source)
    if not isinstance(made, nn.Module):
        raise UserError(f"model.source: expected {source} to return a torch.nn.Module, received {type(made).__name__}")
    return made


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))


def _import_file(file: Path, source: str) -> ModuleType:
    # a name of its own: a file called random.py must not stand in for Python's
    name = f"convatlas_model_{hashlib.sha256(str(file.resolve()).encode()).hexdigest()[:12]}_{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise UserError(f"model.source: cannot import {file}: expected a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickle look their module up
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise UserError(f"model.source: importing {source} raised {_said(error)}") from error
    return module


def _import_module(where: str, source: str) -> ModuleType:
    try:
        return importlib.import_module(where)
    except (Exception, SystemExit) as error:
        if (
            isinstance(error, ModuleNotFoundError)
            and error.name
            and (where == error.name or where.startswith(f"{error.name}."))
        ):
            raise UserError(
                f"model.source: there is no module {where} to import for {source}: install it, or start in the folder that holds it"
            ) from error
        raise UserError(f"model.source: importing {source} raised {_said(error)}") from error


def _named(module: ModuleType, name: str, source: str) -> Any:
    found: Any = module
    for part in name.split("."):
        if not hasattr(found, part):
            callables = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
            raise UserError(f"model.source: {source}: there is no `{name}` in it{nearest(name, callables)}")
        found = getattr(found, part)
    return found


def _called(made: Any, source: str) -> Any:
    if not callable(made):
        raise UserError(
            f"model.source: expected {source} to be a function or class that returns a model, it is {type(made).__name__}"
        )
    try:
        return made()
    except (Exception, SystemExit) as error:
        raise UserError(f"model.source: {source} raised {_said(error)}") from error


def _said(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
