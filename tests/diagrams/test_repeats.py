"""Repetitions fold into one, on chains whose every op can be said by hand."""

from itertools import pairwise

from torch import nn

from generator.diagrams.architecture import Architecture, Block, Edge, Op, Shape
from generator.diagrams.from_model import architecture
from generator.diagrams.repeats import alike, folded, separated
from generator.diagrams.simplify import at_depth, fused

MAP: Shape = (8, 4, 4)


def conv(name: str, shape: Shape = MAP, attributes: tuple[tuple[str, str], ...] = ()) -> Op:
    return Op(name, "conv", "Conv2d", shape, path=name, attributes=attributes, parameters=10, macs=100)


def chain(*ops: Op, blocks: tuple[Block, ...] = (), more: tuple[tuple[str, str], ...] = ()) -> Architecture:
    links = [(a.id, b.id) for a, b in pairwise(ops)] + list(more)
    shapes = {op.id: op.shape for op in ops}
    return Architecture("net", ops, tuple(Edge(a, b, shapes[a]) for a, b in links), blocks)


def said(it: Architecture) -> list[tuple[str, int, str]]:
    return [(op.id, op.times, op.last) for op in it.ops]


def links(it: Architecture) -> list[tuple[str, str]]:
    return [(edge.source, edge.target) for edge in it.edges]


def test_a_run_of_layers_is_one():
    it = folded(chain(Op("x", "input", "input", (3, 4, 4)), conv("a"), conv("b"), conv("c"), conv("d", (9, 4, 4))))
    assert said(it) == [("x", 1, ""), ("a", 3, "c"), ("d", 1, "")]
    assert links(it) == [("x", "a"), ("a", "d")]
    assert (it.by_id["a"].parameters, it.by_id["a"].macs) == (30, 300)


def test_layers_alone_stay_where_only_blocks_are_to_fold():
    plain = chain(conv("a"), conv("b"), conv("c"))
    assert folded(plain, single=False) == plain


def test_other_shapes_and_other_inputs_are_not_alike():
    first, second = conv("a", attributes=(("channels", "3 → 8"),)), conv("b", attributes=(("channels", "8 → 8"),))
    assert len(folded(chain(first, second)).ops) == 2
    assert said(folded(chain(first, second), loosely=True)) == [("a", 2, "b")]
    assert len(folded(chain(conv("a"), conv("b", (8, 2, 2))), loosely=True).ops) == 2


def test_a_layer_with_a_bias_is_not_like_one_without():
    layers = [nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1, bias=False), nn.Conv2d(3, 3, 1, bias=False)]
    it = architecture(nn.Sequential(*layers), (3, 4, 4))
    assert said(folded(it))[1:3] == said(folded(it, loosely=True))[1:3] == [("0", 1, ""), ("1", 2, "2")]
    blocks = architecture(nn.Sequential(*(nn.Sequential(layer, nn.ReLU()) for layer in layers)), (3, 4, 4))
    assert [(block.id, block.times) for block in folded(blocks).blocks] == [("0", 1), ("1", 2)]
    assert said(folded(at_depth(blocks, 0)))[1:3] == [("0", 1, ""), ("1", 2, "2")]
    assert said(folded(fused(it)))[1:3] == [("0", 1, ""), ("1", 2, "2")]


def test_calls_of_one_layer_are_alike_though_it_is_counted_once():
    conv = nn.Conv2d(3, 3, 1)
    it = architecture(nn.Sequential(conv, conv, conv), (3, 4, 4))
    assert [op.parameters for op in it.ops] == [0, 12, 0, 0, 0]
    assert said(folded(it))[1] == ("0", 3, "0@3")


def residual(k: int) -> tuple[Op, ...]:
    return conv(f"{k}.conv"), Op(f"{k}.add", "merge", "F.add", MAP)


def residuals(many: int) -> Architecture:
    ops = [conv("stem")]
    more, blocks = [], []
    for k in range(many):
        more.append((ops[-1].id, f"{k}.add"))
        blocks.append(Block(str(k), "Residual", len(ops), len(ops) + 2, MAP, 10, 100))
        ops += residual(k)
    ops.append(Op("fc", "linear", "Linear", (5,)))
    return chain(*ops, blocks=(Block("stage", "Sequential", 1, len(ops) - 1), *blocks), more=tuple(more))


def test_blocks_with_a_shortcut_are_one_block():
    it = folded(residuals(4), single=False)
    assert said(it) == [("stem", 1, ""), ("0.conv", 1, ""), ("0.add", 1, ""), ("fc", 1, "")]
    assert links(it) == [("stem", "0.conv"), ("0.conv", "0.add"), ("0.add", "fc"), ("stem", "0.add")]
    assert [(b.id, b.start, b.stop, b.times, b.last, b.parameters) for b in it.blocks] == [
        ("stage", 1, 3, 1, "", 0),
        ("0", 1, 3, 4, "3", 40),
    ]
    assert sum(op.parameters for op in it.ops) == sum(op.parameters for op in residuals(4).ops)


def test_what_is_read_from_outside_does_not_fold():
    plain = residuals(4)
    tapped = Architecture("net", plain.ops, (*plain.edges, Edge("1.add", "fc", MAP)), plain.blocks)
    assert [(b.id, b.times) for b in folded(tapped, single=False).blocks] == [("stage", 1), ("0", 2), ("2", 2)]


