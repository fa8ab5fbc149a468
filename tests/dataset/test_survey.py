"""One pass over a set, against maps captured by plain hooks and sorted."""

import gc
import tracemalloc
from collections.abc import Iterator, Mapping

import numpy as np
import pytest
import torch
import torchvision
from torch import Tensor, nn

from generator.dataset.answers import NONE, Answers
from generator.dataset.health import Mark, marks
from generator.dataset.reduction import SAMPLE
from generator.dataset.survey import Portion, first_classes, survey
from generator.library import engine_for
from generator.methods.dataset_examples import DatasetExamples
from generator.model.describe import describe
from generator.names import LayerName
from tests.methods.examples import alive, photo


def surveyed(
    model: nn.Module,
    x: Tensor,
    layers: list[str],
    batch: int = 3,
    top: int = 4,
    form: torch.memory_format = torch.contiguous_format,
) -> Mapping[str, Answers]:
    description = describe(model, tuple(x.shape[1:]))
    engine = engine_for(model, description)
    engine.memory_format = form
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


@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize(
    ("name", "layers"),
    [
        ("resnet18", ["conv1", "layer1.1", "layer2.0", "layer2.0.downsample.0", "layer4.1"]),  # sums of two branches
        ("squeezenet1_1", ["features.0", "features.3", "features.4.expand3x3", "features.7"]),  # joins of two branches
        ("mobilenet_v2", ["features.0.0", "features.2.conv.1.0", "features.4", "features.9.conv.1.0", "features.18"]),
    ],
)
def test_top_k_is_brute_force_over_plain_hooks(name: str, layers: list[str], channels_last: bool):
    """A residual, a joined and a depthwise net: every map of every image is kept, and searched place by place."""
    model = alive(getattr(torchvision.models, name)(weights=None, num_classes=10))
    x = photo(14)
    form = torch.channels_last if channels_last else torch.contiguous_format
    seen: dict[str, list[Tensor]] = {name: [] for name in layers}
    modules = dict(model.named_modules())
    hooks = [modules[n].register_forward_hook(lambda m, a, o, n=n: seen[n].append(o.detach().clone())) for n in layers]
    with torch.no_grad():
        for part in x.split(3):
            model(part.contiguous(memory_format=form))
    for hook in hooks:
        hook.remove()
    found = surveyed(model, x, layers, form=form)
    for layer in layers:
        maps = torch.cat(seen[layer])
        for unit in range(maps.shape[1]):
            flat = [one.flatten().tolist() for one in maps[:, unit]]
            best = sorted(range(14), key=lambda n: (-max(flat[n]), n))[:4]
            best = [n for n in best if max(flat[n]) != 0]  # a unit that is off answers to nothing
            assert [n for n in found[layer].images[unit].tolist() if n != NONE] == best
            assert found[layer].values[unit, : len(best)].tolist() == [max(flat[n]) for n in best]
            assert found[layer].places[unit, : len(best)].tolist() == [flat[n].index(max(flat[n])) for n in best]


@pytest.mark.parametrize("channels_last", [False, True])
def test_a_chain_that_shares_one_block_of_memory_is_read_link_by_link(channels_last: bool):
    """Norm and rectifier write over the convolution (`generator.engine.sparing`): after its hook, not before."""
    model = alive(nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU6(), nn.Conv2d(8, 4, 1), nn.Hardswish()))
    with torch.no_grad():
        model[1].weight[3].neg_()
        model[1].running_mean.normal_(generator=torch.Generator().manual_seed(1))
    form = torch.channels_last if channels_last else torch.contiguous_format
    x = photo(9, height=40, width=32)
    kept = {str(k): [] for k in range(5)}
    with torch.no_grad():
        for part in x.split(3):
            A = part.contiguous(memory_format=form)
            for name, link in model.named_children():
                A = link(A)
                kept[name].append(A)
    found = surveyed(model, x, list(kept), form=form)
    for name, parts in kept.items():
        maps = torch.cat(parts)
        assert np.array_equal(found[name].highest, maps.amax(dim=(0, 2, 3)).numpy())
        agrees(found[name], maps)


