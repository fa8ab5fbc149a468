"""Where a run's own numbers chose what to do next, and which modules it never reached.

stem ──▶ mean ──▶ gt ──▶ bool       from here to the end of the container's call, another input may go another way
  └────▶ head ─ ─ ─ ─ ─ ─ ─ ─ ─▶      an early exit has nothing in between: what it returned is open to its readers
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from torch import nn

from generator.model.calls import is_leaf
from generator.model.graph import Decision, Ref

_DECIDING = frozenset(
    (
        *("__bool__", "__int__", "__float__", "__complex__", "__index__", "__contains__", "__array__"),
        *("item", "tolist", "numpy", "is_nonzero", "equal", "allclose"),
    )
)


def decides(function: str) -> bool:
    """Whether a torch function makes Python's values of a tensor's: what the model then does may depend on them."""
    return function in _DECIDING


class Decisions:
    """The decisions of a run, gathered as its containers open and close."""

    def __init__(self) -> None:
        self.made: list[Decision] = []
        self._open: list[list[tuple[Ref, int]]] = []
        """For each container that is open, the tensors that decided in it, and before which node."""

    def enter(self) -> None:
        """A container's forward begins."""
        self._open.append([])

    def decide(self, ref: Ref, before: int) -> None:
        """A tensor's numbers became Python's before node `before`."""
        if self._open:
            self._open[-1].append((ref, before))

    def leave(self, output: Any, given: Collection[Ref], stop: int) -> None:
        """A container has ended, and with it what was decided in it; `given` are the tensors in its output.

        One that returns a number or a word hands the decision on to the one that called it.
        """
        found = self._open.pop()
        for ref, start in found:
            self.made.append(Decision(ref, start, stop, tuple(one for one in given if one.node < start)))
        if self._open and _says(output):
            self._open[-1] += [(ref, stop) for ref, _ in found]


def _says(value: Any) -> bool:
    """Whether there is a Python number or a word in it."""
    if isinstance(value, dict):
        value = tuple(value.values())
    if isinstance(value, (tuple, list)):
        return any(map(_says, value))
    return isinstance(value, (bool, int, float, str))


_IDLE = (nn.Identity, nn.modules.dropout._DropoutNd)
"""What does nothing in evaluation mode: whether it was called is not worth a word."""


def uncalled(model: nn.Module, ran: Collection[str], touched: Collection[int]) -> tuple[str, ...]:
    """Paths of the outermost modules that no call reached: neither they (paths in `ran`) nor what they hold ran, and no
    function took one of their parameters (ids in `touched`). What lies inside a leaf, or only groups others, is none."""
    above = {path[:end] for path in ran for end in _dots(path)}
    found: list[str] = []
    closed: set[str] = set()
    """What is found, and leaves: what lies inside is not looked at."""
    for path, module in model.named_modules():
        inside = any(path[:end] in closed for end in _dots(path))
        if is_leaf(module):
            closed.add(path)
        if inside or not path or path in ran or path in above or isinstance(module, _IDLE):
            continue
        own = list(module.parameters())
        holds_nothing = not own and not any(is_leaf(part) for part in module.modules())
        if not holds_nothing and not any(id(parameter) in touched for parameter in own):
            found.append(path)
            closed.add(path)
    return tuple(found)


def _dots(path: str) -> list[int]:
    return [end for end, c in enumerate(path) if c == "."]
