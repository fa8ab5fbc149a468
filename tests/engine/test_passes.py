"""The engine against plain autograd: what is captured, what is counted, and that the model is left as it was found."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn

from generator.artifacts import Artifact, NotApplicable
from generator.engine.capture import Overwritten, capturing
from generator.engine.handle import handle
from generator.engine.needs import Activation, Gradient, Need, Reads, Rule
from generator.engine.passes import CUT, Engine
from generator.engine.plan import Request, plan
from generator.engine.rules import RuleBook
from generator.engine.targets import resolve
from generator.errors import UserError
from generator.names import INPUT, ClassTarget, LayerName, RankTarget, Unit


@dataclass(frozen=True)
class Asks:
    """A method that only asks."""

    rules: tuple[Rule, ...] = ("plain",)
    activation: bool = True

    def needs(self, layer: LayerName) -> tuple[Need, ...]:
        kept: tuple[Need, ...] = (Activation(layer),) if self.activation and layer != INPUT else ()
        return kept + tuple(Gradient(layer, rule) for rule in self.rules)

    def compute(self, reads: Reads) -> Iterator[Artifact]:
        raise NotImplementedError


class InPlace(nn.Module):
    """conv -> bn -> ReLU(inplace) -> conv, then out += identity, then a method that nobody reads the value of."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv1, self.bn, self.relu = nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(inplace=True)
        self.conv2, self.fc = nn.Conv2d(4, 4, 3, padding=1), nn.Linear(4, 5)
        self.bn.running_mean.normal_()

    def forward(self, x: Tensor) -> Tensor:
        identity = self.relu(self.bn(self.conv1(x)))
        out = self.conv2(identity)
        out += identity
        out.mul_(2)
        return self.fc(F.relu(out, inplace=True).mean((2, 3)))


def outputs_by_hand(model: InPlace, x: Tensor) -> dict[str, Tensor]:
    """The same forward with nothing in place."""
    conv1 = model.conv1(x)
    bn = model.bn(conv1)
    relu = bn.relu()
    conv2 = model.conv2(relu)
    last = ((conv2 + relu) * 2).relu()
    return {"conv1": conv1, "bn": bn, "relu": relu, "conv2": conv2, "logits": model.fc(last.mean((2, 3)))}


def images(n: int = 2, side: int = 8) -> Tensor:
    return torch.randn(n, 3, side, side, generator=torch.Generator().manual_seed(1))


LAYERS = [LayerName(name) for name in ("conv1", "bn", "relu", "conv2")]


def test_in_place_models_give_each_layers_own_output_and_gradient():
    model, x = InPlace().eval(), images()
    by_hand = outputs_by_hand(model, x)
    wanted = torch.autograd.grad(by_hand["logits"][:, 2].sum(), [by_hand[name] for name in LAYERS])
    todo = plan(Request("asks", Asks(), name, (ClassTarget(2),)) for name in LAYERS)
    engine = Engine(model)
    served = {s.request.layer: s.reads for s in engine.run(x, todo)}
    for name, gradient in zip(LAYERS, wanted, strict=True):
        torch.testing.assert_close(served[name].activation, by_hand[name])
        torch.testing.assert_close(served[name].gradient, gradient)
    assert engine.copies == {"bn", "conv2"}  # bn is overwritten by the ReLU, conv2 by += and mul_


def test_an_overwritten_output_without_a_copy_is_told_not_kept():
    model = InPlace().eval()
    with pytest.raises(Overwritten) as found, torch.no_grad(), capturing(model, LAYERS, book=RuleBook()):
        model(images())
    assert found.value.layers == {"bn", "conv2"}


def test_one_forward_and_one_backward_for_each_rule_and_target():
    model = torchvision.models.resnet18(num_classes=7).eval()
    names = [LayerName(n) for n in ("conv1", "layer1", "layer2.0.relu", "layer2.0.relu@2", "layer4")]
    targets = (RankTarget(1), RankTarget(2))
    rules = Asks(("plain", "guided", "deconv"), activation=False)
    requests = [Request("grads", rules, INPUT, targets)]
    requests += [Request("maps", Asks(), name, targets) for name in names]
    engine, todo = Engine(model), plan(requests)
    engine.copies = frozenset({LayerName("conv1")})
    served = list(engine.run(images(3, 64), todo))
    assert (engine.counts.forward, engine.counts.backward) == (1, 6) == (todo.forwards, len(todo.backwards))
    assert len(served) == 2 * 6


