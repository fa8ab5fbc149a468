"""What a model returns, or hands to its modules, in a set has no order of its own; drawings have one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import torch
from torch import Tensor, nn

from generator.model.trace import trace

MANY = 12


class Sum(nn.Module):
    def forward(self, values: set[Tensor]) -> Tensor:
        return torch.stack([value for value in values if value.shape[1] < 2]).sum(0)


class Several(nn.Module):
    """Gives a set of what its heads give, and another inside it; a sum is handed a set too."""

    def __init__(self) -> None:
        super().__init__()
        self.heads, self.sum = nn.ModuleList(nn.Conv2d(3, 2, 1) for _ in range(MANY)), Sum()
        self.last = nn.Conv2d(3, 1, 1)

    def forward(self, x: Tensor) -> dict[str, object]:
        found = [head(x) for head in self.heads]
        return {"some": {*found[: MANY // 2]}, "rest": {(found[-1], frozenset(found[MANY // 2 : -1]))},
                "sum": self.sum({self.last(x), *found})}  # fmt: skip


def test_outputs_in_a_set_come_in_the_order_in_which_they_were_made():
    graph, _ = trace(Several().eval(), torch.zeros(1, 3, 4, 4))
    made = [ref.node for ref in graph.outputs if ref is not None]
    assert made == [*range(1, 7), 12, *range(7, 12), graph.nodes[-1].index]
    (summing,) = [group for group in graph.groups if group.path == "sum"]
    assert [ref.node for ref in summing.inputs] == list(range(1, MANY + 2))


DRAW = """
from generator.diagrams.from_model import architecture
from generator.diagrams.styles import styles
from tests.diagrams.test_in_sets import Several
it = architecture(Several(), (3, 8, 8))
for style in styles().values():
    print(style.cls().draw(it).svg)
"""


def test_drawings_of_sets_are_the_same_bytes_at_every_hash_seed():
    said = set()
    for seed in ("0", "1"):
        how = {**os.environ, "PYTHONHASHSEED": seed}
        command, top = [sys.executable, "-c", DRAW], Path(__file__).parents[2]
        said.add(subprocess.run(command, cwd=top, env=how, check=True, capture_output=True).stdout)
    assert len(said) == 1
    assert said.pop().count(b"</svg>") == 5
