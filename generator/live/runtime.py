"""The program that runs ONNX in a browser: onnxruntime-web's three files, in the user's cache, each held against its digest.

They do not come with Conv Atlas: `convatlas live --fetch-runtime` gets them from npm. A build without them goes on.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from generator.live.lacking import Lacking
from generator.resources import packaged

PACKAGE, VERSION = "onnxruntime-web", "1.30.0"
FILES: Mapping[str, str] = {
    "ort.wasm.min.js": "faece07e84faa9001f5104bbe4e5c70861d06cb2376a0dea1fa0ad33a67adc81",
    "ort-wasm-simd-threaded.mjs": "e13f7f94fc51b4ca72b12faeb1ee95f4ace6dfbc8939bc718aabdc0a27c4299b",
    "ort-wasm-simd-threaded.wasm": "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2",
}
"""File -> its sha256, in that version and no other."""
SIZE = 14_315_000
"""Bytes of the three."""
LICENSE = "onnxruntime-web.LICENSE"


def cache() -> Path:
    """The folder of this user's cache: ``CONVATLAS_CACHE``, else where the system keeps such things."""
    if own := os.environ.get("CONVATLAS_CACHE"):
        return Path(own)
    if sys.platform == "darwin":
        return Path.home() / "Library/Caches/convatlas"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData/Local") / "convatlas/cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "convatlas"


def folder() -> Path:
    """Where the three files lie, or would."""
    return cache() / f"{PACKAGE}-{VERSION}"


def license_text() -> bytes:
    """Its licence (MIT), which the npm package names and does not hold."""
    return packaged(f"templates/assets/vendor/{LICENSE}").read_bytes()


def damaged(files: Mapping[str, bytes]) -> str:
    """The first of the files that is absent or not what it should be; "" where all are."""
    for name, sha in FILES.items():
        if name not in files or hashlib.sha256(files[name]).hexdigest() != sha:
            return name
    return ""


def runtime() -> Mapping[str, Path] | Lacking:
    """The three files by name, whole; or why there are none."""
    found = {name: folder() / name for name in FILES}
    try:
        wrong = damaged({name: path.read_bytes() for name, path in found.items()})
    except OSError:
        return Lacking(
            f"{PACKAGE} {VERSION}, which runs the model in the browser, is not here: `convatlas live --fetch-runtime` "
            f"gets its three files ({SIZE / 1e6:.0f} MB)."
        )
    if wrong:
        return Lacking(
            f"{wrong} in {folder()} is not that of {PACKAGE} {VERSION}: `convatlas live --fetch-runtime` gets it anew."
        )
    return found
