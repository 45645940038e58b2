"""Charges, balances and allowances do not depend on the order in which records arrive."""

import dataclasses
import random
import shutil
import sys
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from charging.allowance_use import used
from charging.ledger import Ledger
from charging.schema import POSTING
from mediation.schema import REJECT
from ratemill import correction_lake, late_events, late_marks, pipeline
from ratemill.allowances import rating_alone
from ratemill.charges_now import charges_of
from ratemill.home import Home
from ratemill.lake import Lake
from ratemill.late_events import replay_late
from ratemill.rollback import roll_back_file
from rating.catalog import load_catalog
from rating.schema import CHARGE

sys.path.insert(0, str(Path(__file__).parent))

from mediated_files import Event, usage_of, write_mediated

NOW = datetime.fromisoformat("2026-12-01")
DAY = datetime.fromisoformat("2026-11-03T08:00")
"""In Vienna, an hour before UTC"""
A1, A2, B2, A4 = (f"23299000000000{n}" for n in (1, 2, 3, 4))
TABLES = {
    "accounts": """
        account,customer,mode,currency,timezone,status,credit_limit,payer,tax,opening_balance
        A1,C1,prepaid,EUR,Europe/Vienna,active,,,vat,10
        A2,C1,postpaid,EUR,Europe/Vienna,active,,A3,,0
        A3,C2,postpaid,CHF,Europe/Zurich,active,,,,0
        A4,C2,postpaid,EUR,Europe/Vienna,active,,,,0
        """,
    "sims": """
        iccid,imsi,msisdn,account,valid_from,valid_to
        ,232990000000001,43699000001,A1,2026-01-01,
        ,232990000000002,43699000002,A2,2026-01-01,
        ,232990000000003,43699000003,A2,2026-01-01,
        ,232990000000004,43699000004,A4,2026-01-01,
        """,
    "subscriptions": """
        account,imsi,product,valid_from,valid_to
        A1,,flex,2026-01-01,
        A2,,flex,2026-01-01,
        A4,,flex,2026-01-01,
        """,
    "rates": """
        tariff,service,direction,serving_zone,destination_zone,band,valid_from,valid_to,from_units,counter,setup_fee,minimum,maximum,first_interval,next_interval,price,per,unit,markup
        flex,voice,mo,*,*,*,,,,,0.05,,,60,30,0.19,60,s,
        flex,sms,mo,*,*,*,,,0,texts,0,,,1,1,0.10,1,event,
        flex,sms,mo,*,*,*,,,3,,,,,,,0.03,1,event,
        iot,voice,mo,*,*,*,,,,,,,,60,60,0.018,60,s,
        iot,sms,mo,*,*,*,,,,,,,,1,1,0.01,1,event,
        """,
    "counters": "counter,period\ntexts,day\n",
    "pools": "pool,account,valid_from,valid_to\nP,A1,,\nP,A2,,\n",
    "allowances": """
        allowance,unit,quantity,period,roll_over,priority
        minutes,min,2,day,1,1
        shared,min,5,month,0,2
        """,
    "scopes": """
        allowance,service,direction,serving_zone,destination_zone,band,partner,takes,per,unit
        minutes,voice,mo,*,*,*,*,1,1,s
        shared,voice,mo,*,*,*,*,3,2,s
        """,
    "grants": """
        holder_kind,holder,allowance,valid_from,valid_to
        sim,232990000000002,minutes,2026-11-01,
        account,A4,minutes,2026-11-01,
        pool,P,shared,2026-11-01,
        """,
}


@pytest.fixture
def world(small, write_catalog, tmp_path_factory):
    """Makes fresh homes with bundles that accounts share; the catalog of them all."""
    write_catalog(small.catalog, **TABLES)
    catalog = load_catalog(small.catalog, "Europe/Vienna", cache=small.catalog_cache)

    def fresh():
        root = tmp_path_factory.mktemp("late") / "home"
        shutil.copytree(small.root, root, symlinks=True)
        return Home.find(root, {})

    return fresh, catalog


def call(imsi, minute, seconds, key=None, service="voice"):
    at = DAY + timedelta(minutes=minute)
    name = key if key is not None else f"{imsi}{service}{minute}"
    return Event(imsi, at.isoformat(), seconds, name.encode().hex().rjust(32, "0")[-32:], service)


def random_day(chance, count):
    """Calls and messages of two days; several start at once."""
    return [
        call(chance.choice([A1, A2, A2, B2, A4]), 120 * chance.randrange(20),
             chance.randrange(1, 200), f"{number}", "sms" if chance.random() < 0.3 else "voice")
        for number in range(count)
    ]


