"""In what numbers the searches of a report run the model: settled before keys are made, since pictures depend on it.

option `precision`     auto ──▶ as the store remembers, or measured now ──▶ float32, or bfloat16
                       bfloat16 ──▶ float32, where the model has no such twin
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import torch

from generator.command.progress import Progress
from generator.engine.passes import Engine
from generator.engine.reduced import Refused
from generator.engine.tune import faster_precision, worth_measuring
from generator.names import Digest
from generator.report.jobs import Choice
from generator.report.keys import ModelKey
from generator.store import Store, key_of


@dataclass(frozen=True)
class Precision:
    """What `auto` is for a model on a machine."""

    key: Digest
    found: str | None = None
    """``float32`` or ``bfloat16``; None where nobody asked."""

    def keep(self, store: Store) -> None:
        """Remember it: measured again, it might be the other, and all pictures would be searched for anew."""
        if self.found is not None and store.get(self.key) is None:
            store.put(self.key, {"precision": self.found})


def settled(
    choices: Sequence[Choice],
    engine: Engine,
    model: ModelKey,
    shape: tuple[int, int, int],
    store: Store,
    progress: Progress,
) -> tuple[list[Choice], Precision, tuple[str, ...]]:
    """The choices, each with its precision settled, and what is to be said of it."""
    of = {"search precision": asdict(model), "device": str(engine.device), "torch": torch.__version__}
    auto, notes = Precision(key_of({**of, "processor": processor()})), list[str]()
    asked = {getattr(choice.method, "precision", "") for choice in choices}
    if "auto" in asked:
        record = store.get(auto.key)
        auto = replace(auto, found=_measured(engine, shape, progress) if record is None else record.meta["precision"])
    refused = ""
    if "bfloat16" in asked | {auto.found}:
        try:
            engine.reduced()
        except Refused as error:
            refused = str(error)
            notes.append(f"Searches were to run in bfloat16, but the model {refused}: they run in float32.")
    here = {"auto": auto.found, "bfloat16": "float32" if refused else "bfloat16"}
    if auto.found == "bfloat16" and refused:
        auto, here["auto"] = replace(auto, found="float32"), "float32"
    made = [_with(choice, here) for choice in choices]
    if any(getattr(choice.method, "precision", "") == "bfloat16" for choice in made):
        why = "which is faster here" if auto.found == "bfloat16" else "as asked for"
        notes.append(
            f"Searches run the model in bfloat16 (option `precision`), {why}; the scores beside their pictures are measured in "
            "float32."
        )
    return made, auto, tuple(notes)


def _measured(engine: Engine, shape: tuple[int, int, int], progress: Progress) -> str:
    if not worth_measuring(engine):
        return "float32"
    with progress.stage("precision of searches"):
        return faster_precision(engine, shape)


def _with(choice: Choice, here: dict[str, str | None]) -> Choice:
    found = here.get(getattr(choice.method, "precision", ""))
    return choice if found is None else replace(choice, method=replace(choice.method, precision=found))


def processor() -> str:
    """What of a machine decides which is faster."""
    known = getattr(torch.cpu, "get_capabilities", None)
    name = known().get("cpu_name", "") if known is not None else ""
    return f"{name} {torch.backends.cpu.get_cpu_capability()}"
