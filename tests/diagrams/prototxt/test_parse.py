"""The syntax, trait by trait, each with what it stands for written by hand; every error with its line and column."""

import math
import random
import re

import pytest

from generator.diagrams.prototxt.message import Message, Scalar
from generator.diagrams.prototxt.parse import DEEPEST, parse
from generator.errors import UserError
from generator.resources import packaged

Plain = dict[str, list[object]]


def plain(message: Message) -> Plain:
    """Fields by name, in order; scalars as written."""
    found: Plain = {}
    for field in message.fields:
        value = field.value.text if isinstance(field.value, Scalar) else plain(field.value)
        found.setdefault(field.name, []).append(value)
    return found


def read(text: str) -> Plain:
    return plain(parse(text, "net.prototxt"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", {}),
        ("\ufeff# nothing but a comment", {}),
        ("a: 1", {"a": ["1"]}),
        ("a:1 a : 2\n\ta:\r\n3", {"a": ["1", "2", "3"]}),
        ("a { b: 1 } c: { d: 2 } e < f: 3 > g: < h: 4 >", {"a": [{"b": ["1"]}], "c": [{"d": ["2"]}], "e": [{"f": ["3"]}], "g": [{"h": ["4"]}]}),
        ("a { }", {"a": [{}]}),
        ("a < b { c < d: 1 > } >", {"a": [{"b": [{"c": [{"d": ["1"]}]}]}]}),
        ("a: 1; b: 2, c: 3", {"a": ["1"], "b": ["2"], "c": ["3"]}),
        ("a { b: 1; }; c: 2,", {"a": [{"b": ["1"]}], "c": ["2"]}),
        ("a: [1, 2,3] a: 4 b: []", {"a": ["1", "2", "3", "4"]}),
        ("a: [{ b: 1 }, < b: 2 >] a [{ b: 3 }]", {"a": [{"b": ["1"]}, {"b": ["2"]}, {"b": ["3"]}]}),
        ("a: 'it' b: \"is\" c: 'a \"b\"' d: \"it's\"", {"a": ["it"], "b": ["is"], "c": ['a "b"'], "d": ["it's"]}),
        ("a: 'one ' \"two\"\n # between\n 'three' b: 1", {"a": ["one twothree"], "b": ["1"]}),
        (r"a: '\n\t\\\'\"\?\x41\102\u00e9\U0001f600'", {"a": ["\n\t\\'\"?AB\u00e9\U0001f600"]}),
        (r"a: '\303\251' b: '\xff'", {"a": ["é"], "b": ["\ufffd"]}),
        ("a: '# no comment' # a comment\nb: 1#another", {"a": ["# no comment"], "b": ["1"]}),
        ("a: MAX b: true c: _x9", {"a": ["MAX"], "b": ["true"], "c": ["_x9"]}),
        ("a: -1 b: - 2 c: -inf d: -.5", {"a": ["-1"], "b": ["-2"], "c": ["-inf"], "d": ["-.5"]}),
        ("[caffe.extra]: 1 [type.googleapis.com/caffe.Net] { a: 2 }", {"[caffe.extra]": ["1"], "[type.googleapis.com/caffe.Net]": [{"a": ["2"]}]}),
    ],
)  # fmt: skip
def test_what_is_written_is_read(text: str, said: Plain):
    assert read(text) == said


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("0", 0), ("12", 12), ("-7", -7), ("017", 15), ("0x1F", 31), ("-0XaB", -171), ("1.", 1.0), (".5", 0.5), ("1.5", 1.5),
        ("1e3", 1000.0), ("1.5E-2", 0.015), ("2f", 2.0), ("2.5F", 2.5), ("1e+2f", 100.0), ("inf", math.inf), ("-Infinity", -math.inf),
    ],
)  # fmt: skip
def test_numbers_of_every_form(written: str, value: float):
    (field,) = parse(f"a: {written}", "f").fields
    assert isinstance(field.value, Scalar)
    assert field.value.number() == value


def test_what_is_no_number_is_none():
    for written in ("08", "'1'", "MAX", "9" * 41, "0x" + "f" * 60):
        (field,) = parse(f"a: {written}", "f").fields
        assert isinstance(field.value, Scalar)
        assert field.value.number() is None
    (field,) = parse("a: nan", "f").fields
    assert isinstance(field.value, Scalar)
    assert math.isnan(field.value.number() or 0)


