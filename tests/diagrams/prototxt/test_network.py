"""From layers to a graph: formats, phases, blobs in place, names twice, what is missing and what is not known."""

import re
from pathlib import Path

import pytest

from generator.diagrams.architecture import Architecture
from generator.diagrams.prototxt import phases, read
from generator.diagrams.prototxt.layer import layers_of
from generator.diagrams.prototxt.parse import parse
from generator.diagrams.simplify import at_depth, fused, without
from generator.errors import UserError
from tests.diagrams.prototxt.nets import IMAGE, layer, net

V2 = """
name: "small" input: "data" input_shape { dim: 1 dim: 3 dim: 8 dim: 8 }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv" param { lr_mult: 1 }
        convolution_param { num_output: 4 kernel_size: 3 pad: 1 stride: 2 bias_term: false } }
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
layer { name: "pool" type: "Pooling" bottom: "conv" top: "pool" pooling_param { pool: AVE kernel_size: 2 stride: 2 } }
layer { name: "fc" type: "InnerProduct" bottom: "pool" top: "fc" inner_product_param { num_output: 5 } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "fc" top: "loss" }
"""
V1 = """
name: "small" input: "data" input_dim: 1 input_dim: 3 input_dim: 8 input_dim: 8
layers { name: "conv" type: CONVOLUTION bottom: "data" top: "conv" blobs_lr: 1 param: "shared"
         convolution_param { num_output: 4 kernel_size: 3 pad: 1 stride: 2 bias_term: false } }
layers { name: "relu" type: 18 bottom: "conv" top: "conv" }
layers { name: "pool" type: POOLING bottom: "conv" top: "pool" pooling_param { pool: 1 kernel_size: 2 stride: 2 } }
layers { name: "fc" type: 14 bottom: "pool" top: "fc" inner_product_param { num_output: 5 } }
layers { name: "loss" type: SOFTMAX_LOSS bottom: "fc" top: "loss" }
"""
V0 = """
name: "small" input: "data" input_dim: [1, 3, 8, 8]
layers { layer { name: "pad" type: "padding" pad: 1 } bottom: "data" top: "pad" }
layers { layer { name: "conv" type: "conv" num_output: 4 kernelsize: 3 stride: 2 biasterm: false } bottom: "pad" top: "conv" }
layers { layer { name: "relu" type: "relu" } bottom: "conv" top: "conv" }
layers { layer { name: "pool" type: "pool" pool: AVE kernelsize: 2 stride: 2 } bottom: "conv" top: "pool" }
layers { layer { name: "fc" type: "innerproduct" num_output: 5 } bottom: "pool" top: "fc" }
layers { layer { name: "loss" type: "softmax_loss" } bottom: "fc" top: "loss" }
"""


def facts(it: Architecture) -> list[tuple[object, ...]]:
    return [(op.id, op.kind, op.op, op.shape, op.parameters, op.macs) for op in it.ops if op.op != "Padding"]


def links(it: Architecture) -> list[tuple[str, str]]:
    return [(edge.source, edge.target) for edge in it.edges]


def test_the_three_formats_of_one_net_are_one_architecture(tmp_path: Path):
    new, old, oldest = (net(tmp_path, text) for text in (V2, V1, V0))
    assert [it.extra["format"] for it in (new, old, oldest)] == ["V2", "V1", "V0"]
    assert facts(new) == facts(old) == facts(oldest) == [
        ("data", "input", "Input", (3, 8, 8), 0, 0),
        ("conv", "conv", "Convolution", (4, 4, 4), 108, 27 * 64),
        ("relu", "act", "ReLU", (4, 4, 4), 0, 0),
        ("pool", "pool", "Pooling", (4, 2, 2), 0, 0),
        ("fc", "linear", "InnerProduct", (5,), 16 * 5 + 5, 80),
        ("loss", "softmax", "SoftmaxWithLoss", (1,), 0, 0),
        ("@output", "output", "output", (1,), 0, 0),
    ]  # fmt: skip
    assert links(new)[:3] == [("data", "conv"), ("conv", "relu"), ("relu", "pool")]
    assert (new.title, new.parameters, new.macs) == ("small", 108 + 85, 27 * 64 + 80)
    assert new.notes == old.notes == oldest.notes == ()
    padding = oldest.by_id["pad"]
    assert (padding.shape, padding.kind) == ((3, 10, 10), "reshape")
    assert new.by_id["conv"].receptive_field == oldest.by_id["conv"].receptive_field == (3, 3)
    assert new.by_id["pool"].attributes[0] == old.by_id["pool"].attributes[0] == ("method", "average")


