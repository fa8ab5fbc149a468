r"""Layer-wise relevance propagation: the score, handed back layer by layer until it lies on the pixels.

$$ R_i = \sum_j \frac{z_{ij}}{\sum_{i'} z_{i'j}} R_j, \quad
z_{ij} = \begin{cases} a_i w_{ij} & \text{linear layers} \\ a_i^+ w_{ij}^+ + a_i^- w_{ij}^- & \text{convolutions} \\
1 & \text{the first convolution} \end{cases} $$

$R_j$ is the relevance of a neuron, at first the logit of the class, $a_i$ the inputs that it reads and $w_{ij}$ the weights;
$+$ and $-$ are positive and negative parts. This is the composite EpsilonPlusFlat: the epsilon rule in linear layers, the
$z^+$ rule in convolutions, equal shares in the first. Batch normalisations are first merged into the convolutions before them;
a rectifier hands relevance on as it is, a max-pool hands it to the winner, a sum and an average by what each part adds.

Reading it: every layer hands on what it was given, so the values add up to the score (the conservation error beside the
picture says how closely). Positive places carried it, negative ones went against it; if the logit itself is negative, so is
most of the map. Convolutions take only what agrees with their neuron, so the map is smoother than a gradient.

Limits: the rules are a choice, and others give other maps. Relevance goes where the activation is high, hardly by class: below
the last layers maps of different classes look alike. It needs a model made of modules that the rules know: where the sum is off
by more than 1 %, as with residual sums or gates that are written into a forward, nothing is drawn.

Departure: biases are set to zero inside the rules. The papers let a bias keep the share that it adds to a neuron, which is then
missing from the sum: some percent in a VGG. Without them relevance is conserved, and sum against score is a check.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from typing import ClassVar

import torch
from torch import Tensor, nn

from generator.artifacts import Artifact, InputMap, NotApplicable
from generator.engine.needs import Input, Need, Reads
from generator.methods import Cost, Forward, Model, ModelFacts, Places, Scope, method
from generator.model.twin import twin
from generator.names import Layer, LayerName, Paper

LOST = 0.01
"""The share of the seed that may be lost or added on the way."""
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
        from zennit.composites import EpsilonPlusFlat

        own = model.run(reads.input).values  # (t, 1)
        x = reads.input.detach().clone().requires_grad_()
        try:
            with EpsilonPlusFlat(zero_params=["bias"]).context(canonical(model.module)) as changed:
                run = model.forward(x, changed)
                found = [self.handed_back(run, t, x, own[t], model) for t in range(model.targets)]
        except torch.OutOfMemoryError:
            raise
        except Exception as error:  # whatever comes of rules for modules on a model that is written in another way
            refused = NotApplicable(f"its rules do not fit the code of this model ({type(error).__name__}).")
            found = [refused] * model.targets
        yield from found

    def handed_back(self, run: Forward, t: int, x: Tensor, own: Tensor, model: Model) -> InputMap | NotApplicable:
        """The relevance of target `t`, whose own value is `own`; what it is read from is given its share of the value."""
        ends = [end for end in run.read[t] if end.requires_grad]
        slopes = torch.autograd.grad(run.values[t].sum(), ends, retain_graph=True, allow_unused=True)
        seeds = [torch.zeros_like(end) if s is None else end.detach() * s for end, s in zip(ends, slopes, strict=True)]
        (R,) = torch.autograd.grad(ends, x, seeds, retain_graph=t + 1 < model.targets)
        model.count(backward=1)
        moved = (run.values[t] - own).abs().max() / max(float(end.detach().abs().max()) for end in ends)
        if moved > CHANGED:
            return NotApplicable(
                "with its batch normalisations merged into convolutions the model gives another score, off by "
                f"{100 * moved:.2g} %."
            )
        given = sum(float(seed.sum()) for seed in seeds)
        lost = (float(R.sum()) - given) / (sum(float(seed.abs().sum()) for seed in seeds) or 1.0)
        if not abs(lost) <= LOST:
            return NotApplicable(
                f"relevance is not conserved in this model: its sum is off by {100 * abs(lost):.3g} % of the score, "
                f"and {100 * LOST:g} % is the most that is drawn."
            )
        return InputMap(R, facts=(("conservation error", lost),))


def canonical(module: nn.Module) -> nn.Module:
    """A twin of `module` with batch normalisations merged into the convolutions before them, and with the sums in
    torchvision's residual blocks as modules."""
    from zennit.canonizers import MergeBatchNorm
    from zennit.torchvision import ResNetCanonizer

    found = twin(module)
    for made in ResNetCanonizer().apply(found):
        if isinstance(made, MergeBatchNorm):
            made.batch_norm.eps = 0.0  # what is left of it divides by sqrt(1 + eps): a percent, in a deep model
    return found
