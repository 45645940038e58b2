"""The reference rater against amounts worked out on paper; the working stands beside each case.

The tariff of these cases: EUR, home time Vienna; night 0-8 and 20-24, day 8-20, holidays "rest".
"""

import sys
from datetime import datetime
from fractions import Fraction
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from reference_allowances import State
from reference_catalog import read_catalog
from reference_money import intervals, rounded
from reference_rater import rate_event, rate_events

RATES = (
    "tariff,service,direction,serving_zone,destination_zone,band,valid_from,valid_to,from_units,"
    "counter,setup_fee,minimum,maximum,first_interval,next_interval,price,per,unit,markup\n"
)
TEXTS = {
    "accounts": "account,currency,timezone,payer,tax\nA,EUR,Europe/Vienna,,\n"
                "B,CHF,Europe/Vienna,,T\n",
    "sims": "imsi,msisdn,account,valid_from,valid_to\n1,431,A,,\n2,432,B,,\n",
    "subscriptions": "account,imsi,product,valid_from,valid_to\nA,,P,,\nB,,P,,\n",
    "products": "product,tariff,tax,valid_from,valid_to\nP,t,,,\n",
    "tariffs": "tariff,currency,calendar,band_time,interval_rounding,rounding_stage,rounding,"
               "decimals,tax_included,kilo\nt,EUR,c,home,up,event,half_up,2,no,1024\n",
    "calendars": "calendar,days,from,to,band\nc,mon-sun,00:00,08:00,night\n"
                 "c,mon-sun,08:00,20:00,day\nc,mon-sun,20:00,24:00,night\nc,holiday,00:00,24:00,rest\n",
    "holidays": "calendar,date,name\nc,2026-12-25,Christmas\n",
    "zones": "zone,parent,name\neea,,e\nno,eea,n\nworld,,w\n",
    "networks": "tadig,zone,timezone,valid_from,valid_to\nNOR,no,Europe/Oslo,,\n",
    "number_plan": "prefix,destination,zone,valid_from,valid_to\n4,x,eea,,\n47,y,no,,\n"
                   "1,z,world,,\n",
    "rates": RATES
    + "t,voice,mo,*,*,day,,,,,,,,60,30,0.10,60,s,\n"
      "t,voice,mo,*,*,night,,,,,,,,60,30,0.06,60,s,\n"
      "t,voice,mo,*,*,rest,,,,,,,,60,30,0.01,60,s,\n",
}


def texts(rates="", **more):
    return TEXTS | {"rates": TEXTS["rates"] + rates} | more


def call(seconds, at="2026-06-10T10:00:00", **more):
    return {
        "partner": "p", "usage_key": at, "service": "voice", "direction": "mo", "imsi": "1",
        "msisdn": None, "other_party": "4711", "serving_network": "NOR",
        "started_at": datetime.fromisoformat(at), "utc_offset_s": 7200, "duration_s": seconds,
        "volume_up_bytes": None, "volume_down_bytes": None, "events": None,
        "partner_charge_micros": 5, "partner_tax_micros": None, "partner_currency": "EUR",
        "partner_per_sdr_nanos": None,
    } | more


def data(octets, **more):
    return call(None, service="data", volume_up_bytes=1, volume_down_bytes=octets - 1, **more)


def rate(files, row, state=None):
    done = rate_event(row, read_catalog(files, "Europe/Vienna"), state or State())
    assert not done.code, done.code
    return done.retail


def test_a_call_across_a_border_of_bands():
    # 19:59:30 Vienna (17:59:30Z) for 95 s; R(95) = 60 + 2 x 30 = 120; cut after 30 s: R(30) = 60
    # day 60 s -> 0.10; night 60 s -> 0.06; together 0.16
    leg = rate(texts(), call(95, "2026-06-10T17:59:30"))
    assert [(p.band, p.units, p.amount) for p in leg.priced.parts] == [
        ("day", 60, 100_000), ("night", 60, 60_000),
    ]
    assert (leg.amount, leg.net, leg.tax) == (160_000, 160_000, 0)


