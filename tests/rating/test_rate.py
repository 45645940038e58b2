"""Rating whole usage rows: both legs, every reject code, the amounts of a charge."""

from datetime import datetime, timedelta

import polars as pl
import pytest

from mediation.codes import CODES
from mediation.schema import REJECT, USAGE
from mediation.tables import conform
from rating.rate import price_usage, rate
from rating.schema import ALLOWANCE_USE, CHARGE

BIG = 1 << 59

FULL = {
    "products": """
        product,tariff,tax,valid_from,valid_to
        home_bands,t,vat,,
        away_bands,t_away,,,
        late,t,,,
        """,
    "taxes": """
        tax,serving_zone,percent,valid_from,valid_to
        vat,eea,20,,
        """,
    "tariffs": """
        tariff,currency,calendar,band_time,interval_rounding,rounding_stage,rounding,decimals,tax_included,kilo
        t,EUR,day,home,up,event,half_up,4,no,1024
        t_away,SEK,day,serving,up,event,half_up,6,no,1024
        iot,EUR,,home,up,event,half_up,6,no,1024
        """,
    "exchange_rates": """
        from,to,rate,valid_from,valid_to
        EUR,SEK,10.5,,2026-09-05
        """,
    "more_rates": """
        t,mms,mo,*,*,*,,,0,,,,,,,,,event,25
        """,
}
"""Tables with all that a retail leg may lack"""


def legs(outcome):
    """Rows by (record_index, leg)."""
    return {(r["record_index"], r["leg"]): r for r in outcome.passed.iter_rows(named=True)}


def codes(outcome):
    return dict(outcome.rejects.select("record_index", "code").iter_rows())


@pytest.fixture
def rated(catalog, usage, ctx):
    return lambda *rows: rate(usage(*rows), catalog, ctx).outcome


def test_a_call_over_a_band_boundary(rated):
    # 19:58:30 in Vienna; the second minute begins at 19:59:30, the third at 20:00:30
    outcome = rated({"started_at": datetime(2026, 9, 1, 17, 58, 30), "duration_s": 121})
    conform(CHARGE, outcome.passed)
    conform(REJECT, outcome.rejects)
    retail, wholesale = legs(outcome).values()
    assert (retail["account"], retail["used_by"], retail["currency"]) == ("A1", "A1", "EUR")
    assert (retail["product"], retail["tariff"]) == ("home_bands", "t")
    assert (retail["amount_micros"], retail["billed_units"]) == (1_320_000, 180)
    assert retail["parts"] == [
        {"band": "day", "rate_line": 2, "units": 120, "price_micros": 600_000,
         "price_units": 60, "amount_micros": 1_200_000},
        {"band": "night", "rate_line": 4, "units": 60, "price_micros": 120_000,
         "price_units": 60, "amount_micros": 120_000},
    ]
    assert (retail["rate_line"], retail["source"]) == (2, "tariff")
    assert (retail["destination_line"], retail["destination_zone"]) == (2, "home")
    assert retail["rounding"] == "event half_up 6"
    assert (wholesale["account"], wholesale["tariff"]) == ("partner:fixline", "iot")
    assert (wholesale["amount_micros"], wholesale["expected_micros"]) == (121_000, 121_000)
    assert (wholesale["source"], wholesale["rate_line"]) == ("tariff", 11)


def test_the_tariff_changes_at_midnight_at_home(rated):
    change = datetime(2026, 9, 14, 22)  # 15 September 00:00 in Vienna
    second = timedelta(seconds=1)
    found = legs(rated(
        {"started_at": change - second, "imsi": "232990000000003", "utc_offset_s": 3600 * 12},
        {"started_at": change + timedelta(hours=8), "imsi": "232990000000003"},
        {"started_at": datetime(2026, 9, 9, 8)},
    ))
    assert [key for key in found if key[1] == "retail"] == [(1, "retail"), (2, "retail")]
    assert [found[i, "retail"]["rate_line"] for i in (1, 2)] == [3, 2]
    assert found[1, "retail"]["setup_fee_micros"] == 50_000
    assert found[1, "retail"]["amount_micros"] == 650_000


