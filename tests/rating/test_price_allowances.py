"""Allowances and counters of the charging function, worked by hand, plain and compiled alike."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from price_books import (
    MINUTE_PRICES,
    MONDAY_S,
    MONTH_S,
    TWO_BANDS,
    allowance,
    amounts,
    book,
    days,
    draws,
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


def test_tiers_by_counter_go_on_from_event_to_event_and_begin_anew_each_period():
    there = book([rate(tiers=2, counter=0)], [[0, 10], [100, 1]],
                 holdings=[holding(clock=0, bucket=5, period=3)], allowances=[allowance(counter=1)])
    used = [0] * 8
    rows = [event(80, 3 * MONTH_S, holder=0), event(30, 4 * MONTH_S - 1, holder=0),
            event(5, 3 * MONTH_S, holder=0), event(80, 4 * MONTH_S, holder=0)]
    at_once = list(used)
    got = priced(rows, there, used)
    assert priced_at_once(rows, there, at_once) == got
    assert [amounts(one)[1] for one in got] == [800, 210, 5, 800]
    assert used == at_once == [0, 0, 0, 0, 0, 115, 80, 0]
    assert draws(got[1]) == [(0, 5, 0, 30, 80)]
    # a counter that nobody holds counts the event alone
    assert amounts(price_one(event(110), there)) == (cols.PRICED, 1010)


def test_covered_units_come_first_and_the_rest_is_charged():
    there = book([rate(setup=3)], [[0, 5]], holdings=[holding()], allowances=[allowance(100)])
    got = price_one(event(120, holder=0), there, used := [30])
    assert parts(got) == [(0, 0, -1, 70, 0), (0, 0, 0, 50, 250)]
    assert draws(got) == [(0, 0, 70, 70, 30)]
    assert (amounts(got), used) == ((cols.PRICED, 253), [100])
    assert got.result[cols.X_COVERED] == 70


def test_an_event_covered_wholly_costs_nothing():
    there = book([rate(setup=3, minimum=50)], holdings=[holding()], allowances=[allowance(100)])
    row = event(100, holder=0, percent=500_000, fixed=1, tax=200_000)
    got = price_one(row, there)
    assert amounts(got) == (cols.PRICED, 0)
    assert (got.result[cols.X_SETUP], got.result[cols.X_COVERED]) == (0, 100)
    assert amounts(price_one(row, there, [100])) != (cols.PRICED, 0)


def test_whole_units_are_taken_and_the_rest_stays():
    # a unit costs 3 of the 100
    there = book(holdings=[holding()], allowances=[allowance(100)], scopes=[[3]])
    got = price_one(event(40, holder=0), there, used := [0])
    assert (draws(got), used) == ([(0, 0, 33, 99, 0)], [99])
    free = there._replace(scopes=[[0]])
    assert draws(price_one(event(40, holder=0), free, [100])) == [(0, 0, 40, 0, 100)]


def test_more_used_than_there_is_covers_nothing():
    there = book(holdings=[holding()], allowances=[allowance(100)])
    assert draws(price_one(event(40, holder=0), there, [101])) == []


def test_what_does_not_count():
    other = [
        holding(sim=8), holding(from_s=101), holding(to_s=100), holding(allowance=1), holding(),
    ]
    there = book(holdings=other, allowances=[allowance(100), allowance(100, counter=1)])
    got = price_one(event(40, 100, holder=0, sim=7), there)
    assert [draw[cols.D_HOLDING] for draw in got.draws] == [4]
    nowhere = there._replace(scope_at=[-1, -1])
    assert price_one(event(40, 100, holder=0, sim=7), nowhere).draws == []
    assert price_one(event(40, 100, holder=0, sim=7, place=-1), there).draws == []


def test_holdings_are_drawn_by_priority_then_expiry_then_line():
    held = [
        holding(0, bucket=0, to_s=500), holding(1, bucket=1, to_s=900),
        holding(2, bucket=2, to_s=400), holding(3, bucket=3, to_s=400),
    ]
    kinds = [allowance(10, 1), allowance(10, 2), allowance(10, 2), allowance(10, 2)]
    got = price_one(event(99, holder=0), book(holdings=held, allowances=kinds))
    assert [draw[cols.D_HOLDING] for draw in got.draws] == [0, 2, 3, 1]
    assert parts(got)[1][3] == 59


def test_what_was_left_rolls_over_and_the_older_goes_first():
    there = book(holdings=[holding(clock=0, bucket=2, period=1)],
                 allowances=[allowance(100, roll=2)])
    row = event(500, 4 * MONTH_S + 5, holder=0)
    got = price_one(row, there, [0, 0, 0, 90, 0, 50, 0])
    # of periods 2, 3 and 4; period 1 has passed
    assert draws(got) == [(0, 3, 10, 10, 90), (0, 4, 100, 100, 0), (0, 5, 50, 50, 50)]
    early = event(500, MONTH_S, holder=0)
    assert draws(price_one(early, there)) == [(0, 2, 100, 100, 0)]
    assert draws(price_one(event(500, MONTH_S - 1, holder=0), there)) == []


def test_the_period_that_expires_first_goes_first_among_holdings():
    # a pass that ends within the month, between what expires with this month and with the next
    held = [holding(0, clock=0, bucket=0, period=0), holding(1, to_s=MONTH_S + 9, bucket=5)]
    there = book(holdings=held, allowances=[allowance(10, roll=1), allowance(10)])
    got = price_one(event(99, 5, holder=0), there)
    assert [draw[cols.D_BUCKET] for draw in got.draws] == [5, 0]
    got = price_one(event(99, MONTH_S + 5, holder=0), there)
    assert [draw[cols.D_BUCKET] for draw in got.draws] == [5, 0, 1]


def test_the_end_of_a_grant_does_not_change_the_order():
    held = [holding(0, clock=0, bucket=0), holding(1, clock=0, bucket=5, to_s=100)]
    there = book(holdings=held, allowances=[allowance(10), allowance(10, roll=1)])
    got = price_one(event(99, 5, holder=0), there)
    assert [draw[cols.D_BUCKET] for draw in got.draws] == [0, 5]
    # beyond the clock's last period nothing expires
    last = there._replace(clock_from=[0, 1])
    assert [draw[cols.D_BUCKET] for draw in price_one(event(99, 5, holder=0), last).draws] == [0, 5]


def test_bands_draw_as_their_scopes_say():
    held = [holding(0), holding(1, bucket=1)]
    there = book(TWO_BANDS, MINUTE_PRICES, [tariff(0)], **days((0, 0), (3600, 1)), holdings=held,
                 allowances=[allowance(60), allowance(60)], scope_at=[-1, 0, 0, -1])
    got = price_one(event(240, MONDAY_S + 3480, timed=1, holder=0), there)
    assert draws(got) == [(1, 1, 60, 60, 0), (0, 0, 60, 60, 0)]
    assert [p[2] for p in parts(got)] == [-1, 0, -1, 1]