def test_an_interval_begun_before_a_cut_is_billed_before_it():
    # 10 s after the border, 50 s before: R(50) = R(60) = 60: the night bills nothing, is left out
    leg = rate(texts(), call(60, "2026-06-10T17:59:10"))
    assert [(p.band, p.units) for p in leg.priced.parts] == [("day", 60)]


def test_a_holiday_begins_at_local_midnight():
    # 2026-12-24 23:59 Vienna is 22:59Z. 60 s night 0.06, then 60 s rest 0.01
    leg = rate(texts(), call(120, "2026-12-24T22:59:00"))
    assert [(p.band, p.amount) for p in leg.priced.parts] == [("night", 60_000), ("rest", 10_000)]


def test_clocks_put_forward_shorten_the_night():
    # 2026-03-29: 02:00 becomes 03:00 in Vienna. From 01:30 (00:30Z) night lasts until 08:00, which
    # is 06:00Z: 5.5 h = 19800 s. A call of 20000 s: R = 60 + ceil(19940/30) x 30 = 20010;
    # R(19800) = 19800 (19740 = 658 x 30). Day: 210 s.
    leg = rate(texts(), call(20_000, "2026-03-29T00:30:00"))
    assert [(p.band, p.units) for p in leg.priced.parts] == [("night", 19_800), ("day", 210)]
    # 19800 x 0.06/60 = 19.80; 210 x 0.10/60 = 0.35
    assert leg.amount == 20_150_000


def test_the_records_offset_counts_where_the_network_has_it():
    # band_time serving. 06:30Z with +0200 is 08:30 in Oslo: day; -0200, not Oslo's: 04:30, night
    files = texts(tariffs=TEXTS["tariffs"].replace(",home,", ",serving,"))
    oslo = call(1, "2026-06-10T06:30:00")
    assert rate(files, oslo).priced.parts[0].band == "day"
    assert rate(files, oslo | {"utc_offset_s": -7200}).priced.parts[0].band == "night"


def test_the_nearer_zone_wins_serving_before_destination_before_band():
    # serving chain no, eea, *; destination chain no, eea, *.
    rates = (
        "t,voice,mo,eea,*,*,,,,,,,,1,1,0.20,1,s,\n"
        "t,voice,mo,*,no,*,,,,,,,,1,1,0.30,1,s,\n"
    )
    assert rate(texts(rates), call(1)).amount == 200_000


def test_a_covered_call_costs_nothing_and_a_part_of_it_its_rest():
    # 2 minutes a month. First call 90 s (R = 90) covered wholly; the second, 120 s, for 30 s:
    # 90 s x 0.10/60 = 0.15
    files = texts(
        allowances="allowance,unit,quantity,period,roll_over,priority\nm,min,2,month,0,1\n",
        scopes="allowance,service,direction,serving_zone,destination_zone,band,partner,takes,per,"
               "unit\nm,voice,mo,*,*,*,*,1,1,s\n",
        grants="holder_kind,holder,allowance,valid_from,valid_to\nproduct,P,m,,\n",
    )
    catalog, state = read_catalog(files, "Europe/Vienna"), State()
    rows = [call(120, "2026-06-10T11:00:00"), call(90, "2026-06-10T10:00:00")]
    first, second = (o.retail for o in rate_events(rows, catalog, state))
    assert (first.amount, first.priced.covered, first.priced.billed) == (0, 90, 90)
    assert (second.amount, second.priced.covered, second.priced.billed) == (150_000, 30, 120)
    assert second.priced.draws[0].before == 90
    # June begins in Vienna on 31 May at 22:00Z
    assert list(state.used.values()) == [120]
    assert second.priced.draws[0].begins == datetime(2026, 5, 31, 22).timestamp()


