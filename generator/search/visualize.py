"""Any objective, searched for at once: units, classes, directions, a whole layer, an image's caricature or inversion.

    generator.visualize(model, "unit:layer4:17", mean=…, std=…)        a unit, as on a layer's page
    generator.visualize(model, [281, 207], mean=…, std=…)              class visualizations
    generator.visualize(model, DeepDream("layer3"), start=photo, …)    an image, dreamt on

A report makes most of these too, each kind by a method of its own (`generator/methods/`), with options of its own. Here
there is one call for all, and directions besides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from generator.errors import UserError
from generator.methods import ModelHandle
from generator.model.describe import Description
from generator.names import ClassTarget, GroupTarget, Target, Unit
from generator.search.climb import Climb, Found, climb
from generator.search.objectives import Caricature, Classes, DeepDream, Direction, Inversion, Objective, Units
from generator.selectors import check_units

STILL: Mapping[str, Any] = {"jitter": 0, "turn": 0.0, "zoom": 0.0}
"""Each place of the picture is held against the same place of an image: it must not stray."""
BEGIN: Mapping[type, Mapping[str, Any]] = {
    Classes: {"steps": 128},
    DeepDream: {"steps": 24, "contrast": 0.0},
    Direction: {"steps": 64},
    Caricature: {"steps": 64, "decay": 1.0},
    Inversion: {"steps": 128, "contrast": 0.0, "rate": 0.05, **STILL},
}
"""Options of activation maximization that each kind of search begins with, where the caller says nothing else."""


def objective_of(targets: Sequence[Target]) -> Objective:
    """What is climbed for targets, a picture each: units of one layer, or classes and groups.

    Raises:
        UserError: targets of both kinds, of several layers, or such as mean another class for every image.
    """
    units = tuple(target for target in targets if isinstance(target, Unit))
    classes = tuple(
        (target.index,) if isinstance(target, ClassTarget) else target.classes
        for target in targets
        if isinstance(target, (ClassTarget, GroupTarget))
    )
    layers = {unit.layer for unit in units}
    if len(units) == len(targets) and len(layers) == 1:
        return Units(units[0].layer, units)
    if targets and len(classes) == len(targets):
        return Classes(classes)
    raise UserError(
        f"visualize: expected units of one layer (unit:layer4:17), or classes and groups, received {len(units)} units of "
        f"{len(layers)} layers, {len(classes)} classes and groups, and {len(targets) - len(units) - len(classes)} others: "
        "call once for each layer, and name classes themselves"
    )


def pictures(objective: Objective, given: int | None, diversity: int) -> int:
    """How many pictures an objective is of, with `given` where it leaves that open.

    Raises:
        UserError: another number was given; classes have no layer for their pictures to differ in.
    """
    if isinstance(objective, Classes) and diversity > 1:
        raise UserError(
            "visualize: expected diversity 1 for classes: pictures differ by a layer, and classes have none"
        )
    own = (
        len(objective.units)
        if isinstance(objective, Units)
        else len(objective.classes)
        if isinstance(objective, Classes)
        else len(objective.vector)
        if isinstance(objective, Direction) and objective.vector.dim() == 2
        else None
    )
    if own is not None and given not in (None, own):
        raise UserError(
            f"visualize: expected no count, or {own}, since a picture each is asked for, received {given}; several pictures of each: "
            'options={"diversity": 3}'
        )
    return own or given or 1


def search(
    handle: ModelHandle,
    description: Description,
    objective: Objective,
    settings: Climb,
    *,
    count: int | None = None,
    size: tuple[int, int] | None = None,
    start: Float[Tensor, "c h w"] | None = None,
    photographs: Float[Tensor, "n c h w"] | None = None,
    seed: int = 0,
) -> Found:
    """The pictures of an objective, all in one batch, of the model's own input size where none is given.

    Raises:
        UserError: the model has no such layer, unit or class, or an image is not as the input.
    """
    check(description, objective)
    for name, picture in (("start", start), ("image", getattr(objective, "image", None))):
        if picture is not None and (picture.dim() != 3 or len(picture) != handle.input_shape[0]):
            raise UserError(
                f"visualize: expected {name} as ({handle.input_shape[0]}, height, width) in [0, 1], received shape "
                f"{tuple(picture.shape)}"
            )
    own = handle.input_shape[1], handle.input_shape[2]
    if isinstance(objective, (Caricature, Inversion)) and settings.pad:
        raise UserError(
            f"visualize: expected pad 0 where the places of a picture are held against an image's, received {settings.pad}"
        )
    if (
        isinstance(objective, Units)
        and any(unit.position for unit in objective.units)
        and (settings.pad or size not in (None, own))
    ):
        raise UserError(
            f"visualize: a unit's place is one of the model's own input size, {own[0]} x {own[1]}: expected no pad and no "
            "other size"
        )
    n = pictures(objective, count, settings.diversity)
    draws = [torch.Generator().manual_seed((seed * 1_000_003 + k) % 2**63) for k in range(n * settings.diversity)]
    repeated = _repeated(objective, settings.diversity)
    return climb(settings, handle, repeated, draws, size or own, seed=seed, start=start, photographs=photographs)


def check(description: Description, objective: Objective) -> None:
    """Refuse a layer, a unit or a class that the model has not."""
    if isinstance(objective, Classes):
        for index in (index for group in objective.classes for index in group):
            if not 0 <= index < description.classes:
                raise UserError(f"visualize: expected a class from 0 to {description.classes - 1}, received {index}")
        return
    layer = description.by_name.get(objective.layer) if objective.layer is not None else None
    if layer is None:
        raise UserError(f"visualize: the model has no layer {objective.layer!r}; `convatlas layers` lists a model's")
    if isinstance(objective, Units):
        check_units(objective.units, description.layers)
    if isinstance(objective, Direction) and objective.vector.shape[-1] != layer.units:
        raise UserError(
            f"visualize: expected a direction over the {layer.units} units of {layer.name}, received shape "
            f"{tuple(objective.vector.shape)}"
        )


def _repeated(objective: Objective, n: int) -> Objective:
    """The same for n pictures of each, one after the other."""
    if n > 1 and isinstance(objective, Units):
        return Units(objective.layer, tuple(unit for unit in objective.units for _ in range(n)), objective.at)
    if n > 1 and isinstance(objective, Direction) and objective.vector.dim() == 2:
        return Direction(objective.layer, objective.vector.repeat_interleave(n, dim=0), objective.sharp)
    return objective
