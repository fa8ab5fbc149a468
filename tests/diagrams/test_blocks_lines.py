"""Lines and words of 3-D blocks: no line runs through how often a box stands there, and none begins in the air."""

from __future__ import annotations

from itertools import pairwise

from generator.diagrams.scene import Wire, Words
from generator.diagrams.solids.captions import tail
from generator.diagrams.styles.blocks import Blocks
from generator.diagrams.svg import text_width
from tests.diagrams.nets import net
from tests.diagrams.test_blocks import drawn, of


def test_no_line_runs_through_how_often_a_box_stands_there():
    scene = Blocks(thickness=10).scene(net("lined"))
    times = [words for words in of(scene, Words) if words.text.startswith("×")]
    assert [words.text for words in times] == ["×3", "×4"]
    lines = [pair for wire in of(scene, Wire) if wire.classes == "ca-line" for pair in pairwise(wire.points)]
    for words in times:
        (x, y), half = words.at, text_width(words.text, words.size, bold=True) / 2
        for (x0, y0), (x1, y1) in lines:
            level = min(y0, y1) < y and max(y0, y1) > y - words.size + 2
            assert not (level and min(x0, x1) < x + half and max(x0, x1) > x - half)


def test_a_line_around_a_block_that_is_read_from_above_parts_from_the_one_that_comes_down():
    scene = Blocks().scene(net("lined"))
    ways = [wire.points for wire in of(scene, Wire) if wire.classes == "ca-line"]
    ((start, turn, _),) = [way for way in ways if len(way) == 3]
    comes = [way for way in ways if len(way) == 4 and way[-1][0] == start[0]]
    ((_, _, high, low),) = comes  # b's line to d
    assert high[1] < start[1] < low[1]
    assert turn[0] >= start[0] + 8  # clear of its arrow's head


def test_of_a_dotted_name_that_is_too_long_the_end_is_left():
    assert tail("features.5, 6", 200) == "features.5, 6"
    assert tail("features.5, 6", 45) == "…5, 6"
    assert tail("net.stage2.block1 … 3", 70) == "…block1 … 3"
    assert tail("features.14, 15", 30) == ""  # "…4, 15" would be another
    assert tail("encoder_layer … head.5", 60).startswith("enco")
    _, scene = drawn("mobilenet_v3_large", Blocks())
    said = [words.text for words in of(scene, Words)]
    assert {"…5, 6", "…9, 10"} <= set(said)
    assert not [text for text in said if text.endswith("…") or not text]


def test_tokens_are_counted_as_channels_are():
    scene = Blocks().scene(net("many"))
    assert {"1,024", "3,136 tokens"} <= {words.text for words in of(scene, Words)}
