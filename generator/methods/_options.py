"""What options of methods may be: refused when a report is read, with a sentence that says what was expected."""

from __future__ import annotations

import math

from generator.errors import UserError


def at_least(method: object, least: float, *options: str) -> None:
    """Refuse numbers below `least`, and what is no finite number.

    Raises:
        UserError: one of the `options` of `method` is.
    """
    for option in options:
        value = getattr(method, option)
        if not least <= value < math.inf:
            finite = " and finite" if value == math.inf else ""
            raise UserError(f"{_name(method)}: expected {option} to be {least} or more{finite}, received {value}")


def at_most(method: object, most: float, *options: str) -> None:
    """Refuse numbers above `most`.

    Raises:
        UserError: one of the `options` of `method` is.
    """
    for option in options:
        if not getattr(method, option) <= most:
            raise UserError(
                f"{_name(method)}: expected {option} to be {most} or less, received {getattr(method, option)}"
            )


def one_of(method: object, option: str, *known: str) -> None:
    """Refuse words other than `known`.

    Raises:
        UserError: the `option` of `method` is another.
    """
    if getattr(method, option) not in known:
        words = ", ".join(known[:-1]) + f" or {known[-1]}"
        raise UserError(f"{_name(method)}: expected {option} to be {words}, received {getattr(method, option)!r}")


def _name(method: object) -> str:
    return type(method).__module__.rpartition(".")[2]
