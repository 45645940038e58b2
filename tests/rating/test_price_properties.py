"""The charging function at random: compiled as plain, and the laws that every price obeys."""

import sys
from fractions import Fraction
from itertools import groupby
from math import floor
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))

from price_books import priced, priced_at_once
from price_chance import book_at, event_at, used_at

from rating import price_arrays as cols
from rating.price_money import multiply_divide, round_ratio, scaled_amount
from rating.price_time import rate_at

CHANCES = st.integers(0, 2**64).map(Random)


@given(CHANCES)
def test_compiled_is_as_plain(chance):
    there, used = book_at(chance), used_at(chance)
    rows = [event_at(chance, huge=n == 19) for n in range(20)]
    plain, compiled = list(used), list(used)
    assert priced_at_once(rows, there, compiled) == priced(rows, there, plain)
    assert compiled == plain


@given(CHANCES)
def test_laws_of_a_price(chance):
    there, used = book_at(chance), used_at(chance)
    for _ in range(10):
        row, before = event_at(chance), list(used)
        (got,) = priced([row], there, used)
        if got.result[cols.X_STATUS] == cols.PRICED:
            check_amounts(there, got)
            check_draws(there, row, got, before, used)
        else:
            assert (used, got.parts, got.draws) == (before, [], [])
            assert not any(got.result[cols.X_BILLED :])


def check_amounts(there, got):
    """Units and money add up, and nothing is negative but the discount."""
    result = got.result
    assert all(part[cols.PT_UNITS] > 0 and part[cols.PT_AMOUNT] >= 0 for part in got.parts)
    assert sum(part[cols.PT_UNITS] for part in got.parts) == result[cols.X_BILLED]
    stored = sum(part[cols.PT_AMOUNT] for part in got.parts) + sum(
        result[cols.X_SETUP : cols.X_ROUNDING + 1]
    )
    assert stored == result[cols.X_TARIFF_AMOUNT] >= 0
    assert result[cols.X_NET] + result[cols.X_TAX] == result[cols.X_AMOUNT] >= 0
    assert min(result[cols.X_NET], result[cols.X_TAX]) >= 0 >= result[cols.X_DISCOUNT]
    assert result[cols.X_COVERED] == sum(draw[cols.D_UNITS] for draw in got.draws)
    assert result[cols.X_COVERED] == sum(
        part[cols.PT_UNITS] for part in got.parts
        if part[cols.PT_TIER] < 0 and there.rates[part[cols.PT_RATE]][cols.R_MARKUP] < 0)


def check_draws(there, row, got, before, used):
    """What was used is before plus the draws, in succession; no more than there is."""
    now = list(before)
    for draw in got.draws:
        held = there.holdings[draw[cols.D_HOLDING]]
        kind = there.allowances[held[cols.H_ALLOWANCE]]
        assert draw[cols.D_BEFORE] == now[draw[cols.D_BUCKET]]
        now[draw[cols.D_BUCKET]] += draw[cols.D_TAKEN]
        if kind[cols.A_COUNTER] == 0 and draw[cols.D_TAKEN] > 0:
            assert now[draw[cols.D_BUCKET]] <= kind[cols.A_QUANTITY]
        assert held[cols.H_FROM_S] <= row[cols.E_START_S] < held[cols.H_TO_S]
        assert held[cols.H_SIM] in (-1, row[cols.E_SIM])
    assert now == used


@given(CHANCES)
def test_more_units_never_cost_less(chance):
    # without holdings: what is due is that of the units alone
    there = book_at(chance)
    there = there._replace(tariffs=[[*one[:5], cols.INTERVALS_UP] for one in there.tariffs])
    for _ in range(10):
        row = event_at(chance)
        row[cols.E_HOLDER] = -1
        longer = list(row)
        longer[cols.E_UNITS] += chance.randint(1, 300)
        (less,), (more,) = priced([row], there, []), priced([longer], there, [])
        if more.result[cols.X_STATUS] == cols.PRICED:
            assert less.result[cols.X_STATUS] == cols.PRICED
            assert less.result[cols.X_AMOUNT] <= more.result[cols.X_AMOUNT]


