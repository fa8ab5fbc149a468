"""The pass over a dataset beside bare forwards, its memory, and the passes of reconstructions.

python bench/dataset.py              writes bench/results/dataset.json
python bench/dataset.py --images 200

Aims: the pass over 2,000 images takes at most 1.15 times as long as bare forwards of the same batches; memory is flat from 200
to 2,000 images; nine reconstructions of 64 units take the passes that were planned. Bare forwards are told twice: of the model
as it comes, which is what a script of one's own runs, and of the model in the memory format that the engine found to be faster,
which is what reducing alone costs. Batches are taken by turns, so that the machine's moods fall on all three; decoding is in
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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path

import numpy as np
import torch
from _timing import keep
from PIL import Image
from torch import nn

from generator.command import memory
from generator.config import ModelConfig
from generator.dataset.reconstruct import Start, backwards, reconstruct, rounds
from generator.dataset.survey import Portion, Survey
from generator.engine.capture import prepared
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
    survey = Survey(engine, layers, {layer.name: DatasetExamples().start(layer, "cpu") for layer in layers})
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
        with survey.watching():
            start = time.perf_counter()
            survey.take(Portion(x, range(at, at + len(x))))
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


def reconstructions(engine: Engine, description: Description, photos: list[torch.Tensor]) -> dict[str, int]:
    """Nine places of each of 64 units of one layer: passes planned and run."""
    layer = [one for one in description.layers if one.kind == "conv"][len(description.layers) // 8]
    c, h, w = layer.shape
    each: list[list[Start]] = [[] for _ in photos]
    for unit in range(64):
        for k in range(9):
            place = (unit * 9 + k) * 7919 % (h * w)
            each[(unit + k) % len(photos)].append(Start(layer.name, unit % c, place // w, place % w))
    size = (photos[0].shape[1], photos[0].shape[2])
    planned = [rounds(list(dict.fromkeys(some)), dict(description.by_name), size) for some in each]
    engine.counts.forward = engine.counts.backward = 0
    made = sum(
        1 for k, x in enumerate(photos) for _ in reconstruct(engine, x[None], [planned[k]], ("deconv_unpool", "guided"))
    )
    return {
        "reconstructions": made,
        "forwards planned": len(photos),
        "forwards run": engine.counts.forward,
        "backwards planned": sum(backwards([one], ("deconv_unpool", "guided")) for one in planned),
        "backwards run": engine.counts.backward,
    }


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


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", type=int, default=2000)
    images = parser.parse_args().images
    memory.keep()
    memory.large_pages()
    figures: dict[str, object] = {"batch": BATCH}
    for source, (weights, share) in MODELS.items():
        plain, engine, description, photos = parts(source, weights)
        stream = batches(photos, images // share)
        with script(source, weights, images // share) as own:
            here: dict[str, object] = {
                name: ratio(own, plain, engine, description, kinds, stream) for name, kinds in KINDS.items()
            }
        here["nine of 64 units"] = reconstructions(engine, description, photos)
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
