"""Every gradient CAM at every convolution, and the methods that run the model again, beside other libraries.

python bench/peers.py              writes bench/results/peers.json and peers.png
python bench/peers.py --every 1    other libraries at every convolution, not at every 7th (ResNet-50 then takes an hour)

Aims: ours at most 1.3 times a bare forward and backward; other libraries at least 20 times ours, layer by layer as their
interfaces have it; Score-CAM, integrated gradients, SmoothGrad and occlusion not slower than the fastest peer at the same
number of evaluations. One process, the same float32 model and batch, in turn. Ours is frozen, as the engine has it; for
other libraries its parameters ask for gradients, as they do in a loaded model: two of them refuse one that is frozen.

Layer by layer, another library runs the model anew for each method and layer, so that its time is a sum over layers: it is
taken at every 7th convolution and scaled up by the number of all. What the table calls "at once" is its best use: all
layers from one pass, where it takes several. EigenGrad-CAM is left out of grad-cam's: it takes all 12,544 singular vectors
of an early layer's maps where one is wanted, which lasts for minutes.
"""

from __future__ import annotations

import argparse
import copy
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import captum.attr
import pytorch_grad_cam as grad_cam
import torch
import torchcam.methods
from _timing import RESULTS, in_turn, keep
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import Tensor, nn

import generator
from generator.config import ModelConfig
from generator.engine.passes import Engine
from generator.engine.plan import plan
from generator.engine.probe import probed
from generator.engine.tune import faster_format, use_format
from generator.library import engine_for, make_method, requests_for
from generator.methods import only
from generator.model.describe import Description, describe
from generator.model.load import load
from generator.names import ClassTarget

BATCH, CLASS = 8, 3
MODELS = {"efficientnet_lite0": None, "torchvision:resnet50": "random"}
PROBED = {"efficientnet_lite0": "_blocks.4", "torchvision:resnet50": "layer1"}
"""The layer of Score-CAM: of 40 and of 256 units."""
CAMS: Mapping[str, tuple[type | None, type | None]] = {
    "grad_cam": (grad_cam.GradCAM, torchcam.methods.GradCAM),
    "grad_cam_pp": (grad_cam.GradCAMPlusPlus, torchcam.methods.GradCAMpp),
    "layer_cam": (grad_cam.LayerCAM, torchcam.methods.LayerCAM),
    "xgrad_cam": (grad_cam.XGradCAM, torchcam.methods.XGradCAM),
    "hires_cam": (grad_cam.HiResCAM, None),
    "grad_cam_elementwise": (grad_cam.GradCAMElementWise, None),
    "eigen_grad_cam": (grad_cam.EigenGradCAM, None),
    "counterfactual_grad_cam": (grad_cam.GradCAM, None),
}
"""Ours, and the class of grad-cam and of torchcam that draws the same, where there is one."""


class Against:
    """The negated score: counterfactual Grad-CAM in grad-cam's words."""

    def __call__(self, output: Tensor) -> Tensor:
        return -output[CLASS]


@dataclass
class Subject:
    """A model under measurement: as the engine runs it, and a twin for other libraries, in the same memory format: their
    hooks want ReLUs that write no input, and grad-cam and torchcam parameters that ask for gradients, as loaded models do."""

    engine: Engine
    description: Description
    twin: nn.Module
    x: Tensor
    memory: str

    @property
    def convs(self) -> list[str]:
        return [layer.name for layer in self.description.layers if layer.kind == "conv"]


def subject(source: str, weights: str | None) -> Subject:
    """Load, describe, choose the memory format."""
    loaded = load(ModelConfig(source=source, weights=weights))
    shape = (loaded.preprocess.channels, *loaded.preprocess.size)
    description = describe(loaded.module, shape)
    engine = engine_for(loaded.module, description)
    memory = faster_format(engine, shape)
    use_format(engine, memory)
    x = engine.batch(torch.randn(BATCH, *shape, generator=torch.Generator().manual_seed(0)))
    twin = copy.deepcopy(engine.module)
    for module in twin.modules():
        if hasattr(module, "inplace"):
            module.inplace = False
    for parameter in engine.module.parameters():
        parameter.requires_grad_(False)
    return Subject(engine, description, twin, x, memory)


def ours(it: Subject, methods: Iterable[str]) -> tuple[Callable[[], None], int]:
    """Our run of these methods at all convolutions, and how many maps of an image that is."""
    layers = [layer for layer in it.description.layers if layer.kind == "conv"]
    requests = []
    for name in methods:
        requests += requests_for(name, make_method(name), layers, (ClassTarget(CLASS),), it.description)[0]
    todo = plan(requests, it.description.facts)

    def run() -> None:
        for served in it.engine.run(it.x, todo):
            only(served.request.name, served.request.method.compute(served.reads))

    return run, len(requests)


