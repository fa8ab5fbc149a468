"""`generator.attribute` and `generator.activations`: shapes, shared passes, numbers by hand, and the report's own numbers."""

from __future__ import annotations

import copy
import shutil
import warnings
from collections import Counter
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import generator
from generator.artifacts import NotApplicable
from generator.build import compute
from generator.command.progress import Silent
from generator.config import load_config
from generator.encode import from_npy
from generator.engine.passes import CUT
from generator.errors import UserError
from generator.images import load as load_picture
from generator.methods import is_probe, registry
from generator.model.builtin import BUILTIN
from generator.names import ClassTarget, LayerName, RankTarget, Unit
from generator.report.plan import plan_report
from generator.report.setup import set_up
from generator.resources import packaged
from tests.methods.examples import same

PER_BATCH = [name for name, info in registry().items() if info.cls.scope in ("layer", "input")]
OTHERWISE = ("dense_heatmap", "random_map", "smooth_grad", "smooth_grad_squared", "var_grad")
"""What a report has otherwise than the library: it has the photograph for a larger input, and seeds by its keys."""
ON_LAYERS = [name for name in PER_BATCH if registry()[name].cls.scope == "layer"]
ON_INPUT = [name for name in PER_BATCH if registry()[name].cls.scope == "input"]


class Small(nn.Module):
    """conv, batch norm, ReLU, conv of stride 2, a sum with a shortcut, ReLU, global average pooling, one linear layer:
    `functional` writes the rectifiers as functions, `inplace` overwrites all that can be overwritten."""

    def __init__(self, channels: int = 3, *, functional: bool = False, inplace: bool = False) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(4)
            self.conv1 = nn.Conv2d(channels, 6, 3, padding=1)
            self.bn = nn.BatchNorm2d(6)
            self.conv2 = nn.Conv2d(6, 6, 3, stride=2, padding=1)
            self.short = nn.Conv2d(6, 6, 1, stride=2)
            self.fc = nn.Linear(6, 5)
            self.bn.running_mean.normal_()
            self.bn.running_var.uniform_(0.5, 2)
        self.functional, self.inplace = functional, inplace
        if not functional:
            self.relu1, self.relu2 = nn.ReLU(inplace), nn.ReLU(inplace)

    def forward(self, x: Tensor) -> Tensor:
        x = self.bn(self.conv1(x))
        x = F.relu(x, self.inplace) if self.functional else self.relu1(x)
        out = self.conv2(x)
        if self.inplace:
            out += self.short(x)
        else:
            out = out + self.short(x)
        out = F.relu(out, self.inplace) if self.functional else self.relu2(out)
        return self.fc(out.mean((2, 3)))


def by_hand(model: Small, x: Tensor) -> dict[str, Tensor]:
    """The same forward with nothing in place and no hook."""
    conv1 = model.conv1(x)
    bn = model.bn(conv1)
    relu1 = bn.clamp(min=0)
    conv2, short = model.conv2(relu1), model.short(relu1)
    last = (conv2 + short).clamp(min=0)
    return {
        "conv1": conv1,
        "bn": bn,
        "relu1": relu1,
        "conv2": conv2,
        "last": last,
        "logits": model.fc(last.mean((2, 3))),
    }


def batch(n: int = 2, channels: int = 3, height: int = 12, width: int = 12) -> Tensor:
    return torch.randn(n, channels, height, width, generator=torch.Generator().manual_seed(9))


class Counted:
    """The forwards of a model, and the gradients that went back through its scores."""

    def __init__(self, model: nn.Module) -> None:
        self.passes: Counter[str] = Counter()
        model.register_forward_hook(self._forward)

    def _forward(self, module: nn.Module, args: object, output: Tensor) -> None:
        self.passes["forward"] += 1
        if output.requires_grad:
            output.register_hook(self._backward)

    def _backward(self, gradient: Tensor) -> None:
        self.passes["backward"] += 1


def test_a_map_a_layer_at_the_layer_s_own_resolution():
    maps = generator.attribute(Small().eval(), batch(3, height=12, width=20), "grad_cam", layers=["conv1", "conv2"])
    assert {name: value.shape for name, value in maps.items()} == {"conv1": (3, 12, 20), "conv2": (3, 6, 10)}
    assert list(maps) == ["conv1", "conv2"]
    assert all(value.dtype == torch.float32 and not value.requires_grad for value in maps.values())


