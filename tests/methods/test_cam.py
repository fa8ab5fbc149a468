"""CAM: by hand, against torchcam, and against the logit it is an account of."""

import pytest
import torch
from torch import Tensor, nn
from torchcam.methods import CAM as Reference

import generator
from generator.artifacts import Heatmap, NotApplicable
from generator.engine.needs import HEAD, Activation, Weights
from generator.errors import UserError
from generator.methods.cam import CAM
from generator.names import LayerName, Unit
from tests.methods.examples import L, alexnet, exactly, facts, only, photo, reads, resnet18, row, same

F = torch.tensor([[[1.0, 2.0], [0.0, 1.0]], [[3.0, 0.0], [1.0, 1.0]]])
W = torch.tensor([[1.0, -1.0], [2.0, 0.5]])


def test_equation_2_by_hand_for_two_images_of_two_classes():
    made = only(CAM(), reads({Activation(L): torch.stack([F, F]), Weights(HEAD): W}, classes=torch.tensor([[0], [1]])))
    assert isinstance(made, Heatmap)
    assert made.signed
    # class 0: f_0 - f_1; class 1: 2 f_0 + f_1 / 2
    exactly(made.values, [[[-2, 2], [-1, 0]], [[3.5, 4], [0.5, 2.5]]])


def test_spatial_mean_plus_bias_is_the_logit():
    model, x = resnet18(), photo()
    scores = model(x).detach()
    for c in (0, 7):
        maps = generator.attribute(model, x, "cam", layers="layer4", target=c)
        same(maps["layer4"].mean((1, 2)) + model.fc.bias[c].detach(), scores[:, c])


def test_equals_torchcam():
    model, x = resnet18(), photo()
    with Reference(model, "layer4", "fc") as extractor:
        model(x)
        (expected,) = extractor([3, 3], normalized=False)
    same(generator.attribute(model, x, "cam", layers="layer4", target=3)["layer4"], expected)


def test_only_on_the_layer_that_is_averaged():
    model, x = resnet18(), photo()
    maps = generator.attribute(model, x, "cam", layers=["layer3", "layer4"])
    assert isinstance(maps["layer3"], NotApplicable)
    assert "layer4" in maps["layer3"].reason
    assert isinstance(maps["layer4"], Tensor)


def test_containers_that_end_in_the_averaged_layer_are_that_layer():
    maps = generator.attribute(resnet18(), photo(), "cam", layers="all", target=1)
    drawn = {name: values for name, values in maps.items() if isinstance(values, Tensor)}
    assert list(drawn) == ["layer4.1.relu@2", "layer4.1", "layer4"]
    exactly(drawn["layer4.1"], drawn["layer4.1.relu@2"])
    exactly(drawn["layer4"], drawn["layer4.1.relu@2"])


def test_not_applicable_without_such_a_head():
    refused = generator.attribute(alexnet(), photo(), "cam", layers="features.12")["features.12"]
    assert isinstance(refused, NotApplicable)
    assert "global average pooling" in refused.reason
    method = CAM()
    assert method.applies(facts(head_layer="layer"), row()) is None
    assert isinstance(method.applies(facts(head_layer="layer"), row(name="other")), NotApplicable)
    assert isinstance(method.applies(facts(head_layer="layer"), row(shape=(8, 1, 1))), NotApplicable)


def test_a_head_written_with_mean_is_a_head_too():
    class Mean(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.conv, self.fc = nn.Conv2d(3, 6, 3), nn.Linear(6, 4)

        def forward(self, x: Tensor) -> Tensor:
            return self.fc(self.conv(x).relu().mean((2, 3)))

    model, x = Mean().eval(), photo()
    maps = {
        k: v for k, v in generator.attribute(model, x, "cam", layers="all", target=2).items() if isinstance(v, Tensor)
    }
    ((_, values),) = maps.items()
    same(values.mean((1, 2)) + model.fc.bias[2].detach(), model(x)[:, 2].detach())


def test_a_unit_as_target_is_the_users_mistake():
    unit = Unit(LayerName("layer3"), 2)
    with pytest.raises(UserError, match="cam needs a class"):
        only(CAM(), reads({Activation(L): F[None], Weights(HEAD): W}, target=unit))
