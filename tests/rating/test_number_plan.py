"""Longest prefix match against the plain definition."""

from datetime import datetime

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from rating.number_plan import NumberPlan

AT = datetime(2026, 9, 1)
# few different digits, so that prefixes nest and numbers are prefixes of prefixes
DIGITS = st.text("049", min_size=1, max_size=6)


def plan(rows):
    return NumberPlan.of(pl.DataFrame(
        [(p, f"to {p}", z, f, t) for p, z, f, t in rows], orient="row",
        schema={"prefix": pl.String, "destination": pl.String, "zone": pl.String,
                "valid_from": pl.Datetime("us"), "valid_to": pl.Datetime("us")},
    ))


def found(number_plan, numbers, times=None):
    frame = pl.DataFrame(
        {"row": range(len(numbers)), "started_at": times or [AT] * len(numbers),
         "number": numbers}, schema_overrides={"number": pl.String},
    )
    got = number_plan.destinations(frame)
    by_row = dict(got.select("row", "destination_prefix").iter_rows())
    return [by_row.get(i) for i in range(len(numbers))]


@settings(max_examples=60)
@given(st.sets(DIGITS, min_size=1, max_size=25), st.lists(DIGITS, min_size=1, max_size=40))
def test_equals_the_longest_prefix(prefixes, numbers):
    got = found(plan([(p, "z", datetime(1, 1, 1), datetime(9999, 12, 31)) for p in prefixes]),
                numbers)
    want = [max((p for p in prefixes if n.startswith(p)), key=len, default=None) for n in numbers]
    assert got == want


def test_short_long_and_strange_numbers():
    always = (datetime(1, 1, 1), datetime(9999, 12, 31))
    number_plan = plan([("44", "a", *always), ("4400", "b", *always), ("9" * 15, "c", *always)])
    numbers = ["440", "4400", "44", "4", "44001234567890123456", "9" * 15, "9" * 16, "9" * 14,
               "+4400", "44x", "", None]
    want = ["44", "4400", "44", None, "4400", "9" * 15, "9" * 15, None, None, None, None, None]
    assert found(number_plan, numbers) == want


def test_validity_is_half_open():
    change = datetime(2026, 9, 10)
    number_plan = plan([("4", "a", datetime(2026, 9, 1), change), ("49", "b", change,
                                                                 datetime(2026, 9, 20))])
    times = [datetime(2026, 8, 31, 23, 59, 59), datetime(2026, 9, 1),
             datetime(2026, 9, 9, 23, 59, 59), change, datetime(2026, 9, 20)]
    assert found(number_plan, ["491"] * 5, times) == [None, "4", "4", "49", None]
