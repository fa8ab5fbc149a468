"""The page's descents are torch's: every optimizer on every surface, from many starts, at several learning rates, and off its defaults.

Each of torch's steps is taken again by the script from torch's own weights and state, and must end where torch's did. Whole
runs are compared as well, but for those in which torch itself goes elsewhere once its weights are rounded otherwise on the
way: there the last bit decides, and no two programs agree for long.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch

from generator.descent.optimizers import OPTIMIZERS, Optimizer
from generator.descent.runs import Run, arrivals, descend, grid
from generator.descent.surfaces import SURFACES, Surface

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SCRIPT = Path(__file__).resolve().parents[2] / "templates/assets/js/descent-core.js"
STEPS = 200
FACTORS = (0.3, 1.0, 3.0)
"""Of the surface's own learning rate."""
OTHERS: tuple[dict[str, float], ...] = (
    {"momentum": 0.5, "alpha": 0.5, "beta1": 0.6, "beta2": 0.9, "weight_decay": 0.3},
    {"momentum": 0.97, "alpha": 0.95, "beta1": 0.0, "beta2": 0.98, "weight_decay": 0.05},
    {"momentum": 0.001, "alpha": 0.3, "beta1": 0.95, "beta2": 0.5, "weight_decay": 1.0},
)
"""Settings off the defaults, each for the optimizers that have it."""
FAR = 1e6
"""Beyond it a run is lost: numbers overflow soon after, and nothing is left to compare."""


@pytest.fixture(scope="module")
def core(browser: Browser) -> Iterator[Page]:
    page = browser.new_page()
    page.evaluate("() => { self.convatlas = {}; }")
    page.add_script_tag(path=str(SCRIPT))
    yield page
    page.close()


def starts(surface: Surface) -> torch.Tensor:
    """(6, 2): the surface's own, four corners of an inner box, and one on no line of symmetry."""
    x0, x1, y0, y1 = surface.box
    places = [(0.2, 0.2), (0.2, 0.8), (0.8, 0.2), (0.8, 0.8), (0.37, 0.61)]
    inner = [(x0 + a * (x1 - x0), y0 + b * (y1 - y0)) for a, b in places]
    return torch.tensor([surface.start, *inner], dtype=torch.float64)


def cases() -> list[tuple[Surface, Optimizer]]:
    return [(surface, one) for surface in SURFACES.values() for one in OPTIMIZERS.values()]


def ids(case: object) -> str:
    return getattr(case, "name", "")


def settings(surface: Surface, optimizer: Optimizer, factor: float) -> dict[str, float]:
    return {"lr": surface.rates[optimizer.name] * factor}


def varied(surface: Surface, optimizer: Optimizer) -> list[dict[str, float]]:
    """The learning rates at the defaults, then the surface's own at other settings, where the optimizer has any."""
    known = {one.name for one in optimizer.settings}
    others = [{name: value for name, value in one.items() if name in known} for one in OTHERS]
    own = settings(surface, optimizer, 1.0)
    return [settings(surface, optimizer, factor) for factor in FACTORS] + [own | one for one in others if one]


def test_other_settings_are_other_than_the_defaults_and_no_optimizer_goes_without():
    for optimizer in OPTIMIZERS.values():
        for one in optimizer.settings:
            if one.name != "lr":
                values = [other[one.name] for other in OTHERS]
                assert len({*values, one.default}) == len(OTHERS) + 1
                assert all(one.least <= value <= one.most for value in values)


def in_script(core: Page, run: Run, begin: torch.Tensor, steps: int = STEPS) -> torch.Tensor:
    """(steps + 1, n, 2)"""
    found = core.evaluate(
        "([surface, optimizer, settings, starts, steps]) => starts.map((start) =>"
        " [...convatlas.descent.run(surface, optimizer, settings, start, steps).points].map(String))",
        [run.surface.name, run.optimizer.name, dict(run.settings), begin.tolist(), steps],
    )
    values = [[float(v.replace("Infinity", "inf")) for v in one] for one in found]
    return torch.tensor(values, dtype=torch.float64).reshape(len(begin), steps + 1, 2).transpose(0, 1)


