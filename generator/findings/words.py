"""How findings put numbers into words."""

from __future__ import annotations

import math
from collections.abc import Sequence

MINUS, THIN = "−", "\u202f"


def few(value: float) -> str:
    """Three significant digits: 0.0352, 12.3, 1,152; two where a power of ten is needed: 1.2e−5."""
    if not math.isfinite(value):
        return "∞" if value > 0 else "no number"
    if value and not 1e-3 <= abs(value) < 1e5:
        mantissa, _, power = f"{value:.1e}".partition("e")
        return f"{mantissa.removesuffix('.0')}e{int(power)}".replace("-", MINUS)
    return (f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}").replace("-", MINUS)


def percent(share: float) -> str:
    """0.214 -> 21 %; 0.004 -> 0.4 %; what is not nothing is not written as nothing."""
    points = 100 * share
    if 0 < points < 0.1:
        return f"less than 0.1{THIN}%"
    return f"{points:.0f}{THIN}%" if points >= 10 or points == int(points) else f"{points:.1f}{THIN}%"


def of(part: int, whole: int) -> str:
    """112 of 1,152"""
    return f"{part:,} of {whole:,}"


def counted(number: int, one: str, many: str = "") -> str:
    """1 layer; 3 layers"""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def be(number: int) -> str:
    """is or are"""
    return "is" if number == 1 else "are"


def listed(names: Sequence[str], most: int = 3) -> str:
    """`a`, `b` and 4 more"""
    shown = [f"`{name}`" for name in names[:most]]
    if len(names) > most:
        return f"{', '.join(shown)} and {len(names) - most} more"
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
