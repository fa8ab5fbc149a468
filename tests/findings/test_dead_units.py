"""Dead units: those out of reach and still ones are told from those that are merely rare."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from generator.findings import checks
from generator.findings.evidence import Evidence
from tests.findings.planted import at, evidence_of, judged, noise, refused, seeded


def net(units: int = 16) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(3, units, 3), nn.ReLU(), nn.Conv2d(units, 8, 3), nn.ReLU())


def test_units_far_below_zero_are_dead_and_those_that_come_near_are_not():
    model = seeded(net())
    x = noise(8, 3, 16, 16)
    with torch.no_grad():
        highest = model[0](x).amax(dim=(0, 2, 3))
        lowest = model[0](x).amin(dim=(0, 2, 3))
        model[0].bias[[2, 5]] = -3 * (highest - lowest)[[2, 5]]  # further below zero than the spread
        model[0].bias[7] = -1.05 * highest[7]  # just below: off in these images
    found = judged("dead_units", evidence_of(model, x))
    place = at(found, "1")
    assert place.units == (2, 5)
    assert place.text == "2 of 16 dead, 3 never on"
    assert place.mark == "dead"
    assert place.front == "0", "the convolution that they are of"
    assert found.query == place.query == "dead"  # what the search calls what is counted here
    assert found.severity == "note"  # 12.5 %
    assert "31\u202f%" in found.evidence  # 1 - 0.05 ** (1 / 8)
    assert found.drawing is not None
    assert (found.drawing.dots[0].part, found.drawing.dots[0].value) == (2 / 16, 3 / 16)


@pytest.mark.parametrize(
    ("dead", "severity"), [(1, "note"), (3, "note"), (4, "warning"), (7, "warning"), (8, "serious")]
)
def test_severity_by_the_share_of_a_layer(dead: int, severity: str):
    model = seeded(net())
    with torch.no_grad():
        model[0].bias[:dead] = -1e3
    found = judged("dead_units", evidence_of(model, noise(8, 3, 16, 16)))
    assert found.severity == severity
    assert at(found, "1").units == tuple(range(dead))


def test_rare_units_are_no_more_than_a_note_until_many_images_were_seen():
    model = seeded(net())
    x = noise(8, 3, 16, 16)
    with torch.no_grad():
        model[0].bias[:] = -1.01 * model[0](x).amax(dim=(0, 2, 3))
        model[0].bias[15] = 0
    found = judged("dead_units", evidence_of(model, x))
    assert found.severity == "note"
    assert at(found, "1").text == "none of 16 for certain, 15 never on"
    assert found.query == at(found, "1").query == "never on"
    many = judged("dead_units", evidence_of(model, x.repeat(38, 1, 1, 1)))  # 304 images
    assert many.severity == "serious"
    assert at(many, "1").units == tuple(range(15))


def test_a_unit_without_variance_in_training_is_dead_without_any_image():
    model = seeded(nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU()))
    norm = model[1]
    with torch.no_grad():
        norm.running_var[[1, 4]] = 1e-12
        norm.bias[1], norm.bias[4] = -0.5, 0.5  # 4 gives one value, and that is above zero: not dead
    found = judged("dead_units", evidence_of(model, shape=(3, 16, 16)))
    assert at(found, "2").units == (1,)
    assert found.severity == "note"


def test_layers_that_were_asked_and_layers_that_were_not_add_up():
    model = seeded(nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.BatchNorm2d(8), nn.ReLU()))
    with torch.no_grad():
        model[0].bias[0] = -1e3
        model[3].running_var[:2] = 1e-12
        model[3].bias[:2] = -1
    whole = evidence_of(model, noise(8, 3, 16, 16))
    some = {name: found for name, found in whole.answers.items() if name in ("0", "1")}
    found = judged("dead_units", Evidence(whole.description, model, some))
    assert found.evidence == (
        "3 of 16 units of 2 activation layers are never on in the 8 images. 3 of them are dead, out of reach or still in "
        "training, most in `4`: 2 of 8 (25\u202f%)."
    )
    assert found.severity == "warning"


def test_a_negative_scale_turns_the_unit_round():
    """gain -2, shift -1: the highest value behind the normalisation comes of the lowest in front of it."""
    model = seeded(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4, eps=0), nn.ReLU()))
    with torch.no_grad():
        model[1].weight.fill_(-2)
        model[1].bias.fill_(-1)
    x = noise(2, 3, 16, 16)
    evidence = evidence_of(model, x)
    entering = evidence.entering(evidence.description.by_name["2"])
    assert entering is not None
    y = model[1](model[0](x)).detach()
    columns = y.permute(1, 0, 2, 3).flatten(1)  # of 392 places, 128 are in the sample
    assert (entering.highest <= columns.amax(dim=1).numpy() + 1e-5).all()
    assert (entering.highest > columns.quantile(0.9, dim=1).numpy()).all()
    assert entering.spread == pytest.approx(entering.highest - columns.amin(dim=1).numpy(), rel=1e-4)


def test_what_cannot_be_judged_is_said():
    assert "no activation layer" in refused(
        "dead_units", evidence_of(nn.Sequential(nn.Conv2d(3, 4, 3)), shape=(3, 8, 8))
    )
    assert "dataset_examples" in refused("dead_units", evidence_of(seeded(net()), shape=(3, 16, 16)))


def test_all_alive():
    found = judged("dead_units", evidence_of(seeded(net()), noise(8, 3, 16, 16)))
    assert found.severity == "fine"
    assert found.evidence == "Each of the 24 units of 2 activation layers is on somewhere in the 8 images."


class Clamp(nn.Module):
    """What a model writes as torch.clamp(x, low, 1)."""

    def __init__(self, low: float) -> None:
        super().__init__()
        self.low = low

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.clamp(x, self.low, 1)


def test_units_that_move_below_zero_in_a_clamp_are_not_dead():
    model, x = (
        seeded(nn.Sequential(nn.Conv2d(3, 16, 3), Clamp(-1), nn.Conv2d(16, 8, 3), nn.ReLU())),
        noise(8, 3, 16, 16),
    )
    with torch.no_grad():
        model[0].weight[:12] *= 0.02
        model[0].bias[:12] = -0.75  # between -1 and -0.5
        assert -1 < float(model[0](x)[:, :12].min()) < float(model[0](x)[:, :12].max()) < -0.5
    assert judged("dead_units", evidence_of(model, x)).severity == "fine"
    model[1].low = 0
    assert at(judged("dead_units", evidence_of(model, x)), "1.F.clamp").units == tuple(range(12))


def chain(between: nn.Module) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU6(), between, nn.BatchNorm2d(8), nn.ReLU6())


def test_a_channel_that_a_depthwise_convolution_hands_on_is_one_dead_channel():
    model = seeded(chain(nn.Conv2d(8, 8, 3, groups=8)))
    with torch.no_grad():
        model[0].bias[[2, 5, 6]] = -1e3
        model[3].bias[:] = 1.0
        model[3].bias[[1, 2, 5]] = -1e3  # 2 and 5 are off behind as they are in front; 1 by itself; 6 is on behind
    found = judged("dead_units", evidence_of(model, noise(8, 3, 16, 16)))
    assert at(found, "1").units == (2, 5, 6) and at(found, "1").text == "3 of 8 dead"
    assert at(found, "4").units == (1, 2, 5)
    assert at(found, "4").text == "3 of 8 dead, 2 of them the same channels as in 1"
    assert "6 of them are dead" in found.evidence
    assert "They are 4 channels: 2 of the 6 are channels that were dead one rectifier before" in found.evidence
    with torch.no_grad():
        model[3].bias[1] = 1.0
    assert (
        at(judged("dead_units", evidence_of(model, noise(8, 3, 16, 16))), "4").text
        == "2 of 8 dead, the same channels as in 1"
    )
    mixed = seeded(chain(nn.Conv2d(8, 8, 3, groups=4)))
    with torch.no_grad():
        mixed[0].bias[:] = -1e3
        mixed[3].bias[:] = -1e3
    found = judged("dead_units", evidence_of(mixed, noise(8, 3, 16, 16)))
    assert "channel" not in found.evidence and at(found, "4").text == "8 of 8 dead", "what mixes channels makes others"


def test_a_channel_that_a_pool_hands_on_is_one_dead_channel():
    model = seeded(nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.MaxPool2d(2), nn.BatchNorm2d(8), nn.ReLU()))
    with torch.no_grad():
        model[0].bias[[2, 5]] = -1e3
        model[3].bias[5] = 0.5  # on behind the pool
        model[3].weight[2], model[3].bias[2] = 0.0, -0.5
    assert (
        at(judged("dead_units", evidence_of(model, noise(8, 3, 16, 16))), "4").text
        == "1 of 8 dead, the same channels as in 1"
    )


class Shuffled(nn.Module):
    """Eight channels of a rectifier, a depthwise convolution, a normalisation, a rectifier; channels shuffled at one place."""

    def __init__(self, where: str) -> None:
        super().__init__()
        self.stem, self.first = nn.Conv2d(3, 8, 3), nn.ReLU()
        self.depthwise, self.norm, self.last = nn.Conv2d(8, 8, 3, groups=8), nn.BatchNorm2d(8), nn.ReLU()
        self.where = where

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(self.stem(x))
        x = self.depthwise(shuffled(x) if self.where == "before" else x)
        x = self.norm(shuffled(x) if self.where == "between" else x)
        return self.last(shuffled(x) if self.where == "behind" else x)


def shuffled(x: torch.Tensor) -> torch.Tensor:
    """0 4 1 5 2 6 3 7"""
    return x.unflatten(1, (2, 4)).transpose(1, 2).flatten(1, 2)


@pytest.mark.parametrize("where", ["before", "between", "behind"])
def test_where_channels_are_shuffled_no_unit_is_taken_for_the_one_of_its_number(where: str):
    model = seeded(Shuffled(where))
    with torch.no_grad():
        model.stem.bias[[1, 2]] = -1e3
        model.norm.bias[:] = 1.0
        model.norm.bias[[1, 2]] = -1e3
    evidence = evidence_of(model, noise(8, 3, 16, 16))
    last = evidence.description.by_name["last"]
    assert evidence.handed(last) is None
    found = judged("dead_units", evidence)
    assert all("the same channels" not in place.text for place in found.places)
    assert at(found, "last").front == ("depthwise" if where == "before" else None)
    entering = evidence.entering(last)
    if where == "before":  # what enters the rectifier is the convolution's, unit by unit
        assert entering is not None and set(np.flatnonzero(entering.highest < -900)) == {1, 2}
    else:
        assert entering is None and not evidence.always_off(last).any()
    plain = evidence_of(seeded(Shuffled("")), noise(8, 3, 16, 16))
    assert plain.handed(last) == plain.description.by_name["first"] and "_channels" not in vars(plain)


def test_a_crop_on_the_way_moves_no_channel():
    class Cropped(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem, self.first = nn.Conv2d(3, 8, 3), nn.ReLU()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.first(self.stem(x)[:, :, 1:-1, 1:-1])

    evidence = evidence_of(seeded(Cropped()), noise(8, 3, 16, 16))
    assert evidence.entering(evidence.description.by_name["first"]) is not None


def test_a_rectifier_without_a_cap_may_give_any_number_so_that_no_shift_proves_a_unit_behind_it_dead():
    model = seeded(nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 4, 3), nn.ReLU()))
    with torch.no_grad():
        model[2].weight.abs_()
        model[2].weight[2:] *= -1
        model[2].bias[:] = torch.tensor([-1e6, 1.0, -1.0, 1.0])
    evidence = evidence_of(model, shape=(3, 16, 16))
    assert evidence.always_off(evidence.description.by_name["3"]).tolist() == [False, False, True, False]


def test_what_the_weights_alone_show_is_told_from_what_these_images_show():
    model = seeded(chain(nn.Conv2d(8, 8, 3, groups=8)))
    depthwise, norm = model[2], model[3]
    with torch.no_grad():
        model[0].bias[7] = -1e3  # an image may be anything: not proved
        norm.weight.fill_(2.0)
        norm.bias.fill_(0.5)
        norm.weight[0], norm.bias[0] = 0.0, 0.0  # nothing but zero
        norm.weight[1], norm.bias[1] = 0.0, 0.1  # a constant, which is on
        depthwise.weight[2:5] = 0.1  # gives 5.4 at most, of nine sixes
        depthwise.bias[:] = 0.0
        gain = 2.0 / (1 + norm.eps) ** 0.5
        norm.bias[2], norm.bias[3] = -5.5 * gain, -5.3 * gain  # off whatever comes, and on if all is six
        norm.weight[4], norm.bias[4] = -2.0, -0.01  # turned round: the most is of zeros
        norm.weight[5], norm.bias[5], norm.running_var[5] = 2.0, -1e3, 1e-12  # weights alone tell nothing of still ones
        depthwise.weight[5] = 1.0
        norm.bias[5] = -50.0
    evidence = evidence_of(model, noise(8, 3, 16, 16))
    by_name = evidence.description.by_name
    assert evidence.always_off(by_name["4"]).tolist() == [k in (0, 2, 4) for k in range(8)]
    assert not evidence.always_off(by_name["1"]).any()
    sixes, zeros = torch.full((1, 8, 3, 3), 6.0), torch.zeros(1, 8, 3, 3)
    given = torch.cat([model[4](norm(depthwise(x))) for x in (sixes, zeros)]).amax(dim=(0, 2, 3))
    assert [k for k in range(6) if given[k] == 0] == [0, 2, 4], "the most that can come, tried"
    found = judged("dead_units", evidence)
    said = dict(zip(at(found, "4").units, at(found, "4").said, strict=True))
    assert {0, 2, 4} <= set(said) and all(said[k].startswith("Dead for certain") for k in (0, 2, 4))
    assert all(said[k].startswith("Dead on these images") for k in said if k not in (0, 2, 4))
    assert at(found, "1").said == ("Dead on these images: none raises it or comes near it.",)
    assert "The weights alone show that 3 of the" in found.evidence
    advice = checks()["dead_units"].cls.advice
    assert (
        "off whatever the image is may be pruned, which changes no output" in advice
        and "holds on these images" in advice
    )
