"""A user's own model as a file, and what loading gives or says."""

from __future__ import annotations

from typing import Any

import pytest

from generator.config import InputConfig, ModelConfig
from generator.errors import UserError
from generator.model.load import LoadedModel, load

MODEL = """
import torch
from torch import nn
from neighbour import CLASSES

class Net(nn.Sequential):
    pass

def build():
    return Net(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, CLASSES))

def build_random():
    return build()

def broken():
    raise ValueError("no such thing\\nsecond line")

def number():
    return 3

def leave():
    raise SystemExit(4)

def poisoned():
    model = build()
    with torch.no_grad():
        model[4].weight[1, 2] = float("nan")
    return model

NOTHING = 5
"""


def at(source: str, **options: Any) -> LoadedModel:
    options.setdefault("input", InputConfig(size=(16, 20)))
    return load(ModelConfig(source=source, **options))


def refused(source: str, **options: Any) -> str:
    with pytest.raises(UserError) as raised:
        at(source, **options)
    message = str(raised.value)
    assert "\n" not in message
    return message


NET = "python:models/net.py:build"
