"""Protocol buffers' text format into a tree of messages; of the grammar, all that Caffe's own parser reads.

    name: value        name: [1, 2]        name { ... }    name: { ... }    name < ... >    name: [{ ... }, { ... }]

Fields may end in `;` or `,`. Strings that follow each other are one. Names of extensions stand in brackets.
"""

from __future__ import annotations

from collections.abc import Iterator

from generator.diagrams.prototxt.message import Field, Message, Scalar
from generator.diagrams.prototxt.tokens import Token, tokens
from generator.pages.escape import clean

DEEPEST = 100
"""Messages within messages, at most: as many as protocol buffers read."""
_CLOSES = {"{": "}", "<": ">"}


def parse(text: str, file: str) -> Message:
    """The tree of `text`, which came from `file`. Raises UserError with the line, the column, what was expected and what came."""
    return _Parser(tokens(text.removeprefix("\ufeff"), file)).whole()


class _Parser:
    def __init__(self, source: Iterator[Token]) -> None:
        self.source = source
        self.now = next(source)

    def whole(self) -> Message:
        at = self.now.at
        fields = self.fields("", 0)
        return Message(tuple(fields), at)

    def fields(self, closing: str, depth: int) -> list[Field]:
        """Up to the sign `closing`, or the end of the file where that is empty."""
        found: list[Field] = []
        while not (self.now.kind == "end" if not closing else self.sees(closing)):
            if not (self.now.kind == "word" or self.sees("[")):
                end = f"`{closing}`" if closing else "the end of the file"
                raise self.unexpected(f"a field's name or {end}")
            found += self.field(depth)
            if self.sees(";") or self.sees(","):
                self.take()
        return found

    def field(self, depth: int) -> list[Field]:
        at = self.now.at
        name = self.extension() if self.sees("[") else self.take().text
        colon = self.sees(":")
        if colon:
            self.take()
        if self.sees("["):
            return [Field(name, value, at) for value in self.several(name, colon, depth)]
        return [Field(name, self.value(name, colon, depth), at)]

    def several(self, name: str, colon: bool, depth: int) -> Iterator[Scalar | Message]:
        self.take()
        first = True
        while first or self.sees(","):
            if first and self.sees("]"):
                break
            if not first:
                self.take()
            first = False
            yield self.value(name, colon, depth)
        if not self.sees("]"):
            raise self.unexpected("`,` or `]`")
        self.take()

    def value(self, name: str, colon: bool, depth: int) -> Scalar | Message:
        if self.now.kind == "sign" and self.now.text in _CLOSES:
            if depth == DEEPEST:
                raise self.now.at.error(f"expected at most {DEEPEST} messages within each other, received one more")
            opening = self.take()
            message = Message(tuple(self.fields(_CLOSES[opening.text], depth + 1)), opening.at)
            self.take()
            return message
        if not colon:
            raise self.unexpected(f"`:` or `{{` after {clean(name)[:40]}")
        return self.scalar()

    def scalar(self) -> Scalar:
        at = self.now.at
        if self.now.kind == "string":
            text = ""
            while self.now.kind == "string":
                text += self.take().text
            return Scalar("string", text, at)
        minus = "-" if self.sees("-") else ""
        if minus:
            self.take()
        if self.now.kind == "number":
            return Scalar("number", minus + self.take().text, at)
        if self.now.kind == "word" and (not minus or self.now.text.lower() in ("inf", "infinity", "nan")):
            return Scalar("word", minus + self.take().text, at)
        raise self.unexpected("a number" if minus else "a value")

    def extension(self) -> str:
        """``[caffe.my_param]``, ``[type.googleapis.com/caffe.NetParameter]``"""
        parts = [self.take().text]
        while not self.sees("]"):
            if self.now.kind != "word" and not (self.now.kind == "sign" and self.now.text in "./-"):
                raise self.unexpected("an extension's name or `]`")
            parts.append(self.take().text)
        return "".join((*parts, self.take().text))

    def sees(self, sign: str) -> bool:
        return self.now.kind == "sign" and self.now.text == sign

    def take(self) -> Token:
        taken = self.now
        if taken.kind != "end":
            self.now = next(self.source)
        return taken

    def unexpected(self, expected: str) -> Exception:
        return self.now.at.error(f"expected {expected}, received {self.now.shown}")
