"""Threads that are followed in pictures, held against steps taken one at a time, and where they must part."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from generator.dataset.drive import Drive, drives
from generator.dataset.survey import Portion, survey
from generator.dataset.trace import Trace, sees
from generator.library import engine_for, make_method
from generator.model.describe import Description, describe
from generator.names import INPUT, LayerName
from generator.wiring.active import driven, upright
from generator.wiring.threads import Threads
from generator.wiring.wires import wires
from generator.wiring.wiring import wiring_of
from tests.dataset.slowly import recorded, strongest, top


def traced(model: nn.Module, x: torch.Tensor, batch: int = 3) -> tuple[Description, Threads, Threads]:
    """(the model described, threads by each unit's own strongest input, the same with those followed in pictures)"""
    description = describe(model.eval(), tuple(x.shape[1:]))
    engine = engine_for(model, description)
    names = [layer.name for layer in description.layers if layer.kind in ("conv", "act")]
    found = wiring_of(description, model, names)
    wired = {name: wires(found[name], description.by_name[name].units) for name in names}
    parts = [Portion(x[at : at + batch], range(at, min(at + batch, len(x)))) for at in range(0, len(x), batch)]
    states = {name: make_method("dataset_examples", {}).start(description.by_name[name], "cpu") for name in names}
    answers = survey(engine, states, parts)
    reading = [name for name in names if wired[name].weighted and wired[name].channel.shape[1] > 1]
    measured = {name: Drive.start(description.by_name[name], answers[name]) for name in reading}
    drives(engine, measured, parts)
    drive = {name: one.finish(wired[name].channel.shape[1], upright(wired[name])) for name, one in measured.items()}
    plain = Threads(driven(wired, description, model, drive))
    trace = Trace(engine, description.by_name, plain, {name: one.mean for name, one in drive.items()})
    trace.run({name: answers[name] for name in reading}, parts)
    return (
        description,
        plain,
        plain.along({name: trace.rows(name) for name in reading}),
    )


def test_every_step_after_the_first_is_taken_at_a_place_of_the_units_strongest_picture():
    torch.manual_seed(4)
    model = nn.Sequential(
        nn.Conv2d(2, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 9, 3, stride=2), nn.ReLU(),
        nn.Conv2d(9, 10, 3, padding=1), nn.ReLU(inplace=True), nn.Conv2d(10, 6, 1),
    ).eval()  # fmt: skip
    x = torch.randn(8, 2, 17, 17)
    description, plain, own = traced(model, x)
    convs = ["0", "2", "4", "6"]
    it = recorded(model, x, convs)
    parted = 0
    for unit in range(6):
        image, row, column = top(it.gives["6"], unit)[0]
        reader, (at_row, at_column) = "6", (row, column)
        step = plain.step(LayerName("6"), unit)
        assert step is not None
        expected, to = [], step.unit
        for name in ("4", "2", "0"):
            expected.append((name, to))
            place = at_row * description.by_name[LayerName(reader)].shape[2] + at_column
            rows, columns = sees(
                description.by_name[LayerName(reader)], description.by_name[LayerName(name)], np.array([place])
            )
            seen = [(r, c) for r in np.flatnonzero(rows[0]) for c in np.flatnonzero(columns[0])]
            at_row, at_column = max(seen, key=lambda at: float(it.gives[name][image, to, at[0], at[1]]))
            led, usual = strongest(it, name, to, (image, int(at_row), int(at_column))), plain.step(LayerName(name), to)
            assert usual is not None
            parted += led not in (None, usual.unit)
            reader, to = name, usual.unit if led is None else led
        expected.append((INPUT, to))
        assert [(one.layer, one.unit) for one in own.thread(LayerName("6"), unit)] == expected
    assert parted, "some step is another than whoever reads the unit would take"


def test_threads_that_meet_part_again_where_their_pictures_do():
    """Both last units read the one unit of the middle; that is raised by a left half or by an upper half. Each last unit's own
    picture shows one of these."""
    model = nn.Sequential(
        nn.Conv2d(3, 3, 1, bias=False),
        nn.ReLU(),
        nn.Conv2d(3, 2, 1, bias=False),
        nn.ReLU(),
        nn.Conv2d(2, 2, 1, bias=False),
    ).eval()
    model[0].weight.data = torch.eye(3)[:, :, None, None].clone()
    model[2].weight.data = torch.tensor([[1.0, 1.0, 0.0], [0.0, 0.3, 0.1]])[:, :, None, None]
    model[4].weight.data = torch.tensor([[1.0, 0.0], [1.0, 1.0]])[:, :, None, None]
    x = torch.zeros(6, 3, 4, 4)
    x[0, 0, 1, 1], x[1, 1, 2, 2], x[2, 2, 3, 3] = 3.0, 2.9, 0.5
    _, plain, own = traced(model, x)
    last = LayerName("4")
    meet = [next((one.layer, one.unit) for one in plain.thread(last, unit)) for unit in (0, 1)]
    assert meet == [("2", 0), ("2", 0)]
    assert {plain.thread(last, unit)[1].unit for unit in (0, 1)} == {0}, "one strongest input, whoever reads the unit"
    assert [own.thread(last, unit)[1].unit for unit in (0, 1)] == [0, 1]
    assert [own.thread(last, unit)[0] for unit in (0, 1)] == [plain.thread(last, unit)[0] for unit in (0, 1)]


def test_what_a_reader_sees_of_a_map_before_it():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.MaxPool2d(2), nn.Conv2d(2, 3, 3)).eval()
    by_name = describe(model, (1, 14, 14)).by_name
    reader, source = by_name[LayerName("2")], by_name[LayerName("0")]
    rows, columns = sees(reader, source, np.array([0, reader.shape[2] + 2]))  # (0, 0) and (1, 2)
    # a window of 3 x 3 of pools of 2 x 2
    assert np.flatnonzero(rows[0]).tolist() == [0, 1, 2, 3, 4, 5]
    assert np.flatnonzero(rows[1]).tolist() == [2, 3, 4, 5, 6, 7]
    assert np.flatnonzero(columns[1]).tolist() == [4, 5, 6, 7, 8, 9]


def test_what_a_reader_sees_of_a_coarser_map_before_an_enlargement():
    model = nn.Sequential(nn.Conv2d(1, 2, 3, stride=4), nn.Upsample(scale_factor=2), nn.Conv2d(2, 3, 3)).eval()
    by_name = describe(model, (1, 31, 31)).by_name
    reader, source = by_name[LayerName("2")], by_name[LayerName("0")]
    rows, _ = sees(reader, source, np.array([0, 1, 2, 3]) * reader.shape[2])
    # three rows of eight pairs, and each pair is of one of the source's
    assert [np.flatnonzero(row).tolist() for row in rows] == [[0, 1], [0, 1], [1, 2], [1, 2]]
    pixels, _ = sees(by_name[LayerName("1")], source, np.array([0, 1, 2]) * by_name[LayerName("1")].shape[2])
    assert [np.flatnonzero(row).tolist() for row in pixels] == [[0], [0], [1]]


def test_where_no_place_lies_within_what_a_reader_sees_the_nearest_are_seen():
    wide, thin = (
        describe(nn.Sequential(conv).eval(), (1, 9, 9)).by_name[LayerName("0")]
        for conv in (nn.Conv2d(1, 2, 3, padding=1), nn.Conv2d(1, 2, 1))
    )
    rows, columns = sees(thin, wide, np.array([0, 9 * 4 + 7]))
    assert [np.flatnonzero(row).tolist() for row in rows] == [[0], [4]]
    assert [np.flatnonzero(column).tolist() for column in columns] == [[0], [7]]
