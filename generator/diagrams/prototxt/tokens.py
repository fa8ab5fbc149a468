"""A prototxt file, word by word: the tokens of protocol buffers' text format, each with its line and column.

    kernel_size: 0x3 # a square   ──▶   word kernel_size · sign : · number 0x3

https://protobuf.dev/reference/protobuf/textformat-spec/
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from generator.errors import UserError
from generator.pages.escape import clean

TokenKind = Literal["word", "number", "string", "sign", "end"]
SHOWN = 40
"""Characters of a token that an error shows, at most."""


@dataclass(frozen=True)
class Place:
    """Where in which file: line and column count from 1, columns in characters."""

    file: str
    line: int
    column: int

    def error(self, sentence: str) -> UserError:
        """The error to raise: ``net.prototxt:3:9: expected a value, received `}` ``"""
        return UserError(self.said(sentence))

    def said(self, sentence: str) -> str:
        """The sentence on one line, with its place in front."""
        return f"{self.file}:{self.line}:{self.column}: {' '.join(clean(sentence).split())}"


@dataclass(frozen=True)
class Token:
    """One word, number, string or sign; `text` of a string is what it stands for."""

    kind: TokenKind
    text: str
    at: Place

    @property
    def shown(self) -> str:
        """As an error shows it."""
        if self.kind == "end":
            return "the end of the file"
        text = clean(self.text)
        text = text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"
        return f'"{text}"' if self.kind == "string" else f"`{text}`"


_SPACE = re.compile(r"(?:[ \t\r\n\v\f]|#[^\n]*)+")
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NUMBER = re.compile(r"0[xX][0-9a-fA-F]+|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?[fF]?")
_PLAIN = {'"': re.compile(r'[^"\\\n]+'), "'": re.compile(r"[^'\\\n]+")}
_ESCAPE = re.compile(r"\\(?:([0-7]{1,3})|[xX]([0-9a-fA-F]{1,2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([abfnrtv\\'\"?]))")
_SHORT = {"a": 7, "b": 8, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11, "\\": 92, "'": 39, '"': 34, "?": 63}
SIGNS = "{}<>[]:;,-/."


def tokens(text: str, file: str) -> Iterator[Token]:
    """The tokens of `text`, the last of kind ``end``. Raises UserError at a character that begins none."""
    at, line, start = 0, 1, 0
    while True:
        if space := _SPACE.match(text, at):
            line += space[0].count("\n")
            start = space.start() + space[0].rfind("\n") + 1 if "\n" in space[0] else start
            at = space.end()
        place = Place(file, line, at - start + 1)
        if at == len(text):
            yield Token("end", "", place)
            return
        if text[at] in _PLAIN:
            value, at = _string(text, at, place)
            yield Token("string", value, place)
        elif found := _NUMBER.match(text, at):
            at = found.end()
            if glued := _WORD.match(text, at):
                raise place.error(f"expected a number, received `{clean((found[0] + glued[0])[:SHOWN])}`")
            yield Token("number", found[0], place)
        elif found := _WORD.match(text, at):
            at = found.end()
            yield Token("word", found[0], place)
        elif text[at] in SIGNS:
            at += 1
            yield Token("sign", text[at - 1], place)
        else:
            raise place.error(f"expected a field's name, a value or a sign, received {_character(text[at])}")


def _string(text: str, at: int, place: Place) -> tuple[str, int]:
    """What the quoted string that begins at `at` stands for, and where it ends."""
    quote, parts, begin = text[at], bytearray(), at
    at += 1
    while at < len(text) and text[at] not in (quote, "\n"):
        if plain := _PLAIN[quote].match(text, at):
            parts += plain[0].encode("utf-8", "replace")
            at = plain.end()
        elif escape := _ESCAPE.match(text, at):
            parts += _escaped(escape)
            at = escape.end()
        else:
            here = Place(place.file, place.line, place.column + at - begin)
            raise here.error(
                f"expected an escape such as \\n, \\x41 or \\101, received `\\{clean(text[at + 1 : at + 2])}`"
            )
    if text[at : at + 1] != quote:
        raise place.error(f"expected a closing {quote} on the same line, received its end")
    return parts.decode("utf-8", "replace"), at + 1


def _escaped(escape: re.Match[str]) -> bytes:
    octal, byte, four, eight, short = escape.groups()
    if octal or byte:
        return bytes([int(octal, 8) & 255 if octal else int(byte, 16)])
    if short:
        return bytes([_SHORT[short]])
    code = int(four or eight, 16)
    return chr(code).encode("utf-8", "replace") if code < 0x110000 else b"?"


def _character(c: str) -> str:
    return f"`{c}`" if c.isprintable() and clean(c) == c else f"the character U+{ord(c):04X}"
