"""Names of blocks that nothing is drawn otherwise for are mistakes, told in one line; so is a style that has nothing to draw."""

from __future__ import annotations

from pathlib import Path

import pytest

from generator import cli
from generator.diagrams.styles.graph import Graph
from tests.diagrams.networks import named

ROOT = Path(__file__).resolve().parents[2]
UNET = str(ROOT / "inputs/prototxt/unet_like.prototxt")
RESNET = "torchvision:resnet50"


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ([RESNET, "--set", "opened=[nothing]"], "--set opened: there is no block `nothing`; there are layer1, layer1.0, "),
        ([RESNET, "--set", "opened=[layer11]"], "--set opened: there is no block `layer11` (the nearest: `layer1.1`, `layer1`, "),
        ([RESNET, "--set", "shut=[nothing]"], "--set shut: there is no block `nothing`"),
        ([RESNET, "--depth", "0", "--set", "opened=[layer1.0]"], "--set opened: `layer1.0` stands in `layer1`, which is closed: open that too"),
        ([RESNET, "--depth", "1", "--set", "opened=[layer1.2]"], "--set opened: `layer1.2` is drawn as `layer1.1` is, which it repeats: name that"),
        ([RESNET, "--set", "each=[layer1.0]"], "--set each: no repetition begins with `layer1.0` (the nearest: "),
        ([RESNET, "--set", "each=[layer1.1]", "--set", "fold=false"], "--set each: nothing repeats where fold is false"),
        ([UNET, "--style", "fcnn"], "--style fcnn: this network has no fully connected layer: draw in alexnet or blocks or graph or lenet"),
        ([UNET, "--style", "fcnn", "--format", "pdf", "-o", "net.pdf"], "--style fcnn: this network has no fully connected layer"),
        (["tinyvgg_digits", "--style", "fcnn", "--depth", "1"], "--depth: the style fcnn has no blocks that open: leave it out, or draw in alexnet or blocks or graph or lenet"),
        (["tinyvgg_digits", "--style", "lenet", "--depth", "9"], "--depth: expected a whole number from -1 to 6, received '9'"),
    ],
)  # fmt: skip
def test_what_would_change_nothing_is_one_line_and_2(
    arguments: list[str], line: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.chdir(tmp_path)
    assert cli.run(["draw", *arguments]) == 2
    told = capsys.readouterr()
    assert told.err.startswith(f"convatlas: {line}") and told.err.count("\n") == 1
    assert told.out == "" and not [*tmp_path.iterdir()]


@pytest.mark.parametrize(
    "how",
    [
        Graph(depth=0, opened=("layer1",)),
        Graph(depth=0, opened=("layer1", "layer1.0")),
        Graph(depth=1, opened=("layer2.1",), shut=("layer1",), each=("layer2.1",)),
        Graph(depth=1, opened=("layer2.2",), each=("layer2.1",)),
        Graph(depth=1, opened=("layer1.2",), fold=False),
    ],
)
def test_names_that_change_the_drawing_are_none(how: Graph):
    it = named("resnet50")
    assert how.without_use(it) == ""
    assert how.draw(it).svg != Graph(depth=how.depth, fold=how.fold).draw(it).svg
