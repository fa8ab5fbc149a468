"""What a reader wants to know of a Caffe layer, in the words that layers of torch are described in (model/kinds.py)."""

from __future__ import annotations

from collections.abc import Callable

from generator.diagrams.prototxt.blob import Blob, Refused
from generator.diagrams.prototxt.layer import Layer
from generator.diagrams.prototxt.windows import windows

Pairs = tuple[tuple[str, str], ...]
_LONGEST = 60
"""Characters of a setting that is shown as written."""


def attributes(layer: Layer, inputs: tuple[Blob, ...], outputs: tuple[Blob, ...]) -> Pairs:
    """``(("kernel", "5×5"), ("stride", "1"), ...)``"""
    say = _SAID.get(layer.type, _own)
    try:
        return tuple((name, text) for name, text in say(layer, inputs, outputs) if text)
    except Refused:
        return _own(layer, inputs, outputs)


def _sides(sides: tuple[int, ...]) -> str:
    return str(sides[0]) if len(set(sides)) == 1 else "×".join(map(str, sides))


def _window(layer: Layer, inputs: tuple[Blob, ...], outputs: tuple[Blob, ...]) -> Pairs:
    if layer.own.flag("global_pooling", False):
        return (("method", _method(layer)), ("kernel", "the whole map"))
    blob = (*inputs, Blob())[0]
    axes = 2 if blob.dims is None else max(len(blob.dims) - 2, 1)
    found = windows(layer, axes)
    dilations = tuple(window.dilation for window in found)
    groups = layer.own.integer("group", 1, least=1)
    channels, out = blob.side(1), (*outputs, Blob())[0].side(1)
    depthwise = " (depthwise)" if groups == channels else ""
    return (
        ("method", _method(layer)),
        ("kernel", "×".join(str(window.kernel) for window in found)),
        ("stride", _sides(tuple(window.stride for window in found))),
        ("padding", _sides(tuple(window.pad for window in found))),
        ("dilation", _sides(dilations) if set(dilations) != {1} else ""),
        ("groups", f"{groups}{depthwise}" if groups != 1 else ""),
        ("channels", f"{channels or '?'} → {out}" if layer.own.has("num_output") else ""),
        ("bias", "" if layer.own.flag("bias_term", True) else "none"),
    )


def _method(layer: Layer) -> str:
    if layer.type != "Pooling":
        return ""
    said = layer.own.text("pool", "MAX")
    return {"MAX": "maximum", "0": "maximum", "AVE": "average", "1": "average", "2": "stochastic"}.get(
        said, said.lower()
    )


def _dense(layer: Layer, inputs: tuple[Blob, ...], outputs: tuple[Blob, ...]) -> Pairs:
    blob = (*inputs, Blob())[0]
    width = blob.count(layer.own.integer("axis", 1, least=-32)) if blob.dims else None
    return (
        ("channels", f"{width or '?'} → {layer.own.integer('num_output', 0)}"),
        ("bias", "" if layer.own.flag("bias_term", True) else "none"),
    )


def _lrn(layer: Layer, inputs: tuple[Blob, ...], outputs: tuple[Blob, ...]) -> Pairs:
    within = layer.own.text("norm_region") in ("WITHIN_CHANNEL", "1")
    return (
        ("size", str(layer.own.integer("local_size", 5))),
        ("region", "within a channel" if within else "across channels"),
    )


def _eltwise(layer: Layer, inputs: tuple[Blob, ...], outputs: tuple[Blob, ...]) -> Pairs:
    said = layer.own.text("operation", "SUM")
    words = {"PROD": "product", "0": "product", "SUM": "sum", "1": "sum", "MAX": "maximum", "2": "maximum"}
    return (("operation", words.get(said, said)), ("reads", f"{len(inputs)} tensors"))


def _batch_norm(layer: Layer, inputs: tuple[Blob, ...], outputs: tuple[Blob, ...]) -> Pairs:
    channels = (*inputs, Blob())[0].side(1)
    return (("statistics", f"{channels} means and variances" if channels else ""),)


def _own(layer: Layer, inputs: tuple[Blob, ...], outputs: tuple[Blob, ...]) -> Pairs:
    """Its own settings as written, where they are few and plain."""
    found: list[tuple[str, str]] = []
    for field in layer.own.fields:
        text = getattr(field.value, "text", None)
        if isinstance(text, str) and field.name not in _SILENT and len(text) <= _LONGEST and len(found) < 6:
            found.append((field.name.replace("_", " "), text))
    return tuple(found)


_SILENT = frozenset(("source", "backend", "engine", "mean_file", "name", "type", "weight_filler", "bias_filler"))
_SAID: dict[str, Callable[[Layer, tuple[Blob, ...], tuple[Blob, ...]], Pairs]] = {
    **dict.fromkeys(
        ("Convolution", "Deconvolution", "DepthwiseConvolution", "ConvolutionDepthwise", "Pooling"), _window
    ),
    **dict.fromkeys(("InnerProduct", "LSTM", "RNN"), _dense),
    "LRN": _lrn,
    "Eltwise": _eltwise,
    "BatchNorm": _batch_norm,
}
