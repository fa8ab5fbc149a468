"""Every model of torchvision, twenty of timm: they trace, and what is told agrees with what torch counts itself.

Without weights, on the meta device: the largest has 644 million parameters. Detectors decide by numbers and run on a small input.
"""

from __future__ import annotations

import pytest
import torch
import torchvision
from torch import Tensor, nn
from torchvision.models import detection, list_models, segmentation

from generator.config import ModelConfig
from generator.diagrams.architecture import Architecture
from generator.diagrams.from_model import architecture
from generator.diagrams.styles import styles
from generator.model.load import skeleton
from generator.model.twin import shadow
from generator.names import LayerName
from tests.model.test_model_macs import counted
from tests.model.test_model_receptive import seen, thin

TIMM = [
    "resnet10t", "mobilevit_s", "mobilevitv2_050", "crossvit_tiny_240", "hiera_tiny_224", "deit_tiny_patch16_224",
    "convnextv2_atto", "coatnet_0_rw_224", "ghostnetv2_100", "repvgg_a0", "hrnet_w18_small", "dla34", "eca_vovnet39b",
    "res2net50_14w_8s", "xcit_nano_12_p16_224", "poolformer_s12", "mixer_s32_224", "edgenext_xx_small", "fastvit_t8",
    "cait_xxs24_224", "levit_128s", "botnet26t_256",
]  # fmt: skip


def built(source: str) -> tuple[nn.Module, tuple[int, int, int]]:
    found = skeleton(ModelConfig(source=source), weights=False)
    assert found.input_shape is not None
    assert all(parameter.is_meta for parameter in found.module.parameters())
    return found.module, found.input_shape


def check(it: Architecture, model: nn.Module) -> None:
    """Sums, order, names: what holds of every architecture."""
    numbers = {name: parameter.numel() for name, parameter in model.named_parameters()}
    unused = sum(
        many for name, many in numbers.items() if any(name == path or name.startswith(f"{path}.") for path in it.unused)
    )
    assert it.parameters == sum(numbers.values())
    assert sum(op.parameters for op in it.ops) == it.parameters - unused
    assert sum(op.macs for op in it.ops) == it.macs
    place = {op.id: k for k, op in enumerate(it.ops)}
    assert len(place) == len(it.ops)
    assert len({block.id for block in it.blocks} | set(place)) == len(it.blocks) + len(it.ops)
    assert all(place[edge.source] < place[edge.target] for edge in it.edges)
    assert all(0 <= block.start < block.stop <= len(it.ops) for block in it.blocks)
    paths = {path for path, _ in model.named_modules()}
    assert {op.path for op in it.ops} | {block.path for block in it.blocks} <= paths
    sources = [op for op in it.ops if not it.inputs_of[op.id]]  # a position table's projection reads no input
    assert all(op.kind == "input" or (op.macs and it.outputs_of[op.id]) for op in sources)
    assert [op.kind for op in it.ops if op.kind in ("input", "output") and not op.learned] == ["input", "output"]
    learned = [op for op in it.ops if op.learned]
    assert {op.id.partition("#")[0] for op in learned} <= set(numbers)
    assert all([place[edge.target] > place[op.id] for edge in it.outputs_of[op.id]] == [True] for op in learned)
    assert all(op.memory == 0 for op in it.ops if op.in_place)
    assert {part.path for part in it.ops if part.in_place} >= _in_place(it, model)


def _in_place(it: Architecture, model: nn.Module) -> set[str]:
    called = {op.path for op in it.ops}
    wanted = (nn.ReLU, nn.ReLU6, nn.Hardswish, nn.SiLU, nn.Hardsigmoid)
    return {
        path for path, part in model.named_modules() if isinstance(part, wanted) and part.inplace and path in called
    }


def without_numbers(model: nn.Module, shape: tuple[int, int, int]) -> int:
    with torch.device("meta"):
        return counted(shadow(model), torch.empty(1, *shape))


