"""The charging function rule by rule: worked by hand, plain Python and compiled alike."""

import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from price_books import (
    DAY_S,
    MINUTE_PRICES,
    MONDAY_S,
    TWO_BANDS,
    allowance,
    amounts,
    arrays,
    book,
    days,
    event,
    holding,
    parts,
    price_one,
    priced,
    priced_at_once,
    rate,
    tariff,
)

from rating import price_arrays as cols
from rating import price_money
from rating.price import rounded_units
from rating.price_arrays import MAX_INT64, MIN_S
from rating.price_batch import price_batch

# Time


def test_an_interval_is_billed_at_the_rate_of_its_start():
    # band 1 begins 30 s into the call, within the first interval of 60 s
    there = book(TWO_BANDS, MINUTE_PRICES, [tariff(0)], **days((0, 0), (3600, 1)))
    got = price_one(event(130, MONDAY_S + 3570, timed=1), there)
    assert parts(got) == [(0, 0, 0, 60, 600_000), (1, 1, 1, 120, 120_000)]
    assert amounts(got) == (cols.PRICED, 720_000)
    assert got.result[cols.X_BILLED] == 180


def test_a_stretch_in_which_no_interval_starts_has_no_part_and_needs_no_rate():
    # one minute without a rate, wholly within an interval of five
    slots = days((0, 0), (60, 1), (120, 0))
    there = book([rate(first=300, following=300)], [[0, 1]], [tariff(0)],
                 band_rates=[0, -1], **slots)
    got = price_one(event(310, MONDAY_S + 30, timed=1), there)
    assert parts(got) == [(0, 0, 0, 300, 300), (0, 0, 0, 300, 300)]
    missing = price_one(event(310, MONDAY_S + 30, timed=1), there._replace(
        rates=[rate(first=10, following=10)]))
    assert amounts(missing) == (cols.RATE_MISSING, 0)
    assert missing.parts == []


def test_volume_is_priced_by_its_start():
    there = book(TWO_BANDS, MINUTE_PRICES, [tariff(0)], **days((0, 0), (60, 1)))
    got = price_one(event(10_000, MONDAY_S + 59), there)
    assert parts(got) == [(0, 0, 0, 10_020, 100_200_000)]


def test_neighbours_of_one_band_and_rate_are_one_stretch():
    # over midnight, and over a border of the calendar without a change
    there = book(TWO_BANDS, MINUTE_PRICES, [tariff(0)], **days((0, 1), (3600, 0), (7200, 0)))
    got = price_one(event(2 * 3600, MONDAY_S + 3600, timed=1), there)
    assert parts(got) == [(0, 0, 0, 7200, 72_000_000)]
    late = price_one(event(7200, MONDAY_S - 60, timed=1), there)
    assert [p[:4] for p in parts(late)] == [(0, 0, 0, 60), (1, 1, 1, 3600), (0, 0, 0, 3540)]


def test_weekday_and_holiday_decide_the_band():
    # Saturday, Sunday and holidays are band 1; Tuesday 1970-01-06 is a holiday
    kinds = [[0, int(day >= 5)] for day in range(8)]
    there = book(TWO_BANDS, MINUTE_PRICES, [tariff(0)], bands=2, slots=kinds,
                 holiday_from=[0, 2], holidays=[5, 300])
    bands = [price_one(event(60, MONDAY_S + DAY_S * day), there).parts[0][cols.PT_BAND]
             for day in range(-1, 8)]
    assert bands == [1, 0, 1, 0, 0, 0, 1, 1, 0]
    # the date is the local one
    eve = event(60, MONDAY_S + DAY_S - 60, offset_s=60)
    assert price_one(eve, there).parts[0][cols.PT_BAND] == 1


