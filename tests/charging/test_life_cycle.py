"""Accounts live by date and balance: active, grace, suspended, closed, and only closed for good."""

import json
from datetime import datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, update

from charging.account_money import Order
from charging.account_state import states
from charging.accounts import open_accounts
from charging.holds import hold
from charging.ledger import LedgerError
from charging.ledger_answers import ACCOUNTS
from charging.ledger_schema import ACCOUNT_STATE, AUDIT, BALANCE, ENTRY
from charging.life_cycle import Rules, next_state, run
from charging.top_ups import adjust, top_up

NOW = datetime(2026, 3, 1)
DAY = timedelta(days=1)
RULES = Rules(grace_days=30, suspend_after_days=5, close_after_days=60)
ORDER = ("active", "grace", "suspended", "closed")


@pytest.mark.parametrize(
    ("days", "balance", "state"),
    [
        (-1, 0, "active"), (0, 1, "grace"), (29, 1, "grace"), (30, 1, "suspended"),
        (89, 1, "suspended"), (90, 1, "closed"), (4, 0, "grace"), (5, 0, "suspended"),
        (5, -1, "suspended"), (64, 0, "suspended"), (65, 0, "closed"),
    ],
)
def test_states_by_days_after_the_end(days, balance, state):
    assert next_state("active", NOW, balance, NOW + days * DAY, RULES) == state
    just_before = NOW + days * DAY - timedelta(microseconds=1)
    assert ORDER.index(next_state("active", NOW, balance, just_before, RULES)) <= ORDER.index(state)


def test_without_an_end_nothing_changes():
    for state in ORDER:
        assert next_state(state, None, 0, NOW, RULES) == state


def test_suspended_is_no_grace_again_but_by_a_longer_validity():
    assert next_state("suspended", NOW, 1, NOW + 9 * DAY, RULES) == "suspended"
    assert next_state("suspended", NOW + 10 * DAY, 1, NOW + 9 * DAY, RULES) == "active"
    assert next_state("closed", NOW + 10 * DAY, 1, NOW + 9 * DAY, RULES) == "closed"


@given(st.lists(st.tuples(st.integers(0, 200), st.integers(-5, 5)), max_size=6),
       st.builds(Rules, *[st.integers(0, 60)] * 3))
def test_time_leads_one_way(steps, rules):
    state, now = "active", NOW
    for days, balance in steps:
        now += days * DAY
        after = next_state(state, NOW + DAY, balance, now, rules)
        assert ORDER.index(after) >= ORDER.index(state)
        assert next_state(after, NOW + DAY, balance, now, rules) == after
        state = after


@pytest.fixture
def opened(ledger):
    """A1 and A2 are valid for ten days, with 5 and 0 left; A3 has no end."""
    open_accounts(ledger, ACCOUNTS.fill(pl.DataFrame({
        "account": ["A1", "A2", "A3"], "currency": ["EUR"] * 3, "mode": ["prepaid"] * 3,
        "opening_balance_micros": [0, 0, 0],
    })), NOW)
    for account in ("A1", "A2"):
        top_up(ledger, Order(account, "EUR", 5, account, "shop", "cash"), NOW, NOW + 10 * DAY)
    adjust(ledger, Order("A2", "EUR", -5, "A2", "ops", "used"), NOW)
    return ledger


def after(ledger, days, **more):
    changed = run(ledger, RULES, NOW + days * DAY, who="timer", **more)
    return changed.select("account", "before", "state", "forfeited_micros").rows()


def test_a_life(opened):
    assert after(opened, 9) == []
    assert after(opened, 10) == [("A1", "active", "grace", 0), ("A2", "active", "grace", 0)]
    assert after(opened, 10) == []
    assert after(opened, 16, dry_run=True) == [("A2", "grace", "suspended", 0)]
    assert after(opened, 16) == [("A2", "grace", "suspended", 0)]
    later = NOW + 100 * DAY
    top_up(opened, Order("A2", "EUR", 5, "again", "shop", "cash"), NOW + 17 * DAY, later)
    assert after(opened, 99) == [("A1", "grace", "suspended", 0)]
    assert after(opened, 100) == [("A1", "suspended", "closed", 5), ("A2", "active", "grace", 0)]
    assert after(opened, 400) == [("A2", "grace", "closed", 5)]
    assert after(opened, 9999) == []
    balances = dict(opened.balances().select("account", "balance_micros").iter_rows())
    assert balances == {"A1": 0, "A2": 0, "A3": 0}
    with opened.reading() as connection:
        entries = connection.execute(
            select(ENTRY.c.entry_key, ENTRY.c.amount_micros, ENTRY.c.who, ENTRY.c.why)
            .where(ENTRY.c.kind == "expiry").order_by(ENTRY.c.entry_number)
        ).all()
        rows = connection.execute(select(ACCOUNT_STATE)).all()
    assert entries == [
        ("expiry:EUR:A1", -5, "timer", "left when the account was closed"),
        ("expiry:EUR:A2", -5, "timer", "left when the account was closed"),
    ]
    assert [row.state_number for row in rows] == list(range(1, len(rows) + 1))


def test_the_trail_names_every_account(opened):
    after(opened, 10)
    with opened.reading() as connection:
        row = connection.execute(select(AUDIT).where(AUDIT.c.action == "life_cycle")).one()
    assert row.who == "timer"
    assert json.loads(row.before) == {
        "A1 EUR": {"state": "active", "balance_micros": 5},
        "A2 EUR": {"state": "active", "balance_micros": 0},
    }
    assert json.loads(row.after)["A1 EUR"] == {"state": "grace", "balance_micros": 5}


def test_a_debt_stays_when_an_account_is_closed(opened):
    adjust(opened, Order("A1", "EUR", -9, "debt", "ops", "fees"), NOW)
    assert after(opened, 100) == [("A1", "active", "closed", 0), ("A2", "active", "closed", 0)]
    assert opened.balances().filter(account="A1")["balance_micros"].item() == -4


def test_money_held_back_keeps_an_account_open(opened):
    with opened.writing() as connection:
        connection.execute(
            update(BALANCE).where(BALANCE.c.account_number == 1).values(reserved_micros=1)
        )
    assert after(opened, 100)[0] == ("A1", "active", "suspended", 0)
    assert after(opened, 101) == []
    with opened.writing() as connection:
        connection.execute(update(BALANCE).values(reserved_micros=0))
    assert after(opened, 102) == [("A1", "suspended", "closed", 5)]


def test_nothing_happens_on_hold(opened):
    hold(opened, NOW, who="check", why="a sum is wrong")
    with pytest.raises(LedgerError, match="on hold"):
        after(opened, 100)
    assert len(after(opened, 100, dry_run=True)) == 2


def test_states_are_told_with_balances(opened):
    with opened.reading() as connection:
        found = states(connection)
    assert found.select("account", "state", "valid_to", "amount_micros").rows() == [
        ("A1", "active", NOW + 10 * DAY, 5), ("A2", "active", NOW + 10 * DAY, 0),
    ]
