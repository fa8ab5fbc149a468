"""Architectures that a style prepares: one for each way, equal ones once."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from generator.diagrams.architecture import Architecture, Op
from generator.diagrams.plain import options
from generator.pages.prepared import variants


@dataclass(frozen=True)
class Cut:
    """Keeps at most `depth` ops, and says how they were folded where that was asked for."""

    depth: int = -1
    fold: Literal["auto", "none"] = "auto"
    width: float = field(default=3.0)

    def prepared(self, it: Architecture) -> Architecture:
        kept = it.ops if self.depth < 0 else it.ops[: self.depth]
        return replace(
            it, ops=kept, title=f"{it.title} {self.width:g}" if self.fold == "none" and self.depth == 0 else it.title
        )


@dataclass(frozen=True)
class Plain:
    depth: int = -1


def test_each_way_once():
    it = Architecture("net", tuple(Op(name, "other", name, ()) for name in "ab"), ())
    made = variants(Cut, options(Cut), it)
    assert made is not None
    assert made["by"] == ["depth", "fold"]
    # two ops: -1 and 2 and more are the whole
    assert made["of"] == {
        "-1 auto": 0, "-1 none": 0, "0 auto": 1, "0 none": 2, "1 auto": 3, "1 none": 3,
        "2 auto": 0, "2 none": 0, "3 auto": 0, "3 none": 0, "4 auto": 0, "4 none": 0,
    }  # fmt: skip
    assert [len(one["ops"]) for one in made["architectures"]] == [2, 0, 0, 1]
    assert made["architectures"][2]["title"] == "net 3"
    assert variants(Plain, options(Plain), it) is None
