"""Hostile strings, character by character."""

from __future__ import annotations

import json as std
import re
from html import unescape

import markdown
import pytest
import yaml
from jinja2 import Environment

from generator.pages import escape
from tests.pages.fixture_report import HOSTILE


def test_md_by_hand():
    assert escape.md("a<b") == "a&#60;b"
    assert escape.md("[x](y)") == "&#91;x&#93;&#40;y&#41;"
    assert escape.md("{{7*7}}") == "&#123;&#123;7&#42;7&#125;&#125;"
    assert escape.md("a\nb\tc\x00d") == "a b c d"
    assert escape.md("abc\u202egnp.exe") == "abcgnp&#46;exe"
    assert escape.md("猫 é") == "猫 é"


def test_clean_drops_what_cannot_be_shown():
    assert escape.clean("a\ud800b\u2028c\u2066d\u200f") == "ab cd"


@pytest.mark.parametrize("text", HOSTILE)
def test_md_reads_back_as_the_cleaned_string(text: str):
    made = escape.md(text)
    assert not re.search(r"[<>\"'`\[\](){}|*_:!\n]", re.sub(r"&#\d+;", "", made))
    assert unescape(made) == escape.clean(text)


@pytest.mark.parametrize("text", HOSTILE)
def test_markdown_finds_no_syntax_in_it(text: str):
    made = markdown.markdown(escape.md(text), extensions=["tables", "attr_list", "fenced_code", "toc"])
    assert re.sub(r"<p>(.*)</p>", r"\1", made, flags=re.S).count("<") == 0


@pytest.mark.parametrize("text", HOSTILE)
def test_json_cannot_leave_its_script(text: str):
    made = escape.json({"name": text + "\u2028\u2029"})
    assert "<" not in made
    assert "\u2028" not in made
    assert "\u2029" not in made
    assert std.loads(made) == {"name": text + "\u2028\u2029"}


def test_json_refuses_what_is_not_json():
    with pytest.raises(ValueError, match="JSON compliant"):
        escape.json(float("nan"))


def test_url_is_one_segment():
    assert escape.url("a/b?c#d é\u202e") == "a%2Fb%3Fc%23d%20%C3%A9%E2%80%AE"


def test_breaks_after_dots_and_underscores():
    assert escape.breaks("_blocks.10._conv") == "&#95;blocks&#46;<wbr>10&#46;<wbr>&#95;conv"
    assert escape.breaks("conv_1/b") == "conv&#95;<wbr>1&#47;<wbr>b"
    assert escape.breaks("<b>.x") == "&#60;b&#62;&#46;<wbr>x"


def test_block_keeps_lines_as_references():
    assert escape.block("a:\n\tb<") == "a&#58;&#10;&#9;b&#60;"


def test_default_is_md_unless_plain():
    env = Environment(autoescape=True, finalize=escape.default)
    assert env.from_string("{{ x }}").render(x="layers/a-b.html") == "layers/a-b.html"
    assert env.from_string("{{ x }}").render(x='--8<-- "f"') == "&#45;&#45;8&#60;&#45;&#45; &#34;f&#34;"
    assert env.from_string("{{ x }}").render(x="a--b") == "a&#45;&#45;b"
    assert env.from_string("{{ x }}|{{ n }}|{{ nothing }}").render(x=escape.md("<"), n=3, nothing=None) == "&#60;|3|"


@pytest.mark.parametrize("text", HOSTILE)
def test_front_matter_reads_back(text: str):
    title = escape.md(text)
    assert yaml.safe_load(f"title: {escape.json(str(title))}\n") == {"title": str(title)}


def test_slug():
    assert escape.slug("_blocks.10._Expand_conv") == "blocks-10-expand-conv"
    assert escape.slug("../../etc/passwd") == "etc-passwd"
    assert escape.slug("猫") == "x"
    assert escape.slug("a" * 60) == "a" * 48