def test_clocks_change_during_a_call():
    # at 01:00 UTC local time goes from 02:00 to 03:00, where band 1 begins
    there = book(TWO_BANDS, MINUTE_PRICES, [tariff(0)], **days((0, 0), (3 * 3600, 1)),
                 shifts=[[MIN_S, 3600], [MONDAY_S + 3600, 7200]], shift_from=[0, 2])
    row = event(600, MONDAY_S + 3300, timed=1, zone=0)
    assert [p[:4] for p in parts(price_one(row, there))] == [(0, 0, 0, 300), (1, 1, 1, 300)]
    fixed = event(600, MONDAY_S + 3300, timed=1, offset_s=3600)
    assert [p[:4] for p in parts(price_one(fixed, there))] == [(0, 0, 0, 600)]


def test_a_rate_ends_during_a_call():
    there = book(TWO_BANDS, MINUTE_PRICES, card_from=[0, 3],
                 epochs=[[MIN_S, 0], [1000, 1], [2000, 2]], band_rates=[0, 1, 1])
    assert [p[:4] for p in parts(price_one(event(3000, 0, timed=1), there))] == [
        (0, 0, 0, 1020), (0, 1, 1, 1980),
    ]


# Billed units and tiers


@pytest.mark.parametrize(("units", "up", "nearest", "down"), [
    (0, 0, 0, 0), (1, 60, 0, 0), (29, 60, 0, 0), (30, 60, 60, 0), (60, 60, 60, 60),
    (61, 70, 60, 60), (65, 70, 70, 60), (70, 70, 70, 70), (79, 80, 80, 70),
])
def test_interval_rounding(units, up, nearest, down):
    assert [rounded_units(units, 60, 10, mode) for mode in range(3)] == [up, nearest, down]


def test_an_event_that_bills_nothing_still_has_its_fee():
    down = [tariff(intervals=cols.INTERVALS_DOWN)]
    there = book([rate(setup=7, first=60)], tariffs=down)
    assert amounts(price_one(event(59), there)) == (cols.PRICED, 7)
    assert amounts(price_one(event(0), there)) == (cols.PRICED, 0)


def test_tiers_count_the_charged_units_of_the_event_across_rates():
    # the first 100 s free, at either rate; band 1 begins after 60 s
    rates = [rate(tier=0, tiers=2), rate(tier=2, tiers=3)]
    tiers = [[0, 0], [100, 5], [0, 0], [100, 7], [130, 9]]
    there = book(rates, tiers, [tariff(0)], **days((0, 0), (60, 1)))
    assert parts(price_one(event(200, MONDAY_S, timed=1), there)) == [
        (0, 0, 0, 60, 0), (1, 1, 2, 40, 0), (1, 1, 3, 30, 210), (1, 1, 4, 70, 630),
    ]


# Imported charges


IMPORTED = book([rate(setup=5, markup=150_000)], tariffs=[tariff(unit=10)], fx=[[3, 2]])


def test_a_partners_charge_is_converted_marked_up_and_rounded():
    # 1,001 * 3/2 is rounded to 1,502; with 15 % 1,727.3; with the fee 1,732.3
    got = price_one(event(60, charge=1001, charge_fx=0, holder=-1), IMPORTED)
    assert parts(got) == [(0, 0, -1, 60, 1727)]
    assert amounts(got) == (cols.PRICED, 1730)
    assert got.result[cols.X_NANOS] == 1_732_300
    assert got.result[cols.X_ROUNDING] == -2


def test_an_imported_event_needs_a_charge_and_is_not_covered():
    assert amounts(price_one(event(0), IMPORTED)) == (cols.CHARGE_MISSING, 0)
    assert price_one(event(0, charge=0), IMPORTED).parts == []
    assert parts(price_one(event(0, charge=100), IMPORTED)) == [(0, 0, -1, 1, 115)]
    held = IMPORTED._replace(holding_from=[0, 1], holdings=[holding()], allowances=[allowance()],
                             scope_at=[0])
    assert price_one(event(9, charge=100, holder=0), held).draws == []


# Money


def test_minimum_and_maximum():
    there = book([rate(setup=10, minimum=100, maximum=200, scale=4)], [[0, 3]])
    low, mid, high = (price_one(event(units), there) for units in (119, 121, 1000))
    assert [one.result[cols.X_ADJUST] for one in (low, mid, high)] == [1, 0, -560]
    assert [amounts(one)[1] for one in (low, mid, high)] == [100, 101, 200]
    assert amounts(price_one(event(0), there)) == (cols.PRICED, 0)