@given(CHANCES)
def test_billed_units_do_not_depend_on_where_rates_change(chance):
    there, used = book_at(chance), used_at(chance)
    for _ in range(10):
        row = event_at(chance)
        row[cols.E_TIMED] = 1
        (cut,) = priced([row], there, list(used))
        row[cols.E_TIMED] = 0
        (whole,) = priced([row], there, list(used))
        if cut.result[cols.X_STATUS] == cols.PRICED:
            assert whole.result[cols.X_BILLED] == cut.result[cols.X_BILLED]


@given(CHANCES)
def test_stretches_are_those_found_second_by_second(chance):
    there, row = book_at(chance), event_at(chance)
    row[cols.E_TIMED], row[cols.E_HOLDER] = 1, -1
    there = there._replace(
        rates=[[*one[: cols.R_FIRST], 1, 1, one[cols.R_TIER], 1, -1, -1, 1] for one in there.rates])
    (got,) = priced([row], there, [])
    start_s, units = row[cols.E_START_S], row[cols.E_UNITS]
    seconds = [rate_at(row, there, start_s + second)[:2] for second in range(units)]
    if rate_at(row, there, start_s)[1] < 0 or any(number < 0 for _, number in seconds):
        assert got.result[cols.X_STATUS] == cols.RATE_MISSING
    else:
        assert [(p[cols.PT_BAND], p[cols.PT_RATE], p[cols.PT_UNITS]) for p in got.parts] == [
            (*key, len(list(run))) for key, run in groupby(seconds)]


def test_chance_leaves_nothing_out():
    chance, seen = Random(5), set()
    for _ in range(300):
        there, used = book_at(chance), used_at(chance)
        for _ in range(5):
            (got,) = priced([event_at(chance, huge=chance.random() < 0.1)], there, used)
            seen |= {("status", got.result[cols.X_STATUS]), ("parts", min(len(got.parts), 4)),
                     ("draws", min(len(got.draws), 3))}
            seen |= {("column", n) for n, value in enumerate(got.result) if value}
    assert len(seen) == 4 + 5 + 4 + 15


NUMBER = st.integers(0, 2**20) | st.integers(0, 2**63 - 1)
POSITIVE = st.integers(1, 2**20) | st.integers(1, 2**63 - 1)


@given(NUMBER, NUMBER, POSITIVE)
def test_products_are_exact(value, by, divisor):
    quotient, rest = divmod(value * by, divisor)
    fits = quotient < 2**63
    assert multiply_divide(value, by, divisor) == ((quotient, rest) if fits else (-1, 0))


def rounded(exact, mode):
    whole = floor(exact)
    rest = exact - whole
    half = Fraction(1, 2)
    away = {
        cols.HALF_UP: rest >= half,
        cols.HALF_EVEN: rest > half or (rest == half and whole % 2 == 1),
        cols.UP: rest > 0,
        cols.DOWN: False,
    }
    return whole + away[mode]


@given(st.integers(0, 9), st.integers(0, 2**62), st.integers(1, 12) | POSITIVE,
       st.integers(0, 999_999) | st.sampled_from([0, 500_000]), st.integers(0, 3),
       st.integers(-2, 1))
def test_rounding_is_that_of_fractions(whole, rest, size, more, mode, near):
    for left in {rest % size, max((size + near) // 2, 0) % size}:
        exact = whole + (left + Fraction(more, 10**6)) / Fraction(size)
        assert round_ratio(whole, left, size, more, 10**6, mode) == rounded(exact, mode)


@given(st.integers(0, 10**9), st.integers(0, 10**9), st.integers(1, 10**6),
       st.sampled_from([1, 10, 10**6]), st.integers(0, 3))
def test_scaled_amounts_are_those_of_fractions(value, by, divisor, unit, mode):
    want = rounded(Fraction(value * by, divisor * unit), mode) * unit
    assert scaled_amount(value, by, divisor, unit, mode) == want


@pytest.mark.parametrize("unit", [1, 10**6])
def test_an_amount_that_does_not_fit_is_told(unit):
    assert scaled_amount(2**63 - 1, 1, 1, unit, cols.UP) == (-1)