def test_gradients_of_many_layers_equal_autograds():
    torch.manual_seed(0)
    model, x = torchvision.models.resnet18(num_classes=7).eval(), images(2, 64)
    kept = {}
    model.layer2.register_forward_hook(lambda m, i, o: kept.update(layer2=o))
    leaf = x.clone().requires_grad_()
    score = model(leaf)[:, 3].sum()
    wanted = torch.autograd.grad(score, [leaf, kept["layer2"]])
    todo = plan(
        Request("asks", Asks(activation=False), name, (ClassTarget(3),)) for name in (INPUT, LayerName("layer2"))
    )
    served = {s.request.layer: s.reads.gradient for s in Engine(model).run(x, todo)}
    torch.testing.assert_close(served[INPUT], wanted[0], rtol=0, atol=0)
    torch.testing.assert_close(served[LayerName("layer2")], wanted[1], rtol=0, atol=0)


def test_without_overlapping_pools_both_deconvnets_share_a_backward():
    from generator.methods import ModelFacts

    facts = ModelFacts({}, 10, 5, 2, 0, None)
    asks = Request("deconvnet", Asks(("deconv", "deconv_unpool")), INPUT, (ClassTarget(0),))
    assert len(plan([asks], facts).backwards) == 1
    assert len(plan([asks]).backwards) == 2


def test_activations_alone_stop_at_the_deepest_layer_and_build_no_graph():
    model = torchvision.models.resnet18().eval()
    reached = []
    model.fc.register_forward_hook(lambda m, i, o: reached.append(True))
    todo = plan([Request("maps", Asks((), activation=True), LayerName("layer1"), ())])
    (served,) = Engine(model).run(images(1, 64), todo)
    assert served.reads.activation.shape == (1, 64, 16, 16)
    assert not reached and not served.reads.activation.requires_grad


@pytest.mark.parametrize("how", ["train mode", "frozen", "no_grad", "inference_mode"])
def test_the_model_is_left_bit_for_bit_as_it_was_found(how: str):
    model = InPlace().train(how == "train mode").requires_grad_(how != "frozen")
    before = {k: v.clone() for k, v in model.state_dict().items()}
    flags = [(m.training, len(m._forward_hooks), len(m._forward_pre_hooks)) for m in model.modules()]
    needed = [p.requires_grad for p in model.parameters()]
    todo = plan(Request("asks", Asks(("plain", "guided")), name, (RankTarget(1),)) for name in LAYERS)
    context = {"no_grad": torch.no_grad, "inference_mode": torch.inference_mode}.get(how, torch.enable_grad)
    x = images()
    untouched = x.clone()
    with context():
        got = [s.reads[Gradient(s.request.layer, "guided")] for s in Engine(model).run(x, todo)]
    assert all(torch.isfinite(g).all() for g in got) and got[0].abs().sum() > 0
    assert torch.equal(x, untouched)
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    assert flags == [(m.training, len(m._forward_hooks), len(m._forward_pre_hooks)) for m in model.modules()]
    assert needed == [p.requires_grad for p in model.parameters()]
    assert all(p.grad is None for p in model.parameters())


def test_hooks_come_off_when_the_model_raises():
    class Breaks(InPlace):
        def forward(self, x: Tensor) -> Tensor:
            raise RuntimeError("no")

    model = Breaks()
    with pytest.raises(RuntimeError, match="no"):
        list(Engine(model).run(images(), plan([Request("asks", Asks(), LayerName("conv1"), (ClassTarget(0),))])))
    assert all(not m._forward_hooks and not m._forward_pre_hooks for m in model.modules())
    assert model.training


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_half_precision_model_gives_float32_maps_and_stays_half(dtype: torch.dtype):
    model = InPlace().eval().to(dtype)
    todo = plan([Request("asks", Asks(), LayerName("conv2"), (ClassTarget(1),))])
    (served,) = Engine(model).run(images(), todo)
    (wanted,) = Engine(InPlace().eval().to(dtype).float()).run(images(), todo)
    assert served.reads.gradient.dtype == torch.float32
    assert torch.equal(served.reads.gradient, wanted.reads.gradient)
    assert all(p.dtype == dtype for p in model.parameters())


