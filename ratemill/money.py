"""Amounts as text."""


def amounts_text(by_currency: dict[str, int]) -> str:
    """Amounts as text, micro-units to two decimals, rounded half away from zero."""
    return " ".join(f"{decimal_text(v)} {c}" for c, v in sorted(by_currency.items())) or "-"


def decimal_text(micros: int) -> str:
    """A micro-unit amount to two decimals, rounded half away from zero."""
    cents = (abs(micros) + 5_000) // 10_000
    sign = "-" if micros < 0 and cents else ""
    return f"{sign}{cents // 100:,}.{cents % 100:02d}"