def cams(it: Subject, every: int) -> dict[str, object]:
    """All gradient CAMs at all convolutions."""
    every_one, maps = ours(it, CAMS)
    but_eigen, _ = ours(it, [name for name in CAMS if name != "eigen_grad_cam"])

    def loaded() -> None:
        it.twin.zero_grad(set_to_none=True)
        it.twin(it.x.detach().requires_grad_())[:, CLASS].sum().backward()

    def frozen() -> None:
        leaf = it.x.detach().requires_grad_()
        torch.autograd.grad(it.engine.module(leaf)[:, CLASS].sum(), leaf)

    own = in_turn({"ours": every_one, "but eigen": but_eigen, "loaded": loaded, "frozen": frozen}, rounds=5)
    asked = it.convs[::every]
    scale = len(it.convs) / len(asked)
    modules = dict(it.twin.named_modules())
    peers: dict[str, dict[str, object]] = {}

    def peer(name: str, of: str, same: list[str], task: Callable[[list[str]], None], whole: bool) -> None:
        """Time a peer beside us, for the methods that it has, at the sampled layers one by one, or at all layers at once."""
        took = in_turn(
            {"ours": ours(it, same)[0], "peer": lambda: task(it.convs if whole else asked)}, rounds=1, warm=False
        )
        mine = min(took["ours"], in_turn({"ours": ours(it, same)[0]}, rounds=3)["ours"])
        seconds = took["peer"] * (1 if whole else scale)
        peers[name] = {
            "library": of,
            "methods": len(same),
            "seconds": round(seconds, 3),
            "ours, s": round(mine, 4),
            "times ours, for the same methods": round(seconds / mine, 1),
            "layers measured": len(it.convs) if whole else len(asked),
        }
        print(name, peers[name], flush=True)

    targets = [ClassifierOutputTarget(CLASS)] * BATCH
    against = [Against()] * BATCH

    def gradcam(names: list[str], grouped: bool) -> None:
        groups = [names] if grouped else [[one] for one in names]
        for method in same_as_gradcam:
            cls = CAMS[method][0]
            for group in groups:
                assert cls is not None
                with cls(model=it.twin, target_layers=[modules[one] for one in group]) as cam:
                    cam(input_tensor=it.x, targets=against if method == "counterfactual_grad_cam" else targets)

    def tc(names: list[str], grouped: bool) -> None:
        groups = [names] if grouped else [[one] for one in names]
        for _, cls in CAMS.values():
            for group in groups:
                if cls is not None:
                    with cls(it.twin, target_layer=group) as extractor:
                        extractor([CLASS] * BATCH, it.twin(it.x.detach().requires_grad_()))

    def ct(names: list[str]) -> None:
        for one in names:
            captum.attr.LayerGradCam(it.twin, modules[one]).attribute(it.x, target=CLASS, relu_attributions=True)

    shared = [name for name, (_, cls) in CAMS.items() if cls is not None]
    same_as_gradcam = [name for name in CAMS if name != "eigen_grad_cam"]
    peer("grad-cam, layer by layer", "grad-cam", same_as_gradcam, lambda names: gradcam(names, False), False)
    peer("grad-cam, all layers at once", "grad-cam", same_as_gradcam, lambda names: gradcam(names, True), True)
    peer("torchcam, layer by layer", "torchcam", shared, lambda names: tc(names, False), False)
    peer("torchcam, all layers at once", "torchcam", shared, lambda names: tc(names, True), True)
    peer("captum, layer by layer", "captum", ["grad_cam"], ct, False)
    return {
        "convolutions": len(it.convs),
        "methods": list(CAMS),
        "maps": maps * BATCH,
        "ours, s": round(own["ours"], 4),
        "bare forward and backward as loaded, s": round(own["loaded"], 4),
        "bare forward and backward, frozen, s": round(own["frozen"], 4),
        "ratio to bare": round(own["ours"] / own["loaded"], 3),
        "ratio to bare, without EigenGrad-CAM": round(own["but eigen"] / own["loaded"], 3),
        "ratio to bare, frozen": round(own["ours"] / own["frozen"], 3),
        "peers": peers,
    }


