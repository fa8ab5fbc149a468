"""One rendering at a time in a folder."""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from pathlib import Path
from unittest.mock import Mock

import pytest

from generator.config import ReportConfig
from generator.errors import UserError
from generator.pages import write
from generator.pages.turn import turn
from generator.pages.views import Report

HOLD = """
import sys, time
from pathlib import Path
from generator.pages.turn import turn
from generator.pages.views import Report
with turn(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def holder(tmp_path: Path):
    """Another process that has the folder build/pages until a line is written to it."""
    command = [sys.executable, "-c", HOLD, str(tmp_path / "build/pages")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        yield other
        other.kill()


def test_a_second_build_waits_and_says_so_where_the_first_never_ends(
    holder: subprocess.Popen[str], tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="another build has been writing"), turn(tmp_path / "build/pages", longest=0.1):
        pass
    with turn(tmp_path / "build/other", longest=0.1):
        """Another folder is free."""
    assert holder.stdin is not None
    holder.stdin.write("\n")
    holder.stdin.flush()
    with turn(tmp_path / "build/pages", longest=30):
        """The first is done."""


def test_a_site_is_written_in_its_turn(
    holder: subprocess.Popen[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(write, "turn", partial(turn, longest=0.1))
    monkeypatch.setattr(write, "render", lambda *_, **__: pytest.fail("written while another build wrote"))
    with pytest.raises(UserError, match="another build"):
        write.write_site(ReportConfig(out=tmp_path / "site"), Mock(spec=Report))


def test_what_a_killed_build_held_is_free(holder: subprocess.Popen[str], tmp_path: Path) -> None:
    holder.kill()
    holder.wait()
    with turn(tmp_path / "build/pages", longest=1):
        """No stale lock."""


def test_where_no_lock_can_be_kept_the_writing_goes_on(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with turn(tmp_path / "file" / "pages", longest=1):
        """Whoever writes there says what is wrong."""


def test_a_failure_inside_is_the_callers_own(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="mine"), turn(tmp_path / "pages"):
        raise OSError("mine")
    with turn(tmp_path / "pages", longest=0.1):
        """Given back."""
