"""Nets with other types, numbers, blobs and settings than their authors meant: a drawing or the user's error, nothing else."""

import random
import re
from pathlib import Path

from generator.diagrams.architecture import Architecture
from generator.diagrams.prototxt.shapes import RULES
from generator.errors import UserError
from generator.resources import packaged
from tests.diagrams.prototxt.nets import IMAGE, layer, net

NUMBERS = ("0", "1", "2", "3", "-1", "7", "100", "999999999999", "1.5", "nan", "[1, 2, 3]", "[]", "true", '"x"', "{}")
FIELDS = ("num_output", "kernel_size", "kernel_h", "pad", "stride", "dilation", "group", "axis", "num_axes", "offset", "slice_point",
          "top_k", "pyramid_height", "tiles", "batch_size", "channels", "dim", "global_pooling", "zoom_factor", "concat_dim")  # fmt: skip
PARAMS = (
    "convolution",
    "pooling",
    "inner_product",
    "concat",
    "slice",
    "crop",
    "reshape",
    "flatten",
    "scale",
    "tile",
    "interp",
    "spp",
)


def chain(chance: random.Random) -> str:
    """Twenty layers of any type, each of which reads one or two before it."""
    blobs, text = ["data"], IMAGE
    for number, type in enumerate(chance.sample(sorted(RULES), 20)):
        bottom = " ".join(chance.choice(blobs[-3:]) for _ in range(chance.choice((1, 1, 2))))
        param = f"{chance.choice(PARAMS)}_param {{ {chance.choice(FIELDS)}: {chance.choice(NUMBERS[:8])} }}"
        needed = "".join(
            f"{name}_param {{ num_output: 4 kernel_size: 2 }} "
            for name in ("convolution", "inner_product", "pooling", "recurrent", "embed")
        )
        text += layer(type, needed + param, bottom, f"b{number}", f"layer{number}")
        blobs.append(f"b{number}")
    return text


def bent(text: str, chance: random.Random) -> str:
    """With a few numbers, types and blobs exchanged."""
    text = re.sub(r"(?<=: )\d+", lambda m: m[0] if chance.random() < 0.98 else chance.choice(NUMBERS), text)
    text = re.sub(
        r'type: "\w+"', lambda m: m[0] if chance.random() < 0.97 else f'type: "{chance.choice((*RULES, "Foo"))}"', text
    )
    return re.sub(
        r'bottom: "\w+"',
        lambda m: m[0] if chance.random() < 0.98 else chance.choice(("", m[0] * 2, 'bottom: "gone"')),
        text,
    )


def sound(it: Architecture) -> None:
    place = {op.id: number for number, op in enumerate(it.ops)}
    assert len(place) == len(it.ops)
    assert all(place[edge.source] < place[edge.target] for edge in it.edges)
    assert all(side > 0 for op in it.ops for side in op.shape)
    assert all(op.parameters >= 0 and op.macs >= 0 and op.memory >= 0 for op in it.ops)
    assert all(0 <= block.start < block.stop <= len(it.ops) for block in it.blocks)


def test_bent_nets_are_drawn_or_refused_in_words(tmp_path: Path):
    chance, drawn = random.Random(0), 0
    written = [
        packaged(f"inputs/prototxt/{name}.prototxt").read_text(encoding="utf-8")
        for name in ("lenet", "alexnet", "unet_like")
    ]
    for number in range(150):
        text = bent(chain(chance) if number % 3 else chance.choice(written), chance)
        said = drawn_or_said(tmp_path, text, chance.choice(("TRAIN", "TEST")))
        drawn += said == ""
        assert "\n" not in said
    assert 30 < drawn < 150


def drawn_or_said(folder: Path, text: str, phase: str) -> str:
    """What the user's error says; nothing where there is a sound architecture."""
    try:
        sound(net(folder, text, phase))
    except UserError as error:
        return str(error)
    return ""
