"""What events cost does not depend on how they arrived, once they are replayed."""

import random
from datetime import datetime, timedelta
from itertools import pairwise

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rating.rate import price_usage
from rating.replay import replay
from rating.schema import ALLOWANCE_USE, CHARGE

TABLES = {
    "sims": "iccid,imsi,msisdn,account,valid_from,valid_to\n" + "".join(
        f",23299000000000{i},4369900000{i},A{1 + i % 3},,\n" for i in range(9)),
    "subscriptions": """
        account,imsi,product,valid_from,valid_to
        A1,,home_bands,,
        A2,,home_bands,,
        A3,,away_bands,,
        """,
    "counters": "counter,period\nminutes_used,day\n",
    "more_rates": """
        t,sms,mt,*,*,*,,,0,minutes_used,0,,,1,1,0.10,1,event,
        t,sms,mt,*,*,*,,,50,,,,,,,0.05,1,event,
        t_away,sms,mt,*,*,*,,,0,,0,,,1,1,0.10,1,event,
        """,
    "allowances": """
        allowance,unit,quantity,period,roll_over,priority
        hour,min,60,day,0,1
        shared,min,300,month,0,2
        """,
    "scopes": """
        allowance,service,direction,serving_zone,destination_zone,band,partner,takes,per,unit
        hour,voice,mo,*,*,*,*,1,1,s
        shared,voice,*,*,*,*,*,3,2,s
        """,
    "grants": """
        holder_kind,holder,allowance,valid_from,valid_to
        product,home_bands,hour,,
        pool,all,shared,,
        """,
    "pools": "pool,account,valid_from,valid_to\nall,A1,,\nall,A3,,\n",
}
DAY = datetime(2026, 9, 1, 22)
"""Midnight in Vienna"""
NOTHING = ALLOWANCE_USE.empty()


def events(count, seed):
    chance = random.Random(seed)
    for number in range(count):
        sms = chance.random() < 0.3
        yield {
            "service": "sms" if sms else "voice", "direction": "mt" if sms else "mo",
            "imsi": f"23299000000000{chance.randrange(9)}", "duration_s": chance.randrange(400),
            # many start in the same second: then the key decides
            "started_at": DAY + timedelta(seconds=60 * chance.randrange(1440)),
            "other_party": "43512000", "partner_charge_micros": 1, "partner_currency": "EUR",
            "usage_key": f"{chance.getrandbits(128):032x}", "record_index": number,
        }


@pytest.fixture
def day(catalog_of, usage_of):
    """A catalog and a day's usage."""
    catalog = catalog_of(**TABLES)
    return lambda count, seed=1: (catalog, usage_of(list(events(count, seed))))


def ordered(charges, *, draws_before=False):
    """The charges by usage and leg; what draws found used may be older than the last replay."""
    kept = CHARGE.plain(charges).drop("revision").sort("usage_key", "leg")
    zero = pl.element().struct.with_fields(before=pl.lit(0, pl.Int64))
    return kept if draws_before else kept.with_columns(pl.col("draws").list.eval(zero))


def rate_in_files(files, catalog):
    """The charges of the files one after another, and the state after the last."""
    state, charges = NOTHING, [CHARGE.empty()]
    for usage in files:
        rated = price_usage(usage, catalog, state)
        charges.append(CHARGE.plain(rated.charges))
        state = rated.state
    return pl.concat(charges), state


def cut(usage, ends):
    ends = [0, *sorted(ends), usage.height]
    return [usage.slice(a, b - a) for a, b in pairwise(ends)]


def test_files_cut_in_order_of_time_need_no_replay(day):
    catalog, usage = day(5000)
    whole = price_usage(usage, catalog, NOTHING)
    files = cut(usage.sort("started_at", "usage_key"), [7, 1000, 1001, 3500])
    charges, state = rate_in_files(files, catalog)
    assert ordered(charges, draws_before=True).equals(ordered(whole.charges, draws_before=True))
    by = ["holder", "allowance", "period_start"]
    assert state.sort(by).equals(whole.state.sort(by))
    drawn = whole.charges["draws"].list.len()
    assert drawn.sum() > 1000
    assert whole.charges.filter(pl.col("covered_units") > 0).height > 50


