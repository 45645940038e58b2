"""Rating whole usage rows: both legs, every reject code, lookups in time."""

from datetime import datetime, timedelta

import polars as pl
import pytest

from mediation.codes import CODES
from mediation.schema import REJECT, USAGE
from mediation.tables import conform
from rating.rate import rate
from rating.schema import CHARGE

BIG = 4 * 10**18


def legs(outcome):
    """Rows by (record_index, leg)."""
    return {(r["record_index"], r["leg"]): r for r in outcome.passed.iter_rows(named=True)}


def codes(outcome):
    return dict(outcome.rejects.select("record_index", "code").iter_rows())


def test_a_call_over_a_band_boundary(catalog, usage, ctx):
    # 19:58:30 in Vienna; the second minute begins at 19:59:30, the third at 20:00:30
    outcome = rate(usage({"started_at": datetime(2026, 9, 1, 17, 58, 30), "duration_s": 121}),
                   catalog, ctx)
    conform(CHARGE, outcome.passed)
    conform(REJECT, outcome.rejects)
    retail, wholesale = legs(outcome).values()
    assert (retail["account"], retail["currency"]) == ("A1", "EUR")
    assert (retail["amount_micros"], retail["billed_units"]) == (1_320_000, 180)
    assert retail["bands"] == [
        {"band": "day", "units": 120, "price_micros": 600_000, "price_units": 60,
         "amount_micros": 1_200_000},
        {"band": "night", "units": 60, "price_micros": 120_000, "price_units": 60,
         "amount_micros": 120_000},
    ]
    assert (retail["rate_row"], retail["source"]) == ("rates.csv:2", "tariff")
    assert (retail["destination_prefix"], retail["destination_zone"]) == ("43", "home")
    assert (wholesale["account"], wholesale["tariff"]) == ("partner:fixline", "fixline")
    assert (wholesale["amount_micros"], wholesale["expected_micros"]) == (121_000, 121_000)
    assert (wholesale["source"], wholesale["rate_row"]) == ("tariff", "agreements.csv:2")


def test_the_tariff_changes_at_midnight_at_home(catalog, usage, ctx):
    change = datetime(2026, 9, 14, 22)  # 15 September 00:00 in Vienna
    second = timedelta(seconds=1)
    outcome = rate(usage(
        {"started_at": change - second, "imsi": "232990000000002", "utc_offset_s": 3600 * 12},
        {"started_at": change, "imsi": "232990000000002", "utc_offset_s": 3600 * 12},
    ), catalog, ctx)
    found = legs(outcome)
    assert [found[i, "retail"]["rate_row"] for i in (0, 1)] == ["rates.csv:2", "rates.csv:3"]
    assert found[1, "retail"]["setup_fee_micros"] == 50_000
    assert found[1, "retail"]["amount_micros"] == 650_000


def test_bands_in_home_or_serving_time(catalog, usage, ctx):
    # 06:30 in Vienna, 12:30 where the subscriber is
    event = {"started_at": datetime(2026, 9, 1, 4, 30), "utc_offset_s": 8 * 3600}
    outcome = rate(usage(event, event | {"imsi": "232990000000002"}), catalog, ctx)
    bands = [legs(outcome)[i, "retail"]["bands"][0]["band"] for i in (0, 1)]
    assert bands == ["night", "day"]


def test_identity_by_imsi_else_number_at_the_time(catalog, usage, ctx):
    change = datetime(2026, 9, 9, 22)
    outcome = rate(usage(
        {"started_at": change - timedelta(microseconds=1)},
        {"started_at": change},
        {"imsi": None, "msisdn": "43699000002"},
        {"imsi": "232990000000009", "msisdn": "43699000002"},
        {"imsi": None, "msisdn": "43699000001", "started_at": datetime(2026, 9, 19, 22)},
    ), catalog, ctx)
    accounts = [legs(outcome)[i, "retail"]["account"] for i in (0, 1, 2)]
    assert accounts == ["A1", "A2", "A2"]
    # an IMSI that is not ours is not asked for by number
    assert codes(outcome) == {3: "SUBSCRIBER_UNKNOWN", 4: "SUBSCRIBER_UNKNOWN"}


def test_what_the_called_number_decides(catalog, usage, ctx):
    mt = {"direction": "mt", "other_party": "999", "partner_charge_micros": 1,
          "partner_currency": "EUR", "duration_s": 7}
    outcome = rate(usage(
        {"other_party": "4320"}, {"other_party": "4312"}, {"other_party": "47"}, mt,
        {"service": "data", "other_party": None, "volume_up_bytes": 1, "volume_down_bytes": 1024},
    ), catalog, ctx)
    found = legs(outcome)
    prefixes = [found[i, "retail"]["destination_prefix"] for i in range(5)]
    assert prefixes == ["43", "431", "47", None, None]
    assert [found[i, "retail"]["destination_zone"] for i in (2, 3, 4)] == ["eea", "*", "*"]
    assert (found[3, "retail"]["unit"], found[3, "retail"]["amount_micros"]) == ("s", 70_000)
    data = found[4, "retail"]
    assert (data["used_units"], data["billed_units"], data["amount_micros"]) == (1025, 2048, 1953)


