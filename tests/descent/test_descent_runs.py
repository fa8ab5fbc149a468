"""Surfaces, optimizers and runs: minima that are minima, Lion by hand, batches that are single runs, the drama of the two wells."""

from __future__ import annotations

import pytest
import torch

from generator.descent.downhill import valleys
from generator.descent.lion import Lion
from generator.descent.optimizers import OPTIMIZERS, Optimizer
from generator.descent.runs import arrivals, descend, grid
from generator.descent.surfaces import SURFACES, Surface


def ids(case: object) -> str:
    return getattr(case, "name", "")


@pytest.mark.parametrize("surface", SURFACES.values(), ids=ids)
def test_minima_are_where_the_surface_says(surface: Surface):
    def value(w: torch.Tensor) -> torch.Tensor:
        return surface.value(w[0], w[1])

    lowest = surface.value(*grid(surface, 201, 201).unbind(-1)).min()
    for one in surface.minima:
        at = torch.tensor([one.x, one.y], dtype=torch.float64)
        assert torch.autograd.functional.jacobian(value, at).abs().max() < 1e-12
        assert torch.linalg.eigvalsh(torch.autograd.functional.hessian(value, at)).min() > 0
        assert (value(at) <= lowest + 1e-9) == one.lowest
    x0, x1, y0, y1 = surface.box
    assert x0 < surface.start[0] < x1 and y0 < surface.start[1] < y1
    assert set(surface.rates) == set(OPTIMIZERS)


def test_two_wells_have_the_lower_one_on_the_left():
    left, right = SURFACES["two_wells"].minima
    assert left.x < 0 < right.x and left.lowest and not right.lowest


def test_from_the_start_some_fall_into_the_right_well_and_others_cross():
    surface = SURFACES["two_wells"]
    ends = {
        name: surface.minima[int(descend(surface, one, surface.start, 200).arrived[0])].name
        for name, one in OPTIMIZERS.items()
    }
    assert ends == {
        "sgd": "right well",
        "momentum": "left well",
        "nesterov": "right well",
        "adagrad": "right well",
        "rmsprop": "right well",
        "adam": "left well",
        "adamw": "left well",
        "lion": "left well",
    }
    # It is the learning rate that decides, not the name: the same optimizers, turned down, stay on the right.
    for name in ("momentum", "adam", "adamw"):
        run = descend(surface, OPTIMIZERS[name], surface.start, 200, {"lr": surface.rates[name] / 6})
        assert surface.minima[int(run.arrived[0])].name == "right well"


@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=ids)
def test_a_start_in_a_batch_runs_as_alone_and_as_a_plain_torch_loop(optimizer: Optimizer):
    surface = SURFACES["two_wells"]
    begin = grid(surface, 4, 3)
    run = descend(surface, optimizer, begin, 60)
    for k, start in enumerate(begin):
        w = torch.nn.Parameter(start.clone())
        torched = optimizer.make([w], optimizer.given({}, surface.rates[optimizer.name]))
        for t in range(60):
            torch.testing.assert_close(run.points[t, k], w.detach(), rtol=1e-12, atol=1e-12)
            torched.zero_grad()
            loss = surface.value(w[0], w[1])
            torch.testing.assert_close(run.losses[t, k], loss.detach(), rtol=1e-12, atol=1e-12)
            loss.backward()
            torched.step()


def test_lion_by_hand():
    w = torch.nn.Parameter(torch.tensor([1.0, -2.0], dtype=torch.float64))
    lion = Lion([w], lr=0.1, betas=(0.5, 0.75), weight_decay=0.2)
    w.grad = torch.tensor([4.0, -1.0], dtype=torch.float64)
    lion.step()  # c = (2, -0.5); w = 0.98 w - 0.1 (1, -1); m = (1, -0.25)
    torch.testing.assert_close(w.detach(), torch.tensor([0.88, -1.86], dtype=torch.float64))
    w.grad = torch.tensor([-0.5, 1.0], dtype=torch.float64)
    lion.step()  # c = (0.25, 0.375); m = (0.625, 0.0625)
    torch.testing.assert_close(w.detach(), torch.tensor([0.7624, -1.9228], dtype=torch.float64))
    torch.testing.assert_close(lion.state[w]["exp_avg"], torch.tensor([0.625, 0.0625], dtype=torch.float64))


