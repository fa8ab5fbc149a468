"""Layer by layer: the shape of what it gives, its parameters and its multiply-accumulates, worked out by hand.

What they read, where nothing else is said, are two images of 3 × 9 × 11.
"""

import re
from pathlib import Path

import pytest

from generator.diagrams.architecture import Op, Shape
from generator.diagrams.prototxt.shapes import RULES
from tests.diagrams.prototxt.nets import IMAGE, layer, net


def op(folder: Path, type: str, settings: str = "", *, before: str = "", bottom: str = "data", top: str = "out") -> Op:
    return net(folder, IMAGE + before + layer(type, settings, bottom, top)).by_id["it"]


def blob(*dims: int, top: str = "other") -> str:
    """Another input, of a batch and all."""
    sides = " ".join(f"dim: {dim}" for dim in dims)
    return layer("Input", f"input_param {{ shape {{ {sides} }} }}", "", top, f"{top}_input")


@pytest.mark.parametrize(
    ("type", "settings", "shape", "parameters", "macs"),
    [
        ("Convolution", "num_output: 5 kernel_size: 3", (5, 7, 9), 5 * 27 + 5, 27 * 5 * 63),
        ("Convolution", "num_output: 5 kernel_size: 3 stride: 2 pad: 1 bias_term: false", (5, 5, 6), 135, 27 * 5 * 30),
        ("Convolution", "num_output: 6 kernel_size: 2 group: 3", (6, 8, 10), 6 * 4 + 6, 4 * 6 * 80),  # one channel a group
        ("Convolution", "num_output: 1 kernel_size: 3 dilation: 2", (1, 5, 7), 28, 27 * 35),
        ("Convolution", "num_output: 1 kernel_h: 3 kernel_w: 1 stride_h: 2 stride_w: 3 pad_h: 1 pad_w: 0", (1, 5, 4), 10, 9 * 20),
        ("Convolution", "num_output: 1 kernel_size: [3, 1] stride: [2, 3] pad: 1 pad: 0 dilation: 1 dilation: 1", (1, 5, 4), 10, 9 * 20),
        ("Convolution", "num_output: 2 kernel_size: 1 axis: 1", (2, 9, 11), 8, 6 * 99),
        ("Convolution", "num_output: 2 kernel_size: 4 stride: 3", (2, 2, 3), 98, 48 * 12),  # floor(5/3), floor(7/3)
        ("DepthwiseConvolution", "num_output: 3 kernel_size: 3", (3, 7, 9), 30, 27 * 63),
        ("Deconvolution", "num_output: 4 kernel_size: 4 stride: 2 pad: 1", (4, 18, 22), 3 * 4 * 16 + 4, 99 * 3 * 4 * 16),
        ("Deconvolution", "num_output: 3 kernel_size: 2 stride: 2 group: 3 bias_term: false", (3, 18, 22), 12, 99 * 3 * 4),
        ("Deconvolution", "num_output: 1 kernel_size: 3 dilation: 2", (1, 13, 15), 28, 99 * 27),
        ("Pooling", "kernel_size: 2 stride: 2", (3, 5, 6), 0, 0),  # ceil(7/2) + 1, ceil(9/2) + 1
        ("Pooling", "kernel_size: 3 stride: 2", (3, 4, 5), 0, 0),
        ("Pooling", "kernel_size: 2 stride: 2 pad: 1", (3, 5, 6), 0, 0),  # ceil(9/2) + 1 = 6, and the sixth would begin at 9: clipped
        ("Pooling", "kernel_size: 1 stride: 3 pad: 0", (3, 4, 5), 0, 0),  # ceil(8/3) + 1, ceil(10/3) + 1: no padding, no clip
        ("Pooling", "kernel_h: 9 kernel_w: 2 stride_h: 1 stride_w: 2", (3, 1, 6), 0, 0),
        ("Pooling", "pool: AVE global_pooling: true", (3, 1, 1), 0, 0),
        ("Pooling", "kernel_size: 2 stride: 2 round_mode: FLOOR", (3, 4, 5), 0, 0),
        ("Pooling", "kernel_size: 2 stride: 2 ceil_mode: false", (3, 4, 5), 0, 0),
        ("SPP", "pyramid_height: 3", (3 * 21,), 0, 0),
        ("SPP", "pyramid_height: 1", (3, 1, 1), 0, 0),
        ("Im2col", "kernel_size: 3 stride: 2", (27, 4, 5), 0, 0),
        ("InnerProduct", "num_output: 7", (7,), 297 * 7 + 7, 297 * 7),
        ("InnerProduct", "num_output: 7 axis: 2 bias_term: false", (3, 7), 99 * 7, 3 * 99 * 7),
        ("InnerProduct", "num_output: 7 axis: -1", (3, 9, 7), 11 * 7 + 7, 27 * 11 * 7),
        ("LRN", "local_size: 5", (3, 9, 11), 0, 0),
        ("BatchNorm", "use_global_stats: true", (3, 9, 11), 0, 0),
        ("MVN", "", (3, 9, 11), 0, 0),
        ("Scale", "", (3, 9, 11), 3, 0),
        ("Scale", "bias_term: true", (3, 9, 11), 6, 0),
        ("Scale", "axis: 1 num_axes: -1 bias_term: true", (3, 9, 11), 2 * 297, 0),
        ("Scale", "axis: 2 num_axes: 1", (3, 9, 11), 9, 0),
        ("Scale", "num_axes: 0", (3, 9, 11), 1, 0),
        ("Bias", "", (3, 9, 11), 3, 0),
        ("PReLU", "", (3, 9, 11), 3, 0),
        ("PReLU", "channel_shared: true", (3, 9, 11), 1, 0),
        ("Normalize", "", (3, 9, 11), 1, 0),
        ("Normalize", "channel_shared: false", (3, 9, 11), 3, 0),
        ("ELU", "alpha: 1", (3, 9, 11), 0, 0),
        ("Power", "power: 2", (3, 9, 11), 0, 0),
        ("Dropout", "dropout_ratio: 0.4", (3, 9, 11), 0, 0),
        ("Softmax", "", (3, 9, 11), 0, 0),
        ("SoftmaxWithLoss", "", (1,), 0, 0),
        ("EuclideanLoss", "", (1,), 0, 0),
        ("Accuracy", "top_k: 5", (1,), 0, 0),
        ("ArgMax", "", (1, 1, 1), 0, 0),
        ("ArgMax", "top_k: 5 out_max_val: true", (2, 5, 1), 0, 0),
        ("ArgMax", "axis: 1", (1, 9, 11), 0, 0),
        ("Flatten", "", (297,), 0, 0),
        ("Flatten", "axis: 2", (3, 99), 0, 0),
        ("Flatten", "axis: 1 end_axis: 2", (27, 11), 0, 0),
        ("Reshape", "shape { dim: 0 dim: -1 dim: 33 }", (9, 33), 0, 0),
        ("Reshape", "shape { dim: 0 dim: 0 dim: 99 }", (3, 99), 0, 0),
        ("Reshape", "shape { dim: 1 dim: -1 } axis: 1 num_axes: 1", (1, 3, 9, 11), 0, 0),
        ("Reshape", "shape { dim: 1 } axis: -1 num_axes: 0", (3, 9, 11, 1), 0, 0),
        ("Permute", "order: 0 order: 2 order: 3 order: 1", (9, 11, 3), 0, 0),
        ("Tile", "axis: 1 tiles: 4", (12, 9, 11), 0, 0),
        ("Reduction", "axis: 1", (1,), 0, 0),
        ("Reduction", "axis: 2", (3,), 0, 0),
        ("Embed", "num_output: 4 input_dim: 10", (3, 9, 11, 4), 44, 0),
        ("Upsample", "scale: 2", (3, 18, 22), 0, 0),
        ("Interp", "zoom_factor: 3", (3, 25, 31), 0, 0),
        ("Interp", "shrink_factor: 2", (3, 5, 6), 0, 0),
        ("Interp", "height: 33 width: 40", (3, 33, 40), 0, 0),
        ("Interp", "zoom_factor: 3 pad_beg: -1 pad_end: -2", (3, 16, 22), 0, 0),
        ("PriorBox", "min_size: 10 max_size: 20 aspect_ratio: 2", (1, 2, 99 * 4 * 4), 0, 0),
    ],
)  # fmt: skip
def test_layers_by_hand(tmp_path: Path, type: str, settings: str, shape: Shape, parameters: int, macs: int):
    found = op(tmp_path, type, f"{_own(type)} {{ {settings} }}")
    assert (found.shape, found.parameters, found.macs, found.note) == (shape, parameters, macs, "")


