"""From whatever a model returns to the class scores, and to the numbers that gradients start from.

raw output ──▶ output path ("logits", "0", …) ──▶ by the kind of head ──▶ scores (n, classes), probabilities, values

classification   logits (n, classes)            probability: softmax          value: the class's logit
multilabel       logits (n, classes)            probability: sigmoid of each  value: the class's logit
binary           one logit z (n,) or (n, 1)     probability: sigmoid          value: z of "yes" (class 1), -z of "no" (class 0)
regression       numbers (n, outputs)           none                          value: the number
segmentation     logits (n, classes, h, w)      mean softmax over places      value: mean logit over the places the class wins
                 one logit (n, 1, h, w)         mean sigmoid over places      value: the same; classes and logits as of binary
detection        a dict of boxes an image       score of the best box         value: the same
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from generator.errors import UserError
from generator.model.calls import fields_of

HeadKind = Literal["classification", "multilabel", "binary", "regression", "segmentation", "detection"]
HEADS: tuple[HeadKind, ...] = ("classification", "multilabel", "binary", "regression", "segmentation", "detection")


@dataclass(frozen=True)
class Readout:
    """How scores are read from what a model returns."""

    kind: HeadKind = "classification"
    output: str = ""
    """Where the scores stand in the output, keys, fields or numbers joined by dots (``out``, ``0``, ``aux.logits``);
    where empty, found as `found_in` says."""
    classes: int = 0
    """How many classes a detector has: its output does not tell."""
    activated: bool = False
    """Whether the model itself ends in a softmax or a sigmoid: its scores are probabilities already."""

    def tensor(self, raw: Any) -> Tensor:
        """The tensor of scores, as the model gave it.

        Raises:
            UserError: there is none, or none at `output`: the option that says where is named.
        """
        found = found_in(raw) if not self.output else at_path(raw, self.output)
        if not isinstance(found, Tensor):
            raise UserError(
                f"expected class scores from the model, received {shown(raw)}: say in model.output where they stand"
            )
        return found.float() if found.is_floating_point() else found

    def scores(self, raw: Any) -> Float[Tensor, "n classes"]:
        """The scores that classes are ranked by.

        Raises:
            UserError: the output holds no such scores.
        """
        if self.kind == "detection":
            return torch.stack([self._best_boxes(one, range(self.classes)) for one in self._detections(raw)])
        found = self.tensor(raw)
        if self.kind == "segmentation":
            if found.dim() != 4:
                raise self._refused(found, "(n, classes, h, w)")
            if found.shape[1] == 1:
                yes = found if self.activated else found.sigmoid()
                return torch.cat([1 - yes, yes], dim=1).mean(dim=(2, 3))
            return (found if self.activated else found.softmax(dim=1)).mean(dim=(2, 3))
        if found.dim() == 1:
            found = found[:, None]
        if found.dim() != 2:
            raise self._refused(found, "(n, classes)")
        if self.kind == "binary":
            if found.shape[1] != 1:
                raise self._refused(found, "(n, 1), one number an image for model.head: binary,")
            return torch.cat([1 - found if self.activated else -found, found], dim=1)
        return found

    def values(self, raw: Any, classes: Int[Tensor, "n g"]) -> Float[Tensor, " n"]:
        """The number of each image that gradients start from: the sum over its `classes`."""
        if self.kind == "segmentation":
            maps = self.tensor(raw)
            if maps.shape[1] == 1:  # yes or no at every place, as a binary head has it for the whole image
                maps = torch.cat([1 - maps if self.activated else -maps, maps], dim=1)
            won = maps.detach().argmax(dim=1)  # (n, h, w)
            return torch.stack([self._over_places(maps, won, column) for column in classes.T]).sum(dim=0)
        if self.kind == "detection":  # without a box there is nothing to differentiate, not a gradient of zero
            found = zip(self._detections(raw), classes.tolist(), strict=True)
            return torch.stack([self._best_boxes(one, rows).sum() for one, rows in found])
        return self.scores(raw).gather(1, classes).sum(dim=1)

    def probabilities(self, scores: Float[Tensor, "n classes"]) -> Float[Tensor, "n classes"] | None:
        """What the scores mean as probabilities; None where they are none."""
        if self.kind == "regression":
            return None
        if self.kind in ("segmentation", "detection"):
            return scores
        if self.kind == "binary":
            yes = scores[:, 1] if self.activated else scores[:, 1].sigmoid()
            return torch.stack([1 - yes, yes], dim=1)
        if self.activated:
            return scores
        return scores.sigmoid() if self.kind == "multilabel" else scores.softmax(dim=1)

    @staticmethod
    def _over_places(maps: Tensor, won: Tensor, classes: Tensor) -> Tensor:
        """(n,): the mean logit of each image's class over the places where it is the highest, else over all places."""
        mine = maps[torch.arange(len(maps), device=maps.device), classes]  # (n, h, w)
        mask = (won == classes[:, None, None]).to(mine.dtype)
        mask = torch.where(mask.any(dim=2).any(dim=1)[:, None, None], mask, torch.ones_like(mask))
        return (mine * mask).sum(dim=(1, 2)) / mask.sum(dim=(1, 2))

    def _detections(self, raw: Any) -> Sequence[Mapping[str, Tensor]]:
        good = isinstance(raw, (list, tuple)) and all(isinstance(one, Mapping) and "scores" in one for one in raw)
        if not good:
            raise UserError(f"expected a list of boxes, labels and scores from a detector, received {shown(raw)}")
        return raw  # type: ignore[no-any-return]

    def _best_boxes(self, boxes: Mapping[str, Tensor], classes: Iterable[int]) -> Tensor:
        """The score of the best box of each of the classes, 0 where there is none."""
        found, none = [], boxes["scores"].new_zeros(())
        for index in classes:
            mine = boxes["scores"][boxes["labels"] == index]
            found.append(mine.max() if len(mine) else none)
        return torch.stack(found).float()

    def _refused(self, found: Tensor, expected: str) -> UserError:
        shape = " x ".join(map(str, found.shape))
        return UserError(
            f"expected scores of shape {expected} from the model, received {shape}: set model.head to what it is "
            f"({', '.join(HEADS)}), or model.output to where its scores stand"
        )


