"""The pass over a dataset beside bare forwards, its memory, and the passes of reconstructions.

python bench/dataset.py              writes bench/results/dataset.json
python bench/dataset.py --images 200

Bounds: the pass over 2,000 images takes at most 1.15 times as long as bare forwards of the same batches; memory is flat from 200
to 2,000 images; the reconstructions of 64 units, each at the nine images that raise it most, take the passes that were planned, as
the model and autograd themselves are seen to be called. Bare forwards are told three times: of a script of one's own, which the
pass is held to; of the model as it comes in this process, whose memory is kept and lies in large pages; and of the model in the
memory format that the engine found to be faster, which is what reducing alone costs. A bound that is missed fails the run. Batches are taken by turns, so that the machine's moods fall on all three; decoding is in
none. ResNet-50 sees a tenth of the images.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from _timing import Bound, keep, verdicts
from PIL import Image
from torch import nn

from generator.command import memory
from generator.config import ModelConfig
from generator.dataset.answers import NONE
from generator.dataset.reconstruct import Start, backwards, reconstruct, rounds
from generator.dataset.survey import Portion, Survey, survey
from generator.engine.capture import prepared
from generator.engine.needs import Rule
from generator.engine.passes import Engine
from generator.engine.tune import faster_format, use_format
from generator.images import load as load_picture
from generator.images import scan
from generator.library import engine_for
from generator.methods.dataset_examples import DatasetExamples
from generator.model.describe import Description, describe
from generator.model.load import load
from generator.report.answers import BATCH
from generator.resources import packaged

MODELS = {"efficientnet_lite0": (None, 1), "torchvision:resnet50": ("random", 10)}
"""Source -> weights, and what part of the images it sees."""
OWN = ("GOMP_SPINCOUNT", "THP_MEM_ALLOC_ENABLE")
"""What the command sets for itself, and a script of one's own does not."""
OVER_BARE = 1.15
FLAT = 1.05
"""The peak of ten times as many images, over that of the fewer."""
UNITS = 64
NINE = "nine of 64 units"
RULES: tuple[Rule, ...] = ("deconv_unpool", "guided")
KINDS = {"convolutions": ("conv",), "convolutions, activations, blocks": ("conv", "act", "block")}

SCRIPT = """
import sys, time
import torch
import dataset
plain, _, _, photos = dataset.parts(sys.argv[1], sys.argv[2] or None)
stream = dataset.batches(photos, int(sys.argv[3]))
plain.eval()
with torch.no_grad():
    for line in sys.stdin:
        start = time.perf_counter()
        plain(stream[int(line)])
        print(time.perf_counter() - start, flush=True)
"""
"""Bare forwards of the batches whose numbers come in: seconds go out."""
MEASURED = """
import json, resource, sys
from pathlib import Path
from generator.build import ask, compute
from generator.command.progress import Silent
from generator.config import load_config
from generator.report.plan import plan_report, plan_searches
from generator.report.setup import set_up
config = load_config(None, {"images": sys.argv[1], "limit": 1, "dataset": sys.argv[2], "layers": ["conv", "act", "block"],
                            "methods": [{"dataset_examples": {"reconstructions": 0}}], "trust": "none", "store": sys.argv[3]})
setup = set_up(config, Silent())
compute(setup, plan_report(setup), Silent())
ask(setup, plan_searches(setup), Silent())
print(json.dumps({"peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
"""


def parts(source: str, weights: str | None) -> tuple[nn.Module, Engine, Description, list[torch.Tensor]]:
    """The model as it comes, the engine in its faster format, the description, and the sample photographs as inputs."""
    loaded = load(ModelConfig(source=source, weights=weights))
    plain = deepcopy(loaded.module)
    shape = (loaded.preprocess.channels, *loaded.preprocess.size)
    description = describe(loaded.module, shape)
    engine = engine_for(loaded.module, description)
    use_format(engine, faster_format(engine, shape))
    records = scan(packaged("inputs/images")).images
    return plain, engine, description, [loaded.preprocess(load_picture(record)) for record in records]


