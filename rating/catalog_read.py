"""Catalog CSV files read into typed frames; what cannot be read becomes a finding."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

import polars as pl

from rating.catalog_tables import DAYS, CatalogTable, Column

ALWAYS = datetime(1, 1, 1)  # noqa: DTZ001
"""valid_from of a row that always was valid, naive UTC"""
NEVER = datetime(9999, 12, 31)  # noqa: DTZ001
"""valid_to of a row without an end, naive UTC"""


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong in a catalog: file:line, the fault, and what to do about it."""

    where: str
    what: str
    hint: str

    def __str__(self) -> str:
        """The finding as one line."""
        return f"{self.where}: {self.what}; {self.hint}"


Findings = list[Finding]


def read_text(folder: Path, table: CatalogTable, findings: Findings) -> pl.DataFrame:
    """A table's cells as trimmed text, empty for missing, with their `line` in the file."""
    path = folder / f"{table.name}.csv"
    names = [c.name for c in table.columns]
    nothing = pl.DataFrame(schema={"line": pl.Int64} | dict.fromkeys(names, pl.String))
    try:
        data = path.read_bytes()
        # a line break inside quotes would shift the line numbers of all that follows
        frame = pl.read_csv(data, infer_schema=False, row_index_name="line", row_index_offset=2)
    except (OSError, pl.exceptions.PolarsError) as error:
        hint = "a catalog file is UTF-8 CSV with a header line and as many cells in every line"
        findings.append(Finding(path.name, f"cannot be read: {error}".split("\n")[0], hint))
        return nothing
    wrong = sorted(set(names) ^ (set(frame.columns) - {"line"}))
    if wrong:
        findings.append(Finding(
            f"{path.name}:1", f"columns missing or not known: {', '.join(wrong)}",
            f"the columns are {', '.join(names)}",
        ))
        return nothing
    frame = frame.select(
        pl.col("line").cast(pl.Int64), pl.col(names).fill_null("").str.strip_chars()
    )
    broken = frame.filter(pl.any_horizontal(pl.col(names).str.contains("\n", literal=True)))
    for line in broken["line"]:
        findings.append(Finding(f"{path.name}:{line}", "a cell holds a line break", "remove it"))
    return frame.filter(~pl.all_horizontal(pl.col(names) == ""))


def typed(
    table: CatalogTable, text: pl.DataFrame, home_zone: str, findings: Findings
) -> pl.DataFrame:
    """The table with values for texts: money in NAME_micros, days and clock in day and minute.

    An empty date is ALWAYS or NEVER; a text that cannot be read is a finding and null.
    """
    frame = text
    for column in table.columns:
        values = _reader(column, home_zone)(text[column.name])
        given = text[column.name] != ""
        bad = text.filter((given & values[:, 0].is_null()) | (~given & (not column.empty)))
        for line, cell in bad.select("line", column.name).iter_rows():
            findings.append(Finding(
                f"{table.name}.csv:{line}",
                f"{column.name} is {cell!r}" if cell else f"{column.name} is empty",
                _HINTS[column.kind].format(", ".join(column.choices)),
            ))
        frame = frame.drop(column.name).with_columns(values)
    if table.dated:
        frame = frame.with_columns(
            pl.col("valid_from").fill_null(ALWAYS), pl.col("valid_to").fill_null(NEVER)
        )
    return frame


def _text(cells: pl.Series) -> pl.DataFrame:
    return cells.to_frame()


def _digits(cells: pl.Series) -> pl.DataFrame:
    return _matching(cells, r"^[0-9]{1,15}$")


def _choice(cells: pl.Series, choices: tuple[str, ...]) -> pl.DataFrame:
    name = cells.name
    return cells.to_frame().select(
        pl.when(pl.col(name).is_in(choices)).then(pl.col(name))
    )


def _zone(cells: pl.Series) -> pl.DataFrame:
    name = cells.name
    known = cells.unique().to_list()
    good = sorted(set(known) & available_timezones())
    return cells.to_frame().select(pl.when(pl.col(name).is_in(good)).then(pl.col(name)))


