"""The colour selectivity of a report's units: what the store lacks of it, what it costs, and measuring it.

sample of the dataset ──▶ batches, half in colour and half the same in gray ──▶ generator.dataset.colour ──▶ a record a layer
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from generator.command.progress import Stage
from generator.dataset.colour import Colour, in_gray, sample
from generator.dataset.survey import Portion, survey
from generator.engine.passes import Engine
from generator.model.preprocess import Preprocess
from generator.names import Digest, LayerName
from generator.pages.views import Passes
from generator.report.answers import Asking, batch_size, portions, told
from generator.report.jobs import SetRequest
from generator.report.keys import cell_key, code_digest, own_digest
from generator.store import Store

RGB = 3
"""Channels of a model that sees colours."""


def requests(asking: Asking) -> tuple[SetRequest, ...]:
    """The layers whose units are measured: none of a model that sees no colours, or where nobody asked."""
    if asking.jobs.description.input_shape[0] != RGB:
        return ()
    return tuple(request for request in asking.requests if request.method.colour)


def numbers(asking: Asking) -> NDArray[np.int64]:
    """The images of the dataset that are seen in gray as well."""
    asked = requests(asking)
    return sample(len(asking.dataset), asked[0].method.colour if asked else 0, asking.jobs.seed)


def key(asking: Asking, request: SetRequest) -> Digest:
    """The key of a layer's indices."""
    return cell_key(
        asking.jobs.model,
        request.method,
        request.layer.name,
        dataset=asking.dataset.fingerprint,
        seed=asking.jobs.seed,
        colour=request.method.colour,
        code=[code_digest("generator.dataset.colour"), own_digest("generator.report.colours")],
    )


def lacking(asking: Asking, store: Store) -> tuple[SetRequest, ...]:
    """The layers that the store knows no indices of."""
    return tuple(request for request in requests(asking) if store.get(key(asking, request)) is None)


def passes(asking: Asking, store: Store, size: int) -> Passes:
    """What `fill_colours` will make with batches of `size` inputs, where every image can be read."""
    return Passes(-(-len(numbers(asking)) // (size // 2)) if lacking(asking, store) else 0, 0)


def fill_colours(asking: Asking, engine: Engine, preprocess: Preprocess, store: Store, stage: Stage) -> None:
    """Pass the sample through the model in colour and in gray, where a layer lacks its record."""
    lacks = {request.layer.name: request for request in lacking(asking, store)}
    if not lacks:
        return
    states = {name: Colour.start(request.layer.units, engine.device) for name, request in lacks.items()}
    # an image that cannot be read was named in the pass over the whole set
    stream = told(portions(asking, preprocess, batch_size(engine) // 2, [], numbers(asking).tolist()), stage)
    for name, found in survey(engine, states, _doubled(stream, preprocess), asking.jobs.seed).items():
        store.put(key(asking, lacks[name]), {}, {"colour": found.astype("<f4").tobytes()})


def _doubled(stream: Iterable[Portion], preprocess: Preprocess) -> Iterator[Portion]:
    """Each portion, and behind it the same images in gray."""
    for portion in stream:
        yield Portion(torch.cat([portion.x, in_gray(portion.x, preprocess)]), [*portion.numbers, *portion.numbers])


def colour_of(asking: Asking, store: Store, layer: LayerName) -> NDArray[np.float32] | None:
    """(c,) the colour selectivity of a layer's units, NaN where there is none; None where it was not measured."""
    request = next((one for one in requests(asking) if one.layer.name == layer), None)
    record = None if request is None else store.get(key(asking, request))
    return None if record is None else np.frombuffer(store.blob(record, "colour"), "<f4")
