"""What feeds a layer's units and what they feed, as data for its page: data/wires/<slug>.js, loaded when a unit is opened.

A channel is named by its ends, the units that really mix, and by what hands it on from there: `generator.wiring.threads`.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from generator.names import INPUT, LayerName
from generator.pages import escape
from generator.pages.context import Site
from generator.pages.units import packed
from generator.pages.views import LayerView


def named(site: Site, name: LayerName) -> list[str]:
    """[what a layer is called, the address of its page, "" where it has none]"""
    page = site.layer_views.get(name)
    text = site.t("layer.the_input") if name == INPUT else str(name)
    return [escape.clean(text), f"layers/{escape.slug(page.slug)}.html" if page else ""]


def write(site: Site, view: LayerView, slug: str) -> str:
    """Write a layer's wires; return their address, "" where there are none."""
    found = view.wires
    if found is None:
        return ""
    names = site.report.labels
    classes = sorted({int(one) for one in found.class_index.ravel() if one >= 0})
    layers = {name: number for number, name in enumerate(found.layers)}
    ends = [site.threads.ends(view.layer.name, channel) for channel in range(len(found.starts) - 1)]
    each = [end for channel in ends for end in channel.kept]
    via = [place for end in each for place in end.via]
    number = [layers.setdefault(name, len(layers)) for name in (*(end.layer for end in each), *(n for n, _ in via))]
    arrays = {
        "starts": packed(np.cumsum([0, *(len(channel.kept) for channel in ends)]), "i"),
        "more": packed(np.array([channel.more for channel in ends]), "b"),
        "endLayer": packed(np.array(number[: len(each)]), "i"),
        "endUnit": packed(np.array([end.unit for end in each]), "i"),
        "endWay": packed(np.array([end.way for end in each]) + 1, "b"),
        "viaStarts": packed(np.cumsum([0, *(len(end.via) for end in each)]), "i"),
        "viaLayer": packed(np.array(number[len(each) :]), "i"),
        "viaUnit": packed(np.array([unit for _, unit in via]), "i"),
        "viaWay": packed(np.array([way for end in each for way in end.ways], np.int64) + 1, "b"),
        "channel": packed(found.channel, "i"),
        "share": packed(np.rint(found.share * 255), "b"),
        "sign": packed(found.sign + 1, "b"),
        "weight": packed(found.weight, "f"),
        "rest": packed(np.rint(255 * _rest(found.share)), "b"),
        "slices": packed(found.slices.astype(np.int16) + 128, "b"),
        "feedsLayer": packed(found.feeds_layer, "i"),
        "feedsUnit": packed(found.feeds_unit, "i"),
        "feedsShare": packed(np.rint(found.feeds_share * 255), "b"),
        "feedsSign": packed(found.feeds_sign + 1, "b"),
        "classIndex": packed(np.searchsorted(classes, found.class_index.clip(min=0)), "i"),
        "classShare": packed(np.where(found.class_index < 0, 0, np.rint(found.class_share * 255)), "b"),
        "classSign": packed(found.class_sign + 1, "b"),
        "nearUnit": packed(found.near_unit, "i"),
        "nearCosine": packed(found.near_cosine, "f"),
    }
    if found.driven.any():
        arrays["driven"] = packed(found.driven, "b")
    value = {
        "layers": [[*named(site, name), *([site.report.input_shape[0]] if name == INPUT else [])] for name in layers],
        "classes": [escape.clean(names[one]) if one < len(names) else str(one) for one in classes],
        "k": {
            "in": found.channel.shape[1],
            "out": found.feeds_unit.shape[1],
            "classes": found.class_index.shape[1],
            "near": found.near_unit.shape[1],
        },
        "window": list(found.slices.shape[2:]),
        "weighted": found.weighted,
        "active": found.active,
        "noInputs": escape.clean(found.why_no_inputs),
        "arrays": arrays,
    }
    address = f"data/wires/{slug}.js"
    site.script(address, "wires", view.slug, value)
    return address


def _rest(share: Float[NDArray[np.float32], "u k"]) -> Float[NDArray[np.float32], " u"]:
    """What the inputs that are kept leave of all that a unit reads; nothing of a unit that reads nothing."""
    return np.where(share.any(axis=1), 1 - np.square(share).sum(axis=1), 0).clip(0, 1)