def test_lion_stands_still_where_nothing_pulls_and_refuses_nonsense():
    w, idle = torch.nn.Parameter(torch.ones(1)), torch.nn.Parameter(torch.ones(1))
    lion = Lion([w, idle], lr=0.1)
    loss = lion.step(lambda: (w * 0).sum().backward() or 7.0)
    assert loss == 7.0 and w.item() == 1.0 and idle.item() == 1.0
    for wrong in ({"lr": -1.0}, {"betas": (1.0, 0.9)}, {"weight_decay": -0.1}):
        with pytest.raises(ValueError, match="expected lr >= 0"):
            Lion([w], **wrong)


def test_arrivals_by_hand():
    surface = SURFACES["two_wells"]
    r = surface.radius
    left, right = surface.minima
    far, near = left.x - 2 * r, left.x - 0.5 * r
    xs = [[far, near, near, near], [near, far, near, near], [far, right.x, right.x, right.x], [near, near, near, far]]
    points = torch.zeros(4, 4, 2, dtype=torch.float64)
    points[..., 0] = torch.tensor(xs, dtype=torch.float64).T
    points[2, 3] = torch.nan
    which, since = arrivals(surface, points)
    assert which.tolist() == [0, 0, 1, 0], "the last one is on the slope to the left"
    assert since.tolist() == [1, 2, 1, 3]
    points[3, 0] = torch.nan
    assert arrivals(surface, points)[0].tolist() == [-1, 0, 1, 0]


@pytest.mark.parametrize("name", ["two_wells", "saddle"])
def test_downhill_is_where_many_short_steps_along_the_slope_lead(name: str):
    surface = SURFACES[name]
    places = grid(surface, 16, 11)
    at = places.clone().requires_grad_()
    for _ in range(3000):
        (slope,) = torch.autograd.grad(surface.value(at[:, 0], at[:, 1]).sum(), at)
        at = (at - 0.02 * slope).detach().requires_grad_()
    centres = torch.tensor([(m.x, m.y) for m in surface.minima], dtype=at.dtype)
    distance, nearest = (at.detach()[:, None] - centres).norm(dim=-1).min(-1)
    slow = torch.where(distance < 1e-3, nearest, -1)
    found = valleys(surface, places)
    rim = [k for k in range(len(places)) if found[k] != slow[k]]
    assert len(rim) <= 2, "on a rim the two ways may lead to either side"
    for k in rim:
        assert ((places - places[k]).norm(dim=1)[found == slow[k]] < 0.5).any(), "next to places of the other side"
    assert {0, 1} <= {*found.tolist()}


def test_all_ways_downhill_lead_to_the_only_minimum_but_on_beale_some_lead_out():
    for name in ("ravine", "rosenbrock"):
        assert (valleys(SURFACES[name], grid(SURFACES[name], 12, 9)) == 0).all()
    beale = SURFACES["beale"]
    assert valleys(beale, torch.tensor([[2.5, 0.4], [1.0, 1.0], [-4.4, 4.4]], dtype=torch.float64)).tolist() == [0, 0, -1]  # fmt: skip


def test_the_grid_is_read_from_the_top_left():
    places = grid(SURFACES["two_wells"], 5, 4)
    assert (
        places[0].tolist() == [-2.0, 1.5] and places[1].tolist() == [-1.0, 1.5] and places[-1].tolist() == [2.0, -1.5]
    )
    assert len(places) == 20


def test_an_unknown_setting_is_refused():
    with pytest.raises(KeyError):
        OPTIMIZERS["sgd"].given({"momentum": 0.9})
