"""What the tests of image sets share: gray pictures, tars of them, and what is said of a set that is none."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from generator.dataset.sources import Dataset, open_dataset
from generator.errors import UserError


def gray(level: int) -> bytes:
    """A PNG of one level."""
    stream = io.BytesIO()
    Image.new("L", (4, 3), level).save(stream, format="PNG")
    return stream.getvalue()


def packed(path: Path, members: Mapping[str, bytes], form: int = tarfile.PAX_FORMAT) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w", format=form) as archive:
        for name, data in members.items():
            add(archive, name, data)
    return path


def add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    about = tarfile.TarInfo(name)
    about.size = len(data)
    archive.addfile(about, io.BytesIO(data))


def level(data: Dataset, index: int) -> int:
    loaded = data.load(data[index], 1)
    assert loaded.size == (4, 3)
    return int(np.asarray(loaded)[0, 0])


def said(path: Path, **options: int) -> str:
    with pytest.raises(UserError) as error:
        open_dataset(path, **options)
    line = str(error.value)
    assert "\n" not in line
    assert line.startswith("dataset: ")
    return line