def arrive(home, usage, name):
    return write_mediated(home, name, usage)


def finish(home, refs):
    pipeline.rate(home, refs, now=NOW)
    pipeline.post(home, refs, now=NOW)
    return replay_late(home, refs, now=NOW)


def outcome(home, refs):
    """Balances, what is used, and the latest charges by what they are for."""
    lake = Lake(home.lake)
    with Ledger(home.ledger) as ledger:
        balances = ledger.balances().select("account", "currency", "balance_micros")
        use = used(ledger).filter(pl.col("used") != 0).drop("last_event_at")
        states = ledger.file_states()
    zero = pl.element().struct.with_fields(before=pl.lit(0, pl.Int64))
    charges = charges_of(lake, refs).with_columns(pl.col("draws").list.eval(zero)).drop(
        "file_id", "record_index", "revision").sort("usage_key", "leg")
    postings = lake.read(POSTING, lake.files(POSTING))
    assert balances["balance_micros"].sum() == postings["amount_micros"].sum() + 10_000_000
    assert states["records"].sum() == charges["usage_key"].n_unique()
    return balances, use, charges


def same(one, other):
    return all(a.equals(b) for a, b in zip(one, other, strict=True))


def revisions(home):
    paths = Lake(home.lake).corrections(CHARGE)
    return sum(pl.read_parquet(path).height for path in paths)


def test_a_late_call_takes_its_units_back(world):
    fresh, catalog = world
    home = fresh()
    younger = usage_of(catalog, [call(A4, 60, 120), call(A4, 90, 60)])
    first = arrive(home, younger, "a")
    assert finish(home, [first]) == 0
    assert not (home.lake / "late" / "p").exists()
    late = arrive(home, usage_of(catalog, [call(A4, 30, 90)]), "b")
    pipeline.rate(home, [late], now=NOW)
    assert late_marks.marks(home)[late].rows() == [("A4", datetime(2026, 11, 3, 7, 30))]
    pipeline.post(home, [late], now=NOW)
    # 120 s are left of the day before, then come those of the day
    assert replay_late(home, [late], now=NOW) == 3
    assert late_marks.marks(home) == {}
    charges = charges_of(Lake(home.lake), [first, late]).filter(leg="retail").sort("started_at")
    assert charges["covered_units"].to_list() == [90, 120, 30]
    assert charges["revision"].to_list() == [1, 1, 1]
    assert charges["draws"].list.len().to_list() == [1, 2, 1]
    # and again: nothing is left to do
    before = outcome(home, [first, late])
    assert replay_late(home, [first, late], now=NOW) == 0
    assert same(outcome(home, [first, late]), before)


@pytest.mark.slow
@settings(max_examples=settings.default.max_examples // 5,
          suppress_health_check=[*settings.default.suppress_health_check,
                                 HealthCheck.function_scoped_fixture])
@given(st.integers(0, 9999), st.lists(st.integers(0, 24), max_size=5))
def test_any_cut_in_any_order_ends_in_the_same(world, seed, ends):
    fresh, catalog = world
    chance = random.Random(seed)
    usage = usage_of(catalog, random_day(chance, 24))
    alone = fresh()
    whole = arrive(alone, usage, "whole")
    assert finish(alone, [whole]) == 0
    ends = [0, *sorted(ends), usage.height]
    files = [usage.slice(a, b - a) for a, b in pairwise(ends) if b > a]
    # some records come twice: who is second is refused
    files.append(usage.sample(3, seed=seed))
    chance.shuffle(files)
    home, refs = fresh(), []
    for number, part in enumerate(files):
        refs.append(arrive(home, part, f"f{number}"))
        some = [ref for ref in refs if chance.random() < 0.6]
        pipeline.rate(home, some, now=NOW)
        some = [ref for ref in some if chance.random() < 0.6]
        pipeline.post(home, some, now=NOW)
        if chance.random() < 0.5:
            replay_late(home, some, now=NOW)
    finish(home, refs)
    assert same(outcome(home, refs), outcome(alone, [whole]))
    assert late_marks.marks(home) == {}


@pytest.mark.slow
def test_one_by_one_and_the_youngest_first(world, ledger_url):
    fresh, catalog = world
    usage = usage_of(catalog, random_day(random.Random(5), 8))
    alone, home = fresh(), dataclasses.replace(fresh(), ledger=ledger_url)
    whole = arrive(alone, usage, "whole")
    finish(alone, [whole])
    order = usage.sort("started_at", descending=True)
    refs = [arrive(home, order.slice(n, 1), f"f{n:02d}") for n in range(order.height)]
    revised = sum(finish(home, [ref]) for ref in refs)
    assert revised == revisions(home) > 2
    assert same(outcome(home, refs), outcome(alone, [whole]))


