"""`convatlas draw`: a model or a prototxt file, drawn in any style, into one file, without a report.

MODEL, FILE.prototxt ──▶ read (diagrams/source.py) ──▶ Architecture ──▶ at_depth ──▶ style ──▶ Drawing ──▶ svg, pdf, png
                                                                              └────▶ tex
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any, get_type_hints

from generator.diagrams.architecture import Architecture
from generator.diagrams.export import FORMATS, Exported, export
from generator.diagrams.source import read
from generator.diagrams.styles import StyleInfo, styles
from generator.diagrams.svg import num
from generator.errors import UserError
from generator.selectors import nearest

ENDINGS = (*FORMATS, "tex")
PIXELS = 2.0
"""Of a PNG, for each of the drawing's."""


def draw(
    model: str,
    style: str,
    *,
    form: str,
    size: str | None = None,
    depth: int | None = None,
    options: Sequence[str] = (),
    phase: str | None = None,
    weights: str | None = None,
    scale: float | None = None,
) -> Exported:
    """What `convatlas draw` writes; `size` as ``3x224x224``, `options` as ``key=value``, `weights` a file or ``random``.

    Raises:
        UserError: an unknown style, option or format, an option of no use, a model that cannot be built, run or drawn so.
    """
    made = styled(style, options, depth)
    if scale is not None and form != "png":
        raise UserError(
            f"--scale: it is of a PNG, and {form.upper()} was asked for: leave it out, or take --format png"
        )
    if form == "tex" and not hasattr(made, "tex"):
        able = [name for name, info in styles().items() if hasattr(info.cls, "tex")]
        known = f"draw in {' or '.join(able)}, or take" if able else "take"
        raise UserError(f"--format: the style {style} has no tex: {known} {', '.join(FORMATS)}")
    reads = getattr(type(made), "reads_weights", False)
    if weights is not None and not reads:
        able = [name for name, info in styles().items() if getattr(info.cls, "reads_weights", False)]
        raise UserError(f"--weights: the style {style} draws no weights: draw in {' or '.join(able)}, or leave it out")
    it = read(model, size, phase, weights=weights if weights is not None else reads)
    _fits(made, style, it)
    if form == "tex":
        return Exported(made.tex(it).encode(), said(it))
    done = export(made.draw(it), form, PIXELS if scale is None else scale)
    return Exported(done.data, (*said(it), *done.notes))


def _fits(made: Any, style: str, it: Architecture) -> None:
    """Refuse what the style cannot draw of this network, and names of blocks that are not in it."""
    if (refuses := getattr(made, "refuses", None)) is not None and (why := refuses(it)):
        others = [name for name, info in styles().items() if not hasattr(info.cls, "refuses")]
        raise UserError(f"--style {style}: {why[:1].lower()}{why[1:-1]}: draw in {' or '.join(others)}")
    if (unused := getattr(made, "without_use", None)) is not None and (why := unused(it)):
        raise UserError(f"--set {why}")


def said(it: Architecture) -> tuple[str, ...]:
    """What a reader must know of a drawing, as sentences."""
    unused = (f"Never touched in the forward pass: {', '.join(it.unused)}.",) if it.unused else ()
    return (*it.notes, *unused)


def format_of(out: Path | None, asked: str | None) -> str:
    """``pdf`` of ``net.pdf``, unless another is asked for; ``svg`` where neither is given.

    Raises:
        UserError: an ending or a format that is none of ours.
    """
    form = (asked or (out.suffix.removeprefix(".") if out is not None else "svg")).lower()
    if form not in ENDINGS:
        what = "--format" if asked else "-o"
        found = form if asked else str(out)
        raise UserError(
            f"{what}: expected {'' if asked else 'a file that ends in '}{', '.join(ENDINGS)}, received {found}"
        )
    return form


# ---- how it is drawn