def compared(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """(n): the largest difference on the way, in units of the weights' size or 1, until the run is lost."""
    size = a.abs().amax(-1).clamp(min=1)
    lost = (~(size < FAR)).int().cummax(0).values.bool()
    return ((a - b).abs().amax(-1) / size).masked_fill(lost, 0).amax(0)


def last_bits_decide(run: Run, begin: torch.Tensor) -> torch.Tensor:
    """(n): whether torch's own run differs by more than 1e-10 where every weight is rounded up or down by a bit at each step."""
    found = torch.zeros(len(begin), dtype=torch.bool)
    for seed in range(3):
        generator = torch.Generator().manual_seed(seed)
        at = begin.clone().requires_grad_()
        torched = run.optimizer.make([at], run.settings)
        points = [at.detach().clone()]
        for _ in range(STEPS):
            torched.zero_grad()
            run.surface.value(at[..., 0], at[..., 1]).sum().backward()
            torched.step()
            points.append(at.detach().clone())
            with torch.no_grad():
                at.mul_(1 + 2.0**-52 * torch.randint(-1, 2, at.shape, generator=generator).double())
        found |= compared(run.points, torch.stack(points)) > 1e-10
    return found


@pytest.mark.parametrize(("surface", "optimizer"), cases(), ids=ids)
def test_whole_runs_are_torchs(core: Page, surface: Surface, optimizer: Optimizer):
    begin, given = starts(surface), varied(surface, optimizer)
    same = 0
    for one in given:
        run = descend(surface, optimizer, begin, STEPS, one)
        away = compared(run.points, in_script(core, run, begin))
        chaotic = last_bits_decide(run, begin)
        assert (away[~chaotic] <= 1e-9).all(), (one, away, chaotic)
        same += int((away <= 1e-9).sum())
    print(f"{surface.name} {optimizer.name}: {same} of {len(begin) * len(given)} runs are torch's to 1e-9")
    assert same >= len(begin) * len(given) // 2


@pytest.mark.parametrize(("surface", "optimizer"), cases(), ids=ids)
def test_every_single_step_is_torchs(core: Page, surface: Surface, optimizer: Optimizer):
    """From torch's weights and state before each step, the script comes where torch came, bits of rounding apart."""
    for one in varied(surface, optimizer):
        full = optimizer.given(one)
        steps = list(_steps(surface, optimizer, starts(surface), full))
        found = core.evaluate(
            """([surface, optimizer, settings, steps]) => steps.map((rows, t) => rows.map(([x, y, mx, my, vx, vy]) => {
              const {SURFACES, UPDATES} = convatlas.descent;
              const [gx, gy] = SURFACES[surface].gradient(x, y);
              return [UPDATES[optimizer](x, gx, {m: mx, v: vx}, t + 1, settings), UPDATES[optimizer](y, gy, {m: my, v: vy}, t + 1, settings)];
            }))""",
            [surface.name, optimizer.name, full, [before for before, _ in steps]],
        )
        for (before, after), made in zip(steps, found, strict=True):
            for was, wanted, got in zip(before, after, made, strict=True):
                for k in range(2):
                    # A step is as exact as what it adds up: the weight, and how far it moves.
                    size = max(1, abs(was[k]), abs(wanted[k]))
                    assert abs(wanted[k] - got[k]) <= 1e-12 * size, (one, was, wanted, got)


def _steps(
    surface: Surface, optimizer: Optimizer, begin: torch.Tensor, full: dict[str, float]
) -> Iterator[tuple[list[list[float]], list[list[float]]]]:
    """(weights and state before, weights after) of each step, of the starts that are not lost."""
    at = begin.clone().requires_grad_()
    torched = optimizer.make([at], full)
    for t in range(STEPS):
        state = torched.state.get(at, {})
        m = state.get("exp_avg", state.get("momentum_buffer"))
        v = state.get("exp_avg_sq", state.get("square_avg", state.get("sum")))
        zero = torch.zeros_like(begin)
        m, v = (zero if one is None else one.clone() for one in (m, v))
        before = torch.cat([at.detach(), m, v], -1)
        torched.zero_grad()
        surface.value(at[..., 0], at[..., 1]).sum().backward()
        torched.step()
        after = at.detach().clone()
        fine = (before.abs() < FAR).all(-1) & (after.abs() < FAR).all(-1)
        if t == 0:
            assert fine.all()
        if not fine.any():
            return
        yield before[fine].tolist(), after[fine].tolist()


@pytest.mark.parametrize("surface", SURFACES.values(), ids=ids)
def test_values_and_gradients_are_autograds(core: Page, surface: Surface):
    at = grid(surface, 9, 7).requires_grad_()
    value = surface.value(at[:, 0], at[:, 1])
    value.sum().backward()
    found = core.evaluate(
        "([name, places]) => places.map(([x, y]) => [convatlas.descent.SURFACES[name].value(x, y), ...convatlas.descent.SURFACES[name].gradient(x, y)])",
        [surface.name, at.detach().tolist()],
    )
    wanted = torch.cat([value.detach()[:, None], at.grad], -1)
    torch.testing.assert_close(torch.tensor(found, dtype=torch.float64), wanted, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("surface", "optimizer"), cases(), ids=ids)
def test_a_map_of_basins_is_that_of_torchs_runs(core: Page, surface: Surface, optimizer: Optimizer):
    columns, rows = 15, 12
    run = descend(surface, optimizer, grid(surface, columns, rows), STEPS)
    which, since = arrivals(surface, run.points)
    plain = {
        "name": surface.name,
        "box": list(surface.box),
        "minima": [[m.x, m.y] for m in surface.minima],
        "radius": surface.radius,
    }
    found = core.evaluate(
        "([surface, optimizer, settings, steps, columns, rows]) => [...convatlas.descent.basins(surface, optimizer, settings, steps, columns, rows)].map(({which, since}) => [which, since])",
        [plain, optimizer.name, dict(run.settings), STEPS, columns, rows],
    )
    chaotic = last_bits_decide(run, grid(surface, columns, rows))
    got = torch.tensor(found)
    differ = (got[:, 0] != which) | (got[:, 1] != since)
    assert not differ[~chaotic].any()
    print(
        f"{surface.name} {optimizer.name}: {int(differ.sum())} of {len(differ)} cells differ, {int(chaotic.sum())} decided by bits"
    )
    assert differ.float().mean() < 0.02
