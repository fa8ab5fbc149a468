"""Keys: what a stored result depends on, and nothing else.

A reworded docstring or caption changes no key; a changed line of a method, of a module it imports, or of the engine
changes the keys of all that ran through it.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from generator.engine.output import Readout
from generator.names import Digest, LayerName, Target
from generator.store import key_of

PROSE = ("papers", "caption")
"""Class variables that no number depends on."""
ENGINE = (
    "generator.artifacts",
    "generator.encode",
    "generator.engine",
    "generator.executors",
    "generator.images",
    "generator.model.describe",
    "generator.model.preprocess",
    "generator.tiles",
    "generator.names",
)
"""What every result passes through, from the file's bytes to the record, with all that it imports of `FOLLOWED`."""
FOLLOWED = "generator.model."
"""The layers, their shapes and what they see are worked out in many small files."""
LIBRARIES = ("torch", "torchvision", "numpy", "pillow", "opencv-python-headless")


@dataclass(frozen=True)
class ModelKey:
    """What of a model its results depend on: its weights, its structure as torch prints it, its preprocessing."""

    weights: Digest
    structure: Digest
    preprocessing: str
    call: str = ""
    """How it is called and read: its head, where its scores stand, its further inputs."""

    @classmethod
    def of(cls, module: torch.nn.Module, weights: Digest, preprocessing: str, source: str = "") -> ModelKey:
        """The key part of a loaded model: its structure as torch prints it, the plain attributes of its modules, the
        source of their classes, and for a model of the user's own all of the user's code that is loaded: a forward may
        compute what no module shows."""
        text = hashlib.sha256(repr(module).encode())
        for path, part in module.named_modules():
            plain = {k: v for k, v in vars(part).items() if _is_plain(v) and k != "training"}
            text.update(f"{path} {sorted(plain.items())!r}".encode())
        names = {type(m).__module__ for m in module.modules()}
        if source.startswith("python:"):
            names |= {name for name, loaded in list(sys.modules.items()) if _is_own(loaded)}
        for name in sorted(names):
            if name.partition(".")[0] not in ("torch", "torchvision"):
                text.update(_file_of(name))
        return cls(weights, Digest(text.hexdigest()), preprocessing)


def call_of(readout: Readout, inputs: Mapping[str, torch.Tensor]) -> str:
    """How a model is called and read, as text for its key."""
    digests = {k: hashlib.sha256(_bytes(v) + repr((v.shape, v.dtype)).encode()) for k, v in inputs.items()}
    return f"{readout} {sorted((name, digest.hexdigest()) for name, digest in digests.items())}"


def _bytes(value: torch.Tensor) -> bytes:
    """The memory of a tensor of any type: numpy has no bfloat16."""
    return value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()


def _is_plain(value: Any) -> bool:
    if isinstance(value, (tuple, list)):
        return all(map(_is_plain, value))
    return isinstance(value, (bool, int, float, str, type(None)))


def _is_own(module: Any) -> bool:
    """Whether a loaded module is the user's own code: a file that no installer and no Python put there."""
    file = getattr(module, "__file__", None)
    if not isinstance(file, str) or getattr(module, "__name__", "").partition(".")[0] in ("generator", "__main__"):
        return False
    parts = Path(file).parts
    installed = "site-packages" in parts or "dist-packages" in parts
    return not installed and not file.startswith(sysconfig.get_paths()["stdlib"])


def _file_of(module: str) -> bytes:
    file = getattr(sys.modules.get(module), "__file__", None)
    return Path(file).read_bytes() if file and Path(file).exists() else module.encode()


@cache
def engine_digest() -> Digest:
    """The engine's own version: its code, less docstrings and comments."""
    text = hashlib.sha256()
    for name in _engine():
        read = _read(name)
        assert read is not None
        text.update(f"{name}\n{read[0]}\n".encode())
    return Digest(text.hexdigest())


@cache
def _engine() -> tuple[str, ...]:
    """The names of the engine's modules, those of its packages one by one, in order."""
    todo, found = list(ENGINE), set[str]()
    while todo:
        name = todo.pop()
        spec = importlib.util.find_spec(name) if name not in found else None
        if spec is None or spec.origin is None:
            continue
        found.add(name)
        if spec.submodule_search_locations and name in ENGINE:
            todo += [f"{name}.{file.stem}" for file in Path(spec.origin).parent.glob("*.py") if file.stem != "__init__"]
        read = _read(name)
        todo += [one for one in (read[1] if read else ()) if one.startswith(FOLLOWED)]
    return tuple(sorted(found))


def method_digest(cls: type) -> Digest:
    """The code of a method: its file and the files of this package that it imports, less prose and the engine."""
    return code_digest(cls.__module__)


@cache
def code_digest(*modules: str) -> Digest:
    """The code of modules of this package and of those that they import, less prose and the engine."""
    text = hashlib.sha256()
    todo, seen = sorted(modules, reverse=True), set[str]()
    while todo:
        name = todo.pop()
        if name in seen or not name.startswith("generator") or name in ("generator", "generator.methods"):
            continue
        if name in _engine():
            continue
        seen.add(name)
        read = _read(name)
        if read is None:
            continue
        code, imported = read
        text.update(f"{name}\n{code}\n".encode())
        todo = sorted((*todo, *imported), reverse=True)
    return Digest(text.hexdigest())


@cache
def _read(name: str) -> tuple[str, tuple[str, ...]] | None:
    """The code of a module of ours, less prose, and the modules that it imports from; None where it has no file."""
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        return None
    source = Path(spec.origin).read_text(encoding="utf-8")
    imported: list[str] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            imported.append(node.module)
            imported += [f"{node.module}.{one.name}" for one in node.names if _is_module(node.module, one.name)]
    return code_of(source), tuple(imported)


def _is_module(package: str, name: str) -> bool:
    """Whether `from package import name` imports a module of ours."""
    spec = importlib.util.find_spec(package) if package.partition(".")[0] == "generator" else None
    folders = (spec.submodule_search_locations if spec else None) or ()
    return any(Path(folder, f"{name}.py").exists() for folder in folders)


@cache
def own_digest(module: str) -> Digest:
    """The code of a module of this package alone, less prose."""
    spec = importlib.util.find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    return Digest(hashlib.sha256(code_of(Path(spec.origin).read_text(encoding="utf-8")).encode()).hexdigest())


def code_of(source: str) -> str:
    """Source as a syntax tree without docstrings, field docstrings, comments, papers, captions and what options mean."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            node.keywords = [word for word in node.keywords if word.arg != "metadata"]
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
    """The options of a method that its results depend on, by name: a field may say otherwise (``metadata={"key": False}``)."""
    return {field.name: getattr(method, field.name) for field in fields(method) if field.metadata.get("key", True)}


def _version(name: str) -> str:
    try:
        return version(name).partition("+")[0]
    except PackageNotFoundError:
        return "none"


@cache
def _versions() -> tuple[str, ...]:
    return tuple(f"{name} {version(name).partition('+')[0]}" for name in LIBRARIES)


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
            "libraries": [*_versions(), *(f"{name} {_version(name)}" for name in getattr(method, "libraries", ()))],
            "layer": layer,
            "image": image,
            "targets": [[type(target).__name__, asdict(target)] for target in targets],
            **more,
        }
    )
