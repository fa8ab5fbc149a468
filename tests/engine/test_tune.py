"""The memory format is measured without a trace: same flags, same counts, same numbers."""

from __future__ import annotations

import torch
from torch import nn

from generator.engine.passes import Engine
from generator.engine.tune import FORMATS, faster_format, use_format


def test_measuring_changes_no_number_and_counts_no_pass():
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3, groups=8), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    )
    before = {name: value.clone() for name, value in model.state_dict().items()}
    engine = Engine(model)
    found = faster_format(engine, (3, 12, 12), rounds=1)
    use_format(engine, found)
    assert found in FORMATS and engine.memory_format is FORMATS[found]
    assert (engine.counts.forward, engine.counts.backward) == (0, 0)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert model.training and all(p.requires_grad for p in model.parameters())


def test_both_formats_give_the_same_batch():
    engine = Engine(nn.Conv2d(3, 4, 1))
    x = torch.randn(2, 3, 5, 6, generator=torch.Generator().manual_seed(0))
    for name, memory in FORMATS.items():
        use_format(engine, name)
        assert engine.batch(x).is_contiguous(memory_format=memory) and torch.equal(engine.batch(x), x)


def test_a_model_with_a_volume_or_without_gradients_is_measured_too():
    volume = nn.Sequential(nn.Unflatten(1, (3, 1)), nn.Conv3d(3, 4, (1, 3, 3)), nn.Flatten(1, 2), nn.Conv2d(4, 2, 3))
    before = {name: value.clone() for name, value in volume.state_dict().items()}
    assert faster_format(Engine(volume), (3, 9, 9), rounds=1) in FORMATS
    assert all(torch.equal(value, before[name]) for name, value in volume.state_dict().items())

    class Cut(nn.Conv2d):
        def forward(self, input: torch.Tensor) -> torch.Tensor:
            return super().forward(input).detach()

    assert faster_format(Engine(Cut(3, 4, 3)), (3, 9, 9), rounds=1) in FORMATS
