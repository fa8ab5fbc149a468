"""Which operations of a run share weights, and which parameters join the data by themselves.

conv ─▶ conv@2            one module, called twice: both have the number 1
class_token ─▶ cat        a parameter that is no layer's weight: an input of its own
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from generator.model.graph import Graph, Held, Node

SUMS = ("add", "iadd", "radd")


@dataclass(frozen=True)
class Sharing:
    """Numbers by index of the node, and by the order of the group; those that share nothing are not there."""

    nodes: Mapping[int, int]
    groups: Mapping[int, int]


def joining(node: Node) -> tuple[Held, ...]:
    """The parameters of a function that are drawn as inputs: what is concatenated, and what is added and differs from place to
    place. What is the same everywhere is a bias."""
    if node.module or not node.inputs:
        return ()
    if node.family == "cat":
        return node.held
    if node.op.removeprefix("F.") not in SUMS:
        return ()
    return tuple(one for one in node.held if sum(side > 1 for side in one.shape) > 1)


def sharing(graph: Graph, kept: Collection[int]) -> Sharing:
    """Calls of one container with weights, and kept nodes that read one parameter, have one number; they count from 1."""
    number = 0
    paths: dict[str, list[int]] = {}
    weighted = set()
    for group in graph.groups:
        if group.path:
            paths.setdefault(group.path, []).append(group.order)
            inside = graph.nodes[group.start : group.stop]
            weighted |= {group.path} if group.parameters or any(node.held for node in inside) else set()
    groups: dict[int, int] = {}
    for path, orders in paths.items():
        if len(orders) > 1 and path in weighted:
            number += 1
            groups |= dict.fromkeys(orders, number)
    readers: dict[str, list[int]] = {}
    for node in graph.nodes:
        if node.index in kept and not joining(node):
            for held in node.held:
                if not held.data:
                    readers.setdefault(held.name, []).append(node.index)
    nodes: dict[int, int] = {}
    for found in readers.values():
        if len(found) > 1 and not all(index in nodes for index in found):
            known = next((nodes[index] for index in found if index in nodes), None)
            number += known is None
            for index in found:
                nodes.setdefault(index, known or number)
    return Sharing(nodes, groups)
