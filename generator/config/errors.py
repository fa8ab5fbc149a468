"""What is wrong with a configuration, in one line that names the place and the way out."""

from __future__ import annotations

from collections.abc import Mapping
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from generator.config.yaml_lines import Document, KeyPath
from generator.selectors import nearest


def explain(error: ValidationError, origin: Mapping[str, Document], root: type[BaseModel]) -> str:
    """The first fault of `error`, unknown keys before all else: a misspelt key is often why another is missing.

    `origin` says which document each top-level key came from.
    """
    fault = min(error.errors(include_url=False), key=lambda one: one["type"] != "extra_forbidden")
    path: KeyPath = tuple(fault["loc"])
    key = ".".join(str(part) for part in path)
    document = origin.get(str(path[0])) if path else None
    where = document.where(path) if document is not None else ""
    return f"{where + ': ' if where else ''}{_sentence(fault, key, path, root)}"


def _sentence(fault: Any, key: str, path: KeyPath, root: type[BaseModel]) -> str:
    kind, received = fault["type"], fault["input"]
    if kind == "extra_forbidden":
        owner = _model_at(root, path[:-1])
        known = list(owner.model_fields)
        return f"there is no key `{key}`{nearest(str(path[-1]), known)}; known here: {', '.join(known)}"
    if kind == "missing":
        return f"expected a key `{key}`, found none"
    if kind == "value_error":
        return f"{key}: {fault['ctx']['error']}"
    if kind == "literal_error":
        return f"{key}: expected {fault['ctx']['expected']}, received {received!r}"
    if kind in ("model_type", "model_attributes_type"):
        return f"{key}: expected keys and values, received {received!r}"
    expected = {"string_type": "text", "path_type": "a path"}.get(kind, fault["msg"])
    return f"{key}: expected {expected}, received {received!r}"


def _model_at(model: type[BaseModel], path: KeyPath) -> type[BaseModel]:
    for part in path:
        annotation = model.model_fields[str(part)].annotation
        options = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)
        model = next(one for one in options if isinstance(one, type) and issubclass(one, BaseModel))
    return model
