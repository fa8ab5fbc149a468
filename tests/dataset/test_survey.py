"""One pass over a set, against maps captured by plain hooks and sorted."""

from collections.abc import Mapping

import numpy as np
import pytest
import torch
import torchvision
from torch import Tensor, nn

from generator.dataset.answers import NONE, Answers
from generator.dataset.survey import Portion, survey
from generator.library import engine_for
from generator.methods.dataset_examples import DatasetExamples
from generator.model.describe import describe
from generator.names import LayerName
from tests.methods.examples import alive, photo


def surveyed(model: nn.Module, x: Tensor, layers: list[str], batch: int = 3, top: int = 4) -> Mapping[str, Answers]:
    description = describe(model, tuple(x.shape[1:]))
    engine = engine_for(model, description)
    method = DatasetExamples(top=top)
    states = {LayerName(name): method.start(description.by_name[LayerName(name)], "cpu") for name in layers}
    stream = [Portion(x[at : at + batch], range(at, min(at + batch, len(x)))) for at in range(0, len(x), batch)]
    found = survey(engine, states, stream)
    assert engine.counts.forward == len(stream)
    assert engine.counts.backward == 0
    return found


def agrees(found: Answers, maps: Tensor) -> None:
    """`maps` (n, c, h, w) are all outputs of the layer."""
    highest = maps.amax(dim=(2, 3))
    for unit in range(maps.shape[1]):
        order = sorted(range(len(maps)), key=lambda n: (-float(highest[n, unit]), n))
        order = [n for n in order if float(highest[n, unit]) != 0][: found.images.shape[1]]
        assert [n for n in found.images[unit].tolist() if n != NONE] == order
        for rank, n in enumerate(order):
            place = int(found.places[unit, rank])
            assert found.values[unit, rank] == pytest.approx(float(highest[n, unit]), rel=1e-4, abs=1e-5)
            assert float(maps[n, unit].flatten()[place]) == pytest.approx(float(highest[n, unit]), rel=1e-4, abs=1e-5)
    assert np.allclose(found.mean, maps.mean(dim=(0, 2, 3)).numpy(), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("batch", [1, 3, 7])
def test_lists_are_those_of_a_sort_though_later_layers_overwrite_maps(batch: int):
    """Batch norm, then ReLU in place, then `out += identity`: what a hook kept would be another layer's."""
    model = alive(torchvision.models.resnet18(weights=None, num_classes=10))
    x = photo(7)
    names = ["conv1", "bn1", "relu", "layer1.0.bn2", "layer2.1.conv2"]
    seen: dict[str, list[Tensor]] = {name: [] for name in names}
    modules = dict(model.named_modules())
    hooks = [modules[n].register_forward_hook(lambda m, a, o, n=n: seen[n].append(o.detach().clone())) for n in names]
    with torch.no_grad():
        for part in x.split(batch):  # batches of another size round differently
            model(part)
    for hook in hooks:
        hook.remove()
    found = surveyed(model, x, names, batch)
    for name in names:
        agrees(found[name], torch.cat(seen[name]))


def test_functional_layers_tokens_and_channels_last_are_read_as_maps():
    class Functional(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)

        def forward(self, x: Tensor) -> Tensor:
            return torch.relu(self.conv(x)).mean(dim=(2, 3))

    model = alive(Functional())
    x = photo(5, height=12, width=9)
    with torch.no_grad():
        agrees(surveyed(model, x, ["F.relu"])["F.relu"], torch.relu(model.conv(x)))

    swin = torchvision.models.swin_t(weights=None, num_classes=5).eval()
    x = photo(3)
    kept: list[Tensor] = []
    hook = swin.features[1].register_forward_hook(lambda m, a, o: kept.append(o.detach().clone()))
    with torch.no_grad():
        swin(x)
    hook.remove()
    agrees(surveyed(swin, x, ["features.1"])["features.1"], kept[0].permute(0, 3, 1, 2))


def test_the_forward_ends_at_the_deepest_layer_asked_for():
    model = alive(torchvision.models.resnet18(weights=None, num_classes=10))
    calls: list[int] = []
    hook = model.layer2.register_forward_hook(lambda m, a, o: calls.append(1))
    x = photo(2)
    description = describe(model, (3, 64, 64))
    engine = engine_for(model, description)
    calls.clear()
    states = {LayerName("layer1"): DatasetExamples().start(description.by_name[LayerName("layer1")], "cpu")}
    survey(engine, states, [Portion(x, range(2))])
    hook.remove()
    assert calls == []
    assert not model.layer1._forward_hooks


def test_memory_does_not_grow_with_the_images():
    """States after 20 and after 200 images hold as many bytes."""
    model = alive(torchvision.models.squeezenet1_1(weights=None, num_classes=10))
    description = describe(model, (3, 64, 64))
    layers = [layer for layer in description.layers if layer.kind == "conv"]

    def held(images: int) -> int:
        engine = engine_for(model, description)
        states = {layer.name: DatasetExamples().start(layer, "cpu") for layer in layers}
        x = photo(4)
        survey(engine, states, (Portion(x + k, range(4 * k, 4 * k + 4)) for k in range(images // 4)))
        tensors = [
            t for s in states.values() for t in (s.sums, s.columns, *(vars(s.strongest).values())) if torch.is_tensor(t)
        ]
        return sum(t.numel() * t.element_size() for t in tensors)

    assert held(20) == held(200)