def test_bands_in_home_or_serving_time(rated):
    # 06:30 in Vienna, 12:30 where the subscriber says to be
    event = {"started_at": datetime(2026, 9, 1, 4, 30), "utc_offset_s": 8 * 3600}
    found = legs(rated(event, event | {"imsi": "232990000000002"}))
    assert [found[i, "retail"]["parts"][0]["band"] for i in (0, 1)] == ["night", "day"]


def test_what_the_called_number_decides(rated):
    mt = {"direction": "mt", "other_party": "999", "partner_charge_micros": 1,
          "partner_currency": "EUR", "duration_s": 7}
    found = legs(rated(
        {"other_party": "4320"}, {"other_party": "4312"}, {"other_party": "47"}, mt,
        {"service": "data", "other_party": None, "volume_up_bytes": 1, "volume_down_bytes": 1024},
    ))
    lines = [found[i, "retail"]["destination_line"] for i in range(5)]
    assert lines == [2, 3, 6, None, None]
    assert [found[i, "retail"]["destination_zone"] for i in (2, 3, 4)] == ["eea", "*", "*"]
    assert (found[3, "retail"]["unit"], found[3, "retail"]["amount_micros"]) == ("s", 70_000)
    data = found[4, "retail"]
    assert (data["used_units"], data["billed_units"], data["amount_micros"]) == (1025, 2048, 1953)


def test_charges_that_no_exchange_rate_priced_are_the_same_after_a_file(rated, tmp_path):
    charges = rated({"duration_s": 121}).passed
    assert charges.select(pl.col("exchange_rate", "exchange_row").is_null().all()).row(0) == (
        True, True)
    charges.write_parquet(tmp_path / "charges.parquet")
    kept = pl.read_parquet(tmp_path / "charges.parquet")
    assert kept.equals(conform(CHARGE, charges))
    assert CHARGE.plain(kept).schema == CHARGE.polars


def test_discounts_exchange_rate_and_tax(catalog_of, usage, ctx):
    catalog = catalog_of(
        **FULL, discounts="""
        discount,holder_kind,holder,service,direction,serving_zone,destination_zone,percent,fixed,valid_from,valid_to
        tenth,product,home_bands,voice,*,eea,home,10,,,
        loyal,account,A1,*,*,*,*,5,0.01,,
        gone,account,A1,*,*,*,*,50,,,2026-01-01
        far,product,home_bands,*,*,far,*,50,,,
        """,
    )
    call = {"other_party": "4399", "duration_s": 60}
    outcome = rate(usage(call, call | {"imsi": "232990000000002"}), catalog, ctx).outcome
    cut = legs(outcome)[0, "retail"]
    assert (cut["discount_micros"], cut["net_micros"]) == (-100_000, 500_000)
    assert (cut["tax_ppm"], cut["tax_micros"], cut["tax_line"]) == (200_000, 100_000, 2)
    assert (cut["amount_micros"], cut["exchange_rate"]) == (600_000, None)
    foreign = legs(outcome)[1, "retail"]
    assert (foreign["tariff_currency"], foreign["currency"]) == ("SEK", "EUR")
    assert (foreign["tariff_amount_micros"], foreign["net_micros"]) == (600_000, 57_143)
    assert foreign["exchange_rate"] == "2/21"
    assert foreign["exchange_row"] == "exchange_rates.csv:2"
    assert (foreign["tax_ppm"], foreign["tax_micros"]) == (None, 0)


