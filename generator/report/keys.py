"""Keys: what a stored result depends on, and nothing else.

A reworded docstring or caption changes no key; a changed line of a method, of a module it imports, or of the engine
changes the keys of all that ran through it.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

import torch
import torchvision

from generator.names import Digest, LayerName, Target
from generator.store import key_of

PROSE = ("papers", "caption")
"""Class variables that no number depends on."""
ENGINE = ("generator.engine", "generator.model.calls", "generator.encode", "generator.artifacts", "generator.names")


@dataclass(frozen=True)
class ModelKey:
    """What of a model its results depend on: its weights, its structure as torch prints it, its preprocessing."""

    weights: Digest
    structure: Digest
    preprocessing: str

    @classmethod
    def of(cls, module: torch.nn.Module, weights: Digest, preprocessing: str) -> ModelKey:
        """The key part of a loaded model. The forward's own source counts, for it may compute what no module shows."""
        text = hashlib.sha256(repr(module).encode())
        for source in sorted({type(m).__module__ for m in module.modules()}):
            if source.partition(".")[0] not in ("torch", "torchvision"):
                text.update(_file_of(source))
        return cls(weights, Digest(text.hexdigest()), preprocessing)


def _file_of(module: str) -> bytes:
    file = getattr(sys.modules.get(module), "__file__", None)
    return Path(file).read_bytes() if file and Path(file).exists() else module.encode()


@cache
def engine_digest() -> Digest:
    """The engine's own version: its code, less docstrings and comments."""
    text = hashlib.sha256()
    for name in ENGINE:
        spec = importlib.util.find_spec(name)
        assert spec is not None and spec.origin is not None
        folder = Path(spec.origin)
        files = sorted(folder.parent.glob("*.py")) if folder.name == "__init__.py" else [folder]
        for file in files:
            text.update(code_of(file.read_text(encoding="utf-8")).encode())
    return Digest(text.hexdigest())


def method_digest(cls: type) -> Digest:
    """The code of a method: its file and the files of this package that it imports, less prose and the engine."""
    return _code_digest(cls.__module__)


@cache
def _code_digest(module: str) -> Digest:
    text = hashlib.sha256()
    todo, seen = [module], set[str]()
    while todo:
        name = todo.pop()
        if name in seen or not name.startswith("generator") or name in ("generator", "generator.methods"):
            continue
        if any(name == part or name.startswith(f"{part}.") for part in ENGINE):
            continue
        seen.add(name)
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None:
            continue
        source = Path(spec.origin).read_text(encoding="utf-8")
        text.update(f"{name}\n{code_of(source)}\n".encode())
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                todo.append(node.module)
        todo.sort(reverse=True)
    return Digest(text.hexdigest())


def code_of(source: str) -> str:
    """Source as a syntax tree without docstrings, field docstrings, comments, papers and captions."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [line for line in body if not _is_prose(line)]  # type: ignore[attr-defined]
    return ast.dump(tree)


def _is_prose(line: ast.AST) -> bool:
    if isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant) and isinstance(line.value.value, str):
        return True
    named = (
        line.target if isinstance(line, ast.AnnAssign) else line.targets[0] if isinstance(line, ast.Assign) else None
    )
    return isinstance(named, ast.Name) and named.id in PROSE


def options_of(method: Any) -> Mapping[str, Any]:
    """The options of a method by name."""
    return {field.name: getattr(method, field.name) for field in fields(method)}


def cell_key(
    model: ModelKey,
    method: Any,
    layer: LayerName,
    *,
    image: Digest | None = None,
    targets: Sequence[Target] = (),
    **more: Any,
) -> Digest:
    """The key of one method at one layer (of one image, for these targets)."""
    return key_of(
        {
            "model": asdict(model),
            "method": method_digest(type(method)),
            "options": dict(options_of(method)),
            "engine": engine_digest(),
            "torch": [torch.__version__.partition("+")[0], torchvision.__version__.partition("+")[0]],
            "layer": layer,
            "image": image,
            "targets": [[type(target).__name__, asdict(target)] for target in targets],
            **more,
        }
    )
