"""What is shared between files and workers is made once, and begun again where it failed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.shared import once


def test_it_is_made_once_and_begun_again_where_it_failed(tmp_path_factory: pytest.TempPathFactory):
    asked = []

    def make(folder: Path) -> None:
        asked.append(sorted(file.name for file in folder.iterdir()))
        (folder / "half").touch()
        if len(asked) == 1:
            raise ValueError("no")
        (folder / "whole").touch()

    with pytest.raises(ValueError, match="no"):
        once(tmp_path_factory, "of a test", make)
    first, again = (once(tmp_path_factory, "of a test", make) for _ in "ab")
    assert first == again and asked == [[], []]
    assert sorted(file.name for file in again.iterdir()) == ["half", "whole"]


@pytest.mark.parametrize("worker", [None, "gw0"])
def test_workers_share_a_folder_and_a_run_alone_keeps_it_to_itself(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, worker: str | None
):
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    if worker is not None:
        monkeypatch.setenv("PYTEST_XDIST_WORKER", worker)
    base = tmp_path_factory.mktemp("base") / "popen"
    base.mkdir()
    monkeypatch.setattr(tmp_path_factory, "getbasetemp", lambda: base)
    assert once(tmp_path_factory, "mine", lambda folder: None).parent == (base.parent if worker else base)
