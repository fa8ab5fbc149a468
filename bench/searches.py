"""Activation maximization beside the passes it cannot do without, and beside lucent.

    python bench/searches.py                      writes bench/results/searches.json; lucent's columns stay as they were
    python bench/searches.py --lucent FOLDER      with lucent, from a folder that it was installed into
    make bench LUCENT=FOLDER                      the same, with the other measurements

lucent has not changed for years, and asks for versions of other packages that would spoil an environment:

    pip install --target FOLDER --no-deps torch-lucent==0.1.8 kornia==0.4.1 decorator future

It imports IPython to show pictures in notebooks, for which an empty stand-in is enough here. It runs as its tutorial has it:
`render.render_vis`, one unit at a time, the whole model forward, its own transforms and its own Adam; at our size and steps,
and with the model's own normalisation. As loaded, parameters ask for gradients.

Bounds: a search at most 1.25 times the bare forwards and backwards of the same batch by the model as it was loaded, frozen, in
its faster memory format, in float32, and stopped at the layer, both in float32 as well and in the numbers that a report on this
machine searches in (`precision: auto`); over all convolutions at least 10 times lucent's units a
second, on the deepest quarter at least 5 times; and the objective reached not lower: the mean of the unit's map on the last
picture, seen straight, measured in float32. Beside lucent, ours run in the numbers of a report. A bound that is missed fails the
run, but those of lucent's columns of an earlier one, and those of ours in the fewer steps that a search takes where nothing else
is asked for, which are told beside them: whether these reach what lucent reaches in its own is said too. One process, the same model, by turns. Ours are taken as a report takes them, eight units of a layer together and layers
abreast, what takes longest in front; of lucent, one unit of each layer. Layers are every 7th convolution, and every 3rd of the deepest quarter.
GOMP_SPINCOUNT=1000 in the environment is what the command itself sets.

Both take 32 steps. lucent starts at gray and its Adam moves away from it slowly: after a dozen steps a picture has a quarter
of the contrast that ours are held to. What it reaches then is gray's own answer in the main. Where a unit's mean falls with
any contrast at all, as that of a third of the units of an untrained ResNet does, the paler picture stands higher, and neither
stands as high as gray. After 32 steps what was found outweighs that nearly everywhere. There, gray's own answer is told beside
both.
"""

from __future__ import annotations

import argparse
import os
import sys
import types
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from statistics import median
from typing import Any

import torch
from _timing import Bound, earlier, in_turn, keep, verdicts
from torch import Tensor, nn

import generator
from generator.command import memory
from generator.config import ModelConfig
from generator.engine.abreast import abreast
from generator.engine.handle import Handle, handle
from generator.engine.passes import Engine
from generator.engine.rules import RuleBook
from generator.engine.tune import faster_format, faster_precision, use_format
from generator.library import engine_for
from generator.methods.activation_maximization import ActivationMaximization
from generator.model.describe import Description, describe
from generator.model.load import LoadedModel, load
from generator.model.twin import copied
from generator.names import Layer, Unit
from generator.search.climb import Climb, Found, climb, normalised
from generator.search.objectives import Units

MODELS = {"efficientnet_lite0": None, "torchvision:resnet50": "random"}
"""Source -> weights."""
SIZE = 128
"""Pixels of a side: lucent's own default. At every layer, so that nothing but the layer differs."""
TOGETHER = 8
"""Units of a layer searched for together."""
STEPS = ActivationMaximization().steps
"""Of a search where nothing else is asked for."""
OVER_BARE = 1.25
TIMES = {"all convolutions": 10, "deepest quarter": 5}
"""How many times lucent's units a second."""
FEWER = "ours in the steps of the method's own default"
EARLIER = "not measured in this run but in an earlier one, with"
"""Beside columns that were left as they were."""


@dataclass(frozen=True)
class Subject:
    """A model, described and in its faster format, and what searches and lucent are given of it."""

    loaded: LoadedModel
    description: Description
    engine: Engine
    peer: nn.Module
    climb: Climb

    @property
    def convs(self) -> list[Layer]:
        """Every convolution, in order."""
        return [layer for layer in self.description.layers if layer.kind == "conv"]

    def held(self, engine: Engine) -> Any:
        """A handle on one of the engines."""
        preprocess = self.loaded.preprocess
        return handle(engine, self.description.facts.input_shape, preprocess.mean, preprocess.std)


def subject(source: str, weights: str | None, steps: int) -> Subject:
    """A model made ready."""
    loaded = load(ModelConfig(source=source, weights=weights))
    shape = (loaded.preprocess.channels, *loaded.preprocess.size)
    peer = copied(loaded.module).eval()
    description = describe(loaded.module, shape)
    engine = engine_for(loaded.module, description)
    use_format(engine, faster_format(engine, shape))
    precision = faster_precision(engine, shape)
    return Subject(loaded, description, engine, peer, ActivationMaximization(steps=steps, precision=precision).climb)


