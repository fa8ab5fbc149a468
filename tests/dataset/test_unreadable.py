"""A set of which no picture can be read: no answer, and no clean bill of health."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from generator.errors import UserError
from generator.report.answers import Asking, fill_answers
from generator.store import Store
from tests.methods.test_dataset_examples import asked, of


def test_a_set_of_which_nothing_can_be_read_is_the_users_to_mend_and_nothing_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    where = tmp_path / "set"
    where.mkdir()
    for name in ("a.png", "b.png"):
        (where / name).write_bytes(b"\x89PNG no picture")
    made: list[Asking] = []

    def remembered(asking: Asking, *rest: Any) -> None:
        made.append(asking)
        fill_answers(asking, *rest)

    monkeypatch.setattr("generator.build.fill_answers", remembered)
    said = (
        r"dataset: expected at least one picture that can be read, but none of 2 can; "
        r"the first is 'a\.png': \w.*\. Name another"
    )
    with pytest.raises(UserError, match=said):
        asked(tmp_path, dataset=str(where))
    (asking,) = made
    assert asking.requests
    assert asking.lacking(Store(tmp_path / "store")) == asking.requests
    Image.fromarray(np.full((28, 28), 90, np.uint8)).save(where / "b.png")
    setup, _ = asked(tmp_path, dataset=str(where))
    assert of(setup, "conv1_1").seen == 1, "one picture is enough"
