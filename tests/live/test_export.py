"""What is exported is torch's model, in files of a size that hosts take; what cannot be is told why."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from generator.artifacts import NotApplicable
from generator.live import export as exporting
from generator.live.export import Exported, compare, export, missing
from generator.live.outputs import Outputs
from generator.live.parts import WEIGHTS, split
from generator.model.describe import describe
from tests.live.made import Model, model, model_once
from tests.live.test_outputs import Twice


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return model_once(tmp_path_factory, "tinyvgg_digits")


def outputs_of(net: nn.Module, size: tuple[int, int, int] = (3, 16, 16), **how: Any) -> Outputs:
    found = describe(net, size, **how)
    return Outputs(net, found, [layer.name for layer in found.layers])


def written(outputs: Outputs, x: Tensor) -> Any:
    """What torch's exporter writes of it, with its weights inside."""
    program = torch.onnx.export(outputs.eval(), (x,), dynamo=True, input_names=["image"],
                                output_names=list(outputs.names), verbose=False)  # fmt: skip
    assert program is not None
    return program.model_proto


def session(graph: bytes, weights: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.add_external_initializers_from_files_in_memory([WEIGHTS], [weights], [len(weights)])
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def test_both_graphs_give_torchs_numbers(tiny: Model):
    x = torch.randn(1, *tiny.loaded.input_shape)
    expected = tiny.expected(x)
    parts = tiny.exported.parts
    weights = b"".join(parts.weights)
    found = session(parts.graphs["maps"], weights).run(list(expected), {"image": x.numpy()})
    for name, value in zip(expected, found, strict=True):
        np.testing.assert_allclose(value, expected[name].numpy(), atol=1e-5 * float(expected[name].abs().max()))
    scores = session(parts.graphs["scores"], weights)
    assert [output.name for output in scores.get_outputs()] == ["scores"]
    np.testing.assert_allclose(scores.run(None, {"image": x.numpy()})[0], expected["scores"].numpy(), rtol=1e-4)


def test_weights_are_cut_where_they_are_too_long_for_one_file():
    torch.manual_seed(0)
    outputs = outputs_of(Twice().eval())
    whole = written(outputs, torch.randn(1, 3, 16, 16))
    one, many = split(whole, "scores"), split(whole, "scores", 500)
    assert len(one.weights) == 1
    assert [len(part) for part in many.weights[:-1]] == [500] * (len(many.weights) - 1) != []
    assert b"".join(many.weights) == one.weights[0]
    assert many.graphs == one.graphs


def test_the_small_graph_holds_only_what_scores_need(tiny: Model):
    graphs = {name: onnx.load_from_string(data).graph for name, data in tiny.exported.parts.graphs.items()}
    assert [output.name for output in graphs["maps"].output] == list(tiny.outputs.names)
    assert [output.name for output in graphs["scores"].output] == ["scores"]
    read = {name for node in graphs["scores"].node for name in node.input} | {"scores"}
    assert all(set(node.output) & read for node in graphs["scores"].node)
    lite = model("efficientnet_lite0", ["last_conv"])
    small, large = (
        len(onnx.load_from_string(lite.exported.parts.graphs[name]).graph.node) for name in ("scores", "maps")
    )
    assert small < large  # the class activation maps are gone


def test_no_path_of_this_computer_is_in_the_files(tiny: Model):
    from pathlib import Path

    for data in tiny.exported.parts.graphs.values():
        assert str(Path(__file__).resolve().parents[2]).encode() not in data
        assert b"site-packages" not in data
        assert b".py" not in data


def test_the_difference_is_that_of_the_numbers(tiny: Model):
    x = torch.randn(1, *tiny.loaded.input_shape)
    with torch.no_grad():
        model = written(tiny.outputs, x).SerializeToString()
        layer = tiny.outputs.layers[0]
        convolution = tiny.outputs.model.get_submodule(str(layer))
        before = compare(model, tiny.outputs, [x])
        assert max(before.scores, before.maps) < 1e-5
        with_more = convolution.bias.detach().clone()
        try:
            convolution.bias[0] += 0.5
            after = compare(model, tiny.outputs, [x])
            expected = dict(zip(tiny.outputs.names, tiny.outputs(x), strict=True))
            top = float(expected["m0"].abs().max())
        finally:
            convolution.bias.copy_(with_more)
    assert after.maps >= 0.5 / top * 0.999
    assert after.scores > 0


def test_a_model_is_left_as_it_was_found():
    torch.manual_seed(0)
    net = Twice().train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    found = export(outputs_of(net), [torch.randn(1, 3, 16, 16)])
    assert isinstance(found, Exported)
    assert net.training and all(part.training for part in net.modules())
    assert all(parameter.requires_grad for parameter in net.parameters())
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in net.modules())


