"""Get onnxruntime-web's three files into the user's cache: from a tarball, by npm, or from a registry that the user names.

npm, where it is installed, asks whatever registry it is configured for. Without npm, the registry is the one of --registry,
of the environment (npm_config_registry), or of the user's .npmrc. Whoever sends the files, each is held against its sha256.
"""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
import urllib.request
from collections.abc import Callable
from pathlib import Path

from generator.errors import UserError
from generator.live.runtime import FILES, LICENSE, PACKAGE, VERSION, damaged, folder, license_text
from generator.store import write

LIMIT = 200_000_000
"""Bytes of the package, at most: it has 33 MB."""
PATIENCE = 600
"""Seconds."""


def fetch(
    registry: str | None = None, tarball: Path | None = None, say: Callable[[str], None] = lambda _: None
) -> Path:
    """Put the runtime's three files and their licence into the cache; return its folder.

    Raises:
        UserError: they cannot be had, or are not those of this version.
    """
    if tarball is not None:
        say(f"Reading {tarball} ...")
        data = _read(tarball)
    else:
        npm = shutil.which("npm")
        known = registry or _configured()
        if registry is None and npm is not None:
            say(f"Asking npm for {PACKAGE} {VERSION} (33 MB) ...")
            data = _by_npm(npm)
        elif known is not None:
            say(f"Fetching {PACKAGE} {VERSION} (33 MB) from {known} ...")
            data = _by_registry(known)
        else:
            raise UserError(
                f"live: there is no npm here, and no registry is configured: install npm, or name a registry with "
                f"--registry URL, or download the package {PACKAGE}-{VERSION}.tgz yourself and give --from FILE"
            )
    found = unpack(data)
    if wrong := damaged(found):
        raise UserError(
            f"live: {wrong} of the package is not that of {PACKAGE} {VERSION} (its sha256 differs, or it is absent): "
            "nothing was kept; try another registry with --registry"
        )
    target = folder()
    for name, content in found.items():
        write(target / name, content)
    write(target / LICENSE, license_text())
    return target


def unpack(data: bytes) -> dict[str, bytes]:
    """The three files of an npm package, by name; nothing else of it is read.

    Raises:
        UserError: it is no gzipped tar.
    """
    found = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as package:
            for member in package:
                name = member.name.rpartition("/")[2]
                if member.isfile() and member.name == f"package/dist/{name}" and name in FILES:
                    stream = package.extractfile(member)
                    assert stream is not None
                    found[name] = stream.read()
    except (tarfile.TarError, OSError, EOFError) as error:
        raise UserError(f"live: what was received is no package of npm ({error})") from None
    return found


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"live: {path} cannot be read: {error.strerror or error}") from None


def _by_npm(npm: str) -> bytes:
    with tempfile.TemporaryDirectory() as place:
        asked = [npm, "pack", f"{PACKAGE}@{VERSION}", "--pack-destination", place]
        try:
            done = subprocess.run(asked, cwd=place, capture_output=True, text=True, timeout=PATIENCE, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise UserError(f"live: npm did not answer ({error}): try again, or give --from FILE") from None
        packed = sorted(Path(place).glob("*.tgz"))
        if done.returncode or not packed:
            lines = [line for line in done.stderr.splitlines() if line.strip()]
            raise UserError(
                f"live: npm could not get {PACKAGE} {VERSION}: {_told(lines)}; name another registry with --registry URL, "
                "or give --from FILE"
            )
        return packed[0].read_bytes()


def _told(lines: list[str]) -> str:
    """What npm says of its failure: the first line that is more than a code."""
    said = [re.sub(r"^npm (ERR!|error)\s*", "", line) for line in lines]
    return next(
        (line for line in said if line and not line.startswith("code ")), said[0] if said else "no reason given"
    )


def _configured() -> str | None:
    """The registry that the environment or the user's .npmrc names."""
    for name in ("npm_config_registry", "NPM_CONFIG_REGISTRY"):
        if os.environ.get(name):
            return os.environ[name]
    try:
        text = (Path.home() / ".npmrc").read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    named = re.search(r"^\s*registry\s*=\s*(\S+)", text, re.M)
    return named[1].strip("\"'") if named else None


def _by_registry(registry: str) -> bytes:
    told = _get(f"{registry.rstrip('/')}/{PACKAGE}/{VERSION}")
    try:
        address = str(json.loads(told)["dist"]["tarball"])
    except (ValueError, LookupError, TypeError):
        raise UserError(
            f"live: {registry} does not answer as a registry of npm does; name another with --registry"
        ) from None
    return _get(address)


def _get(address: str) -> bytes:
    if not address.startswith(("https://", "http://")):
        raise UserError(f"live: expected an address that starts with https://, received {address!r}")
    try:
        with urllib.request.urlopen(address, timeout=60) as answer:
            data = bytes(answer.read(LIMIT + 1))
    except (OSError, ValueError) as error:
        raise UserError(f"live: {address} cannot be reached ({error}); name another registry with --registry") from None
    if len(data) > LIMIT:
        raise UserError(f"live: {address} sends more than {LIMIT // 1_000_000} MB, which is not the package")
    return data
