"""What the command prints, word by word."""

from __future__ import annotations

import pytest

from generator.command.words import human


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 KB"),
        (41_049_999, "41.0 MB"),
        (999_949_999, "999.9 MB"),
        (999_950_000, "1.0 GB"),
    ],
)
def test_sizes(size: int, shown: str):
    assert human(size) == shown
