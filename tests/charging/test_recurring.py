"""Recurring charges: each period once, made right whenever the catalog changes."""

import json
from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from charging import recurring
from charging.account_state import add_states
from charging.accounts import open_accounts
from charging.holds import hold
from charging.ledger import Ledger, LedgerError
from charging.ledger_answers import ACCOUNTS
from charging.ledger_schema import AUDIT, ENTRY
from charging.recurring import charge_periods
from charging.recurring_owed import todays
from rating.catalog_read import ALWAYS, NEVER

HOME = "Europe/Vienna"
EUR = 1_000_000
ACCOUNT_COLUMNS = ["account", "timezone", "payer", "currency"]
PEOPLE = [("A1", HOME, "", "EUR"), ("A2", "Asia/Tokyo", "", "EUR"), ("A3", HOME, "A1", "USD")]
PRICE = {
    "product": "flex", "charge": "fee", "currency": "EUR", "amount": 31 * EUR, "tax": "",
    "period": "month", "due": "advance", "prorate": "yes", "valid_from": "2026-01-01",
    "valid_to": "",
}


def midnight(day, empty):
    """What a catalog has of a date: its midnight at home in UTC."""
    if not day:
        return empty
    local = datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(HOME))
    return local.astimezone(UTC).replace(tzinfo=None)


def frames(held, prices=(PRICE,), people=PEOPLE, taxes=()):
    """The tables of a catalog: subscriptions (account, imsi, product, from, to), prices."""
    time = pl.Datetime("us")
    return {
        "accounts": pl.DataFrame(people, schema=ACCOUNT_COLUMNS, orient="row"),
        "subscriptions": pl.DataFrame(
            [(*who, midnight(start, ALWAYS), midnight(end, NEVER)) for *who, start, end in held],
            schema={"account": pl.String, "imsi": pl.String, "product": pl.String,
                    "valid_from": time, "valid_to": time}, orient="row",
        ),
        "recurring": pl.DataFrame([
            {name: value for name, value in price.items() if name != "amount"} | {
                "amount_micros": price["amount"],
                "valid_from": midnight(price["valid_from"], ALWAYS),
                "valid_to": midnight(price["valid_to"], NEVER),
            } for price in prices
        ], schema_overrides={"valid_from": time, "valid_to": time}),
        "taxes": pl.DataFrame(
            [(tax, "*", ppm, midnight(start, ALWAYS), midnight(end, NEVER))
             for tax, ppm, start, end in taxes],
            schema={"tax": pl.String, "serving_zone": pl.String, "percent_ppm": pl.Int64,
                    "valid_from": time, "valid_to": time}, orient="row",
        ),
    }


@pytest.fixture
def opened(ledger):
    open_people(ledger)
    return ledger


def open_people(ledger):
    open_accounts(ledger, ACCOUNTS.fill(pl.DataFrame({
        "account": ["A1", "A2", "A3"], "currency": ["EUR", "EUR", "USD"], "mode": ["prepaid"] * 3,
        "opening_balance_micros": [0, 0, 0],
    })), datetime(2026, 1, 1))


def charged(ledger, catalog, now, **more):
    """What a run enters: subject without its first word, account that pays, amount."""
    now = datetime.fromisoformat(now)
    today = todays(catalog["accounts"]["timezone"], now)
    found = charge_periods(ledger, catalog, HOME, today, now, who="timer", **more)
    return [(subject.removeprefix("recurring:"), *rest) for subject, *rest in
            found.select("subject", "charged", "amount_micros").iter_rows()]


def balance(ledger, account="A1"):
    return ledger.balances().filter(account=account)["balance_micros"].item()


def whys(ledger):
    with ledger.reading() as connection:
        query = select(ENTRY.c.why).where(ENTRY.c.kind == "recurring")
        return connection.scalars(query.order_by(ENTRY.c.entry_number)).all()


def test_each_month_once_from_its_first_day(opened):
    catalog = frames([("A1", "", "flex", "2026-01-21", "")])
    assert charged(opened, catalog, "2026-01-20T22:59") == []
    assert charged(opened, catalog, "2026-01-20T23:00") == [("fee:A1:2026-01-01", "A1", -11 * EUR)]
    assert charged(opened, catalog, "2026-01-31T22:59") == []
    assert charged(opened, catalog, "2026-03-31T22:00") == [
        (f"fee:A1:2026-0{month}-01", "A1", -31 * EUR) for month in (2, 3, 4)]
    assert charged(opened, catalog, "2026-04-01T12:00") == []
    assert balance(opened) == -104 * EUR
    assert whys(opened)[:2] == [
        "fee 2026-01-01 to 2026-01-31, 11 of 31 days", "fee 2026-02-01 to 2026-02-28"]


