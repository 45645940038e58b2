"""Checks of calendars: each covers the week, and the holiday where it has any, once."""

from collections.abc import Iterator
from typing import Final

import polars as pl

from rating.catalog_column import ANY, DAYS, HOLIDAY
from rating.lint_check import Check, Tables, matching

DAY_MINUTES: Final = 24 * 60
MOST_BANDS: Final = 64


def _backward(tables: Tables) -> pl.DataFrame:
    return tables["calendars"].filter(pl.col("from_minute") >= pl.col("to_minute")).select("line")


def _slots(tables: Tables) -> pl.DataFrame:
    """One row per line and day it covers: calendar, day, from_minute, to_minute, band, line."""
    rows = tables["calendars"].drop_nulls().filter(pl.col("from_minute") < pl.col("to_minute"))
    return rows.with_columns(
        day=pl.int_ranges("first_day", pl.col("last_day") + 1)
    ).explode("day").sort("calendar", "day", "from_minute", "line")


def _twice(tables: Tables) -> pl.DataFrame:
    slots = tables.once(_slots).with_columns(
        reached=pl.col("to_minute").cum_max().shift(1).over("calendar", "day"),
        other=pl.col("line").shift(1).over("calendar", "day"),
    )
    bad = slots.filter(pl.col("from_minute") < pl.col("reached"))
    if not bad.height:
        return bad
    return _named(bad.unique("line", keep="first", maintain_order=True), "from_minute")


def _holes(tables: Tables) -> pl.DataFrame:
    """Each calendar's first minute without a band, at the line where the calendar begins."""
    rows = [
        (line, calendar, day, minute)
        for calendar, line, days in _needed(tables)
        for day, minute in _first_hole(days)
    ]
    if not rows:
        return tables["calendars"].clear()
    schema = {"line": pl.Int64, "calendar": pl.String, "day": pl.Int64, "minute": pl.Int64}
    return _named(pl.DataFrame(rows, schema=schema, orient="row"), "minute")


Spans = list[tuple[int, int]]


def _needed(tables: Tables) -> Iterator[tuple[str, int, dict[int, Spans]]]:
    """Each calendar, its first line, and per day it must cover the minutes that it does cover."""
    slots = tables.once(_slots)
    holiday = set(tables["holidays"]["calendar"].drop_nulls())
    for (name,), rows in slots.group_by("calendar", maintain_order=True):
        days: dict[int, Spans] = {day: [] for day in range(HOLIDAY)}
        if name in holiday:
            days[HOLIDAY] = []
        for day, start, end in rows.select("day", "from_minute", "to_minute").iter_rows():
            days.setdefault(day, []).append((start, end))
        yield str(name), min(rows["line"]), days


def _first_hole(days: dict[int, Spans]) -> list[tuple[int, int]]:
    """The first day and minute that no span covers, alone in a list; spans are in order."""
    for day, spans in sorted(days.items()):
        reached = 0
        for start, end in spans:
            if start > reached:
                break
            reached = max(reached, end)
        if reached < DAY_MINUTES:
            return [(day, reached)]
    return []


def _named(rows: pl.DataFrame, minute: str) -> pl.DataFrame:
    """The rows with `at`, the day and the minute as text."""
    days = dict(enumerate((*DAYS, "holiday")))
    hours, minutes = (pl.col(minute) // 60, pl.col(minute) % 60)
    return rows.with_columns(at=pl.format(
        "{} {}:{}", pl.col("day").replace_strict(days, return_dtype=pl.String),
        hours.cast(pl.String).str.zfill(2), minutes.cast(pl.String).str.zfill(2),
    ))


def _many_bands(tables: Tables) -> pl.DataFrame:
    """The line of each band's first appearance from the band above the limit on."""
    rows = tables["calendars"].drop_nulls("band").filter(pl.col("band") != ANY)
    return rows.unique("band", keep="first", maintain_order=True).slice(MOST_BANDS).select(
        "line", "band", most=pl.lit(MOST_BANDS)
    )


def _unused_holiday(tables: Tables) -> pl.DataFrame:
    rows = tables["calendars"].filter(pl.col("first_day") == HOLIDAY)
    listed = matching(rows, tables["holidays"], ["calendar"])
    return rows.join(listed, on="line", how="anti").unique("calendar", keep="first")


CALENDAR_CHECKS: Final = (
    Check("CALENDAR_BACKWARD", "error", "calendars", _backward, "to is not after from",
          "split what spans midnight: until 24:00, and from 00:00 of the next day"),
    Check("CALENDAR_TWICE", "error", "calendars", _twice,
          "calendar {calendar} has a second band at {at}, beside line {other}",
          "cover each minute once"),
    Check("CALENDAR_HOLE", "error", "calendars", _holes,
          "calendar {calendar} has no band at {at}",
          "cover each minute from mon 00:00 to sun 24:00 once, and holiday where it has holidays"),
    Check("BANDS_MANY", "error", "calendars", _many_bands,
          "band {band} is more than {most} bands in all calendars",
          "use one name for bands of several calendars that are priced alike"),
    Check("HOLIDAY_UNUSED", "warning", "calendars", _unused_holiday,
          "calendar {calendar} has hours for holiday and no row in holidays.csv",
          "list the holidays' dates, or remove the row"),
)
