"""The documentation says what the program does: every key, every option, every preset, every command of make."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import get_args

import pytest
import typer.main
import yaml
from pydantic import BaseModel

from generator.cli import app
from generator.config import INTERPOLATIONS, PRESETS, InputConfig, LiveConfig, ModelConfig, ReportConfig, TrustConfig
from generator.selectors import KINDS

TOP = Path(__file__).resolve().parent.parent
CONFIG = (TOP / "docs/config.md").read_text(encoding="utf-8")
COMMAND = (TOP / "docs/command.md").read_text(encoding="utf-8")


def rows(text: str) -> Iterator[tuple[str, str]]:
    """(key, default) of the tables with three columns"""
    for line in text.splitlines():
        if found := re.fullmatch(r"\| `([\w.]+)` \| (.+?) \| .+ \|", line):
            yield found[1], found[2].strip("`")


def keys(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Dotted names of all fields."""
    for name, field in model.model_fields.items():
        yield prefix + name
        kinds = get_args(field.annotation) if isinstance(field.annotation, UnionType) else (field.annotation,)
        for kind in kinds:
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from keys(kind, f"{prefix}{name}.")


def test_every_key_is_documented_once_and_nothing_else_is():
    assert sorted(key for key, _ in rows(CONFIG)) == sorted(keys(ReportConfig))


def test_the_documented_defaults_are_the_defaults():
    documented = dict(rows(CONFIG))
    config = ReportConfig()
    for name in ReportConfig.model_fields:
        value = getattr(config, name)
        if name in ("model", "methods", "trust"):
            continue
        said = yaml.safe_load(documented[name].replace("none", "null"))
        assert said == (list(value) if isinstance(value, tuple) else str(value) if isinstance(value, Path) else value)
    assert documented["model"] == config.model.source
    assert documented["methods"] == "all"
    assert {documented[f"model.input.{name}"] for name in InputConfig.model_fields} == {"none"}
    assert all(value is None for _, value in InputConfig())
    defaults = {
        name: field.default for name, field in ModelConfig.model_fields.items() if name not in ("source", "input")
    }
    assert {name: yaml.safe_load(documented[f"model.{name}"].replace("none", "null")) for name in defaults} == defaults
    for name in TrustConfig.model_fields:
        value, said = getattr(config.trust, name), yaml.safe_load(documented[f"trust.{name}"].replace("none", "null"))
        assert said == (list(value) if isinstance(value, tuple) else value)
    assert yaml.safe_load(documented["live.layers"]) == list(LiveConfig().layers)
    assert documented["model.source"] == documented["model.input"] == "none"


def test_the_words_of_the_grammar_are_documented():
    for word in (*INTERPOLATIONS, *KINDS, "last_conv", "stage_ends", "all", *PRESETS):
        assert f"`{word}`" in CONFIG


def commands() -> list[tuple[str, str]]:
    """(command, option), "" for the command itself"""
    group = typer.main.get_command(app)
    found = []
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        options = [opt for param in command.params for opt in param.opts if opt.startswith("--")]
        found += [(name, ""), *((name, option) for option in options if option not in ("--help", "--debug"))]
    return found


@pytest.mark.parametrize(("command", "option"), commands())
def test_every_command_and_option_is_documented(command: str, option: str):
    section = re.search(rf"^## `convatlas {command}`\n(.*?)(?=^## |\Z)", COMMAND, flags=re.M | re.S)
    assert section
    assert not option or f"| `{option}` |" in section[1]


def test_no_option_is_documented_that_does_not_exist():
    documented = {
        (name, option) for name, body in _sections() for option in re.findall(r"^\| `(--[\w-]+)`", body, re.M)
    }
    assert documented == {(name, option) for name, option in commands() if option}


def _sections() -> list[tuple[str, str]]:
    return re.findall(r"^## `convatlas (\w+)`\n(.*?)(?=^## |\Z)", COMMAND, flags=re.M | re.S)


def test_make_help_lists_every_target_of_make():
    shown = subprocess.run(["make", "-C", TOP, "help"], capture_output=True, text=True, check=True).stdout
    phony = re.search(r"^\.PHONY: (.*)$", (TOP / "Makefile").read_text(encoding="utf-8"), re.M)
    assert phony
    assert set(re.findall(r"^  make (\w+) ", shown, re.M)) == set(phony[1].split())


def test_the_readme_opens_with_a_picture_and_the_two_commands():
    opening = (TOP / "README.md").read_text(encoding="utf-8").split("\n## ")[0]
    assert opening.index("![") < opening.index("make report") < opening.index("make test")


def test_pictures_and_links_of_the_documents_lead_somewhere():
    for document in [TOP / "README.md", *(TOP / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", document.read_text(encoding="utf-8")):
            assert "://" in target or (document.parent / target).exists(), f"{document.name}: {target}"


def test_decisions_have_a_number_each_and_say_it():
    files = sorted((TOP / "docs/adr").glob("*.md"))
    numbers = [int(file.name[:4]) for file in files]
    assert len(set(numbers)) == len(numbers)
    for number, file in zip(numbers, files, strict=True):
        assert file.read_text("utf-8").startswith(f"# {number}. "), file.name