def _own(type: str) -> str:
    """The field with a layer's settings, a second time and by another way."""
    said = {
        "DepthwiseConvolution": "convolution",
        "Deconvolution": "convolution",
        "Im2col": "convolution",
        "Normalize": "norm",
    }
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z][a-z]+", type)
    special = {"PReLU": "prelu", "ArgMax": "argmax", "SoftmaxWithLoss": "softmax"}
    return special.get(type, said.get(type, "_".join(words).lower())) + "_param"


@pytest.mark.parametrize(
    ("type", "settings", "others", "shape", "note"),
    [
        ("Concat", "", [(2, 5, 9, 11)], (8, 9, 11), ""),
        ("Concat", "concat_param { axis: 2 }", [(2, 3, 1, 11)], (3, 10, 11), ""),
        ("Concat", "concat_param { concat_dim: 1 }", [(2, 5, 9, 11), (2, 1, 9, 11)], (9, 9, 11), ""),
        ("Concat", "", [(2, 5, 8, 11)], (8, 9, 11), "It reads blobs of different shapes (2×3×9×11, 2×5×8×11), which Caffe would refuse."),
        ("Eltwise", "eltwise_param { operation: MAX }", [(2, 3, 9, 11)], (3, 9, 11), ""),
        ("Eltwise", "", [(2, 3, 9, 10)], (3, 9, 11), "It reads blobs of different shapes (2×3×9×11, 2×3×9×10), which Caffe would refuse."),
        ("Crop", "", [(2, 8, 5, 6)], (3, 5, 6), ""),
        ("Crop", "crop_param { axis: 1 offset: 0 offset: 2 offset: 3 }", [(2, 2, 5, 6)], (2, 5, 6), ""),
        ("Crop", "crop_param { offset: 5 }", [(2, 8, 5, 6)], (3, 5, 6), "It is to be cut to a size that, with its offset, is larger than itself."),
        ("Crop", "crop_param { offset: [1, 2, 3] }", [(2, 8, 5, 6)], (), "It has 3 offsets for 2 axes."),
        ("BatchReindex", "", [(2,)], (3, 9, 11), ""),
        ("BatchReindex", "", [(7,)], (7, 3, 9, 11), ""),
        ("Scale", "", [(3,)], (3, 9, 11), ""),
        ("Interp", "", [(2, 1, 20, 30)], (3, 20, 30), ""),
        ("Interp", "interp_param { pad_end: 1 }", [], (), "Its padding is above 0, which Caffe would refuse."),
        ("Interp", "interp_param { pad_beg: -6 pad_end: -3 }", [], (), "It cuts off all that it reads."),
        ("ROIPooling", "roi_pooling_param { pooled_h: 6 pooled_w: 7 }", [(20, 5)], (20, 3, 6, 7), ""),
        ("SoftmaxWithLoss", "", [(2, 1, 9, 11)], (1,), ""),
        ("Convolution", "convolution_param { num_output: 1 kernel_size: 12 }", [], (), "Its window is larger than what it reads."),
        ("Convolution", "convolution_param { num_output: 4 kernel_size: 1 group: 2 }", [], (4, 9, 11), "Its 2 groups do not divide 3 channels and 4 outputs evenly; Caffe would refuse it."),
        ("Convolution", "convolution_param { num_output: 4 kernel_size: [1, 1, 1] }", [], (), "Its kernel_size has 3 values for 2 axes."),
        ("Flatten", "flatten_param { axis: 4 }", [], (), "Its axis is 4, but what it reads has 4 axes."),
        ("Reshape", "reshape_param { shape { dim: 0 dim: 7 dim: -1 } }", [], (), "Its shape does not hold as many values as it reads."),
        ("Reshape", "reshape_param { shape { dim: 0 dim: 7 dim: 7 } }", [], (7, 7), "Its shape does not hold as many values as it reads."),
    ],
)  # fmt: skip
def test_layers_that_read_several_blobs_and_settings_that_do_not_fit(
    tmp_path: Path, type, settings, others, shape, note
):
    tops = [f"other{k}" for k in range(len(others))]
    before = "".join(blob(*dims, top=top) for dims, top in zip(others, tops, strict=True))
    found = op(tmp_path, type, settings, before=before, bottom=" ".join(("data", *tops)))
    assert (found.shape, found.note, found.parameters if type == "Scale" else 0) == (shape, note, 0)


