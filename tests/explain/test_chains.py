"""Operations in chains, what is kept of a run, what it costs, and what goes without."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torchvision
from torch import Tensor, nn

from generator.artifacts import NotApplicable
from generator.explain.attention import INSIDE, KEY, MASK, QUERY, VALUE
from generator.explain.budget import estimate, parts_of, total, within
from generator.explain.chains import Chain, Chains, Place, Step, chains_of
from generator.explain.layouts import Layouts
from generator.explain.operation import Operation, operation_of
from generator.explain.record import kept_layouts, record
from generator.model.calls import tensors
from generator.model.describe import describe
from generator.model.graph import Graph, Ref
from generator.model.receptive import propagate
from tests.explain.nets import families


def found(model: nn.Module, shape: tuple[int, int, int]) -> tuple[Chains, Graph]:
    description = describe(model, shape)
    return chains_of(description.graph, model, description.layers), description.graph


def names(chain: Chain) -> list[str]:
    return [step.operation.name for step in chain.steps]


def test_a_resnet_in_chains():
    chains, _ = found(torchvision.models.resnet18().eval(), (3, 64, 64))
    assert names(chains.chains[0]) == ["conv1", "bn1", "relu", "maxpool"]
    assert ["layer2.0.conv2", "layer2.0.bn2", "layer2.0.F.add", "layer2.0.relu@2"] in map(names, chains.chains)
    assert ["layer2.0.downsample.0", "layer2.0.downsample.1"] in map(names, chains.chains)
    last = next(chain for chain in chains.chains if names(chain)[0] == "layer4.1.conv2")
    assert names(last)[-2:] == ["avgpool", "fc"]
    place = chains.places["layer2.0"]  # type: ignore[index]
    assert isinstance(place, Place)
    assert names(chains.chains[place.chain])[place.step] == "layer2.0.relu@2", "a block is its last operation"


def test_only_what_begins_a_chain_or_comes_from_beside_it_is_kept():
    chains, graph = found(torchvision.models.resnet18().eval(), (3, 64, 64))
    by_name = {names(chain)[0]: chain for chain in chains.chains}
    kept = {name: [graph.nodes[ref.node].name for ref in chain.kept] for name, chain in by_name.items()}
    assert kept["layer1.0.conv1"] == ["maxpool"]
    assert kept["layer2.0.conv2"] == ["layer2.0.relu", "layer2.0.downsample.1"]
    assert kept["layer4.1.conv2"] == ["layer4.1.relu", "layer4.0.relu@2", "avgpool"]


def test_dropout_and_turned_layouts_are_passed_through():
    chains, graph = found(families(), (3, 32, 32))
    by_name = {names(chain)[0]: chain for chain in chains.chains}
    inner = by_name["convnext.features.1.0.block.3"]
    assert inner.steps[0].operation.kind == "conv", "a linear layer at every place"
    assert [graph.nodes[ref.node].name for ref in inner.kept] == ["convnext.features.1.0.block.2"]
    head = by_name["vgg.features.6"]
    assert [step.operation.kind for step in head.steps] == [
        "conv",
        "act",
        "pool",
        "pool",
        "flatten",
        "linear",
        "act",
        "linear",
    ]
    assert head.steps[5].operation.reads[0].shape == (12, 2, 2), "its terms know their places"
    assert head.steps[5].follows == 4


def test_attention_stands_before_its_projection_and_tokens_on_their_grid():
    model = torchvision.models.VisionTransformer(32, 8, 2, 2, 16, 32, num_classes=5).eval()
    chains, _ = found(model, (3, 32, 32))
    layer = "encoder.layers.encoder_layer_0"
    chain = next(chain for chain in chains.chains if names(chain)[0] == f"{layer}.self_attention")
    assert names(chain)[1:] == [f"{layer}.self_attention.out_proj", f"{layer}.F.add", f"{layer}.ln_2"]
    assert [step.operation.kind for step in chain.steps] == ["attention", "conv", "merge", "norm"]
    assert [step.follows for step in chain.steps] == [None, 0, 1, 2]
    assert chain.steps[0].operation.shape == (16, 4, 4)
    assert chain.steps[0].operation.settings == {"heads": 2, "scale": 8**-0.5, "prefix": 1, "tokens": 17}
    parts = parts_of(Chains((chain,), {}))
    assert (f"{layer}.self_attention",) in [part.operations for part in parts], "it may go without by itself"
    whole = [place for place in chains.places.values() if isinstance(place, Place)]
    assert len(whole) >= 8


class Masked(nn.Module):
    """Attention of an image's tokens, each only to those before it, by an argument or a mask."""

    def __init__(self, **how: object) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 8, 4, 4)
        self.how = how
        self.proj = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2)
        heads = x.unflatten(2, (2, 4)).transpose(1, 2)
        out = torch.nn.functional.scaled_dot_product_attention(heads, heads, heads, **self.how)  # type: ignore[arg-type]
        return self.proj(out.transpose(1, 2).flatten(2))  # type: ignore[no-any-return]


