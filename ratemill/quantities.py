"""Quantities of usage as people say them."""

from typing import Final

_KILO: Final = 1024
_SIZES: Final = ("B", "kB", "MB", "GB", "TB")
_MINUTE: Final = 60


def quantity_text(units: int | None, unit: str | None) -> str:
    """A quantity of a base unit: seconds as hours, minutes and seconds, bytes by size."""
    if units is None or unit is None:
        return ""
    if unit == "s":
        return _duration(units)
    if unit == "bytes":
        return _size(units)
    return f"{units:,}"


def _duration(seconds: int) -> str:
    minutes, rest = divmod(seconds, _MINUTE)
    hours, minutes = divmod(minutes, _MINUTE)
    return f"{hours:,}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _size(octets: int) -> str:
    """To one decimal, half away from zero."""
    power = 0
    while power + 1 < len(_SIZES) and octets >= _KILO ** (power + 1):
        power += 1
    if not power:
        return f"{octets} B"
    tenths = (octets * 20 // _KILO ** power + 1) // 2
    return f"{tenths // 10:,}.{tenths % 10} {_SIZES[power]}"