def test_wholesale_is_what_the_partner_states(catalog, usage, ctx):
    stated = {"partner_charge_micros": 70_000, "partner_currency": "EUR"}
    outcome = rate(usage(stated, stated | {"partner_currency": "SDR"},
                         stated | {"partner": "nordtel"}), catalog, ctx)
    found = [legs(outcome)[i, "wholesale"] for i in range(3)]
    assert {row["amount_micros"] for row in found} == {70_000}
    assert {row["source"] for row in found} == {"partner"}
    assert [row["currency"] for row in found] == ["EUR", "SDR", "EUR"]
    # 90 s at 0.06 a minute where the agreement speaks of this currency
    assert [row["expected_micros"] for row in found] == [90_000, None, None]
    assert [row["bands"] for row in found] == [[], [], []]


@pytest.mark.parametrize(
    ("change", "code", "says"),
    [
        ({"imsi": "1"}, "SUBSCRIBER_UNKNOWN", "IMSI 1 "),
        ({"imsi": None, "msisdn": "1"}, "SUBSCRIBER_UNKNOWN", "MSISDN 1 "),
        ({"imsi": None}, "SUBSCRIBER_UNKNOWN", "neither"),
        ({"serving_network": "XXXXX"}, "NETWORK_UNKNOWN", "XXXXX"),
        ({"imsi": "232990000000002", "started_at": datetime(2026, 9, 19, 22)}, "NETWORK_UNKNOWN",
         "NORNT"),
        ({"other_party": "4"}, "DESTINATION_UNKNOWN", "number 4 "),
        ({"other_party": None}, "DESTINATION_UNKNOWN", "(none)"),
        ({"imsi": "232990000000003"}, "RATE_MISSING", "product late of account A3"),
        ({"other_party": "4319"}, "RATE_MISSING", "premium (Vienna premium, prefix 4319)"),
        ({"other_party": "47", "started_at": datetime(2026, 9, 1, 17, 59)}, "RATE_MISSING",
         "band night;"),
        ({"service": "data", "volume_up_bytes": 1, "serving_network": "USAXM"},
         "WHOLESALE_RATE_MISSING", "agreements.csv"),
        ({"partner": "nordtel"}, "WHOLESALE_RATE_MISSING", "partner nordtel"),
        ({"service": "data", "volume_up_bytes": BIG}, "AMOUNT_OVERFLOW", "rates.csv:8"),
        ({"service": "data", "volume_up_bytes": 2 * BIG, "volume_down_bytes": BIG},
         "AMOUNT_OVERFLOW", "rates.csv:8"),
        ({"service": "sms", "events": 10**6}, "AMOUNT_OVERFLOW", "agreements.csv:3"),
    ],
)
def test_each_reject(catalog, usage, ctx, change, code, says):
    outcome = rate(usage({}, change, {}), catalog, ctx)
    assert codes(outcome) == {1: code}
    row = outcome.rejects.row(0, named=True)
    assert says in row["detail"]
    assert (row["stage"], row["usage_key"], row["byte_offset"]) == ("rate", f"{1:032x}", 100)
    assert row["raw"] is None
    assert [r for r, _ in legs(outcome)] == [0, 0, 2, 2]


def test_every_code_of_the_stage_is_tried():
    tried = {mark.args[1][i][1] for mark in test_each_reject.pytestmark
             if mark.name == "parametrize" for i in range(len(mark.args[1]))}
    assert tried == {c.code for c in CODES.values() if c.stage == "rate"}


def test_a_reject_carries_the_money_at_risk(catalog, usage, ctx):
    outcome = rate(usage({"imsi": "1", "partner_charge_micros": 5, "partner_currency": "SDR"}),
                   catalog, ctx)
    row = outcome.rejects.row(0, named=True)
    assert (row["money_at_risk_micros"], row["currency"]) == (5, "SDR")


def test_rows_keep_their_order_and_the_result_does_not_depend_on_it(catalog, usage, ctx):
    rows = usage(*(
        {"other_party": ("43", "4312", "47", "4")[i % 4], "duration_s": i,
         "started_at": datetime(2026, 9, 1, 6) + timedelta(hours=7 * i), "imsi":
         f"23299000000000{1 + i % 3}"} for i in range(60)
    ))
    outcome = rate(rows, catalog, ctx)
    order = outcome.passed["record_index"].to_list()
    assert order == sorted(order)
    turned = rate(rows.reverse(), catalog, ctx)
    assert turned.passed.sort("record_index", "leg").equals(outcome.passed)
    assert set(outcome.rejects.iter_rows()) == set(turned.rejects.iter_rows())


def test_no_usage_no_charges(catalog, ctx):
    outcome = rate(USAGE.empty(), catalog, ctx)
    assert (outcome.passed.height, outcome.rejects.height) == (0, 0)


def test_amounts_add_up(catalog, usage, ctx):
    rows = usage(*({"duration_s": 17 * i, "started_at": datetime(2026, 9, 1, 5) + timedelta(
        minutes=31 * i)} for i in range(80)))
    passed = rate(rows, catalog, ctx).passed
    sums = passed.select(
        whole=pl.col("setup_fee_micros") + pl.col("bands").list.eval(
            pl.element().struct.field("amount_micros")).list.sum(),
        units=pl.col("bands").list.eval(pl.element().struct.field("units")).list.sum(),
    )
    assert sums["whole"].to_list() == passed["amount_micros"].to_list()
    assert sums["units"].to_list() == passed["billed_units"].to_list()


def test_no_float_in_a_charge():
    def kinds(kind):
        if isinstance(kind, pl.List):
            return kinds(kind.inner)
        if isinstance(kind, pl.Struct):
            return [k for field in kind.fields for k in kinds(field.dtype)]
        return [kind]

    assert not [n for n, t in CHARGE.polars.items() if any(k.is_float() for k in kinds(t))]
