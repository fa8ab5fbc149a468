"""Values that are no numbers: in weights, in statistics, in what layers give."""

from __future__ import annotations

import torch
from torch import nn

from generator.findings.evidence import Evidence
from tests.findings.planted import at, evidence_of, judged, noise, refused, seeded


def net() -> nn.Sequential:
    return seeded(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 4, 3)))  # type: ignore[return-value]


def test_whole_weights_are_fine():
    found = judged("not_numbers", evidence_of(net(), shape=(3, 16, 16)))
    assert found.severity == "fine"
    # two convolutions and a normalisation of a weight and a bias each, and two statistics
    assert found.evidence == "8 tensors of weights and statistics hold finite numbers only."


def test_bad_weights_and_statistics_are_counted():
    model = net()
    evidence = evidence_of(model, shape=(3, 16, 16))
    with torch.no_grad():
        model[3].weight[0, 0, 0, :2] = torch.nan
        model[1].running_var[3] = torch.inf
    found = judged("not_numbers", evidence)
    assert found.severity == "serious"
    assert found.evidence.startswith("3 values in `3.weight` and `1.running_var` are NaN or infinite.")
    assert at(found, "3").text == "2 weights"
    assert at(found, "1").text == "1 weight"


class Divided(nn.Module):
    """Divides by the mean of the image: an even gray image gives NaN."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.act, self.last = nn.Conv2d(1, 2, 1), nn.ReLU(), nn.Conv2d(2, 2, 1)

    def forward(self, x):  # type: ignore[no-untyped-def]
        x = x / x.mean(dim=(1, 2, 3), keepdim=True)
        return self.last(self.act(self.first(x)))


def broken() -> Evidence:
    x = noise(8, 1, 8, 8).abs()
    x[[2, 5]] = 0
    return evidence_of(Divided(), x)


def test_images_for_which_layers_give_no_numbers_are_counted():
    found = judged("not_numbers", broken())
    assert found.severity == "serious"
    assert "3 layers gave such values for images, `first` first." in found.evidence
    assert at(found, "first").text == "2 of 8 images"


def test_no_other_check_judges_units_of_such_layers():
    for name in ("dead_units", "always_on", "scale", "lost_rank"):
        assert "finite numbers" in refused(name, broken())
