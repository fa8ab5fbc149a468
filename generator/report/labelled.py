"""Images whose class is known: those of the dataset, else the report's own, as batches that a loss is told of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from generator.artifacts import NotApplicable
from generator.config import ReportConfig
from generator.dataset.sources import Dataset, of_images, open_dataset
from generator.engine.passes import Engine
from generator.images import ImageRecord
from generator.images.decode import Undecodable
from generator.landscape.losses import Loss, cross_entropy, refused
from generator.model.preprocess import Preprocess
from generator.names import Digest
from generator.store import key_of

BATCH = 32
"""Images of one forward."""
UNREADABLE = NotApplicable("none of the images whose class is known can be decoded: a loss needs some that can.")
"""Known once they are opened: an image of a dataset is not tried before."""


@dataclass(frozen=True)
class Labelled:
    """Images of a set, and the class of each."""

    dataset: Dataset
    numbers: tuple[int, ...]
    classes: tuple[int, ...]

    @property
    def key(self) -> Digest:
        """Stands for these images and their classes."""
        return key_of({"set": self.dataset.fingerprint, "images": self.numbers, "classes": self.classes})

    @property
    def forwards(self) -> int:
        """Forwards of one measurement, where every image can be read."""
        return -(-len(self.numbers) // BATCH)

    def batches(self, preprocess: Preprocess) -> list[tuple[Tensor, Tensor]]:
        """Inputs (n, c, h, w) and classes (n,), at most `BATCH` at a time; what cannot be read is left out, so that there may be
        none."""
        ready: list[tuple[Tensor, int]] = []
        for number, index in zip(self.numbers, self.classes, strict=True):
            try:
                with self.dataset.load(self.dataset[number], preprocess.channels) as picture:
                    ready.append((preprocess(picture), index))
            except Undecodable:
                continue
        parts = [ready[k : k + BATCH] for k in range(0, len(ready), BATCH)]
        return [(torch.stack([x for x, _ in part]), torch.tensor([y for _, y in part])) for part in parts]


def labelled(
    config: ReportConfig,
    images: tuple[ImageRecord, ...],
    known: Mapping[str, int],
    labels: tuple[str, ...] | None,
    classes: int,
    most: int,
) -> Labelled | NotApplicable:
    """At most `most` images whose class is known, evenly over the set; NotApplicable where there is none."""
    if config.dataset is None:
        dataset = of_images(images)
        found = [known.get(image.slug) for image in images]
    else:
        dataset = open_dataset(Path(config.dataset), limit=config.dataset_limit)
        found = list(dataset.labels(labels, classes))
    every = [(number, index) for number, index in enumerate(found) if index is not None]
    if not every:
        return NotApplicable(
            "no image's class is known: a loss needs images in folders that are called like the classes, or a file of their classes (truth)."
        )
    count = min(most, len(every))
    some = [every[k * len(every) // count] for k in range(count)]
    return Labelled(dataset, tuple(number for number, _ in some), tuple(index for _, index in some))


def measure_of(engine: Engine, batches: list[tuple[Tensor, Tensor]]) -> Callable[[], Loss]:
    """What tells the loss of the engine's model as it now is, over these images: a forward for each batch; there
    must be one."""
    assert batches
    assert refused(engine.readout) is None
    placed = [(engine.batch(x), y.to(engine.device)) for x, y in batches]

    @torch.inference_mode()
    def measure() -> Loss:
        total, right, count = 0.0, 0, 0
        for x, y in placed:
            engine.counts.forward += 1
            scores = engine.readout.scores(engine.invocation(engine.module, x))
            total += float(cross_entropy(engine.readout, scores, y).double().sum())
            right += int((scores.argmax(dim=1) == y).sum())
            count += len(y)
        return Loss(total / count, right / count)

    return measure