def test_the_payer_pays_in_its_currency_and_tax_class(catalog_of, usage, ctx):
    tables = FULL | {
        "accounts": """
            account,customer,mode,currency,timezone,status,credit_limit,payer,tax,opening_balance
            A1,C1,prepaid,EUR,Europe/Vienna,active,,A2,,10.00
            A2,C2,postpaid,SEK,Europe/Vienna,active,500,,half,-1.50
            A3,C3,postpaid,EUR,Europe/Vienna,active,,,,0
            """,
        "taxes": FULL["taxes"] + "half,*,50,,\n",
    }
    row = legs(rate(usage({}), catalog_of(**tables), ctx).outcome)[0, "retail"]
    assert (row["account"], row["used_by"], row["currency"]) == ("A2", "A1", "SEK")
    assert (row["tax_ppm"], row["exchange_rate"]) == (500_000, "10.5")
    assert (row["net_micros"], row["amount_micros"]) == (12_600_000, 18_900_000)


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
        ({"imsi": "232990000000003"}, "PRODUCT_MISSING", "account A3 has no subscription"),
        ({"other_party": "4319"}, "RATE_MISSING", "zones premium > *"),
        ({"other_party": "47", "started_at": datetime(2026, 9, 1, 18)}, "RATE_MISSING",
         "tariff t of product home_bands of account A1"),
        ({"service": "units"}, "RATE_MISSING", "units mo"),
        ({"service": "fax"}, "RATE_MISSING", "fax mo"),
        ({"service": "data", "volume_up_bytes": 1, "serving_network": "USAXM"},
         "WHOLESALE_RATE_MISSING", "tariff iot"),
        ({"partner": "nordtel"}, "WHOLESALE_RATE_MISSING", "partner nordtel"),
        ({"service": "data", "volume_up_bytes": BIG}, "AMOUNT_OVERFLOW", "tariff t"),
        ({"service": "data", "volume_up_bytes": 8 * BIG, "volume_down_bytes": 8 * BIG},
         "AMOUNT_OVERFLOW", "units of data"),
        ({"service": "sms", "events": 10**10}, "AMOUNT_OVERFLOW", "by iot"),
        ({"service": "sms", "events": -1}, "AMOUNT_OVERFLOW", "-1 units"),
        ({"partner_charge_micros": 2**63 - 1, "partner_tax_micros": 1, "partner_currency": "EUR"},
         "AMOUNT_OVERFLOW", "partner fixline"),
    ],
)
def test_each_reject(rated, change, code, says):
    outcome = rated({}, change, {})
    assert codes(outcome) == {1: code}
    row = outcome.rejects.row(0, named=True)
    assert says in row["detail"]
    assert (row["stage"], row["usage_key"], row["byte_offset"]) == ("rate", f"{1:032x}", 100)
    assert row["raw"] is None
    assert sorted(legs(outcome)) == [
        (0, "retail"), (0, "wholesale"), (2, "retail"), (2, "wholesale")]


@pytest.mark.parametrize(
    ("change", "code", "says"),
    [
        ({"service": "mms"}, "PARTNER_CHARGE_MISSING", "states none"),
        ({"service": "mms", "partner_charge_micros": 5, "partner_currency": "USD"},
         "EXCHANGE_RATE_MISSING", "from USD"),
        ({"imsi": "232990000000002", "started_at": datetime(2026, 9, 6, 10)},
         "EXCHANGE_RATE_MISSING", "from SEK of tariff t_away to EUR of account A2"),
        ({"serving_network": "USAXM", "direction": "mt"}, "TAX_MISSING", "zone far"),
        ({"serving_network": "USAXM"}, "RATE_MISSING", "serving zones far > *"),
    ],
)
def test_each_reject_of_money(catalog_of, usage, ctx, change, code, says):
    outcome = rate(usage({}, change, {}), catalog_of(**FULL), ctx).outcome
    assert codes(outcome) == {1: code}
    assert says in outcome.rejects["detail"][0]


def test_every_code_of_the_stage_is_tried():
    tried = {
        case[1] for test in (test_each_reject, test_each_reject_of_money)
        for mark in test.pytestmark if mark.name == "parametrize" for case in mark.args[1]
    }
    assert tried == {c.code for c in CODES.values() if c.stage == "rate"}


def test_a_marked_up_charge_of_the_partner(catalog_of, usage, ctx):
    stated = {"service": "mms", "partner_charge_micros": 210_000, "partner_currency": "SEK"}
    row = legs(rate(usage(stated), catalog_of(**FULL), ctx).outcome)[0, "retail"]
    assert (row["net_micros"], row["tax_micros"]) == (25_000, 5_000)
    assert [(p["price_micros"], p["amount_micros"]) for p in row["parts"]] == [(None, 25_000)]