def test_what_a_unit_takes_may_be_a_fraction():
    # 7 takes 3 per 2 s: a second costs 3/2; floor(7 / 1.5) = 4 s covered, 6 used, 1 stays
    files = texts(
        allowances="allowance,unit,quantity,period,roll_over,priority\nm,unit,7,once,0,1\n",
        scopes="allowance,service,direction,serving_zone,destination_zone,band,partner,takes,per,"
               "unit\nm,*,*,*,*,*,*,3,2,s\n",
        grants="holder_kind,holder,allowance,valid_from,valid_to\nsim,1,m,,\n",
    )
    state = State()
    leg = rate(files, call(60), state)
    assert (leg.priced.covered, leg.priced.draws[0].taken) == (4, 6)


def test_roll_over_draws_first_on_what_expires_first():
    # 10 s a month from April, roll-over 1. In June: May's 10, then June's 10; April's is gone.
    # 60 s: 20 covered, 40 x 0.10/60 = 0.0666.. -> 0.07
    files = texts(
        allowances="allowance,unit,quantity,period,roll_over,priority\nm,s,10,month,1,1\n",
        scopes="allowance,service,direction,serving_zone,destination_zone,band,partner,takes,per,"
               "unit\nm,voice,mo,*,*,*,*,1,1,s\n",
        grants="holder_kind,holder,allowance,valid_from,valid_to\naccount,A,m,2026-04-01,\n",
    )
    leg = rate(files, call(60))
    assert [(d.begins, d.units) for d in leg.priced.draws] == [
        (datetime(2026, 4, 30, 22).timestamp(), 10), (datetime(2026, 5, 31, 22).timestamp(), 10),
    ]
    assert (leg.amount, leg.priced.nanos, leg.priced.rounding) == (70_000, 66_666_666, 3_334)


def test_tiers_by_a_counter_go_on_where_the_last_event_ended():
    # data: the first 1000 bytes of a day at 1 c each, then 0.1 c. 700 before, then 500:
    # 300 x 0.01 + 200 x 0.001 = 3.20
    rates = (
        "t,data,mo,*,*,*,,,,d,,,,1,1,0.01,1,bytes,\n"
        "t,data,mo,*,*,*,,,1000,,,,,,,0.001,1,bytes,\n"
    )
    catalog = read_catalog(texts(rates, counters="counter,period\nd,day\n"), "Europe/Vienna")
    rows = [data(700), data(500, usage_key="z")]
    first, second = (o.retail for o in rate_events(rows, catalog, State()))
    assert (first.amount, second.amount) == (7_000_000, 3_200_000)
    assert [p.units for p in second.priced.parts] == [300, 200]


def test_fee_minimum_discount_and_what_is_kept():
    # 1 s at 0.000001/3 per s: fee 0.05, part 1/3 micro -> floor 0; minimum 0.10:
    # adjustment = 0.1 - 0.05 - 1/3 micro: floors 50000 -> 100000: 50000. 12.5 % off: 87500 micros,
    # less 0.01: 77500; discount -22500; rounded to 0.08: +2500
    rates = "t,sms,mo,*,*,*,,,,,0.05,0.10,,1,1,0.000001,3,event,\n"
    files = texts(rates, discounts=(
        "discount,holder_kind,holder,service,direction,serving_zone,destination_zone,percent,fixed,"
        "valid_from,valid_to\nd,account,A,*,*,*,*,12.5,0.01,,\n"))
    kept = rate(files, call(None, service="sms")).priced
    assert (kept.setup, kept.adjustment, kept.discount, kept.rounding, kept.amount, kept.nanos) == (
        50_000, 50_000, -22_500, 2_500, 80_000, 77_500_000)


TAXES = "tax,serving_zone,percent,valid_from,valid_to\nT,eea,20,,\nT,*,0,,\n"
FX = "from,to,rate,valid_from,valid_to\nCHF,EUR,0.9,,\n"


