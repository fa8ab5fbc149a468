"""The layers of a net, whichever of the three formats its file is written in.

    V2    layer  { name: "conv1" type: "Convolution" bottom: "data" top: "conv1" convolution_param { num_output: 20 } }
    V1    layers { name: "conv1" type: CONVOLUTION   bottom: "data" top: "conv1" convolution_param { num_output: 20 } }
    V0    layers { layer { name: "conv1" type: "conv" num_output: 20 kernelsize: 5 } bottom: "data" top: "conv1" }

Names, numbers and defaults are those of Caffe's caffe.proto and of its upgrade from V0 and V1.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from generator.diagrams.prototxt.message import Field, Message, Scalar


@dataclass(frozen=True)
class Layer:
    """One layer: what it is, which blobs it reads and gives, and all that its message says."""

    name: str
    """As written; the first blob it gives, or its type, where it has none."""
    type: str
    """Caffe's name of it: ``InnerProduct``."""
    bottoms: tuple[str, ...]
    tops: tuple[str, ...]
    said: Message
    weights: tuple[str, ...] = ()
    """Names of its parameter blobs, "" for one without: layers that name the same share it."""

    @property
    def own(self) -> Message:
        """The message with its own settings: ``inner_product_param``."""
        return self.said.message(_PARAMETERS.get(self.type) or f"{_snake(self.type)}_param")


_V1: Mapping[str, tuple[int, str]] = {
    "NONE": (0, "None"),
    "ACCURACY": (1, "Accuracy"),
    "BNLL": (2, "BNLL"),
    "CONCAT": (3, "Concat"),
    "CONVOLUTION": (4, "Convolution"),
    "DATA": (5, "Data"),
    "DROPOUT": (6, "Dropout"),
    "EUCLIDEAN_LOSS": (7, "EuclideanLoss"),
    "FLATTEN": (8, "Flatten"),
    "HDF5_DATA": (9, "HDF5Data"),
    "HDF5_OUTPUT": (10, "HDF5Output"),
    "IM2COL": (11, "Im2col"),
    "IMAGE_DATA": (12, "ImageData"),
    "INFOGAIN_LOSS": (13, "InfogainLoss"),
    "INNER_PRODUCT": (14, "InnerProduct"),
    "LRN": (15, "LRN"),
    "MULTINOMIAL_LOGISTIC_LOSS": (16, "MultinomialLogisticLoss"),
    "POOLING": (17, "Pooling"),
    "RELU": (18, "ReLU"),
    "SIGMOID": (19, "Sigmoid"),
    "SOFTMAX": (20, "Softmax"),
    "SOFTMAX_LOSS": (21, "SoftmaxWithLoss"),
    "SPLIT": (22, "Split"),
    "TANH": (23, "TanH"),
    "WINDOW_DATA": (24, "WindowData"),
    "ELTWISE": (25, "Eltwise"),
    "POWER": (26, "Power"),
    "SIGMOID_CROSS_ENTROPY_LOSS": (27, "SigmoidCrossEntropyLoss"),
    "HINGE_LOSS": (28, "HingeLoss"),
    "MEMORY_DATA": (29, "MemoryData"),
    "ARGMAX": (30, "ArgMax"),
    "THRESHOLD": (31, "Threshold"),
    "DUMMY_DATA": (32, "DummyData"),
    "SLICE": (33, "Slice"),
    "MVN": (34, "MVN"),
    "ABSVAL": (35, "AbsVal"),
    "SILENCE": (36, "Silence"),
    "CONTRASTIVE_LOSS": (37, "ContrastiveLoss"),
    "EXP": (38, "Exp"),
    "DECONVOLUTION": (39, "Deconvolution"),
}
"""V1's enumeration, by name: number, and the name that V2 gives it."""
_V0: Mapping[str, str] = {
    "conv": "Convolution",
    "pool": "Pooling",
    "innerproduct": "InnerProduct",
    "images": "ImageData",
    "softmax_loss": "SoftmaxWithLoss",
    "padding": "Padding",
    **{
        name.lower(): type
        for name, (_, type) in _V1.items()
        if name
        in [
            "ACCURACY",
            "BNLL",
            "CONCAT",
            "DATA",
            "DROPOUT",
            "EUCLIDEAN_LOSS",
            "FLATTEN",
            "HDF5_DATA",
            "HDF5_OUTPUT",
            "IM2COL",
            "INFOGAIN_LOSS",
            "LRN",
            "MULTINOMIAL_LOGISTIC_LOSS",
            "RELU",
            "SIGMOID",
            "SOFTMAX",
            "SPLIT",
            "TANH",
            "WINDOW_DATA",
        ]
    },
}
_V0_FIELDS = {"kernelsize": "kernel_size", "biasterm": "bias_term", "batchsize": "batch_size", "cropsize": "crop_size"}
_KNOWN = {
    **{name: type for name, (_, type) in _V1.items()},
    **{str(number): type for number, type in _V1.values()},
    "SoftmaxLoss": "SoftmaxWithLoss",
}
_PARAMETERS = {
    "Deconvolution": "convolution_param",
    "DepthwiseConvolution": "convolution_param",
    "ConvolutionDepthwise": "convolution_param",
    "Im2col": "convolution_param",
    "SoftmaxWithLoss": "softmax_param",
    "LSTM": "recurrent_param",
    "RNN": "recurrent_param",
    "HDF5Data": "hdf5_data_param",
    "HDF5Output": "hdf5_output_param",
    "ArgMax": "argmax_param",
    "ReLU": "relu_param",
    "PReLU": "prelu_param",
    "TanH": "tanh_param",
    "Normalize": "norm_param",
    "ROIPooling": "roi_pooling_param",
}
"""Where a layer's settings are not under its own name with ``_param``."""


def _snake(type: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", type).lower()


def layers_of(net: Message) -> tuple[Layer, ...]:
    """All layers that a net's message names, in order, for whichever phase."""
    return tuple(_layer(one) for name in ("layer", "layers") for one in net.messages(name))


def format_of(net: Message) -> str:
    """Caffe's name for the format: ``V2``, ``V1`` or ``V0``."""
    if any(one.has("layer") for one in net.messages("layers")):
        return "V0"
    return "V1" if net.has("layers") else "V2"


def _layer(said: Message) -> Layer:
    said = _from_v0(said) if said.has("layer") else said
    written = said.text("type")
    type = _KNOWN.get(written, written)
    bottoms, tops = said.texts("bottom"), said.texts("top")
    name = said.text("name") or (tops[0] if tops else type or "layer")
    return Layer(name, type or "?", bottoms, tops, said, _weights(said))


def _weights(said: Message) -> tuple[str, ...]:
    """V2 writes ``param { name: "w" }``, V1 ``param: "w"``."""
    return tuple(
        field.value.text if isinstance(field.value, Scalar) else field.value.text("name")
        for field in said.every("param")
    )


def _from_v0(said: Message) -> Message:
    """The same in V2's words: what the inner layer says goes where its type keeps its settings."""
    inner = said.message("layer")
    type = _V0.get(inner.text("type"), inner.text("type"))
    renamed = tuple(replace(field, name=_V0_FIELDS.get(field.name, field.name)) for field in inner.fields)
    outer = tuple(field for field in said.fields if field.name != "layer")
    named = tuple(field for field in inner.fields if field.name == "name")
    own = _PARAMETERS.get(type) or f"{_snake(type)}_param"
    added = (
        Field("type", Scalar("string", type, inner.at), inner.at),
        Field(own, Message(renamed, inner.at), inner.at),
    )
    return Message((*outer, *named, *added), said.at)
