"""TinyVGG: a VGG small enough to read whole, for one-channel digits of 32x32 pixels.

    1x32x32 ─ conv1_1 ─ relu ─ conv1_2 ─ relu ─ pool1 ─ 12x16x16 ─ conv2_1 ─ relu ─ conv2_2 ─ relu ─ pool2 ─ 20x8x8 ─ fc ─ 10

20,038 parameters. It knows max-pooling, which the default model does not, and runs in a few milliseconds.
"""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

INPUT_SIZE = (32, 32)
MEAN = (0.5,)
STD = (0.5,)
LABELS = tuple("0123456789")


def build() -> nn.Module:
    """Return the network with fresh weights: (n, 1, 32, 32) normalised by MEAN and STD -> (n, 10) logits.

    The trained weights are `tinyvgg_digits.safetensors` beside this file; `train_tinyvgg.py` makes them.
    """
    return nn.Sequential(
        OrderedDict(
            conv1_1=nn.Conv2d(1, 12, 3, padding=1),
            relu1_1=nn.ReLU(),
            conv1_2=nn.Conv2d(12, 12, 3, padding=1),
            relu1_2=nn.ReLU(),
            pool1=nn.MaxPool2d(2),
            conv2_1=nn.Conv2d(12, 20, 3, padding=1),
            relu2_1=nn.ReLU(),
            conv2_2=nn.Conv2d(20, 20, 3, padding=1),
            relu2_2=nn.ReLU(),
            pool2=nn.MaxPool2d(2),
            flatten=nn.Flatten(),
            fc=nn.Linear(20 * 8 * 8, 10),
        )
    )
