"""What `make` needs of a computer: found, installed, or named in one sentence with failure."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

TOOLS = Path(__file__).resolve().parent.parent / "tools"


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """The only folder on the PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    return folder


def program(folder: Path, name: str, body: str) -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def run(
    tool: str, programs: Path, *arguments: str, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    command = ["/bin/sh", str(TOOLS / tool), *arguments]
    variables = {"PATH": str(programs), **(env or {})}
    return subprocess.run(command, env=variables, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)


def said_and_failed(done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert done.returncode == 1
    assert done.stdout == ""
    last = done.stderr.splitlines()[-1]
    assert all(word in last for word in words), done.stderr


def test_a_python_that_is_new_enough_is_found(programs: Path):
    program(programs, "python3", 'case "$2" in *version_info*) exit 1;; esac')  # 3.10, say
    good = program(programs, "python3.12", "exit 0")
    done = run("python.sh", programs)
    assert (done.returncode, done.stdout) == (0, f"{good}\n")
    own = program(programs, "mine", "exit 0")
    assert run("python.sh", programs, env={"PYTHON": "mine"}).stdout == f"{own}\n"


def test_no_python_is_one_sentence(programs: Path):
    said_and_failed(run("python.sh", programs), "needs Python 3.11 or newer", "install python3 and python3-venv")


def test_a_python_without_venv_is_one_sentence_that_names_the_package(programs: Path):
    program(programs, "python3.11", 'case "$2" in *ensurepip*) exit 1;; esac')
    done = run("python.sh", programs)
    said_and_failed(done, "python3.11 cannot make virtual environments", "apt-get install python3-venv")
    assert done.stderr.count("\n") == 1


def test_a_browser_on_the_path_is_enough(programs: Path):
    program(programs, "chromium", "exit 0")
    assert run("browser.sh", programs, "/nowhere").returncode == 0


def test_a_chrome_path_that_leads_nowhere_is_said(programs: Path):
    program(programs, "chromium", "exit 0")
    done = run("browser.sh", programs, "/nowhere", env={"CHROME_PATH": "/nowhere/chrome"})
    said_and_failed(done, "CHROME_PATH is set to /nowhere/chrome")


def test_no_browser_is_one_sentence_and_failure_never_a_skip(programs: Path):
    program(programs, "id", "echo 1000")
    python = program(programs, "python", "exit 1")
    done = run("browser.sh", programs, str(python))
    said_and_failed(done, "none could be had", "apt-get install chromium", "CHROME_PATH")


def test_root_installs_one_with_the_system_s_packages(programs: Path):
    program(programs, "id", "echo 0")
    python = program(programs, "python", "exit 1")
    log = programs.parent / "log"
    program(
        programs,
        "apt-get",
        f'echo "$@" >> {log}\n'
        f'case "$1" in install) printf "#!/bin/sh\\n" > {programs}/chromium; /bin/chmod +x {programs}/chromium;; esac',
    )
    assert run("browser.sh", programs, str(python)).returncode == 0
    assert log.read_text(encoding="utf-8").splitlines() == ["update", "install -y --no-install-recommends chromium"]


def test_others_get_playwright_s_own(programs: Path):
    program(programs, "id", "echo 1000")
    mark = programs.parent / "fetched"
    python = program(
        programs, "python", f'case "$*" in "-m playwright install chromium") : > {mark};; *) [ -e {mark} ];; esac'
    )
    assert run("browser.sh", programs, str(python)).returncode == 0
    assert mark.exists()


def test_a_pdflatex_with_tikz_is_enough(programs: Path):
    program(programs, "pdflatex", "exit 0")
    program(programs, "kpsewhich", "exit 0")
    done = run("latex.sh", programs)
    assert (done.returncode, done.stderr) == (0, "")


def test_no_pdflatex_is_one_sentence_and_the_tests_go_on(programs: Path):
    program(programs, "id", "echo 1000")
    done = run("latex.sh", programs)
    assert done.returncode == 0
    assert done.stderr.count("\n") == 1 and "apt-get install texlive-latex-base texlive-pictures" in done.stderr


def test_root_installs_pdflatex_with_the_system_s_packages(programs: Path):
    program(programs, "id", "echo 0")
    program(programs, "kpsewhich", "exit 0")
    log = programs.parent / "log"
    program(
        programs,
        "apt-get",
        f'echo "$@" >> {log}\n'
        f'case "$1" in install) printf "#!/bin/sh\\n" > {programs}/pdflatex; /bin/chmod +x {programs}/pdflatex;; esac',
    )
    assert run("latex.sh", programs).returncode == 0
    said = log.read_text(encoding="utf-8").splitlines()
    assert said == ["update", "install -y --no-install-recommends texlive-latex-base texlive-pictures"]
