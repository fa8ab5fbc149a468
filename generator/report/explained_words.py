"""What a report says of its figures on how layers are computed: what they take, and what goes without."""

from __future__ import annotations

from generator.explain.explained import Explained
from generator.names import LayerName
from generator.report.explained import MB


def cost_of(found: Explained) -> str:
    """``how layers are computed: 18.1 MB of one image``, and how many operations go without."""
    images = len(found.images)
    over = _over(found)
    left = f"; {len(over)} operations go without, over explain.budget_mb" if over else ""
    more = f", the first and the last layers of {len(found.beside)} more" if found.beside else ""
    return f"how layers are computed: {found.bytes / MB:.1f} MB of {'one image' if images == 1 else f'{images} images'}{more}{left}"


def _over(found: Explained) -> list[LayerName]:
    """The operations that go without because of the budget."""
    return [name for name, why in found.left_out.items() if "explain.budget_mb" in why]


def notes_of(found: Explained) -> tuple[str, ...]:
    """What the run's notes say of figures: what they take, and what goes without."""
    over = _over(found)
    wrong = [name for name, why in found.left_out.items() if why.startswith("it is not shown")]
    said = (
        (over, "their numbers do not fit into `explain.budget_mb`."),
        (wrong, "what is worked out from their settings is not what the model gave."),
    )
    return tuple(f"How it is computed is not shown of {_some(names)}: {why}" for names, why in said if names)


def _some(names: list[LayerName]) -> str:
    return ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