@pytest.mark.parametrize(
    ("type", "settings", "tops", "shapes"),
    [
        ("Slice", "slice_param { slice_point: 1 }", 2, [(1, 9, 11), (2, 9, 11)]),
        ("Slice", "", 3, [(1, 9, 11)] * 3),
        ("Slice", "slice_param { axis: 3 slice_point: [4, 5] }", 3, [(3, 9, 4), (3, 9, 1), (3, 9, 6)]),
        ("Slice", "slice_param { slice_dim: 0 }", 2, [(1, 3, 9, 11)] * 2),
        ("Split", "", 2, [(3, 9, 11)] * 2),
        ("Pooling", "pooling_param { kernel_size: 3 stride: 3 }", 2, [(3, 3, 4)] * 2),
        ("Accuracy", "", 2, [(1,), (3,)]),
        ("SoftmaxWithLoss", "", 2, [(1,), (3, 9, 11)]),
    ],
)  # fmt: skip
def test_layers_that_give_several_blobs(tmp_path: Path, type: str, settings: str, tops: int, shapes: list[Shape]):
    names = [f"t{k}" for k in range(tops)]
    text = IMAGE + layer(type, settings, "data", " ".join(names))
    text += "".join(layer("ReLU", "", name, f"{name}_read", f"{name}_read") for name in names)
    it = net(tmp_path, text)
    assert [it.inputs_of[f"{name}_read"][0].shape for name in names] == shapes
    assert it.by_id["it"].shape == shapes[0]


