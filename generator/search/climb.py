"""One search: gradient ascent on the coordinates of a batch of pictures, each climbing for itself.

start ─▶ (paint ─▶ look ─▶ model ─▶ score - priors ─▶ gradient ─▶ step) x steps ─▶ paint ─▶ middle, scored once more

Steps may run the model in bfloat16 (`precision`); pictures, scores and steps are float32 throughout, and so is the last pass.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from generator.methods import ModelHandle
from generator.search.ascent import PooledAscent
from generator.search.canvas import Canvas
from generator.search.colours import logits
from generator.search.dead import reason
from generator.search.diversity import alikeness
from generator.search.fourier import Fourier
from generator.search.maco import Maco, magnitude_of
from generator.search.objectives import Objective, Units
from generator.search.pixels import Pixels
from generator.search.priors import distance_to_gray, total_variation
from generator.search.transforms import Wander, framed, look, middle, windows

PARAMETRIZATIONS = ("fourier", "pixel", "maco")
SURE = 0.05
"""Of a score, and of the values that it is a sum of: what the rounding of bfloat16 does not make of it. A rise beyond is one."""
EVEN = 0.85
"""How evenly the rings of a spectrum move (`generator.search.ascent`) where units are searched for at a contrast that is held:
waves that a unit does not care for take of it what flat colour would have, where that is what the unit wants."""
STIRRED = 0.25
"""Root mean square in front of the sigmoid, as a share of the image's, of the noise by which variants that start from one image
differ in the beginning: with a tenth of it they come out as like to a layer as without."""
FRAMES = 24
"""Most pictures of a course, the last one among them."""


@dataclass(frozen=True)
class Climb:
    """How a search goes about it. The fields are options of activation maximization, and mean what they mean there."""

    steps: int
    parametrization: str
    rate: float
    decay: float
    contrast: float
    jitter: int
    turn: float
    zoom: float
    pad: int
    redirect: int
    total_variation: float
    lp: float
    p: float
    blur: float
    blur_every: int
    diversity: int
    apart: float
    precision: str

    def canvas(self, channels: int, size: tuple[int, int], photographs: Tensor | None = None) -> Canvas:
        """What pictures of this size (height, width) are painted on, its margins added; `photographs` (n, c, h, w) in
        [0, 1] are those whose magnitudes MACO holds."""
        h, w = size[0] + 2 * self.jitter, size[1] + 2 * self.jitter
        if self.parametrization == "pixel":
            return Pixels(channels, h, w, self.contrast)
        if self.parametrization == "maco":
            given = photographs is not None and len(photographs) > 0
            natural = magnitude_of(resized(photographs.cpu(), (h, w))) if photographs is not None and given else None
            return Maco(channels, h, w, self.decay, self.contrast, natural)
        return Fourier(channels, h, w, self.decay, self.contrast)

    def prior(self, picture: Float[Tensor, "b c h w"]) -> Float[Tensor, " b"] | None:
        """R(x), one number a picture; None where no prior is asked for."""
        parts = []
        if self.total_variation:
            parts.append(self.total_variation * total_variation(picture))
        if self.lp:
            parts.append(self.lp * distance_to_gray(picture, self.p))
        return sum(parts[1:], parts[0]) if parts else None


@dataclass(frozen=True)
class Found:
    """What a search of `b` pictures came to."""

    pictures: Float[Tensor, "b c h w"]
    """In [0, 1]."""
    scores: tuple[float, ...]
    """What each reached, seen straight and without a frame; priors are no part of it."""
    dead: tuple[str, ...]
    """Why a picture shows nothing (`generator.search.dead`); "" where it is alive."""
    curves: tuple[tuple[float, ...], ...]
    """The score in front of each step, as the step saw the picture."""
    opacity: Float[Tensor, "b h w"] | None = None
    """MACO: how much each place mattered, the absolute gradients on the picture summed over channels and steps, over
    their largest."""
    courses: Mapping[int, Float[Tensor, "f c h w"]] = field(default_factory=dict)
    """Of the pictures asked for: how they came about, at most FRAMES of each."""


def climb(
    settings: Climb,
    handle: ModelHandle,
    objective: Objective,
    draws: Sequence[torch.Generator],
    size: tuple[int, int],
    *,
    seed: int,
    frame: int | None = None,
    start: Tensor | None = None,
    photographs: Float[Tensor, "n c h w"] | None = None,
    shown: Collection[int] = (),
) -> Found:
    """Search for as many pictures of `size` (height, width) as there are `draws`: a generator each, so that a picture is
    the same whoever shares its batch.

    Args:
        seed: of the looks, which all pictures share.
        frame: pixels of gray about the picture, where not as `settings` say.
        start: a picture (c, h, w) in [0, 1] to start all from, instead of noise; or one each (b, c, h, w). Of pictures that
            are to differ (`Climb.diversity`) all but the first start from it under noise of their own (STIRRED): from one place
            nothing would part them.
        photographs: see `Climb.canvas`.
        shown: which pictures' courses are wanted.
    """
    frame, device = settings.pad if frame is None else frame, handle.device
    canvas = settings.canvas(handle.input_shape[0], size, photographs)
    wander = Wander(settings.jitter, settings.turn, settings.zoom)
    z = torch.stack(_starts(canvas, draws, start, size, settings)).to(device)  # (b, c, v, u, parts)
    ways = windows(
        wander, settings.steps, seed, (size[0] + 2 * settings.jitter, size[1] + 2 * settings.jitter), size, device
    )
    unevenly = isinstance(canvas, Fourier) and settings.contrast > 0 and isinstance(objective, Units)
    ascent = PooledAscent(canvas.groups, settings.rate, EVEN if unevenly else 1.0)
    touched = torch.zeros(len(draws), dtype=torch.bool, device=device)
    felt = torch.zeros(len(draws), *size, device=device) if isinstance(canvas, Maco) else None

    def see(window: Tensor, redirect: bool = False, precision: str = "float32") -> Tensor:
        x = normalised(window, handle)
        if objective.layer is None:
            return handle.class_scores(x, redirect=redirect, precision=precision)
        return handle.layer_output(objective.layer, x, redirect=redirect, precision=precision)

    def touch(gradient: Tensor) -> None:
        if not bool(touched.all()):  # as a rule all are by the first step
            touched.logical_or_((gradient.nan_to_num(0.0, 0.0, 0.0) != 0).flatten(1).any(dim=1))

    def feel(gradient: Tensor) -> None:
        if felt is not None:
            felt.add_(middle(gradient, *size).nan_to_num_(0.0, 0.0, 0.0).abs_().sum(dim=1))

    with torch.no_grad():
        score = objective.scorer(lambda pictures: see(resized(pictures.to(device), size)))
    pausing = set(torch.linspace(0, settings.steps - 1, min(FRAMES - 1, settings.steps)).round().int().tolist())
    courses: dict[int, list[Tensor]] = {k: [] for k in shown}
    curve: list[Tensor] = []
    begun = z
    ahead: Callable[..., Tensor] | None = None
    for step in range(settings.steps):
        z = z.detach().requires_grad_()
        picture = canvas.paint(z)
        if step in pausing:
            for k, course in courses.items():
                course.append(middle(picture[k].detach(), *size).float().cpu())
        window = look(picture, ways[step % len(ways)])
        window.register_hook(touch)
        if felt is not None:
            picture.register_hook(feel)
        # the start is seen as the end will be, without a frame: whether the score rose is told from these two
        view, redirect = framed(window, frame if step else 0), step < settings.redirect
        if ahead is None:
            maps = see(view, redirect, settings.precision)
            reached = score(maps)  # (b,)
        else:
            reached = ahead(normalised(view, handle), redirect=redirect)
        curve.append(reached.detach())
        if not step:
            strength = maps.detach().flatten(1).abs().mean(dim=1)  # (b,)
            if isinstance(objective, Units) and settings.diversity == 1:  # variants are told apart by all of the maps
                seen = normalised(view.detach(), handle)
                ahead = handle.ahead(objective.layer, score, seen, settings.precision)
        value = reached
        if (prior := settings.prior(picture)) is not None:
            value = value - prior
        if settings.diversity > 1:  # relative to the score, whose scale is the layer's
            value = value - settings.apart * reached.detach().abs() * alikeness(maps, settings.diversity)
        z = ascent.step(z.detach(), handle.backward(value.sum(), z))
        if settings.blur and (step + 1) % settings.blur_every == 0:
            z = canvas.blurred(z, settings.blur)
    with torch.no_grad():
        found = middle(canvas.paint(z), *size)
        unsure = settings.precision == "bfloat16" and not bool(_risen(curve, strength).all())
        first = [middle(canvas.paint(begun), *size)] if unsure else []
        maps = see(torch.cat([found, *first]))
        ended = tuple(score(maps[: len(found)]).float().tolist())
        if unsure:  # whether a score rose is not left to rounding
            curve[0] = torch.where(_risen(curve, strength), curve[0], score(maps[len(found) :]))
    curves = tuple(map(tuple, torch.stack(curve, dim=1).float().tolist()))
    found = found.float().cpu()
    return Found(
        found,
        ended,
        tuple(reason(c[0], e, t) for c, e, t in zip(curves, ended, touched.tolist(), strict=True)),
        curves,
        None if felt is None else (felt / felt.amax(dim=(1, 2), keepdim=True).clamp(min=1e-30)).cpu(),
        {k: torch.stack([*course, found[k]]) for k, course in courses.items()},
    )


def _risen(curve: Sequence[Float[Tensor, " b"]], strength: Float[Tensor, " b"]) -> Bool[Tensor, " b"]:
    """Whether the score of each picture rose by more than rounding makes of it; `strength` is the mean absolute value that the
    model gave for the first."""
    first, last = curve[0], curve[-1]
    return last - first > SURE * torch.stack([first.abs(), last.abs(), strength]).amax(dim=0)


def _starts(
    canvas: Canvas, draws: Sequence[torch.Generator], start: Tensor | None, size: tuple[int, int], settings: Climb
) -> list[Tensor]:
    """Where each picture starts: at noise of its own, at the picture given, stirred where it is another one's variant, or at the
    one given for it."""
    if start is None:
        return [canvas.start(draw) for draw in draws]
    margin = settings.jitter
    if start.dim() == 4:
        return [canvas.of(_with_margins(one.cpu(), size, margin)) for one in start]
    given = _with_margins(start.cpu(), size, margin)
    return [
        canvas.of(_stirred(given, canvas, draw) if k % settings.diversity else given) for k, draw in enumerate(draws)
    ]


def _stirred(picture: Float[Tensor, "c h w"], canvas: Canvas, draw: torch.Generator) -> Float[Tensor, "c h w"]:
    """A picture in [0, 1] with noise of the canvas' own kind on it."""
    waves, noise = (logits(one) for one in (picture, canvas.paint(canvas.start(draw)[None])[0]))
    strength = STIRRED * waves.square().mean().sqrt().clamp(min=1)  # a gray image has none of its own
    return (waves + strength * noise / noise.square().mean().sqrt().clamp(min=1e-12)).sigmoid()


def normalised(picture: Float[Tensor, "b c h w"], handle: ModelHandle) -> Float[Tensor, "b c h w"]:
    """Pictures in [0, 1] as the model wants them."""
    mean, std = (picture.new_tensor(values).view(-1, 1, 1) for values in (handle.mean, handle.std))
    return torch.addcmul(-mean / std, picture, 1 / std)  # (picture - mean) / std, in one pass over it


def resized(pictures: Float[Tensor, "n c h w"], size: tuple[int, int]) -> Float[Tensor, "n c h w"]:
    """Pictures at another size, smoothed where they shrink."""
    if pictures.shape[-2:] == size:
        return pictures
    return F.interpolate(pictures, size, mode="bilinear", antialias=True, align_corners=False)


def _with_margins(picture: Float[Tensor, "c h w"], size: tuple[int, int], margin: int) -> Float[Tensor, "c h w"]:
    return F.pad(resized(picture[None], size), [margin] * 4, mode="replicate")[0]
