"""Layers, facts and heads of small models whose every row can be said by hand."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from generator.engine.capture import Overwritten, capturing
from generator.engine.rules import RuleBook
from generator.errors import UserError
from generator.model.describe import describe
from generator.model.kinds import attributes
from generator.model.trace import trace
from generator.names import INPUT, LayerName


class Residual(nn.Module):
    """conv, batch norm, ReLU in place, a sum in place, one module called twice, an identity, a dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(4)
        self.act = nn.ReLU(inplace=True)
        self.skip, self.drop = nn.Identity(), nn.Dropout(0.5)

    def forward(self, x: Tensor) -> Tensor:
        y = self.drop(self.act(self.norm(self.conv(x))))
        y += self.skip(x)
        return self.act(y)


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, (3, 5), stride=(2, 1), padding=(1, 2))
        self.block = Residual()
        self.fc = nn.Linear(4, 7)

    def forward(self, x: Tensor) -> Tensor:
        y = F.max_pool2d(F.relu(self.stem(x)), 3, 2)
        return self.fc(self.block(y).mean((2, 3)))


def test_every_row_of_a_small_model_by_hand() -> None:
    found = describe(Small(), (3, 32, 20))
    rows = [(r.name, r.kind, r.op, r.shape, r.parameters, r.inputs) for r in found.layers]
    assert rows == [
        ("stem", "conv", "Conv2d", (4, 16, 20), 4 * 3 * 15 + 4, (INPUT,)),
        ("F.relu", "act", "F.relu", (4, 16, 20), 0, ("stem",)),
        ("F.max_pool2d", "pool", "F.max_pool2d", (4, 7, 9), 0, ("F.relu",)),
        ("block.conv", "conv", "Conv2d", (4, 7, 9), 4 * 4 * 9, ("F.max_pool2d",)),
        ("block.norm", "norm", "BatchNorm2d", (4, 7, 9), 8, ("block.conv",)),
        ("block.act", "act", "ReLU", (4, 7, 9), 0, ("block.norm",)),
        ("block.F.add", "merge", "F.add", (4, 7, 9), 0, ("block.act", "F.max_pool2d")),
        ("block.act@2", "act", "ReLU", (4, 7, 9), 0, ("block.F.add",)),
        ("block", "block", "Residual", (4, 7, 9), 4 * 4 * 9 + 8, ("F.max_pool2d",)),
    ]
    assert dict(found.layers[0].attributes) == {"kernel": "3×5", "stride": "2×1", "padding": "1×2", "channels": "3 → 4"}
    assert dict(found.layers[2].attributes) == {"kernel": "3×3", "stride": "2", "padding": "0"}
    assert (found.classes, found.parameters, found.unused) == (7, 184 + 144 + 8 + 35, ())
    facts = found.facts
    assert (facts.rectifiers, facts.max_pools, facts.overlapping_pools) == (3, 1, 1)
    assert (facts.head_layer, found.head_linear) == ("block.act@2", "fc")


def test_what_is_overwritten_is_what_the_engine_must_copy() -> None:
    model, x = Small().eval(), torch.randn(1, 3, 32, 20)
    found = describe(model, (3, 32, 20))
    # the norm's output by the ReLU, the ReLU's by the sum, the sum's by the second ReLU
    assert found.overwritten == {"block.norm", "block.act", "block.F.add"}
    with pytest.raises(Overwritten) as raised, torch.no_grad(), capturing(model, found.facts.layers, book=RuleBook()):
        model(x)
    assert raised.value.layers == found.overwritten
    with torch.no_grad(), capturing(model, found.facts.layers, book=RuleBook(), copies=found.overwritten) as kept:
        model(x)
    assert kept.keys() == set(found.facts.layers)