def test_two_exports_are_the_same_bytes():
    torch.manual_seed(0)
    made = [export(outputs_of(Twice().eval()), [torch.randn(1, 3, 16, 16)]) for _ in "ab" if torch.manual_seed(0)]
    assert all(isinstance(one, Exported) for one in made)
    assert made[0].parts == made[1].parts  # type: ignore[union-attr]


class Deciding(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.fc = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        if x.mean() > 0:
            x = x.relu()
        return self.fc(x.mean((2, 3)))


class Unwritable(nn.Module):
    """Ends in an operation that ONNX has not."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return torch.special.bessel_j0(self.conv(x).mean((2, 3)))


class Blank(nn.Module):
    """Gives maps, and no scores."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x: Tensor) -> list[Tensor]:
        return [self.conv(x).sum()]


@pytest.mark.parametrize(
    "net, says",
    [
        (Deciding(), "decide what to compute next"),
        (Unwritable(), "cannot write this model as ONNX"),
        (Blank(), "holds no scores"),
    ],
    ids=["decides", "unwritable", "no scores"],
)
def test_what_cannot_be_exported_is_told_why(net: nn.Module, says: str):
    found = export(outputs_of(net.eval()), [torch.randn(1, 3, 16, 16)])
    assert isinstance(found, NotApplicable)
    assert says in found.reason and found.reason.endswith(".") and "\n" not in found.reason


def test_a_detector_is_refused():
    found = outputs_of(nn.Sequential(nn.Conv2d(3, 4, 3)).eval(), head="segmentation")
    from dataclasses import replace

    detector = replace(found.description, readout=replace(found.description.readout, kind="detection"))
    told = export(Outputs(found.model, detector, ()), [torch.randn(1, 3, 16, 16)])
    assert isinstance(told, NotApplicable) and "detector" in told.reason


def test_numbers_that_are_not_torchs_are_not_shown(monkeypatch: pytest.MonkeyPatch):
    torch.manual_seed(0)
    real = torch.onnx.export

    def other(outputs: Outputs, *args: Any, **kwargs: Any) -> Any:
        with torch.no_grad():
            outputs.model.again.weight[2] *= 1.2  # type: ignore[union-attr,index,operator]
            program = real(outputs, *args, **kwargs)
            assert program is not None
            frozen = onnx.load_model_from_string(program.model_proto.SerializeToString())
            outputs.model.again.weight[2] /= 1.2  # type: ignore[union-attr,index,operator]
        return SimpleNamespace(model_proto=frozen)

    monkeypatch.setattr(torch.onnx, "export", other)
    told = export(outputs_of(Twice().eval()), [torch.randn(1, 3, 16, 16)])
    assert isinstance(told, NotApplicable)
    assert "gives other numbers than torch" in told.reason


def test_packages_that_are_not_there_are_named(monkeypatch: pytest.MonkeyPatch):
    assert missing() is None
    real = exporting.find_spec
    monkeypatch.setattr(exporting, "find_spec", lambda name: None if name == "onnxscript" else real(name))
    told = missing()
    assert told is not None and told.reason.startswith("onnxscript must be installed first: pip install")