@pytest.mark.parametrize("method", ON_INPUT)
def test_methods_on_the_input_return_its_own_shape(method: str):
    x = batch(2, height=12, width=20)
    maps = generator.attribute(Small().eval(), x, method)
    assert isinstance(maps, Tensor)
    assert on_input(maps.shape, x.shape)
    assert maps.abs().sum() > 0


def on_input(shape: torch.Size, of: torch.Size) -> bool:
    """Whether maps have the input's own shape, or one value for all its channels; a heat map has no axis for them."""
    return shape in (of, (of[0], 1, *of[2:])) or (len(shape) == 3 and shape[0] == of[0])


def test_every_per_batch_method_shares_one_forward_and_a_backward_for_each_rule():
    model = Small().eval()
    counted = Counted(model)
    sharing = [name for name in PER_BATCH if not is_probe(registry()[name].cls)]
    found = generator.attribute(model, batch(), sharing, layers="all")
    assert list(found) == sharing
    # one forward describes the model; the other serves every method at every layer. Backwards: plain, guided, deconv.
    assert counted.passes == {"forward": 2, "backward": 3}
    for name in (name for name in ON_LAYERS if name in sharing):
        assert set(found[name]) == set(generator.activations(model, batch(), "all"))


def test_one_method_takes_what_it_needs_alone():
    model = Small().eval()
    counted = Counted(model)
    generator.attribute(model, batch(), "grad_cam", layers="all")
    assert counted.passes == {"forward": 2, "backward": 1}
    counted.passes.clear()
    generator.activations(model, batch(), "conv1")
    assert counted.passes == {"forward": 1}  # the describing one: the other stops at conv1, so it never ends


def test_many_methods_at_once_give_the_numbers_of_each_alone():
    model, x = Small().eval(), batch()
    together = generator.attribute(model, x, PER_BATCH, layers="conv", target=2)
    for name in PER_BATCH:
        alone = generator.attribute(model, x, name, layers="conv", target=2)
        pairs = [(together[name], alone)] if name in ON_INPUT else [(together[name][at], alone[at]) for at in alone]
        for got, wanted in pairs:
            assert type(got) is type(wanted)
            assert torch.equal(got, wanted) if isinstance(got, Tensor) else got == wanted


def test_one_name_is_the_map_and_a_list_of_one_is_a_dict_of_it():
    model, x = Small().eval(), batch()
    one = generator.attribute(model, x, "saliency")
    assert torch.equal(generator.attribute(model, x, ["saliency"])["saliency"], one)
    assert torch.equal(generator.attribute(model, x, ("saliency",))["saliency"], one)


def test_saliency_and_grad_cam_are_what_autograd_says():
    model, x = Small().eval(), batch().requires_grad_()
    outputs = by_hand(model, x)
    gradient, at = torch.autograd.grad(outputs["logits"][:, 3].sum(), [x, outputs["conv2"]])
    alpha = at.mean((2, 3), keepdim=True)
    cam = (alpha * outputs["conv2"]).sum(1).relu()
    found = generator.attribute(model, x.detach(), ["saliency", "grad_cam"], layers="conv2", target=3)
    torch.testing.assert_close(found["saliency"], gradient)
    torch.testing.assert_close(found["grad_cam"]["conv2"], cam.detach())


@pytest.mark.parametrize("inplace", [False, True])
def test_activations_are_what_each_layer_gave(inplace: bool):
    model, x = Small(inplace=inplace).eval(), batch()
    wanted = by_hand(model, x)
    found = generator.activations(model, x, ["conv1", "bn", "relu1", "conv2"])
    assert list(found) == ["conv1", "bn", "relu1", "conv2"]
    for name, value in found.items():
        torch.testing.assert_close(value, wanted[name])


@pytest.mark.parametrize("twin", [{"inplace": True}, {"functional": True}, {"functional": True, "inplace": True}])
def test_a_model_written_another_way_has_the_same_maps(twin: dict[str, bool]):
    plain, other, x = Small().eval(), Small(**twin).eval(), batch()
    other.load_state_dict(plain.state_dict())
    wanted = generator.attribute(plain, x, PER_BATCH, layers=["conv1", "bn", "conv2"], target=1)
    found = generator.attribute(other, x, PER_BATCH, layers=["conv1", "bn", "conv2"], target=1)
    for name in ON_INPUT:
        if isinstance(wanted[name], Tensor):
            torch.testing.assert_close(found[name], wanted[name])
        else:
            assert isinstance(found[name], NotApplicable)
    for name in ON_LAYERS:
        for layer, value in wanted[name].items():
            if isinstance(value, Tensor):
                torch.testing.assert_close(found[name][layer], value)
            else:
                assert isinstance(found[name][layer], NotApplicable)
    assert not torch.allclose(found["guided_backprop"], found["saliency"])  # the functional rectifiers were seen


