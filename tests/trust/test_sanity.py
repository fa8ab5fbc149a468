"""Cascading randomisation: stages, copies, curves, and what they say of methods on trained models."""

from __future__ import annotations

import copy
import math
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import quantus
import torch
from captum.attr import Saliency
from torch import Tensor, nn

import generator
from generator import images
from generator.config import ModelConfig
from generator.methods import registry
from generator.model.load import load
from generator.trust import sanity
from generator.trust.maps import per_place
from generator.trust.sanity import KEPT, Stage, curves, doubt, finding, in_order, kept, randomised, stages
from tests.methods.examples import exactly, photo, resnet18

INPUTS = Path(__file__).resolve().parents[2] / "inputs"


class Odd(nn.Module):
    """Called out of order, with a part that is never called, a parameter of its own, and a shared layer."""

    def __init__(self) -> None:
        super().__init__()
        self.late, self.norm, self.early = nn.Linear(4, 3), nn.BatchNorm2d(4), nn.Conv2d(2, 4, 3)
        self.unused = nn.Linear(9, 9)
        self.scale = nn.Parameter(torch.tensor([0.5, 2.0]))

    def forward(self, x: Tensor) -> Tensor:
        return self.late(self.norm(self.early(x * self.scale[:, None, None])).relu().mean((2, 3)))


def odd() -> Odd:
    torch.manual_seed(3)
    return Odd().eval()


X = torch.randn(2, 2, 8, 8, generator=torch.Generator().manual_seed(1))


# ---- stages


def test_modules_with_weights_in_the_order_of_their_calls():
    model = odd()
    assert in_order(model, X) == ("", "early", "norm", "late")
    assert not any(part._forward_pre_hooks for part in model.modules())


def test_stages_go_from_the_output_down_and_begin_with_the_classifier_by_hand():
    model = nn.Sequential(*(nn.Linear(2, 2) for _ in range(6)))
    found = stages(model, tuple("012345"), most=3)
    assert [stage.modules for stage in found] == [("5",), ("4", "3"), ("2", "1", "0")]
    assert [stage.name for stage in found] == ["5", "3", "0"]
    assert [stage.share for stage in found] == [1 / 6, 3 / 6, 1]


def test_a_normalisation_goes_with_its_layer():
    model = resnet18()
    found = stages(model, in_order(model, photo(1)), most=5)
    assert found[0].modules == ("fc",)
    for stage in found:
        norms = {name for name in stage.modules if "bn" in name or name.endswith("downsample.1")}
        assert {n.replace("bn", "conv").replace("downsample.1", "downsample.0") for n in norms} == {
            name for name in stage.modules if name not in norms and name != "fc"
        }
    assert found[-1].share == 1
    assert sum(len(stage.modules) for stage in found) == 41  # 20 convolutions with their norms, and fc


@pytest.mark.parametrize(("most", "number"), [(1, 1), (2, 2), (21, 21), (99, 21)])
def test_there_are_never_more_stages_than_layers(most: int, number: int):
    model = resnet18()
    found = stages(model, in_order(model, photo(1)), most)
    assert len(found) == number
    assert all(stage.modules for stage in found)
    assert found[-1].share == 1


# ---- the copies


def test_weights_are_lost_cumulatively_and_the_model_is_left_as_it_was():
    model = odd()
    before = copy.deepcopy(model.state_dict())
    cascade = stages(model, in_order(model, X), most=3)
    lost = []
    for _, changed in randomised(model, cascade, X):
        state = changed.state_dict()
        lost.append({name for name in before if not torch.equal(state[name], before[name])})
        assert not changed.training
    statistics = {"norm.running_mean", "norm.running_var", "norm.num_batches_tracked"}
    late = {"late.weight", "late.bias"}
    early = {"early.weight", "early.bias", *statistics}
    assert lost[0] == late
    assert late | early <= lost[1]
    assert lost[2] == lost[1] | {"scale"}
    assert not any(name.startswith("unused") for name in lost[2])
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_new_weights_have_the_mean_and_the_spread_of_the_old():
    model = nn.Sequential(nn.Linear(200, 100))
    with torch.no_grad():
        model[0].weight.normal_(0.7, 0.05)
    ((_, changed),) = randomised(model, stages(model, ("0",)), torch.zeros(1, 3, 4, 200))
    new, old = changed[0].weight.detach(), model[0].weight.detach()
    assert float(new.mean()) == pytest.approx(float(old.mean()), abs=4 * 0.05 / math.sqrt(20_000))
    assert float(new.std()) == pytest.approx(float(old.std()), rel=0.03)
    assert abs(float(np.corrcoef(new.flatten(), old.flatten())[0, 1])) < 0.03


def test_the_same_seed_draws_the_same_weights_in_however_many_stages():
    model = resnet18()
    order = in_order(model, photo(1))

    def last(most: int, seed: int) -> Tensor:
        *_, (_, changed) = randomised(model, stages(model, order, most), photo(1), seed)
        return changed.conv1.weight.detach().clone()

    exactly(last(2, 0), last(5, 0))
    assert not torch.equal(last(2, 0), last(2, 1))


