"""What probes hold: the targets' numbers against the model called directly, counts, batches, and room that runs out."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from generator.engine.output import Readout
from generator.engine.passes import Counts
from generator.errors import UserError
from generator.names import CallTarget, ClassTarget, LayerName, RankTarget, Unit
from tests.engine.probing import CLASSES, SIDE, TARGETS, Small, difference, pictures, probe
from tests.methods.examples import exactly, same


def by_hand(model: Small, x: Tensor, own: Tensor) -> Tensor:
    """(t, m): the six targets, by a forward with nothing in place; the class ranked first is that of `own`, the image."""
    relu1 = model.conv1(x).relu()
    conv2 = model.conv2(relu1)
    logits = model.fc((conv2 + relu1).relu().mean((2, 3)))
    first = model(own)[0].argmax()
    return torch.stack(
        [
            logits[:, 3],
            logits[:, 0] + logits[:, 4],
            logits[:, first],
            conv2[:, 2].mean((1, 2)),
            relu1[:, 1, 3, 4],
            logits[:, 0] - logits[:, 1] ** 2,
        ]
    )


def test_values_of_every_kind_of_target_in_batches():
    with probe() as model:
        x = pictures(9)
        found = model.run(x)
        assert model.targets == 6
        assert found.values.shape == (6, 9)
        same(found.values, by_hand(model.module, x, model.x))
        assert model.engine.counts == Counts(9, 0)


def test_shares_are_probabilities_and_nan_where_a_target_has_none():
    with probe() as model:
        x = pictures(9)
        p = model.module(x).softmax(dim=1).detach()
        shares = model.run(x).shares
        assert shares is not None
        first = model.module(model.x)[0].argmax()
        same(shares[:3], torch.stack([p[:, 3], p[:, 0] + p[:, 4], p[:, first]]))
        assert shares[3:].isnan().all()
    with probe(TARGETS[3:]) as model:
        assert model.run(pictures()).shares is None
    with probe(CLASSES) as model:
        model.engine.readout = Readout("multilabel")
        s = model.module(pictures()).sigmoid().detach()
        shares = model.run(pictures()).shares
        assert shares is not None
        same(shares[1], 1 - (1 - s[:, 0]) * (1 - s[:, 4]))  # that of any: several may be at once


def test_gradients_of_every_kind_of_target_batch_by_batch():
    with probe() as model:
        x = pictures(9)
        leaf = x.clone().requires_grad_()
        expected = [
            torch.autograd.grad(row.sum(), leaf, retain_graph=True)[0] for row in by_hand(model.module, leaf, model.x)
        ]
        parts = list(model.gradients(x))
        assert [cut for cut, _ in parts] == [slice(0, 4), slice(4, 8), slice(8, 9)]
        same(torch.cat([part for _, part in parts], dim=1), torch.stack(expected))
        assert model.engine.counts == Counts(9, 54)
        assert not x.requires_grad
        assert x.grad is None


def test_a_target_that_does_not_depend_on_the_input_has_no_gradient():
    with probe((ClassTarget(1), CallTarget(f"{__name__}:constant"))) as model:
        ((_, found),) = model.gradients(pictures(2))
        assert found[0].abs().sum() > 0
        exactly(found[1], torch.zeros(2, 3, SIDE, SIDE))
        assert model.engine.counts == Counts(2, 4)


def constant(output: Tensor) -> Tensor:
    """A target that is always one."""
    return torch.ones(len(output))


def test_resumed_values_and_counts():
    with probe() as model:
        own = model.module.conv1(model.x).relu() + 0.1
        A = torch.cat([own, own / 2, torch.zeros_like(own), own.flip(1), own * 3])
        found = model.resume(LayerName("relu1"), A)
        assert model.engine.counts == Counts(6, 0)
        conv2 = model.module.conv2(A)
        logits = model.module.fc((conv2 + A).relu().mean((2, 3)))
        same(found.values[0], logits[:, 3])
        same(found.values[3], conv2[:, 2].mean((1, 2)))
        same(found.values[4], A[:, 1, 3, 4])  # a unit of the layer itself
        same(found.values[5], difference(logits))
        assert found.shares is not None
        same(found.shares[1], logits.softmax(dim=1)[:, [0, 4]].sum(dim=1))
        model.resume(LayerName("relu1"), A[:2])
        assert model.engine.counts == Counts(8, 0)  # what comes before the layer is recorded once


def test_a_unit_before_the_resumed_layer_has_no_value():
    with probe() as model:
        A = model.module.conv2(model.module.conv1(model.x).relu()).expand(3, -1, -1, -1)
        values = model.resume(LayerName("conv2"), A).values
        same(values[3], A[:, 2].mean((1, 2)))
        assert values[4].isnan().all()
        assert values[[0, 1, 2, 3, 5]].isfinite().all()
    with probe((Unit(LayerName("relu1"), 1),)) as model:
        assert model.resume(LayerName("conv2"), A).values.isnan().all()


def test_layer_outputs_of_inputs_of_any_size():
    with probe() as model:
        for height, width in ((SIDE, SIDE), (20, 9)):
            x = torch.randn(5, 3, height, width)
            same(model.layer_output(LayerName("conv1"), x), model.module.conv1(x))  # not the rectifier's, in place
        assert model.engine.counts == Counts(10, 0)
        with pytest.raises(UserError, match="conv1@2"):
            model.layer_output(LayerName("conv1@2"), pictures())


def test_head_shares_are_what_the_model_says_of_its_averaged_layer():
    with probe() as model:
        assert model.facts.head_layer == "relu2"
        features = model.layer_output(LayerName("relu2"), pictures(3)).mean((2, 3))
        before = replace(model.engine.counts)
        shares = model.head_shares(features)
        assert model.engine.counts == before
        expected = model.run(pictures(3)).shares
        assert shares is not None
        assert expected is not None
        same(shares[:3], expected[:3])
        assert shares[3:].isnan().all()


def test_a_forward_in_the_graph_of_the_model_and_of_a_changed_copy():
    with probe() as model:
        x = pictures(2).requires_grad_()
        run = model.forward(x)
        same(run.values.detach(), by_hand(model.module, x, model.x).detach())
        assert [[tuple(t.shape) for t in read] for read in run.read] == [
            *[[(2, 5)]] * 3,
            [(2, 6, SIDE, SIDE)],
            [(2, 6, SIDE, SIDE)],
            [(2, 5)],
        ]
        for values, read in zip(run.values, run.read, strict=True):
            (slope,) = torch.autograd.grad(values.sum(), read, retain_graph=True)
            assert slope.abs().sum() > 0
        (gradient,) = torch.autograd.grad(run.values[0].sum(), x)
        same(gradient, torch.cat([part for _, part in model.gradients(x.detach())], dim=1)[0])
        twin = Small()
        twin.fc.weight.data *= 2
        twin.eval().requires_grad_(False)
        other = model.forward(x, twin)
        same(other.values.detach()[:3], by_hand(twin, x, model.x).detach()[:3])
        assert model.engine.counts == Counts(6, 12)


def test_a_rank_is_the_image_s_own_whatever_it_is_changed_into():
    with probe((RankTarget(1),)) as model:
        own = int(model.module(model.x)[0].argmax())
        far = pictures(40) * 5
        others = model.module(far).argmax(dim=1)
        assert (others != own).any()
        same(model.run(far).values[0], model.module(far)[:, own])
