r"""Layer-wise relevance propagation: the score, handed back layer by layer until it lies on the pixels.

$$ R_i = \sum_j \frac{z_{ij}}{\sum_{i'} z_{i'j}} R_j, \quad
z_{ij} = \begin{cases} a_i w_{ij} & \text{linear layers} \\ a_i^+ w_{ij}^+ + a_i^- w_{ij}^- & \text{convolutions} \\
1 & \text{the first convolution} \end{cases} $$

$R_j$ is the relevance of a neuron, at first the logit of the class, $a_i$ the inputs that it reads and $w_{ij}$ the weights;
$+$ and $-$ are positive and negative parts. This is the composite EpsilonPlusFlat: the epsilon rule in linear layers, the
$z^+$ rule in convolutions, equal shares in the first. Batch normalisations are first merged into the convolutions before them;
a rectifier hands relevance on as it is, a max-pool hands it to the winner, a sum and an average by what each part adds, a
gate to what it lets through.

Reading it: every layer hands on what it was given, so the values add up to the score, less what is left in neurons that are on
by their bias alone (both the conservation error and that share stand beside the picture). Positive places carried it, negative ones went against it; if the logit itself is negative, so is
most of the map. Convolutions take only what agrees with their neuron, so the map is smoother than a gradient.

Limits: the rules are a choice, and others give other maps. Relevance goes where the activation is high, hardly by class: below
the last layers maps of different classes look alike. Where the two sides of a sum cancel, both are handed much, with opposite
signs. It needs a model made of what the rules know: where the sum is off by more than 1 %, as behind attention, nothing is drawn.

Departure: biases are set to zero inside the rules. The papers let a bias keep the share that it adds to a neuron, which is then
missing from the sum: some percent in a VGG. Without them relevance is lost only where no input supports a neuron (much of it in
a model of depthwise convolutions), and that is counted, so that sum against score is a check.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, ClassVar

import torch
from torch import Tensor

from generator.artifacts import Artifact, InputMap, NotApplicable
from generator.engine.needs import Input, Need, Reads
from generator.methods import Cost, Forward, Model, ModelFacts, Places, Scope, method
from generator.methods._relevance import Supported, arithmetic, supported
from generator.model.twin import twin
from generator.names import Layer, LayerName, Paper
from generator.room import no_room

LOST = 0.01
"""The share of the seed that may be lost or added on the way."""
NOTHING = 1e-6
"""The share of the seed below which what arrives is rounding."""
CHANGED = 1e-3
"""How far merged batch normalisations may move the score, as a share of the largest score."""


@method
@dataclass(frozen=True)
class LRP:
    """The relevance of the input, (1, c, h, w), signed: it adds up to the target's value."""

    papers: ClassVar[tuple[Paper, ...]] = (
        Paper(
            "bach2015",
            "Sebastian Bach, Alexander Binder, Grégoire Montavon, Frederick Klauschen, Klaus-Robert Müller "
            "and Wojciech Samek",
            2015,
            "On Pixel-Wise Explanations for Non-Linear Classifier Decisions by Layer-Wise Relevance Propagation",
            venue="PLOS ONE",
            doi="10.1371/journal.pone.0130140",
        ),
        Paper(
            "binder2016",
            "Alexander Binder, Grégoire Montavon, Sebastian Bach, Klaus-Robert Müller and Wojciech Samek",
            2016,
            "Layer-wise Relevance Propagation for Neural Networks with Local Renormalization Layers",
            arxiv="1604.00825",
        ),
        Paper(
            "lapuschkin2019",
            "Sebastian Lapuschkin, Stephan Wäldchen, Alexander Binder, Grégoire Montavon, Wojciech Samek "
            "and Klaus-Robert Müller",
            2019,
            "Unmasking Clever Hans predictors and assessing what machines really learn",
            arxiv="1902.10178",
        ),
        Paper(
            "anders2021",
            "Christopher J. Anders, David Neumann, Wojciech Samek, Klaus-Robert Müller and Sebastian Lapuschkin",
            2021,
            "Software for Dataset-wide XAI: From Local Explanations to Global Insights with Zennit, CoRelAy, and ViRelAy",
            arxiv="2106.13200",
        ),
    )
    caption: ClassVar[str] = "What each place of {image} carries of {target}, handed back layer by layer."
    scope: ClassVar[Scope] = "input"
    places: ClassVar[Places] = "compared"
    needs_target: ClassVar[bool] = True
    adds_up: ClassVar[bool] = True
    limits: ClassVar[Mapping[str, float]] = {
        "left on the way": 0.5
    }  # beyond it, most of the score is nowhere on the map
    libraries: ClassVar[tuple[str, ...]] = ("zennit",)

    def applies(self, model: ModelFacts, layer: Layer | None) -> NotApplicable | None:
        if find_spec("zennit") is not None:
            return None
        return NotApplicable("its rules come from zennit, which is not installed: pip install 'conv-atlas[lrp]'.")

    def needs(self, layer: LayerName) -> tuple[Need, ...]:
        return (Input(),)

    def cost(self, model: ModelFacts, layer: Layer | None, targets: int) -> Cost:
        return Cost(forward=2, backward=targets)

    def probe(self, reads: Reads, model: Model, layer: LayerName) -> Iterator[Artifact | NotApplicable]:
        own = model.run(reads.input).values  # (t, 1)
        x = reads.input.detach().clone().requires_grad_()
        try:
            with _rules(model.facts).context(twin(model.merged)) as changed:
                with arithmetic(changed), supported(changed, but=_first(model.facts)) as calls:
                    run = model.forward(x, changed)
                found = [self.handed_back(run, calls, t, x, own[t], model) for t in range(model.targets)]
        except Exception as error:  # whatever comes of rules for modules on a model that is written in another way
            if no_room(error):
                raise
            refused = NotApplicable(f"its rules do not fit the code of this model ({type(error).__name__}).")
            found = [refused] * model.targets
        yield from found

    def handed_back(
        self, run: Forward, calls: Sequence[Supported], t: int, x: Tensor, own: Tensor, model: Model
    ) -> InputMap | NotApplicable:
        """The relevance of target `t`, whose own value is `own`; what it is read from is given its share of the value."""
        ends = [end for end in run.read[t] if end.requires_grad]
        slopes = torch.autograd.grad(run.values[t].sum(), ends, retain_graph=True, allow_unused=True)
        seeds = [torch.zeros_like(end) if s is None else end.detach() * s for end, s in zip(ends, slopes, strict=True)]
        outputs = [call.output for call in calls]
        R, *at = torch.autograd.grad(
            ends, [x, *outputs], seeds, retain_graph=t + 1 < model.targets, allow_unused=True, materialize_grads=True
        )
        model.count(backward=1)
        moved = (run.values[t] - own).abs().max() / max(float(end.detach().abs().max()) for end in ends)
        if moved > CHANGED:
            return NotApplicable(
                "with its batch normalisations merged into convolutions the model gives another score, off by "
                f"{100 * moved:.2g} %."
            )
        given = sum(float(seed.sum()) for seed in seeds)
        all_of_it = sum(float(seed.abs().sum()) for seed in seeds) or 1.0
        left = sum(float((r * (1 - call.share)).sum()) for r, call in zip(at, calls, strict=True))
        lost = (float(R.sum()) + left - given) / all_of_it
        if not abs(lost) <= LOST:
            return NotApplicable(
                f"relevance is not conserved in this model: its sum is off by {100 * abs(lost):.3g} % of the score, "
                f"and {100 * LOST:g} % is the most that is drawn."
            )
        if float(R.abs().sum()) <= NOTHING * all_of_it:
            return NotApplicable(
                "none of the relevance arrives at the pixels: it is left on the way, in neurons that their inputs hardly support."
            )
        return InputMap(R, facts=(("conservation error", lost), ("left on the way", left / all_of_it)))


def _first(model: ModelFacts) -> str:
    """The path of the convolution that is called first, which hands on equal shares; "" where there is none."""
    layer = next((layer for layer in model.layers.values() if layer.kind == "conv"), None)
    return "" if layer is None else layer.name.partition("@")[0]


def _rules(model: ModelFacts) -> Any:
    """zennit's EpsilonPlusFlat. Which layer is the first is seen in the calls: zennit itself takes the one that was made first."""
    from zennit.composites import EpsilonPlus, MixedComposite, NameMapComposite
    from zennit.rules import Flat

    first = NameMapComposite([((_first(model),), Flat(zero_params=["bias"]))])
    return MixedComposite([first, EpsilonPlus(zero_params=["bias"])])
