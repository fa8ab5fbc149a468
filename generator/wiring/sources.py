"""Sources: what each of a layer's input channels is, as flat arrays.

channel            0         1    2                layers   conv1, conv2
starts             0         2    3    4           a channel behind a sum has several sources,
layer #unit        0#0 1#0   0#1  1#1              one that is not followed has none and is not whole
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int
from numpy.typing import NDArray

from generator.names import LayerName
from generator.wiring.labels import LOST, Book, Origin


@dataclass(frozen=True)
class Sources:
    """The sources of c input channels: those of channel i stand from `starts[i]` up to, not including, `starts[i + 1]`."""

    layers: tuple[LayerName, ...]
    """In order of execution. Among them may be `INPUT`: its units are the image's channels."""
    starts: Int[NDArray[np.int32], " c+1"]
    layer: Int[NDArray[np.int32], " m"]
    """Indices into `layers`."""
    unit: Int[NDArray[np.int32], " m"]
    direction: Int[NDArray[np.int8], " m"]
    """1 where more of the unit is more of the channel, -1 where it is less (a norm with a negative scale lies between), 0
    where that is not known."""
    whole: Bool[NDArray[np.bool_], " c"]
    """Whether that is all that the channel is made of; False where something is not followed. What a gate or a norm over
    several channels divides and multiplies by does not count."""

    @property
    def channels(self) -> int:
        """How many input channels there are."""
        return len(self.whole)

    def of(self, channel: int) -> tuple[tuple[LayerName, int, int], ...]:
        """(layer, unit, direction) of each source of one channel."""
        here = range(self.starts[channel], self.starts[channel + 1])
        return tuple((self.layers[self.layer[i]], int(self.unit[i]), int(self.direction[i])) for i in here)


def sources(labels: Sequence[int], book: Book, names: Sequence[LayerName]) -> Sources:
    """What the labels of c channels stand for; `names` are the layers by the numbers that the book has for them."""
    told = {label: _merged(book, label) for label in set(labels)}
    rows = [told[label] for label in labels]
    flat = np.array([origin for row in rows for origin in row], dtype=np.int32).reshape(-1, 3)
    numbers, layer = np.unique(flat[:, 0], return_inverse=True)
    return Sources(
        tuple(names[number] for number in numbers.tolist()),
        np.cumsum([0, *map(len, rows)]).astype(np.int32),
        layer.astype(np.int32),
        flat[:, 1].copy(),
        flat[:, 2].astype(np.int8),
        np.array([LOST not in book.sets[label] for label in labels], dtype=np.bool_),
    )


def _merged(book: Book, label: int) -> list[Origin]:
    """A set in order; a unit that arrives both upright and turned has no known direction."""
    ways: dict[tuple[int, int], set[int]] = {}
    for layer, unit, way in book.sets[label] - {LOST}:
        ways.setdefault((layer, unit), set()).add(way)
    return [(*key, next(iter(found)) if len(found) == 1 else 0) for key, found in sorted(ways.items())]
