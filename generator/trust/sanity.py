r"""Sanity: does a map change when what the model learnt is taken away? (Adebayo 2018, cascading randomisation.)

    trained ─▶ classifier random ─▶ … and the last blocks ─▶ … ─▶ every weight random
       │              │                      │                           │
     map 1          map 2                  map 3                       map n       rank correlation of each with map 1

Every weight tensor is drawn anew from a normal distribution with its own mean and standard deviation. Adebayo draws from
the initialisers that the model was trained from; a finished model does not carry these, a module need not have a
`reset_parameters`, and torch's is not what most models start from and makes the signal fade from layer to layer. With its
own moments each tensor loses what it learnt and keeps its scale. Batch normalisations then estimate their statistics anew
from the images: another layer's statistics normalise nothing, and the random model gives one class with certainty.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm, _NormBase
from torch.overrides import TorchFunctionMode

from generator.model.twin import copied
from generator.trust.agreement import spearman
from generator.trust.heads import trainable

MOST = 8
"""Stages, unless told otherwise."""
KEPT = math.sqrt(0.5)
"""A rank correlation above this: more than half of the variance of the ranks is still the same."""
NEAR = 0.1
"""How far a correlation must lie from `KEPT` to be on a side of it: other random weights and other images move the mean over
the upper half by as much (docs/trust.md has the measurement)."""
LEAST = 2
"""Images from which a finding is one: of one nobody knows how far the next would be from it."""
UPPER = 0.5
"""The share of the model's layers, from the output down, whose loss a map must show."""

Forward = Callable[[nn.Module, Tensor], Any]


@dataclass(frozen=True)
class Stage:
    """Layers that lose their weights together, after those of the stages before."""

    name: str
    """The deepest of them, the last to be reached."""
    modules: tuple[str, ...]
    """From the output down."""
    share: float
    """Of the model's layers with weights, those that are random from here on."""


def _call(module: nn.Module, x: Tensor) -> Any:
    return module(x)


def in_order(
    module: nn.Module, x: Tensor, forward: Forward = _call, read: Callable[[Any], Tensor | None] | None = None
) -> tuple[str, ...]:
    """Paths of the modules that own parameters, in the order in which one forward of `x` first calls them or reads what
    they own: attention and functional heads read weights of modules that are never called.

    What the forward does not touch is left out. `read` gives what the target is read from in an output: the classifier is
    the last module that this hangs on by its gradient, and comes last. Where anything else has no gradient, and the
    output is one of tensors, it is left out as well (auxiliary heads): no map depends on it.
    """
    seen: dict[str, None] = {}
    owners: dict[int, str] = {}
    hooks = []
    for name, part in module.named_modules():
        own = list(part.parameters(recurse=False))
        owners |= {id(weights): name for weights in own if id(weights) not in owners}
        if own:
            hooks.append(part.register_forward_pre_hook(lambda *_, name=name: seen.setdefault(name) and None))
    floating = [p for p in module.parameters() if p.is_floating_point()]
    try:
        with trainable(module, on=read is not None), _Reading(owners, seen):
            output = forward(module, x)
            scores = None if read is None else read(output)
            reached = set() if scores is None or not scores.requires_grad else _reached(scores, floating, owners)
    finally:
        for hook in hooks:
            hook.remove()
    order = list(seen)
    if not reached:
        return tuple(order)
    last = next(name for name in reversed(order) if name in reached)
    if not isinstance(output, list):  # a detector's boxes hang on weights through places, which have no gradient
        order = [name for name in order if name in reached]
    return (*(name for name in order if name != last), last)


class _Reading(TorchFunctionMode):
    """Notes whose parameters torch's functions are given."""

    def __init__(self, owners: Mapping[int, str], seen: dict[str, None]) -> None:
        super().__init__()
        self.owners, self.seen = owners, seen

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        for value in (*args, *(kwargs or {}).values()):
            for each in value if isinstance(value, (tuple, list)) else (value,):
                if isinstance(each, nn.Parameter) and id(each) in self.owners:
                    self.seen.setdefault(self.owners[id(each)])
        return func(*args, **(kwargs or {}))


