"""Periods and their parts agree with counting day by day."""

from datetime import date, datetime, timedelta
from fractions import Fraction
from itertools import pairwise

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from charging.recurring_owed import todays
from charging.recurring_periods import amounts, parts

PERIODS = ("day", "week", "month")
DAYS = st.dates(date(1950, 1, 1), date(2060, 1, 1))
DAY = timedelta(days=1)


def start_of(period, day):
    if period == "month":
        return day.replace(day=1)
    return day - timedelta(days=day.weekday()) if period == "week" else day


def end_of(period, start):
    if period == "month":
        return (start + timedelta(days=31)).replace(day=1)
    return start + timedelta(days=7 if period == "week" else 1)


def by_days(period, first, end, last):
    """The days of a line in each period, counted one by one."""
    found = {}
    day = first
    while day < end and start_of(period, day) <= last:
        found.setdefault(start_of(period, day), []).append(day)
        day += DAY
    return found


def line(period, first, end, last, **more):
    return {"period": period, "first_day": first, "end_day": end, "last_day": last} | more


@given(st.sampled_from(PERIODS), DAYS, st.integers(1, 200), st.integers(-40, 250))
def test_parts_are_the_days_of_each_period(period, first, length, until):
    end, last = first + length * DAY, first + until * DAY
    found = parts(pl.DataFrame([line(period, first, end, last)]))
    wanted = by_days(period, first, end, last)
    assert dict(found.select("period_start", "days").iter_rows()) == {
        start: len(days) for start, days in wanted.items()
    }
    for row in found.iter_rows(named=True):
        start = row["period_start"]
        assert row["period_end"] == end_of(period, start)
        assert row["period_days"] == (row["period_end"] - start).days
        assert (row["part_start"], row["part_end"]) == (
            wanted[start][0], wanted[start][-1] + DAY
        )


def test_an_end_that_never_comes():
    found = parts(pl.DataFrame([
        line("month", date(2024, 1, 31), date(9999, 12, 31), date(2024, 3, 1)),
    ]))
    assert found.select("days", "period_days").rows() == [(1, 31), (29, 29), (31, 31)]


def priced(period, cuts, prices, prorate="yes", ppm=0):
    """The parts of one span that the price changes in at the cuts."""
    rows = [
        line(period, first, end, cuts[-1], key="k", price_micros=price, tax_ppm=ppm,
             prorate=prorate)
        for (first, end), price in zip(pairwise(cuts), prices, strict=True)
    ]
    found = amounts(parts(pl.DataFrame(rows)), ["key", "period_start"])
    return dict(found.select("period_start", "amount_micros").iter_rows())


CUTS = st.builds(
    lambda first, lengths: [first + sum(lengths[:n]) * DAY for n in range(len(lengths) + 1)],
    DAYS, st.lists(st.integers(1, 90), min_size=1, max_size=4),
)
MICROS = st.integers(0, 10**18)


@given(st.sampled_from(PERIODS), CUTS, st.lists(MICROS, min_size=4, max_size=4),
       st.sampled_from([0, 200_000, 77_000, 1_000_000]))
def test_amounts_are_exact_by_days_and_rounded_once(period, cuts, prices, ppm):
    prices = prices[: len(cuts) - 1]
    wanted = {}
    for (first, end), price in zip(pairwise(cuts), prices, strict=True):
        for start, days in by_days(period, first, end, end).items():
            size = (end_of(period, start) - start).days
            share = Fraction(price * len(days) * (10**6 + ppm), size * 10**6)
            wanted[start] = wanted.get(start, 0) + share
    half = Fraction(1, 2)
    assert priced(period, cuts, prices, ppm=ppm) == {
        start: (share + half).__floor__() for start, share in wanted.items()
    }


@given(st.sampled_from(PERIODS), CUTS, MICROS)
def test_parts_of_one_price_sum_to_the_whole(period, cuts, price):
    whole = priced(period, [cuts[0], cuts[-1]], [price])
    assert priced(period, cuts, [price] * (len(cuts) - 1)) == whole
    full = {start for start in whole
            if start >= cuts[0] and end_of(period, start) <= cuts[-1]}
    assert all(whole[start] == price for start in full)


def test_without_proration_the_first_price_is_paid_whole():
    cuts = [date(2026, 2, 10), date(2026, 2, 20), date(2026, 3, 2)]
    assert priced("month", cuts, [7, 9], prorate="no") == {
        date(2026, 2, 1): 7, date(2026, 3, 1): 9,
    }


@pytest.mark.parametrize(
    ("zone", "now", "day"),
    [
        ("Europe/Vienna", "2026-03-28T22:59:59", 28),  # the night in which clocks go forward
        ("Europe/Vienna", "2026-03-28T23:00", 29),
        ("Europe/Vienna", "2026-03-29T21:59:59", 29),
        ("Europe/Vienna", "2026-03-29T22:00", 30),
        ("Asia/Tokyo", "2026-03-29T15:00", 30),
        ("America/New_York", "2026-03-29T03:59:59", 28),
        ("Africa/Cairo", "2026-04-23T22:00", 24),  # this day has no 00:00
        ("Africa/Cairo", "2026-04-23T21:59:59", 23),
    ],
)
def test_a_date_begins_when_local_clocks_show_it(zone, now, day):
    found = todays(pl.Series([zone, zone]), datetime.fromisoformat(now))
    assert {zone: day} == {name: found.day for name, found in found.items()}
