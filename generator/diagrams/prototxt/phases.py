"""Which of a file's layers are there: one file holds the net that is trained and the net that is tested.

    include { phase: TRAIN }           only while training
    include { stage: "deploy" }        only where that stage is asked for
    exclude { min_level: 2 }           from level 2 on not

A layer with `include` rules is there where one of them holds, one with `exclude` rules where none does.
"""

from __future__ import annotations

from dataclasses import dataclass

from generator.diagrams.prototxt.layer import Layer
from generator.diagrams.prototxt.message import Message

PHASES = ("TRAIN", "TEST")
_WRITTEN = {"0": "TRAIN", "1": "TEST"}


@dataclass(frozen=True)
class State:
    """What a net is built for."""

    phase: str = "TEST"
    level: int = 0
    stages: frozenset[str] = frozenset()


def state_of(net: Message, phase: str, level: int | None, stages: tuple[str, ...] | None) -> State:
    """The state asked for; level and stages that were not asked for are those that the file's own `state` says."""
    said = net.message("state")
    return State(
        phase,
        said.integer("level", 0, least=-(2**31)) if level is None else level,
        frozenset(said.texts("stage") if stages is None else stages),
    )


def present(layer: Layer, state: State) -> bool:
    """Whether the layer is there."""
    included, excluded = layer.said.messages("include"), layer.said.messages("exclude")
    if included and not any(_holds(rule, state) for rule in included):
        return False
    return not any(_holds(rule, state) for rule in excluded)


def phases_of(layers: tuple[Layer, ...]) -> tuple[str, ...]:
    """Both phases where some layer asks for one of them by name; none where the file is one net."""
    rules = [rule for layer in layers for name in ("include", "exclude") for rule in layer.said.messages(name)]
    named = {_phase(rule) for rule in rules}
    return PHASES if named & set(PHASES) else ()


def _holds(rule: Message, state: State) -> bool:
    return (
        (not rule.has("phase") or _phase(rule) == state.phase)
        and rule.integer("min_level", state.level, least=-(2**31)) <= state.level
        and rule.integer("max_level", state.level, least=-(2**31)) >= state.level
        and set(rule.texts("stage")) <= state.stages
        and not set(rule.texts("not_stage")) & state.stages
    )


def _phase(rule: Message) -> str:
    written = rule.text("phase")
    return _WRITTEN.get(written, written)
