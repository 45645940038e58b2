"""Calendars as slots of the week."""

from dataclasses import dataclass

import polars as pl

from rating.catalog_tables import DAYS

DAY_MINUTES = 1440
WEEK_MINUTES = 7 * DAY_MINUTES


@dataclass(frozen=True, slots=True, order=True)
class Slot:
    """A stretch of the week in one band, in minutes from Monday 00:00, half-open."""

    start: int
    end: int
    band: str


def week_slots(calendar: pl.DataFrame) -> list[Slot]:
    """The slots of one calendar's rows in order of their start."""
    return sorted(
        Slot(day * DAY_MINUTES + row["from_minute"], day * DAY_MINUTES + row["to_minute"],
             row["band"])
        for row in calendar.iter_rows(named=True)
        for day in range(row["first_day"], row["last_day"] + 1)
    )


def clock(minute: int) -> str:
    """A minute of the week as day and time: `mon 07:30`."""
    day, rest = divmod(minute, DAY_MINUTES)
    return f"{DAYS[day]} {rest // 60:02}:{rest % 60:02}"