def test_a_layer_the_target_does_not_depend_on_is_not_applicable():
    class Aside(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.used, self.aside = nn.Conv2d(3, 4, 1), nn.Conv2d(3, 4, 1)

        def forward(self, x: Tensor) -> Tensor:
            self.aside(x)
            return self.used(x).mean((2, 3))

    todo = plan([Request("asks", Asks(), LayerName(n), (ClassTarget(0),)) for n in ("used", "aside")])
    used, aside = Engine(Aside()).run(images(), todo)
    assert isinstance(used.reads, Reads)
    assert aside.reads == NotApplicable(CUT)


def test_targets_ranks_ties_and_units():
    scores = torch.tensor([[1.0, 5.0, 5.0], [9.0, 0.0, 3.0]])
    assert resolve(RankTarget(1), scores)[:, 0].tolist() == [1, 0]  # of equal scores, the lower index
    assert resolve(RankTarget(2), scores)[:, 0].tolist() == [2, 2]
    assert resolve(ClassTarget(2), scores)[:, 0].tolist() == [2, 2]
    with pytest.raises(UserError, match="0 to 2"):
        resolve(ClassTarget(3), scores)
    with pytest.raises(UserError, match="top:3"):
        resolve(RankTarget(4), scores)
    model, x = InPlace().eval(), images()
    leaf = x.clone().requires_grad_()
    wanted = torch.autograd.grad(model.conv1(leaf)[:, 1, 2, 3].sum(), leaf)[0]
    todo = plan([Request("asks", Asks(activation=False), INPUT, (Unit(LayerName("conv1"), 1, (2, 3)),))])
    (served,) = Engine(model).run(x, todo)
    torch.testing.assert_close(served.reads.gradient, wanted, rtol=0, atol=0)


def test_a_handle_counts_and_redirects():
    model, engine = InPlace().eval(), None
    engine = Engine(model)
    with handle(engine, (3, 8, 8), (0.0,) * 3, (1.0,) * 3) as h:
        x = images().requires_grad_()
        off = model.bn.bias.data.clone()
        model.bn.bias.data.fill_(-1e3)  # every rectifier off: a dead start
        plain = h.backward(h.layer_output(LayerName("relu"), x).sum(), x)
        redirected = h.backward(h.layer_output(LayerName("relu"), x, redirect=True).sum(), x)
        model.bn.bias.data.copy_(off)
    assert plain.abs().sum() == 0 and redirected.abs().sum() > 0
    assert (engine.counts.forward, engine.counts.backward) == (2, 2)


def test_what_was_captured_is_let_go_without_waiting_for_the_garbage_collector():
    model = InPlace().eval()
    book = RuleBook()
    gc.collect()
    gc.disable()
    try:
        with capturing(model, LAYERS, book=book, copies=("bn", "conv2")) as kept:
            model(images().requires_grad_())
        held = [weakref.ref(value) for value in kept.values()]
        del kept
        assert len(held) == len(LAYERS) and all(ref() is None for ref in held)
    finally:
        gc.enable()


def test_a_pass_that_captures_modules_alone_hooks_these_alone_and_names_calls_the_same():
    model = torchvision.models.resnet18().eval()
    names = (LayerName("layer1.0.relu@2"), LayerName("layer3.1"), LayerName("conv1"))
    x, book = images(1, 64), RuleBook(intercept=False)
    with torch.no_grad(), capturing(model, names, book=book, copies=("conv1",)) as few:
        model(x)
        hooked = [name for name, module in model.named_modules() if module._forward_hooks]
    assert hooked == ["", "conv1", "layer1.0.relu", "layer3.1"]
    with torch.no_grad(), capturing(model, names, book=RuleBook(), copies=("conv1",)) as all_of_them:
        model(x)
    assert few.keys() == all_of_them.keys() == set(names)
    assert all(torch.equal(few[name], all_of_them[name]) for name in names)


def test_a_layer_called_for_its_effect_and_overwritten_is_one_clear_error_not_a_loop():
    class Aside(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.relu, self.fc = nn.Conv2d(1, 2, 1), nn.ReLU(inplace=True), nn.Linear(2, 2)

        def forward(self, x: Tensor) -> Tensor:
            out = self.conv(x)
            self.relu(out)  # what it returns is thrown away
            out.mul_(2)
            return self.fc(out.mean((2, 3)))

    engine = Engine(Aside().eval(), copies=frozenset({LayerName("relu")}))
    with torch.no_grad(), pytest.raises(UserError, match="relu to give an output of its own"):
        engine.forward(torch.randn(1, 1, 3, 3), frozenset({LayerName("relu")}), RuleBook(intercept=False))