def _date(cells: pl.Series, zone: str) -> pl.DataFrame:
    days = cells.to_frame().select(
        _matching(cells, r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")
        .to_series().str.to_date("%Y-%m-%d", strict=False)
    )
    midnight = {
        day: datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone))
        .astimezone(UTC).replace(tzinfo=None)
        for day in days[:, 0].unique().drop_nulls()
        if ALWAYS.year < day.year < NEVER.year
    }
    return days.select(
        pl.col(cells.name).replace_strict(
            midnight, default=None, return_dtype=pl.Datetime("us")
        )
    )


def _money(cells: pl.Series) -> pl.DataFrame:
    return _micros(cells, r"^([0-9]{1,12})(?:\.([0-9]{1,6}))?$")


def _balance(cells: pl.Series) -> pl.DataFrame:
    return _micros(cells, r"^-?([0-9]{1,12})(?:\.([0-9]{1,6}))?$")


def _micros(cells: pl.Series, pattern: str) -> pl.DataFrame:
    cell = pl.col(cells.name)
    whole = cell.str.extract(pattern, 1).cast(pl.Int64)
    parts = cell.str.extract(pattern, 2).fill_null("").str.pad_end(6, "0").cast(pl.Int64)
    sign = pl.when(cell.str.starts_with("-")).then(-1).otherwise(1).cast(pl.Int64)
    return cells.to_frame().select(
        (sign * (whole * 1_000_000 + parts)).alias(f"{cells.name}_micros")
    )


def _count(cells: pl.Series) -> pl.DataFrame:
    return _matching(cells, r"^[1-9][0-9]{0,11}$").select(pl.all().cast(pl.Int64))


def _days(cells: pl.Series) -> pl.DataFrame:
    span = cells.str.split("-")
    order = {day: number for number, day in enumerate(DAYS)}
    first, last = (
        span.list.get(at).replace_strict(order, default=None, return_dtype=pl.Int64)
        for at in (0, -1)
    )
    valid = (span.list.len() <= 2) & (first <= last)
    return pl.DataFrame({"first_day": first, "last_day": last}).with_columns(
        pl.when(valid).then(pl.all())
    )


def _clock(cells: pl.Series) -> pl.DataFrame:
    cell = _matching(cells, r"^(?:(?:[01][0-9]|2[0-3]):[0-5][0-9]|24:00)$").to_series()
    minute = cell.str.slice(0, 2).cast(pl.Int64) * 60 + cell.str.slice(3, 2).cast(pl.Int64)
    return minute.alias(f"{cells.name}_minute").to_frame()


def _matching(cells: pl.Series, pattern: str) -> pl.DataFrame:
    cell = pl.col(cells.name)
    return cells.to_frame().select(pl.when(cell.str.contains(pattern)).then(cell))


_READERS: dict[str, Callable[[pl.Series], pl.DataFrame]] = {
    "text": _text, "digits": _digits, "zone": _zone, "money": _money, "balance": _balance,
    "count": _count, "days": _days, "clock": _clock,
}

_HINTS = {
    "text": "fill it in",
    "digits": "write 1 to 15 digits",
    "choice": "write one of: {}",
    "zone": "write an IANA time zone such as Europe/Vienna",
    "date": "write YYYY-MM-DD, or nothing for no limit",
    "money": "write a decimal of at most six places, not negative; raise `per` for a finer price",
    "balance": "write a decimal of at most six places",
    "count": "write a whole number from 1 to 999999999999",
    "days": "write a day or a range from mon to sun, as sat or mon-fri",
    "clock": "write HH:MM from 00:00 to 24:00",
}


def _reader(column: Column, home_zone: str) -> Callable[[pl.Series], pl.DataFrame]:
    """Cells to values, one column or two with null where a text cannot be read."""
    if column.kind == "choice":
        return partial(_choice, choices=column.choices)
    if column.kind == "date":
        return partial(_date, zone=home_zone)
    return _READERS[column.kind]