def recorded_of(model: nn.Module, shape: tuple[int, int, int]) -> tuple[list[str], set[int]]:
    """The kinds of all operations, and which tensors inside a call were recorded."""
    graph = describe(model, shape).graph
    layouts = Layouts(graph, propagate(graph))
    made = [one for node in graph.nodes if isinstance(one := operation_of(node, layouts, model), Operation)]
    chains = [Chain((Step(one, (None,) * len(one.reads)),)) for one in made]
    recorded = record(model, torch.randn(1, *shape), graph, kept_layouts(chains, layouts), made)
    return [one.kind for one in made], {ref.output for ref in recorded.maps if ref.output in INSIDE}


def test_a_mask_is_recorded_with_its_attention_and_other_kinds_say_why_not():
    assert recorded_of(Masked(), (3, 16, 16)) == (["conv", "attention", "conv"], {QUERY, KEY, VALUE})
    for how in ({"is_causal": True}, {"attn_mask": torch.ones(16, 16, dtype=torch.bool).tril()}, {"attn_mask": torch.randn(1, 2, 16, 16)}):  # fmt: skip
        assert recorded_of(Masked(**how), (3, 16, 16)) == (["conv", "attention", "conv"], {QUERY, KEY, VALUE, MASK})
    graph = describe(Masked(attn_mask=torch.randn(16, 1)), (3, 16, 16)).graph
    layouts = Layouts(graph, propagate(graph))
    said = [one for node in graph.nodes if isinstance(one := operation_of(node, layouts, Masked()), NotApplicable)]
    assert any("not one number for each two tokens" in one.reason for one in said)