def test_batch_norms_take_the_statistics_of_the_pictures_and_their_mirror_images():
    model = odd()
    *_, (_, changed) = randomised(model, stages(model, in_order(model, X), most=3), X[:1])
    both = torch.cat([X[:1], X[:1].flip(-1)])
    with torch.no_grad():
        z = changed.early(both * changed.scale[:, None, None])
    torch.testing.assert_close(changed.norm.running_mean, z.mean((0, 2, 3)))
    torch.testing.assert_close(changed.norm.running_var, z.var((0, 2, 3)))
    assert changed.norm.momentum == model.norm.momentum == 0.1


def test_a_half_precision_model_stays_one():
    model = nn.Sequential(nn.Conv2d(3, 4, 3)).half()
    ((_, changed),) = randomised(model, stages(model, ("0",)), torch.zeros(1, 3, 4, 4).half())
    assert changed[0].weight.dtype == torch.float16
    assert not torch.equal(changed[0].weight, model[0].weight)


# ---- what is kept


def test_absolute_values_are_compared_by_hand():
    trained, now = torch.tensor([[1.0, -2.0, 3.0, -4.0]]), torch.tensor([[-2.0, 1.0, 3.0, 4.0]])
    assert kept(trained, now) == pytest.approx(0.8)  # ranks 1 2 3 4 and 2 1 3 4: 1 - 6 * 2 / 60


def test_a_map_that_becomes_flat_keeps_nothing_and_a_flat_one_cannot_be_asked():
    assert kept(torch.rand(3, 3), torch.full((3, 3), 2.0)) == 0
    assert math.isnan(kept(torch.zeros(3, 3), torch.rand(3, 3)))


def test_the_cascade_is_quantus_mprt_on_the_same_copies():
    model, x = odd(), X
    cascade = stages(model, in_order(model, x)[1:], most=3)  # quantus knows modules that can be reset: not `scale`
    copies = [(stage.name, copy.deepcopy(changed)) for stage, changed in randomised(model, cascade, x)]

    def explain(model: nn.Module, inputs: np.ndarray, targets: np.ndarray, **_: object) -> np.ndarray:
        found = Saliency(model).attribute(torch.as_tensor(inputs).requires_grad_(), target=torch.as_tensor(targets))
        return found.detach().sum(dim=1, keepdim=True).numpy()

    def maps(model: nn.Module) -> list[Tensor]:
        return list(torch.from_numpy(explain(model, x.numpy(), np.array([0, 2])))[:, 0])

    ours = curves({"saliency": maps(model)}, [{"saliency": maps(changed)} for _, changed in copies])["saliency"]
    theirs = quantus.MPRT(disable_warnings=True, normalise=False, abs=True)
    with pytest.MonkeyPatch.context() as patched:  # our weights in place of its own
        wrapper = "quantus.helpers.model.pytorch_model.PyTorchModel"
        patched.setattr(f"{wrapper}.get_random_layer_generator", lambda *_, **__: iter(copies))
        patched.setattr(f"{wrapper}.random_layer_generator_length", len(copies))
        scores = theirs(model=model, x_batch=x.numpy(), y_batch=np.array([0, 2]), a_batch=None, explain_func=explain)
    assert ours[0] == pytest.approx([np.mean(scores[name]) for name, _ in copies])
    assert ours[1] == 2
    assert min(ours[0]) < 0.99


def test_curves_are_means_over_images_with_a_ranking_by_hand():
    up, down, flat = torch.tensor([[1.0, 2.0, 3.0]]), torch.tensor([[3.0, 2.0, 1.0]]), torch.ones(1, 3)
    trained = {"a": [up, up, flat], "b": [flat, flat, flat]}
    stage = {"a": [up, down, up], "b": [up, up, up]}
    found = curves(trained, [stage, {**stage, "a": [up, up, up]}])
    assert found["a"] == (pytest.approx((0, 1)), 2)
    assert found["b"][1] == 0
    assert all(math.isnan(value) for value in found["b"][0])


# ---- what a curve says


def cascade_of(*shares: float) -> list[Stage]:
    return [Stage(str(share), (str(share),), share) for share in shares]


def test_findings_by_hand():
    cascade = cascade_of(0.1, 0.4, 0.5, 0.8, 1.0)
    assert pytest.approx(0.7071, abs=1e-4) == KEPT
    assert finding((1.0, 0.9, 0.3, 0.2, 0.1), cascade) == "insensitive"  # 0.733 in the mean over the upper half
    assert finding((1.0, 0.9, 0.2, 0.7, 0.7), cascade) == "passed"  # 0.7
    assert finding((0.8, 0.8, 0.8, 0.8, 0.8), cascade) == "picture"
    assert finding((0.1, 0.1, 0.1, 0.1, 0.71), cascade) == "picture"
    assert finding((math.nan,) * 5, cascade) is None
    assert finding((), []) is None
    with pytest.raises(ValueError, match="one correlation for each of 5 stages"):
        finding((1.0,), cascade)