def test_two_kinds_in_turn_are_a_chain():
    ops = [Op(f"{name}{k}", "block", kind, MAP) for k in range(3) for name, kind in (("a", "Window"), ("b", "Shifted"))]
    it = folded(chain(conv("stem"), *ops))
    assert said(it) == [("stem", 1, ""), ("a0", 1, ""), ("b0", 1, "")]
    assert [(b.id, b.start, b.stop, b.times, b.last) for b in it.blocks] == [("a0 … b2", 1, 3, 3, "b2")]


def test_branches_side_by_side_are_no_repetition():
    ops = (conv("x", (3, 4, 4)), conv("a"), conv("b"), conv("c"), Op("cat", "merge", "F.cat", (24, 4, 4)))
    edges = [Edge("x", name, (3, 4, 4)) for name in "abc"] + [Edge(name, "cat", MAP) for name in "abc"]
    it = Architecture("net", ops, tuple(edges))
    assert folded(it) == it
    assert folded(it, loosely=True) == it


def test_branches_that_run_one_by_one_are_no_chain():
    """a, b ─▶ c and d ─▶ e, f beside each other, as an Inception's: [a, b, c] and [d, e, f] are alike op by op, and d reads c, but a
    is read by the join."""
    ops = [conv(name) for name in "sabcdef"] + [Op("join", "merge", "F.cat", (8, 4, 4))]
    pairs = "s a, s b, b c, c d, s e, e f, a join, d join, f join"
    edges = tuple(Edge(one, other, (8, 4, 4)) for one, other in (pair.split() for pair in pairs.split(", ")))
    it = Architecture("net", tuple(ops), edges)
    assert not [block for block in folded(it, loosely=True).blocks if block.run]


def test_what_is_read_beside_the_next_one_is_no_repetition():
    """a ─▶ b and a ─▶ c, joined, as an Inception's last branches: a and b are alike, and a is what parts."""
    ops = [conv(name) for name in "abc"] + [Op("join", "merge", "F.cat", (16, 4, 4))]
    edges = tuple(Edge(one, other, MAP) for one, other in (("a", "b"), ("a", "c"), ("b", "join"), ("c", "join")))
    assert said(folded(Architecture("net", tuple(ops), edges), loosely=True)) == [(op.id, 1, "") for op in ops]


def test_dense_layers_fold_loosely_alone():
    layers = [Op(f"l{k}", "block", "_DenseLayer", MAP) for k in range(3)]
    more = [("x", "l1"), ("x", "l2"), ("l0", "l2"), ("x", "cat"), ("l0", "cat"), ("l1", "cat")]
    it = chain(conv("x"), *layers, Op("cat", "merge", "F.cat", (32, 4, 4)), more=tuple(more))
    assert len(folded(it).ops) == 5
    dense = folded(it, loosely=True)
    assert said(dense) == [("x", 1, ""), ("l0", 3, "l2"), ("cat", 1, "")]
    assert links(dense) == [("x", "l0"), ("l0", "cat"), ("x", "cat")]


def test_folds_inside_folds():
    def stage(name: str) -> list[Op]:
        return [conv(f"{name}.{k}") for k in range(2)] + [Op(f"{name}.pool", "pool", "MaxPool2d", MAP)]

    ops = [Op("x", "input", "input", (3, 4, 4)), *stage("a"), *stage("b"), *stage("c")]
    blocks = tuple(Block(name, "Stage", 3 * k + 1, 3 * k + 4) for k, name in enumerate("abc"))
    it = folded(chain(*ops, blocks=blocks))
    assert said(it) == [("x", 1, ""), ("a.0", 2, "a.1"), ("a.pool", 1, "")]
    assert [(b.id, b.times, b.last) for b in it.blocks] == [("a", 3, "c")]
    assert it.by_id["a.0"].parameters == 60
    assert folded(it) == it


def test_what_is_drawn_one_by_one_stays_in_a_frame():
    it, alone = separated(residuals(4), ["0"])
    assert set(alone) == {"0", "1", "2", "3"}
    assert [(b.id, b.start, b.stop, b.times, b.run, b.head) for b in it.blocks] == [
        ("stage", 1, 9, 1, False, "stage"),
        ("0 … 3", 1, 9, 1, True, "0"),
        *((str(k), 1 + 2 * k, 3 + 2 * k, 1, False, str(k)) for k in range(4)),
    ]
    assert folded(it, alone=alone) == it
    assert separated(residuals(4), ["1", "stem"]) == (residuals(4), set())  # named by its first alone


def test_one_by_one_inside_a_repetition_is_so_in_every_copy():
    ops = [Op("x", "input", "input", (3, 4, 4))]
    for name in "abc":
        ops += [*(conv(f"{name}.{k}") for k in range(2)), Op(f"{name}.pool", "pool", "MaxPool2d", MAP)]
    blocks = tuple(Block(name, "Stage", 3 * k + 1, 3 * k + 4) for k, name in enumerate("abc"))
    it, alone = separated(chain(*ops, blocks=blocks), ["a.0"])
    assert set(alone) == {f"{name}.{k}" for name in "abc" for k in range(2)}
    it = folded(it, alone=alone)
    assert said(it) == [("x", 1, ""), ("a.0", 1, ""), ("a.1", 1, ""), ("a.pool", 1, "")]
    assert [(b.id, b.times) for b in it.blocks] == [("a", 3), ("a.0 … a.1", 1)]


def test_the_block_that_each_is_drawn_as():
    it = residuals(4)
    assert alike(it) == {"stage": "stage", "0": "0", "1": "0", "2": "0", "3": "0"}
    assert alike(it, ["0", "1", "2", "3"]) == {name: name for name in ("stage", "0", "1", "2", "3")}
