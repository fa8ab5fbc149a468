"""A content-addressed store: a key leads to a record, a record to digests, a digest to bytes. The only code that writes
artifacts.

    keys/ab/cdef….json      one record: {"meta": …, "blobs": {"atlas.png": "<digest>", …}}
    objects/12/3456…        the bytes whose sha256 that is

Blobs of a few thousand bytes (a 28 x 28 map) stay inside their record: thousands of tiny files cost more than they hold.
Every write goes to a temporary file beside its target and is moved there whole, so that a run killed at any moment
leaves only whole files, and the next run completes them to the same bytes.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from generator.errors import UserError
from generator.names import Digest

INLINE = 4096
"""Bytes up to which a blob stays inside its record."""


KNOWN = 1024
"""Records kept in memory, some 10 KB each."""


@dataclass(frozen=True)
class Record:
    """What a key leads to: JSON-able facts, the digests of named blobs, and small blobs themselves."""

    meta: Mapping[str, Any] = field(default_factory=dict)
    blobs: Mapping[str, Digest] = field(default_factory=dict)
    inline: Mapping[str, bytes] = field(default_factory=dict)


def digest(data: bytes) -> Digest:
    """sha256 in hexadecimal."""
    return Digest(hashlib.sha256(data).hexdigest())


def key_of(parts: Mapping[str, Any]) -> Digest:
    """The key of these parts: the sha256 of their canonical JSON. Order does not matter; any changed part changes it.

    Raises:
        TypeError: a part is not JSON-able (nothing is stringified by accident).
    """
    return digest(json.dumps(parts, sort_keys=True, separators=(",", ":"), allow_nan=False).encode())


@dataclass(frozen=True)
class Store:
    """A store in the folder `root`, made when first written to. Safe for several threads and processes."""

    root: Path
    _known: OrderedDict[Digest, Record] = field(default_factory=OrderedDict, compare=False, repr=False)
    """The records read last: a report's pages ask for each several times."""
    _lock: threading.Lock = field(default_factory=threading.Lock, compare=False, repr=False)

    def path(self, of: Digest) -> Path:
        """Where the blob with this digest lies."""
        return self.root / "objects" / of[:2] / of[2:]

    def _record(self, key: Digest) -> Path:
        return self.root / "keys" / key[:2] / f"{key[2:]}.json"

    def get(self, key: Digest) -> Record | None:
        """The record under `key`, or None where there is none, where it is damaged, or where a blob of it is gone or
        empty: what is then asked for is computed and stored anew."""
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
                return self._known[key]
        try:
            found = json.loads(self._record(key).read_bytes())
            inline = {name: base64.b64decode(data) for name, data in found["inline"].items()}
            record = Record(found["meta"], {name: Digest(d) for name, d in found["blobs"].items()}, inline)
            whole = all(self.path(d).stat().st_size > 0 for d in record.blobs.values())
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None
        return self._kept(key, record) if whole else None

    def _kept(self, key: Digest, record: Record) -> Record:
        with self._lock:
            self._known[key] = record
            if len(self._known) > KNOWN:
                self._known.popitem(last=False)
        return record

    def put(self, key: Digest, meta: Mapping[str, Any], blobs: Mapping[str, bytes] | None = None) -> Record:
        """Write blobs, then the record that names them; a reader never sees a record without its blobs."""
        given = blobs or {}
        record = Record(
            dict(meta),
            {name: self.add(data) for name, data in given.items() if len(data) > INLINE},
            {name: data for name, data in given.items() if len(data) <= INLINE},
        )
        inline = {name: base64.b64encode(data).decode() for name, data in record.inline.items()}
        body = {"meta": record.meta, "blobs": record.blobs, "inline": inline}
        with self._lock:
            self._known.pop(key, None)
        write(self._record(key), json.dumps(body, sort_keys=True, allow_nan=False).encode())
        return record

    def blob(self, record: Record, name: str) -> bytes:
        """The bytes of a record's blob, wherever they lie.

        Raises:
            KeyError: it has no such blob.
        """
        return record.inline[name] if name in record.inline else self.read(record.blobs[name])

    def add(self, data: bytes) -> Digest:
        """Store bytes under their own digest; the same bytes are stored once."""
        name = digest(data)
        file = self.path(name)
        if not file.exists() or file.stat().st_size != len(data):
            write(file, data)
        return name

    def read(self, of: Digest) -> bytes:
        """The bytes with this digest."""
        return self.path(of).read_bytes()

    def keys(self) -> Iterator[Digest]:
        """Every key there is a record for."""
        for file in sorted((self.root / "keys").glob("*/*.json")):
            yield Digest(file.parent.name + file.stem)


def write(path: Path, data: bytes) -> None:
    """Write `data` to `path` whole or not at all.

    Raises:
        UserError: the folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.parent / f".{os.urandom(8).hex()}.part"
        handle = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0), 0o666)
    except OSError as error:
        raise UserError(
            f"cannot write {path}: {error.strerror or error}; choose another folder with --out or --store"
        ) from None
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise UserError(
            f"cannot write {path}: {error.strerror or error}; choose another folder with --out or --store"
        ) from None
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