def test_a_write_through_a_view_changes_the_whole() -> None:
    class Views(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.last = nn.Conv2d(2, 4, 1), nn.Conv2d(4, 1, 1)

        def forward(self, x: Tensor) -> Tensor:
            y = self.conv(x)
            y[:, :2].relu_()
            return self.last(y)

    found = describe(Views(), (2, 5, 5))
    assert found.overwritten == {"conv"}
    assert found.by_name[LayerName("last")].inputs == ("F.relu",)


def test_rectifiers_are_counted_however_they_are_written() -> None:
    class Ways(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 3, 1)
            self.modules_of_it = nn.ModuleList([nn.ReLU(), nn.ReLU6(), nn.Hardtanh(0.0, 2.0), nn.Hardtanh(), nn.GELU()])

        def forward(self, x: Tensor) -> Tensor:
            y = self.conv(x)
            for module in self.modules_of_it:  # three of five
                y = module(y)
            y = torch.relu(F.relu(y).relu()).clone().relu_()  # four
            y = y.clamp(min=0) + torch.clamp(y, 0, 6) + y.clamp(min=-1) + F.leaky_relu(y)  # two of four
            return F.relu6(y)  # one

    assert describe(Ways(), (3, 8, 8)).facts.rectifiers == 3 + 4 + 2 + 1


def test_units_that_merely_pass_are_left_out() -> None:
    model = nn.Sequential(
        nn.Identity(), nn.Conv2d(1, 2, 3), nn.ZeroPad2d(1), nn.Dropout2d(), nn.Sequential(), nn.Sequential(nn.Tanh()), nn.Upsample(scale_factor=2)
    )  # fmt: skip
    found = describe(model, (1, 9, 9))
    assert [(layer.name, layer.kind) for layer in found.layers] == [
        ("1", "conv"),
        ("5.0", "act"),
        ("5", "block"),
        ("6", "other"),
    ]


class Swish(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x * torch.sigmoid(x)


class Opaque(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return Swish.apply(x)  # type: ignore[no-any-return]


def test_a_function_with_its_own_gradient_is_seen_through_and_its_insides_are_no_layers() -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), Opaque(), nn.Conv2d(2, 2, 3))
    found = describe(model, (1, 9, 9))
    assert [(layer.name, layer.op, layer.receptive_field) for layer in found.layers] == [
        ("0", "Conv2d", (3, 3)),
        ("1", "Opaque", (3, 3)),
        ("2", "Conv2d", (5, 5)),
    ]


class Outside(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.from_numpy(x.detach().numpy()[:, :, ::-1].copy())


def test_what_happens_outside_torch_is_one_operation_and_the_chain_goes_on() -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), Outside(), nn.Conv2d(2, 2, 3))
    found = describe(model, (1, 9, 9))
    assert [(layer.name, layer.op, layer.inputs, layer.receptive_field) for layer in found.layers] == [
        ("0", "Conv2d", (INPUT,), (3, 3)),
        ("1", "Outside", ("0",), None),  # it could have looked anywhere
        ("2", "Conv2d", ("1",), None),
    ]


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(), nn.Linear(4, 3)), ("0.1", "1.3")),
        (nn.Sequential(nn.AvgPool2d(6), nn.Flatten(), nn.Linear(4, 3)), ("0.1", "1.2")),
        (nn.Sequential(nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(4, 3)), (None, None)),
        (nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.ReLU(), nn.Linear(4, 3)), ("0.1", "1.3")),
        (nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Tanh(), nn.Linear(4, 3)), (None, None)),
        (nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3), nn.Softmax(1)), (None, None)),
        (nn.Sequential(nn.Flatten(), nn.Linear(144, 3)), (None, None)),
    ],
    ids=["adaptive", "average", "maximum", "relu-after-relu", "tanh-between", "softmax", "flattened"],
)
def test_a_pooled_head_is_found_by_its_numbers(head: nn.Module, expected: tuple[str | None, str | None]) -> None:
    torch.manual_seed(1)
    model = nn.Sequential(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()), head)
    found = describe(model, (3, 8, 8))
    assert (found.facts.head_layer, found.head_linear) == expected


