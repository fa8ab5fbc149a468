"""The wiring of a report's layers, worked out once and kept: of a deep model it takes seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from torch import nn

from generator.model.describe import Description
from generator.names import Digest, Layer, LayerName
from generator.report.arrays import packed, unpacked
from generator.report.jobs import Jobs
from generator.report.keys import code_digest, engine_digest
from generator.store import Store, key_of
from generator.wiring.wires import Wires, wires
from generator.wiring.wiring import wiring_of


def wires_of(
    jobs: Jobs, module: nn.Module, description: Description, pages: tuple[Layer, ...], store: Store
) -> Mapping[LayerName, Wires]:
    """What feeds the units of the layers that have a page, and what they feed among these: from the store, or worked out.
    Nothing is written."""
    records = {name: store.get(key) for name, key in _keys(jobs, pages).items()}
    if any(record is None for record in records.values()):
        found = wiring_of(description, module, list(records))
        return {layer.name: wires(found[layer.name], layer.units) for layer in pages}
    return {name: _read(unpacked(record, store)) for name, record in records.items() if record is not None}


def keep_wires(jobs: Jobs, pages: tuple[Layer, ...], found: Mapping[LayerName, Wires], store: Store) -> None:
    """Put into the store what it lacks of them."""
    for name, key in _keys(jobs, pages).items():
        if store.get(key) is None:
            store.put(key, *packed(found[name]))


def _keys(jobs: Jobs, pages: tuple[Layer, ...]) -> Mapping[LayerName, Digest]:
    names = [layer.name for layer in pages]
    common: dict[str, Any] = {
        "wires": [code_digest("generator.wiring.wires"), code_digest("generator.wiring.wiring")],
        "model": asdict(replace(jobs.model, preprocessing="", call="")),
        "engine": engine_digest(),
        "pages": list(names),
    }
    return {name: key_of(common | {"layer": name}) for name in names}


def _read(fields: Mapping[str, Any]) -> Wires:
    return Wires(**{**fields, "layers": tuple(LayerName(name) for name in fields["layers"])})
