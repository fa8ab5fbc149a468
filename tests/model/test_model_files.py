"""Weights and labels from files, right or wrong in every way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import torchvision
from safetensors.torch import save_file
from torch import nn

from tests.model.loading import NET, at, refused


def state_of_ones() -> dict[str, torch.Tensor]:
    return {
        "0.weight": torch.ones(4, 1, 3, 3),
        "0.bias": torch.ones(4),
        "4.weight": torch.ones(3, 4),
        "4.bias": torch.ones(3),
    }


def test_safetensors_and_pth_bare_nested_and_prefixed(folder: Path) -> None:
    state = state_of_ones()
    save_file(state, folder / "a.safetensors")
    torch.save(state, folder / "b.pth")
    torch.save({"model": state, "epoch": 3, "best": 0.5}, folder / "c.pt")
    torch.save({"model_state_dict": {f"module.{name}": value for name, value in state.items()}}, folder / "d.pth")
    torch.save({"state_dict": {f"_orig_mod.{name}": value for name, value in state.items()}}, folder / "e.ckpt")
    found = {at(NET, weights=file).weights_digest for file in ("a.safetensors", "b.pth", "c.pt", "d.pth", "e.ckpt")}
    assert len(found) == 1
    assert found != {at(NET).weights_digest}
    assert at(NET, weights="b.pth").notes[-1] == "weights: the file b.pth"


class Harmful:
    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path("it_ran"),)


def test_a_pickle_that_needs_more_is_refused_and_never_run(folder: Path) -> None:
    torch.save({"state_dict": state_of_ones(), "extra": Harmful()}, folder / "harmful.pth")
    message = refused(NET, weights="harmful.pth")
    assert "holds more than tensors" in message
    assert "(getattr)" in message  # what the pickle would have called
    assert "could run any code" in message
    assert not (folder / "it_ran").exists()
    torch.save(nn.Linear(2, 2), folder / "whole.pth")
    assert "holds more than tensors" in refused(NET, weights="whole.pth")


def test_what_does_not_fit_is_named(folder: Path) -> None:
    state = state_of_ones()
    del state["4.bias"]
    state["extra.weight"] = torch.ones(2)
    state["0.bias"] = torch.ones(5)
    torch.save(state, folder / "wrong.pth")
    message = refused(NET, weights="wrong.pth")
    assert "lacks 4.bias" in message
    assert "has extra.weight, which the model does not know" in message
    assert "another shape for 0.bias (5 for 4)" in message


def test_files_that_are_no_weights(folder: Path) -> None:
    (folder / "empty.pth").write_bytes(b"")
    (folder / "text.safetensors").write_text("hello, this is a text and no weights")
    (folder / "cut.pth").write_bytes(b"PK\x03\x04 half a zip file")
    (folder / "page.pth").write_text("<html>404</html>")
    (folder / "words.pth").write_text("hello world")
    (folder / "picture.png").write_bytes(b"x")
    torch.save([1, 2], folder / "list.pth")
    torch.save({"epoch": 1}, folder / "epoch.pth")
    for name in ("empty.pth", "text.safetensors", "cut.pth", "page.pth", "words.pth"):
        assert f"cannot read {name} as weights" in refused(NET, weights=name)
    assert "expected a .safetensors or .pth file" in refused(NET, weights="picture.png")
    assert "expected a state_dict in list.pth, received list" in refused(NET, weights="list.pth")
    assert "expected tensors in epoch.pth, received epoch" in refused(NET, weights="epoch.pth")
    assert "found none at absent.pth" in refused(NET, weights="absent.pth")


def test_weights_that_are_not_finite_are_named(folder: Path) -> None:
    state = state_of_ones()
    state["4.bias"][1] = float("inf")
    save_file(state, folder / "inf.safetensors")
    assert "received infinity in 4.bias" in refused(NET, weights="inf.safetensors")


# ---- labels


def test_labels_are_kept_raw(folder: Path) -> None:
    hostile = ["<script>alert(1)</script>", "a\u2028b \u202e c", "  spaced | piped  "]
    (folder / "labels.txt").write_bytes("\r\n".join(hostile).encode() + b"\r\n\r\n")
    assert at(NET, labels="labels.txt").labels == tuple(hostile)
    (folder / "bom.txt").write_bytes(b"\xef\xbb\xbfone\n\nthree")
    assert at(NET, labels="bom.txt").labels == ("one", "", "three")
    imagenet = at(NET, labels="imagenet").labels
    assert imagenet is not None
    assert list(imagenet) == torchvision.models.ResNet18_Weights.IMAGENET1K_V1.meta["categories"]


def test_labels_that_cannot_be_read(folder: Path) -> None:
    (folder / "empty.txt").write_text("\n\n")
    (folder / "latin.txt").write_bytes("Bär".encode("latin-1"))
    assert "cannot read absent.txt" in refused(NET, labels="absent.txt")
    assert "received an empty file" in refused(NET, labels="empty.txt")
    assert "save it as UTF-8" in refused(NET, labels="latin.txt")
