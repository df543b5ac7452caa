"""How single values are written in tables."""

import math


def cell(value: object) -> str:
    """Write a value as a table shows it.

    Examples
    --------
    >>> cell(0.123456), cell(3.0), cell(1.2e-9), cell(float("nan")), cell("IT")
    ('0.1235', '3', '1.2e-09', '', 'IT')
    """
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.4g}"
    return "" if value is None else str(value)


def is_number(value: object) -> bool:
    """Tell whether a value is a number to be sorted and aligned as one."""
    return isinstance(value, float | int) and not isinstance(value, bool)