def test_a_subscription_that_ends_later_gives_money_back(opened):
    start = ("A1", "", "flex", "2026-01-01", "")
    charged(opened, frames([start]), "2026-02-02T00:00")
    ended = frames([(*start[:-1], "2026-02-08")])
    assert charged(opened, ended, "2026-02-03T00:00") == [("fee:A1:2026-02-01", "A1", 23_250_000)]
    assert charged(opened, ended, "2026-03-03T00:00") == []
    assert charged(opened, frames([start]), "2026-02-03T00:00") == [
        ("fee:A1:2026-02-01", "A1", -23_250_000)]
    assert charged(opened, frames([]), "2026-02-03T00:00") == [
        ("fee:A1:2026-01-01", "A1", 31 * EUR), ("fee:A1:2026-02-01", "A1", 31 * EUR)]
    assert balance(opened) == 0
    assert whys(opened)[2:4] == ["fee 2026-02-01 to 2026-02-28, 7 of 28 days, changed",
                                 "fee 2026-02-01 to 2026-02-28, changed"]
    assert whys(opened)[-1] == "fee 2026-02-01, taken back"


def test_a_change_of_product_shares_the_month_by_days(opened):
    prices = [PRICE, PRICE | {"product": "big", "amount": 62 * EUR}]
    held = [("A1", "", "flex", "2026-01-01", "2026-01-11"), ("A1", "", "big", "2026-01-11", "")]
    charged(opened, frames([("A1", "", "flex", "2026-01-01", "")], prices), "2026-01-01T00:00")
    assert charged(opened, frames(held, prices), "2026-01-09T00:00") == [
        ("fee:A1:2026-01-01", "A1", -21 * EUR)]
    same = [PRICE, PRICE | {"product": "big"}]
    assert charged(opened, frames(held, same), "2026-01-09T00:00") == [
        ("fee:A1:2026-01-01", "A1", 21 * EUR)]


def test_charges_by_sim_and_payer(opened):
    catalog = frames([
        ("A3", "", "flex", "2026-01-01", ""), ("A3", "23299001", "flex", "2026-01-01", ""),
    ])
    assert charged(opened, catalog, "2026-01-02T00:00") == [
        ("fee:A3:2026-01-01", "A1", -31 * EUR), ("fee:A3:23299001:2026-01-01", "A1", -31 * EUR)]
    assert whys(opened)[1] == "fee 2026-01-01 to 2026-01-31, SIM 23299001"
    moved = frames([("A3", "", "flex", "2026-01-01", "2026-01-11")],
                   people=[*PEOPLE[:2], ("A3", HOME, "A2", "USD")])
    assert charged(opened, moved, "2026-02-02T00:00") == [
        ("fee:A3:2026-01-01", "A1", 21 * EUR), ("fee:A3:23299001:2026-01-01", "A1", 31 * EUR)]
    dollars = frames([("A3", "", "flex", "2026-01-01", "")], [PRICE, PRICE | {"currency": "USD"}],
                     people=[*PEOPLE[:2], ("A3", HOME, "", "USD")])
    assert charged(opened, dollars, "2026-02-02T00:00") == [("fee:A3:2026-02-01", "A3", -31 * EUR)]


def test_local_days_of_the_account(opened):
    daily = frames([("A1", "", "flex", "", "2026-03-30"), ("A2", "", "flex", "", "2026-03-30")],
                   [PRICE | {"period": "day", "amount": 1, "valid_from": "2026-03-28"}])
    assert charged(opened, daily, "2026-03-28T14:59") == [
        ("fee:A1:2026-03-28", "A1", -1), ("fee:A2:2026-03-28", "A2", -1)]
    assert charged(opened, daily, "2026-03-28T15:00") == [("fee:A2:2026-03-29", "A2", -1)]
    assert charged(opened, daily, "2026-03-28T23:00") == [("fee:A1:2026-03-29", "A1", -1)]
    assert charged(opened, daily, "2026-04-28T23:00") == []


def test_arrears_weeks_and_tax(opened):
    price = PRICE | {"period": "week", "due": "arrears", "tax": "vat", "amount": 7 * EUR}
    catalog = frames([("A1", "", "flex", "2026-01-07", "")], [price],
                     taxes=[("vat", 200_000, "", "2026-01-14"), ("vat", 100_000, "2026-01-14", "")])
    assert charged(opened, catalog, "2026-01-11T22:59") == []
    assert charged(opened, catalog, "2026-01-11T23:00") == [("fee:A1:2026-01-05", "A1", -6 * EUR)]
    assert charged(opened, catalog, "2026-01-19T00:00") == [
        ("fee:A1:2026-01-12", "A1", -(2 * 1_200_000 + 5 * 1_100_000))]


def test_what_was_charged_ahead_stays(opened):
    catalog = frames([("A1", "", "flex", "2026-01-01", "")])
    ahead = charge_periods(opened, catalog, HOME, {HOME: date(2026, 3, 1), "Asia/Tokyo":
                           date(2026, 3, 1)}, datetime(2026, 1, 1), who="timer")
    assert ahead.height == 3
    assert charged(opened, catalog, "2026-01-02T00:00") == []


