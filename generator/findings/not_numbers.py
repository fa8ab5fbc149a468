r"""Values that are no numbers: infinities and NaN among the weights, or in what layers give for an image.

Every parameter and buffer of the model is looked at, and what each asked layer gave for each image of the dataset. A single
NaN spreads to all that reads it, so the first layer in order of execution that has one is where to look.

Limits: images that no layer was asked about may still bring the model there. In half precision values become infinite above
65,504; see *Scale along depth* for layers that come near it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from generator.artifacts import NotApplicable
from generator.findings import check
from generator.findings.evidence import Evidence
from generator.findings.finding import Finding, Place
from generator.findings.words import counted, listed, of
from generator.names import Paper


@check
@dataclass(frozen=True)
class NotNumbers:
    """Looks for NaN and infinities."""

    papers: ClassVar[tuple[Paper, ...]] = ()
    advice: ClassVar[str] = (
        "Load the last checkpoint that is whole; if training made them, lower the learning rate or clip gradients, and "
        "look for a division or a logarithm near zero."
    )

    def judge(self, evidence: Evidence) -> Finding | NotApplicable:
        tensors = [*evidence.module.named_parameters(), *evidence.module.named_buffers()]
        floating = [(name, tensor.detach()) for name, tensor in tensors if tensor.is_floating_point()]
        bad = {name: int((~tensor.isfinite()).sum()) for name, tensor in floating}
        bad = {name: count for name, count in bad.items() if count}
        broken = {name: found.broken for name, found in evidence.answers.items() if found.broken}
        threshold = "One is too many: whatever is computed from it is no number either."
        looked = f"{counted(len(floating), 'tensor')} of weights and statistics"
        given = sum(found.seen > 0 for found in evidence.answers.values())
        looked += f", and the outputs of {counted(given, 'layer')}" if given else ""
        if not bad and not broken:
            more = f" for {counted(evidence.images, 'image')}" if given else ""
            return Finding("fine", f"{looked}{more} hold finite numbers only.", threshold)
        said = []
        if bad:
            said.append(f"{counted(sum(bad.values()), 'value')} in {listed(list(bad))} {'is' if sum(bad.values()) == 1 else 'are'} NaN or infinite.")  # fmt: skip
        places = []
        for layer in evidence.layers:
            own = sum(count for name, count in bad.items() if layer.path and name.rpartition(".")[0] == layer.path)
            if layer.name in broken:
                places.append(Place(layer.name, f"{of(broken[layer.name], evidence.answers[layer.name].seen)} images"))
            elif own:
                places.append(Place(layer.name, counted(own, "weight")))
        if broken:
            first = next(layer.name for layer in evidence.layers if layer.name in broken)
            said.append(f"{counted(len(broken), 'layer')} gave such values for images, `{first}` first.")
        return Finding("serious", " ".join(said), threshold, tuple(places))
