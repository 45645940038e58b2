"""Longest prefix match and ported numbers against the plain definition."""

from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rating.catalog_read import ALWAYS, NEVER
from rating.digits import plan_keys, sim_numbers
from rating.identity import digits_number
from rating.number_plan import NumberPlan, number_key
from rating.plan_search import PlanSearch
from rating.validity import ints

AT = datetime(2026, 9, 1)
# few different digits, so that prefixes nest and numbers are prefixes of prefixes
DIGITS = st.text("049", min_size=1, max_size=6)
DAYS = [AT + timedelta(days=n) for n in range(5)]
SPANS = st.sampled_from([(ALWAYS, NEVER), (ALWAYS, DAYS[2]), (DAYS[2], NEVER),
                         (DAYS[1], DAYS[3])])


def table(digits, rows):
    """Rows of digits and validity; the zone is told by the line."""
    return pl.DataFrame(
        [(i + 2, d, f"to {d}", f"z{i + 2}", *span) for i, (d, span) in enumerate(rows)],
        orient="row",
        schema={"line": pl.Int64, digits: pl.String, "destination": pl.String, "zone": pl.String,
                "valid_from": pl.Datetime("us"), "valid_to": pl.Datetime("us")},
    )


def plan(rows, ported=()):
    return NumberPlan.of(table("prefix", rows), table("number", ported))


def found(number_plan, numbers, times=None, column="destination_prefix"):
    keys = plan_keys(pl.Series(numbers, dtype=pl.String))
    at = ints(pl.Series(times or [AT] * len(numbers), dtype=pl.Datetime("us")))
    numbers = np.arange(number_plan.rows.height) * 7
    rows, zones = PlanSearch.of(number_plan, numbers).rows_at(keys, at)
    assert zones.tolist() == [-1 if row < 0 else 7 * row for row in rows]
    return [None if row < 0 else number_plan.rows[column][int(row)] for row in rows]


@given(st.sets(DIGITS, min_size=1, max_size=25), st.lists(DIGITS, min_size=1, max_size=40))
def test_equals_the_longest_prefix(prefixes, numbers):
    got = found(plan([(p, (ALWAYS, NEVER)) for p in prefixes]), numbers)
    want = [max((p for p in prefixes if n.startswith(p)), key=len, default=None) for n in numbers]
    assert got == want


def disjoint(rows):
    """The rows of which each key has one at a time."""
    kept = []
    for digits, (since, until) in rows:
        if all(d != digits or until <= s or since >= u for d, (s, u) in kept):
            kept.append((digits, (since, until)))
    return kept


@given(
    st.lists(st.tuples(DIGITS, SPANS), max_size=30),
    st.lists(st.tuples(DIGITS, SPANS), max_size=6),
    st.lists(st.tuples(DIGITS, st.sampled_from(DAYS)), min_size=1, max_size=30),
)
def test_equals_the_longest_prefix_valid_at_the_time(prefixes, ported, asked):
    prefixes, ported = disjoint(prefixes), disjoint(ported)
    number_plan = plan(prefixes, ported)
    numbers, times = zip(*asked, strict=True)
    got = found(number_plan, numbers, times, "destination_zone")

    def wanted(number, at):
        for i, (whole, (since, until)) in enumerate(ported):
            if whole == number and since <= at < until:
                return f"z{i + 2}"
        hits = [(len(p), i) for i, (p, (since, until)) in enumerate(prefixes)
                if number.startswith(p) and since <= at < until]
        return f"z{max(hits)[1] + 2}" if hits else None

    assert got == [wanted(n, t) for n, t in asked]
    stored = NumberPlan.stored(number_plan.frames())
    assert found(stored, numbers, times, "destination_zone") == got


def test_short_long_and_strange_numbers():
    always = (ALWAYS, NEVER)
    number_plan = plan([("44", always), ("4400", always), ("9" * 15, always)])
    numbers = ["440", "4400", "44", "4", "44001234567890123456", "9" * 15, "9" * 16, "9" * 14,
               "+4400", "-4400", "44x", "", None]
    want = ["44", "4400", "44", None, "4400", "9" * 15, "9" * 15, None, None, None, None, None,
            None]
    assert found(number_plan, numbers) == want


def test_a_longer_number_is_not_the_ported_one():
    number_plan = plan([("4", (ALWAYS, NEVER))], [("4" * 15, (ALWAYS, NEVER))])
    numbers = ["4" * 14, "4" * 15, "4" * 16, "4" * 30]
    assert found(number_plan, numbers) == ["4", None, "4", "4"]
    assert found(number_plan, numbers, column="destination")[1] == "to " + "4" * 15


def test_keys_tell_leading_zeros_and_lengths_apart():
    numbers = ["0", "00", "01", "1", "10", "0" * 15, "0" * 16]
    keys = pl.DataFrame({"n": numbers}).select(number_key(pl.col("n"))).to_series()
    assert keys.n_unique() == len(numbers)
    assert sorted(numbers) == [numbers[i] for i in keys.arg_sort()]


TEXTS = st.lists(st.none() | st.text("0123456789", max_size=18)
                 | st.text("0123456789+-_ .éx²", max_size=18), max_size=30)


@given(TEXTS, st.integers(0, 5))
def test_texts_are_parsed_as_polars_does(texts, begin):
    numbers = pl.Series("n", texts, dtype=pl.String)[begin:]
    keys = numbers.to_frame().select(number_key(pl.col("n")), sim=digits_number(pl.col("n")))
    assert plan_keys(numbers).tolist() == keys["n"].fill_null(-1).to_list()
    assert sim_numbers(numbers).tolist() == keys["sim"].fill_null(-1).to_list()


def test_what_a_null_hides_is_no_number():
    hidden = pl.Series(["43", "44", "45" * 9]).zip_with(
        pl.Series([True, False, False]), pl.Series([None], dtype=pl.String))
    assert (plan_keys(hidden) > 0).tolist() == [True, False, False]


def test_validity_is_half_open():
    day = datetime(2026, 9, 10)
    number_plan = plan([("4", (AT, day)), ("49", (day, datetime(2026, 9, 20)))])
    times = [datetime(2026, 8, 31, 23, 59, 59), AT, datetime(2026, 9, 9, 23, 59, 59), day,
             datetime(2026, 9, 20)]
    assert found(number_plan, ["491"] * 5, times) == [None, "4", "4", "49", None]


def test_rows_name_their_lines():
    number_plan = plan([("4", (ALWAYS, NEVER))], [("49", (ALWAYS, NEVER))])
    assert found(number_plan, ["41", "49", "5"], column="destination") == ["to 4", "to 49", None]
    assert number_plan.rows["line"].to_list() == [2, None]


@pytest.mark.parametrize("rows", [[], [("4", (NEVER, NEVER))]])
def test_a_plan_that_has_nothing(rows):
    assert found(plan(rows), ["4", "44"]) == [None, None]
