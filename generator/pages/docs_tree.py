"""The folder that MkDocs reads: files are written only where their bytes changed, and what we no longer write goes.

A manifest beside them names what is ours, so that pages somebody adds by hand stay.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from generator.errors import UserError
from generator.names import Digest
from generator.pages.views import Picture

MANIFEST = ".convatlas.json"


class DocsTree:
    """Collects one rendering; `finish` removes the leftovers of the rendering before."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.volatile: set[str] = set()
        self._written: dict[str, str] = {}
        self._pictures: dict[str, str] = {}
        self._team = ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="pages")
        self._under_way: list[Future[None]] = []
        try:
            root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(
                f"the pages cannot be written: {root} ({error.strerror}); choose another folder."
            ) from error
        self._before = self._manifest()

    def _manifest(self) -> dict[str, str]:
        try:
            found = json.loads((self.root / MANIFEST).read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return {str(k): str(v) for k, v in found.items()} if isinstance(found, dict) else {}

    def write(self, path: str, content: str | bytes, *, volatile: bool = False) -> None:
        """Write `content` to `path` (relative, with /), atomically, unless it is there already.

        A volatile file differs from run to run, such as one with times in it; the digest of `finish` leaves it out.
        """
        if volatile:
            self.volatile.add(path)
        content = content.encode("utf-8") if isinstance(content, str) else content
        digest = hashlib.sha256(content).hexdigest()
        file = self.root / path
        self._written[path] = digest
        if self._before.get(path) == digest and file.is_file() and file.stat().st_size == len(content):
            return
        file.parent.mkdir(parents=True, exist_ok=True)
        half = file.with_name(file.name + ".part")
        half.write_bytes(content)
        os.replace(half, file)

    def made(self, path: str, key: Digest, make: Callable[[], bytes]) -> Path:
        """Write what `make` gives to `path`, unless what is there was made from the same `key`; return the file.

        It is made in a thread beside, since compressing leaves Python's lock: the file is there after `settle`.
        """
        file = self.root / path

        def write() -> None:
            file.parent.mkdir(parents=True, exist_ok=True)
            half = file.with_name(file.name + ".part")
            half.write_bytes(make())
            os.replace(half, file)

        if not (self._before.get(path) == key and file.is_file()):
            self._under_way.append(self._team.submit(write))
        self._written[path] = str(key)
        return file

    def settle(self) -> None:
        """Wait for all that is being made.

        Raises:
            Exception: what one of them raised.
        """
        for one in self._under_way:
            one.result()
        self._under_way.clear()

    def picture(self, picture: Picture, name: str) -> str:
        """Give a picture the name pictures/<name>-<short hash>.<kind>, once for each digest, and return that path."""
        known = self._pictures.get(picture.digest)
        if known:
            return known
        path = f"pictures/{name}-{picture.digest[:10]}{_suffix(picture)}"
        file = self.root / path
        if not (self._before.get(path) == picture.digest and file.is_file()):
            file.parent.mkdir(parents=True, exist_ok=True)
            half = file.with_name(file.name + ".part")
            if isinstance(picture.source, bytes):
                half.write_bytes(picture.source)
            else:
                _same_bytes(picture.source, half)
            os.replace(half, file)
        self._written[path] = str(picture.digest)
        self._pictures[picture.digest] = path
        return path

    def finish(self) -> str:
        """Remove stale files of ours, write the manifest, and return the digest of all that is here."""
        self.settle()
        self._team.shutdown()
        for path in self._before.keys() - self._written.keys():
            file = self.root / path
            file.unlink(missing_ok=True)
            if file.parent != self.root and file.parent.is_dir() and not any(file.parent.iterdir()):
                file.parent.rmdir()
        listing = json.dumps(self._written, sort_keys=True, indent=0)
        (self.root / MANIFEST).write_text(listing, "utf-8")
        lasting = {path: digest for path, digest in self._written.items() if path not in self.volatile}
        return hashlib.sha256(json.dumps(lasting, sort_keys=True).encode()).hexdigest()


def _same_bytes(source: Path, target: Path) -> None:
    """A second name for a file of the store, which nobody writes into; a copy where the file system has no second names."""
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _suffix(picture: Picture) -> str:
    """The kind of picture by its first bytes: the store's files need no suffix."""
    if isinstance(picture.source, bytes):
        head = picture.source[:12]
    else:
        with picture.source.open("rb") as stream:
            head = stream.read(12)
    if head.startswith(b"\x89PNG"):
        return ".png"
    if head.startswith(b"\xff\xd8"):
        return ".jpg"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return ".webp"
    raise ValueError(f"expected a PNG, JPEG or WebP picture, received one that starts with {head!r}")
