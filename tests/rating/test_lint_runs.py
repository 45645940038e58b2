"""Overlaps and gaps of keyed rows, and rounding, are what a slow reading of them gives."""

from datetime import datetime, timedelta
from fractions import Fraction

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from rating.lint_precision import rounded
from rating.lint_runs import keyed_runs

DAYS = st.integers(0, 12)
ROWS = st.lists(st.tuples(st.sampled_from(["", "a", "b"]), st.sampled_from("xy"), DAYS, DAYS),
                max_size=7)


def day(number: int) -> datetime:
    return datetime(2026, 1, 1) + timedelta(days=number)


@given(ROWS)
def test_overlaps_and_gaps_are_those_of_a_walk_over_the_rows(rows):
    frame = pl.DataFrame(
        [(line, *key, day(begin), day(end)) for line, (*key, begin, end) in enumerate(rows, 2)],
        schema={"line": pl.Int64, "a": pl.String, "b": pl.String,
                "valid_from": pl.Datetime("us"), "valid_to": pl.Datetime("us")},
        orient="row",
    )
    overlaps, gaps, reached = set(), set(), {}
    for begin, line, end, key in sorted(
        (begin, line, end, key) for line, (*key, begin, end) in enumerate(rows, 2) if begin < end
    ):
        until = reached.get(tuple(key))
        if until is not None and begin < until:
            overlaps.add(line)
        if until is not None and begin > until:
            gaps.add(line)
        reached[tuple(key)] = max(end, until or 0)
    runs = keyed_runs(frame, ("a", "b"))
    assert set(runs.overlaps["line"]) == overlaps
    assert set(runs.gaps["line"]) == gaps
    assert runs.overlaps["other"].null_count() == 0


def test_the_other_line_is_the_one_that_lasts_longest_and_empty_keys_do_not_count():
    frame = pl.DataFrame({
        "line": [2, 3, 4, 5, 6], "key": ["a", "a", "a", "", ""],
        "valid_from": [day(0), day(1), day(3), day(0), day(0)],
        "valid_to": [day(9), day(2), day(4), day(9), day(9)],
    })
    overlaps = keyed_runs(frame, ("key",)).overlaps
    assert overlaps.select("line", "other").sort("line").rows() == [(3, 2), (4, 2)]


@given(st.integers(0, 10**9), st.integers(1, 10**4), st.integers(0, 6),
       st.sampled_from(["half_up", "half_even", "up", "down"]))
def test_rounding_is_that_of_exact_fractions(amount, parts, decimals, mode):
    step = 10 ** (6 - decimals)
    exact = Fraction(amount, parts * step)
    whole = int(exact)
    expected = {
        "half_up": int(exact + Fraction(1, 2)), "half_even": round(exact),
        "up": whole + (exact > whole), "down": whole,
    }[mode] * step
    frame = pl.DataFrame({"amount": [amount], "parts": [parts], "step": [step], "rounding": [mode]})
    wide = [pl.col(name).cast(pl.Int128) for name in ("amount", "parts")]
    assert frame.select(rounded(*wide)).item() == expected