def test_half_precision_is_described_as_it_is() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))
    model = model.bfloat16()
    found = describe(model, (3, 8, 8))
    assert (found.facts.head_layer, found.head_linear) == ("1", "4")
    assert next(model.parameters()).dtype == torch.bfloat16


def test_a_size_that_does_not_fit_is_the_users_to_mend() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(144, 2))
    with pytest.raises(UserError, match=r"3 channels, 10x12 pixels.*mat1 and mat2.*model\.input\.size") as raised:
        describe(model, (3, 10, 12))
    assert "\n" not in str(raised.value)


def test_a_model_without_places_is_refused() -> None:
    with pytest.raises(UserError, match="layers that have height and width, received Sequential without any"):
        describe(nn.Sequential(nn.Flatten(), nn.Linear(12, 2)), (3, 2, 2))


def test_a_model_is_left_as_it_was_found() -> None:
    model = Small().train()
    model.block.norm.eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    describe(model, (3, 32, 20))
    with pytest.raises(UserError):
        describe(model, (4, 32, 20))
    assert model.training
    assert not model.block.norm.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    assert all(parameter.grad is None and parameter.requires_grad for parameter in model.parameters())


def test_twice_the_same() -> None:
    model = Small()
    assert describe(model, (3, 32, 20)) == describe(model, (3, 32, 20))


def test_a_group_is_an_interval_of_nodes_and_edges_go_back() -> None:
    graph, _ = trace(Small().eval(), torch.randn(1, 3, 32, 20))
    group = next(group for group in graph.groups if group.name == "block")
    inside = [node.name for node in graph.nodes[group.start : group.stop]]
    assert inside == ["block.conv", "block.norm", "block.act", "block.F.add", "block.act@2"]
    assert [node.index for node in graph.nodes] == list(range(len(graph.nodes)))
    assert all(ref.node < node.index for node in graph.nodes for ref in node.inputs)
    assert [graph.nodes[ref.node].name for ref in graph.outputs] == ["fc"]


class Again(nn.Module):
    """It calls itself."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x: Tensor, more: int = 2) -> Tensor:
        y = F.relu(self.conv(x))
        return self(y, more - 1) if more else y


def test_the_calls_of_a_model_that_calls_itself_have_names_of_their_own() -> None:
    found = describe(Again(), (3, 16, 16))
    assert [(layer.name, layer.receptive_field, layer.inputs) for layer in found.layers] == [
        ("conv", (3, 3), ("@input",)),
        ("F.relu", (3, 3), ("conv",)),
        ("conv@2", (5, 5), ("F.relu",)),
        ("F.relu@2", (5, 5), ("conv@2",)),
        ("conv@3", (7, 7), ("F.relu@2",)),
        ("F.relu@3", (7, 7), ("conv@3",)),
    ]
    assert len(found.by_name) == 6


def test_windows_have_as_many_sides_as_what_they_lie_on() -> None:
    class Lines(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.volume, self.line = nn.Conv3d(1, 2, (3, 5, 5), stride=(1, 2, 2)), nn.Conv1d(2, 2, 7, dilation=2)
            self.pool, self.mean = nn.MaxPool3d(2), nn.AvgPool1d(4)

        def forward(self, x: Tensor) -> Tensor:
            x = self.pool(self.volume(x[:, None]))
            return self.line(self.mean(x.flatten(2)))

    graph, _ = trace(Lines().eval(), torch.zeros(1, 8, 32, 32))
    said = {node.op: dict(attributes(node)) for node in graph.nodes}
    assert (said["Conv3d"]["kernel"], said["Conv3d"]["stride"]) == ("3×5×5", "1×2×2")
    assert (said["MaxPool3d"]["kernel"], said["MaxPool3d"]["stride"]) == ("2×2×2", "2")
    assert (said["AvgPool1d"]["kernel"], said["AvgPool1d"]["stride"]) == ("4", "4")
    assert (said["Conv1d"]["kernel"], said["Conv1d"]["stride"], said["Conv1d"]["dilation"]) == ("7", "1", "2")