def test_what_the_catalog_has_no_more_stays(opened):
    held = [("A1", "", "flex", "2026-01-01", ""), ("A2", "", "flex", "2026-01-01", "")]
    charged(opened, frames(held), "2026-01-02T00:00")
    other = PRICE | {"charge": "new:fee", "valid_from": "2026-02-01"}
    assert charged(opened, frames(held, [other]), "2026-01-03T00:00") == []
    assert charged(opened, frames(held[1:], people=PEOPLE[1:2]), "2026-01-03T00:00") == []
    assert charged(opened, frames(held, [other]), "2026-02-03T00:00") == [
        ("new%3Afee:A1:2026-02-01", "A1", -31 * EUR), ("new%3Afee:A2:2026-02-01", "A2", -31 * EUR)]
    assert charged(opened, frames(held, [other]), "2026-02-03T00:00") == []
    assert charged(opened, frames(held[1:], [other]), "2026-02-03T00:00") == [
        ("new%3Afee:A1:2026-02-01", "A1", 31 * EUR)]


def test_closed_accounts_are_left_alone(opened):
    catalog = frames([("A1", "", "flex", "2026-01-01", "")])
    charged(opened, catalog, "2026-01-02T00:00")
    with opened.writing() as connection:
        add_states(opened, connection, pl.DataFrame({
            "account_number": [1], "state": ["closed"], "valid_to": [datetime(2026, 1, 3)],
            "why": ["t"],
        }), datetime(2026, 1, 3), who="test")
    assert charged(opened, catalog, "2026-03-02T00:00") == []
    assert charged(opened, frames([]), "2026-03-02T00:00") == []


def test_dry_runs_holds_and_the_trail(opened):
    catalog = frames([("A1", "", "flex", "2026-01-01", "")])
    planned = charged(opened, catalog, "2026-02-01T12:00", dry_run=True)
    assert balance(opened) == 0
    assert charged(opened, catalog, "2026-02-01T12:00") == planned
    with opened.reading() as connection:
        (row,) = connection.execute(select(AUDIT)).all()
    assert (row.who, row.action, row.subject) == ("timer", "recurring", "2 entries")
    assert json.loads(row.after) == {
        "charged_micros": {"fee EUR": -62 * EUR}, "given_back_micros": {}}
    hold(opened, datetime(2026, 2, 2), who="check", why="a sum is wrong")
    with pytest.raises(LedgerError, match="on hold"):
        charged(opened, catalog, "2026-03-02T00:00")


def test_a_run_beside_another(opened, monkeypatch):
    catalog = frames([("A1", "", "flex", "2026-01-01", "")])
    differences = recurring._differences

    def overtaken(*arguments):
        monkeypatch.undo()
        found = differences(*arguments)
        charged(opened, catalog, "2026-01-02T00:00")
        return found

    monkeypatch.setattr(recurring, "_differences", overtaken)
    assert charged(opened, catalog, "2026-02-02T00:00") == [("fee:A1:2026-02-01", "A1", -31 * EUR)]
    assert balance(opened) == -62 * EUR


def test_whole_parts_where_nothing_is_prorated(opened):
    price = PRICE | {"prorate": "no"}
    held = ("A1", "", "flex", "2026-01-31", "2026-02-02")
    assert charged(opened, frames([held], [price]), "2026-02-01T12:00") == [
        ("fee:A1:2026-01-01", "A1", -31 * EUR), ("fee:A1:2026-02-01", "A1", -31 * EUR)]


def test_a_catalog_without_accounts(opened):
    empty = {name: table.clear() for name, table in frames([]).items()}
    assert charged(opened, empty, "2026-02-02T00:00") == []


DAYS = st.integers(0, 150).map(lambda days: date(2026, 1, 1) + timedelta(days=days))
EDITS = st.lists(st.tuples(DAYS, st.none() | DAYS, st.integers(0, 10**9), DAYS), max_size=5)


@pytest.mark.slow
@settings(max_examples=30)
@given(EDITS)
def test_whatever_is_edited_what_is_charged_is_what_is_owed(edits):
    """One subscription that begins, ends and costs otherwise each time, by counting its days."""
    with TemporaryDirectory() as folder, Ledger(f"sqlite:///{folder}/ledger.db") as ledger:
        open_people(ledger)
        touched = set()
        for first, end, price, today in edits:
            catalog = frames([("A1", "", "flex", f"{first}", f"{end or ''}")],
                             [PRICE | {"amount": price}])
            if end is not None and end <= first:
                catalog = frames([])
            charged(ledger, catalog, f"{today}T12:00")
            days = [date(2026, 1, 1) + timedelta(days=n) for n in range(365)]
            days = [d for d in days if first <= d and (end is None or d < end)]
            wanted = {}
            for month in range(1, 13):
                had = [d for d in days if d.month == month]
                due = bool(had) and had[0] <= today and price > 0
                size = monthrange(2026, month)[1]
                amount = (2 * price * len(had) + size) // (2 * size)
                if (due and amount) or month in touched:
                    touched.add(month)
                    wanted[f"recurring:fee:A1:2026-{month:02}-01"] = -amount
            assert sums(ledger) == wanted


def sums(ledger):
    query = select(ENTRY.c.subject, func.sum(ENTRY.c.amount_micros)).group_by(ENTRY.c.subject)
    with ledger.reading() as connection:
        return dict(connection.execute(query.where(ENTRY.c.kind == "recurring")).all())
