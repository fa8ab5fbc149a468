"""A working directory with a user's own model in it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.model.loading import MODEL


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "net.py").write_text(MODEL)
    (tmp_path / "models" / "neighbour.py").write_text("CLASSES = 3\n")
    (tmp_path / "package_of_mine").mkdir()
    (tmp_path / "package_of_mine" / "__init__.py").write_text("")
    (tmp_path / "package_of_mine" / "nets.py").write_text(MODEL.replace("from neighbour import CLASSES", "CLASSES = 3"))
    (tmp_path / "package_of_mine" / "needs.py").write_text("import a_module_that_is_nowhere\n")
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith(("package_of_mine", "neighbour"))]:
        del sys.modules[name]
