"""Lengths that the input's numbers decided, as the model's own code holds them: looking at one is a decision, handing it on to
torch is none.

n = x[mask].shape[0]      if n > 3: ...          may go another way for another input
                          y.view(n, -1)          goes the same way, whatever n is
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any

import torch

from generator.model.uses import UNNAMED, Use


@dataclass
class Look:
    """What became of the lengths that one call gave."""

    compared: bool = False
    """Or turned into something that cannot be followed."""
    handed: bool = False
    """To a torch function."""
    use: Use = UNNAMED
    """What its name tells, where it has one."""

    @property
    def seen(self) -> bool:
        """Whether what the model does next was chosen by them, for sure."""
        return self.compared or self.use.counts

    @property
    def decides(self) -> bool:
        """What was never seen again may have counted a loop, which Python does without a word; what has a name that is never
        read has not."""
        return self.seen or not (self.handed or self.use.unread)


class Length(int):
    """A whole number that tells its `look` what is done with it; what is worked out from it does too."""

    look: Look

    def __hash__(self) -> int:
        self.look.compared = True
        return hash(plain(self))


def length(value: int, look: Look) -> Length:
    """`value`, watched."""
    made = Length(value)
    made.look = look
    return made


def _looks(name: str) -> Callable[..., Any]:
    own = getattr(int, name)

    def method(self: Length, *others: Any) -> Any:
        self.look.compared = True
        return own(self, *map(plain, others))

    return method


def _computes(name: str) -> Callable[[Length, Any], Any]:
    own = getattr(int, name)

    def method(self: Length, other: Any) -> Any:
        found = own(self, plain(other)) if isinstance(other, int) else NotImplemented
        if found is NotImplemented:
            self.look.compared = True
            return found
        return length(found, self.look)

    return method


for _name in (
    "eq",
    "ne",
    "lt",
    "le",
    "gt",
    "ge",
    "bool",
    "int",
    "float",
    "truediv",
    "rtruediv",
    "pow",
    "rpow",
    "divmod",
):
    setattr(Length, f"__{_name}__", _looks(f"__{_name}__"))
for _name in ("add", "sub", "mul", "floordiv", "mod"):
    for _side in ("", "r"):
        setattr(Length, f"__{_side}{_name}__", _computes(f"__{_side}{_name}__"))


def watched(value: Any, lengths: Collection[int] | None, look: Look) -> Any:
    """What a call gave, with those of its numbers watched that are among `lengths`; None: all."""
    if isinstance(value, torch.Size):
        return torch.Size([watched(side, lengths, look) for side in value])
    return length(value, look) if type(value) is int and (lengths is None or value in lengths) else value


def plain(value: Any) -> Any:
    """The same with a number that nobody watches for each that is; itself where there is none."""
    if isinstance(value, Length):
        return int.__int__(value)
    if type(value) in (tuple, list, torch.Size):
        items = [plain(item) for item in value]
        return value if all(map(operator.is_, items, value)) else type(value)(items)
    if type(value) is dict:
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, slice):
        return slice(plain(value.start), plain(value.stop), plain(value.step))
    return value


def looks(value: Any) -> Iterator[Look]:
    """Those of the lengths in a call's arguments."""
    if isinstance(value, Length):
        yield value.look
    elif isinstance(value, slice):
        yield from looks((value.start, value.stop, value.step))
    elif isinstance(value, (tuple, list, dict)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from looks(item)
