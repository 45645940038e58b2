"""A stored charge told in words: every step of docs/rating.md, section 7, from the row alone."""

from datetime import datetime

import pytest

from ratemill.catalog_versions import with_prefix
from ratemill.cli_explain_charge import charge_lines, charge_title, percent_text
from ratemill.money import exact_text
from rating.schema import CHARGE

PART = {"band": "peak", "rate_line": 2, "units": 60, "price_micros": 190_000,
        "price_units": 60, "amount_micros": 190_000}
DRAW = {"allowance": "minutes", "holder": "sim:232990000000002",
        "period_start": datetime.fromisoformat("2026-10-31T23:00"), "units": 30, "before": 7,
        "taken": 90, "scale": 3}


def charge(**given):
    row = dict.fromkeys(CHARGE.names) | {
        "leg": "retail", "account": "A1", "used_by": "A1", "product": "flex", "currency": "EUR",
        "amount_micros": 290_000, "net_micros": 240_000, "tax_micros": 50_000, "tax_ppm": 200_000,
        "tax_line": 2, "source": "tariff", "service": "voice", "direction": "mo",
        "tariff": "flex", "rate_line": 2, "serving_zone": "home",
        "destination_zone": "eea", "destination": "Norway", "destination_line": 5,
        "destination_prefix": "47",
        "unit": "s", "used_units": 61, "billed_units": 90, "covered_units": 30,
        "first_interval": 60, "next_interval": 30, "setup_fee_micros": 50_000,
        "adjustment_micros": 0, "discount_micros": -1_234, "rounding_micros": 1_234,
        "tariff_currency": "EUR", "tariff_amount_micros": 240_000,
        "unrounded_nanos": 238_766_666, "rounding": "event half_up 2",
        "parts": [PART, PART | {"units": 30, "price_micros": None, "price_units": None,
                                "amount_micros": 0}],
        "draws": [DRAW],
    }
    return row | given


def test_every_step_of_a_retail_charge():
    assert charge_title(charge()) == "Charge, retail: A1 0.29 EUR (290000 micros)"
    assert charge_lines(charge()) == [
        "product flex of account A1",
        "tariff flex, rate at rates.csv:2",
        "voice mo, zone home to zone eea (Norway, prefix 47)",
        "61 s used, 90 billed in steps of 60 then 30, 30 of them covered by allowances",
        ("allowance minutes of sim:232990000000002, period from 2026-10-31 23:00 UTC: covers 30 s; "
        "2 1/3 used before, 32 1/3 after"),
        "set-up fee 0.05 EUR",
        "peak: 60 s at 0.19 per 60 (rates.csv:2) = 0.19 EUR",
        "peak: 30 s covered (rates.csv:2)",
        "discount -0.001234 EUR",
        "rounding (event half_up 2) from 0.238766666: +0.001234 EUR",
        "tariff amount 0.24 EUR",
        "net 0.24, tax 20 % (taxes.csv:2) 0.05, due 0.29 EUR",
    ]


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"parts": [PART | {"band": "*"}]}, "60 s at 0.19 per 60 (rates.csv:2) = 0.19 EUR"),
        ({"relation": "@friend"}, ("voice mo, zone home to zone eea (Norway, prefix 47), "
         "relation @friend")),
        ({"adjustment_micros": 10_000}, "raised to the minimum: +0.01 EUR"),
        ({"adjustment_micros": -10_000}, "lowered to the maximum: -0.01 EUR"),
        ({"exchange_rate": "0.9412", "exchange_row": "exchange_rates.csv:2", "currency": "CHF"},
         "converted at 0.9412 CHF a EUR (exchange_rates.csv:2) = 0.24 CHF"),
        ({"destination_prefix": None},
         "voice mo, zone home to zone eea (Norway, number_plan.csv:5)"),
        ({"destination_line": None, "destination_prefix": None},
         "voice mo, zone home to zone eea (Norway, ported number)"),
        ({"draws": [DRAW | {"units": 0, "scale": 1, "holder": None}]},
         "counter minutes of account:A1, period from 2026-10-31 23:00 UTC: 7 before, +90"),
        ({"draws": [DRAW | {"units": 0, "scale": 1}]},
         "counter minutes of sim:232990000000002, period from 2026-10-31 23:00 UTC: 7 before, +90"),
        ({"covered_units": 0, "parts": [PART | {"price_micros": None, "price_units": None}]},
         "peak: 60 s, the partner's charge marked up (rates.csv:2) = 0.19 EUR"),
        ({"unit": "event", "used_units": 2}, ("2 events used, 90 billed in steps of 60 then 30, 30 "
         "of them covered by allowances")),
    ],
)
def test_a_step_that_not_every_charge_has(given, line):
    assert line in charge_lines(charge(**given))


def test_the_prefix_is_read_from_the_catalog_that_the_charge_was_made_with(small, tmp_path):
    lines = (small.catalog / "number_plan.csv").read_text().splitlines()
    for line, text in enumerate(lines[1:], start=2):
        shown = with_prefix(charge(destination_line=line), small.catalog)
        assert shown["destination_prefix"] == text.partition(",")[0]
    assert with_prefix(charge(), tmp_path)["destination_prefix"] is None
    assert with_prefix(charge(destination_line=None), small.catalog)["destination_prefix"] is None


def test_who_pays_for_another():
    assert charge_title(charge(account="A3")).startswith("Charge, retail: A3 for A1 0.29 EUR")


def test_what_the_partner_states_beside_what_was_agreed():
    lines = charge_lines(charge(
        leg="wholesale", account="partner:nordtel", source="partner", product=None, currency="SDR",
        expected_micros=230_000, tariff_currency="SDR", parts=[], draws=[], tax_ppm=None,
        tax_line=None,
    ))
    assert lines == [
        "as the partner states it in the record",
        "tariff flex, rate at rates.csv:2",
        "voice mo, zone home to zone eea (Norway, prefix 47)",
        "61 s used",
        "net 0.24, tax 0.05, due 0.29 SDR",
        "the agreement gives 0.23 SDR: the partner's charge differs by +0.01",
    ]


def test_amounts_and_percentages_keep_what_they_are():
    assert [exact_text(m) for m in (0, 1, -1_500_000, 1_234_567_890_000)] == [
        "0.00", "0.000001", "-1.50", "1,234,567.89"]
    assert [percent_text(p) for p in (0, 200_000, 77, 1_005_000)] == [
        "0", "20", "0.0077", "100.5"]