@pytest.mark.parametrize(("included", "amount", "net", "tax"), [
    # 0.10 EUR / 0.9 = 0.111.. -> 0.11 CHF; tax 0.022 -> 0.02
    ("no", 130_000, 110_000, 20_000),
    # net 0.11 / 1.2 = 0.09166.. -> 0.09
    ("yes", 110_000, 90_000, 20_000),
])
def test_inverse_exchange_rate_and_tax(included, amount, net, tax):
    tariffs = TEXTS["tariffs"].replace(",no,1024", f",{included},1024")
    leg = rate(texts(taxes=TAXES, exchange_rates=FX, tariffs=tariffs), call(60, imsi="2"))
    assert (leg.currency, leg.amount, leg.net, leg.tax) == ("CHF", amount, net, tax)


def test_an_imported_rate_marks_up_the_partners_charge():
    # 1.111111 CHF x 0.9 = 0.9999999 -> 1.000000 EUR; x 1.155 = 1.155 -> 1.16 (half up)
    rates = "t,mms,mo,*,*,*,,,,,,,,,,,,event,15.5\n"
    row = call(None, service="mms", events=0)
    row |= {"partner_charge_micros": 1_111_111, "partner_currency": "CHF"}
    leg = rate(texts(rates, exchange_rates=FX), row)
    assert (leg.amount, leg.priced.billed, leg.priced.nanos) == (1_160_000, 1, 1_155_000_000)
    row["partner_charge_micros"] = None
    done = rate_event(row, read_catalog(texts(rates), "Europe/Vienna"), State())
    assert done.code == "PARTNER_CHARGE_MISSING"


def test_nothing_used_costs_nothing_and_nothing_billed_costs_the_fee():
    # 0 s: no fee. 59 s with down and first 60: R = 0, the fee is due
    rates = "t,voice,mo,no,no,*,,,,,0.04,,,60,60,1,1,s,\n"
    files = texts(rates, tariffs=TEXTS["tariffs"].replace(",up,event", ",down,event"))
    assert rate(files, call(0)).amount == 0
    assert rate(files, call(59)).amount == 40_000


def test_the_agreement_is_kept_beside_the_partners_charge():
    # 60 s day at 0.10 EUR; the partner states 5 micros CHF. Expected 0.10/0.9 = 0.11 CHF
    files = texts(agreements="partner,tariff,valid_from,valid_to\np,t,,\n", exchange_rates=FX)
    catalog = read_catalog(files, "Europe/Vienna")
    leg = rate_event(call(60, partner_currency="CHF"), catalog, State()).wholesale
    assert (leg.amount, leg.currency, leg.source, leg.expected) == (5, "CHF", "partner", 110_000)
    leg = rate_event(call(60, partner_charge_micros=None), catalog, State()).wholesale
    assert (leg.amount, leg.currency, leg.source) == (100_000, "EUR", "tariff")


@pytest.mark.parametrize(("units", "mode", "billed"), [
    # first 60, next 30
    (1, "up", 60), (60, "up", 60), (61, "up", 90), (59, "down", 0), (89, "down", 60),
    (29, "nearest", 0), (30, "nearest", 60), (74, "nearest", 60), (75, "nearest", 90),
    (0, "up", 0),
])
def test_intervals(units, mode, billed):
    assert intervals(units, 60, 30, mode) == billed


@pytest.mark.parametrize(("amount", "mode", "places", "result"), [
    (Fraction(25_000), "half_even", 2, 20_000), (Fraction(35_000), "half_even", 2, 40_000),
    (Fraction(25_000), "half_up", 2, 30_000), (Fraction(20_001), "up", 2, 30_000),
    (Fraction(29_999), "down", 2, 20_000), (Fraction(-20_001), "up", 2, -30_000),
    (Fraction(1, 2), "half_up", 6, 1), (Fraction(499_999), "half_up", 0, 0),
])
def test_rounding(amount, mode, places, result):
    assert rounded(amount, places, mode) == result


SECONDS = {
    "allowances": "allowance,unit,quantity,period,roll_over,priority\nm,s,10,month,2,1\n",
    "scopes": "allowance,service,direction,serving_zone,destination_zone,band,partner,takes,per,"
              "unit\nm,voice,mo,*,*,*,*,1,1,s\n",
}
GRANTS = "holder_kind,holder,allowance,valid_from,valid_to\n"


