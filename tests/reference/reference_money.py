"""Exact money for the reference rater: micro-units as fractions, rounded only where the page says.

A fraction keeps what decimal arithmetic would lose in thirds; every result is an integer.
"""

import math
from decimal import Decimal
from fractions import Fraction

HALF = Fraction(1, 2)


def micros(text):
    """Micro-units of an amount's text."""
    return exact_integer(Fraction(Decimal(text)) * 10**6)


def exact_integer(value):
    """The integer that a fraction is."""
    if value.denominator != 1:
        raise ValueError(f"{value} is no whole number")
    return value.numerator


def percent(text):
    """The part of one that a percentage is."""
    return Fraction(Decimal(text)) / 100


def rounded(amount, decimals, mode):
    """Micro-units, rounded to so many places of the currency's unit."""
    grain = 10 ** (6 - decimals)
    steps = Fraction(amount) / grain
    size = abs(steps)
    whole = math.floor(size)
    rest = size - whole
    up = (
        (mode == "up" and rest > 0)
        or (mode == "half_up" and rest >= HALF)
        or (mode == "half_even" and (rest > HALF or (rest == HALF and whole % 2 == 1)))
    )
    size = (whole + up) * grain
    return size if steps >= 0 else -size


def intervals(units, first, following, mode):
    """R(u): units billed for u units used."""
    if units == 0:
        return 0
    up = first if units <= first else first + -(-(units - first) // following) * following
    down = 0 if units < first else first + (units - first) // following * following
    if mode == "up":
        return up
    if mode == "down":
        return down
    return up if up - units <= units - down else down