def batches(photos: list[torch.Tensor], images: int) -> list[torch.Tensor]:
    """Batches of photographs, each shifted and faded a little differently."""
    draw = np.random.default_rng(0)
    made = []
    for start in range(0, images, BATCH):
        some = []
        for k in range(start, min(start + BATCH, images)):
            shift = draw.integers(-60, 60, 2).tolist()
            some.append(photos[k % len(photos)].roll(shift, (1, 2)) * float(draw.uniform(0.7, 1.1)))
        made.append(torch.stack(some))
    return made


@contextmanager
def script(source: str, weights: str | None, images: int) -> Iterator[Callable[[int], float]]:
    """Seconds of a bare forward of the batch of a number, in a process that sets nothing."""
    command = [sys.executable, "-c", SCRIPT, source, weights or "", str(images)]
    environment = {name: value for name, value in os.environ.items() if name not in OWN}
    environment["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parent), str(Path(__file__).parents[1])])
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        into, out = process.stdin, process.stdout
        assert into is not None
        assert out is not None

        def took(number: int) -> float:
            into.write(f"{number}\n")
            into.flush()
            return float(out.readline())

        yield took
        into.close()


def ratio(
    own: Callable[[int], float],
    plain: nn.Module,
    engine: Engine,
    description: Description,
    kinds: tuple[str, ...],
    stream: list[torch.Tensor],
) -> dict[str, float]:
    """Seconds of bare forwards, all three ways, and of the pass, of the same batches by turns."""
    layers = [layer for layer in description.layers if layer.kind in kinds]
    looks = Survey(engine, layers, {layer.name: DatasetExamples().start(layer, "cpu") for layer in layers})
    alone = bare = formatted = reduced = 0.0
    at = 0
    own(0)
    for number, x in enumerate(stream):
        alone += own(number)
        with prepared(plain), torch.no_grad():
            start = time.perf_counter()
            plain(x)
            bare += time.perf_counter() - start
        with prepared(engine.module), torch.no_grad():
            start = time.perf_counter()
            engine.module(engine.batch(x))
            formatted += time.perf_counter() - start
        with looks.watching():
            start = time.perf_counter()
            looks.take(Portion(x, range(at, at + len(x))))
            reduced += time.perf_counter() - start
        at += len(x)
    return {
        "layers": len(layers),
        "units": sum(layer.units for layer in layers),
        "images": at,
        "bare forwards of a script, s": round(alone, 2),
        "bare forwards in this process, s": round(bare, 2),
        "bare forwards in the faster format, s": round(formatted, 2),
        "the pass, s": round(reduced, 2),
        "ratio": round(reduced / alone, 3),
        "ratio in this process": round(reduced / bare, 3),
        "ratio to the faster format": round(reduced / formatted, 3),
    }


@contextmanager
def called(model: nn.Module) -> Iterator[dict[str, int]]:
    """How often the model is run, and autograd asked for gradients, whoever asks."""
    found = {"forwards": 0, "backwards": 0}

    def forward(*_: object) -> None:
        found["forwards"] += 1

    hook = model.register_forward_pre_hook(forward)
    try:
        with mock.patch.object(torch.autograd, "grad", wraps=torch.autograd.grad) as grad:
            yield found
            found["backwards"] = grad.call_count
    finally:
        hook.remove()


def reconstructions(engine: Engine, description: Description, stream: Sequence[torch.Tensor]) -> dict[str, int]:
    """The nine images of the stream that raise each of UNITS units of one layer most, sent back from where they do: passes planned,
    and passes run."""
    convs = [one for one in description.layers if one.kind == "conv"]
    layer = convs[min(len(description.layers) // 8, len(convs) - 1)]
    x = torch.cat(list(stream))
    portions = (Portion(some, range(at, at + len(some))) for at, some in _numbered(stream))
    found = survey(engine, {layer.name: DatasetExamples(top=9).start(layer, engine.device)}, portions)[layer.name]
    each: dict[int, list[Start]] = {}
    for unit in range(min(UNITS, layer.units)):
        for number, place in zip(found.images[unit].tolist(), found.places[unit].tolist(), strict=True):
            if number != NONE:
                each.setdefault(number, []).append(Start(layer.name, unit, *divmod(place, layer.shape[2])))
    size = (x.shape[2], x.shape[3])
    planned = {number: rounds(starts, {layer.name: layer}, size) for number, starts in each.items()}
    with called(engine.module) as run:
        made = sum(1 for k, one in planned.items() for _ in reconstruct(engine, x[k : k + 1], [one], RULES))
    return {
        "images": len(planned),
        "reconstructions": made,
        "forwards planned": len(planned),
        "forwards run": run["forwards"],
        "backwards planned": sum(backwards([one], RULES) for one in planned.values()),
        "backwards run": run["backwards"],
    }


def _numbered(stream: Sequence[torch.Tensor]) -> Iterator[tuple[int, torch.Tensor]]:
    """Batches, each with the number of its first image."""
    at = 0
    for some in stream:
        yield at, some
        at += len(some)


def peak(folder: Path, images: int) -> float:
    """MiB at most of a process that asks all units about so many images, decoding included."""
    target = folder / f"{images}"
    target.mkdir()
    sources = [Image.open(path).convert("RGB") for path in sorted(packaged("inputs/images").glob("*.jpg"))]
    draw = np.random.default_rng(1)
    for k in range(images):
        picture = sources[k % len(sources)]
        side = int(min(picture.size) * draw.uniform(0.5, 1))
        left, top = (int(draw.integers(0, most - side + 1)) for most in picture.size)
        picture.crop((left, top, left + side, top + side)).resize((256, 256)).save(target / f"{k:05}.jpg", quality=85)
    command = [
        sys.executable,
        "-c",
        MEASURED,
        str(packaged("inputs/images")),
        str(target),
        str(folder / f"store-{images}"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    if done.returncode:
        raise SystemExit(done.stderr)
    return float(json.loads(done.stdout.strip().splitlines()[-1])["peak_mib"])


def bounds(figures: Mapping[str, Any]) -> list[Bound]:
    """What these figures are held against."""
    held = []
    for model in MODELS:
        for kinds in KINDS:
            one = figures[model][kinds]
            what = f"{model}, {kinds}: the pass over bare forwards"
            held.append(Bound(f"{what} of a script", one["ratio"], OVER_BARE))
            held.append(Bound(f"{what} in this process", one["ratio in this process"], OVER_BARE, ours=False))
            held.append(Bound(f"{what} in the faster format", one["ratio to the faster format"], OVER_BARE, ours=False))
        one = figures[model][NINE]
        for which in ("forwards", "backwards"):
            apart = abs(one[f"{which} run"] - one[f"{which} planned"])
            held.append(
                Bound(f"{model}, {one['reconstructions']} reconstructions: {which} run beside those planned", apart, 0)
            )
    held.append(Bound("memory, ten times the images", figures["memory"]["ratio"], FLAT))
    return held


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, write, print. The exit status."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", type=int, default=2000)
    images = parser.parse_args(arguments).images
    memory.keep()
    memory.large_pages()
    figures: dict[str, Any] = {"batch": BATCH}
    for source, (weights, share) in MODELS.items():
        plain, engine, description, photos = parts(source, weights)
        stream = batches(photos, images // share)
        with script(source, weights, images // share) as own:
            here: dict[str, object] = {
                name: ratio(own, plain, engine, description, kinds, stream) for name, kinds in KINDS.items()
            }
        here[NINE] = reconstructions(engine, description, stream)
        figures[source] = here
        print(source, here, flush=True)
    with tempfile.TemporaryDirectory() as temporary:
        small, large = (peak(Path(temporary), count) for count in (images // 10, images))
    figures["memory"] = {
        f"peak MiB, {images // 10} images": round(small),
        f"{images} images": round(large),
        "ratio": round(large / small, 3),
    }
    keep("dataset", figures)
    return verdicts(bounds(figures))


if __name__ == "__main__":
    sys.exit(main())
