"""A set of pictures as a stream: each by its name, its label and the place of its bytes, until somebody asks for it.

Dataset ──▶ Sample, Sample, Sample, … ──▶ load ──▶ a picture, or why there is none
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from PIL import Image

from generator.dataset.shards import Member
from generator.images.decode import Undecodable, decode
from generator.images.listing import opened
from generator.images.truth import finder
from generator.images.walk import readable
from generator.names import Digest

Kind = Literal["folder", "list", "shards", "images"]
Locator = Path | Member
"""Where a picture's bytes are: in a file of their own, or in a shard."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One picture of a set, not yet decoded."""

    index: int
    """From 0, in the set's order."""
    name: str
    """Its path below the folder, in the list, or in the shard ("train-000.tar/0001.jpg"): unique, but in a list that
    names a file twice. Hostile."""
    label: str | None
    """A class's label or index, as it is written, where one is. Hostile."""
    locator: Locator


class Places(Protocol):
    """Index -> where the picture is."""

    def __getitem__(self, index: int, /) -> Locator: ...


@dataclass(frozen=True, eq=False)
class Files:
    """Files of one folder: the path of each, as the disk has it."""

    root: Path
    names: tuple[str, ...]

    def __getitem__(self, index: int, /) -> Path:
        return self.root / self.names[index]


@dataclass(frozen=True, eq=False)
class Dataset:
    """The pictures of a set in a fixed order, some hundred bytes each: neither pixels nor open files.

    It may be read by any number of threads, and sent to other processes.
    """

    kind: Kind
    names: tuple[str, ...]
    """As the disk has them; a sample's are readable."""
    written: tuple[str | None, ...]
    """The labels."""
    places: Places
    fingerprint: Digest
    """sha256 of the kind, and of each picture's name, label, size in bytes and time of last change (of a shard's
    pictures: the shard's); of the report's images: of the digest instead of size and time. Not of pixels: 50,000
    pictures cost no reading. So a file that is touched makes another set, and a set that is moved stays the same."""

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Sample:
        """The sample of that index, from 0. Raises IndexError."""
        if not 0 <= index < len(self):
            raise IndexError(f"expected an index from 0 to {len(self) - 1}, received {index}")
        return Sample(index, readable(self.names[index]), self.written[index], self.places[index])

    def __iter__(self) -> Iterator[Sample]:
        return (self[index] for index in range(len(self)))

    def load(self, sample: Sample, channels: int = 3) -> Image.Image:
        """Decode a picture as L, RGB or RGBA (1, 3 or 4 channels), upright, on white: as `images.decode` does.

        Raises Undecodable, with the reason as a sentence, whatever is wrong with it: nothing was tried before. Hold
        `bombs_measured()` around the whole pass for the size of a picture too large to stand in its reason.
        """
        locator = sample.locator
        try:
            with opened(locator) if isinstance(locator, Path) else locator.open() as file:
                return decode(file, channels).picture
        except OSError as error:
            raise Undecodable(f"The file cannot be read ({error.strerror or error}).") from None

    def labels(self, table: Sequence[str] | None, classes: int) -> tuple[int | None, ...]:
        """The class index of every sample, None where it has no label or one that names no class.

        `table` are the classes' labels, `classes` how many they are: a label is an index below it, or one of these.
        """
        index_of = finder(table, classes)
        known = {text: None if text is None else index_of(text) for text in set(self.written)}
        return tuple(known[text] for text in self.written)