V1_TYPES = """
    None Accuracy BNLL Concat Convolution Data Dropout EuclideanLoss Flatten HDF5Data HDF5Output Im2col ImageData InfogainLoss
    InnerProduct LRN MultinomialLogisticLoss Pooling ReLU Sigmoid Softmax SoftmaxWithLoss Split TanH WindowData Eltwise Power
    SigmoidCrossEntropyLoss HingeLoss MemoryData ArgMax Threshold DummyData Slice MVN AbsVal Silence ContrastiveLoss Exp Deconvolution
""".split()  # noqa: SIM905
"""By number, as in enum V1LayerParameter.LayerType of Caffe's caffe.proto."""
V1_NAMES = {"HDF5Data": "HDF5_DATA", "HDF5Output": "HDF5_OUTPUT", "SoftmaxWithLoss": "SOFTMAX_LOSS"}


@pytest.mark.parametrize("number", range(40))
def test_types_of_the_old_format_by_number_and_by_name(number: int):
    type = V1_TYPES[number]
    parted = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type).upper()
    name = V1_NAMES.get(
        type, {"ARG_MAX": "ARGMAX", "ABS_VAL": "ABSVAL", "TAN_H": "TANH", "RE_LU": "RELU"}.get(parted, parted)
    )
    for written in (str(number), name):
        (found,) = layers_of(parse(f'layers {{ type: {written} top: "x" }}', "old.prototxt"))
        assert found.type == type


def test_chains_in_place_are_read_from_their_end(tmp_path: Path):
    text = IMAGE + layer("Convolution", "convolution_param { num_output: 4 kernel_size: 1 }", top="a", name="conv")
    text += "".join(layer(type, bottom="a", top="a", name=type) for type in ("BatchNorm", "Scale", "ReLU"))
    text += layer("Pooling", "pooling_param { kernel_size: 2 }", "a", "b", "pool") + layer(
        "Eltwise", "", "a a", "c", "sum"
    )
    it = net(tmp_path, text)
    assert links(it)[:6] == [
        ("data", "conv"),
        ("conv", "BatchNorm"),
        ("BatchNorm", "Scale"),
        ("Scale", "ReLU"),
        ("ReLU", "pool"),
        ("ReLU", "sum"),
    ]
    assert [op.id for op in it.ops if op.in_place] == ["BatchNorm", "Scale", "ReLU"]
    assert [op.memory for op in it.ops[:5]] == [4 * 3 * 99, 4 * 4 * 99, 0, 0, 0]
    assert it.by_id["BatchNorm"].parameters == 0
    assert it.by_id["Scale"].parameters == 4
    short = fused(without(it)).by_id["conv"]
    assert [part.id for part in short.parts] == ["conv", "BatchNorm", "Scale", "ReLU"]


def test_a_loss_that_does_not_name_what_it_gives_is_an_end_and_silence_is_none(tmp_path: Path):
    text = IMAGE + layer("ReLU", top="a", name="r") + layer("Silence", bottom="a", top="", name="s")
    it = net(tmp_path, text + layer("EuclideanLoss", bottom="a data", top="", name="loss"))
    assert links(it)[-1] == ("loss", "@output")
    assert [edge.source for edge in it.inputs_of["@output"]] == ["loss"]
    assert [op.id for op in net(tmp_path, text).ops] == ["data", "r", "s"]


