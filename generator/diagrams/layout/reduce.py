"""Edges that only shorten a way which exists."""

from __future__ import annotations

from collections.abc import Sequence


def redundant(count: int, edges: Sequence[tuple[int, int]]) -> set[int]:
    """Numbers of the edges (a, b), a < b, for which a longer way leads from a to b. Twice the same edge is no way."""
    out: list[list[int]] = [[] for _ in range(count)]
    for a, b in edges:
        out[a].append(b)
    reach = [0] * count  # bit b of reach[a]: b can be reached from a
    beyond = [0] * count  # the same in two steps or more
    for a in range(count - 1, -1, -1):
        for b in out[a]:
            beyond[a] |= reach[b]
            reach[a] |= reach[b] | 1 << b
    return {k for k, (a, b) in enumerate(edges) if beyond[a] >> b & 1}
