"""Numbers as a reader wants them: grouped, rounded to what they mean, with their unit."""

from __future__ import annotations

import math
from decimal import ROUND_HALF_UP, Context

MINUS, THIN, TIMES = "\u2212", "\u202f", "\u00d7"


def count(value: float) -> str:
    """75264 -> 75,264"""
    return f"{value:,.0f}"


def short(value: float) -> str:
    """14751744 -> 14.8 M; 980 -> 980"""
    for size, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size * 0.9995:
            return f"{value / size:.3g} {letter}"
    return f"{value:.0f}"


def raw(value: float) -> str:
    """Three significant digits, a true minus, no exponent between 0.001 and 99,999."""
    if not math.isfinite(value):
        return {math.inf: "∞", -math.inf: f"{MINUS}∞"}.get(value, "not a number")
    if value == 0:
        return "0"
    whole = 1000 <= abs(value) < 1e5
    # Ties go away from zero, as in the scripts: the same number must not read differently in two places.
    digits = len(str(int(abs(value)))) if whole else 3
    rounded = float(Context(prec=digits, rounding=ROUND_HALF_UP).create_decimal(value))
    if 1e-3 <= abs(value) < 1e5:
        return (f"{rounded:,.0f}" if abs(rounded) >= 1000 else f"{rounded:.3g}").replace("-", MINUS)
    mantissa, _, power = f"{rounded:.2e}".partition("e")
    return f"{mantissa}e{int(power)}".replace("-", MINUS)


def percent(probability: float) -> str:
    """0.3774 -> 37.7 %"""
    share = probability * 100
    return f"{share:.1f}{THIN}%" if share >= 0.05 else f"<{THIN}0.1{THIN}%"


def times(*sides: int) -> str:
    """672, 14, 14 -> 672 × 14 × 14"""
    return f" {TIMES} ".join(f"{s:,}" for s in sides)


def size(octets: float) -> str:
    """12345678 -> 12.3 MB"""
    for step, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if octets >= step:
            return f"{octets / step:.3g} {unit}"
    return f"{octets:.0f} bytes"


def seconds(value: float) -> str:
    """0.25 -> 0.25 s; 12.34 -> 12.3 s; 75 -> 1 min 15 s"""
    if value >= 60:
        minutes, rest = divmod(round(value), 60)
        return f"{minutes} min {rest} s"
    return "<\u202f0.01 s" if value < 0.01 else f"{value:.2f} s" if value < 10 else f"{value:.1f} s"


def compact(value: float) -> float | int | None:
    """A float with five significant digits, as data scripts carry it; None where it is no finite number."""
    if not math.isfinite(value):
        return None
    rounded = float(f"{value:.5g}")
    return int(rounded) if rounded == int(rounded) and abs(rounded) < 1e9 else rounded