@pytest.mark.parametrize("name", [*list_models(torchvision.models), *list_models(segmentation)])
def test_classifiers_and_segmenters_of_torchvision(name: str) -> None:
    model, shape = built(f"torchvision:{name}")
    it = architecture(model, shape, whole=lambda: pytest.fail("its numbers were asked for"))
    check(it, model)
    assert it.macs == without_numbers(model, shape)
    assert all(path.startswith(("aux", "AuxLogits")) for path in it.unused)
    assert not any(edge.dashed for edge in it.edges)


@pytest.mark.parametrize("name", TIMM)
def test_models_of_timm(name: str) -> None:
    model, shape = built(f"timm:{name}")
    it = architecture(model, shape, whole=lambda: pytest.fail("its numbers were asked for"))
    check(it, model)
    assert it.macs == without_numbers(model, shape)


@pytest.mark.parametrize("name", list_models(detection))
def test_detectors_of_torchvision(name: str) -> None:
    torch.manual_seed(0)
    model = torchvision.models.get_model(name, weights=None, weights_backbone=None).eval()
    if hasattr(model.transform, "min_size") and "ssd" not in name:  # they enlarge what they are given to 800 pixels
        model.transform.min_size = (96,)
    it = architecture(model, (3, 96, 96))
    check(it, model)
    noise = torch.randn((1, 3, 96, 96), generator=torch.Generator().manual_seed(0))
    assert it.macs == counted(model, noise)
    assert it.unused == ()
    assert any("How much it gives" in op.note for op in it.ops)
    for style in ("graph", "blocks"):  # what is worked out of the heads, hundreds of functions, is closed
        made = styles()[style].cls().draw(it)
        assert made.width < 1000 and made.height < 3000


FIELDS = {
    "alexnet": 195, "vgg11": 150, "resnet18": 435, "resnet50": 427, "resnext50_32x4d": 427, "mobilenet_v2": 491,
    "wide_resnet50_2": 427, "vgg16": 212,
}  # fmt: skip
"""The field of the last place before global pooling; Araujo et al. list several of them."""


@pytest.mark.parametrize("name", FIELDS)
def test_receptive_fields_are_those_of_the_gradient(name: str) -> None:
    """The gradient is that of a thin twin on an input so large that nothing reaches over its border."""
    model, shape = built(f"torchvision:{name}")
    it = architecture(model, shape)
    windows = [
        op for op in it.ops if op.kind in ("conv", "pool") and "Adaptive" not in op.op
    ]  # whose windows have one size
    places = [op for op in windows if op.receptive_field is not None]
    assert max(op.receptive_field for op in places) == (FIELDS[name],) * 2  # type: ignore[type-var]
    chosen = [*places[:-1:9], places[-1]]
    twin = thin(model.to_empty(device="cpu"))
    setattr(twin, "fc" if hasattr(twin, "fc") else "classifier", nn.Identity())
    side = 32 * ((FIELDS[name] + 95) // 32)
    measured = seen(twin, [LayerName(op.id) for op in chosen], (1, side, side))
    for op in chosen:
        top, bottom, left, right = measured[LayerName(op.id)]
        assert op.receptive_field == (bottom - top + 1, right - left + 1), op.id


def test_a_model_that_looks_at_its_scores_is_drawn_as_it_is_without_and_open_at_its_end() -> None:
    """By numbers the same is drawn as by shapes alone; what is returned could be something else for another input."""
    model = torchvision.models.resnet18(weights=None).eval()

    class Peeks(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = model

        def forward(self, x: Tensor) -> Tensor:
            y: Tensor = self.net(x)
            return y if y.sum().item() != 0.5 else y * 2

    one, other = architecture(model, (3, 64, 64)), architecture(Peeks(), (3, 64, 64))
    inside = [op.id.removeprefix("net.") for op in other.ops]
    assert [name for name in inside if name not in ("F.sum",)] == [op.id for op in one.ops]
    assert [(edge.source, edge.target) for edge in other.edges if edge.dashed] == [("net.fc", "@output")]
    assert [op.id for op in other.ops if "decide" in op.note] == ["F.sum"]
    assert "In one place" in other.notes[1]