def test_discounts_are_exact():
    there = book([rate(scale=3)], [[0, 1]], tariffs=[tariff(mode=cols.UP)])
    # a third of a micro-unit, less 12.3456 % of it
    got = price_one(event(1, percent=123_456), there)
    assert (got.result[cols.X_NANOS], amounts(got)[1]) == (292, 1)
    assert amounts(price_one(event(1, percent=1_000_000), there)) == (cols.PRICED, 0)
    assert amounts(price_one(event(1, percent=2_000_000), there)) == (cols.PRICED, 0)
    assert amounts(price_one(event(3 * 50, fixed=49), there)) == (cols.PRICED, 1)
    assert amounts(price_one(event(3 * 50, fixed=51), there)) == (cols.PRICED, 0)
    assert amounts(price_one(event(3 * 50, fixed=MAX_INT64), there)) == (cols.PRICED, 0)


@pytest.mark.parametrize(("quarters", "half_up", "half_even", "up", "down"), [
    (0, 0, 0, 0, 0), (1, 0, 0, 1, 0), (2, 1, 0, 1, 0), (3, 1, 1, 1, 0), (4, 1, 1, 1, 1),
    (5, 1, 1, 2, 1), (6, 2, 2, 2, 1), (10, 3, 2, 3, 2),
])
def test_rounding_modes(quarters, half_up, half_even, up, down):
    for unit in (1, 100):
        got = [
            amounts(price_one(event(quarters * unit), book(
                [rate(scale=4)], [[0, 1]], tariffs=[tariff(mode=mode, unit=unit)])))[1]
            for mode in range(4)
        ]
        assert got == [unit * n for n in (half_up, half_even, up, down)]


def test_the_stage_decides_how_often_is_rounded():
    tiers = [[0, 4], [1, 4]]
    for stage, amount in ((cols.STAGE_PART, 0), (cols.STAGE_EVENT, 10)):
        there = book([rate(tiers=2)], tiers, tariffs=[tariff(stage=stage, unit=10)])
        assert amounts(price_one(event(2), there)) == (cols.PRICED, amount)


def test_stored_amounts_are_differences_of_floors():
    there = book([rate(scale=3, tiers=2)], [[0, 1], [2, 2]], tariffs=[tariff(mode=cols.UP)])
    got = price_one(event(5), there)
    # two thirds, then two more whole ones
    assert [p[4] for p in parts(got)] == [0, 2]
    assert (got.result[cols.X_ROUNDING], got.result[cols.X_TARIFF_AMOUNT]) == (1, 3)


def test_conversion_and_tax():
    there = book([rate()], [[0, 1]], tariffs=[tariff(unit=10_000)], fx=[[10_842, 10_000]])
    got = price_one(event(1_990_000, fx=0, tax=190_000), there)
    # 2.157558 to 2.16, 0.4104 to 0.41
    assert got.result[cols.X_NET : cols.X_AMOUNT + 1] == [2_160_000, 410_000, 2_570_000]
    assert got.result[cols.X_TARIFF_AMOUNT] == 1_990_000
    included = there._replace(tariffs=[tariff(unit=10_000, tax_included=1)])
    got = price_one(event(1_990_000, tax=190_000), included)
    assert got.result[cols.X_NET : cols.X_AMOUNT + 1] == [1_670_000, 320_000, 1_990_000]


# Bounds


@pytest.mark.parametrize(("units", "timed", "setup", "price", "status"), [
    (cols.MAX_UNITS + 1, 0, 0, 0, cols.OVERFLOW), (cols.MAX_UNITS, 0, 0, 0, cols.PRICED),
    (10**16, 0, 0, 1, cols.OVERFLOW), (9 * 10**15, 0, 0, 1, cols.PRICED),
    (-1, 0, 0, 1, cols.OVERFLOW),
    (cols.MAX_TIMED_S + 1, 1, 0, 0, cols.OVERFLOW), (cols.MAX_TIMED_S, 1, 0, 1, cols.PRICED),
    (2**40, 0, 0, 2**23, cols.OVERFLOW), (2**40, 0, 0, 2**12, cols.PRICED),
    (2**40, 0, 2**62, 2**22, cols.OVERFLOW), (1, 0, MAX_INT64, 1, cols.OVERFLOW),
])
def test_overflow_is_told_and_never_wraps(units, timed, setup, price, status):
    got = price_one(event(units, timed=timed), book([rate(setup)], [[0, price]]))
    assert amounts(got)[0] == status
    assert 0 <= amounts(got)[1] <= MAX_INT64


