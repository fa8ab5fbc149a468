"""`convatlas descent`: optimizers on a toy surface as an animation for slides, or their last moment as a picture.

options ──▶ surface, runs of torch.optim (generator/descent/) ──▶ a drawing a frame (picture.py) ──▶ webp, gif; png, svg
"""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Callable, Sequence
from pathlib import Path

from PIL import Image

from generator.descent.optimizers import OPTIMIZERS, Optimizer
from generator.descent.picture import ground as picture_ground
from generator.descent.picture import picture
from generator.descent.relief import Relief
from generator.descent.runs import Run, descend
from generator.descent.surfaces import SURFACES, Surface
from generator.diagrams.export import export
from generator.errors import UserError
from generator.selectors import nearest

FORMATS = ("webp", "gif", "png", "svg")
VIEWS = ("2d", "3d")
MOST_STEPS = 2000
FRAMES = 120
"""At most: six seconds."""
PER_FRAME, FIRST, LAST = 50, 800, 2500
"""Milliseconds of a frame, and of the two on which one wants to look. A GIF counts in hundredths of a second."""


def descended(
    surface: str,
    optimizers: Sequence[str] | None,
    start: str | None,
    rates: Sequence[str],
    settings: Sequence[str],
    steps: int,
) -> tuple[Surface, list[Run]]:
    """The runs that the options ask for; `start` as ``2.2,1.3``, `rates` as ``adam=0.2``, `settings` as ``adam.beta1=0.8``.

    Raises:
        UserError: a name that is not known, a number that is none or lies outside what an optimizer takes.
    """
    found = SURFACES.get(surface)
    if found is None:
        raise UserError(
            f"--surface: there is no surface `{surface}`{nearest(surface, SURFACES)}; there are {', '.join(SURFACES)}"
        )
    if not 1 <= steps <= MOST_STEPS:
        raise UserError(f"--steps: expected 1 to {MOST_STEPS}, received {steps}")
    names = list(dict.fromkeys(optimizers)) if optimizers is not None else list(OPTIMIZERS)
    chosen = [_optimizer(name, "--optimizers") for name in names]
    if not chosen:
        raise UserError(f"--optimizers: expected at least one of {', '.join(OPTIMIZERS)}")
    given: dict[str, dict[str, float]] = {}
    for text in rates:
        name, value = _assigned(text, "--lr", "adam=0.2")
        _take(given, name, "lr", value, "--lr")
    for text in settings:
        name, value = _assigned(text, "--set", "adam.beta1=0.8")
        of, dot, key = name.partition(".")
        if not dot:
            raise UserError(f"--set: expected OPTIMIZER.SETTING=NUMBER, as adam.beta1=0.8, received {text}")
        _take(given, of, key, value, "--set")
    at = _start(start) if start is not None else found.start
    return found, [descend(found, one, at, steps, given.get(one.name)) for one in chosen]


def _optimizer(name: str, option: str) -> Optimizer:
    if name not in OPTIMIZERS:
        have = ", ".join(OPTIMIZERS)
        raise UserError(f"{option}: there is no optimizer `{name}`{nearest(name, OPTIMIZERS)}; there are {have}")
    return OPTIMIZERS[name]


def _assigned(text: str, option: str, example: str) -> tuple[str, float]:
    name, equals, said = text.partition("=")
    if not equals:
        raise UserError(f"{option}: expected NAME=NUMBER, as {example}, received {text}")
    return name.strip(), _number(said, option)


def _number(text: str, option: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise UserError(f"{option}: expected a number, received {text.strip() or 'none'}")
    return value


def _take(given: dict[str, dict[str, float]], name: str, key: str, value: float, option: str) -> None:
    """Note a setting, if that optimizer has it and it lies within its ends."""
    one = _optimizer(name, option)
    setting = next((each for each in one.settings if each.name == key), None)
    if setting is None:
        have = ", ".join(each.name for each in one.settings)
        raise UserError(f"{option}: {name} has no setting `{key}`; it has {have}")
    if not setting.least <= value <= setting.most:
        raise UserError(f"{option}: {name}.{key} is from {setting.least:g} to {setting.most:g}, received {value:g}")
    given.setdefault(name, {})[key] = value


def _start(text: str) -> tuple[float, float]:
    parts = text.split(",")
    if len(parts) != 2:
        raise UserError(f"--start: expected X,Y, as 2.2,1.3, received {text}")
    return _number(parts[0], "--start"), _number(parts[1], "--start")


def form_of(out: Path, asked: str | None) -> str:
    """``gif`` of ``a.gif``, unless another format is asked for.

    Raises:
        UserError: a format or an ending that is none of ours.
    """
    form = (asked or out.suffix.removeprefix(".")).lower()
    if form not in FORMATS:
        what, found = ("--format", form) if asked else ("-o", str(out))
        ends = "" if asked else "a file that ends in "
        raise UserError(f"{what}: expected {ends}{', '.join(FORMATS)}, received {found}")
    return form


def side_of(view: str, surface: Surface, runs: Sequence[Run]) -> Relief | None:
    """Who draws the map: a relief for ``3d``; None for ``2d``, which is seen from above.

    Raises:
        UserError: another view.
    """
    if view not in VIEWS:
        raise UserError(f"--view: expected {' or '.join(VIEWS)}, received {view}")
    return Relief(surface, runs) if view == "3d" else None


def drawn(
    surface: Surface,
    runs: Sequence[Run],
    form: str,
    tell: Callable[[int, int], None] | None = None,
    side: Relief | None = None,
) -> bytes:
    """The file: all frames of a webp or gif, `tell`-ing how many of how many are done; the last moment as png or svg. The map
    is drawn by `side`, where it is not seen from above."""
    if form in ("png", "svg"):
        return export(picture(surface, runs, side=side), form).data
    steps = frames(len(runs[0].losses) - 1)
    ground = export(picture_ground(surface, side), "png", 1.0).data
    under = f"data:image/png;base64,{base64.b64encode(ground).decode()}"
    pictures = []
    for k, step in enumerate(steps):
        png = export(picture(surface, runs, step, under=under, side=side), "png", 1.0).data
        pictures.append(Image.open(io.BytesIO(png)).convert("RGB"))
        if tell is not None:
            tell(k + 1, len(steps))
    times = [PER_FRAME] * len(steps)
    times[0], times[-1] = FIRST, LAST
    return _webp(pictures, times) if form == "webp" else _gif(pictures, times)


def frames(steps: int) -> list[int]:
    """Which steps are drawn: the start, and evenly from there to the last, at most `FRAMES` of them."""
    count = min(steps, FRAMES - 1)
    return [round(k * steps / count) for k in range(count + 1)]


def _webp(pictures: Sequence[Image.Image], times: Sequence[int]) -> bytes:
    file = io.BytesIO()
    first, *rest = pictures
    first.save(
        file, "WEBP", save_all=True, append_images=rest, duration=list(times), loop=0, quality=88, method=2,
        allow_mixed=True, minimize_size=False,
    )  # fmt: skip
    return file.getvalue()


def _gif(pictures: Sequence[Image.Image], times: Sequence[int]) -> bytes:
    """All frames in the colours of the last, which has every optimizer's: no frame flickers against another."""
    palette = pictures[-1].quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    first, *rest = [one.quantize(palette=palette, dither=Image.Dither.NONE) for one in pictures]
    file = io.BytesIO()
    first.save(file, "GIF", save_all=True, append_images=rest, duration=list(times), loop=0, optimize=False)
    return file.getvalue()