def found(it: Subject, held: Handle, layer: Layer, precision: str | None = None, count: int = TOGETHER) -> Found:
    """The first units of a layer, searched for together; in the report's numbers where no others are named."""
    units = tuple(Unit(layer.name, k) for k in range(min(count, layer.units)))
    draws = [torch.Generator().manual_seed(k) for k in range(len(units))]
    settings = it.climb if precision is None else replace(it.climb, precision=precision)
    return climb(settings, held, Units(layer.name, units), draws, (SIZE, SIZE), seed=0)


def searched(it: Subject, layers: Sequence[Layer], into: dict[str, Found]) -> None:
    """What is found for the first units of each layer, layers abreast and the deepest first, into a mapping by the layer's name."""

    def one(engine: Engine, layer: Layer) -> None:
        with it.held(engine) as held:
            into[layer.name] = found(it, held, layer)

    abreast(it.engine, sorted(layers, key=it.convs.index, reverse=True), one)


def over_bare(it: Subject, rounds: int) -> dict[str, dict[str, float]]:
    """Searches over bare passes, at a shallow, a middle and a deep convolution."""
    convs = it.convs
    told = {}
    with it.held(it.engine) as held:
        for layer in (convs[len(convs) // 8], convs[len(convs) // 2], convs[-1]):
            x = it.engine.batch(torch.rand(TOGETHER, 3, SIZE, SIZE))

            def bare(layer: Layer = layer, x: Tensor = x) -> None:
                for _ in range(it.climb.steps):  # not by the handle, which merges normalisations
                    leaf = x.clone().requires_grad_()
                    _, kept = it.engine.forward(leaf, frozenset({layer.name}), RuleBook(intercept=False), stop=True)
                    torch.autograd.grad(kept[layer.name][:, 0].mean(), leaf)

            took = in_turn(
                {
                    "bare": bare,
                    "search": lambda layer=layer: found(it, held, layer),
                    "float32": lambda layer=layer: found(it, held, layer, "float32"),
                },
                rounds,
            )
            told[layer.name] = {
                "bare, s": round(took["bare"], 3),
                "search, s": round(took["search"], 3),
                "ratio": round(took["search"] / took["bare"], 2),
                "search in float32, s": round(took["float32"], 3),
                "ratio in float32": round(took["float32"] / took["bare"], 2),
            }
            print(layer.name, told[layer.name], flush=True)
    return told


def lucent_at(folder: str) -> Callable[[Subject, Layer, int], Tensor]:
    """lucent's search for one unit: its picture (3, h, w) in [0, 1]."""
    sys.path.insert(0, folder)
    stand_in, display = types.ModuleType("IPython"), types.ModuleType("IPython.display")
    stand_in.display = display  # type: ignore[attr-defined]
    for name, module in (("IPython", stand_in), ("IPython.display", display)):
        sys.modules.setdefault(name, module)
    from lucent.optvis import objectives, param, render, transform  # type: ignore[import-not-found]
    from torchvision.transforms import Normalize

    def search(it: Subject, layer: Layer, unit: int) -> Tensor:
        torch.manual_seed(unit)
        preprocess = it.loaded.preprocess
        (picture,) = render.render_vis(
            it.peer,
            objectives.channel(layer.name.replace(".", "_"), unit),
            lambda: param.image(SIZE),
            transforms=[*transform.standard_transforms, Normalize(preprocess.mean, preprocess.std)],
            preprocess=False,
            thresholds=(it.climb.steps,),
            progress=False,
            show_image=False,
            fixed_image_size=SIZE,
        )
        return torch.from_numpy(picture[0]).permute(2, 0, 1)

    return search


def beside(it: Subject, peer: Callable[[Subject, Layer, int], Tensor], every: int, rounds: int) -> dict[str, Any]:
    """Units a second of both, and what both reached."""
    convs = it.convs
    deepest = convs[-(len(convs) // 4) :]
    told = {}
    for name, layers in (("all convolutions", convs[::every]), ("deepest quarter", deepest[::-3])):
        ours: dict[str, Found] = {}
        sooner: dict[str, Found] = {}
        theirs: dict[str, Tensor] = {}

        own = partial(searched, it, layers, ours)
        fewer = partial(searched, replace(it, climb=replace(it.climb, steps=STEPS)), layers, sooner)

        def other(layers: Sequence[Layer] = layers, theirs: dict[str, Tensor] = theirs) -> None:
            for layer in layers:
                theirs[layer.name] = peer(it, layer, 0)

        took = in_turn({"ours": own, "fewer steps": fewer, "lucent": other}, rounds, warm=False)
        here, soon = (len(layers) * TOGETHER / took[one] for one in ("ours", "fewer steps"))
        there = len(layers) / took["lucent"]
        told[name] = {
            "layers measured": len(layers),
            "units a second, ours": round(here, 2),
            "units a second, lucent": round(there, 3),
            "times lucent": round(here / there, 1),
            **reached(it, layers, ours, theirs),
            FEWER: {
                "steps": STEPS,
                "units a second, ours": round(soon, 2),
                "times lucent": round(soon / there, 1),
                **reached(it, layers, sooner, theirs),
            },
        }
        print(name, told[name], flush=True)
    return told


def reached(
    it: Subject, layers: Sequence[Layer], ours: Mapping[str, Found], theirs: Mapping[str, Tensor]
) -> dict[str, Any]:
    """The same unit's mean over its map on both last pictures, no transform between."""
    pairs = []
    with it.held(it.engine) as held, torch.no_grad():
        for layer in layers:
            both = torch.stack([ours[layer.name].pictures[0], theirs[layer.name]])
            gray = torch.full_like(both[:1], 0.5)
            maps = held.layer_output(layer.name, normalised(torch.cat([both, gray]), held))
            pairs.append(maps[:, 0].mean(dim=(1, 2)).tolist())
    return {
        "reached at least as much as lucent": sum(a >= b for a, b, _ in pairs),
        "median of the rise above gray, over lucent's": round(median((a - g) / abs(b - g) for a, b, g in pairs), 2),
        "reached (ours, lucent, gray)": [[round(value, 4) for value in row] for row in pairs],
    }


def left(source: str, before: Mapping[str, Any]) -> dict[str, Any]:
    """Lucent's columns of the run before, `before`, where this one is without lucent: as they were, and a note of what they were
    measured with."""
    columns = before.get(source, {}).get("beside lucent")
    if columns is None:
        return {}
    with_ = {
        "conv-atlas": before.get("conv-atlas"),
        "precision": before[source]["precision"],
        "steps": before.get("steps"),
        **before.get("machine", {}),
        **before.get("versions", {}),
    }
    return {"beside lucent": {EARLIER: with_} | columns}  # of one that was left before, its own note


def bounds(figures: Mapping[str, Any]) -> list[Bound]:
    """What these figures are held against."""
    held = []
    for model in MODELS:
        here = figures[model]
        for layer, one in here["over bare passes"].items():
            for key, numbers in (("ratio", here["precision"]), ("ratio in float32", "float32")):
                held.append(Bound(f"{model} {layer}, search in {numbers} over bare passes", one[key], OVER_BARE))
        beside = here.get("beside lucent", {})
        now = EARLIER not in beside
        for where, times in TIMES.items():
            if one := beside.get(where):
                when = "" if now else ", in an earlier run"
                count = one["layers measured"]
                held += against_lucent(f"{model} {where}", one, count, times, when, now)
                if fewer := one.get(FEWER):
                    at = f"{model} {where} in {fewer['steps']} steps"
                    held += against_lucent(at, fewer, count, times, when, held_to=False)
    return held


def against_lucent(
    what: str, one: Mapping[str, Any], layers: int, times: float, when: str, held_to: bool
) -> tuple[Bound, Bound]:
    """How many times lucent's units a second, and in how many of `layers` no less is reached."""
    share = one["reached at least as much as lucent"] / layers
    return (
        Bound(f"{what}, times lucent's units a second{when}", one["times lucent"], times, True, held_to),
        Bound(f"{what}, share of units that reached as much{when}", round(share, 3), 1, True, held_to),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, write, print. The exit status."""
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser()
    parser.add_argument(
        "--lucent",
        metavar="FOLDER",
        default=os.environ.get("LUCENT") or None,
        help="where lucent was installed (or LUCENT in the environment); without, its columns stay as they were",
    )
    parser.add_argument("--every", type=int, default=7, help="beside lucent at every so-many-th convolution")
    parser.add_argument("--steps", type=int, default=32, help="of both; fewer say little of what is reached")
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args(arguments)
    memory.keep()
    memory.large_pages()
    peer = None if asked.lucent is None else lucent_at(asked.lucent)
    before = earlier("searches")
    figures: dict[str, Any] = {
        "batch": TOGETHER,
        "size": SIZE,
        "steps": asked.steps,
        "versions": {"torch": torch.__version__, **({} if peer is None else {"torch-lucent": "0.1.8"})},
        "conv-atlas": generator.__version__,
    }
    for source, weights in MODELS.items():
        it = subject(source, weights, asked.steps)
        here: dict[str, Any] = {"precision": it.climb.precision, "over bare passes": over_bare(it, asked.rounds)}
        if peer is None:
            here |= left(source, before)
        else:
            here["beside lucent"] = beside(it, peer, asked.every, max(1, asked.rounds - 1))
        figures[source] = here
    keep("searches", figures)
    print(f"{SIZE} px, {TOGETHER} units together")
    return verdicts(bounds(figures))


if __name__ == "__main__":
    sys.exit(main())
