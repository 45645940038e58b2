"""Tariffs, rates and tiers as integers, and what is told of them."""

from datetime import datetime
from fractions import Fraction
from math import lcm

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rating.price_arrays import (
    MAX_SCALE,
    P_FROM,
    P_PRICE,
    R_COUNTER,
    R_FIRST,
    R_MARKUP,
    R_MAXIMUM,
    R_MINIMUM,
    R_NEXT,
    R_SCALE,
    R_SETUP,
    R_TIER,
    R_TIERS,
    Book,
)
from rating.tariff_book import TariffBook, as_lists

VIENNA = "Europe/Vienna"
PLAIN = {"tariff": "t", "first_interval": 60, "next_interval": 30, "price": "0.60", "per": 60}


@pytest.fixture
def book(frames):
    return TariffBook.of(frames(
        accounts=[{"account": "A", "timezone": "Asia/Tokyo"}],
        networks=[{"tadig": "N", "mcc_mnc": "1", "country": "NO", "zone": "eea",
                   "timezone": "Europe/Oslo"}],
        tariffs=[{"tariff": "t", "calendar": "c"},
                 {"tariff": "u", "decimals": 0, "rounding": "half_even", "rounding_stage": "part",
                  "interval_rounding": "down", "tax_included": "yes", "kilo": "1000"}],
        calendars=[{"calendar": "c", "days": "mon-sun", "from": "00:00", "to": "24:00",
                    "band": "all"}],
        zones=[{"zone": "eea"}, {"zone": "no", "parent": "eea"}],
        allowances=[{"allowance": "a", "unit": "s", "quantity": 1, "period": "day"}],
        counters=[{"counter": "k", "period": "month"}, {"counter": "l", "period": "day"}],
        rates=[
            PLAIN | {"from_units": 120, "first_interval": "", "next_interval": "", "unit": "s",
                     "price": "0.1", "per": 60},
            PLAIN | {"counter": "l", "setup_fee": "0.05", "minimum": "0.1", "maximum": 9},
            PLAIN | {"first_interval": 1, "next_interval": 1, "unit": "min", "price": 7, "per": 11,
                     "serving_zone": "no"},
            {"tariff": "t", "from_units": 1, "unit": "min", "price": 1, "per": 1},
            {"tariff": "u", "markup": "12.5", "unit": "min"},
            {"tariff": "u", "service": "data", "unit": "MB", "price": "1", "per": 3,
             "first_interval": 1, "next_interval": 1},
        ],
    ), VIENNA)


def test_tariffs(book):
    assert book.bands == ["*", "all"]
    assert book.tariffs.rows() == [
        ("t", 0, "EUR", "home", "c", "event half_up 2"),
        ("u", 1, "EUR", "home", "", "part half_even 0"),
    ]
    assert book.matrices.tariffs.tolist() == [[0, 1, 0, 10_000, 0, 0], [-1, 0, 1, 10**6, 1, 2]]
    assert book.time_zones == {VIENNA: 0, "Asia/Tokyo": 1, "Europe/Oslo": 2}


def test_rates_and_tiers(book):
    rates = book.matrices.rates
    assert rates[0, [R_SETUP, R_MINIMUM, R_MAXIMUM, R_FIRST, R_NEXT]].tolist() == [
        50_000, 100_000, 9_000_000, 60, 30,
    ]
    assert rates[:, R_COUNTER].tolist() == [2, -1, -1, -1]
    assert rates[1, [R_SETUP, R_MINIMUM, R_MAXIMUM, R_FIRST, R_NEXT]].tolist() == [
        0, -1, -1, 60, 60,
    ]
    # an imported rate bills units as they are
    assert rates[2, [R_FIRST, R_NEXT]].tolist() == [1, 1]
    assert rates[:, R_MARKUP].tolist() == [-1, -1, 125_000, -1]
    assert rates[:, [R_TIER, R_TIERS]].tolist() == [[0, 3], [3, 1], [4, 0], [4, 1]]
    # 10000, 10**5/60, 10**6/60 and 7 * 10**6 / 660 micro-units a second
    assert rates[:2, R_SCALE].tolist() == [33, 33]
    tiers = book.matrices.tiers
    assert tiers[:, P_FROM].tolist() == [0, 60, 120, 0, 0]
    prices = [Fraction(10_000), Fraction(10**6, 60), Fraction(10**5, 60), Fraction(7 * 10**6, 660)]
    assert [Fraction(p, 33) for p in tiers[:4, P_PRICE].tolist()] == prices
    assert Fraction(int(tiers[4, P_PRICE]), int(rates[3, R_SCALE])) == Fraction(1, 3)


