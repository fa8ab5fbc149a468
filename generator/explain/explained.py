"""What pages are given of a report's figures: chains, and where the bytes of their maps and kernels are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from generator.explain.chains import Chain, Chains
from generator.model.graph import Ref
from generator.names import Digest, LayerName


@dataclass(frozen=True)
class Stored:
    """An array in twenty bits (twenty.py) whose bytes are read when asked for."""

    shape: tuple[int, ...]
    power: int
    digest: Digest
    size: int
    """Bytes of its script."""
    read: Callable[[], bytes] = field(repr=False, compare=False)


@dataclass(frozen=True)
class Explained:
    """The figures of a report."""

    chains: Chains
    names: Mapping[Ref, LayerName]
    """Of each tensor kept, the operation that made it."""
    images: tuple[str, ...]
    """Slugs of the images that it was recorded of."""
    maps: Mapping[tuple[str, Ref], Stored]
    """(image slug, tensor)"""
    kernels: Mapping[LayerName, Stored]
    arrays: Mapping[tuple[LayerName, str], NDArray[np.float32]]
    """(operation, name): biases, statistics."""
    left_out: Mapping[LayerName, str]
    """Operations that go without, and why, in a sentence."""
    bytes: int
    """Of all scripts together."""
    softmax: LayerName | None = None
    """The operation whose output are scores that a softmax makes probabilities of, where the model has none itself."""
    large: Mapping[tuple[LayerName, str], Stored] = field(default_factory=dict)
    """(operation, name): arrays of one number for every place, which are files too."""
    beside: tuple[str, ...] = ()
    """Slugs of further images, of which only the maps of the first and the last layers were recorded."""

    def shows(self, step: int, chain: Chain) -> tuple[str, ...]:
        """The images of which a step of a chain has its numbers: what it reads itself, and what the steps that it follows read."""
        needed: set[Ref] = set()
        look = [step]
        while look:
            one = chain.steps[look.pop()]
            for read, flows in zip(one.operation.reads, one.flows, strict=True):
                if flows is None:
                    needed.add(read.ref)
                else:
                    look.append(flows)
        return (*self.images, *(slug for slug in self.beside if all((slug, ref) in self.maps for ref in needed)))
