"""The numbers of the articles' figures are torch's: the numeric core runs in a browser, beside torch, on random settings."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from generator.engine.needs import HEAD, Activation, Gradient, Reads, Weights
from generator.engine.rules import RuleBook, implement, unpool
from generator.methods.cam import CAM
from generator.methods.grad_cam import GradCAM
from generator.methods.grad_cam_pp import grad_cam_pp
from generator.names import LayerName

if TYPE_CHECKING:
    from playwright.sync_api import Browser

SCRIPTS = Path(__file__).resolve().parents[2] / "templates/assets/js"
Core = Callable[..., Any]


@pytest.fixture(scope="module")
def core(browser: Browser) -> Iterator[Core]:
    """`core("conv", map, weight, {…})`: a function of the core by its name."""
    page = browser.new_page()
    page.add_script_tag(content="self.convatlas = {}")
    for part in ("core", "core-units"):
        page.add_script_tag(content=(SCRIPTS / f"learn-{part}.js").read_text("utf-8"))

    def call(name: str, *arguments: Any) -> Any:
        return page.evaluate("([name, given]) => convatlas.learn.core[name](...given)", [name, plain(arguments)])

    call.page = page  # type: ignore[attr-defined]
    yield call
    page.close()


def plain(value: Any) -> Any:
    return json.loads(json.dumps(value, default=lambda one: one.tolist()))


def close(found: Any, expected: Any, tolerance: float = 1e-12) -> None:
    np.testing.assert_allclose(np.array(found, float), np.array(plain(expected), float), rtol=tolerance, atol=tolerance)


def some(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


SETTINGS = [
    {"size": random.Random(k).randint(1, 40), "kernel": random.Random(k + 1).randint(1, 7),
     "stride": random.Random(k + 2).randint(1, 5), "before": random.Random(k + 3).randint(0, 4),
     "after": random.Random(k + 4).randint(0, 4), "dilation": random.Random(k + 5).randint(1, 4)}
    for k in range(0, 600, 6)
]  # fmt: skip


def test_sizes_of_outputs_and_the_columns_that_no_window_reads(core: Core):
    empty = 0
    for s in SETTINGS:
        found = core("side", s)
        padded = s["size"] + s["before"] + s["after"]
        x = torch.zeros(1, 1, padded, dtype=torch.float64, requires_grad=True)
        if padded < s["dilation"] * (s["kernel"] - 1) + 1:
            assert (found["out"], found["unread"]) == (0, list(range(padded)))
            empty += 1
            continue
        y = F.conv1d(x, torch.ones(1, 1, s["kernel"], dtype=torch.float64), stride=s["stride"], dilation=s["dilation"])
        (grad,) = torch.autograd.grad(y.sum(), x)
        unread = (grad[0, 0] == 0).nonzero()[:, 0].tolist()
        inside = range(s["before"], s["before"] + s["size"])
        assert found["out"] == y.shape[2]
        assert found["unread"] == unread
        assert found["lost"] == [column for column in unread if column in inside]
        last = (y.shape[2] - 1) * s["stride"] + s["dilation"] * (s["kernel"] - 1)
        assert found["rest"] == padded - 1 - last
    assert 5 < empty < 60


@pytest.mark.parametrize("k", range(12))
def test_convolution(core: Core, k: int):
    pick = random.Random(k)
    x, w = (
        some(pick.randint(7, 11), pick.randint(7, 12), seed=k),
        some(pick.randint(1, 3), pick.randint(1, 3), seed=k + 50),
    )
    how = {"stride": pick.randint(1, 3), "padding": pick.randint(0, 2), "dilation": pick.randint(1, 2)}
    torched = F.conv2d(x[None, None], w[None, None], torch.tensor([0.3], dtype=torch.float64), **how)[0, 0]
    close(core("conv", x, w, {**how, "bias": 0.3}), torched)


@pytest.mark.parametrize("kernel, stride, size", [(2, 2, 6), (3, 2, 7), (3, 1, 6), (2, 3, 7), (6, 6, 6)])
@pytest.mark.parametrize("ties", [False, True])
def test_pooling_its_switches_and_its_gradient(core: Core, kernel: int, stride: int, size: int, ties: bool):
    x = some(1, 1, size, size, seed=kernel)
    x = (x.round() if ties else x).requires_grad_()
    page = core.page  # type: ignore[attr-defined]
    for kind in ("max", "average"):
        pooled, where = (
            F.max_pool2d(x, kernel, stride, return_indices=True)
            if kind == "max"
            else (F.avg_pool2d(x, kernel, stride), None)
        )
        g = some(*pooled.shape, seed=9)
        (back,) = torch.autograd.grad(pooled, x, g)
        found = page.evaluate(
            """([map, how, g, size]) => {
              const {pool, poolBack, unpool} = convatlas.learn.core;
              const made = pool(map, how);
              return {...made, back: poolBack(g, made, size, size), up: how.kind === 'max' ? unpool(g, made, size, size) : null};
            }""",
            plain([x.detach()[0, 0], {"kernel": kernel, "stride": stride, "kind": kind}, g[0, 0], size]),
        )
        close(found["values"], pooled.detach()[0, 0])
        close(found["back"], back[0, 0])
        if where is not None:
            switches = np.array(found["switches"])
            assert (switches[..., 0] * size + switches[..., 1] == where[0, 0].numpy()).all()
            close(found["up"], unpool(g, where, x.shape)[0, 0])
            if stride >= kernel:
                close(found["up"], F.max_unpool2d(g, where, kernel, stride, output_size=x.shape)[0, 0])


@pytest.mark.parametrize("k", range(8))
def test_receptive_fields_along_a_chain(core: Core, k: int):
    pick = random.Random(k)
    chain = [
        {"kernel": pick.randint(1, 4), "stride": pick.randint(1, 2), "dilation": pick.randint(1, 2)}
        for _ in range(pick.randint(1, 5))
    ]
    layers = nn.Sequential(
        *(nn.Conv1d(1, 1, c["kernel"], c["stride"], dilation=c["dilation"], bias=False) for c in chain)
    ).double()
    for layer in layers:
        nn.init.constant_(layer.weight, 1 / layer.weight.shape[2])  # type: ignore[arg-type, union-attr, operator]
    fields = core("fields", chain)
    size = fields[-1]["field"]
    x = torch.zeros(1, 1, size, dtype=torch.float64, requires_grad=True)
    y = layers(x)
    assert y.shape[2] == 1
    (grad,) = torch.autograd.grad(y.sum(), x)
    weights = core("influence", chain)
    close(weights, grad[0, 0])
    assert core("cone", chain)[0] == grad[0, 0].nonzero()[:, 0].tolist()
    places = torch.arange(size, dtype=torch.float64)
    mean = (grad[0, 0] * places).sum()
    close(core("spread", weights), (grad[0, 0] * (places - mean) ** 2).sum().sqrt(), 1e-9)
    jumps = np.cumprod([c["stride"] for c in chain])
    assert [one["jump"] for one in fields] == jumps.tolist()
    assert [len(level) for level in core("cone", chain)][-1] == 1


def test_batch_normalisation_in_training_and_in_use(core: Core):
    batch, norm = some(7, 1, seed=3) * 2 + 1, nn.BatchNorm1d(1, eps=1e-3, momentum=0.1).double()
    with torch.no_grad():
        norm.weight.fill_(1.7)
        norm.bias.fill_(-0.4)
        norm.running_mean.fill_(0.3)  # type: ignore[union-attr]
        norm.running_var.fill_(2.5)  # type: ignore[union-attr]
    numbers = core("statistics", batch[:, 0])
    close(numbers["mean"], batch.mean())
    close(numbers["variance"], batch.var(unbiased=False))
    scale = {"gamma": 1.7, "beta": -0.4, "eps": 1e-3}
    in_use = norm.eval()(batch)[:, 0].tolist()
    for value, expected in zip(batch[:, 0], in_use, strict=True):
        close(core("scaled", float(value), {**scale, "mean": 0.3, "variance": 2.5}), expected)
    trained = norm.train()(batch)[:, 0].tolist()
    for value, expected in zip(batch[:, 0], trained, strict=True):
        close(core("scaled", float(value), {**scale, **numbers}), expected)
    kept = core("remembered", {"mean": 0.3, "variance": 2.5}, numbers, 0.1)
    close(kept["mean"], norm.running_mean[0])  # type: ignore[index]
    close(kept["variance"], norm.running_var[0])  # type: ignore[index]


def test_folding_a_batch_normalisation_into_the_convolution(core: Core):
    conv, norm = nn.Conv2d(2, 1, 3).double(), nn.BatchNorm2d(1).double().eval()
    x = some(1, 2, 3, 3, seed=4)
    with torch.no_grad():
        for part, value in ((norm.weight, 0.8), (norm.bias, 0.2), (norm.running_mean, -1.1), (norm.running_var, 3.3)):
            part.fill_(value)  # type: ignore[union-attr]
        fused = nn.utils.fusion.fuse_conv_bn_eval(conv.eval(), norm)
        scale = {"mean": -1.1, "variance": 3.3, "gamma": 0.8, "beta": 0.2, "eps": norm.eps}
        found = core("folded", conv.weight.flatten(), float(conv.bias[0]), scale)  # type: ignore[index]
        close(found["weights"], fused.weight.flatten())
        close(found["bias"], fused.bias[0])
        close(
            float((torch.tensor(found["weights"], dtype=torch.float64) * x.flatten()).sum()) + found["bias"],
            norm(conv(x)).flatten()[0],
        )


TORCHED: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": F.relu, "relu6": F.relu6, "leaky_relu": F.leaky_relu, "gelu": F.gelu, "silu": F.silu,
    "sigmoid": torch.sigmoid, "tanh": torch.tanh,
}  # fmt: skip


@pytest.mark.parametrize("name", TORCHED)
def test_activation_functions_and_their_derivatives(core: Core, name: str):
    x = torch.cat(
        [torch.linspace(-9, 9, 361, dtype=torch.float64), torch.tensor([0.0, 6.0, -40.0, 40.0], dtype=torch.float64)]
    )
    x = torch.where(x.abs() < 1e-12, 0.0, x).requires_grad_()
    y = TORCHED[name](x)
    (slope,) = torch.autograd.grad(y.sum(), x)
    found = core.page.evaluate(  # type: ignore[attr-defined]
        "([name, all]) => { const [f, d] = convatlas.learn.core.activations[name]; return [all.map(f), all.map(d)]; }",
        [name, x.detach().tolist()],
    )
    close(found[0], y.detach())
    close(found[1], slope)


def test_every_activation_of_the_core_is_tested(core: Core):
    assert core.page.evaluate("Object.keys(convatlas.learn.core.activations)") == list(TORCHED)  # type: ignore[attr-defined]


def test_the_error_function(core: Core):
    for value in torch.linspace(-7, 7, 141, dtype=torch.float64):
        close(core("erf", float(value)), torch.erf(value), 1e-13)
        close(core("below", float(value)), torch.special.ndtr(value), 1e-13)


@pytest.mark.parametrize("rule", ["plain", "guided", "deconv"])
def test_backward_rules_are_the_engines(core: Core, rule: str):
    for seed in range(6):
        x, g = some(3, 3, seed=seed).round(decimals=1), some(3, 3, seed=seed + 20).round(decimals=1)
        x[0, 0], g[1, 1] = 0.0, 0.0
        book = RuleBook(current=rule)  # type: ignore[arg-type]
        read = x.clone().requires_grad_()
        y = implement(book)(F.relu, (read,), {})
        (back,) = torch.autograd.grad(y, read, g)
        found = core("rectified", x, g, rule)
        close(found["back"], back)
        if rule == "plain":
            read = x.clone().requires_grad_()
            close(found["back"], torch.autograd.grad(F.relu(read), read, g)[0])


def reads(A: Tensor, G: Tensor | None = None, w: Tensor | None = None) -> Reads:
    """What a method is given: one image, class 0."""
    at = LayerName("last")
    values: dict[Any, Tensor] = {Activation(at): A[None]}
    values |= {} if G is None else {Gradient(at): G[None]}
    values |= {} if w is None else {Weights(HEAD): w[None]}
    return Reads(values, {}, classes=torch.zeros(1, 1, dtype=torch.int64))


def shown(method: Any, given: Reads) -> Tensor:
    (map_,) = method.compute(given)
    return torch.as_tensor(map_.values)[0]


@pytest.mark.parametrize("seed", range(6))
def test_class_activation_maps_are_our_methods(core: Core, seed: int):
    A, w = some(3, 3, 3, seed=seed).relu(), some(3, seed=seed + 10)
    close(core("cam", A, w), shown(CAM(), reads(A, w=w)))
    read = A.clone().requires_grad_()
    logit = (read.mean(dim=(1, 2)) * w).sum() + 0.7
    (G,) = torch.autograd.grad(logit, read)
    close(core("logit", A, w, 0.7), logit.detach())
    close(core("pooledGradient", A, w), G)
    close(core("gradCam", A, G), shown(GradCAM(), reads(A, G)))
    close(core("gradCam", A, G), torch.tensor(core("cam", A, w), dtype=torch.float64).relu() / 9)
    free = some(3, 3, 3, seed=seed + 30)
    free[0, 0, 0] = 0.0
    close(core("gradCam", A, free), shown(GradCAM(), reads(A, free)))
    close(core("gradCamPlus", A, free)["map"], grad_cam_pp(A[None], free[None].clone())[0])


def test_grad_cam_pp_term_by_term(core: Core):
    A = torch.tensor([[[0.0, 1.0], [2.0, 1.0]], [[3.0, 0.0], [0.0, 1.0]]], dtype=torch.float64)
    G = torch.tensor([[[0.5, 1.0], [0.0, -1.0]], [[-1.0, 0.5], [0.0, 0.0]]], dtype=torch.float64)
    found = core("gradCamPlus", A, G)
    assert found["sums"] == [4, 4]
    # unit 0: g = 1/2: 1/4 over 2/4 + 4/8 = 1/4; g = 1: 1 over 2 + 4 = 1/6; g = -1: 1 over 2 - 4 = -1/2; g = 0: 0
    close(found["alphas"][0], [[0.25, 1 / 6], [0, -0.5]])
    close(found["weights"], [0.25 * 0.5 + 1 / 6, 0.25 * 0.5])
