"""The runtime's files are fetched as the user's own npm, registry or file gives them, and kept only where they are the right ones."""

from __future__ import annotations

import io
import json
import os
import tarfile
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from typer.testing import CliRunner

from generator import cli
from generator.artifacts import NotApplicable
from generator.errors import UserError
from generator.live import fetch as fetching
from generator.live.fetch import fetch, unpack
from generator.live.runtime import FILES, LICENSE, PACKAGE, VERSION, cache, damaged, folder, runtime


@pytest.fixture(scope="module")
def files() -> Mapping[str, bytes]:
    """The three files, which `make test` fetches before."""
    found = runtime()
    assert not isinstance(found, NotApplicable), f"{found.reason} Run tools/runtime.sh: `make test` does so first."
    return {name: path.read_bytes() for name, path in found.items()}


def package(files: Mapping[str, bytes], more: Mapping[str, bytes] | None = None) -> bytes:
    """As npm packs them."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", compresslevel=1) as packed:
        for name, data in {**{f"package/dist/{n}": d for n, d in files.items()}, **(more or {})}.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            packed.addfile(member, io.BytesIO(data))
    return out.getvalue()


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache and a home of nothing, and no npm."""
    monkeypatch.setenv("CONVATLAS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    for name in ("npm_config_registry", "NPM_CONFIG_REGISTRY"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "home").mkdir()
    (tmp_path / "bin").mkdir()
    return tmp_path


@pytest.fixture
def registry(files: Mapping[str, bytes]) -> Iterator[str]:
    """A registry of one package, as npm's answers."""
    packed = package(files)

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            base = f"http://127.0.0.1:{self.server.server_port}"  # type: ignore[attr-defined]
            known = {
                f"/npm/{PACKAGE}/{VERSION}": json.dumps({"dist": {"tarball": f"{base}/npm/it.tgz"}}).encode(),
                "/npm/it.tgz": packed,
                f"/odd/{PACKAGE}/{VERSION}": b"<html>no registry</html>",
                f"/away/{PACKAGE}/{VERSION}": json.dumps({"dist": {"tarball": "file:///etc/hostname"}}).encode(),
            }
            data = known.get(self.path)
            self.send_response(200 if data else 404)
            self.end_headers()
            self.wfile.write(data or b"")

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def held() -> list[str]:
    return sorted(path.name for path in folder().glob("*")) if folder().exists() else []


ALL = sorted((*FILES, LICENSE))


def test_from_a_registry_that_is_named(empty: Path, registry: str):
    assert isinstance(runtime(), NotApplicable)
    assert fetch(f"{registry}/npm/") == folder() == empty / f"cache/{PACKAGE}-{VERSION}"
    assert held() == ALL
    found = runtime()
    assert not isinstance(found, NotApplicable) and set(found) == set(FILES)
    assert "MIT License" in (folder() / LICENSE).read_text()


def test_from_the_registry_of_the_environment_and_of_npmrc(empty: Path, registry: str, monkeypatch: pytest.MonkeyPatch):
    (empty / "home/.npmrc").write_text(f"color=false\nregistry = {registry}/npm/\n")
    fetch()
    assert held() == ALL
    (empty / "home/.npmrc").unlink()
    monkeypatch.setenv("CONVATLAS_CACHE", str(empty / "other"))
    monkeypatch.setenv("npm_config_registry", f"{registry}/npm")
    fetch()
    assert held() == ALL


def test_by_npm_where_there_is_one(empty: Path, files: Mapping[str, bytes]):
    packed = empty / "it.tgz"
    packed.write_bytes(package(files))
    npm = empty / "bin/npm"
    npm.write_text(
        "#!/bin/sh\n"
        f'[ "$1" = pack ] && [ "$2" = {PACKAGE}@{VERSION} ] && [ "$3" = --pack-destination ] || exit 1\n'
        f'/bin/cp {packed} "$4/{PACKAGE}-{VERSION}.tgz"\n'
    )
    npm.chmod(0o755)
    fetch()
    assert held() == ALL


def test_npms_failure_is_told_in_its_words(empty: Path):
    npm = empty / "bin/npm"
    npm.write_text("#!/bin/sh\necho 'npm error code E404' >&2\necho 'npm error 404 Not Found - GET it' >&2\nexit 1\n")
    npm.chmod(0o755)
    with pytest.raises(UserError, match=r"npm could not get .*404 Not Found"):
        fetch()
    assert held() == []


def test_from_a_file(empty: Path, files: Mapping[str, bytes]):
    (empty / "it.tgz").write_bytes(package(files))
    fetch(tarball=empty / "it.tgz")
    assert held() == ALL
    with pytest.raises(UserError, match="cannot be read"):
        fetch(tarball=empty / "none.tgz")


def test_other_bytes_are_refused_and_nothing_is_kept(empty: Path, files: Mapping[str, bytes]):
    name = "ort.wasm.min.js"
    for changed in ({**files, name: files[name] + b" "}, {n: d for n, d in files.items() if n != name}):
        (empty / "it.tgz").write_bytes(package(changed))
        with pytest.raises(UserError, match=f"{name} of the package is not that of"):
            fetch(tarball=empty / "it.tgz")
        assert held() == []


def test_only_the_three_files_are_read_out_of_a_package(files: Mapping[str, bytes]):
    name = "ort.wasm.min.js"
    more = {"package/dist/other.js": b"1", f"package/../../{name}": b"2", f"package/lib/{name}": b"3"}
    assert unpack(package(files, more)) == files


def test_what_is_no_package_is_told(empty: Path, registry: str):
    (empty / "it.tgz").write_bytes(b"not a tar")
    with pytest.raises(UserError, match="no package of npm"):
        fetch(tarball=empty / "it.tgz")
    with pytest.raises(UserError, match="does not answer as a registry"):
        fetch(f"{registry}/odd")
    with pytest.raises(UserError, match="cannot be reached"):
        fetch(f"{registry}/missing")
    with pytest.raises(UserError, match="expected an address that starts with https"):
        fetch(f"{registry}/away")


def test_without_npm_and_registry_it_says_how(empty: Path):
    with pytest.raises(UserError, match=r"no npm here.*--registry URL.*--from FILE"):
        fetch()


def test_a_file_that_was_changed_in_the_cache_is_not_served(empty: Path, files: Mapping[str, bytes]):
    (empty / "it.tgz").write_bytes(package(files))
    fetch(tarball=empty / "it.tgz")
    (folder() / "ort.wasm.min.js").write_bytes(b"alert(1)")
    found = runtime()
    assert isinstance(found, NotApplicable) and found.reason.startswith("ort.wasm.min.js in")
    assert damaged({}) in FILES


def test_the_command(empty: Path, files: Mapping[str, bytes]):
    (empty / "it.tgz").write_bytes(package(files))
    before = CliRunner().invoke(cli.app, ["live"])
    assert before.exit_code == 0
    assert "is not here: `convatlas live --fetch-runtime`" in before.stdout
    done = CliRunner().invoke(cli.app, ["live", "--from", str(empty / "it.tgz")])
    assert done.exit_code == 0, done.output
    assert "convatlas build --live" in done.stdout


def test_the_cache_is_where_the_system_keeps_such_things(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.delenv("CONVATLAS_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("sys.platform", "linux")
    assert cache() == tmp_path / "convatlas"
    monkeypatch.setattr("sys.platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "app"))
    assert cache() == tmp_path / "app/convatlas/cache"


def test_no_registry_is_written_into_the_code():
    for file in (Path(fetching.__file__), Path(fetching.__file__).with_name("runtime.py")):
        text = file.read_text("utf-8")
        assert "http" not in text.replace('("https://", "http://")', "").replace("starts with https://", "")
    assert os.environ.get("CONVATLAS_CACHE") != ""
