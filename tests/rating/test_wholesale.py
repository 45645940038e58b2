"""The wholesale leg: what the partner states, what its agreement gives, in which currency."""

import pytest

from rating.rate import rate

AGREED = {
    "tariffs": """
        tariff,currency,calendar,band_time,interval_rounding,rounding_stage,rounding,decimals,tax_included,kilo
        t,EUR,day,home,up,event,half_up,6,no,1024
        t_away,EUR,day,serving,up,event,half_up,6,no,1024
        iot,SDR,,home,up,event,half_up,3,no,1024
        """,
    "exchange_rates": """
        from,to,rate,valid_from,valid_to
        SDR,EUR,1.25,,
        """,
}
STATED = {"partner_charge_micros": 70_000, "partner_currency": "EUR"}


@pytest.fixture
def wholesale(usage, ctx):
    def legs(catalog, *rows):
        passed = rate(usage(*rows), catalog, ctx).outcome.passed
        return [r for r in passed.iter_rows(named=True) if r["leg"] == "wholesale"]

    return legs


def test_what_the_partner_states_is_owed(catalog, wholesale):
    found = wholesale(catalog, STATED, STATED | {"partner_currency": "SDR"},
                      STATED | {"partner": "nordtel"}, STATED | {"partner_tax_micros": 14_000})
    assert [row["net_micros"] for row in found] == [70_000] * 4
    assert [row["tax_micros"] for row in found] == [0, 0, 0, 14_000]
    assert [row["amount_micros"] for row in found] == [70_000, 70_000, 70_000, 84_000]
    assert {row["source"] for row in found} == {"partner"}
    assert [row["currency"] for row in found] == ["EUR", "SDR", "EUR", "EUR"]
    assert [row["account"] for row in found] == [
        "partner:fixline", "partner:fixline", "partner:nordtel", "partner:fixline"]
    # 90 s at 0.06 a minute, where the agreement speaks of this currency
    assert [row["expected_micros"] for row in found] == [90_000, None, None, 90_000]


def test_the_agreement_is_shown_beside_what_is_stated(catalog, wholesale):
    agreed, without = wholesale(catalog, STATED, STATED | {"partner": "nordtel"})
    assert (agreed["tariff"], agreed["rate_line"]) == ("iot", 11)
    assert (agreed["tariff_amount_micros"], agreed["tariff_currency"]) == (90_000, "EUR")
    assert sum(p["amount_micros"] for p in agreed["parts"]) == 90_000
    shown = ("tariff", "rate_line", "rounding", "tariff_amount_micros", "unrounded_nanos")
    assert [without[name] for name in shown] == [None] * 5
    assert (without["parts"], without["draws"], without["billed_units"]) == ([], [], 90)


def test_what_is_agreed_is_owed_where_nothing_is_stated(catalog_of, wholesale):
    (row,) = wholesale(catalog_of(**AGREED), {"partner_tax_micros": 5, "duration_s": 91})
    assert (row["source"], row["currency"]) == ("tariff", "SDR")
    assert (row["amount_micros"], row["tax_micros"]) == (91_000, 0)
    assert row["expected_micros"] == 91_000


def test_the_expected_amount_in_the_partners_currency(catalog_of, wholesale):
    sek = {"partner_charge_micros": 1, "partner_currency": "SEK"}
    own, none, file, same = wholesale(
        catalog_of(**AGREED), STATED, sek, sek | {"partner_per_sdr_nanos": 13_370_000_000},
        STATED | {"partner_currency": "SDR", "partner_per_sdr_nanos": 13_370_000_000},
    )
    assert (own["expected_micros"], own["exchange_rate"]) == (113_000, "1.25")
    assert own["exchange_row"] == "exchange_rates.csv:2"
    assert (none["expected_micros"], none["exchange_rate"]) == (None, None)
    assert none["tariff_amount_micros"] == 90_000
    # the file's own rate, to the three decimals of the agreement's tariff
    assert (file["expected_micros"], file["exchange_rate"]) == (1_203_000, "13.37")
    assert file["exchange_row"] is None
    assert (same["expected_micros"], same["exchange_rate"]) == (90_000, None)


def test_the_agreement_of_the_day(catalog_of, wholesale):
    catalog = catalog_of(
        agreements="""
        partner,tariff,valid_from,valid_to
        fixline,t,,2026-08-01
        fixline,iot,2026-08-01,
        """)
    assert [row["tariff"] for row in wholesale(catalog, {})] == ["iot"]