def _reached(scores: Tensor, parameters: Sequence[nn.Parameter], owners: Mapping[int, str]) -> set[str]:
    """The owners of the parameters that have a gradient."""
    found = torch.autograd.grad(scores.float().sum(), parameters, allow_unused=True)
    return {owners[id(p)] for p, gradient in zip(parameters, found, strict=True) if gradient is not None}


def stages(module: nn.Module, order: Sequence[str], most: int = MOST, heads: Sequence[str] = ()) -> tuple[Stage, ...]:
    """The layers of `order`, from input to output, in at most `most` stages from the output down.

    The first stage is the classifier: the layers of `heads`, all of them together, or the last layer where none is given.
    Without it no class is left. The others hold equally many layers. A normalisation goes with the layer before it. A single
    stage holds everything.
    """
    layers: list[list[str]] = []
    for name in order:
        if layers and isinstance(module.get_submodule(name), (_NormBase, nn.LayerNorm, nn.GroupNorm)):
            layers[-1].append(name)
        else:
            layers.append([name])
    if not layers:
        return ()
    layers.reverse()
    layers.sort(key=lambda layer: not any(name in heads for name in layer))  # stable: the others stay as they are
    first = max(1, sum(any(name in heads for name in layer) for layer in layers))
    rest = len(layers) - first
    number = min(most, rest + 1)
    ends = [first + round(k * rest / (number - 1)) for k in range(number)] if number > 1 else [len(layers)]
    found = []
    for start, end in zip([0, *ends[:-1]], ends, strict=True):
        names = tuple(name for layer in layers[start:end] for name in reversed(layer))
        found.append(Stage(names[-1], names, end / len(layers)))
    return tuple(found)


def randomised(
    module: nn.Module,
    stages: Sequence[Stage],
    x: Float[Tensor, "n c h w"],
    seed: int = 0,
    forward: Forward = _call,
) -> Iterator[tuple[Stage, nn.Module]]:
    """A copy of `module` after each stage, with the weights of that stage and of all before it random.

    It is one and the same copy, changed further at each step: use it before asking for the next. `module` is left as it
    is. A tensor's new values depend on `seed` and on its name alone, not on the stages. `x` (n, c, h, w) are the images
    from which batch normalisations estimate their statistics; each is joined by its mirror image, so that one will do.
    """
    changed = copied(module).eval()
    both = torch.cat([x, x.flip(-1)])
    norms: list[_BatchNorm] = []
    for stage in stages:
        for name in stage.modules:
            part = changed.get_submodule(name)
            for kind, weights in part.named_parameters(recurse=False):
                _draw(weights, zlib.crc32(f"{seed} {name}.{kind}".encode()))
            if isinstance(part, _BatchNorm) and part.track_running_stats:
                norms.append(part)
        if norms:
            _estimate(norms, lambda: forward(changed, both))
        yield stage, changed


def telling(module: nn.Module, stage: Stage) -> bool:
    """Whether a stage changes anything: weights that are all equal, as a classifier of zeros has them, are drawn as they were."""
    own = [p for name in stage.modules for p in module.get_submodule(name).parameters(recurse=False)]
    return any(p.numel() > 1 and p.is_floating_point() and bool(p.detach().float().std() > 0) for p in own)


def _draw(weights: Tensor, seed: int) -> None:
    """New values of the same mean and standard deviation. A single number has no spread, and stays."""
    if weights.numel() < 2 or not weights.is_floating_point():
        return
    old = weights.detach().float()
    drawn = torch.randn(weights.shape, generator=torch.Generator().manual_seed(seed)).to(old.device)
    with torch.no_grad():
        weights.copy_(old.mean() + old.std() * drawn)


