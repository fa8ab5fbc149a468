"""Blocks of a net whose layers' names say them: what stands in a row and shares a name up to a slash.

inception_3a/1x1, inception_3a/3x3_reduce, ...    ──▶    the block inception_3a
"""

from __future__ import annotations

from generator.diagrams.architecture import Block, Op

DEEPEST = 8
"""Blocks within blocks, at most."""


def blocks(ops: tuple[Op, ...]) -> tuple[Block, ...]:
    """One block for each run of two ops or more, outer ones first. A name that comes again later gets a number."""
    found: list[Block] = []
    seen: dict[str, int] = {}
    taken = {op.id for op in ops}

    def within(start: int, stop: int, depth: int) -> None:
        at = start
        while at < stop:
            prefix = _prefix(ops[at], depth)
            end = at + 1
            while prefix and end < stop and _prefix(ops[end], depth) == prefix:
                end += 1
            if prefix and end - at > 1:
                seen[prefix] = seen.get(prefix, 0) + 1
                name = prefix if seen[prefix] == 1 else f"{prefix}#{seen[prefix]}"
                name = f"{name}/" if name in taken else name
                run = ops[at:end]
                last = run[-1]
                parameters, macs = sum(op.parameters for op in run), sum(op.macs for op in run)
                found.append(Block(name, "block", at, end, last.shape, parameters, macs, prefix, last.receptive_field))
                if depth < DEEPEST:
                    within(at, end, depth + 1)
            at = end

    within(0, len(ops), 1)
    return tuple(found)


def _prefix(op: Op, depth: int) -> str:
    """The first `depth` parts of its name, where there is one more; "" where there is not."""
    parts = op.path.split("/")
    return "/".join(parts[:depth]) if len(parts) > depth and all(parts[:depth]) else ""