def test_phases_levels_and_stages_choose_the_layers(tmp_path: Path):
    rules = {
        "train": "include { phase: TRAIN }",
        "number": "include { phase: 0 }",
        "test": "include { phase: TEST }",
        "either": 'include { phase: TRAIN } include { stage: "deploy" }',
        "both": 'include { phase: TEST stage: "deploy" }',
        "not": 'include { not_stage: "deploy" }',
        "low": "include { max_level: 1 }",
        "high": "exclude { max_level: 1 }",
        "never": "exclude { phase: TRAIN } exclude { phase: TEST }",
    }
    text = IMAGE + "".join(layer("ReLU", rule, "data", name, name) for name, rule in rules.items())

    def there(phase: str = "TEST", **more: object) -> list[str]:
        return [op.id for op in net(tmp_path, text, phase, **more).ops if op.op == "ReLU"]

    assert there() == ["test", "not", "low"]
    assert there("TRAIN") == ["train", "number", "either", "not", "low"]
    assert there(stages=("deploy",)) == ["test", "either", "both", "low"]
    assert there(level=2) == ["test", "not", "high"]
    text = f'state {{ level: 5 stage: "deploy" }} {text}'
    assert there() == ["test", "either", "both", "high"]
    assert there(level=0, stages=()) == ["test", "not", "low"]
    assert phases(tmp_path / "net.prototxt") == ("TRAIN", "TEST")
    net(tmp_path, IMAGE)
    assert phases(tmp_path / "net.prototxt") == ()


def test_one_name_in_two_phases_is_one_layer_in_each_and_twice_in_one_gets_a_number(tmp_path: Path):
    data = 'layer {{ name: "data" type: "Input" top: "data" include {{ phase: {} }} input_param {{ shape {{ dim: 1 dim: {} }} }} }}\n'
    text = (
        data.format("TRAIN", 3) + data.format("TEST", 4) + layer("ReLU", top="a") + layer("ReLU", bottom="a", top="b")
    )
    for phase, side in (("TRAIN", 3), ("TEST", 4)):
        it = net(tmp_path, text, phase)
        assert [op.id for op in it.ops] == ["data", "it", "it#2", "@output"]
        assert it.by_id["data"].shape == (side,)
        assert it.extra["phase"] == phase


def test_layers_without_a_name_take_that_of_what_they_give(tmp_path: Path):
    text = (
        IMAGE
        + 'layer { type: "ReLU" bottom: "data" top: "a" } layer { type: "Silence" bottom: "a" } layer { bottom: "a" top: "b" }'
    )
    it = net(tmp_path, text)
    assert [(op.id, op.op) for op in it.ops] == [
        ("data", "Input"), ("a", "ReLU"), ("Silence", "Silence"), ("b", "? ?"), ("@output", "output"),
    ]  # fmt: skip
    path = tmp_path / "nameless.prototxt"
    path.write_text(IMAGE.removeprefix('name: "net" '))
    assert read(path).title == "nameless"


def test_a_blob_that_no_layer_gives_comes_from_a_box_of_its_own(tmp_path: Path):
    it = net(tmp_path, IMAGE + layer("Eltwise", bottom="data late nowhere") + layer("ReLU", top="late", name="second"))
    assert links(it) == [
        ("data", "it"),
        ("late", "it"),
        ("nowhere", "it"),
        ("data", "second"),
        ("it", "@output"),
        ("second", "@output"),
    ]
    assert (it.by_id["nowhere"].kind, it.by_id["nowhere"].shape) == ("input", ())
    assert it.by_id["it"].shape == (3, 9, 11)
    assert it.notes == (
        "net.prototxt:2:59: No layer before it gives the blob late; second, in line 3, gives it too late.",
        "net.prototxt:2:74: No layer before it gives the blob nowhere.",
    )


def test_a_blob_that_is_missing_is_told_with_what_may_have_been_meant(tmp_path: Path):
    text = (
        IMAGE + layer("ReLU", top="conv1", name="one") + layer("ReLU", bottom="conv_1", top="a", name="two\\n\\033[31m")
    )
    text += layer("ReLU", bottom="r", top="b", name="three")
    text += 'layer { name: "r" type: "ReLU" bottom: "data" top: "r" include { phase: TRAIN } }\n'
    assert net(tmp_path, text).notes == (
        "net.prototxt:3:52: No layer before two [31m gives the blob conv_1 (the nearest: `conv1`).",
        "net.prototxt:4:44: No layer before three gives the blob r; r, in line 5, gives it in another phase alone.",
    )


