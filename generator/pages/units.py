"""What a layer's units answer to, as data for its page: arrays of all units, packed, loaded when a unit is opened.

data/units/<slug>.js      {arrays: {name: [kind, base64]}, …}      one a layer
data/examples.js          [[picture, name, address, label, said], …]    the dataset's images that any list names
"""

from __future__ import annotations

import base64
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generator.artifacts import NotApplicable
from generator.dataset.answers import Answers
from generator.dataset.health import Mark, marks
from generator.dataset.likeness import vague
from generator.names import Layer
from generator.pages import data, escape
from generator.pages.context import Site
from generator.pages.named import FILTERS, units_of
from generator.pages.views import LayerView, Report

DEAD = 16
"""The mark of those that are dead for certain, beside those of `Mark`."""
BITS = {"dead": DEAD, "never on": Mark.DEAD} | {
    str(mark.name).lower().replace("_", " "): mark for mark in Mark if mark is not Mark.DEAD
}
"""What marks are called everywhere: *never on* is what no image raised, *dead* those of them of which findings are sure."""
KINDS = {"f": "f4", "i": "i4", "u": "u2", "b": "u1"}


def packed(array: NDArray[Any], kind: str) -> list[str]:
    """[kind, base64]: the array row by row, little-endian, as a script reads it (f float32, i int32, u uint16, b uint8)."""
    return [kind, base64.b64encode(np.ascontiguousarray(array).astype("<" + KINDS[kind]).tobytes()).decode()]


def examples(site: Site) -> None:
    """Write the list of images that units' lists name by number."""
    rows = []
    for example in site.report.examples:
        name = escape.slug(example.page) if example.page else f"example-{example.number}"
        rows.append([
            site.tree.picture(example.picture, name),
            escape.clean(example.name),
            f"images/{name}.html" if example.page else "",
            escape.clean(example.label or ""),
            escape.clean(example.shows) if site.report.by_model else "",
        ])  # fmt: skip
    if rows or any(
        view.answers is not None for view in site.report.layers
    ):  # pages of layers that nothing raises ask too
        site.script("data/examples.js", "examples", "all", rows)


def offsets(layer: Layer) -> list[float | list[float]] | None:
    """[y, x] the centre of what is cut out for unit (0, 0), in input pixels; where fields do not lie even, a list for each: those of
    the places in turn, to which a place adds its number times the jump."""
    if layer.offset is None:
        return None
    turns = zip(layer.offset, layer.phases, strict=True)
    return [[offset + start for start, _ in turn] if turn else offset for offset, turn in turns]


def all_marks(report: Report, layer: Layer, answers: Answers | None) -> NDArray[np.uint8]:
    """(units,) what is wrong with each unit of a layer: bits of `Mark`, and `DEAD`. What is dead, and what is redundant, findings
    say, so that filters, searches and findings count alike; where they were not asked, answers alone say what is redundant."""
    found = np.zeros(layer.units, np.uint8) if answers is None else marks(answers, layer)
    told = report.findings
    found[units_of(told, "dead_units", layer.name, "dead")] |= np.uint8(DEAD)
    if told is not None:
        found &= np.uint8(0xFF ^ Mark.REDUNDANT)
        found[units_of(told, "redundant_units", layer.name, "redundant")] |= np.uint8(Mark.REDUNDANT)
    return found


def marked(site: Site, view: LayerView) -> list[tuple[str, int]]:
    """How many of a layer's units have each mark: (name of the filter, count)."""
    if view.answers is None:
        return []
    found = all_marks(site.report, view.layer, view.answers)
    counts = {
        FILTERS.get(name, name.replace(" ", "_")): int((found & np.uint8(bit) > 0).sum()) for name, bit in BITS.items()
    }
    return list(counts.items())


def write(site: Site, view: LayerView, slug: str) -> str:
    """Write a layer's arrays; return their address, "" where its units were not asked."""
    found = view.answers
    if found is None or isinstance(found, NotApplicable):
        return ""
    layer = view.layer
    number = {example.number: k for k, example in enumerate(site.report.examples)}
    images = np.array([number.get(int(one), -1) for one in found.images.ravel()], np.int32)
    wide = found.histogram.max(axis=1, keepdims=True).clip(min=1)
    arrays = {
        "images": packed(images, "i"),
        "places": packed(found.places, "i"),
        "values": packed(found.values, "f"),
        "mean": packed(found.mean, "f"),
        "highest": packed(found.highest, "f"),
        "sparsity": packed(found.sparsity, "f"),
        "lo": packed(found.histogram_lo, "f"),
        "hi": packed(found.histogram_hi, "f"),
        "bins": packed(np.rint(found.histogram / wide * 255), "b"),
        "alike": packed(found.alike, "i"),
        "r": packed(found.correlation, "f"),
        "marks": packed(all_marks(site.report, layer, found), "b"),
    }
    if view.colour is not None:
        arrays["colour"] = packed(view.colour, "f")
    if (found.chosen >= 0).any():
        names = sorted({int(one) for one in found.chosen if one >= 0})
        arrays |= {
            "chosen": packed(np.searchsorted(names, found.chosen.clip(min=0)), "i"),
            "selectivity": packed(np.where(found.chosen >= 0, found.selectivity, np.nan), "f"),
        }
        labels = site.report.of_set or site.report.labels
        classes = [escape.clean(labels[one]) if one < len(labels) else str(one) for one in names]
    else:
        classes = []
    _, height, width = site.report.input_shape
    address = f"data/units/{slug}.js"
    value = {
        "units": layer.units,
        "k": found.images.shape[1],
        "bins": found.histogram.shape[1],
        "near": found.alike.shape[1],
        "seen": found.seen,
        "sampled": found.sampled,
        "map": [layer.shape[1], layer.shape[2]],
        "input": [height, width],
        "field": list(layer.receptive_field) if layer.receptive_field else None,
        "jump": list(layer.jump) if layer.jump else None,
        "offset": offsets(layer),
        "classes": classes,
        "byModel": site.report.by_model,
        "arrays": arrays,
    }
    if view.reconstructions:
        drawn = view.reconstructions
        deconv, guided = drawn.likeness
        why = site.t("layer.vague", deconv=f"{deconv:.2f}", guided=f"{guided:.2f}") if vague(deconv, guided) else ""
        value["back"] = {
            "vague": why + (" " + site.t("layer.no_switches") if why and not drawn.switches else ""),
            "entries": [list(entry) for entry in drawn.entries],
            "deconv": data.atlas(site.tree, drawn.deconv, f"{slug}-deconv"),
            "guided": data.atlas(site.tree, drawn.guided, f"{slug}-guided"),
            "veil": data.atlas(site.tree, drawn.veil, f"{slug}-veil"),
            "half": [None if math.isnan(share) else share for share in drawn.half],
            "ranks": drawn.ranks,
        }
    site.script(address, "units", view.slug, value)
    return address
