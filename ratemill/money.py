"""Amounts as text, and text as amounts."""

import re
from collections.abc import Iterable, Mapping, Sequence

from ratemill.errors import RatemillError


def amounts_text(by_currency: dict[str, int]) -> str:
    """Amounts as text, micro-units to two decimals, rounded half away from zero."""
    return " ".join(f"{decimal_text(v)} {c}" for c, v in sorted(by_currency.items())) or "-"


def summed(parts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """The sum of amounts by currency."""
    sums: dict[str, int] = {}
    for part in parts:
        for currency, micros in part.items():
            sums[currency] = sums.get(currency, 0) + micros
    return sums


def decimal_text(micros: int) -> str:
    """A micro-unit amount to two decimals, rounded half away from zero."""
    cents = (abs(micros) + 5_000) // 10_000
    sign = "-" if micros < 0 and cents else ""
    return f"{sign}{cents // 100:,}.{cents % 100:02d}"


def exact_text(micros: int, *, sign: bool = False) -> str:
    """A micro-unit amount with all its decimals, two at least; `sign` gives gains a plus."""
    whole, rest = divmod(abs(micros), 1_000_000)
    decimals = f"{rest:06d}".rstrip("0").ljust(2, "0")
    mark = "-" if micros < 0 else "+" if sign else ""
    return f"{mark}{whole:,}.{decimals}"


def micros_of(text: str) -> int:
    """The micro-units of a decimal as 10.00 or -0.5; RatemillError where it is anything else."""
    found = re.fullmatch(r"(-?)([0-9]{1,12})(?:\.([0-9]{1,6}))?", text, re.ASCII)
    if not found:
        raise RatemillError("amount", f"{text!r} cannot be read",
                            "write a decimal of at most six places, as 10.00")
    sign, whole, part = found.groups(default="")
    micros = int(whole) * 1_000_000 + int(part.ljust(6, "0"))
    return -micros if sign else micros


def aligned_texts(amounts: Sequence[int]) -> list[str]:
    """Micro-unit amounts, exact, all with as many decimals as any of them needs, two at least."""
    texts = [exact_text(micros) for micros in amounts]
    decimals = [len(text.partition(".")[2]) for text in texts]
    most = max(decimals, default=2)
    return [f"{text}{'0' * (most - had)}" for text, had in zip(texts, decimals, strict=True)]
