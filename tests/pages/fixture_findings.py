"""Made-up findings of every severity for the tiny report, with every kind of drawing."""

from __future__ import annotations

from collections.abc import Sequence

from generator.artifacts import NotApplicable
from generator.findings.finding import Dot, Drawing, Finding, Place
from generator.names import LayerName, Paper
from generator.pages.findings_views import Checked, Findings

PAPER = Paper("lu2020", "Lu, L. and Shin, Y.", 2020, "Dying ReLU", arxiv="1903.06733")
BODY = "What it looks for: $x_i$ below zero.\n\n$$ s = \\sum_i x_i^2 $$\n\nLimits: few images prove little."


def checked(name: str, title: str, result: Finding | NotApplicable) -> Checked:
    return Checked(name, title, f"{title}, in a sentence.", BODY, "Do something about it.", (PAPER,), result)


def findings(layers: Sequence[LayerName], words: Sequence[str] = ("plain",)) -> Findings:
    """`words` stand in for what comes from outside: names in sentences and texts."""
    first, _, third, last = layers
    bars = Drawing(
        "Shares",
        "bars",
        tuple(Dot(layer, 0.1 * k, words[0], part=0.05 * k, raised=k == 3) for k, layer in enumerate(layers)),
        share=True,
        lines=((0.25, "warning"),),
    )
    dots = Drawing(
        "Scales",
        "dots",
        tuple(Dot(layer, value, words[0], series=k % 2, raised=value > 10) for k, (layer, value) in enumerate(zip(layers, (1, 0.0, 0.02, 150.0), strict=True))),
        ("even", "odd"),
        log=True,
    )  # fmt: skip
    single = Drawing("Kernels", "bars", tuple(Dot(first, 0.2 * k, "p", unit=k) for k in range(4)), share=True)
    many = tuple(
        Place(layer, f"{k} of 12 {words[0]}", tuple(range(k * 5)), "dead", said=(words[0],))
        for k, layer in enumerate(layers)
    )
    line = "A note from the first on, a warning from 25 %, because it is so."
    return Findings(
        (
            checked("scale", "Scale along depth", Finding("serious", f"It explodes at `{third}`.", line, (Place(third, "scale 150"),), dots)),
            checked("dead_units", "Dead units", Finding("warning", f"6 of 48 units are dead, most in `{last}`. {words[0]}", line, (*many, *many), bars, "never on")),
            checked("noise_kernels", "First kernels", Finding("note", "4 kernels.", line, (Place(first, "the whole layer"),), single)),
            checked("always_on", "Always-on units", Finding("fine", "None of 48.", line, (), bars)),
            checked("not_numbers", "Values that are no numbers", Finding("fine", "All are numbers.", line)),
            checked("saturated", "Saturated rectifiers", NotApplicable("the model has no rectifier with a cap.")),
        ),
        8,
        4,
    )  # fmt: skip