def test_a_type_that_is_misspelt_is_told_with_the_nearest(tmp_path: Path):
    it = net(tmp_path, IMAGE + "\n" + layer("InerProduct") + 'layer { bottom: "out" top: "x" }')
    nearest, none = it.notes
    assert nearest.startswith(
        "net.prototxt:3:26: it: InerProduct is none of Caffe's layers (the nearest: `InnerProduct`, `Input`): what"
    )
    assert none == "net.prototxt:4:7: x: It has no type: what it gives is taken to have the shape of what it reads."


def test_a_thousand_mistakes_are_told_at_once(tmp_path: Path):
    text = IMAGE + "".join(layer("ReLU", bottom=f"b{k}x", top=f"t{k}", name=f"n{k}") for k in range(1000))
    notes = net(tmp_path, text).notes
    assert len(notes) == 1000
    assert sum("nearest" in note for note in notes) <= 50


def test_an_unknown_layer_hands_its_shape_on_and_is_marked(tmp_path: Path):
    it = net(
        tmp_path,
        IMAGE + layer("Magic", "magic_param { spell: 'abra' }", top="a b") + layer("ReLU", bottom="b", name="r"),
    )
    odd = it.by_id["it"]
    assert (odd.op, odd.kind, odd.shape, odd.attributes) == ("Magic ?", "other", (3, 9, 11), (("spell", "abra"),))
    assert odd.note == "Magic is none of Caffe's layers: what it gives is taken to have the shape of what it reads."
    assert it.notes == (f"net.prototxt:2:26: it: {odd.note}",)
    assert it.by_id["r"].shape == (3, 9, 11)
    alone = net(tmp_path, layer("Magic", bottom="", top="a") + layer("ReLU", bottom="a", name="r"))
    assert alone.by_id["r"].shape == ()
    assert "is not known" in alone.notes[0]


def test_what_python_layers_do_stands_elsewhere(tmp_path: Path):
    said = "python_param { module: 'mine' layer: 'Images' }"
    it = net(
        tmp_path,
        layer("Python", said, "", "data", "read")
        + layer("Python", "", top="b", name="more")
        + layer("ReLU", bottom="b", name="r"),
    )
    assert it.by_id["read"].note == "What it does stands in mine.Images: what it gives is not known."
    assert (
        it.by_id["more"].note
        == "What it does stands in a program: what it gives is taken to have the shape of what it reads."
    )
    assert (it.by_id["read"].op, it.by_id["r"].shape) == ("Python", ())


def test_what_the_file_does_not_tell_is_unknown_until_it_is_told_again(tmp_path: Path):
    text = layer("Data", "data_param { batch_size: 4 }", "", "data label", "data")
    text += layer("Convolution", "convolution_param { num_output: 8 kernel_size: 3 }", top="a", name="conv")
    text += layer("InnerProduct", "inner_product_param { num_output: 10 }", "a", "b", "fc1")
    text += layer("InnerProduct", "inner_product_param { num_output: 20 }", "b", "c", "fc2")
    it = net(tmp_path, text)
    assert [op.shape for op in it.ops] == [(), (), (10,), (20,), (20,)]
    assert [op.parameters for op in it.ops] == [0, 8, 10, 220, 0]
    assert it.by_id["fc2"].macs == 200
    assert it.notes[0].startswith("net.prototxt:1:7: data: The file does not say how large its images are")
    assert it.notes[-1].endswith("multiply-accumulates of conv, fc1.")
    told = net(tmp_path, text, shape=(1, 12, 12))
    assert [op.shape for op in told.ops] == [(1, 12, 12), (8, 10, 10), (10,), (20,), (20,)]
    assert told.notes == ()
    assert told.parameters == 80 + 8010 + 220


