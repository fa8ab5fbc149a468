"""The Jinja environment of the pages: autoescape on, our filters, the strings, the user's folders before ours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from generator.pages import escape, numbers
from generator.pages.prose import formulas, mathml


class Strings:
    """The words of the interface by dotted key: `t("layer.units")`, with {named} parts filled in."""

    def __init__(self, table: dict[str, Any]) -> None:
        self.table = table

    def __call__(self, key: str, **parts: object) -> str:
        found: Any = self.table
        for step in key.split("."):
            if not isinstance(found, dict) or step not in found:
                raise KeyError(f"expected the string {key!r} in the string table, found nothing at {step!r}")
            found = found[step]
        text = str(found)
        for name, value in parts.items():
            text = text.replace("{" + name + "}", str(value))
        return text

    def section(self, key: str) -> dict[str, Any]:
        """One branch of the table, for scripts."""
        return dict(self.table[key])


_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The same values ten times as soon, where PyYAML was built with its C part."""


def strings(folders: tuple[Path, ...], language: str) -> Strings:
    """The first strings/<language>.yml found beside the site's settings."""
    for folder in folders:
        file = folder / "strings" / f"{language}.yml"
        if file.is_file():
            return Strings(yaml.load(file.read_text("utf-8"), Loader=_LOADER))
    raise FileNotFoundError(f"no strings/{language}.yml in {', '.join(map(str, folders))}")


def environment(templates: tuple[Path, ...], t: Strings) -> Environment:
    """Templates by name from the first folder that has them; an unknown name in one is an error, not a blank."""
    env = Environment(
        loader=FileSystemLoader([str(f) for f in templates]),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=escape.default,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.filters.update(
        md=escape.md, html=escape.html, json=escape.json, url=escape.url, block=escape.block, breaks=escape.breaks,
        count=numbers.count, short=numbers.short, raw=numbers.raw, percent=numbers.percent, size=numbers.size,
        seconds=numbers.seconds, mathml=mathml, formulas=formulas,
    )  # fmt: skip
    env.globals.update(t=t, times=numbers.times)
    return env
