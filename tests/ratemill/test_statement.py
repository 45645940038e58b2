"""The statement of an account: it adds up to the ledger, and says so where it does not."""

import json
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from charging.account_money import Order
from charging.ledger import Ledger
from charging.schema import POSTING
from charging.top_ups import adjust, top_up
from ratemill import pipeline
from ratemill.account_moves import Period
from ratemill.allowances_left import allowances_left
from ratemill.columns import columns
from ratemill.errors import RatemillError
from ratemill.home import Home
from ratemill.lake import Lake
from ratemill.quantities import quantity_text
from ratemill.refs import split
from ratemill.rollback import find_file, roll_back_file
from ratemill.statement import statements
from rating.catalog import load_catalog

sys.path.insert(0, str(Path(__file__).parent))

from corrected_home import A1, A2, NOW, posted
from mediated_files import Event, usage_of, write_mediated

DECEMBER = Period(datetime.fromisoformat("2026-11-30T23:00"),
                  datetime.fromisoformat("2026-12-31T23:00"))
LATER = NOW + timedelta(days=40)


def catalog_of(home):
    return load_catalog(home.catalog, home.settings.zone, cache=home.catalog_cache)


def file_of(home, name, *events):
    """A mediated file of events (IMSI, time, seconds)."""
    keys = (f"{name}{n}".encode().hex().rjust(32, "0") for n in range(9))
    return write_mediated(home, name, usage_of(catalog_of(home), [
        Event(imsi, at, seconds, next(keys)) for imsi, at, seconds in events
    ]))


def one(home, account, period=DECEMBER, now=NOW, lines=10):
    (statement,) = statements(home, account, period, now, lines)
    return statement


def by_kind(statement):
    return {movement.kind: movement.amount_micros for movement in statement.movements}


@pytest.fixture
def used(small, ledger_url, monkeypatch, begun):
    """A home, its ledger on either database, where A1 called twice, and had to go below zero."""
    monkeypatch.setenv("RATEMILL_LEDGER", ledger_url)
    small = Home(small.root, ledger_url)

    def made():
        posted(small, [file_of(small, "a", (A1, "2026-11-02T10:00:00", 60),
                               (A1, "2026-11-04T00:30:00", 7_200))])

    begun(small, "statement", made)
    return small


def test_it_tells_who_it_is_and_adds_up(used):
    found = one(used, "A1")
    holder = found.holder
    assert (holder.mode, holder.status, holder.zone) == ("prepaid", "active", "Europe/Vienna")
    assert (holder.products, holder.sims) == (["flex"], [("43699000001", A1)])
    kinds = by_kind(found)
    assert list(kinds) == ["opening", "usage", "overdraft"]
    assert kinds["opening"] == 10_000_000
    assert kinds["overdraft"] == found.closing_micros < 0
    assert found.opening_micros == 0
    assert found.proved
    (line,) = found.services
    assert (line.service, line.direction, line.partner, line.events) == ("voice", "mo", "p", 2)
    assert line.used_units == 7_260
    assert line.beyond_micros == kinds["overdraft"]
    # half past midnight, local to the account: the day before in UTC
    assert [f"{day.day}" for day in found.days] == ["2026-11-02", "2026-11-04"]
    assert [line.record for line in found.usage] == ["a:1", "a:0"]
    assert found.usage[0].beyond_micros == kinds["overdraft"]
    assert sum(line.amount_micros for line in found.usage) == line.amount_micros


def test_money_without_usage_is_told_by_whom_and_why(used):
    with Ledger(used.ledger) as ledger:
        top_up(ledger, Order("A1", "EUR", 20_000_000, "t1", "shop 7", "top-up in the shop"), NOW)
        adjust(ledger, Order("A1", "EUR", -1_500_000, "g1", "ann", "second SIM card"), LATER)
    december = one(used, "A1")
    all_of_it = one(used, "A1", Period(DECEMBER.begin, LATER + timedelta(days=1)))
    assert by_kind(december)["top_up"] == 20_000_000
    assert "adjustment" not in by_kind(december)
    assert december.after_micros == -1_500_000
    assert december.closing_micros - 1_500_000 == december.balance_micros
    assert by_kind(all_of_it)["adjustment"] == -1_500_000
    assert [(e.who, e.why) for e in all_of_it.entries][1:] == [
        ("shop 7", "top-up in the shop"), ("ann", "second SIM card")]
    assert december.proved
    assert all_of_it.proved
    after = one(used, "A1", Period(DECEMBER.finish, LATER + timedelta(days=1)))
    assert after.opening_micros == december.closing_micros
    assert after.proved


def test_corrections_carry_their_reason(used):
    with Ledger(used.ledger) as ledger:
        roll_back_file(used, ledger, find_file(used, "p/a"), NOW, who="ann", why="wrong tariff")
    found = one(used, "A1")
    assert found.closing_micros == 10_000_000
    assert found.proved
    (line,) = found.corrections
    assert (line.kind, line.charges, line.who, line.why) == ("rollback", 2, "ann", "wrong tariff")
    assert line.given_back_micros == by_kind(found)["refund"]
    assert line.charged_micros == 0
    assert all(usage.refunded and not usage.amount_micros for usage in found.usage)
    assert [(s.events, s.amount_micros) for s in found.services] == [(0, 0)]
    # what the first prices were is in no file any more once it was priced anew
    pipeline.reset(used, ["p/a"], "rate")
    posted(used, ["p/a"])
    again = one(used, "A1")
    assert again.proved
    assert [(s.service, s.events, s.used_units) for s in again.services] == [("voice", 2, 7_260)]
    assert [(u.record, u.revision, u.refunded) for u in again.usage] == [
        ("a:1", 1, False), ("a:0", 1, False)]
    assert by_kind(again)["refund"] > 0


