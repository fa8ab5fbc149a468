"""What a prototxt file says, as a tree: messages of fields, each of which knows its line.

    layer { name: "conv1" convolution_param { num_output: 20 pad: 1 pad: 0 } }

    it.messages("layer")[0].message("convolution_param").integers("pad") == (1, 0)

Nothing is known of Caffe here: a value is read as what its reader asks for, and one of another kind is a UserError with its place.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from generator.diagrams.prototxt.tokens import Place, Token
from generator.pages.escape import clean

MOST = 2**63 - 1
"""The largest whole number that a field holds."""
_FLAGS = {"true": True, "True": True, "t": True, "1": True, "false": False, "False": False, "f": False, "0": False}
_SPECIAL = {"inf": math.inf, "infinity": math.inf, "nan": math.nan}


@dataclass(frozen=True)
class Scalar:
    """A number, a quoted string or a bare word, as written."""

    kind: Literal["word", "number", "string"]
    text: str
    """Numbers with their minus."""
    at: Place

    @property
    def shown(self) -> str:
        """As an error shows it."""
        return Token(self.kind, self.text, self.at).shown

    def number(self) -> float | int | None:
        """Its value where it is a number: decimal, hexadecimal, octal, with a point, an exponent, or inf and nan."""
        sign, text = (-1, self.text[1:]) if self.text.startswith("-") else (1, self.text)
        if self.kind == "word":
            return sign * _SPECIAL[text.lower()] if text.lower() in _SPECIAL else None
        if self.kind == "string":
            return None
        if text[:2].lower() == "0x":
            return sign * int(text, 16) if len(text) < 40 else None
        if text.isdigit():
            octal = len(text) > 1 and text[0] == "0"
            if len(text) > 40 or (octal and not set(text) <= set("01234567")):
                return None
            return sign * int(text, 8 if octal else 10)
        return sign * float(text.rstrip("fF"))


@dataclass(frozen=True)
class Field:
    """One value of a field; a list is one of these for each of its values."""

    name: str
    value: Scalar | Message
    at: Place


@dataclass(frozen=True)
class Message:
    """Fields in the order in which they were written."""

    fields: tuple[Field, ...]
    at: Place

    def every(self, name: str) -> Iterator[Field]:
        """All values of one field."""
        return (field for field in self.fields if field.name == name)

    def has(self, *names: str) -> bool:
        """Whether any of these fields was written."""
        return any(field.name in names for field in self.fields)

    def messages(self, name: str) -> tuple[Message, ...]:
        """All values of a field whose values are messages."""
        return tuple(_as_message(field) for field in self.every(name))

    def message(self, name: str) -> Message:
        """A field that is a message, written once or in parts; an empty one where it was not written."""
        found = self.messages(name)
        return Message(tuple(field for one in found for field in one.fields), found[0].at if found else self.at)

    def texts(self, name: str) -> tuple[str, ...]:
        """All values of a field whose values are strings or names."""
        return tuple(_as_text(field) for field in self.every(name))

    def text(self, name: str, default: str = "") -> str:
        """A string or a name: the last one written."""
        return (default, *self.texts(name))[-1]

    def integers(self, name: str, least: int = 0) -> tuple[int, ...]:
        """All values of a field whose values are whole numbers, each at least `least`."""
        return tuple(_as_integer(field, least) for field in self.every(name))

    def integer(self, name: str, default: int, least: int = 0) -> int:
        """A whole number: the last one written."""
        return (default, *self.integers(name, least))[-1]

    def flag(self, name: str, default: bool) -> bool:
        """True or false: the last one written."""
        found = default
        for field in self.every(name):
            said = _FLAGS.get(field.value.text) if isinstance(field.value, Scalar) else None
            if said is None:
                raise _other(field, "true or false")
            found = said
        return found


def _as_message(field: Field) -> Message:
    if isinstance(field.value, Scalar):
        raise _other(field, "`{`")
    return field.value


def _as_text(field: Field) -> str:
    if isinstance(field.value, Message):
        raise _other(field, "a string")
    return field.value.text


def _as_integer(field: Field, least: int) -> int:
    value = field.value.number() if isinstance(field.value, Scalar) else None
    if value is None or not -MOST <= value <= MOST or value != int(value):
        raise _other(field, "a whole number")
    if value < least:
        raise _other(field, f"at least {least}")
    return int(value)


def _other(field: Field, expected: str) -> Exception:
    received = "a message" if isinstance(field.value, Message) else field.value.shown
    return field.value.at.error(f"{clean(field.name)}: expected {expected}, received {received}")