def test_what_the_model_says_first_are_the_classes_and_the_forward_runs_to_its_scores():
    model = nn.Sequential(
        nn.Conv2d(3, 3, 1, bias=False), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 3, bias=False)
    )
    model[0].weight.data = torch.eye(3)[:, :, None, None]
    model[3].weight.data = torch.eye(3)
    x = torch.zeros(41, 3, 4, 4)
    for n in range(40):
        x[n, (2, 0, 0, 2)[n % 4]] = 1 + n / 100
    description = describe(model.eval(), (3, 4, 4))
    engine = engine_for(model, description)
    name = LayerName("0")
    said = np.full(42, NONE, np.int32)
    stream = [Portion(x[:3], [1, 2, 3], [1, 1, 1]), Portion(x[3:], range(4, 42))]
    states = {name: DatasetExamples().start(description.by_name[name], "cpu")}
    found = survey(engine, states, stream, said=said)[name]
    # of image 0 nobody asked, and the last one is blank: no class stands out
    assert said.tolist() == [NONE, *[2, 0, 0, 2] * 10, NONE]
    # channel 0 is raised by images 2, 3, 6, 7 and so on, channel 2 by images 1, 4, 5 and so on, channel 1 by none
    assert found.chosen.tolist() == [0, NONE, 2]
    assert found.selectivity.tolist() == [1, 0, 1]


@pytest.mark.parametrize(
    ("scores", "first"),
    [([1.0, 3, 2], 1), ([4.0, 4, 1], 0), ([2.0, 2, 2], None), ([torch.nan, 1, 2], None), ([-torch.inf, 1, 2], 2)],
)
def test_the_first_class_by_hand(scores: list[float], first: int | None):
    assert first_classes(torch.tensor([scores])) == [first]


def test_planted_dead_and_duplicate_units_are_found_in_one_pass():
    model = alive(torchvision.models.resnet18(weights=None, num_classes=10))
    with torch.no_grad():
        model.bn1.weight[[3, 8]], model.bn1.bias[[3, 8]] = 1.0, -1000.0
        for key in ("weight", "bias", "running_mean", "running_var"):
            getattr(model.bn1, key)[20] = getattr(model.bn1, key)[11]
        model.conv1.weight[20] = model.conv1.weight[11]
    layer = describe(model, (3, 64, 64)).by_name[LayerName("relu")]
    found = marks(surveyed(model, photo(7), ["relu"])["relu"], layer)
    assert set(np.flatnonzero(found & Mark.DEAD)) == {3, 8}
    assert {11, 20} <= set(np.flatnonzero(found & Mark.REDUNDANT))
    assert len(np.flatnonzero(found & Mark.REDUNDANT)) < 10


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


def alive_bytes() -> int:
    """Of all tensors that anything holds, each block of memory once, and of all that Python and numpy hold."""
    gc.collect()
    blocks = {}
    for one in gc.get_objects():
        if type(one) in (Tensor, nn.Parameter) and one.layout == torch.strided:
            storage = one.untyped_storage()
            blocks[storage.data_ptr()] = storage.nbytes()
    return sum(blocks.values()) + tracemalloc.get_traced_memory()[0]


def test_memory_does_not_grow_with_the_images():
    """All that is alive between two batches, once the samples of places are full, and after four times as many images: each is
    brighter than all before, so that lists change to the end."""
    model = alive(torchvision.models.squeezenet1_1(weights=None, num_classes=10))
    description = describe(model, (3, 64, 64))
    layers = [layer for layer in description.layers if layer.kind == "conv"]
    states = {layer.name: DatasetExamples().start(layer, "cpu") for layer in layers}
    x, batches, look_at = photo(8), 44, (10, 11, 12, 41, 42, 43)
    held: dict[int, int] = {}

    def stream() -> Iterator[Portion]:
        for k in range(batches):
            if k in look_at:
                held[k] = alive_bytes()
            yield Portion(x + k, range(8 * k, 8 * k + 8))

    tracemalloc.start()
    try:
        found = survey(engine_for(model, description), states, stream())
    finally:
        tracemalloc.stop()
    last = found[layers[-1].name]
    assert (last.seen, last.sampled) == (8 * batches, SAMPLE)
    early, late = (max(held[k] for k in some) for some in (look_at[:3], look_at[3:]))
    assert late < 1.03 * early
