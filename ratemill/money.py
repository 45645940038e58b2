"""Amounts as text."""


def amounts_text(by_currency: dict[str, int]) -> str:
    """Amounts as text, micro-units to two decimals, rounded half away from zero."""
    return " ".join(f"{decimal_text(v)} {c}" for c, v in sorted(by_currency.items())) or "-"


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