def test_cam_s_mean_and_bias_are_the_logit():
    model, x = Small().eval(), batch(3)
    maps = generator.attribute(model, x, "cam", layers="relu2", target=4)
    logits = model(x)[:, 4]
    torch.testing.assert_close(maps["relu2"].mean((1, 2)) + model.fc.bias[4], logits)


def test_where_a_method_means_nothing_it_says_so():
    maps = generator.attribute(Small().eval(), batch(), "cam", layers=["conv1", "relu2"])
    assert isinstance(maps["conv1"], NotApplicable)
    assert maps["conv1"].reason.endswith(".")
    assert isinstance(maps["relu2"], Tensor)
    smooth = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.Sigmoid(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)
    ).eval()
    found = generator.attribute(smooth, batch(), ["guided_backprop", "saliency"])
    assert isinstance(found["guided_backprop"], NotApplicable)
    assert isinstance(found["saliency"], Tensor)


@pytest.mark.parametrize("how", ["no_grad", "detach", "all of it"])
def test_a_model_that_cuts_its_gradients_has_none_below_the_cut(how: str):
    class Frozen(Small):
        def forward(self, x: Tensor) -> Tensor:
            with torch.set_grad_enabled(how == "detach"):
                x = self.relu1(self.bn(self.conv1(x)))
                x = self.relu2(self.conv2(x.detach())) if how == "all of it" else x.detach()
            return self.fc((x if how == "all of it" else self.relu2(self.conv2(x))).mean((2, 3)))

    found = generator.attribute(Frozen().eval(), batch(), ["saliency", "grad_cam", "feature_maps"], layers="conv")
    assert found["saliency"] == NotApplicable(CUT)
    assert all(maps == NotApplicable(CUT) for maps in found["grad_cam"].values())
    assert set(found["feature_maps"]) == {"conv1", "conv2"}
    assert all(isinstance(maps, Tensor) for maps in found["feature_maps"].values())


def test_a_compiled_model_is_the_model_in_it():
    model, x = Small().eval(), batch()
    assert torch.equal(
        generator.attribute(torch.compile(model), x, "saliency"), generator.attribute(model, x, "saliency")
    )
    assert list(generator.activations(torch.compile(model), x, "conv")) == ["conv1", "conv2", "short"]


def test_kernels_are_the_weights():
    model = Small().eval()
    found = generator.attribute(model, batch(), "kernels", layers=["conv1", "bn"])
    assert torch.equal(found["conv1"], model.conv1.weight)
    assert isinstance(found["bn"], NotApplicable)


@pytest.mark.parametrize("target", ["crow", '"crow"', "CROW", "2", 2, ClassTarget(2)])
def test_a_target_is_an_index_or_a_label_or_a_target(target: str | int | ClassTarget):
    model, x = Small().eval(), batch()
    labels = ["ant", "bee", "crow", "dog", "eel"]
    found = generator.attribute(model, x, "saliency", target=target, labels=labels)
    leaf = x.clone().requires_grad_()
    (wanted,) = torch.autograd.grad(model(leaf)[:, 2].sum(), leaf)
    torch.testing.assert_close(found, wanted)


def test_a_ranked_target_is_another_class_for_each_image():
    model, x = Small().eval(), batch(8)
    second = model(x).argsort(1, descending=True)[:, 1]
    assert len(set(second.tolist())) > 1
    leaf = x.clone().requires_grad_()
    (wanted,) = torch.autograd.grad(model(leaf).gather(1, second[:, None]).sum(), leaf)
    torch.testing.assert_close(generator.attribute(model, x, "saliency", target=RankTarget(2)), wanted)