def logits(output: Any) -> Float[Tensor, "n classes"]:
    """The class scores in a classifier's output.

    Raises:
        UserError: the output holds no tensor of shape (n, classes).
    """
    return Readout().scores(output)


def found_in(output: Any, around: tuple[int, ...] = ()) -> Tensor | None:
    """The scores in an output of any make: a tensor; ``"logits"``, ``"out"`` or the first tensor of a mapping; the
    field ``logits`` of an object; the first tensor of a tuple, a list or an object's fields. A single number, such as a
    loss beside the scores, is none. `around` are the ids of what holds it, which it may hold in turn."""
    if isinstance(output, Tensor):
        return output if output.dim() else None
    if id(output) in around:
        return None
    around = (*around, id(output))
    if isinstance(output, Mapping):
        for key in ("logits", "out"):
            if isinstance(output.get(key), Tensor):
                return output[key]  # type: ignore[no-any-return]
        output = tuple(output.values())
    elif isinstance(getattr(output, "logits", None), Tensor):
        return output.logits  # type: ignore[no-any-return]
    elif not isinstance(output, (tuple, list)):
        output = tuple(fields_of(output).values())
    if isinstance(output, (tuple, list)):
        found = (found_in(value, around) for value in output)
        return next((value for value in found if value is not None), None)
    return None


def at_path(output: Any, path: str) -> Any:
    """What stands at ``aux.logits`` or ``0`` in an output: keys, fields and positions.

    Raises:
        UserError: nothing stands there.
    """
    here = output
    for part in path.split("."):
        try:
            if isinstance(here, Mapping):
                here = here[part]
            elif isinstance(here, (tuple, list)) and not hasattr(here, part):
                here = here[int(part)]
            else:
                here = getattr(here, part)
        except (KeyError, IndexError, ValueError, AttributeError):
            raise UserError(
                f"model.output: there is no `{path}` in the model's output, which is {shown(output)}"
            ) from None
    return here


def path_to(output: Any, found: Tensor, around: tuple[int, ...] = ()) -> str:
    """Where `found` stands in an output, as `at_path` reads it; "" where it is the output itself, or not in it. `around` as in
    `found_in`."""
    if id(output) in around:
        return ""
    parts: Iterable[tuple[object, Any]] = ()
    if isinstance(output, Mapping):
        parts = output.items()
    elif isinstance(output, (tuple, list)):
        parts = enumerate(output)
    elif not isinstance(output, Tensor):
        parts = fields_of(output).items()
    for name, part in parts:
        if part is found:
            return str(name)
        if below := path_to(part, found, (*around, id(output))):
            return f"{name}.{below}"
    return ""


def shown(value: Any) -> str:
    """What an output is, in a few words: ``a dict of logits (1 x 10), aux (1 x 10)``."""
    if isinstance(value, Tensor):
        return f"a tensor of {_short(value)}" if value.dim() else "one number"
    if isinstance(value, Mapping):
        return f"a dict of {', '.join(f'{key} ({_short(item)})' for key, item in value.items())}"
    if isinstance(value, (tuple, list)):
        return f"a {type(value).__name__} of {', '.join(f'{k} ({_short(item)})' for k, item in enumerate(value))}"
    if fields := fields_of(value):
        return f"{type(value).__name__} with {', '.join(f'{key} ({_short(item)})' for key, item in fields.items())}"
    return type(value).__name__


def _short(value: Any) -> str:
    if isinstance(value, Tensor) and not value.dim():
        return "one number"
    return " x ".join(map(str, value.shape)) if isinstance(value, Tensor) else type(value).__name__
