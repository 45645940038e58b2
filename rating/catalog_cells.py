"""The cells of one catalog column as values; null where a text says nothing that can be read."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

import polars as pl

from rating.catalog_column import ANY, DAYS, HOLIDAY, Column

_YEARS: Final = range(1900, 2101)
"""Years of dates; a typing error such as 20226 is then found"""

_FEW: Final = 1000
"""Cells from which on it is quicker to let polars find the different ones"""
_HINTS: Final = {
    "text": "text",
    "digits": "1 to {width} digits",
    "choice": "one of: {choices}",
    "currency": "the three capital letters of a currency, as EUR",
    "timezone": "an IANA time zone, as Europe/Vienna",
    "midnight": "YYYY-MM-DD, from 1900 to 2100",
    "day": "YYYY-MM-DD, from 1900 to 2100",
    "money": "a decimal of at most six places, not negative",
    "balance": "a decimal of at most six places",
    "percent": "a decimal of at most four places, from 0 to {most}",
    "ratio": "a decimal above 0 of at most nine places",
    "decimal": "a decimal of at most six places, not negative",
    "count": "a whole number from {least} to {most}",
    "days": "a day or a range of days from mon to sun, or holiday",
    "clock": "HH:MM from 00:00 to 24:00",
}


def hint(column: Column) -> str:
    """What a cell of the column is to hold."""
    choices = (*column.choices, ANY) if column.wild else column.choices
    pattern = _HINTS["choice" if column.choices else column.kind]
    return pattern.format(choices=", ".join(choices), least=column.least, most=column.most,
                          width=column.width)


def values_of(column: Column, cells: pl.Series, home_zone: str) -> list[pl.Expr]:
    """The column's values, one column or two, as told by the texts in the column of its name.

    The first is null where a cell cannot be read or is no text.
    """
    if column.kind in _BY_TEXT:
        return _BY_TEXT[column.kind](column)
    known = _distinct(cells)
    if column.kind == "midnight":
        return [_midnight(column, known, home_zone)]
    return _BY_VALUE[column.kind](column, known)


def is_timezone(name: str) -> bool:
    """Whether IANA has a time zone of this name."""
    return name in _timezones()


@cache
def _timezones() -> frozenset[str]:
    # reading the whole list of the system's zones takes longer than most catalogs
    return frozenset(available_timezones())


def _matching(column: Column, pattern: str) -> pl.Expr:
    """The cells that match, and empty ones where they are allowed."""
    cell = pl.col(column.name)
    return pl.when(cell.str.contains(f"^(?:{pattern}){'?' if column.empty else ''}$")).then(cell)


def _text(column: Column) -> list[pl.Expr]:
    return [pl.col(column.name)]


def _digits(column: Column) -> list[pl.Expr]:
    return [_matching(column, f"[0-9]{{1,{column.width}}}")]


def _currency(column: Column) -> list[pl.Expr]:
    return [_matching(column, "[A-Z]{3}")]


def _choice(column: Column) -> list[pl.Expr]:
    return [_among(column, (*column.choices, ANY) if column.wild else column.choices)]


def _among(column: Column, allowed: tuple[str, ...]) -> pl.Expr:
    cell = pl.col(column.name)
    return pl.when(cell.is_in(allowed)).then(cell)


def _timezone(column: Column, known: set[str]) -> list[pl.Expr]:
    return [_among(column, tuple(zone for zone in known if is_timezone(zone)))]


def _mapped(
    column: Column, values: Mapping[str, object], kind: pl.DataType, name: str
) -> pl.Expr:
    """The values of cells that are few and slow to read."""
    if not values:
        return pl.lit(None, kind).alias(name)
    return pl.col(column.name).replace_strict(
        list(values), pl.Series(list(values.values()), dtype=kind), default=None,
        return_dtype=kind,
    ).alias(name)


def _distinct(cells: pl.Series) -> set[str]:
    """The different texts, without the empty one."""
    few = cells if cells.len() < _FEW else cells.unique()
    return set(few.to_list()) - {""}


def _date_of(cell: str) -> date | None:
    # fromisoformat reads weeks and days of the year too
    if len(cell) != len("YYYY-MM-DD") or not cell[4] == cell[7] == "-":
        return None
    try:
        day = date.fromisoformat(cell)
    except ValueError:
        return None
    return day if day.year in _YEARS else None


def _midnight(column: Column, known: set[str], zone: str) -> pl.Expr:
    local = ZoneInfo(zone)
    starts = {
        cell: datetime(day.year, day.month, day.day, tzinfo=local).astimezone(UTC)
        .replace(tzinfo=None)
        for cell in known if (day := _date_of(cell))
    }
    return _mapped(column, starts, pl.Datetime("us"), column.name)


def _day(column: Column, known: set[str]) -> list[pl.Expr]:
    days = {cell: _date_of(cell) for cell in known}
    return [_mapped(column, days, pl.Date(), column.name)]


def _money(column: Column) -> list[pl.Expr]:
    return [_scaled(column, "^([0-9]{1,12})", 6).alias(f"{column.name}_micros")]


def _balance(column: Column) -> list[pl.Expr]:
    sign = pl.when(pl.col(column.name).str.starts_with("-")).then(-1).otherwise(1).cast(pl.Int64)
    return [(sign * _scaled(column, "^-?([0-9]{1,12})", 6)).alias(f"{column.name}_micros")]


def _percent(column: Column) -> list[pl.Expr]:
    value = _scaled(column, "^([0-9]{1,6})", 4)
    return [pl.when(value <= column.most * 10_000).then(value).alias(f"{column.name}_ppm")]


def _scaled(column: Column, start: str, places: int) -> pl.Expr:
    """Decimals, of which `start` is a pattern of all before the point, in 10 ** -places."""
    cell = pl.col(column.name)
    pattern = rf"{start}(?:\.([0-9]{{1,{places}}}))?$"
    whole = cell.str.extract(pattern, 1).cast(pl.Int64)
    part = cell.str.extract(pattern, 2).fill_null("").str.pad_end(places, "0").cast(pl.Int64)
    value: pl.Expr = whole * 10**places + part
    return value


def _ratio(column: Column, known: set[str]) -> list[pl.Expr]:
    good = {cell for cell in known if re.fullmatch(r"[0-9]{1,9}(?:\.[0-9]{1,9})?", cell)}
    return _fractions(column, {cell for cell in good if re.search("[1-9]", cell)})


def _decimal(column: Column, known: set[str]) -> list[pl.Expr]:
    return _fractions(
        column, {cell for cell in known if re.fullmatch(r"[0-9]{1,12}(?:\.[0-9]{1,6})?", cell)}
    )


def _fractions(column: Column, known: set[str]) -> list[pl.Expr]:
    """Decimals as reduced fractions."""
    ratios = {cell: Decimal(cell).as_integer_ratio() for cell in known}
    return [
        _mapped(column, {cell: ratio[at] for cell, ratio in ratios.items()}, pl.Int64(),
                f"{column.name}_{side}")
        for at, side in enumerate(("num", "den"))
    ]


def _count(column: Column) -> list[pl.Expr]:
    if column.choices:
        return [_among(column, column.choices).cast(pl.Int64)]
    number = pl.col(column.name).str.extract("^(0|[1-9][0-9]{0,11})$").cast(pl.Int64)
    return [pl.when(number.is_between(column.least, column.most)).then(number).alias(column.name)]


def _days(column: Column) -> list[pl.Expr]:
    spans = {"holiday": (HOLIDAY, HOLIDAY)} | {day: (at, at) for at, day in enumerate(DAYS)} | {
        f"{a}-{b}": (i, j) for i, a in enumerate(DAYS) for j, b in enumerate(DAYS) if i <= j
    }
    return [
        _mapped(column, {text: span[at] for text, span in spans.items()}, pl.Int64(), name)
        for at, name in enumerate(("first_day", "last_day"))
    ]


def _clock(column: Column) -> list[pl.Expr]:
    pattern = "^(?:([01][0-9]|2[0-3]):([0-5][0-9])|(24):00)$"
    hour, minute, end = (
        pl.col(column.name).str.extract(pattern, group).cast(pl.Int64) for group in (1, 2, 3)
    )
    return [(pl.coalesce(hour, end) * 60 + minute.fill_null(0)).alias(f"{column.name}_minute")]


_BY_TEXT: Final[dict[str, Callable[[Column], list[pl.Expr]]]] = {
    "text": _text, "digits": _digits, "choice": _choice, "currency": _currency, "money": _money,
    "balance": _balance, "percent": _percent, "count": _count, "days": _days, "clock": _clock,
}
"""Kinds that are read the same whatever the cells are"""
_BY_VALUE: Final[dict[str, Callable[[Column, set[str]], list[pl.Expr]]]] = {
    "timezone": _timezone, "day": _day, "ratio": _ratio, "decimal": _decimal,
}
"""Kinds that are read once for each different text"""