def test_a_unit_is_a_target_too():
    model, x = Small().eval(), batch()
    leaf = x.clone().requires_grad_()
    (wanted,) = torch.autograd.grad(by_hand(model, leaf)["conv2"][:, 3].mean((1, 2)).sum(), leaf)
    for target in ("unit:conv2:3", Unit(LayerName("conv2"), 3)):
        torch.testing.assert_close(generator.attribute(model, x, "saliency", target=target), wanted)
    maps = generator.attribute(model, x, ["cam", "grad_cam"], layers=["conv1", "relu2"], target="unit:conv2:3")
    assert maps["cam"]["relu2"] == NotApplicable("the target is a unit, not a class.")
    assert maps["grad_cam"]["relu2"] == NotApplicable(CUT)
    assert maps["grad_cam"]["conv1"].abs().sum() > 0


def traced(x: Tensor) -> nn.Module:
    """A TorchScript module: torch warns that it is going."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.jit.trace(nn.Conv2d(3, 4, 3), x)


CALLS: dict[str, tuple[Callable[[nn.Module, Tensor], object], str]] = {
    "method": (lambda m, x: generator.attribute(m, x, "gradcam"), r"'gradcam'.*`grad_cam`"),
    "one of several": (lambda m, x: generator.attribute(m, x, ["saliency", "salency"]), r"'salency'.*`saliency`"),
    "option": (
        lambda m, x: generator.attribute(m, x, "saliency", options={"saliency": {"step": 3}}),
        r"'saliency' has no option 'step'",
    ),
    "layer": (lambda m, x: generator.attribute(m, x, "grad_cam", layers="conv3"), r"`conv3`.*`conv2`"),
    "layer of activations": (lambda m, x: generator.activations(m, x, layers=["conv1", "cnv2"]), r"`cnv2`.*`conv2`"),
    "class": (lambda m, x: generator.attribute(m, x, "saliency", target=5), "from 0 to 4, received 5"),
    "class target": (lambda m, x: generator.attribute(m, x, "saliency", target=ClassTarget(5)), "from 0 to 4"),
    "rank": (lambda m, x: generator.attribute(m, x, "saliency", target=RankTarget(6)), "at most top:5"),
    "label": (
        lambda m, x: generator.attribute(m, x, "saliency", target="crew", labels=["ant", "bee", "crow", "dog", "eel"]),
        r"`crew`.*`crow`",
    ),
    "label without labels": (lambda m, x: generator.attribute(m, x, "saliency", target="crow"), "no labels"),
    "several targets": (lambda m, x: generator.attribute(m, x, "saliency", target="top:3"), "stands for 3"),
    "unit's layer": (lambda m, x: generator.attribute(m, x, "saliency", target="unit:conv3:0"), r"`conv3`.*`conv2`"),
    "unit": (lambda m, x: generator.attribute(m, x, "saliency", target="unit:conv1:6"), "from 0 to 5, received 6"),
    "unit's place": (lambda m, x: generator.attribute(m, x, "saliency", target="unit:conv2:0:6:0"), "6 x 6"),
    "NaN scores": (lambda m, x: generator.attribute(m, x * float("nan"), "saliency"), "received NaN or infinity"),
    "TorchScript": (
        lambda m, x: generator.attribute(traced(x), x, "saliency"),
        "received a TorchScript module",
    ),
    "search": (lambda m, x: generator.attribute(m, x, "activation_maximization"), "convatlas build"),
}


@pytest.mark.parametrize("call", CALLS)
def test_the_caller_s_mistakes_are_one_line_and_leave_the_model_alone(call: str):
    model = Small()
    mistake, says = CALLS[call]
    with pytest.raises(UserError, match=says) as found:
        mistake(model, batch())
    assert "\n" not in str(found.value)
    assert all(not m._forward_hooks and not m._forward_pre_hooks and m.training for m in model.modules())
    assert all(p.requires_grad for p in model.parameters())


@pytest.mark.parametrize("mode", ["train", "eval", "mixed", "frozen"])
def test_the_model_is_left_as_it_was_found(mode: str):
    model = Small(inplace=True).train(mode != "eval").requires_grad_(mode != "frozen")
    if mode == "mixed":
        model.bn.eval()
    called: list[str] = []
    model.conv2.register_forward_hook(lambda *_: called.append("the user's own hook"))
    before = copy.deepcopy(model.state_dict())
    flags = [(m.training, len(m._forward_hooks), len(m._forward_pre_hooks)) for m in model.modules()]
    x = batch()
    given = x.clone()
    generator.attribute(model, x, PER_BATCH, layers="all")
    assert flags == [(m.training, len(m._forward_hooks), len(m._forward_pre_hooks)) for m in model.modules()]
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(p.grad is None and p.requires_grad == (mode != "frozen") for p in model.parameters())
    assert torch.equal(x, given)
    assert called


def test_a_model_in_training_mode_is_explained_in_evaluation_mode():
    x = batch()
    training, evaluating = Small(), Small().eval()
    assert not torch.allclose(training(x), evaluating(x))  # batch norm would use the batch's own statistics
    training = Small()
    got = generator.attribute(training, x, ["grad_cam", "saliency"], target=0)
    wanted = generator.attribute(evaluating, x, ["grad_cam", "saliency"], target=0)
    assert torch.equal(got["saliency"], wanted["saliency"])
    assert all(torch.equal(got["grad_cam"][name], value) for name, value in wanted["grad_cam"].items())


@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode])
def test_it_works_where_gradients_are_off(context: Callable[[], torch.no_grad]):
    model, x = Small().eval(), batch()
    wanted = generator.attribute(model, x, "saliency", target=0)
    with context():
        found = generator.attribute(model, x, "saliency", target=0)
        shapes = {name: value.shape for name, value in generator.activations(model, x, "conv").items()}
    assert torch.equal(found, wanted)
    assert shapes == {"conv1": (2, 6, 12, 12), "conv2": (2, 6, 6, 6), "short": (2, 6, 6, 6)}


@pytest.mark.parametrize("channels", [1, 4])
@pytest.mark.parametrize(("height", "width"), [(9, 30), (30, 9)])
def test_inputs_of_other_channels_and_shapes(channels: int, height: int, width: int):
    model, x = Small(channels).eval(), batch(2, channels, height, width)
    found = generator.attribute(model, x, PER_BATCH, layers=["conv1", "conv2"])
    for name in (name for name in ON_INPUT if isinstance(found[name], Tensor)):
        assert on_input(found[name].shape, x.shape), name
    half = ((height + 1) // 2, (width + 1) // 2)
    assert found["grad_cam"]["conv1"].shape == (2, height, width)
    assert found["grad_cam"]["conv2"].shape == (2, *half)
    assert found["feature_maps"]["conv2"].shape == (2, 6, *half)


def test_a_half_precision_model_gives_float32_maps():
    model = Small().eval().to(torch.bfloat16)
    found = generator.attribute(model, batch(), ["grad_cam", "saliency"], layers="conv2", target=1)
    wanted = generator.attribute(
        copy.deepcopy(model).float(), batch(), ["grad_cam", "saliency"], layers="conv2", target=1
    )
    assert found["saliency"].dtype == torch.float32
    assert torch.equal(found["saliency"], wanted["saliency"])
    assert torch.equal(found["grad_cam"]["conv2"], wanted["grad_cam"]["conv2"])


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory):
    """The set-up of a report of two digits whose store is filled."""
    folder = tmp_path_factory.mktemp("library")
    (folder / "images").mkdir()
    for file in sorted(packaged("inputs/digits").glob("*.png"))[3:5]:
        shutil.copy(file, folder / "images")
    given = {
        "model": "tinyvgg_digits",
        "images": str(folder / "images"),
        "layers": ["conv", "pool"],
        "targets": ["top:2"],
    }
    given |= {"methods": [*PER_BATCH, "kernels"], "store": str(folder / "store"), "device": "cpu"}
    setup = set_up(load_config(None, given), Silent())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("generator.build.faster_format", lambda engine, shape: "contiguous")
        compute(setup, plan_report(setup), Silent())
    return setup


def test_a_report_stores_the_numbers_that_the_library_returns(stored):
    model = BUILTIN["tinyvgg_digits"].build()
    model.load_state_dict(BUILTIN["tinyvgg_digits"].state())
    preprocess = stored.loaded.preprocess
    compared = Counter[str]()
    options = {choice.name: dict(choice.options) for choice in stored.config.methods}
    for image in stored.images.images:
        x = preprocess(load_picture(image, 1))[None]
        stored_ends = tuple(end.tolist() for end in preprocess.ends)
        for k, target in enumerate((RankTarget(1), RankTarget(2))):
            names = [layer.name for layer in stored.description.layers]
            found = generator.attribute(
                model, x, PER_BATCH, layers=names, target=target, ends=stored_ends, options=options
            )
            for request in stored.jobs.requests:
                if request.name in ("predictions", "feature_maps", *OTHERWISE) or k >= max(1, len(request.targets)):
                    continue
                maps = found[request.name]
                value = maps if isinstance(maps, Tensor) else maps[request.layer]
                record = stored.store.get(stored.jobs.key(request, image))
                kept = torch.from_numpy(from_npy(stored.store.blob(record, f"{k}.values.npy")))
                if request.probes:  # of both targets at once: the last bit may differ from that of one
                    torch.testing.assert_close(kept, value[0], rtol=0, atol=1e-4 * float(kept.abs().max()))
                else:
                    assert torch.equal(kept, value[0]), (request.name, request.layer)
                compared[request.name] += 1
            for request in (r for r in stored.jobs.requests if r.name == "feature_maps"):
                meta = stored.store.get(stored.jobs.key(request, image)).meta["maps"][0]
                ends = found["feature_maps"][request.layer][0].flatten(1)
                raw_lo, raw_hi = meta.get("raw_lo", meta["lo"]), meta.get("raw_hi", meta["hi"])
                assert raw_lo == [float(f"{v:.5g}") for v in ends.amin(1).tolist()]  # five digits are kept of these
                assert raw_hi == [float(f"{v:.5g}") for v in ends.amax(1).tolist()]
                compared["feature_maps"] += 1
    assert compared["saliency"] == compared["guided_backprop"] == compared["deconvnet"] == 4
    assert compared["grad_cam"] == compared["grad_cam_pp"] > 4
    assert compared["feature_maps"] > 0
    assert compared["input_response"] > 0


def test_cam_of_the_report_s_model_is_refused_as_by_the_library(stored):
    refused = {(method, layer): reason for method, layer, reason in stored.jobs.refused if method == "cam"}
    model = stored.loaded.module
    maps = generator.attribute(model, torch.zeros(1, 1, 32, 32), "cam", layers=[layer for _, layer in refused])
    assert refused
    assert {("cam", layer): value.reason for layer, value in maps.items()} == refused


class Number(nn.Module):
    """One number an image, below zero; with a further input it is multiplied by that."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.conv, self.fc = nn.Conv2d(3, 4, 3), nn.Linear(4, 1)
        nn.init.constant_(self.fc.bias, -5.0)

    def forward(self, x: Tensor, factor: Tensor | None = None) -> Tensor:
        out = self.fc(self.conv(x).relu().mean((2, 3)))
        return out if factor is None else out * factor


