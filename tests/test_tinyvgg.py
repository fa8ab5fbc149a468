"""The committed digits model is what its file says: its size, its accuracy on the digits it never saw."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file

from generator.images import load, scan
from generator.model.preprocess import Preprocess

INPUTS = Path(__file__).parents[1] / "inputs"
WEIGHTS = INPUTS / "models" / "tinyvgg_digits.safetensors"


@pytest.fixture(scope="module")
def scripts() -> Iterator[SimpleNamespace]:
    """The three files of inputs/models, imported as the script finds them: beside each other."""
    sys.path.insert(0, str(INPUTS / "models"))
    try:
        import digits
        import tinyvgg
        import train_tinyvgg

        yield SimpleNamespace(digits=digits, tinyvgg=tinyvgg, train=train_tinyvgg)
    finally:
        sys.path.remove(str(INPUTS / "models"))


@pytest.fixture(scope="module")
def model(scripts: SimpleNamespace) -> torch.nn.Module:
    network = scripts.tinyvgg.build()
    network.load_state_dict(load_file(WEIGHTS))
    return network.eval()


def test_parameters_by_hand(model: torch.nn.Module) -> None:
    # 3x3 kernels: 1 -> 12 -> 12 -> 20 -> 20, then 20 x 8 x 8 -> 10; each with its bias.
    by_hand = (9 * 12 + 12) + (9 * 144 + 12) + (9 * 240 + 20) + (9 * 400 + 20) + (1280 * 10 + 10)
    assert sum(parameter.numel() for parameter in model.parameters()) == by_hand == 20_038


def test_layers_are_named_as_a_reader_expects(model: torch.nn.Module) -> None:
    names = [
        "conv1_1",
        "relu1_1",
        "conv1_2",
        "relu1_2",
        "pool1",
        "conv2_1",
        "relu2_1",
        "conv2_2",
        "relu2_2",
        "pool2",
        "flatten",
        "fc",
    ]
    assert [name for name, _ in model.named_children()] == names


def test_the_file_is_light_and_says_what_it_is() -> None:
    assert WEIGHTS.stat().st_size <= 300_000
    with safe_open(WEIGHTS, "pt") as file:
        facts = file.metadata()
    assert facts["seed"].isdigit()
    assert float(facts["accuracy"]) >= 0.97
    assert facts["torch"].startswith("2.")


def test_accuracy_on_the_held_out_fifth(model: torch.nn.Module, scripts: SimpleNamespace) -> None:
    pictures, labels, held_out = scripts.digits.load()
    assert held_out.sum() == 360
    assert len(labels) == 1797
    preprocess = Preprocess((32, 32), 32, mean=scripts.tinyvgg.MEAN, std=scripts.tinyvgg.STD, channels=1)
    x = torch.stack([preprocess(Image.fromarray(picture)) for picture in pictures[held_out]])
    with torch.inference_mode():
        right = (model(x).argmax(dim=1).numpy() == labels[held_out]).mean()
    assert right >= 0.97
    with safe_open(WEIGHTS, "pt") as file:
        assert right == pytest.approx(float(file.metadata()["accuracy"]), abs=1 / 360)


def test_the_sample_digits_are_held_out_ones(scripts: SimpleNamespace) -> None:
    pictures, labels, held_out = scripts.digits.load()
    found = scan(INPUTS / "digits")
    assert [record.name for record in found.images] == [f"{digit}-a" for digit in range(10)]
    for digit, record in enumerate(found.images):
        same = (pictures == np.asarray(load(record, channels=1))).all(axis=(1, 2))
        assert held_out[same].all()
        assert labels[same].tolist() == [digit]


def test_training_starts_alike_from_one_seed(scripts: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    # One epoch on 128 digits: enough that a forgotten generator would show, and that the loss falls.
    pictures, labels, held_out = (torch.from_numpy(array) for array in scripts.digits.load())
    x, y = scripts.train.as_input(pictures[~held_out])[:128], labels[~held_out][:128]
    monkeypatch.setattr(scripts.train, "EPOCHS", 2)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        first, second, other = (scripts.train.train(x, y, seed).state_dict() for seed in (3, 3, 4))
    finally:
        torch.set_num_threads(threads)
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not torch.equal(first["fc.weight"], other["fc.weight"])


def test_a_shift_moves_by_at_most_two_pixels(scripts: SimpleNamespace) -> None:
    batch = torch.zeros(200, 1, 9, 9)
    batch[:, :, 4, 4] = 1
    moved = scripts.train.shifted(batch, torch.Generator().manual_seed(0))
    rows, columns = moved.nonzero()[:, 2], moved.nonzero()[:, 3]
    assert len(rows) == 200
    assert set(rows.tolist()) == set(columns.tolist()) == {2, 3, 4, 5, 6}


def test_the_input_is_normalised_as_the_report_will(scripts: SimpleNamespace) -> None:
    picture = torch.arange(256, dtype=torch.uint8).reshape(1, 16, 16)
    preprocess = Preprocess((16, 16), mean=scripts.tinyvgg.MEAN, std=scripts.tinyvgg.STD, channels=1)
    assert torch.equal(scripts.train.as_input(picture)[0], preprocess(Image.fromarray(picture[0].numpy())))