def _estimate(norms: Sequence[_BatchNorm], run: Callable[[], Any]) -> None:
    """Let batch normalisations take the statistics of one forward; each passes on what it has normalised by them."""
    before = [norm.momentum for norm in norms]
    try:
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # a mean over what is seen, not a moving one
            norm.train()
        with torch.no_grad():
            run()
    finally:
        for norm, momentum in zip(norms, before, strict=True):
            norm.momentum = momentum
            norm.eval()


def kept(trained: Float[Tensor, "h w"], now: Float[Tensor, "h w"]) -> float:
    """The rank correlation of the absolute values of a map before and after: what is left of it.

    0 where the map became flat: it ranks nothing any more. NaN where it was flat to begin with.
    """
    found = spearman(trained.abs(), now.abs())
    if math.isnan(found) and not math.isnan(spearman(trained.abs(), trained.abs())):
        return 0.0
    return found


Finding = Literal["passed", "insensitive", "picture"]
"""What a curve says of a method: it depends on what the model learnt; its maps stay as they are without the upper half
of the model; they would be much the same had the model learnt nothing."""


def finding(curve: Sequence[float], stages: Sequence[Stage]) -> Finding | None:
    """What a method's curve says, one correlation a stage (the trained model's own 1 left out); None where it is NaN.

    - *picture*: with every weight random the correlation is still above `KEPT`. The picture makes the map, not the model.
    - *insensitive*: it is above `KEPT` in the mean over the stages that take away no more than the upper half (`UPPER`)
      of the layers. By then the classifier and all late features are gone, and with them the decision; a map that still
      ranks places as before does not explain it.

    Raises:
        ValueError: the curve has not one value a stage.
    """
    if len(curve) != len(stages):
        raise ValueError(f"expected one correlation for each of {len(stages)} stages, received {len(curve)}")
    if not curve or any(math.isnan(value) for value in curve):
        return None
    if curve[-1] > KEPT:
        return "picture"
    upper = [value for value, stage in zip(curve, stages, strict=True) if stage.share <= UPPER] or [curve[0]]
    return "insensitive" if sum(upper) / len(upper) > KEPT else "passed"


Doubt = Literal["few", "near", "split"]
"""Why a finding is none yet: it rests on fewer than `LEAST` images; it would be the other one within `NEAR` of the limit; one
image clearly passes, and another clearly fails."""


def doubt(each: Sequence[Sequence[float]], stages: Sequence[Stage]) -> Doubt | None:
    """Whether the curves of images, one an image, leave undecided if the method passes; None where their mean decides.

    What is *near*, or clear, is so by the same rule: with every correlation `NEAR` lower or higher it says the opposite, or not.

    Raises:
        ValueError: as `finding`.
    """

    def sides(curve: Sequence[float]) -> set[bool]:
        return {finding([value + off for value in curve], stages) == "passed" for off in (-NEAR, 0.0, NEAR)}

    if len(each) < LEAST:
        return "few" if each else None
    if len(sides([sum(column) / len(each) for column in zip(*each, strict=True)])) > 1:
        return "near"
    clear = [found for curve in each if len(found := sides(curve)) == 1]
    return "split" if {True} in clear and {False} in clear else None


def curves(
    trained: Mapping[str, Sequence[Float[Tensor, "h w"]]],
    changed: Sequence[Mapping[str, Sequence[Float[Tensor, "h w"]]]],
) -> dict[str, tuple[tuple[float, ...], int]]:
    """Of each method the mean of `kept` over the images after each stage, and over how many images it is taken.

    `trained` has each method's maps, one an image, and `changed` the same for each stage. An image whose map is flat to
    begin with does not count.
    """
    found = {}
    for name, maps in trained.items():
        rows = [[kept(a, b) for a, b in zip(maps, stage[name], strict=True)] for stage in changed]
        counted = [k for k in range(len(maps)) if not any(math.isnan(row[k]) for row in rows)]
        n = len(counted)
        found[name] = (tuple(sum(row[k] for k in counted) / n if n else math.nan for row in rows), n)
    return found