def test_one_image_and_a_correlation_near_the_limit_decide_nothing_by_hand():
    cascade = cascade_of(0.25, 0.5, 1.0)  # two stages of the upper half, and the end

    def twice(*curve: float) -> str | None:
        return doubt((curve, curve), cascade)

    assert twice(0.9, 0.9, 0.1) is None
    assert doubt([(0.9, 0.9, 0.1)], cascade) == "few"
    assert doubt([(0.2, 0.2, 0.1)], cascade) == "few"
    assert twice(0.2, 0.2, 0.1) is None
    assert twice(0.7, 0.52, 0.1) == "near"  # 0.61 in the mean, and 0.71 with 0.1 more
    assert twice(0.7, 0.5, 0.1) is None  # 0.60
    assert twice(0.9, 0.7, 0.1) == "near"  # 0.80, and 0.70 with 0.1 less
    assert twice(0.9, 0.72, 0.1) is None  # 0.81
    assert twice(0.9, 0.9, 0.75) is None  # whichever way it fails
    assert twice(0.1, 0.1, 0.65) == "near"
    assert doubt([], cascade) is None  # there is nothing to doubt


def test_images_that_clearly_disagree_decide_nothing_by_hand():
    cascade = cascade_of(0.25, 0.5, 1.0)
    low, high, middle = (0.2, 0.2, 0.1), (0.9, 0.9, 0.1), (0.75, 0.75, 0.1)
    assert doubt([low, low, low, high], cascade) == "split"  # 0.375 in the mean, which alone would pass
    assert doubt([low, low, low, middle], cascade) is None  # beyond the limit, not clearly
    assert doubt([high, high, high, low], cascade) == "near"  # 0.725: the mean is the first to be asked


def test_of_a_model_with_few_layers_the_first_stage_counts():
    assert finding((0.9, 0.1), cascade_of(0.6, 1.0)) == "insensitive"
    assert finding((0.2, 0.1), cascade_of(0.6, 1.0)) == "passed"


# ---- real models

METHODS = ("saliency", "guided_backprop", "deconvnet", "grad_cam")


@cache
def lite0(names: tuple[str, ...] = METHODS) -> tuple[dict[str, tuple[tuple[float, ...], int]], tuple[Stage, ...]]:
    """The curves of two photographs on EfficientNet-Lite0, Grad-CAM at its last layer."""
    loaded = load(ModelConfig(source="efficientnet_lite0"))
    records = [record for record in images.scan(INPUTS / "images").images if record.slug in ("chelsea", "coffee")]
    x = torch.stack([loaded.preprocess(images.load(record)) for record in records])
    model = loaded.module.eval()
    with torch.no_grad():
        classes = model(x).argmax(dim=1).tolist()

    def maps(model: nn.Module) -> dict[str, list[Tensor]]:
        found: dict[str, list[Tensor]] = {}
        for picture, target in zip(x, classes, strict=True):
            made = generator.attribute(model, picture[None], list(names), layers="_swish@2", target=target)
            for name, value in made.items():
                (map_,) = value.values() if isinstance(value, dict) else (value,)
                found.setdefault(name, []).append(per_place(map_[0]))
        return found

    cascade = stages(model, in_order(model, x[:1]), most=4)
    trained = maps(model)
    changed = [maps(copy) for _, copy in randomised(model, cascade, x)]
    return curves(trained, changed), cascade


def test_guided_backprop_and_deconvnet_fail_on_a_trained_model_and_gradient_and_grad_cam_pass():
    found, cascade = lite0()
    said = {name: finding(curve, cascade) for name, (curve, _) in found.items()}
    assert said == {
        "saliency": "passed",
        "guided_backprop": "insensitive",
        "deconvnet": "insensitive",
        "grad_cam": "passed",
    }


def test_the_finding_is_no_close_call():
    found, cascade = lite0()
    upper = [k for k, stage in enumerate(cascade) if stage.share <= sanity.UPPER]
    means = {name: sum(curve[k] for k in upper) / len(upper) for name, (curve, _) in found.items()}
    assert min(means["guided_backprop"], means["deconvnet"]) > KEPT + 0.1
    assert max(means["saliency"], means["grad_cam"]) < KEPT - 0.2


def test_edges_fail_as_what_they_are():
    assert {"random_map", "sobel_edges"} <= set(registry())
    x = photo(1)
    edges = generator.attribute(resnet18(), x, "sobel_edges", target=0)
    assert isinstance(edges, Tensor)
    cascade = stages(resnet18(), in_order(resnet18(), x), most=2)
    made = [
        generator.attribute(changed, x, "sobel_edges", target=0) for _, changed in randomised(resnet18(), cascade, x)
    ]
    curve = [kept(per_place(edges[0]), per_place(map_[0])) for map_ in made]
    assert curve == pytest.approx([1, 1])
    assert finding(curve, cascade) == "picture"