@pytest.fixture
def late_call(world, begun):
    """A home in which a call came late and is posted, and what all of it comes to in one file."""
    fresh, catalog = world
    events = [call(A4, 60, 120), call(A4, 90, 60), call(A4, 30, 90)]
    alone, home = fresh(), fresh()

    def made():
        whole = arrive(alone, usage_of(catalog, events), "whole")
        finish(alone, [whole])
        refs = [arrive(home, usage_of(catalog, events[:2]), "a"),
                arrive(home, usage_of(catalog, events[2:]), "b")]
        for ref in refs:
            pipeline.rate(home, [ref], now=NOW)
            pipeline.post(home, [ref], now=NOW)
        return refs, outcome(alone, [whole])

    return home, *begun(home, "late call", made)


@pytest.mark.parametrize("step", ["write_detail", "correct", "follow"])
def test_whatever_step_it_dies_at(late_call, monkeypatch, step):
    home, refs, right = late_call

    def die(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(correction_lake, step, die)
        with pytest.raises(KeyboardInterrupt):
            replay_late(home, refs, now=NOW)
    replay_late(home, [], now=NOW)
    assert same(outcome(home, refs), right)
    assert late_marks.marks(home) == {}


def test_dead_before_the_mark_is_gone(late_call, monkeypatch):
    home, refs, right = late_call
    with monkeypatch.context() as patched:
        patched.setattr(late_events, "settle", lambda *_: None)
        assert replay_late(home, refs, now=NOW) == 3
    assert list(late_marks.marks(home)) == ["p/b"]
    assert replay_late(home, [], now=NOW) == 0
    assert same(outcome(home, refs), right)
    assert late_marks.marks(home) == {}


def test_accounts_wait_for_what_is_rated_and_not_posted(world):
    fresh, catalog = world
    home = fresh()
    younger, late = (
        [call(imsi, minute, 200) for imsi in (A1, A4)] for minute in (60, 30)
    )
    refs = [arrive(home, usage_of(catalog, younger), "a"),
            arrive(home, usage_of(catalog, late), "b")]
    for ref in refs:
        pipeline.rate(home, [ref], now=NOW)
        pipeline.post(home, [ref], now=NOW)
    # A2 shares a pool with A1
    refs.append(arrive(home, usage_of(catalog, [call(A2, 45, 100)]), "c"))
    pipeline.rate(home, refs, now=NOW)
    assert replay_late(home, refs, now=NOW) == 2
    assert set(late_marks.marks(home)) == {"p/b", "p/c"}
    assert late_marks.marks(home)["p/b"]["account"].to_list() == ["A1"]
    assert charges_of(Lake(home.lake), refs).filter(revision=1)["account"].to_list() == ["A4"] * 2
    pipeline.post(home, refs, now=NOW)
    assert replay_late(home, refs, now=NOW) > 0
    alone = fresh()
    whole = arrive(alone, usage_of(catalog, [*younger, *late, call(A2, 45, 100)]), "whole")
    finish(alone, [whole])
    assert same(outcome(home, refs), outcome(alone, [whole]))


def test_what_a_refused_record_had_drawn_is_there_for_others(world):
    fresh, catalog = world
    home = fresh()
    one, other = call(A4, 30, 200, "one"), call(A4, 60, 100, "other")
    refs = [arrive(home, usage_of(catalog, events), name)
            for name, events in (("a", [one]), ("b", [one, other]))]
    pipeline.rate(home, refs, now=NOW)
    pipeline.post(home, refs, now=NOW)
    assert Lake(home.lake).load(REJECT, "p", "b", "post")["code"].to_list() == ["ALREADY_POSTED"]
    assert replay_late(home, refs, now=NOW) == 1
    alone = fresh()
    whole = arrive(alone, usage_of(catalog, [one, other]), "whole")
    finish(alone, [whole])
    assert same(outcome(home, refs), outcome(alone, [whole]))


def test_a_price_that_was_mended_since_stays_unless_draws_change(world):
    fresh, catalog = world
    home = fresh()
    texts = [call(A4, minute, 1, service="sms") for minute in (50, 55, 70, 80)]
    refs = [arrive(home, usage_of(catalog, [call(A4, 60, 200), *texts[1:]]), "a"),
            arrive(home, usage_of(catalog, [call(A4, 30, 90)]), "b")]
    finish(home, refs[:1])
    rates = home.catalog / "rates.csv"
    rates.write_text(rates.read_text().replace("0.19", "0.29").replace("0.10", "0.20"))
    newer = load_catalog(home.catalog, "Europe/Vienna", cache=home.catalog_cache)
    # both calls change: of that at 60 only 150 s are covered; nothing does for the messages
    assert finish(home, refs[1:]) == 2
    charges = charges_of(Lake(home.lake), refs).filter(leg="retail").sort("started_at")
    assert charges["covered_units"].to_list() == [90, 0, 150, 0, 0]
    made = [version == newer.version for version in charges["catalog_version"]]
    assert made == [True, False, True, False, False]
    assert charges["amount_micros"].to_list()[1::2] == [100_000, 100_000]
    # one message more, at first of the second tier: it moves the counter of the later ones
    refs.append(arrive(home, usage_of(newer, texts[:1]), "c"))
    assert finish(home, refs[2:]) == 4
    charges = charges_of(Lake(home.lake), refs).filter(service="sms", leg="retail")
    assert charges.sort("started_at")["amount_micros"].to_list() == [200_000] * 3 + [30_000]


def test_usage_that_has_no_price_any_more_keeps_its_charge(late_call):
    home, refs, _ = late_call
    replay_late(home, refs, now=NOW)
    before = charges_of(Lake(home.lake), refs).filter(leg="retail").sort("started_at")
    sims = home.catalog / "sims.csv"
    # the SIM was never there between the calls at 30 and 60
    sims.write_text(sims.read_text().replace(
        "43699000004,A4,2026-01-01,", "43699000004,A4,2026-11-04,"))
    catalog = load_catalog(home.catalog, "Europe/Vienna", cache=home.catalog_cache)
    with Ledger(home.ledger) as ledger:
        used_before = used(ledger)
    late_marks.mark(home, refs[0], late_marks.refused(before))
    assert replay_late(home, refs, now=NOW) == 0
    assert catalog.version not in before["catalog_version"]
    assert charges_of(Lake(home.lake), refs).filter(leg="retail").sort("started_at").equals(before)
    with Ledger(home.ledger) as ledger:
        assert used(ledger).equals(used_before)


def test_no_file_is_rated_during_a_replay(late_call, monkeypatch):
    home, refs, _ = late_call
    seen = []

    @contextmanager
    def alone(of):
        with rating_alone(of):
            seen.append("in")
            yield
        seen.append("out")

    monkeypatch.setattr(late_events, "rating_alone", alone)
    monkeypatch.setattr(late_events, "apply", lambda *_, **__: seen.append("apply"))
    replay_late(home, refs, now=NOW)
    assert seen == ["in", "apply", "out"]


def test_lost_charges_come_again_as_they_were_before_the_replay_or_after_it(late_call):
    home, refs, right = late_call
    replay_late(home, refs, now=NOW)
    lake = Lake(home.lake)
    catalog = load_catalog(home.catalog, "Europe/Vienna", cache=home.catalog_cache)
    refs.append(arrive(home, usage_of(catalog, [call(A4, 95, 60), call(A4, 99, 60)]), "c"))
    finish(home, refs)
    for ref in refs[1:]:
        path = lake.path(CHARGE, *ref.split("/"), "rate")
        before = lake.read(CHARGE, [path])
        path.unlink()
        finish(home, [ref])
        assert lake.read(CHARGE, [path]).equals(before)
    assert late_marks.marks(home) == {}
    assert right[1].height > 0


def test_younger_events_have_what_a_file_that_is_rolled_back_had_drawn(world):
    fresh, catalog = world
    home, alone = fresh(), fresh()
    first, second = usage_of(catalog, [call(A4, 30, 90)]), usage_of(catalog, [call(A4, 60, 200)])
    refs = [arrive(home, first, "a"), arrive(home, second, "b")]
    finish(home, refs)
    (row,) = pipeline.rows_of(home, refs[:1])
    with Ledger(home.ledger) as ledger:
        roll_back_file(home, ledger, row, NOW, who="me", why="not ours")
    assert replay_late(home, [], now=NOW) == 1
    whole = arrive(alone, second, "whole")
    finish(alone, [whole])
    assert same(outcome(home, refs), outcome(alone, [whole]))
    # and when it comes again after all
    pipeline.reset(home, refs[:1], "rate")
    assert finish(home, refs[:1]) == 2
    both = arrive(alone, first, "late")
    finish(alone, [both])
    assert same(outcome(home, refs), outcome(alone, [whole, both]))