def test_an_event_that_is_turned_away_draws_nothing(catalog_of, usage, ctx):
    catalog = catalog_of(
        allowances="""
        allowance,unit,quantity,period,roll_over,priority
        minutes,min,3,month,0,1
        """, scopes="""
        allowance,service,direction,serving_zone,destination_zone,band,partner,takes,per,unit
        minutes,voice,mo,*,*,*,*,1,1,s
        """, grants="""
        holder_kind,holder,allowance,valid_from,valid_to
        product,home_bands,minutes,,
        """,
    )
    call = {"duration_s": 120}
    rated = rate(usage(call | {"partner": "nordtel"}, call, call), catalog, ctx)
    assert codes(rated.outcome) == {0: "WHOLESALE_RATE_MISSING"}
    found = legs(rated.outcome)
    assert [found[i, "retail"]["covered_units"] for i in (1, 2)] == [120, 60]
    assert [found[i, "retail"]["amount_micros"] for i in (1, 2)] == [0, 600_000]
    assert [d["before"] / d["scale"] for i in (1, 2) for d in found[i, "retail"]["draws"]] == [
        0, 120]
    state = conform(ALLOWANCE_USE, rated.state).row(0, named=True)
    assert (state["holder"], state["allowance"]) == ("account:A1", "minutes")
    assert state["period_start"] == datetime(2026, 8, 31, 22)
    assert state["used"] / state["scale"] == 180
    # the next file goes on from there
    more = rate(usage(call), catalog, ctx, rated.state)
    assert legs(more.outcome)[0, "retail"]["covered_units"] == 0
    assert more.state.equals(rated.state)


def test_a_reject_carries_the_money_at_risk(rated):
    outcome = rated({"imsi": "1", "partner_charge_micros": 5, "partner_currency": "SDR"})
    row = outcome.rejects.row(0, named=True)
    assert (row["money_at_risk_micros"], row["currency"]) == (5, "SDR")


def test_rows_keep_their_order_and_the_result_does_not_depend_on_it(catalog, usage, ctx):
    rows = usage(*(
        {"other_party": ("43", "4312", "47", "4")[i % 4], "duration_s": i,
         "started_at": datetime(2026, 9, 1, 6) + timedelta(hours=7 * i), "imsi":
         f"23299000000000{1 + i % 3}"} for i in range(60)
    ))
    outcome = rate(rows, catalog, ctx).outcome
    for (_,), leg in outcome.passed.group_by("leg"):
        order = leg["record_index"].to_list()
        assert order == sorted(order)
    turned = rate(rows.reverse(), catalog, ctx).outcome
    by = ["leg", "record_index"]
    assert turned.passed.sort(by).equals(outcome.passed.sort(by))
    assert set(outcome.rejects.iter_rows()) == set(turned.rejects.iter_rows())


def test_no_usage_no_charges(catalog, ctx):
    rated = price_usage(USAGE.empty(), catalog, ALLOWANCE_USE.empty())
    assert (rated.charges.height, rated.turned.height, rated.state.height) == (0, 0, 0)
    assert rated.turned.columns == [*USAGE.names, "code", "detail"]


def test_amounts_add_up(catalog_of, usage, ctx):
    rows = usage(*({"duration_s": 17 * i, "started_at": datetime(2026, 9, 1, 5) + timedelta(
        minutes=31 * i)} for i in range(80)))
    passed = rate(rows, catalog_of(**FULL), ctx).outcome.passed

    def total(name):
        return pl.col("parts").list.eval(pl.element().struct.field(name)).list.sum()

    sums = passed.select(
        whole=pl.sum_horizontal("setup_fee_micros", total("amount_micros"), "adjustment_micros",
                                "discount_micros", "rounding_micros"),
        due=pl.col("net_micros") + pl.col("tax_micros"), units=total("units"),
    )
    assert sums["whole"].to_list() == passed["tariff_amount_micros"].to_list()
    assert sums["due"].to_list() == passed["amount_micros"].to_list()
    assert sums["units"].to_list() == passed["billed_units"].to_list()


def test_no_float_in_a_charge():
    def kinds(kind):
        if isinstance(kind, pl.List):
            return kinds(kind.inner)
        if isinstance(kind, pl.Struct):
            return [k for field in kind.fields for k in kinds(field.dtype)]
        return [kind]

    assert not [n for n, t in CHARGE.polars.items() if any(k.is_float() for k in kinds(t))]