def test_allowances_say_what_is_left_and_until_when(small):
    posted(small, [file_of(small, "a", (A2, "2026-11-30T10:00:00", 90))])
    moment = datetime.fromisoformat("2026-11-30T12:00")
    now, then = one(small, "A3", now=moment), one(small, "A2", now=moment)
    assert now.allowances == []
    assert now.holder.pays_for == ["A2"]
    assert then.holder.payer == "A3"
    (left,) = then.allowances
    assert (left.allowance, left.holder) == ("minutes", f"sim:{A2}")
    assert (left.granted, left.used, left.left, left.unit) == ("2", "1.5", "0.5", "min")
    # the account's month ends at its own midnight
    assert left.until == datetime.fromisoformat("2026-11-30T23:00")
    assert one(small, "A2", now=NOW).allowances[0].left == "2"
    assert [line.used_by for line in now.usage] == ["A2"]


def test_left_of_roll_over_and_of_once(small, write_catalog):
    write_catalog(small.catalog, allowances="""
        allowance,unit,quantity,period,roll_over,priority
        minutes,min,2,month,1,1
        welcome,event,3,once,0,2
        """, grants=f"""
        holder_kind,holder,allowance,valid_from,valid_to
        sim,{A2},minutes,2026-10-01,
        product,flex,minutes,2026-11-15,
        account,A2,welcome,2026-11-01,2026-12-24
        """)
    with Ledger(small.ledger) as ledger:
        found = allowances_left(catalog_of(small), ledger, "A2", NOW)
    assert [(a.allowance, a.holder, f"{a.until:%Y-%m-%d %H}") for a in found] == [
        ("welcome", "account:A2", "2026-12-23 23"),
        ("minutes", "account:A2", "2026-12-31 23"),
        ("minutes", f"sim:{A2}", "2026-12-31 23"),
        ("minutes", "account:A2", "2027-01-31 23"),
        ("minutes", f"sim:{A2}", "2027-01-31 23"),
    ]


def test_what_the_lake_lost_is_said(used, ratemill):
    lake = Lake(used.lake)
    path = lake.path(POSTING, *split("p/a"), "post")
    lake.write(POSTING, path, lake.read(POSTING, [path]).head(0))
    assert not one(used, "A1").proved
    shown = ratemill("account", "show", "A1", home=used)
    assert shown.returncode == 4
    assert "NOT PROVED: the ledger has -" in shown.stdout


def test_an_unknown_account_is_answered_with_near_names(used):
    with pytest.raises(RatemillError, match=r"no account of this name \(is it A1"):
        one(used, "a1")
    with pytest.raises(RatemillError, match="account list"):
        one(used, "nobody at all")


def test_it_reads_as_text(used, ratemill):
    shown = ratemill("account", "show", "A1", "--from", "2026-12-01", home=used).stdout
    lines = shown.splitlines()
    assert "Account A1" in lines
    assert any(line.split() == ["number", "+43699000001", "(SIM", f"{A1})"] for line in lines)
    assert "Proved: the closing balance is the balance on the ledger." in shown
    assert any("call, outgoing" in line and "2:01:00" in line for line in lines)
    assert "ratemill explain a:1" in shown
    assert not any(line != line.rstrip() for line in lines)


def test_it_reads_as_json(used, ratemill):
    (found,) = json.loads(ratemill("account", "show", "A1", "--json", home=used).stdout)
    assert found["proved"] is True
    assert found["closing_micros"] == found["balance_micros"]


@pytest.mark.parametrize(
    ("options", "words"),
    [(("--from", "soon"), "soon: is no day"),
     (("--from", "2026-12-02", "--to", "2026-12-01"), "2026-12-01 is before --from 2026-12-02")],
)
def test_days_that_cannot_be(used, ratemill, options, words):
    shown = ratemill("account", "show", "A1", *options, home=used)
    assert shown.returncode == 2
    assert words in shown.stderr


def test_columns_are_as_wide_as_their_cells():
    lines = list(columns(("what", "amount"), [("a", "-1.00"), ("longer", "10.00")], ("amount",)))
    assert lines == ["what     amount", "a         -1.00", "longer    10.00"]


@pytest.mark.parametrize(
    ("units", "unit", "text"),
    [(59, "s", "0:59"), (3_661, "s", "1:01:01"), (1_023, "bytes", "1023 B"),
     (1_536, "bytes", "1.5 kB"), (5 * 1024**3, "bytes", "5.0 GB"), (1_200, "event", "1,200"),
     (None, "s", "")],
)
def test_quantities_as_people_say_them(units, unit, text):
    assert quantity_text(units, unit) == text
