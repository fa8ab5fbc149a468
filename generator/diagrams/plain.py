"""An architecture and a style's options as plain values, for a page's scripts and for files.

The names are the dataclasses' own, tuples are lists: what `convatlas.styles.NAME.draw(architecture, options)` reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, get_args, get_origin, get_type_hints

from generator.diagrams.architecture import Architecture

Kind = Literal["number", "flag", "choice", "colour", "text", "names", "picture"]
"""Names are any number of texts. A picture is a data address: a page sets it to the image that was chosen."""


@dataclass(frozen=True)
class Option:
    """One option of a style, as a form offers it."""

    name: str
    kind: Kind
    default: Any
    doc: str
    choices: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None
    step: float | None = None
    """1 of whole numbers."""
    where: Mapping[str, Any] = field(default_factory=dict)
    """Of a colour: what other options must be, for anything to be drawn in it."""

    @property
    def title(self) -> str:
        """``layer spacing``"""
        return self.name.replace("_", " ")


def as_json(it: Architecture) -> dict[str, Any]:
    """An architecture as a page has it. Strings are as they came: hostile."""
    return asdict(it)


def options(cls: type[Any]) -> tuple[Option, ...]:
    """What of a style can be changed, in the order of its fields. Numbers that name no ends reach from none to three times the
    default."""
    hints = get_type_hints(cls)
    found = []
    for one in fields(cls):
        hint, default, said = hints[one.name], one.default, one.metadata
        doc = str(said.get("doc", ""))
        if get_origin(hint) is Literal:
            found.append(Option(one.name, "choice", default, doc, tuple(map(str, get_args(hint)))))
        elif hint is bool:
            found.append(Option(one.name, "flag", default, doc))
        elif hint in (int, float) and isinstance(default, (int, float)):
            whole = hint is int and default < 0  # -1: left to the style
            least = float(said.get("min", default if whole else min(0.0, 3.0 * default)))
            most = float(said.get("max", 8.0 if whole else max(1.0, 3.0 * default)))
            step = float(said.get("step", 1.0 if hint is int else (most - least) / 100))
            found.append(Option(one.name, "number", default, doc, (), least, most, step))
        elif hint == tuple[str, ...]:
            found.append(Option(one.name, "names", default, doc))
        elif hint is str and isinstance(default, str):
            kind: Kind = "colour" if len(default) == 7 and default.startswith("#") else "text"
            kind = "picture" if one.name == "picture" else kind
            found.append(Option(one.name, kind, default, doc, where=said.get("where", {})))
    return tuple(found)
