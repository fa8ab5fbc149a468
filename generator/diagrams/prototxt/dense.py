"""Layers with a matrix of weights and no window: inner products, embeddings, recurrent layers, scales and biases."""

from __future__ import annotations

from generator.diagrams.prototxt.blob import UNKNOWN, Blob, Dim, Given, axis_of, product
from generator.diagrams.prototxt.layer import Layer


def _outputs(layer: Layer) -> int:
    if not layer.own.has("num_output"):
        raise layer.said.at.error(f"{layer.type}: expected num_output, received none")
    return layer.own.integer("num_output", 0, least=1)


def inner_product(layer: Layer, inputs: tuple[Blob, ...]) -> Given:
    """Every output from all that stands at `axis` and after it; it sees the whole input, but where that has one place."""
    blob, out = (*inputs, UNKNOWN)[0], _outputs(layer)
    bias = (out,) if layer.own.flag("bias_term", True) else ()
    if blob.dims is None:
        return Given((Blob((None, out)),), (None, *bias), None)
    axis = axis_of(layer, "axis", 1, len(blob.dims))
    width = blob.count(axis)
    y, x = (blob.y, blob.x) if blob.single else (None, None)
    made = Blob((*blob.dims[:axis], out), y, x)
    return Given((made,), (product((out, width)), *bias), product((made.count(), width)))


def embed(layer: Layer, inputs: tuple[Blob, ...]) -> Given:
    """A row of a table for every whole number read: no multiplication."""
    blob, out = (*inputs, UNKNOWN)[0], _outputs(layer)
    rows = layer.own.integer("input_dim", 0, least=1) if layer.own.has("input_dim") else None
    bias = (out,) if layer.own.flag("bias_term", True) else ()
    return Given((Blob((*blob.dims, out)) if blob.dims is not None else UNKNOWN,), (product((rows, out)), *bias))


def _recurrent(layer: Layer, inputs: tuple[Blob, ...], gates: int, states: int, reads_out: bool) -> Given:
    """(steps, streams, ...) in, (steps, streams, outputs) out; a third input without steps joins every one of them."""
    out, exposed = _outputs(layer), layer.own.flag("expose_hidden", False)
    blob = (*inputs, UNKNOWN)[0]
    steps, streams = blob.side(0), blob.side(1)
    given = len(inputs) - (states if exposed else 0)
    extra: tuple[Dim, ...] = (inputs[2].count(1),) if given > 2 else ()
    wide = gates * out
    into = [product((wide, width)) for width in (blob.count(2), *extra)]
    matrices = [into[0], wide * out, *into[1:], *([out * out] if reads_out else [])]
    each = None if None in matrices else sum(size or 0 for size in matrices)
    hidden = tuple(Blob((1, streams, out)) for _ in range(states)) if exposed else ()
    weights = (into[0], wide, wide * out, *into[1:], *((out * out, out) if reads_out else ()))
    return Given((Blob((steps, streams, out)), *hidden), weights, product((steps, streams, each)))


def lstm(layer: Layer, inputs: tuple[Blob, ...]) -> Given:
    """Four gates from the input and from the last output."""
    return _recurrent(layer, inputs, gates=4, states=2, reads_out=False)


def rnn(layer: Layer, inputs: tuple[Blob, ...]) -> Given:
    """One hidden layer, and a matrix from it to the output."""
    return _recurrent(layer, inputs, gates=1, states=1, reads_out=True)


def scale(layer: Layer, inputs: tuple[Blob, ...]) -> Given:
    """Factors (or, of Bias, summands) along `num_axes` axes from `axis`; learned where only one blob is read."""
    blob = (*inputs, UNKNOWN)[0]
    if len(inputs) > 1:
        return Given((blob,), (blob.side(1),) if layer.own.flag("bias_term", False) else ())
    if blob.dims is None:
        return Given((blob,), (None,))
    axis = axis_of(layer, "axis", 1, len(blob.dims))
    axes = layer.own.integer("num_axes", 1, least=-1)
    size = blob.count(axis, None if axes == -1 else axis + axes)
    biased = layer.type == "Scale" and layer.own.flag("bias_term", False)
    return Given((blob,), (size, size) if biased else (size,))


def per_channel(layer: Layer, inputs: tuple[Blob, ...]) -> Given:
    """One learned value a channel, or one for all: PReLU's slopes, Normalize's factors."""
    blob = (*inputs, UNKNOWN)[0]
    shared = layer.own.flag("channel_shared", layer.type == "Normalize")
    return Given((blob,), (1 if shared else blob.side(1),))


def parameter(layer: Layer, inputs: tuple[Blob, ...]) -> Given:
    """A learned blob by itself."""
    dims = layer.own.message("shape").integers("dim", 1)
    return Given((Blob(dims),), (product(dims),))