def styled(name: str, options: Sequence[str], depth: int | None = None) -> Any:
    """The style `name` with these options and this depth.

    Raises:
        UserError: no such style or option, a value that it cannot have, one that is given twice.
    """
    known = styles()
    if name not in known:
        have = ", ".join(known) or "none"
        raise UserError(f"--style: there is no style `{name}`{nearest(name, known)}; there are {have}")
    info = known[name]
    given: dict[str, Any] = {}
    for key, value in map(partial(_option, info), options):
        if key in given:
            raise UserError(f"--set {key}: expected it once, received {given[key]} and {value}")
        given[key] = value
    if depth is not None:
        given["depth"] = _depth(info, depth, given)
    try:
        made = info.cls(**given)
    except ValueError as error:  # a value of the right type that the style cannot draw with
        raise UserError(f"--set: {error}") from None
    _colours(made, given)
    return made


def _colours(made: Any, given: Mapping[str, Any]) -> None:
    """Refuse a colour that the other options leave no use for."""
    for one in fields(made) if given else ():
        for other, value in one.metadata.get("where", {}).items():
            if one.name in given and getattr(made, other) != value:
                said = str(value).lower() if isinstance(value, bool) else value
                raise UserError(
                    f"--set {one.name}: nothing is drawn in it but with {other}={said}: set that too, or leave it out"
                )


def _depth(info: StyleInfo, depth: int, given: Mapping[str, Any]) -> int:
    """What `--depth` says, where the style has such an option and no other one says it."""
    if "depth" not in _names(info.cls):
        able = [name for name, other in styles().items() if "depth" in _names(other.cls)]
        known = f", or draw in {' or '.join(able)}" if able else ""
        raise UserError(f"--depth: the style {info.name} has no blocks that open: leave it out{known}")
    if "depth" in given:
        raise UserError(f"--depth: expected it once, received --depth {depth} and --set depth={given['depth']}")
    _check(info, "depth", depth, str(depth), "--depth")
    return depth


def _names(cls: type[Any]) -> tuple[str, ...]:
    return tuple(one.name for one in fields(cls))


def _option(info: StyleInfo, text: str) -> tuple[str, Any]:
    """(key, value) of ``key=value``, of the type of the style's field."""
    import yaml
    from pydantic import TypeAdapter, ValidationError

    key, equals, said = text.partition("=")
    key = key.strip().replace("-", "_")
    names = _names(info.cls)
    if not equals:
        raise UserError(f"--set: expected key=value, received {text}; {info.name} has {', '.join(names)}")
    if key not in names:
        raise UserError(
            f"--set: {info.name} has no option `{key}`{nearest(key, names)}; it has {', '.join(names) or 'none'}"
        )
    kind = get_type_hints(info.cls)[key]
    for value in (said, _yaml(yaml, said)):  # text where text is wanted; else numbers, lists, null
        try:
            found = TypeAdapter(kind).validate_python(value)
        except ValidationError as error:
            wrong = error.errors(include_url=False)[0]
            continue
        if isinstance(found, float) and not math.isfinite(found):
            raise UserError(f"--set {key}: expected a finite number, received {said!r}")
        _check(info, key, found, said)
        return key, found
    raise UserError(f"--set {key}: expected {_wanted(wrong)}, received {said!r}")


def _check(info: StyleInfo, key: str, found: Any, said: str, where: str = "") -> None:
    """Refuse what the page's form would not let through: a number beyond the option's ends, a colour that is none."""
    option = next(one for one in fields(info.cls) if one.name == key)
    least, most = option.metadata.get("min"), option.metadata.get("max")
    if least is not None and most is not None and not least <= found <= most:
        what = "a whole number" if isinstance(found, int) else "a number"
        raise UserError(
            f"{where or f'--set {key}'}: expected {what} from {num(least)} to {num(most)}, received {said!r}"
        )
    if option.metadata.get("colour") and not re.fullmatch(r"#[0-9a-fA-F]{6}", found):
        raise UserError(f"--set {key}: expected a colour as #rrggbb ({option.default}), received {said!r}")


def _wanted(wrong: Any) -> str:
    """What a value should have been, in words."""
    words = {
        "float": "a number", "int": "a whole number", "bool": "true or false", "string": "text", "tuple": "a list, as [layer1]",
    }  # fmt: skip
    said: str = wrong["msg"].removeprefix("Input should be ")
    return words.get(wrong["type"].partition("_")[0]) or wrong.get("ctx", {}).get("expected") or said


def _yaml(yaml: Any, text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return text