def test_shared_weights_count_once(tmp_path: Path):
    share = 'param { name: "w" } param { name: "b" } inner_product_param { num_output: 4 }'
    text = IMAGE + layer("InnerProduct", share, top="a", name="one") + layer("InnerProduct", share, top="b", name="two")
    it = net(tmp_path, text)
    assert [it.by_id[name].parameters for name in ("one", "two")] == [297 * 4 + 4, 0]
    assert [op.shared for op in it.ops] == [0, 1, 1, 0]
    assert it.by_id["two"].note == "Shares its weights with one."
    assert it.parameters == 297 * 4 + 4
    assert it.macs == 2 * 297 * 4


def test_names_with_slashes_make_blocks_that_close(tmp_path: Path):
    names = ("stem", "a/x/1", "a/x/2", "a/y", "b/1", "b/2", "a/z", "a/w", "/odd", "end/")
    text = IMAGE + "".join(
        layer("ReLU", bottom=("data", *names)[k], top=name, name=name) for k, name in enumerate(names)
    )
    it = net(tmp_path, text)
    assert [(block.id, block.start, block.stop) for block in it.blocks] == [
        ("a", 2, 5),
        ("a/x", 2, 4),
        ("b", 5, 7),
        ("a#2", 7, 9),
    ]
    assert [op.id for op in at_depth(it, 0).ops] == ["data", "stem", "a", "b", "a#2", "/odd", "end/", "@output"]
    assert [op.id for op in at_depth(it, 1).ops][2:4] == ["a/x", "a/y"]


def test_hostile_names_stay_names_and_ids_stay_unique(tmp_path: Path):
    evil = r"</text><script>alert(1)</script>\042\n"
    text = IMAGE + layer("ReLU", top="a", name=evil) + layer("ReLU", bottom="a", top="b", name="@output")
    text += (
        layer("ReLU", bottom="b", top="c", name="x")
        + layer("ReLU", bottom="c", top="d", name="x#2")
        + layer("ReLU", bottom="d", top="e", name="x")
    )
    it = net(tmp_path, text)
    assert it.ops[1].id == '</text><script>alert(1)</script>"\n'
    assert [op.id for op in it.ops[2:]] == ["@output#2", "x", "x#2", "x#2#2", "@output"]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "net.prototxt: expected a net with layers, found none"),
        ('net: "train.prototxt" base_lr: 0.1', "found none: this is a solver; its net is in train.prototxt"),
        ('layer { type: "ReLU" include { phase: TRAIN } }', "expected layers for the phase TEST, found 1 for others alone"),
        ("layer {", "net.prototxt:1:8: expected a field's name or `}`, received the end of the file"),
        ("layer: 3", "net.prototxt:1:8: layer: expected `{`, received `3`"),
        (IMAGE + layer("Convolution"), "net.prototxt:2:7: Convolution: expected num_output, received none"),
        (IMAGE + layer("Pooling"), "net.prototxt:2:7: Pooling: expected kernel_size, or kernel_h and kernel_w; received neither"),
        (IMAGE + layer("Pooling", "pooling_param { kernal_size: 2 }"), "kernel_h and kernel_w; received neither (but kernal_size)"),
        (IMAGE + layer("Pooling", "pooling_param { kernel_size: 2\nstride: 0 }"), "net.prototxt:3:9: stride: expected at least 1, received `0`"),
    ],
)  # fmt: skip
def test_what_cannot_be_drawn_is_the_user_s_error(tmp_path: Path, text: str, error: str):
    with pytest.raises(UserError) as raised:
        net(tmp_path, text)
    assert error in str(raised.value)


def test_files_that_cannot_be_read_are_the_user_s_error(tmp_path: Path):
    (tmp_path / "latin.prototxt").write_bytes(b'name: "a"\n# caf\xe9')
    for name, error in (
        ("none.prototxt", "No such file"),
        (".", "directory"),
        ("latin.prototxt", "latin.prototxt:2: expected text in UTF-8, received the byte 0xE9"),
    ):
        with pytest.raises(UserError, match=error):
            read(tmp_path / name)
    with pytest.raises(UserError, match="phase: expected TRAIN or TEST, received 'test'"):
        net(tmp_path, IMAGE, "test")
