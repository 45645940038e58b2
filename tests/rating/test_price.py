"""The charging function against an independent reference, and compiled against itself."""

import runpy
import subprocess
import sys
from fractions import Fraction
from itertools import pairwise
from math import floor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rating import price
from rating.price_arrays import Cards, Events, Rates
from rating.price_batch import price_batch

ONE = ([0], [0])


def scalar(week_s, units, timed, card, rates):
    room = [[0] * 500 for _ in range(3)]
    status, amount, billed, rate, count = price.price_event(
        week_s, units, timed, *card, *rates, *room, 0
    )
    return status, amount, billed, rate, list(zip(*(r[:count] for r in room), strict=True))


def reference(week_s, units, timed, card, rates):
    """One interval at a time, in fractions."""
    setup, first, following, micros, per = rates
    minute_rate = {}
    for begin, end, rate in zip(card[0], [*card[0][1:], 10080], card[1], strict=True):
        minute_rate.update(dict.fromkeys(range(begin, end), rate))

    def rate_at(second):
        return minute_rate[(week_s + second) // 60 % 10080]

    start = rate_at(0)
    if start < 0:
        return price.RATE_MISSING, 0, 0
    size, position, stretches = first[start], 0, {}
    seconds = range(units) if timed else range(min(units, 1))
    changes = [s for a, s in pairwise(seconds) if rate_at(a) != rate_at(s)]
    while position < units:
        rate = rate_at(position) if timed else start
        if rate < 0:
            return price.RATE_MISSING, 0, 0
        key = (sum(c <= position for c in changes), rate)
        stretches[key] = stretches.get(key, 0) + size
        position, size = position + size, following[start]
    parts = [
        floor(Fraction(count * micros[rate], per[rate]) + Fraction(1, 2))
        for (_, rate), count in stretches.items()
    ]
    return price.PRICED, (setup[start] if units else 0) + sum(parts), position


@st.composite
def rate_rows(draw):
    count = draw(st.integers(1, 4))
    def row(low, high):
        return draw(st.lists(st.integers(low, high), min_size=count, max_size=count))
    return row(0, 10**6), row(1, 200), row(1, 200), row(0, 10**7), row(1, 100)


@st.composite
def cards(draw, rates):
    # boundaries crowd around the times that events below start at
    cuts = draw(st.lists(st.integers(1, 120) | st.integers(9980, 10079), max_size=6, unique=True))
    minutes = [0, *sorted(cuts)]
    rate = st.integers(-1 if draw(st.booleans()) else 0, len(rates[0]) - 1)
    return minutes, draw(st.lists(rate, min_size=len(minutes), max_size=len(minutes)))


WEEK_SECONDS = st.integers(0, 6000) | st.integers(604_800 - 6000, 604_799)


@settings(max_examples=150)
@given(st.data())
def test_equals_the_reference_to_the_unit(data):
    rates = data.draw(rate_rows())
    card = data.draw(cards(rates))
    event = data.draw(st.tuples(WEEK_SECONDS, st.integers(0, 1500), st.integers(0, 1)))
    status, amount, billed, rate, parts = scalar(*event, card, rates)
    assert (status, amount, billed) == reference(*event, card, rates)
    if status == price.PRICED:
        fee = rates[0][rate] if parts else 0
        assert amount == fee + sum(part[2] for part in parts)
        assert billed == sum(part[1] for part in parts)


@settings(max_examples=40)
@given(st.data())
def test_compiled_equals_plain(data):
    rates = data.draw(rate_rows())
    dealt = data.draw(st.lists(cards(rates), min_size=1, max_size=3))
    huge = st.integers(0, 5000) | st.integers(-1, 2**63 - 1)
    rows = data.draw(st.lists(
        st.tuples(st.integers(0, 10**10), st.integers(-50_000, 50_000), huge, st.integers(0, 1),
                  st.integers(0, len(dealt) - 1)), max_size=20,
    ))
    columns = np.array(rows, np.int64).reshape(-1, 5).T
    starts = np.cumsum([0, *(len(c[0]) for c in dealt)])
    got = price_batch(
        Events(*columns),
        Cards(starts, *(np.concatenate([c[i] for c in dealt]) for i in (0, 1))),
        Rates(*(np.array(row, np.int64) for row in rates)),
    )
    for i, (start, offset, units, timed, card) in enumerate(rows):
        want = scalar(price.week_second(start, offset), units, timed, dealt[card], rates)
        part = slice(got.starts[i], got.starts[i + 1])
        parts = list(zip(got.part_rate[part], got.part_units[part], got.part_amount[part],
                         strict=True))
        assert (got.status[i], got.amount[i], got.billed[i], got.rate[i], parts) == want


def test_more_parts_than_expected_find_room():
    rates = Rates(*(np.array(r, np.int64) for r in ([0, 0], [1, 1], [1, 1], [60, 120], [60, 60])))
    cards_ = Cards(np.array([0, 168]), np.arange(168) * 60, np.arange(168) % 2)
    week = np.array([604_800], np.int64)
    zero = np.zeros(1, np.int64)
    got = price_batch(Events(zero, zero, week, zero + 1, zero), cards_, rates)
    assert (got.part_units == 3600).all()
    # the parts of seven days of hours, and the amount of all of them
    assert (len(got.part_rate), got.amount[0]) == (168, 84 * 3600 + 84 * 7200)


def test_an_interval_is_billed_at_the_rate_of_its_start():
    # rate 1 begins 30 s into the call, within the first interval of 60 s
    card = ([0, 1], [0, 1])
    rates = ([50_000, 0], [60, 60], [60, 60], [600_000, 60_000], [60, 60])
    status, amount, billed, _, parts = scalar(30, 130, 1, card, rates)
    assert (status, billed) == (price.PRICED, 180)
    assert parts == [(0, 60, 600_000), (1, 120, 120_000)]
    assert amount == 50_000 + 600_000 + 120_000


def test_a_stretch_in_which_no_interval_starts_has_no_part_and_needs_no_rate():
    # one minute without a rate, wholly within an interval of five
    card = ([0, 1, 2], [0, -1, 0])
    rates = ([0], [300], [300], [60], [60])
    status, amount, _, _, parts = scalar(30, 310, 1, card, rates)
    assert (status, amount) == (price.PRICED, 600)
    assert parts == [(0, 300, 300), (0, 300, 300)]


def test_volume_is_priced_by_its_start_band():
    _, amount, billed, _, parts = scalar(
        59, 10_000, 0, ([0, 1], [0, 1]), ([0, 0], [1024] * 2, [1024] * 2, [5, 900], [1024, 1])
    )
    assert (amount, billed, parts) == (50, 10_240, [(0, 10_240, 50)])


def test_zero_units_cost_nothing():
    assert scalar(0, 0, 1, ONE, ([7], [60], [60], [1], [1])) == (price.PRICED, 0, 0, 0, [])


@pytest.mark.parametrize(("units", "amount"), [(1, 0), (2, 1), (3, 1), (5, 1), (6, 2), (10, 3)])
def test_half_rounds_up(units, amount):
    # a quarter of a micro-unit for one unit: 0.25, 0.5, 0.75, 1.25, 1.5, 2.5
    assert scalar(0, units, 0, ONE, ([0], [1], [1], [1], [4]))[1] == amount


@pytest.mark.parametrize(
    ("units", "timed", "setup", "micros", "per", "status"),
    [
        (2**62, 0, 0, 1, 1, price.OVERFLOW),
        (-1, 0, 0, 1, 1, price.OVERFLOW),
        (price.MAX_TIMED_S + 1, 1, 0, 0, 1, price.OVERFLOW),
        (price.MAX_TIMED_S, 1, 0, 1, 1, price.PRICED),
        (2**40, 0, 0, 2**23, 1, price.OVERFLOW),
        (2**40, 0, 0, 2**23, 2, price.PRICED),
        (2**40, 0, 2**62, 2**22, 1, price.OVERFLOW),
        (10**9 - 1, 0, 0, 10**18, 10**9, price.OVERFLOW),
        (1, 0, price.MAX_INT64, 1, 1, price.OVERFLOW),
        (1, 0, price.MAX_INT64 - 1, 1, 1, price.PRICED),
    ],
)
def test_overflow_is_told_and_never_wraps(units, timed, setup, micros, per, status):
    found, amount, *_ = scalar(0, units, timed, ONE, ([setup], [1], [1], [micros], [per]))
    assert found == status
    assert 0 <= amount <= price.MAX_INT64


def test_local_week_begins_on_monday():
    assert price.week_second(1_789_336_800, 7200) == 0  # 2026-09-13T22:00Z in Vienna
    assert price.week_second(-1, 0) == 3 * 86_400 - 1


def test_price_and_catalog_load_light():
    code = (
        "import sys, rating.price; print({'numba', 'numpy', 'polars'} & set(sys.modules));"
        "import rating.catalog; print({'numba'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["set()", "set()"]


def test_a_warmed_process_compiles_nothing():
    runpy.run_module("rating.warm", run_name="__main__")
    code = (
        "from rating.warm import warm; from rating.price_batch import COMPILED; warm();"
        "stats = [f.stats for f in COMPILED.values() if hasattr(f, 'stats')];"
        "print(sum(sum(s.cache_hits.values()) for s in stats),"
        " sum(sum(s.cache_misses.values()) for s in stats))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    hits, misses = map(int, done.stdout.split())
    assert hits > 0
    assert misses == 0