class ByHand(nn.Module):
    """Attention written out as products of matrices."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 8, 4, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2)
        heads = x.unflatten(2, (2, 4)).transpose(1, 2)
        shares = ((heads @ heads.transpose(2, 3)) * 0.5).softmax(-1)
        return (shares @ heads).transpose(1, 2).flatten(2)


def test_attention_written_out_says_so_and_names_no_budget():
    graph = describe(ByHand(), (3, 16, 16)).graph
    layouts = Layouts(graph, propagate(graph))
    found = {node.op: operation_of(node, layouts, ByHand()) for node in graph.nodes if node.family in ("matmul", "softmax")}  # fmt: skip
    assert len(found) == 2
    for op, one in found.items():
        assert isinstance(one, NotApplicable)
        assert one.reason.startswith(f"{op} is part of attention that is written out as products of matrices")
        assert "budget" not in one.reason


def test_a_page_of_attention_within_windows_says_that():
    model = torchvision.models.SwinTransformer([4, 4], 16, [1, 1], [2, 4], [4, 4], num_classes=5).eval()
    description = describe(model, (3, 64, 64))
    places = chains_of(description.graph, model, description.layers).places
    pages = [layer.name for layer in description.layers if layer.kind == "attention"]
    assert len(pages) == 2
    for name in pages:
        place = places[name]
        assert isinstance(place, NotApplicable)
        assert "only those of their own window" in place.reason and "budget" not in place.reason


def test_what_is_recorded_is_what_torch_gave_and_the_model_is_left_alone():
    model = families()
    x = torch.randn(1, 3, 32, 32)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    seen: dict[str, Tensor] = {}
    hooks = [
        module.register_forward_hook(
            lambda _, __, out, name=name: seen.update({name: next(iter(tensors(out))).detach().clone()})
        )
        for name, module in model.named_modules()
    ]
    torch.backends.mha.set_fastpath_enabled(False)  # what a module of attention fuses rounds otherwise
    try:
        with torch.no_grad():
            model(x)
    finally:
        torch.backends.mha.set_fastpath_enabled(True)
    for hook in hooks:
        hook.remove()
    chains, graph = found(model, (3, 32, 32))
    layouts = Layouts(graph, propagate(graph))
    axes = kept_layouts(chains.chains, layouts)
    operations = [step.operation for chain in chains.chains for step in chain.steps]
    recorded = record(model, x, graph, axes, operations)
    assert set(recorded.maps) == set(axes)
    checked = 0
    for ref, found_map in recorded.maps.items():
        name = graph.nodes[ref.node].name
        if name in seen and ref.output not in INSIDE and not graph.nodes[ref.node].in_place and "relu" not in name:
            expected = seen[name][0]
            if expected.dim() == 2:  # tokens: those with a place are the last
                expected = expected[-found_map[0].size :].T.reshape(found_map.shape)
            expected = (
                expected.permute(2, 0, 1)
                if expected.dim() == 3 and tuple(expected.shape) != found_map.shape
                else expected
            )
            assert np.array_equal(found_map.ravel(), expected.numpy().ravel())
            checked += 1
    assert checked > 20
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name])
    assert all(not module._forward_hooks and not module._forward_pre_hooks for module in model.modules())
    assert np.array_equal(recorded.arrays["odd.F.conv2d", "weight"], model.odd.weight.detach().numpy())  # type: ignore[index,union-attr]
    assert recorded.arrays["odd.F.mul", "factor"].shape == (7,)  # type: ignore[index]


def test_the_most_expensive_part_goes_first():
    chains, _ = found(families().vgg, (3, 32, 32))
    parts = parts_of(chains)
    cost = {file: 1.0 for part in parts for file in part.files}
    linear = next(part for part in parts if part.operations == ("classifier.0",))
    cost[linear.files[-1]] = 100.0
    whole = total(parts, cost, 1)
    assert within(parts, cost, 1, whole) == parts
    shown = within(parts, cost, 1, whole - 1)
    assert linear not in shown
    assert len(shown) == len(parts) - 1
    assert within(parts, cost, 1, 0) == ()


def test_attention_counts_by_its_tokens_and_fits_any_budget():
    model = torchvision.models.VisionTransformer(32, 8, 2, 2, 16, 32, num_classes=5).eval()
    chains, _ = found(model, (3, 32, 32))
    parts = parts_of(chains)
    cost = {file: estimate(math.prod(file.shape)) if isinstance(file, Ref) else 500.0 for part in parts for file in part.files}  # fmt: skip
    asked = [part for part in parts if part.operations[0].endswith("self_attention")]
    assert len(asked) == 2
    for part in asked:
        assert [file.output for file in part.files if isinstance(file, Ref)] == [QUERY, KEY, VALUE]
        assert total((part,), cost, 1) == pytest.approx(3 * estimate(16 * 17))
    whole = total(parts, cost, 2)
    for share in (1.0, 0.8, 0.5, 0.2, 0.01):
        shown = within(parts, cost, 2, share * whole)
        assert total(shown, cost, 2) <= share * whole
        assert (len(shown) == len(parts)) == (share == 1.0)


def test_maps_count_once_an_image_and_kernels_once():
    chains, _ = found(torchvision.models.resnet18().eval(), (3, 32, 32))
    parts = parts_of(chains)
    cost = {file: 1.0 for part in parts for file in part.files}
    one, three = total(parts, cost, 1), total(parts, cost, 3)
    kernels = sum(isinstance(file, str) for file in cost)
    assert kernels == 21
    assert three - kernels == 3 * (one - kernels)


@pytest.mark.parametrize("rectified", [True, False])
def test_estimates_are_near_what_it_takes(rectified: bool):
    from generator.explain.twenty import pack
    from generator.pages.exports import sevens

    values = torch.randn(32, 40, 40, generator=torch.Generator().manual_seed(0))
    values = values.relu() if rectified else values
    takes = len(sevens(pack(values.numpy()).data))
    assert takes * 0.85 <= estimate(values.numel(), rectified=rectified) <= takes * 1.25


class Twice(nn.Module):
    """A module called twice, and written over in place."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        x.relu_()
        return self.conv(x).mean((2, 3))


def test_each_call_has_a_figure_and_what_was_read_before_it_was_overwritten():
    model = Twice().eval()
    chains, graph = found(model, (3, 8, 8))
    assert [names(chain) for chain in chains.chains] == [["conv", "F.relu"], ["conv@2", "F.mean"]]
    x = torch.randn(1, 3, 8, 8)
    layouts = Layouts(graph, propagate(graph))
    recorded = record(model, x, graph, kept_layouts(chains.chains, layouts), [])
    (kept,) = chains.chains[1].kept
    assert np.array_equal(recorded.maps[kept], model.conv(x).relu()[0].detach().numpy())
