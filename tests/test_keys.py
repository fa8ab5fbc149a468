"""Keys: every dependency changes them, and nothing else does."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch
from torch import nn

from generator.config import ModelConfig
from generator.methods.activation_maximization import ActivationMaximization
from generator.methods.grad_cam import GradCAM
from generator.model.load import load
from generator.names import ClassTarget, Digest, LayerName, RankTarget
from generator.report import keys
from generator.report.keys import ModelKey, cell_key, code_of, method_digest

MODEL = ModelKey(Digest("w"), Digest("s"), "resized")
LAYER = LayerName("conv1")


def key(**change: object) -> str:
    parts: dict[str, object] = {"layer": LAYER, "image": Digest("i"), "targets": (RankTarget(1),), "method": GradCAM()}
    parts |= change
    model = parts.pop("model", MODEL)
    return cell_key(model, parts.pop("method"), parts.pop("layer"), **parts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "change",
    [
        {"layer": LayerName("conv2")},
        {"image": Digest("j")},
        {"targets": (RankTarget(2),)},
        {"targets": (ClassTarget(1),)},
        {"method": ActivationMaximization()},
        {"model": ModelKey(Digest("v"), Digest("s"), "resized")},
        {"model": ModelKey(Digest("w"), Digest("t"), "resized")},
        {"model": ModelKey(Digest("w"), Digest("s"), "cropped")},
        {"seed": 1},
    ],
)
def test_every_part_changes_the_key(change: dict[str, object]):
    assert key(**change) != key()


def test_the_engine_and_the_libraries_change_the_key(monkeypatch: pytest.MonkeyPatch):
    before = key()
    with monkeypatch.context() as patch:
        patch.setattr(keys, "engine_digest", lambda: Digest("other"))
        assert key() != before
    with monkeypatch.context() as patch:
        patch.setattr(keys, "_versions", lambda: ("torch 9",))
        assert key() != before
    assert key() == before


def test_an_option_changes_the_key_and_one_that_no_result_depends_on_does_not():
    same = key(method=ActivationMaximization())
    assert key(method=ActivationMaximization(steps=3)) != same
    assert key(method=ActivationMaximization(batch=3, layers="all")) == same


SOURCE = '''
"""A file."""
from x import y

@dataclass
class M:
    """A method."""

    caption: ClassVar[str] = "words"
    papers = ("a",)
    steps: int = field(default=3, metadata={"doc": "words"})
    """How many."""

    def compute(self):
        """Words."""
        return 1  # reason
'''


@pytest.mark.parametrize(
    "old, new", [("words", "others"), ("Words.", "W."), ("# reason", ""), ('("a",)', '("b",)'), ("A file", "F")]
)
def test_rewording_changes_no_code(old: str, new: str):
    assert code_of(SOURCE.replace(old, new)) == code_of(SOURCE)


@pytest.mark.parametrize("old, new", [("return 1", "return 2"), ("default=3", "default=4"), ("from x", "from z")])
def test_a_changed_line_changes_code(old: str, new: str):
    assert code_of(SOURCE.replace(old, new)) != code_of(SOURCE)


def forget() -> None:
    """Files are read once a process."""
    keys.code_digest.cache_clear()
    keys._read.cache_clear()
    keys._engine.cache_clear()
    keys.engine_digest.cache_clear()


def change(monkeypatch: pytest.MonkeyPatch, file: str) -> None:
    """From now on files of this name have a line more."""
    read = Path.read_text

    def changed(self: Path, *args: object, **more: object) -> str:
        return read(self, *args, **more) + ("\nCHANGED = 1\n" if self.name == file else "")  # type: ignore[arg-type]

    monkeypatch.setattr(Path, "read_text", changed)


def test_a_method_depends_on_the_modules_that_it_imports(monkeypatch: pytest.MonkeyPatch):
    forget()
    before = method_digest(ActivationMaximization), method_digest(GradCAM)
    forget()
    change(monkeypatch, "fourier.py")
    after = method_digest(ActivationMaximization), method_digest(GradCAM)
    forget()
    assert after[0] != before[0] and after[1] == before[1]


@pytest.mark.parametrize(
    ("file", "counts"),
    [("receptive.py", True), ("reach_enlarged.py", True), ("within.py", True), ("from_timm.py", False)],
)
def test_the_engine_is_all_that_it_imports_of_the_model(monkeypatch: pytest.MonkeyPatch, file: str, counts: bool):
    forget()
    before = keys.engine_digest()
    forget()
    change(monkeypatch, file)
    after = keys.engine_digest()
    forget()
    assert (after != before) is counts


@pytest.mark.parametrize(
    ("of", "file"), [("generator.trust.faithfulness", "perturb.py"), ("generator.trust.faithfulness", "impute.py")]
)
def test_a_module_imported_from_its_package_counts(monkeypatch: pytest.MonkeyPatch, of: str, file: str):
    forget()
    before = keys.code_digest(of)
    forget()
    change(monkeypatch, file)
    after = keys.code_digest(of)
    forget()
    assert after != before


class Scaled(nn.Module):
    """A model with a number that is no parameter and no part of its printed form."""

    def __init__(self, alpha: float) -> None:
        super().__init__()
        self.alpha, self.conv = alpha, nn.Conv2d(1, 1, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.alpha * self.conv(x)


def test_a_plain_attribute_of_a_module_counts_and_its_mode_does_not():
    def of(model: nn.Module) -> ModelKey:
        return ModelKey.of(model, Digest("w"), "")

    assert of(Scaled(1.0)) == of(Scaled(1.0).eval()) != of(Scaled(2.0))


def test_the_users_own_code_counts_the_factory_and_what_it_imports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "helping.py").write_text("def scale(x):\n    return 2 * x\n")
    (tmp_path / "make.py").write_text(
        "from torch import nn\nimport helping\n\n\nclass Net(nn.Sequential):\n    def forward(self, x):\n"
        "        return helping.scale(super().forward(x))\n\n\ndef build():\n    return Net(nn.Conv2d(1, 2, 1))\n"
    )
    source = f"python:{tmp_path / 'make.py'}:build"

    def of() -> ModelKey:
        torch.manual_seed(0)
        monkeypatch.delitem(sys.modules, "helping", raising=False)
        loaded = load(ModelConfig(source=source, input={"size": 8}))
        return ModelKey.of(loaded.module, Digest("w"), "", loaded.source)

    before = of()
    assert of() == before
    (tmp_path / "helping.py").write_text("def scale(x):\n    return 30 * x\n")
    assert of() != before


@dataclass(frozen=True)
class Loose:
    """Options: one that results depend on, one that they do not."""

    size: int = 1
    batch: int = field(default=1, metadata={"key": False})


def test_options_say_whether_results_depend_on_them():
    assert dict(keys.options_of(Loose(2, 3))) == {"size": 2}
