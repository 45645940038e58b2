"""Which rate answers: precedence of wildcards, validity, and what a card holds."""

from datetime import datetime
from itertools import combinations

import numpy as np
import polars as pl
import pytest

from rating.rate_book import QUESTION, RateBook

ALWAYS, NEVER = datetime(1, 1, 1), datetime(9999, 12, 31)
CHANGE = datetime(2026, 9, 15)
SLOTS = pl.DataFrame({
    "calendar": ["*", "c", "c", "c"], "minute": [0, 0, 480, 1200], "band": ["*", "night", "day",
                                                                         "night"],
})
# from the most to the least specific
PATTERNS = [("a", "b", "day"), ("a", "b", "*"), ("a", "*", "day"), ("a", "*", "*"),
            ("*", "b", "day"), ("*", "b", "*"), ("*", "*", "day"), ("*", "*", "*")]


def book(rows):
    frame = pl.DataFrame([
        {"line": i + 2, "tariff": "t", "service": "voice", "direction": "mo", "serving_zone": s,
         "destination_zone": d, "band": b, "valid_from": f, "valid_to": t,
         "setup_fee_micros": 0, "first_interval": 1, "next_interval": 1, "price_micros": i,
         "per": 1}
        for i, (s, d, b, f, t) in enumerate(rows)
    ], schema_overrides={"valid_from": pl.Datetime("us"), "valid_to": pl.Datetime("us")})
    return RateBook.of(frame, "tariff", "rates.csv", SLOTS)


def ask(*times, zones=("a", "b"), calendar="c"):
    one = dict(zip(QUESTION, ("t", "voice", "mo", *zones, calendar), strict=True))
    return pl.DataFrame([one | {"started_at": at} for at in times],
                        schema_overrides={"started_at": pl.Datetime("us")})


def answer(dealt, i):
    card = dealt.events["card"][i]
    part = slice(dealt.cards.starts[card], dealt.cards.starts[card + 1])
    return dealt.cards.minute[part].tolist(), dealt.cards.rate[part].tolist()


@pytest.mark.parametrize(("better", "worse"), list(combinations(PATTERNS, 2)))
def test_the_more_specific_wins_in_either_order(better, worse):
    for rows, want in (((better, worse), 0), ((worse, better), 1)):
        dealt = book([(*row, ALWAYS, NEVER) for row in rows]).deal(ask(CHANGE))
        minutes, rates = answer(dealt, 0)
        assert rates[minutes.index(480) if 480 in minutes else 0] == want


def test_validity_is_half_open_and_order_is_kept():
    dealt = book([("a", "b", "*", datetime(2026, 9, 1), CHANGE), ("a", "b", "*", CHANGE, NEVER)])
    second = datetime(2026, 9, 14, 23, 59, 59, 999_999)
    times = [CHANGE, second, datetime(2026, 8, 31), datetime(2026, 9, 1), CHANGE]
    found = dealt.deal(ask(*times))
    assert [answer(found, i)[1] for i in range(5)] == [[1], [0], [-1], [0], [1]]


def test_a_band_without_a_rate_is_named():
    found = book([("a", "b", "day", ALWAYS, NEVER)]).deal(ask(CHANGE))
    assert answer(found, 0) == ([0, 480, 1200], [-1, 0, -1])
    assert found.events["bands_missing"].to_list() == ["night"]


def test_bands_at_one_rate_are_one_stretch():
    found = book([("a", "*", "*", ALWAYS, NEVER)]).deal(ask(CHANGE))
    assert answer(found, 0) == ([0], [0])
    assert found.events["bands_missing"].to_list() == [None]


def test_cards_of_two_questions_do_not_run_together():
    rates = book([("a", "*", "*", ALWAYS, NEVER)])
    asked = pl.concat([ask(CHANGE, zones=("a", "x")), ask(CHANGE, zones=("a", "y"), calendar="*")])
    found = rates.deal(asked)
    assert [answer(found, i) for i in (0, 1)] == [([0], [0]), ([0], [0])]
    assert np.diff(found.cards.starts).tolist() == [1, 1]


def test_no_events_no_cards():
    found = book([("a", "b", "*", ALWAYS, NEVER)]).deal(ask(CHANGE).clear())
    assert found.events.height == 0
    assert found.cards.starts.tolist() == [0]
