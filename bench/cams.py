"""All CAM methods at every convolution against the bare forward and backward of the same batch, as a ratio.

python bench/cams.py        writes bench/results/cams.json; the aim is at most 1.35
"""

from __future__ import annotations

import copy

import torch
from _timing import in_turn, keep

from generator.config import ModelConfig
from generator.engine.plan import plan
from generator.engine.tune import faster_format, use_format
from generator.library import engine_for, make_method, requests_for
from generator.methods import only
from generator.model.describe import describe
from generator.model.load import load
from generator.names import RankTarget

BATCH = 8
MODELS = {"efficientnet_lite0": None, "torchvision:resnet50": "random"}


def cam_methods() -> list[str]:
    """The gradient CAMs: one map a layer and target, all from one forward and one backward."""
    return [
        "cam",
        "counterfactual_grad_cam",
        "eigen_grad_cam",
        "grad_cam",
        "grad_cam_elementwise",
        "grad_cam_pp",
        "hires_cam",
        "layer_cam",
        "xgrad_cam",
    ]


def measure(source: str, weights: str | None) -> dict[str, object]:
    """Seconds of both, and their ratio."""
    loaded = load(ModelConfig(source=source, weights=weights))
    shape = (loaded.preprocess.channels, *loaded.preprocess.size)
    description = describe(loaded.module, shape)
    engine = engine_for(loaded.module, description)
    memory = faster_format(engine, shape)
    use_format(engine, memory)
    convs = [layer for layer in description.layers if layer.kind == "conv"]
    requests = []
    for name in cam_methods():
        layers = convs if name != "cam" else list(description.layers)
        requests += requests_for(name, make_method(name), layers, (RankTarget(1),), description)[0]
    todo = plan(requests, description.facts)
    x = torch.randn(BATCH, *shape, generator=torch.Generator().manual_seed(0))
    trained = copy.deepcopy(engine.module)  # parameters that require gradients, as a model is loaded
    for parameter in engine.module.parameters():
        parameter.requires_grad_(False)

    def plain() -> None:
        trained.zero_grad(set_to_none=True)
        trained(engine.batch(x).requires_grad_()).amax(dim=1).sum().backward()

    def frozen() -> None:
        leaf = engine.batch(x).requires_grad_()
        torch.autograd.grad(engine.module(leaf).amax(dim=1).sum(), leaf)

    def ours() -> None:
        for served in engine.run(x, todo):
            only(served.request.name, served.request.method.compute(served.reads))

    best = in_turn({"plain": plain, "frozen": frozen, "ours": ours})
    return {
        "layers": len(convs),
        "maps": len(requests) * BATCH,
        "memory format": memory,
        "bare forward + score.backward(), s": round(best["plain"], 4),
        "the same with frozen parameters, s": round(best["frozen"], 4),
        "all CAM methods at every convolution, s": round(best["ours"], 4),
        "ratio": round(best["ours"] / best["plain"], 3),
        "ratio, frozen": round(best["ours"] / best["frozen"], 3),
    }


if __name__ == "__main__":
    keep("cams", {"batch": BATCH, "methods": cam_methods(), **{s: measure(s, w) for s, w in MODELS.items()}})
