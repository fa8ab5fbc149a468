"""Every check by looking: documented, tested, pure; and on sound models none of them cries wolf."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from generator.artifacts import NotApplicable
from generator.config import ModelConfig
from generator.findings import checks
from generator.findings.evidence import Evidence
from generator.findings.finding import Finding
from generator.images import load as load_picture
from generator.images import scan
from generator.model.load import load
from generator.names import LayerName
from generator.pages.prose import to_html
from generator.resources import packaged
from tests.dataset.test_survey import surveyed
from tests.findings.planted import at, evidence_of, judged, noise, seeded

HERE = Path(__file__).parent
NAMES = tuple(checks())


def shown(source: str, images: str) -> tuple[nn.Module, Tensor]:
    """A model that comes with the program, and the images that come with it as it sees them."""
    loaded = load(ModelConfig(source=source))
    pictures = [load_picture(image, loaded.preprocess.channels) for image in scan(packaged(images)).images]
    return loaded.module, torch.stack([loaded.preprocess(picture) for picture in pictures])


@pytest.fixture(scope="module")
def lite() -> Evidence:
    """EfficientNet-Lite0 with its ImageNet weights, on eight photographs."""
    return evidence_of(*shown("efficientnet_lite0", "inputs/images"))


@pytest.fixture(scope="module")
def vgg() -> Evidence:
    """TinyVGG with its digits, on ten of them."""
    return evidence_of(*shown("tinyvgg_digits", "inputs/digits"))


def results(evidence: Evidence) -> Mapping[str, Finding | NotApplicable]:
    return {name: info.cls().judge(evidence) for name, info in checks().items()}


@pytest.mark.parametrize("name", NAMES)
def test_a_check_is_documented_and_tested(name: str):
    info = checks()[name]
    assert info.title and info.summary.endswith(".")
    assert "Limits:" in info.body
    assert to_html(info.body)
    assert info.cls.advice.endswith(".")
    assert (HERE / f"test_{name}.py").is_file()
    assert all(field.default is not None for field in fields(info.cls))
    for paper in info.cls.papers:
        assert paper.title and paper.year


def test_the_folder_is_the_registry():
    assert len(NAMES) == 11
    assert len({info.title for info in checks().values()}) == len(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_sound_models_give_rise_to_nothing_above_a_note(lite: Evidence, vgg: Evidence, name: str):
    for evidence in (lite, vgg):
        found = checks()[name].cls().judge(evidence)
        assert isinstance(found, NotApplicable) or found.severity in ("note", "fine"), found


def test_what_the_sound_models_are_told(lite: Evidence, vgg: Evidence):
    """EfficientNet-Lite0 is known for dead stem filters: four of its 32 kept no variance in training."""
    said = {name: found for name, found in results(lite).items() if isinstance(found, Finding)}
    assert set(said) == set(NAMES)  # everything can be judged of it
    assert at(said["dead_units"], "_swish").units == (11, 16, 28, 31)
    notes = {name for name, found in said.items() if found.severity == "note"}
    assert notes == {"dead_units", "redundant_units", "receptive_field", "near_zero_scale"}
    refused = {name for name, found in results(vgg).items() if isinstance(found, NotApplicable)}
    assert refused == {"checkerboard", "near_zero_scale", "noise_kernels", "saturated"}


def test_without_images_weights_alone_are_judged(lite: Evidence):
    alone = results(Evidence(lite.description, lite.module))
    refused = {name for name, found in alone.items() if isinstance(found, NotApplicable)}
    assert refused == {"always_on", "lost_rank", "saturated", "scale"}
    assert all(found.severity in ("note", "fine") for found in alone.values() if isinstance(found, Finding))


def test_layers_that_saw_no_image_are_judged_by_their_weights_alone(vgg: Evidence):
    """As where the dataset cannot be read, or the model passes a layer over."""
    unseen = surveyed(vgg.module, torch.zeros(0, *vgg.description.input_shape), list(vgg.answers))
    found = results(Evidence(vgg.description, vgg.module, unseen))
    assert found == results(Evidence(vgg.description, vgg.module))


def test_defects_planted_into_a_sound_model_are_found(lite: Evidence):
    """Into the weights of EfficientNet-Lite0: noise in the stem, copies, a normalisation at zero, a NaN."""
    model, _ = shown("efficientnet_lite0", "inputs/images")
    parts = dict(model.named_modules())
    with torch.no_grad():
        parts["_conv_stem"].weight.copy_(noise(32, 3, 3, 3) * 0.1)
        parts["_conv_head"].weight[100:300] = parts["_conv_head"].weight[7]
        for name in ("weight", "bias"):
            getattr(parts["_bn1"], name)[100:300] = getattr(parts["_bn1"], name)[7]
        parts["_blocks.6._bn0"].weight[:100] = 1e-6
        parts["_blocks.3._bn1"].running_var[:80] = 1e-12
        parts["_blocks.3._bn1"].bias[:80] = -1
        parts["_blocks.9._project_conv"].weight[3, 5] = torch.nan
    sick = Evidence(lite.description, model)
    assert judged("noise_kernels", sick).severity == "warning"
    assert len(at(judged("redundant_units", sick), "_conv_head").units) == 201
    assert judged("redundant_units", sick).severity == "warning"
    assert at(judged("near_zero_scale", sick), "_blocks.6._bn0").units[:100] == tuple(range(100))
    assert judged("near_zero_scale", sick).severity == "warning"
    assert set(range(80)) <= set(at(judged("dead_units", sick), "_blocks.3._swish@2").units)
    assert judged("dead_units", sick).severity == "serious"
    assert at(judged("not_numbers", sick), "_blocks.9._project_conv").text == "1 weight"


def test_a_fresh_network_is_sound_but_for_its_first_kernels():
    """Random weights of a fitting scale: only what is learned is missing."""
    model = nn.Sequential()
    for before, after, stride in ((3, 32, 2), (32, 32, 1), (32, 64, 2), (64, 64, 1)):
        model.extend([nn.Conv2d(before, after, 3, stride, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU()])
    model.extend([nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10)])
    found = results(evidence_of(seeded(model), noise(8, 3, 24, 24)))
    grave = {n for n, one in found.items() if isinstance(one, Finding) and one.severity in ("serious", "warning")}
    assert grave == {"noise_kernels"}


def test_checks_leave_the_evidence_as_it_is(vgg: Evidence):
    before = {name: value.clone() for name, value in vgg.module.state_dict().items()}
    first, second = results(vgg), results(Evidence(vgg.description, vgg.module, vgg.answers))
    assert first == second
    assert all(torch.equal(before[name], value) for name, value in vgg.module.state_dict().items())


def test_places_and_units_are_those_of_the_model(lite: Evidence):
    known = {layer.name: layer.units for layer in lite.layers}
    for found in results(lite).values():
        for place in found.places if isinstance(found, Finding) else ():
            assert place.layer in known
            assert all(0 <= unit < known[LayerName(place.layer)] for unit in place.units)
