"""What a model's classes are called: ImageNet's names, a file with one label a line, or "class 17".

Labels are hostile strings: they are kept exactly as they were written and escaped where they are shown.
"""

from __future__ import annotations

from pathlib import Path

from generator.errors import UserError

IMAGENET = "imagenet"


def imagenet() -> tuple[str, ...]:
    """The 1,000 ImageNet labels in the order of their class numbers, as torchvision lists them.

    They stand in a file beside this one: torchvision takes a second and a half to import, and a report of which nothing
    changed needs nothing else of it.
    """
    return tuple(Path(__file__).with_name("imagenet.txt").read_text("utf-8").splitlines())


def read_labels(source: str | Path) -> tuple[str, ...]:
    """The labels in a file, one a line, in UTF-8; or ImageNet's, for the word ``imagenet``.

    Only the line break ends a label (not the other separators that Unicode knows), and blank lines at the end count
    for nothing. Raises UserError where there is no such file or it is not text.
    """
    if str(source) == IMAGENET:
        return imagenet()
    path = Path(source)
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise UserError(
            f"model.labels: expected a file with one label a line, cannot read {path} ({error.strerror}): give its path"
        ) from error
    except UnicodeDecodeError as error:
        raise UserError(
            f"model.labels: expected UTF-8 text in {path}, received other bytes: save it as UTF-8"
        ) from error
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    while lines and not lines[-1].strip():
        lines.pop()
    if not lines:
        raise UserError(
            f"model.labels: expected one label a line in {path}, received an empty file: write the labels in it"
        )
    return tuple(lines)


def label(labels: tuple[str, ...] | None, index: int) -> str:
    """The label of class `index`, or ``class 17`` where there are no labels."""
    return f"class {index}" if labels is None or not 0 <= index < len(labels) else labels[index]
