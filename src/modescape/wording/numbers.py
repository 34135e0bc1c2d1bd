"""Numbers and lists as a person would write them; the same everywhere on the page."""

from __future__ import annotations

import math
from collections.abc import Sequence

from modescape.covers import short
from modescape.metrics.scores import TARGET_UNIT

SPACE = "\N{NO-BREAK SPACE}"
MINUS = "\N{MINUS SIGN}"
ABSENT = "\N{EN DASH}"
ROUNDING = 1e-9  # below it a number is what rounding leaves of 0


def fixed(value: float, decimals: int = 1, *, signed: bool = False) -> str:
    """A number with this many decimals; a dash when there is none, a real minus sign, no "-0.0"."""
    if not math.isfinite(value):
        return ABSENT
    text = f"{abs(value):.{decimals}f}"
    if float(text) == 0:
        return text
    return (MINUS if value < 0 else "+" if signed else "") + text


def significant(value: float, digits: int = 2) -> str:
    """A number with this many significant digits and no exponent: 0.0132 -> 0.013, 27.2 -> 27."""
    if not math.isfinite(value):
        return ABSENT
    if value == 0:
        return "0"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    return fixed(value, min(decimals, 6))


def percent(share: float, digits: int = 2) -> str:
    """A share as a percentage with this many significant digits: 0.061 -> 6.1 %."""
    return significant(100 * share, digits) + (SPACE + "%" if math.isfinite(share) else "")


def accuracy(share: float) -> str:
    """An accuracy as a percentage with one decimal: 0.9237 -> 92.4 %."""
    return fixed(100 * share) + (SPACE + "%" if math.isfinite(share) else "")


def least_decimals(unit: str, *values: float) -> int:
    """Decimals of scores: 3, fewer of large numbers in the unit of a target, which may be anything.

    >>> least_decimals("nats", 66.309), least_decimals("unit of the target", 66.309)
    (3, 1)
    """
    size = max((abs(value) for value in values if math.isfinite(value)), default=0.0)
    return 3 if unit != TARGET_UNIT or size < 1 else 2 if size < 10 else 1


def of_target(value: float) -> str:
    """A number in the unit of a target.

    >>> of_target(66.309), of_target(0.1234)
    ('66.3', '0.123')
    """
    return fixed(value, least_decimals(TARGET_UNIT, value))


def decimals_for(*values: float, least: int = 1, most: int = 3) -> int:
    """Decimals, so many at least and at most, that keep each non-zero value from being printed as 0.

    What rounding leaves of a difference of equal scores is 0, and asks for none.

    >>> decimals_for(-4.179, -1e-15, 4.179)
    1
    """
    for decimals in range(least, most):
        if all(float(f"{value:.{decimals}f}") != 0 for value in values if abs(value) > ROUNDING):
            return decimals
    return most


def interval(low: float, high: float, decimals: int, whom: str = "") -> str:
    """A 95 % interval in words, or that there is none.

    Args:
        low: its lower end.
        high: its upper end.
        decimals: of both.
        whom: what it is for (`modescape.covers`); "": what is said elsewhere.
    """
    if not (math.isfinite(low) and math.isfinite(high)):
        return "no interval"
    behind = f" for {short(whom)}" if whom else ""
    return f"95{SPACE}% interval {fixed(low, decimals)} to {fixed(high, decimals)}{behind}"


def p_text(p: float) -> str:
    """A p-value with three decimals; below what these can show as such, a dash when there is none.

    >>> p_text(0.0321), p_text(float("nan")) == ABSENT
    ('0.032', True)
    """
    return f"<{SPACE}0.001" if p < 0.001 else fixed(p, 3)


def count(number: int, one: str, many: str | None = None) -> str:
    """A number and its noun: 1 network, 1,297 images."""
    return f"{number:,}{SPACE}{one if number == 1 else many or one + 's'}"


def listing(items: Sequence[object], last: str = "and") -> str:
    """Items as a sentence lists them: 1, 2 and 3."""
    words = [str(item) for item in items]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}" if words else ""
