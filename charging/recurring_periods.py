"""Periods of a calendar, days in them, and what a part of a period comes to.

Pure: dates are local dates of an account, and a period is named by its first day. What a day is in
a time zone whose clocks change matters only to when a date begins.
"""

from typing import Final

import polars as pl

MILLION: Final = 1_000_000
_MONTHS: Final = 12
_WEEK: Final = 7
_MONDAY: Final = 3
"""Days from a monday to 1970-01-01"""


def period_number(period: pl.Expr, day: pl.Expr) -> pl.Expr:
    """The number of the day, week or month that a date is in: consecutive ones are neighbours."""
    number = day.cast(pl.Int32).cast(pl.Int64)
    month = day.dt.year().cast(pl.Int64) * _MONTHS + day.dt.month().cast(pl.Int64) - 1
    return (
        pl.when(period == "month").then(month)
        .when(period == "week").then((number + _MONDAY) // _WEEK)
        .otherwise(number)
    )


def period_start(period: pl.Expr, number: pl.Expr) -> pl.Expr:
    """The first day of the day, week or month of a number."""
    month = pl.date(number // _MONTHS, number % _MONTHS + 1, 1)
    day = pl.when(period == "week").then(number * _WEEK - _MONDAY).otherwise(number)
    return pl.when(period == "month").then(month).otherwise(
        # a month's number as a day is a date of no meaning, but a date
        day.cast(pl.Int32).cast(pl.Date)
    )


def parts(lines: pl.DataFrame) -> pl.DataFrame:
    """Each line once for each period that it has days in, up to the period of its `last_day`.

    `lines` has period (day, week or month), first_day, end_day (exclusive) and last_day; each has
    first_day before end_day. Added are period_start, period_end (exclusive), part_start and
    part_end, what the line has of it, days of the part and period_days.
    """
    period, number = pl.col("period"), pl.col("number")
    first = period_number(period, pl.col("first_day"))
    last = period_number(period, pl.min_horizontal(
        pl.col("end_day").dt.offset_by("-1d"), pl.col("last_day")
    ))
    return (
        lines.with_columns(first=first, last=last).filter(pl.col("first") <= pl.col("last"))
        .with_columns(number=pl.int_ranges("first", pl.col("last") + 1))
        .explode("number").drop("first", "last")
        .with_columns(
            period_start=period_start(period, number), period_end=period_start(period, number + 1)
        ).drop("number")
        .with_columns(
            part_start=pl.max_horizontal("first_day", "period_start"),
            part_end=pl.min_horizontal("end_day", "period_end"),
        )
        .with_columns(
            days=(pl.col("part_end") - pl.col("part_start")).dt.total_days(),
            period_days=(pl.col("period_end") - pl.col("period_start")).dt.total_days(),
        )
    )


def amounts(found: pl.DataFrame, by: list[str]) -> pl.DataFrame:
    """What the parts of one period come to together, as amount_micros, by the columns `by`.

    `found` is of `parts`, with price_micros of a whole period, tax_ppm and prorate (yes or no);
    what shares `by` shares a period. The sum of all parts is exact and rounded once, half up. Of
    parts that are not prorated the first counts, whole. Also period_end, the first part_start as
    first_start, and days, all that are covered.
    """
    wide = pl.Int128()
    price = pl.col("price_micros").cast(wide) * (MILLION + pl.col("tax_ppm")).cast(wide)
    whole = (pl.col("prorate") == "no").fill_null(value=False)
    first = whole & (pl.int_range(pl.len()).over([*by, "prorate"]) == 0)
    days = (
        pl.when(first).then("period_days").when(whole).then(0).otherwise("days")
    )
    summed = found.sort("part_start", maintain_order=True).with_columns(
        share=price * days.cast(wide)
    ).group_by(by, maintain_order=True).agg(
        pl.col("share").sum(), pl.col("days").sum(), pl.col("period_days", "period_end").first(),
        first_start=pl.col("part_start").first(),
    )
    size = pl.col("period_days").cast(wide) * MILLION
    half_up = (2 * pl.col("share") + size) // (2 * size)
    return summed.with_columns(amount_micros=half_up.cast(pl.Int64)).drop("share")