@pytest.mark.parametrize("change", [
    {"rates": [rate(minimum=2**60, scale=2**10)]}, {"rates": [rate(scale=2**44)]},
    {"rates": [rate(first=2**61)]}, {"fx": [[2**62, 1]]},
    {"tariffs": [tariff(stage=cols.STAGE_PART, unit=10**6)], "rates": [rate(scale=2**43)],
     "tiers": [[0, MAX_INT64]]},
])
def test_what_does_not_fit_gives_draws_back(change):
    there = book(holdings=[holding()], allowances=[allowance(5)], fx=[[1, 1]])._replace(**change)
    got = price_one(event(10, holder=0, fx=0), there, used := [2])
    assert (amounts(got), got.draws, got.parts, used) == ((cols.OVERFLOW, 0), [], [], [2])
    assert got.result[cols.X_COVERED] == 0


def test_large_rates_and_taxes_do_not_overflow_on_the_way():
    there = book([rate()], [[0, 1]], fx=[[118_123_456_789, 10**9]])
    assert amounts(price_one(event(10**15, fx=0), there))[1] == 118_123_456_789_000_000
    back = there._replace(fx=[[10**9, 118_123_456_789]])
    assert amounts(price_one(event(118_123_456_789_000, fx=0), back))[1] == 10**12


# Many events


def test_rows_outside_the_order_are_left_out_and_room_grows():
    there = book([rate(tiers=40)], [[n, n] for n in range(40)],
                 holdings=[holding(bucket=n) for n in range(30)], allowances=[allowance(1)])
    rows = [event(60, holder=0)] * 3
    used = [0] * 30
    want = priced(rows[:1], there, list(used))
    assert (len(want[0].draws), len(want[0].parts)) == (30, 31)
    at_once = priced_at_once(rows, there, used)
    assert at_once[:1] == want
    assert [len(one.draws) for one in at_once] == [30, 0, 0]
    left = price_batch(np.array(rows), np.array([2]), arrays(there), np.zeros(30, np.int64))
    assert left.results[:, cols.X_STATUS].tolist() == [cols.LEFT_OUT, cols.LEFT_OUT, cols.PRICED]
    with pytest.raises(ValueError, match="in place"):
        price_batch(np.array(rows), np.array([2]), arrays(there), np.zeros(30, np.int32))


def test_products_too_large_for_64_bits_are_exact():
    cases = [(MAX_INT64, MAX_INT64, MAX_INT64), (2**62, 3, 7), (10**18, 10**9 + 7, 10**18 - 1),
             (MAX_INT64 - 1, MAX_INT64, MAX_INT64)]
    for value, by, divisor in cases:
        assert price_money.multiply_divide(value, by, divisor) == divmod(value * by, divisor)
    assert price_money.multiply_divide(MAX_INT64, 2, 1)[0] == -1
    assert price_money.multiply_divide(MAX_INT64, MAX_INT64, MAX_INT64 - 1)[0] == -1


# Loading


def test_a_price_of_one_event_loads_light():
    code = ("import sys, rating.price, rating.price_single;"
            "print({'numba', 'numpy', 'polars'} & set(sys.modules))")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["set()"]


def test_a_warmed_process_compiles_nothing():
    runpy.run_module("rating.warm", run_name="__main__")
    code = (
        "from rating.warm import warm; from rating.price_batch import PRICE_EVENTS; warm();"
        "print(*(sum(c.values()) for c in PRICE_EVENTS.stats[1:]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "0"]