@pytest.mark.parametrize(
    ("type", "settings", "shape", "noted"),
    [
        ("Data", "transform_param { crop_size: 5 mean_value: [1, 2, 3] } data_param { batch_size: 4 }", (3, 5, 5), ""),
        ("Data", "transform_param { crop_size: 5 force_gray: true }", (1, 5, 5), ""),
        ("Data", "transform_param { crop_size: 5 }", (3, 5, 5), "three are assumed"),
        ("Data", "transform_param { crop_h: 5 crop_w: 6 force_color: true }", (3, 5, 6), ""),
        ("Data", "data_param { crop_size: 7 force_encoded_color: true }", (3, 7, 7), ""),
        ("Data", "data_param { batch_size: 4 }", (), "does not say how large its images are"),
        ("ImageData", "image_data_param { new_height: 5 new_width: 6 }", (3, 5, 6), ""),
        ("ImageData", "image_data_param { new_height: 5 new_width: 6 is_color: false }", (1, 5, 6), ""),
        ("ImageData", "image_data_param { new_height: 9 new_width: 9 } transform_param { crop_size: 4 }", (3, 4, 4), ""),
        ("WindowData", "window_data_param { crop_size: 27 }", (3, 27, 27), ""),
        ("MemoryData", "memory_data_param { batch_size: 2 channels: 1 height: 4 width: 5 }", (1, 4, 5), ""),
        ("DummyData", "dummy_data_param { shape { dim: [2, 1, 4, 5] } shape { dim: 2 } }", (1, 4, 5), ""),
        ("DummyData", "dummy_data_param { num: 2 channels: 1 channels: 7 height: 4 width: 5 }", (1, 4, 5), ""),
        ("HDF5Data", "hdf5_data_param { source: 'a' }", (), "does not say how large its images are"),
        ("Input", "", (), ""),
    ],
)  # fmt: skip
def test_layers_that_bring_data_in(tmp_path: Path, type: str, settings: str, shape: Shape, noted: str):
    it = net(tmp_path, layer(type, settings, "", "x label") + layer("Silence", "", "label", "", "s"))
    found = it.by_id["it"]
    assert (found.kind, found.shape, found.receptive_field) == (
        "input",
        shape,
        None if type in ("HDF5Data", "Input") else (1, 1),
    )
    assert noted in found.note
    assert bool(noted) == bool(found.note)