def test_two_grants_of_one_allowance_to_one_holder_are_one_quantity():
    # by product, and by account from June on: April, May and June are left, once each: 30 s
    grants = GRANTS + "account,A,m,2026-06-01,\nproduct,P,m,2026-01-01,\n"
    assert rate(texts(grants=grants, **SECONDS), call(120)).priced.covered == 30


def test_a_products_periods_begin_with_the_first_subscription():
    # subscribed since 31 May: May counts (for a day of it) and June, April does not: 20 s
    files = texts(
        grants=GRANTS + "product,P,m,,\n", **SECONDS,
        subscriptions="account,imsi,product,valid_from,valid_to\nA,,P,2026-05-31,\n",
    )
    assert rate(files, call(120)).priced.covered == 20


def test_a_pool_is_shared_and_its_months_are_those_of_the_home_time_zone():
    # 10 s of June, one month only: A takes 6, B is covered for 4 of its 6 s; the rest, R = 60 s
    # billed: 54 for A at once, as the interval is billed whole: A draws all 10, B none
    files = texts(
        grants=GRANTS + "pool,X,m,2026-06-01,\n", **SECONDS,
        pools="pool,account,valid_from,valid_to\nX,A,,\nX,B,,\n",
        taxes=TAXES, exchange_rates=FX,
        accounts=TEXTS["accounts"].replace("Europe/Vienna", "America/New_York"),
    )
    catalog = read_catalog(files, "Europe/Vienna")
    rows = [call(6, "2026-05-31T22:00:00"), call(6, "2026-05-31T22:00:01", imsi="2")]
    first, second = (o.retail.priced for o in rate_events(rows, catalog, State()))
    assert (first.covered, second.covered) == (10, 0)
    assert first.draws[0].begins == datetime(2026, 5, 31, 22).timestamp()


def test_the_payer_pays_in_its_currency_with_its_tax():
    # A uses, B pays: 0.10 EUR / 0.9 = 0.11 CHF and 20 % tax
    files = texts(
        accounts=TEXTS["accounts"].replace("A,EUR,Europe/Vienna,,", "A,EUR,Europe/Vienna,B,"),
        taxes=TAXES, exchange_rates=FX,
    )
    leg = rate(files, call(60))
    assert (leg.account, leg.currency, leg.net, leg.tax) == ("B", "CHF", 110_000, 20_000)


@pytest.mark.parametrize(("number", "amount"), [
    # both in group g and a friend: the group's rate; a friend only; in nobody's list
    ("432", 10_000), ("4711", 20_000), ("4712", 100_000),
])
def test_group_before_friend_before_zone(number, amount):
    rates = (
        "t,voice,mo,*,@group,*,,,,,,,,1,1,0.01,1,s,\n"
        "t,voice,mo,*,@friend,*,,,,,,,,1,1,0.02,1,s,\n"
    )
    files = texts(
        rates, groups="group,number,valid_from,valid_to\ng,431,,\ng,432,,\n",
        friends="account,number,valid_from,valid_to\nA,4711,,\nA,432,,\n",
    )
    assert rate(files, call(1, other_party=number)).amount == amount


def test_lord_howe_moves_its_clocks_by_half_an_hour():
    # 2026-04-05 02:00 (+11) becomes 01:30 (+10:30) at 15:00Z on the 4th. Local midnight is 13:00Z,
    # 08:00 is 21:30Z: night lasts 8.5 h = 30600 s. R(31000) = 60 + 30 x ceil(30940/30) = 31020;
    # the rest by day: 420 s
    leg = rate_event(call(31_000, "2026-04-04T13:00:00"),
                     read_catalog(texts(), "Australia/Lord_Howe"), State()).retail
    assert [(p.band, p.units) for p in leg.priced.parts] == [("night", 30_600), ("day", 420)]
