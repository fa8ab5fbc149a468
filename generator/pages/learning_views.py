"""What pages know of how a model learned, and of the loss around it. No tensors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from generator.artifacts import NotApplicable
from generator.names import LayerName

if TYPE_CHECKING:
    from generator.pages.views import Atlas, Heat


@dataclass(frozen=True)
class Line:
    """The loss between two checkpoints."""

    first: str
    last: str
    """What they are called: hostile."""
    shares: tuple[float, ...]
    """0: the first; 1: the last."""
    loss: tuple[float, ...]
    right: tuple[float, ...]


@dataclass(frozen=True)
class Place:
    """A set of weights on the plane: the place of it that is nearest."""

    label: str
    """``step 44``: hostile; "" of the report's own weights."""
    x: float
    y: float
    off: float
    """How far the weights are from that place, as their difference's length."""
    loss: float
    """Of the weights themselves; NaN or infinity where the scores were none."""
    right: float


@dataclass(frozen=True)
class Path:
    """Where the training went."""

    places: tuple[Place, ...]
    """The checkpoints, in their order."""
    own: Place | None
    """The report's own weights, where the plane does not go through them."""
    held: float | None
    """Share of the squared distances from 0, 0 that lies in the plane; None where nothing moved."""


@dataclass(frozen=True)
class Landscape:
    """The loss over a plane through the model's weights, or through those of the last checkpoint."""

    steps: tuple[float, ...]
    """Across, one of them 0: in filters' own lengths, or where checkpoints chose the plane, as the length of the difference."""
    rows: tuple[float, ...]
    """Up."""
    loss: NDArray[np.float32] = field(compare=False)
    """(rows, columns), in nats; row 0 is at ``rows[0]``. NaN or infinity where the scores were none."""
    right: NDArray[np.float32] = field(compare=False)
    """(rows, columns), the share of images named right."""
    images: int = 0
    forwards: int = 0
    """What it took, without the line and the checkpoints."""
    seed: int = 0
    line: Line | None = None
    path: Path | None = None
    last: str | None = None
    """The last checkpoint, which lies at 0, 0 where checkpoints chose the plane: hostile. None: the model lies there."""

    @property
    def middle(self) -> tuple[int, int]:
        """(row, column) of 0, 0."""
        return self.rows.index(0.0), self.steps.index(0.0)


@dataclass(frozen=True)
class Said:
    """What a checkpoint says of an image."""

    index: int
    label: str
    """Of the class it ranks first: hostile."""
    probability: float | None
    """Of the class that the last checkpoint ranks first."""


@dataclass(frozen=True)
class Moment:
    """A checkpoint."""

    label: str
    """``step 44``: hostile."""
    says: tuple[Said, ...]
    """Of each image."""
    loss: float | None = None
    """Of the labelled images, in nats; None where there are none."""
    right: float | None = None


@dataclass(frozen=True)
class Training:
    """Checkpoint by checkpoint."""

    moments: tuple[Moment, ...]
    images: tuple[int, ...]
    """Of the report, by their number."""
    targets: tuple[Said, ...]
    """The class of each image that its class activation map is of: the one that the last checkpoint ranks first."""
    kernels: Atlas | NotApplicable
    """Tile ``k * filters + f`` is filter f at checkpoint k, on its own scale over all checkpoints."""
    kernel_layer: str
    filters: int
    layers: tuple[LayerName, ...]
    units: tuple[tuple[int, ...], ...]
    """Those shown of each layer."""
    maps: Mapping[tuple[int, int], Atlas]
    """(layer number, image number) -> tile ``k * units + u`` is unit u at checkpoint k."""
    cams: Mapping[int, tuple[Heat | NotApplicable, ...]]
    """Image number -> a map for each checkpoint."""
    cam_layer: LayerName | None
    measured: int = 0
    """Labelled images that the loss is of."""
    channels: int = 0
    """That each filter reads: of three the tiles are colours, of any other number they are the weights at the first."""
