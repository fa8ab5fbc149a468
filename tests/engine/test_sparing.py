"""A twin that writes over what nothing reads any more: the same bits, in less memory, and the model itself otherwise."""

from __future__ import annotations

import threading

import pytest
import torch
import torchvision
from torch import Tensor, nn

from generator.engine.invoke import Invocation
from generator.engine.sparing import Frame, sparing
from generator.library import engine_for
from generator.model.describe import describe
from tests.engine.test_merged import normed
from tests.methods.examples import alive, photo


class Net(nn.Module):
    """conv, norm, act and a head; `way` says what else is done with what they give."""

    def __init__(self, way: str = "plain") -> None:
        super().__init__()
        torch.manual_seed(0)
        self.way = way
        self.conv, self.norm, self.act, self.head = nn.Conv2d(3, 4, 3), normed(4, 1), nn.ReLU6(), nn.Linear(4, 5)

    def forward(self, x: Tensor) -> Tensor:
        A = self.conv(self.act(x) if self.way == "acts on the input" else x)
        B = self.norm(A[:, :] if self.way == "norm of a view" else A)
        C = self.act(B)
        if self.way == "norm read twice":
            C = C + B
        if self.way == "convolution read twice":
            C = C + A
        if self.way == "act called twice":
            C = self.act(C * 2)
        if self.way == "a second call may not":
            D = C * 2
            C = self.act(D) + D
        if self.way == "written into":
            B.mul_(2)
        scores: Tensor = self.head(C.mean(dim=(2, 3)))
        return scores


@pytest.mark.parametrize(
    ("way", "paths"),
    [
        ("plain", ("norm", "act")),
        ("act called twice", ("norm", "act")),
        ("a second call may not", ("norm",)),
        ("norm read twice", ("norm",)),
        ("convolution read twice", ("act",)),
        ("norm of a view", ("act",)),
        ("acts on the input", ("norm",)),
        ("written into", ("norm",)),
    ],
)
def test_a_module_may_write_over_what_it_alone_reads_at_every_call(way: str, paths: tuple[str, ...]):
    net = Net(way).eval()
    description = describe(net, (3, 12, 10))
    assert description.facts.overwriting == paths
    twin = engine_for(net, description).sparing()
    x = photo(3, height=12, width=10)
    with torch.no_grad():
        expected = net(x)
        assert torch.equal(twin(x), expected)
    assert not net.act.inplace
    assert type(net.norm) is nn.BatchNorm2d


def test_three_outputs_share_one_block_of_memory_and_weights_are_the_models_own():
    net = Net().eval()
    twin = engine_for(net, describe(net, (3, 12, 10))).sparing()
    at: list[int] = []
    for part in (twin.conv, twin.norm, twin.act):
        part.register_forward_hook(lambda module, args, output: at.append(output.data_ptr()))
    with torch.no_grad():
        twin(photo(2, height=12, width=10))
    assert len(at) == 3
    assert len(set(at)) == 1
    assert twin.conv.weight.data_ptr() == net.conv.weight.data_ptr()


@pytest.mark.parametrize("form", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v3_small", "efficientnet_b0", "googlenet"])
def test_networks_give_the_same_bits(name: str, form: torch.memory_format):
    more = {"init_weights": False, "aux_logits": False} if name == "googlenet" else {}
    net = alive(getattr(torchvision.models, name)(weights=None, num_classes=10, **more))
    engine = engine_for(net, describe(net, (3, 64, 64)))
    engine.memory_format = form
    twin = engine.sparing()
    assert twin is not net
    x = engine.batch(photo(3))
    with torch.no_grad():
        assert torch.equal(twin(x), net(x))


def test_scores_of_changed_inputs_come_of_the_merged_twin_writing_over_itself():
    net = Net().eval()
    engine = engine_for(net, describe(net, (3, 12, 10)))
    x = engine.batch(photo(3, height=12, width=10))
    found = engine.scored(x)
    light, fastest = engine.light(), engine._fastest()
    assert isinstance(fastest.norm, nn.Identity)
    assert (fastest.act.inplace, light.act.inplace, net.act.inplace) == (True, False, False)
    with torch.no_grad():
        assert torch.equal(found, light(x))
    assert not found.requires_grad
    assert engine._fastest() is fastest
    net.head.bias.data.add_(1)
    torch.testing.assert_close(engine.scored(x), found + 1)


def test_the_model_itself_where_nothing_can_be_spared_or_a_copy_cannot_be_made():
    locked = Net().eval()
    locked.lock = threading.Lock()
    watched = Net().eval()
    watched.conv.register_forward_hook(lambda module, args, output: None)
    bare = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()).eval()
    for net in (locked, watched, bare):
        assert engine_for(net, describe(net, (3, 12, 10))).sparing() is net


@pytest.mark.parametrize("form", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize(
    "pad", [nn.ZeroPad2d((0, 1, 2, 0)), nn.ConstantPad2d((3, 0, 0, 1), -2.5), nn.ZeroPad2d((-1, 2, 0, 1))]
)
def test_a_frame_is_torchs_own(pad: nn.ConstantPad2d, form: torch.memory_format):
    frame = Frame(pad.padding, pad.value)
    x = torch.randn(2, 3, 5, 4).contiguous(memory_format=form)
    assert torch.equal(frame(x), pad(x))
    assert frame(x).stride() == pad(x).stride()
    assert torch.equal(frame(x[0]), pad(x[0]))


def test_paddings_of_the_twin_are_frames():
    net = nn.Sequential(nn.ZeroPad2d((0, 1, 0, 1)), *Net().children()).eval()
    net = nn.Sequential(*net[:4], nn.AdaptiveAvgPool2d(1), nn.Flatten())
    twin = engine_for(net, describe(net, (3, 12, 10))).sparing()
    assert type(twin[0]) is Frame
    assert type(net[0]) is nn.ZeroPad2d
    with torch.no_grad():
        assert torch.equal(twin(photo(2, height=12, width=10)), net(photo(2, height=12, width=10)))


def test_another_output_is_not_used():
    """As where a model keeps what a hook of ours cannot see."""
    net = Net("norm read twice").eval()
    assert sparing(net, ("norm", "act"), photo(1), Invocation()) is net