def test_recurrent_layers(tmp_path: Path):
    text = layer(
        "Input",
        "input_param { shape { dim: [6, 2, 5] } shape { dim: [6, 2] } shape { dim: [2, 7] } }",
        "",
        "x cont static",
        "in",
    )
    settings = "recurrent_param { num_output: 4 }"
    text += layer("LSTM", settings, "x cont", "a", "lstm") + layer(
        "LSTM", settings, "x cont static", "b", "with_static"
    )
    text += layer("RNN", settings, "x cont", "c", "rnn")
    it = net(tmp_path, text)
    lstm, static, rnn = (it.by_id[name] for name in ("lstm", "with_static", "rnn"))
    assert lstm.shape == static.shape == rnn.shape == (6, 2, 4)
    assert lstm.parameters == 16 * 5 + 16 + 16 * 4
    assert lstm.macs == 6 * 2 * (16 * 5 + 16 * 4)
    assert (static.parameters, static.macs) == (lstm.parameters + 16 * 7, lstm.macs + 12 * 16 * 7)
    assert (rnn.parameters, rnn.macs) == (20 + 4 + 16 + 16 + 4, 12 * (20 + 16 + 16))


@pytest.mark.parametrize(
    ("type", "settings", "field"),
    [
        ("Convolution", "convolution_param { num_output: 1 kernel_size: 3 dilation: 2 }", (5, 5)),
        ("Pooling", "pooling_param { kernel_h: 2 kernel_w: 4 }", (2, 4)),
        ("Pooling", "pooling_param { global_pooling: true }", None),
        ("Pooling", "pooling_param { kernel_h: 9 kernel_w: 11 }", None),
        ("LRN", "lrn_param { norm_region: WITHIN_CHANNEL local_size: 3 }", (3, 3)),
        ("LRN", "lrn_param { norm_region: WITHIN_CHANNEL }", (5, 5)),
        ("LRN", "", (1, 1)),
        ("MVN", "", None),
        ("InnerProduct", "inner_product_param { num_output: 1 }", None),
        ("Softmax", "", (1, 1)),
        ("Softmax", "softmax_param { axis: -1 }", None),
        ("Slice", "slice_param { axis: 1 }", (1, 1)),
        ("Slice", "slice_param { axis: 2 }", None),
        ("Flatten", "", None),
        ("Permute", "permute_param { order: 1 order: 0 order: 2 order: 3 }", (1, 1)),
        ("Deconvolution", "convolution_param { num_output: 1 kernel_size: 4 stride: 2 }", (2, 2)),
        ("Deconvolution", "convolution_param { num_output: 1 kernel_size: 2 stride: 2 }", (1, 1)),
        ("Upsample", "upsample_param { scale: 3 }", (1, 1)),
        ("Interp", "interp_param { zoom_factor: 3 }", (2, 2)),
        ("Interp", "interp_param { shrink_factor: 2 }", (1, 1)),
    ],
)
def test_receptive_fields(tmp_path: Path, type: str, settings: str, field: tuple[int, int] | None):
    assert op(tmp_path, type, settings).receptive_field == field


