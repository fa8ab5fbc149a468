"""Layers that bring data in: what their settings tell of its shape. What lies in a database is not in the file.

Data, ImageData, WindowData    batch × channels × crop × crop, and labels
MemoryData, DummyData, Input   as written
HDF5Data, Python               not known
"""

from __future__ import annotations

from generator.diagrams.prototxt.blob import UNKNOWN, Blob, Dim, Given
from generator.diagrams.prototxt.layer import Layer
from generator.model.span import Span

PIXEL = Span(0, 0, 1)
COLOURS = "The file does not say how many channels its images have; three are assumed."
NO_SIZE = "The file does not say how large its images are (give the input's shape to know what follows)."


def image(dims: tuple[Dim, ...]) -> Blob:
    """A blob of the net's input: each place of maps sees itself."""
    return Blob(dims, PIXEL, PIXEL) if len(dims) == 4 else Blob(dims)


def labels(layer: Layer, batch: Dim) -> tuple[Blob, ...]:
    """One number an image for every further top."""
    return (Blob((batch,)),) * max(len(layer.tops) - 1, 0)


def read_images(layer: Layer, inputs: tuple[Blob, ...]) -> Given:
    """From a database or a list of files: as large as they are cropped, or scaled."""
    said, moved = layer.own, layer.said.message("transform_param")
    batch = said.integer("batch_size", 1, least=1)
    crop = moved.integer("crop_size", said.integer("crop_size", 0))
    height, width = (moved.integer(f"crop_{side}", crop) for side in "hw")
    height = height or said.integer("new_height", 0)
    width = width or said.integer("new_width", 0)
    gray = moved.flag("force_gray", False) or not said.flag("is_color", True)
    told = gray or moved.flag("force_color", False) or layer.type != "Data" or said.flag("force_encoded_color", False)
    known = told or len(tuple(moved.every("mean_value"))) == 3
    note = NO_SIZE if not (height and width) else COLOURS if not known else ""
    channels = 1 if gray else 3 if known or note == COLOURS else None
    blob = image((batch, channels, height or None, width or None))
    return Given((blob, *labels(layer, batch)), note=note)


def memory(layer: Layer, inputs: tuple[Blob, ...]) -> Given:
    """As the program that owns the memory has to fill it."""
    said = layer.own
    listed = said.integers("dim", 1)
    sides = listed or tuple(said.integer(name, 0) for name in ("batch_size", "channels", "height", "width"))
    return Given((image(tuple(side or None for side in sides)), *labels(layer, sides[0] or None)))


def dummy(layer: Layer, inputs: tuple[Blob, ...]) -> Given:
    """Fillers' values, of shapes as written: one for all tops, or one for each."""
    shapes = [one.integers("dim", 0) for one in layer.own.messages("shape")]
    if not shapes:
        columns = [layer.own.integers(name, 0) for name in ("num", "channels", "height", "width")]
        count = max(map(len, columns))
        shapes = [tuple(column[min(k, len(column) - 1)] for column in columns if column) for k in range(count)]
    return Given(_each(layer, shapes))


def given(layer: Layer, inputs: tuple[Blob, ...]) -> Given:
    """Input: of shapes as written."""
    return Given(_each(layer, [one.integers("dim", 0) for one in layer.own.messages("shape")]))


def _each(layer: Layer, shapes: list[tuple[int, ...]]) -> tuple[Blob, ...]:
    tops = max(len(layer.tops), 1)
    if not shapes:
        return (UNKNOWN,) * tops
    return tuple(image(tuple(side or None for side in shapes[min(k, len(shapes) - 1)])) for k in range(tops))


def untold(layer: Layer, inputs: tuple[Blob, ...]) -> Given:
    """HDF5Data and the like: the shapes stand in other files."""
    return Given((UNKNOWN,) * max(len(layer.tops), 1), note=NO_SIZE)
