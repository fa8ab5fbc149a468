"""The library under the report: raw maps and activations of any model, many methods and layers from shared passes.

>>> maps = generator.attribute(model, x, ["grad_cam", "saliency"], layers="stage_ends", target="top1")
>>> maps["grad_cam"]["layer4"].shape            # (n, h, w), the layer's own resolution
>>> generator.visualize(model, "unit:layer4:17", mean=mean, std=std).pictures   # (1, 3, 224, 224), made from noise
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, overload

import torch
from torch import Tensor, nn

from generator.artifacts import ChannelMaps, Heatmap, InputMap, Kernels, NotApplicable
from generator.engine.handle import handle
from generator.engine.invoke import invocation_for
from generator.engine.output import HEADS
from generator.engine.passes import Engine, Served
from generator.engine.plan import Request, plan
from generator.engine.probe import Shared, probed
from generator.errors import UserError
from generator.methods import SEARCHES, Method, only, registry
from generator.model.describe import Description, describe
from generator.model.run import Advice
from generator.model.unwrap import unwrapped
from generator.names import INPUT, Layer, LayerName, Target
from generator.search.climb import Found
from generator.search.objectives import Objective
from generator.search.visualize import BEGIN, objective_of, search
from generator.selectors import check_units, nearest, parse_target, select_layers

_INPUTS = "give what it takes beside the image in `inputs`, by the names of its parameters"
GIVEN = Advice("give `x` with as many channels, and of the size, that it expects", _INPUTS)
SAID = Advice(
    "say the size that it expects in `shape`, (height, width), and a number a channel in `mean` and `std`", _INPUTS
)
"""What a caller can do where the model does not run on what it was given."""

Maps = dict[LayerName, Tensor | NotApplicable]
"""Layer name -> maps: (n, h, w) for heat maps, (n, c, h, w) for feature maps, (o, i, h, w) for kernels."""


def make_method(name: str, options: Mapping[str, Any] | None = None) -> Any:
    """The method `name` with these options.

    Raises:
        UserError: no such method, or no such option: the nearest name is offered.
    """
    methods = registry()
    if name not in methods:
        raise UserError(f"unknown method {name!r}{nearest(name, methods)}; `convatlas methods` lists them")
    cls = methods[name].cls
    try:
        return cls(**(options or {}))
    except TypeError:
        known = list(getattr(cls, "__dataclass_fields__", {}))
        wrong = next((key for key in options or {} if key not in known), "?")
        raise UserError(f"method {name!r} has no option {wrong!r}{nearest(wrong, known)}") from None


def requests_for(
    name: str, method: Method, layers: Iterable[Layer], targets: tuple[Target, ...], description: Description
) -> tuple[list[Request], dict[LayerName, NotApplicable]]:
    """What to ask the engine for one per-batch method, and where it does not apply."""
    asked: list[Request] = []
    refused: dict[LayerName, NotApplicable] = {}
    places: list[Layer | None] = [None] if method.scope == "input" else list(layers)
    for layer in places:
        where = INPUT if layer is None else layer.name
        reason = method.applies(description.facts, layer)
        if reason is None:
            asked.append(Request(name, method, where, targets if method.needs_target else ()))
        else:
            refused[where] = reason
    return asked, refused


@overload
def attribute(
    model: nn.Module,
    x: Tensor,
    methods: str,
    *,
    layers: str | Sequence[str] = ...,
    target: str | int | Target = ...,
    options: Mapping[str, Mapping[str, Any]] | None = ...,
    labels: Sequence[str] | None = ...,
    ends: tuple[Sequence[float], Sequence[float]] | None = ...,
    seed: int = ...,
    head: str = ...,
    output: str = ...,
    inputs: Mapping[str, Tensor] | None = ...,
) -> Maps | Tensor | NotApplicable: ...
@overload
def attribute(
    model: nn.Module,
    x: Tensor,
    methods: list[str] | tuple[str, ...],
    *,
    layers: str | Sequence[str] = ...,
    target: str | int | Target = ...,
    options: Mapping[str, Mapping[str, Any]] | None = ...,
    labels: Sequence[str] | None = ...,
    ends: tuple[Sequence[float], Sequence[float]] | None = ...,
    seed: int = ...,
    head: str = ...,
    output: str = ...,
    inputs: Mapping[str, Tensor] | None = ...,
) -> dict[str, Maps | Tensor | NotApplicable]: ...
def attribute(
    model: nn.Module,
    x: Tensor,
    methods: str | list[str] | tuple[str, ...] = "grad_cam",
    *,
    layers: str | Sequence[str] = "stage_ends",
    target: str | int | Target = "top1",
    options: Mapping[str, Mapping[str, Any]] | None = None,
    labels: Sequence[str] | None = None,
    ends: tuple[Sequence[float], Sequence[float]] | None = None,
    seed: int = 0,
    head: str = "auto",
    output: str = "",
    inputs: Mapping[str, Tensor] | None = None,
) -> Any:
    """Raw maps of one or many methods, all from one forward and one backward per backward rule.

    One forward more, of a single random image, describes the model first: its layers, its head, its rectifiers.

    Args:
        model: any vision model; left as it is found (flags, gradients, weights, hooks).
        x: normalised images (n, c, h, w); the model's own preprocessing is the caller's.
        methods: a name (`convatlas methods` lists them) or several.
        layers: a layer selector (``"stage_ends"``, ``"conv"``, ``"layer4.*"``, ...) or several.
        target: ``"top1"``, a class index, a label where `labels` are given, or a `generator.names` target.
        options: method name -> its options.
        labels: class names, so that a target can be one.
        ends: a black and a white pixel, normalised, one number a channel each: what is covered, blackened or begun from
            by methods that change the image. By default the lowest and the highest value of each image.
        seed: of the random numbers that some methods draw, together with the image's own values.
        head: what the scores are (``"regression"``, ``"binary"``, ``"multilabel"``, ...); ``"auto"``: as they look. One
            number an image looks like a binary head: for a regression, say so.
        output: where the scores stand in an output of several parts: ``"logits"``, ``"aux.0"``.
        inputs: further inputs by parameter name, each for one image, without the batch axis.

    Returns:
        For one method of scope ``layer``: layer name -> maps (n, h, w) at the layer's own resolution, feature maps
        (n, c, h, w); of scope ``input``: maps (n, c, h, w). `NotApplicable` stands where a method draws nothing.
        For several methods, a dict of these by method name.

    Raises:
        UserError: an unknown method, option, layer, class or unit; a target that stands for several; a search method.
    """
    names = [methods] if isinstance(methods, str) else list(methods)
    model = unwrapped(model)
    if head not in ("auto", *HEADS):
        raise UserError(f"head: expected auto or one of {', '.join(HEADS)}, received {head!r}")
    description = describe(
        model,
        (x.shape[1], x.shape[2], x.shape[3]),
        invocation=invocation_for(model, dict(inputs or {})),
        head=head,
        output=output,
        advice=GIVEN,
    )
    targets = _targets(target, labels, description)
    check_units(targets, description.layers)
    chosen = select_layers(layers, description.layers)
    found: dict[str, Any] = {}
    requests: list[Request] = []
    for name in names:
        method = make_method(name, (options or {}).get(name))
        if method.scope in (*SEARCHES, "set"):
            does = "searches over inputs" if method.scope in SEARCHES else "reads a whole set of images"
            instead = ", or call `generator.visualize`" if method.scope in SEARCHES else ""
            raise UserError(f"{name!r} {does} and attributes nothing: run it in a report (`convatlas build`){instead}")
        asked, refused = requests_for(name, method, chosen, targets, description)
        requests += asked
        found[name] = dict(refused)
    engine = engine_for(model, description)
    made: tuple[Shared, ...] = tuple({} for _ in x)
    for served in engine.run(x, plan(requests, description.facts)):
        here = found[served.request.name]
        if isinstance(served.reads, NotApplicable):
            here[served.request.layer] = served.reads
        elif served.request.probes:
            here[served.request.layer] = _probed(engine, served, x, ends, seed, made)
        else:
            here[served.request.layer] = raw(only(served.request.name, served.request.method.compute(served.reads)))
    for name, maps in found.items():
        if set(maps) == {INPUT}:
            found[name] = maps[INPUT]
        elif INPUT not in maps:
            found[name] = {layer.name: maps[layer.name] for layer in chosen if layer.name in maps}
    return found[names[0]] if isinstance(methods, str) else found


def _probed(
    engine: Engine,
    served: Served,
    x: Tensor,
    ends: tuple[Sequence[float], Sequence[float]] | None,
    seed: int,
    shared: tuple[Shared, ...],
) -> Tensor | NotApplicable:
    """What a probe draws of every image, for the one target: NaN where it draws nothing, unless it does so everywhere."""
    made = []
    for n, image in enumerate(x):
        low, high = ends or ([float(image.min())] * len(image), [float(image.max())] * len(image))
        pixels = torch.tensor(low), torch.tensor(high)
        of = hashlib.sha256(image.detach().cpu().float().contiguous().numpy().tobytes()).hexdigest()
        made.append(probed(engine, served, n, x, pixels, seed ^ int(of[:12], 16), shared[n])[0])
    drawn = [raw(one) for one in made if not isinstance(one, NotApplicable)]
    if not drawn:
        assert isinstance(made[0], NotApplicable)
        return made[0]
    blank = torch.full_like(drawn[0], torch.nan)
    return torch.cat([blank if isinstance(one, NotApplicable) else raw(one) for one in made])


def activations(model: nn.Module, x: Tensor, layers: str | Sequence[str] = "all") -> dict[LayerName, Tensor]:
    """The outputs (n, c, h, w) of `layers` for the normalised images `x` (n, c, h, w), from one forward that stops at
    the deepest of them, after one of a single random image that finds the layers. In-place operations later in the model do not change what is returned.

    Raises:
        UserError: an unknown layer.
    """
    maps = attribute(model, x, "feature_maps", layers=layers)
    assert isinstance(maps, dict)
    return {name: value for name, value in maps.items() if isinstance(value, Tensor)}


def visualize(
    model: nn.Module,
    of: str | int | Target | Sequence[str | int | Target] | Objective,
    *,
    mean: Sequence[float],
    std: Sequence[float],
    shape: int | tuple[int, int] = (224, 224),
    size: int | tuple[int, int] | None = None,
    count: int | None = None,
    start: Tensor | None = None,
    photographs: Tensor | None = None,
    options: Mapping[str, Any] | None = None,
    labels: Sequence[str] | None = None,
    seed: int = 0,
    head: str = "auto",
    output: str = "",
    inputs: Mapping[str, Tensor] | None = None,
) -> Found:
    """Pictures that raise units, classes, directions or a layer, or that show what a layer keeps of an image.

    Args:
        model: any vision model; left as it is found.
        of: targets as in `attribute`, a picture each (``"unit:layer4:17"``, ``281``, ``"tabby"``, a list of them), or an
            objective of `generator.search.objectives`: `DeepDream`, `Direction`, `Caricature`, `Inversion`.
        mean, std: of the model's own normalisation, one number a channel: pictures enter as (x - mean) / std.
        shape: (height, width) of the model's own input, or one number for both.
        size: (height, width) of the pictures, where it is not `shape`; or one number for both.
        count: how many pictures, from seeds of their own, of an objective that does not say.
        start: a picture (c, h, w) in [0, 1] to start from, instead of noise.
        photographs: pictures (n, c, h, w) in [0, 1] whose magnitudes the parametrization maco holds; without, 1 / f.
        options: those of `activation_maximization`; each kind of objective begins with its own (`visualize.BEGIN`).
        labels, seed, head, output, inputs: as in `attribute`.

    Returns:
        `Found`: pictures (n, c, h, w) in [0, 1], the score of each, its curve, why it is dead, MACO's opacity.

    Raises:
        UserError: an unknown option, layer, class or unit; a target that means another class for each image; a shape, a size or a
            normalisation that is none.
    """
    model, shape = unwrapped(model), _sides("shape", shape)
    size = None if size is None else _sides("size", size)
    if len(mean) != len(std) or not all(one > 0 for one in std):
        raise UserError(
            f"visualize: expected as many std above 0 as mean, received mean {tuple(mean)} and std {tuple(std)}"
        )
    description = describe(
        model,
        (len(mean), *shape),
        invocation=invocation_for(model, dict(inputs or {})),
        head=head,
        output=output,
        advice=SAID,
    )
    objective: Objective = of if isinstance(of, Objective) else _objective(of, labels, description)
    settings = make_method("activation_maximization", {**BEGIN.get(type(objective), {}), **(options or {})}).climb
    with handle(engine_for(model, description), (len(mean), *shape), tuple(mean), tuple(std)) as held:
        return search(
            held,
            description,
            objective,
            settings,
            count=count,
            size=size,
            start=start,
            photographs=photographs,
            seed=seed,
        )


def _sides(name: str, value: Any) -> tuple[int, int]:
    sides = (value, value) if isinstance(value, int) else value
    if isinstance(sides, Sequence) and len(sides) == 2 and all(isinstance(one, int) and one > 0 for one in sides):
        return sides[0], sides[1]
    raise UserError(f"visualize: expected {name} as (height, width), or one number for both, received {value!r}")


def _objective(
    of: str | int | Target | Sequence[str | int | Target], labels: Sequence[str] | None, description: Description
) -> Objective:
    many = of if isinstance(of, Sequence) and not isinstance(of, str) else [of]
    return objective_of([one for each in many for one in _targets(each, labels, description)])


def engine_for(model: nn.Module, description: Description) -> Engine:
    """An engine on the device the model is on."""
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    return Engine(
        model,
        device=device,
        facts=description.facts,
        head=description.head_linear,
        copies=description.overwritten,
        readout=description.readout,
        invocation=description.invocation,
        grids=description.grids,
    )


def raw(artifact: Any) -> Tensor:
    """The numbers of an artifact."""
    if isinstance(artifact, (Heatmap, ChannelMaps, InputMap, Kernels)):
        return artifact.values
    raise TypeError(f"no raw numbers in {type(artifact).__name__}")


def _targets(target: str | int | Target, labels: Sequence[str] | None, of: Description) -> tuple[Target, ...]:
    if isinstance(target, (str, int)):
        try:
            targets = parse_target(str(target), labels, of.classes)
        except UserError as error:
            if of.classes or not of.notes:
                raise
            raise UserError(f"{error}: {' '.join(of.notes)}") from None
        if len(targets) != 1:
            raise UserError(
                f"expected one target, received {target!r}, which stands for {len(targets)}: call once for each"
            )
        return targets
    return (target,)
