"""Caffe's layers, one row each: how it is coloured, and the rule for its shapes, parameters and multiply-accumulates.

A layer that is not here is drawn as well: its shape is taken to be that of what it reads, and it is marked.

Parameters are learned ones. BatchNorm's two statistics a channel are none (torch calls them buffers); Scale's are.
Multiply-accumulates are those of convolutions, inner products and recurrent layers, as for models of torch (model/macs.py).
"""

from __future__ import annotations

from collections.abc import Mapping

from generator.diagrams.architecture import OpKind
from generator.diagrams.prototxt import arrange, data, dense, forks, windows
from generator.diagrams.prototxt.blob import Rule

_ACTIVATIONS = "ReLU ELU Sigmoid TanH AbsVal Power Exp Log BNLL Threshold Swish Clip ReLU6"
_LOSSES = (
    "EuclideanLoss HingeLoss SigmoidCrossEntropyLoss MultinomialLogisticLoss InfogainLoss ContrastiveLoss "
    "SmoothL1Loss TripletLoss L1Loss"
)

RULES: Mapping[str, tuple[OpKind, Rule]] = {
    # what slides a window
    "Convolution": ("conv", windows.convolution),
    "Deconvolution": ("conv", windows.convolution),
    "DepthwiseConvolution": ("conv", windows.convolution),
    "ConvolutionDepthwise": ("conv", windows.convolution),
    "Pooling": ("pool", windows.pooling),
    "SPP": ("pool", windows.pyramid),
    "Im2col": ("reshape", windows.im2col),
    "Padding": ("reshape", windows.padding),
    # what has a matrix, or a value a channel
    "InnerProduct": ("linear", dense.inner_product),
    "Embed": ("linear", dense.embed),
    "LSTM": ("other", dense.lstm),
    "RNN": ("other", dense.rnn),
    "LSTMUnit": ("other", arrange.unchanged),
    "Scale": ("norm", dense.scale),
    "Bias": ("norm", dense.scale),
    "PReLU": ("act", dense.per_channel),
    "Parameter": ("other", dense.parameter),
    # what goes value by value, or along one axis
    **dict.fromkeys(_ACTIVATIONS.split(), ("act", arrange.unchanged)),
    "Dropout": ("copy", arrange.unchanged),
    "BatchNorm": ("norm", arrange.unchanged),
    "LRN": ("norm", arrange.lrn),
    "MVN": ("norm", arrange.everywhere),
    "Softmax": ("softmax", arrange.softmax),
    "Split": ("copy", arrange.unchanged),
    "Filter": ("other", arrange.one_by_one),
    "BatchReindex": ("other", arrange.reindexed),
    "Python": ("other", arrange.by_program),
    # what joins, cuts and reshapes
    "Concat": ("merge", arrange.concat),
    "Eltwise": ("merge", arrange.eltwise),
    "Slice": ("reshape", arrange.sliced),
    "Crop": ("reshape", arrange.crop),
    "Flatten": ("reshape", arrange.flatten),
    "Reshape": ("reshape", arrange.reshape),
    "Permute": ("reshape", arrange.permute),
    "Tile": ("reshape", arrange.tile),
    "Reduction": ("pool", arrange.reduction),
    "ArgMax": ("other", arrange.arg_max),
    # what ends a net
    "SoftmaxWithLoss": ("softmax", arrange.scalar),
    **dict.fromkeys(_LOSSES.split(), ("other", arrange.scalar)),
    "Accuracy": ("other", arrange.accuracy),
    "Silence": ("other", arrange.nothing),
    "HDF5Output": ("other", arrange.nothing),
    # what begins one
    "Data": ("input", data.read_images),
    "ImageData": ("input", data.read_images),
    "WindowData": ("input", data.read_images),
    "MemoryData": ("input", data.memory),
    "DummyData": ("input", data.dummy),
    "Input": ("input", data.given),
    "HDF5Data": ("input", data.untold),
    # forks
    "Upsample": ("resample", forks.upsample),
    "Interp": ("resample", forks.interp),
    "Normalize": ("norm", dense.per_channel),
    "ROIPooling": ("pool", forks.roi_pooling),
    "PriorBox": ("other", forks.prior_box),
    "Axpy": ("merge", forks.axpy),
}

SHARES = frozenset(("Split", "Flatten", "Reshape", "Silence", "HDF5Output"))
"""What hands its input's memory on."""
