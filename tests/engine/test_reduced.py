"""The twin in bfloat16: what it gives, what stays in float32, and models that have none."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from generator.engine.abreast import copies
from generator.engine.handle import handle
from generator.engine.passes import Engine
from generator.engine.reduced import Refused, Wide, able
from generator.engine.tune import faster_precision, worth_measuring
from generator.library import engine_for
from generator.model.describe import describe
from generator.names import LayerName

SHAPE = (3, 32, 32)


class Padded(nn.Conv2d):
    """A convolution whose forward is its own, as in several model zoos."""

    def forward(self, input: Tensor) -> Tensor:
        return nn.functional.conv2d(
            nn.functional.pad(input, [1, 1, 1, 1]), self.weight, self.bias, self.stride, 0, 1, self.groups
        )


class Net(nn.Module):
    """conv, norm, ReLU6; a strided depthwise one, a norm that cannot be merged; a head. `way` says what is odd about it."""

    def __init__(self, way: str = "plain") -> None:
        super().__init__()
        torch.manual_seed(0)
        self.way = way
        self.conv, self.norm = nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8)
        self.depthwise, self.second = Padded(8, 8, 3, stride=2, groups=8), nn.BatchNorm2d(8)
        self.last, self.head = nn.Conv2d(8, 6, 1), nn.Linear(6, 4)
        self.norm.running_mean.uniform_(-0.1, 0.1)
        self.second.running_var.uniform_(0.5, 2.0)
        self.register_buffer("table", torch.ones(1, 8, 1, 1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        A = nn.functional.relu6(self.norm(self.conv(x)))
        if self.way == "float32":
            A = A @ torch.eye(A.shape[-1])  # a number of its own kind: bfloat16 @ float32 is refused
        if self.way == "nan" and A.dtype == torch.bfloat16:
            A = A * torch.nan
        if self.way == "nan backward" and A.dtype == torch.bfloat16:
            A = A + (A * 0).sqrt() * 0  # 0 forward, 0 / 0 backward
        if self.way == "other" and A.dtype == torch.bfloat16:
            A = A.flip(1) * 3
        B = self.depthwise(A) * self.table
        return self.head(self.last((self.second(B) + B).relu()).mean(dim=(2, 3)))


def engine_of(way: str = "plain") -> Engine:
    net = Net(way).eval()
    return engine_for(net, describe(net, SHAPE))


def pictures() -> Tensor:
    return torch.randn(3, *SHAPE, generator=torch.Generator().manual_seed(1))


def test_the_twin_is_in_bfloat16_but_for_norms_and_strided_groups():
    engine = engine_of()
    twin = engine.reduced()
    assert twin is engine.reduced() and twin is not engine.light()
    assert isinstance(twin.norm, nn.Identity), "merged before it is rounded"
    assert isinstance(twin.depthwise, Wide) and isinstance(twin.depthwise, Padded)
    assert {name: value.dtype for name, value in twin.named_parameters()} == {
        "conv.weight": torch.bfloat16,
        "conv.bias": torch.bfloat16,
        "depthwise.weight": torch.float32,
        "depthwise.bias": torch.float32,
        "second.weight": torch.float32,
        "second.bias": torch.float32,
        "last.weight": torch.bfloat16,
        "last.bias": torch.bfloat16,
        "head.weight": torch.bfloat16,
        "head.bias": torch.bfloat16,
    }
    assert twin.table.dtype == torch.bfloat16 and twin.second.running_var.dtype == torch.float32
    assert all(
        value.dtype == torch.float32 for value in engine.module.state_dict().values() if value.is_floating_point()
    )
    assert type(engine.module.depthwise) is Padded
    assert (engine.counts.forward, engine.counts.backward) == (0, 0)


@pytest.mark.parametrize("layer", ["conv", "norm", "depthwise", "second", "last", None])
def test_it_gives_what_the_model_gives_to_three_digits_and_its_gradient(layer: str | None):
    engine = engine_of()
    with handle(engine, SHAPE, (0.5,) * 3, (0.25,) * 3) as it:
        told = []
        for precision in ("float32", "bfloat16"):
            x = pictures().requires_grad_()
            how = {"precision": precision}
            found = it.class_scores(x, **how) if layer is None else it.layer_output(LayerName(layer), x, **how)
            assert found.dtype == torch.float32
            told.append((found.detach(), it.backward(found.square().sum(), x)))
    (own, slope), (mine, other) = told
    assert 0 < (own - mine).norm() < 0.02 * own.norm()
    assert torch.cosine_similarity(slope.flatten(), other.flatten(), dim=0) > 0.98
    assert engine.counts.forward == 2 and engine.counts.backward == 2


@pytest.mark.parametrize(
    ("way", "reason"),
    [
        ("float32", "does not run in bfloat16"),
        ("nan", "gives what is no number"),
        ("nan backward", "has a gradient in bfloat16 that is no number"),
        ("other", "gives something else"),
    ],
)
def test_a_model_without_such_a_twin_says_why_and_runs_in_float32(way: str, reason: str):
    engine = engine_of(way)
    for _ in range(2):
        with pytest.raises(Refused, match=reason):
            engine.reduced()
    with handle(engine, SHAPE, (0.5,) * 3, (0.25,) * 3) as it:
        own = it.layer_output(LayerName("last"), pictures())
        assert torch.equal(it.layer_output(LayerName("last"), pictures(), precision="bfloat16"), own)


def test_a_model_in_float64_is_left_in_it():
    net = Net().double().eval()
    description = describe(net, SHAPE)
    with pytest.raises(Refused, match=r"another precision \(float64\)"):
        engine_for(net, description).reduced()


def test_copies_that_run_abreast_share_its_weights():
    engine = engine_of()
    first, second = copies(engine, 2)
    mine, other = first.reduced(), second.reduced()
    assert mine is not other
    assert mine.conv.weight.data_ptr() == other.conv.weight.data_ptr() == engine.reduced().conv.weight.data_ptr()
    x = pictures().bfloat16()
    assert torch.equal(mine(x), engine.reduced()(x))


def test_it_is_made_anew_where_weights_have_changed():
    engine = engine_of()
    before = engine.reduced()
    engine.module.conv.weight.data = engine.module.conv.weight.data * 2
    after = engine.reduced()
    assert after is not before
    assert not torch.equal(after.conv.weight, before.conv.weight)


@pytest.mark.parametrize(
    ("has", "expected"), [({}, False), ({"avx512_bf16": False}, False), ({"amx_bf16": True}, True)]
)
def test_whether_a_processor_has_the_instructions_is_asked_of_torch(monkeypatch, has: dict[str, bool], expected: bool):
    cpu = torch.device("cpu")
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: True)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: has, raising=False)
    assert able(cpu) == expected
    monkeypatch.delattr(torch.cpu, "get_capabilities")
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False, raising=False)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: expected, raising=False)
    assert able(cpu) == expected
    assert not able(torch.device("mps")) and not able(torch.device("meta"))


def test_what_is_faster_is_asked_of_no_small_model_and_no_machine_without_the_instructions(monkeypatch):
    measured = []
    monkeypatch.setattr("generator.engine.tune._pass", lambda engine, module, x, clock: measured.append(x.dtype) or 1.0)
    small = engine_of()
    monkeypatch.setattr("generator.engine.tune.able", lambda device: True)
    assert not worth_measuring(small)
    assert faster_precision(small, SHAPE) == "float32"
    monkeypatch.setattr("generator.engine.tune.SMALL", 1000)
    monkeypatch.setattr("generator.engine.tune.able", lambda device: False)
    assert faster_precision(small, SHAPE) == "float32"
    assert not measured


@pytest.mark.parametrize(("took", "expected"), [(0.5, "bfloat16"), (0.95, "float32"), (2.0, "float32")])
def test_bfloat16_is_taken_where_it_is_clearly_faster_and_nothing_is_changed(monkeypatch, took: float, expected: str):
    engine = engine_of()
    before = {name: value.clone() for name, value in engine.module.state_dict().items()}
    times = {torch.float32: 1.0, torch.bfloat16: took}
    monkeypatch.setattr("generator.engine.tune.able", lambda device: True)
    monkeypatch.setattr("generator.engine.tune.SMALL", 1000)
    monkeypatch.setattr("generator.engine.tune._pass", lambda engine, module, x, clock: times[x.dtype])
    assert faster_precision(engine, SHAPE) == expected
    assert all(torch.equal(value, before[name]) for name, value in engine.module.state_dict().items())
    assert engine.memory_format == torch.contiguous_format


def test_the_measurement_runs_every_way_and_counts_none():
    engine = engine_of()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("generator.engine.tune.able", lambda device: True)
        patch.setattr("generator.engine.tune.SMALL", 1000)
        assert faster_precision(engine, SHAPE, rounds=1) in ("float32", "bfloat16")
    refusing = engine_of("nan")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("generator.engine.tune.able", lambda device: True)
        patch.setattr("generator.engine.tune.SMALL", 1000)
        assert faster_precision(refusing, SHAPE, rounds=1) == "float32"
    assert (engine.counts.forward, engine.counts.backward) == (0, 0)
