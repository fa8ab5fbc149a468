"""Pools over depth and over one axis, transposed convolutions over depth, in a browser: every number is torch's, and figures say where."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from tests.explain.volumes import both
from tests.pages.opened import audit, opened
from tests.pages.recorded import config, numbers, recorded
from tests.pages.test_pages_explain import shown, steps
from tests.whole import Built, build

if TYPE_CHECKING:
    from playwright.sync_api import Browser

NETS = Path(__file__).resolve().parents[1] / "explain/volumes.py"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp("deep")
    return build(folder, config(f"python:{NETS}:both", folder, ["conv", "norm", "act", "pool"]))


@pytest.fixture(scope="module")
def run(built: Built) -> dict[str, Any]:
    """Of every operation by name: what it was called with, and what it gave."""
    return recorded(built, both())
