"""What options of methods may be: refused when a report is read, with a sentence that says what was expected."""

from __future__ import annotations

from generator.errors import UserError


def at_least(method: object, least: float, *options: str) -> None:
    """Refuse numbers below `least`.

    Raises:
        UserError: one of the `options` of `method` is.
    """
    for option in options:
        if not getattr(method, option) >= least:
            raise UserError(
                f"{_name(method)}: expected {option} to be {least} or more, received {getattr(method, option)}"
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
