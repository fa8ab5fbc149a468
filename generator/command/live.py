"""What the live page needs, and what of it is here."""

from __future__ import annotations

from collections.abc import Sequence

from generator.artifacts import NotApplicable
from generator.live.export import missing
from generator.live.runtime import PACKAGE, VERSION, folder, runtime


def standing() -> Sequence[str]:
    """A sentence on the packages that write a model for the browser, one on the program that runs it there, one on what
    to do next."""
    packages, program = missing(), runtime()
    lines = [
        "To write the model for the browser: " + ("the packages are here." if packages is None else packages.reason),
        "To run it there: "
        + (program.reason if isinstance(program, NotApplicable) else f"{PACKAGE} {VERSION} is here, in {folder()}."),
    ]
    if packages is None and not isinstance(program, NotApplicable):
        lines.append("Both are here: `convatlas build --live` adds the page.")
    return lines
