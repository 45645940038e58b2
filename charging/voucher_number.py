"""Voucher numbers: how they are drawn, written and read."""

from collections.abc import Callable
from typing import Final

SYMBOLS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no I, L, O and U"""
LENGTH: Final = 20
"""95 random bits, and a check symbol"""
_GROUP: Final = 4
_MISREAD: Final = str.maketrans("OIL", "011", " -\t\r\n")
_FIELD: Final = 0b100101
"""The polynomial of the field of 32 elements that the check symbol is reckoned in"""


def drawn(random: Callable[[int], bytes]) -> str:
    """A new number, of as many random octets as `random` is asked for."""
    symbols = [octet & 31 for octet in random(LENGTH - 1)]
    symbols.append(_times_two(_checksum(symbols)))
    return "".join(SYMBOLS[symbol] for symbol in symbols)


def written(number: str) -> str:
    """The number in groups, as it is handed out."""
    return "-".join(number[at:at + _GROUP] for at in range(0, LENGTH, _GROUP))


def read(text: str) -> str | None:
    """The number that somebody typed, with or without groups; None where it is mistyped.

    One wrong symbol, and two neighbours in each other's place, are always found.
    """
    number = text.upper().translate(_MISREAD)
    if len(number) != LENGTH or not set(number) <= set(SYMBOLS):
        return None
    return number if _checksum([SYMBOLS.index(symbol) for symbol in number]) == 0 else None


def _checksum(symbols: list[int]) -> int:
    """The symbols, each times its own power of two, added up in the field; 0 for a whole number."""
    total = 0
    for symbol in symbols:
        total = _times_two(total) ^ symbol
    return total


def _times_two(element: int) -> int:
    doubled = element << 1
    return doubled ^ _FIELD if doubled > 31 else doubled