def test_a_regression_is_not_read_as_no():
    x = batch(1).requires_grad_()
    (gradient,) = torch.autograd.grad(Number()(x).sum(), x)
    same(generator.attribute(Number(), x.detach(), "saliency", target=0, head="regression"), gradient)
    same(generator.attribute(Number(), x.detach(), "saliency", target="top1"), -gradient)  # yes or no: no
    with pytest.raises(UserError, match="head: expected auto or one of"):
        generator.attribute(Number(), x.detach(), "saliency", head="regresion")


def test_a_further_input_and_where_the_scores_stand_are_said():
    x = batch(2).requires_grad_()
    (gradient,) = torch.autograd.grad(Number()(x, torch.tensor(3.0)).sum(), x)
    found = generator.attribute(
        Number(), x.detach(), "saliency", target=0, head="regression", inputs={"factor": torch.tensor([3.0])}
    )
    same(found, gradient)


class Parts(Number):
    def forward(self, x: Tensor) -> dict[str, Tensor]:  # type: ignore[override]
        out = self.fc(self.conv(x).relu().mean((2, 3)))
        return {"other": out * 2, "mine": torch.cat([out, -out], dim=1)}


def test_the_output_that_is_named_is_read():
    x = batch(1).requires_grad_()
    (gradient,) = torch.autograd.grad(Parts()(x)["mine"][:, 1].sum(), x)
    same(generator.attribute(Parts(), x.detach(), "saliency", target=1, output="mine"), gradient)


def test_why_there_is_no_class_is_said():
    class Odd(Number):
        def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]
            return self.fc(self.conv(x).relu().mean((2, 3)))[:, None]

    with pytest.raises(UserError, match=r"set model\.head to what it is"):
        generator.attribute(Odd(), batch(1), "saliency", target=0)


def test_a_half_precision_model_that_keeps_its_features_is_explained():
    class Keeping(Number):
        def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]
            self.features = self.conv(x).relu()
            return self.fc(self.features.mean((2, 3)))

    model = Keeping().bfloat16()
    model(batch(1).bfloat16())
    assert generator.attribute(model, batch(1), "saliency", target=0).dtype == torch.float32
