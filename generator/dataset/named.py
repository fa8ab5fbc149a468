"""Which classes the labels of an image set are: the model's, or of their own.

every label names a class of the model    ──▶ these classes
not every one does: n01440764, 2, cats    ──▶ the labels themselves, 2 among them: all or none, never a few
one label, or hardly two images each      ──▶ none: labels that differ from image to image, such as captions, tell no classes apart
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from generator.dataset.samples import Dataset
from generator.images.truth import finder

FEWEST = 2
"""Images that a label of its own has in the mean: what a unit answers to one image says nothing of a class."""


@dataclass(frozen=True)
class Named:
    """The classes of a set's images."""

    classes: tuple[int | None, ...]
    """Of each image: of the model, or of `names`; None where it has no label, or labels are no classes."""
    names: tuple[str, ...] = ()
    """The labels, in order, where they are classes of their own. Hostile."""
    notes: tuple[str, ...] = ()
    """The sentence on what was made of labels not all of which name a class of the model."""


def named(dataset: Dataset, table: Sequence[str] | None, classes: int) -> Named:
    """What the labels of a set name; `table` are the labels of the model's classes, `classes` how many they are."""
    labels = sorted({text for text in dataset.written if text})
    index_of = finder(table, classes)
    known = sum(index_of(text) is not None for text in labels)
    if known == len(labels):
        return Named(dataset.labels(table, classes))
    folders = dataset.kind == "folder"
    name = "name" if known != 1 else "names"
    said = f"dataset: {known:,} of {len(labels):,} labels {name} a class of the model; "
    images = sum(1 for text in dataset.written if text)
    if len(labels) < 2 or images < FEWEST * len(labels):
        few = "a single label tells nothing apart" if len(labels) < 2 else f"fewer than {FEWEST} images have each"
        return Named((None,) * len(dataset), (), (f"{said}{few}: they are taken for no classes.",))
    number = {text: k for k, text in enumerate(labels)}
    own = tuple(number[text] if text else None for text in dataset.written)
    taken = "the folders' names" if folders else "the labels themselves"
    return Named(own, tuple(labels), (f"{said}{taken} are taken for the classes of its images.",))