def test_what_is_cropped_sees_from_its_offset_on(tmp_path: Path):
    parts = "".join(
        layer("Crop", f"crop_param {{ axis: 2 offset: {offset} }}", "data small", f"at{offset}", f"at{offset}")
        for offset in (0, 4)
    )
    pool = layer("Pooling", "pooling_param { kernel_size: 5 }", top="small", name="small")
    parts += layer("Interp", "interp_param { pad_beg: -4 }", "data", "on", "on")
    for other in ("at4", "on"):
        it = net(tmp_path, IMAGE + pool + parts + layer("Eltwise", "", f"at0 {other}"))
        assert [it.by_id[name].receptive_field for name in ("at0", other, "it")] == [(1, 1), (1, 1), (5, 5)]


def test_batches_and_images_are_told_apart(tmp_path: Path):
    text = (
        'layer {{ name: "d" type: "Input" top: "data" input_param {{ shape {{ dim: {} dim: 3 dim: 9 dim: 11 }} }} }}\n'
    )
    rest = layer("Convolution", "convolution_param { num_output: 5 kernel_size: 3 }")
    found = [net(tmp_path, text.format(count) + rest).by_id["it"] for count in (1, 2, 64)]
    assert {(one.shape, one.macs, one.memory) for one in found} == {((5, 7, 9), 27 * 5 * 63, 4 * 5 * 63)}


def test_every_layer_of_caffe_s_own_is_known():
    caffe = (
        "AbsVal Accuracy ArgMax BatchNorm BatchReindex Bias BNLL Clip Concat ContrastiveLoss Convolution Crop Data Deconvolution Dropout DummyData "
        "Eltwise ELU Embed EuclideanLoss Exp Filter Flatten HDF5Data HDF5Output HingeLoss Im2col ImageData InfogainLoss InnerProduct Input Log LRN LSTM "
        "LSTMUnit MemoryData MultinomialLogisticLoss MVN Parameter Pooling Power PReLU Python Reduction ReLU Reshape RNN Scale Sigmoid "
        "SigmoidCrossEntropyLoss Silence Slice Softmax SoftmaxWithLoss Split SPP Swish TanH Threshold Tile WindowData"
    )
    assert set(caffe.split()) <= set(RULES)


def test_every_rule_bears_what_it_may_meet(tmp_path: Path):
    """Nothing to read, shapes of any rank, as few settings as there can be: a note, never a fault of ours."""
    needed = "num_output: 2 kernel_size: 1"
    shapes = {
        "none": None,
        "scalar": (),
        "one": (2,),
        "two": (2, 3),
        "three": (2, 3, 4),
        "four": (2, 3, 4, 5),
        "five": (2, 3, 4, 5, 6),
    }
    for type in RULES:
        for dims in shapes.values():
            before = (
                ""
                if dims is None
                else layer("Reshape", f"reshape_param {{ shape {{ dim: {list(dims)} }} }}", "data", "x", "r")
            )
            settings = f"{_param(type)} {{ {needed} }}"
            for bottom in ("", "x", "data x"):
                it = net(tmp_path, IMAGE + before + layer(type, settings, bottom, "out more"))
                assert all(side > 0 for one in it.ops for side in one.shape)


def _param(type: str) -> str:
    from generator.diagrams.prototxt.layer import layers_of
    from generator.diagrams.prototxt.parse import parse

    for name in ("convolution", "recurrent", "inner_product", "embed", "pooling"):
        (found,) = layers_of(parse(f'layer {{ type: "{type}" {name}_param {{ num_output: 2 }} }}', "f"))
        if found.own.has("num_output"):
            return f"{name}_param"
    return "none_param"