def test_fields_know_their_line_and_column():
    tree = parse("name: 'é'\nlayer {\n\tpad: [1,\n    2] }", "f")
    layer = tree.messages("layer")[0]
    assert [(f.at.line, f.at.column) for f in tree.fields] == [(1, 1), (2, 1)]
    assert (layer.at.line, layer.at.column) == (2, 7)
    assert [(f.value.at.line, f.value.at.column) for f in layer.fields] == [(3, 8), (4, 5)]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("layer {\n  name: \"a\"\n  pad: }\n}", "3:8: expected a value, received `}`"),
        ("layer {\n  pad: 1", "2:9: expected a field's name or `}`, received the end of the file"),
        ("layer < pad: 1 }", "1:16: expected a field's name or `>`, received `}`"),
        ("a: 1 }", "1:6: expected a field's name or the end of the file, received `}`"),
        ("a: 1\n7: 2", "2:1: expected a field's name or the end of the file, received `7`"),
        ("a", "1:2: expected `:` or `{` after a, received the end of the file"),
        ("layer name", "1:7: expected `:` or `{` after layer, received `name`"),
        ("a 1", "1:3: expected `:` or `{` after a, received `1`"),
        ("a: [1 2]", "1:7: expected `,` or `]`, received `2`"),
        ("a: [1,]", "1:7: expected a value, received `]`"),
        ("a: [1", "1:6: expected `,` or `]`, received the end of the file"),
        ("a [1]", "1:4: expected `:` or `{` after a, received `1`"),
        ("a: 'x\nb: 1", "1:4: expected a closing ' on the same line, received its end"),
        ('a: "x', '1:4: expected a closing " on the same line, received its end'),
        ("a: 'xy\\q'", "1:7: expected an escape such as \\n, \\x41 or \\101, received `\\q`"),
        ("a: 5x", "1:4: expected a number, received `5x`"),
        ("a: 1.5.2", "1:7: expected a field's name or the end of the file, received `.2`"),
        ("a: -MAX", "1:5: expected a number, received `MAX`"),
        ("a: @", "1:4: expected a field's name, a value or a sign, received `@`"),
        ("a: \x00", "1:4: expected a field's name, a value or a sign, received the character U+0000"),
        ("a: \u202e", "1:4: expected a field's name, a value or a sign, received the character U+202E"),
        ("[a: 1", "1:3: expected an extension's name or `]`, received `:`"),
        ("{ }", "1:1: expected a field's name or the end of the file, received `{`"),
    ],
)  # fmt: skip
def test_errors_say_where_what_was_expected_and_what_came(text: str, error: str):
    with pytest.raises(UserError) as raised:
        read(text)
    assert str(raised.value) == f"net.prototxt:{error}"


def test_messages_within_messages_have_an_end():
    deep = "a { " * DEEPEST + "}" * DEEPEST
    assert read(deep)
    with pytest.raises(UserError, match="expected at most 100 messages within each other"):
        read("a { " * 5000)


@pytest.mark.parametrize(
    ("text", "ask", "error"),
    [
        ("pad: 'x'", lambda m: m.integer("pad", 0), '1:6: pad: expected a whole number, received "x"'),
        ("pad: 1.5", lambda m: m.integer("pad", 0), "1:6: pad: expected a whole number, received `1.5`"),
        ("pad: nan", lambda m: m.integer("pad", 0), "1:6: pad: expected a whole number, received `nan`"),
        ("pad: 08", lambda m: m.integer("pad", 0), "1:6: pad: expected a whole number, received `08`"),
        ("pad: -1", lambda m: m.integer("pad", 0), "1:6: pad: expected at least 0, received `-1`"),
        ("pad { }", lambda m: m.integer("pad", 0), "1:5: pad: expected a whole number, received a message"),
        ("bias_term: 2", lambda m: m.flag("bias_term", True), "1:12: bias_term: expected true or false, received `2`"),
        ("name { }", lambda m: m.text("name"), "1:6: name: expected a string, received a message"),
        ("layer: 1", lambda m: m.messages("layer"), "1:8: layer: expected `{`, received `1`"),
    ],
)  # fmt: skip
def test_values_of_another_kind_are_errors_with_their_place(text, ask, error: str):
    with pytest.raises(UserError) as raised:
        ask(parse(text, "f"))
    assert str(raised.value) == f"f:{error}"


def test_values_as_their_reader_asks_for_them():
    m = parse("pad: 1 pad: 2 on: t off: False n: 1e2 kind: AVE name: 'x' p { a: 1 } p { b: 2 }", "f")
    assert (m.integers("pad"), m.integer("pad", 0), m.integer("no", 7)) == ((1, 2), 2, 7)
    assert (m.flag("on", False), m.flag("off", True), m.flag("no", True)) == (True, False, True)
    assert (m.integer("n", 0), m.text("kind"), m.text("name"), m.text("no", "-")) == (100, "AVE", "x", "-")
    assert [m.message("p").integer(name, 0) for name in "ab"] == [1, 2]


def said_of(text: str) -> str:
    """What the user's error says of `text`; nothing where it is sound."""
    try:
        parse(text, "f")
    except UserError as error:
        return str(error)
    return ""


def test_cut_and_shuffled_files_raise_nothing_but_the_user_s_error():
    texts = [path.read_text(encoding="utf-8")[:6000] for path in sorted(packaged("inputs/prototxt").glob("*.prototxt"))]
    bits = ["{", "}", "<", ">", "'", '"', "[", "]", "\\", "-", "0", ":", ";", "\x00", "é", "#", "nan", "\n"]
    chance, parsed = random.Random(0), 0
    for _ in range(300):
        text = chance.choice(texts)
        for _ in range(chance.randrange(1, 4)):
            at = chance.randrange(len(text) + 1)
            to = at + chance.randrange(1, 40)
            text = (
                chance.choice(
                    (text[:at] + text[to:], text[:at] + chance.choice(bits) + text[at:], text[:at] + "}" * 3, text[at:])
                )
                or "x"
            )
        said = said_of(text)
        parsed += said == ""
        assert re.fullmatch(r"(f:\d+:\d+: [^\n]+)?", said)
    assert 0 < parsed < 300