def test_what_is_told_of_rates_and_tiers(book):
    assert book.rates["rate_line"].to_list() == [3, 4, 6, 7]
    assert book.rates.row(1, named=True) == {
        "rate": 1, "rate_line": 4, "tariff": "t", "band": "*", "unit_size": 60,
        "first_interval": 60, "next_interval": 60, "setup_fee_micros": 0, "markup_ppm": None,
    }
    assert book.rates["markup_ppm"].to_list() == [None, None, 125_000, None]
    assert book.tiers.rows() == [
        (0, 3, 600_000, 60), (1, 5, 1_000_000, 60), (2, 2, 100_000, 60), (3, 4, 7_000_000, 660),
        (4, 7, 1_000_000, 3_000_000),
    ]


def test_prices_that_do_not_fit_spoil_their_service_only(frames):
    primes = [999_983, 999_979, 999_961, 999_959]
    book = TariffBook.of(frames(tariffs=[{"tariff": "t"}], rates=[
        *(PLAIN | {"per": per, "serving_zone": f"z{per}"} for per in primes),
        PLAIN | {"service": "sms", "unit": "event", "per": 1},
    ]), VIENNA)
    scales = book.matrices.rates[:, R_SCALE]
    assert (scales[:4] > MAX_SCALE).all()
    assert scales[4] == 1


@settings(max_examples=settings.default.max_examples // 2)
@given(st.lists(st.tuples(st.integers(0, 10**9), st.integers(1, 5000), st.sampled_from(
    ["s", "min"])), min_size=1, max_size=6))
def test_prices_are_exact_at_the_scale(frames, prices):
    book = TariffBook.of(frames(tariffs=[{"tariff": "t"}], rates=[
        PLAIN | {"price": f"{micros // 10**6}.{micros % 10**6:06}", "per": per, "unit": unit,
                 "serving_zone": f"z{number}"}
        for number, (micros, per, unit) in enumerate(prices)
    ]), VIENNA)
    exact = [Fraction(m, per * (60 if unit == "min" else 1)) for m, per, unit in prices]
    scale = lcm(*(price.denominator for price in exact))
    if scale <= MAX_SCALE and all(price * scale <= 2**62 for price in exact):
        assert set(book.matrices.rates[:, R_SCALE].tolist()) == {scale}
        assert [Fraction(p, scale) for p in book.matrices.tiers[:, P_PRICE].tolist()] == exact
    else:
        assert (book.matrices.rates[:, R_SCALE] > MAX_SCALE).all()


def test_a_catalog_without_rates(frames):
    book = TariffBook.of(frames(tariffs=[{"tariff": "t"}]), VIENNA)
    assert [len(table) for table in book.matrices] == [1, 0, 0, 1, 0, 1, 0, 2, 141]
    assert book.rates.height == book.tiers.height == 0


def test_nearest_candidates(book):
    question = {"tariff": "t", "service": "voice", "direction": "mo", "relation": "@group",
                "serving_zone": "eea", "destination_zone": "no"}
    assert book.candidates(question) == [("rates.csv:3", ()), ("rates.csv:4", (
        "serving_zone is no",))]
    asked = question | {"direction": "mt", "serving_zone": "no"}
    assert book.candidates(asked, "all", datetime(2026, 1, 1), 1) == [
        ("rates.csv:3", ("direction is mo",)),
    ]
    assert book.candidates(question | {"tariff": "x"}) == []


def test_a_candidate_of_another_time(frames):
    book = TariffBook.of(frames(tariffs=[{"tariff": "t"}], rates=[
        PLAIN | {"valid_to": "2026-09-01", "band": "*"},
    ]), VIENNA)
    question = {"tariff": "t", "service": "voice", "direction": "mo", "relation": "",
                "serving_zone": "far", "destination_zone": "*"}
    assert book.candidates(question, at=datetime(2026, 8, 31, 22)) == [
        ("rates.csv:2", ("valid from 0001-01-01 00:00:00 to 2026-08-31 22:00:00 UTC",)),
    ]


def test_a_book_of_lists(book):
    others = set(Book._fields) - set(book.matrices._fields)
    given_book = Book(**book.matrices._asdict(), **{name: [1] for name in others})
    lists = as_lists(given_book)
    assert lists.tariffs == [[0, 1, 0, 10_000, 0, 0], [-1, 0, 1, 10**6, 1, 2]]
    assert type(lists.rates[0][0]) is int
    assert lists.fx == [1]