def again(it: Subject, source: str) -> dict[str, object]:
    """The methods that run the model again, of one image, at the same number of evaluations."""
    image, layer = it.x[:1], PROBED[source]
    module = dict(it.twin.named_modules())[layer]
    ends = (torch.full((3,), float(image.min())), torch.full((3,), float(image.max())))

    def own(name: str, options: dict[str, Any]) -> Callable[[], None]:
        method = make_method(name, options)
        where = [] if method.scope == "input" else [it.description.by_name[layer]]  # type: ignore[index]
        requests, _ = requests_for(name, method, where, (ClassTarget(CLASS),), it.description)
        todo = plan(requests, it.description.facts)
        # The pass that all methods share is no evaluation of its own, and a peer makes none; Score-CAM's peers make it.
        shared = list(it.engine.run(image, todo)) if method.scope == "input" else None

        def run() -> None:
            for served in shared or it.engine.run(image, todo):
                probed(it.engine, served, 0, image, ends, seed=0)

        return run

    steps, samples, window, stride = 50, 16, 32, 16
    noise = 0.15 * float(image.max() - image.min())

    def gradcam_score() -> None:
        with grad_cam.ScoreCAM(model=it.twin, target_layers=[module]) as cam:
            cam.batch_size = 8
            cam(input_tensor=image, targets=[ClassifierOutputTarget(CLASS)])

    def torchcam_score() -> None:
        with torchcam.methods.ScoreCAM(it.twin, target_layer=[layer], batch_size=8) as extractor, torch.no_grad():
            extractor(CLASS, it.twin(image))

    def captum_ig() -> None:
        captum.attr.IntegratedGradients(it.twin).attribute(
            image, target=CLASS, n_steps=steps, internal_batch_size=8, return_convergence_delta=True
        )

    def captum_noise() -> None:
        captum.attr.NoiseTunnel(captum.attr.Saliency(it.twin)).attribute(
            image, target=CLASS, nt_samples=samples, nt_samples_batch_size=8, stdevs=noise, abs=False
        )

    def captum_occlusion() -> None:
        captum.attr.Occlusion(it.twin).attribute(
            image, (3, window, window), (3, stride, stride), target=CLASS, perturbations_per_eval=8
        )

    tasks: dict[str, dict[str, Callable[[], None]]] = {
        "score_cam": {"ours": own("score_cam", {}), "grad-cam": gradcam_score, "torchcam": torchcam_score},
        "integrated_gradients": {"ours": own("integrated_gradients", {"steps": steps}), "captum": captum_ig},
        "smooth_grad": {"ours": own("smooth_grad", {"samples": samples}), "captum": captum_noise},
        "occlusion": {"ours": own("occlusion", {"window": window, "stride": stride}), "captum": captum_occlusion},
    }
    found: dict[str, object] = {}
    for name, each in tasks.items():
        best = in_turn(each, rounds=3)
        fastest = min(seconds for peer, seconds in best.items() if peer != "ours")
        found[name] = {
            **{f"{peer}, s": round(seconds, 3) for peer, seconds in best.items()},
            "ours / fastest peer": round(best["ours"] / fastest, 3),
        }
        print(name, found[name], flush=True)
    return found


def draw(figures: Mapping[str, Any]) -> None:
    """peers.png: how many times ours every peer takes, on a logarithmic axis."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    models = [name for name in MODELS if name in figures]
    rows = list(figures[models[0]]["cams"]["peers"])
    figure, axis = plt.subplots(figsize=(7, 3.2), layout="constrained")
    height = 0.8 / len(models)
    for k, model in enumerate(models):
        times = [figures[model]["cams"]["peers"][row]["times ours, for the same methods"] for row in rows]
        bars = axis.barh([r + k * height for r in range(len(rows))], times, height, label=model)
        axis.bar_label(bars, [f"{value:.0f}" for value in times], padding=3, fontsize=8)
    axis.set_xscale("log")
    axis.axvline(1, color="black", linewidth=0.8)
    axis.set_yticks([r + height * (len(models) - 1) / 2 for r in range(len(rows))], rows)
    axis.invert_yaxis()
    axis.set_xlabel("times the time of Conv Atlas, for the same maps")
    axis.legend(frameon=False, fontsize=8)
    axis.spines[["top", "right"]].set_visible(False)
    RESULTS.mkdir(exist_ok=True)
    figure.savefig(RESULTS / "peers.png", dpi=150)


def table(figures: Mapping[str, Any]) -> None:
    """The ratios, for a terminal."""
    for model in MODELS:
        here = figures[model]["cams"]
        print(f"\n{model}: {len(CAMS)} CAM methods at {here['convolutions']} convolutions, {BATCH} images")
        print(
            f"  ours / bare forward and backward: {here['ratio to bare']} (as loaded), {here['ratio to bare, frozen']} (frozen); aim 1.3"
        )
        for name, peer in here["peers"].items():
            print(
                f"  {name:32} {peer['times ours, for the same methods']:>8} times ours, for the same {peer['methods']} methods"
            )
        for name, one in figures[model]["again"].items():
            print(f"  {name:32} {one['ours / fastest peer']:>8} of the fastest peer's time; aim 1")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser()
    parser.add_argument("--every", type=int, default=7, help="other libraries, layer by layer, at every so-many-th")
    every = parser.parse_args().every
    figures: dict[str, Any] = {
        "batch": BATCH,
        "versions": {name: version(name) for name in ("torch", "captum", "grad-cam", "torchcam")},
        "conv-atlas": generator.__version__,
    }
    for source, weights in MODELS.items():
        it = subject(source, weights)
        figures[source] = {"memory format": it.memory, "cams": cams(it, every), "again": again(it, source)}
    draw(figures)
    keep("peers", figures)
    table(figures)