def latest(charges, again):
    """The charges that stand after a replay of these."""
    by = ["usage_key", "leg"]
    before = CHARGE.plain(charges).sort("revision").unique(by, keep="last")
    gone = pl.concat([again.revised, again.withdrawn])
    return pl.concat([before.join(gone, on=by, how="anti"), again.revised])


def test_after_a_replay_files_in_any_order_give_the_same(day):
    catalog, usage = day(5000)
    whole = price_usage(usage, catalog, NOTHING)
    chance = random.Random(7)
    files = cut(usage, [chance.randrange(5000) for _ in range(9)])
    chance.shuffle(files)
    charges, _ = rate_in_files(files, catalog)
    again = replay(pl.concat(files), charges, catalog, NOTHING)
    after = latest(charges, again)
    assert ordered(after).equals(ordered(whole.charges))
    assert again.state.sort(pl.all()).equals(whole.state.sort(pl.all()))
    # something was late, and only what came out otherwise is revised
    assert 0 < again.revised.height < charges.height
    assert set(again.revised["revision"]) == {1}
    kept = after.filter(pl.col("revision") == 0)
    assert ordered(kept).equals(
        ordered(charges.join(kept, on=["usage_key", "leg"], how="semi")))
    # once more changes nothing
    third = replay(usage, pl.concat([charges, again.revised]), catalog, NOTHING)
    assert third.revised.is_empty()
    assert third.withdrawn.is_empty()


@settings(max_examples=settings.default.max_examples // 5,
          suppress_health_check=[*settings.default.suppress_health_check,
                                 HealthCheck.function_scoped_fixture])
@given(st.integers(0, 999), st.lists(st.integers(0, 120), max_size=6), st.randoms())
def test_random_cuts(day, seed, ends, chance):
    catalog, usage = day(120, seed)
    files = cut(usage, ends)
    chance.shuffle(files)
    charges, _ = rate_in_files(files, catalog)
    again = replay(usage, charges, catalog, NOTHING)
    whole = price_usage(usage, catalog, NOTHING)
    assert ordered(latest(charges, again)).equals(ordered(whole.charges))
    assert again.state.sort(pl.all()).equals(whole.state.sort(pl.all()))


def test_what_was_used_before_is_no_revision_by_itself(day):
    catalog, usage = day(5000)
    before = CHARGE.plain(price_usage(usage, catalog, NOTHING).charges)
    later = before.with_columns(pl.col("draws").list.eval(
        pl.element().struct.with_fields(before=pl.element().struct.field("before") + 7)))
    assert replay(usage, later, catalog, NOTHING).revised.is_empty()
    other = before.with_columns(pl.col("draws").list.eval(
        pl.element().struct.with_fields(taken=pl.element().struct.field("taken") + 1)))
    drew = before.filter(pl.col("draws").list.len() > 0)
    assert replay(usage, other, catalog, NOTHING).revised.height == drew.height > 0


def test_what_is_new_and_what_is_gone(day):
    catalog, usage = day(50)
    before = CHARGE.plain(price_usage(usage.head(40), catalog, NOTHING).charges)
    again = replay(usage.tail(30), before, catalog, NOTHING)
    fresh = again.revised.join(before, on=["usage_key", "leg"], how="anti")
    assert fresh.height == 2 * 10
    assert set(fresh["revision"]) == {0}
    assert again.withdrawn["record_index"].unique().sort().to_list() == list(range(20))


def test_the_version_of_the_catalog_alone_is_no_revision(day):
    catalog, usage = day(50)
    before = CHARGE.plain(price_usage(usage, catalog, NOTHING).charges).with_columns(
        catalog_version=pl.lit("older"))
    again = replay(usage, before, catalog, NOTHING)
    assert again.revised.is_empty()


def test_a_leg_without_charges_before_is_not_looked_at(day):
    catalog, usage = day(50)
    both = CHARGE.plain(price_usage(usage, catalog, NOTHING).charges)
    retail = both.filter(leg="retail").with_columns(amount_micros=pl.col("amount_micros") + 1)
    again = replay(usage, retail, catalog, NOTHING)
    assert set(again.revised["revision"]) == {1}
    assert ordered(again.revised).equals(ordered(both.filter(leg="retail")))
