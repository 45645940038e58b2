"""Top-ups and adjustments: once for each key, never on what is not there, always on the trail."""

import json
from dataclasses import replace
from datetime import datetime, timedelta

import polars as pl
import pytest
from sqlalchemy import select

from charging.account_money import Order
from charging.account_state import add_states, state_of
from charging.accounts import open_accounts
from charging.ledger import LedgerError
from charging.ledger_answers import ACCOUNTS
from charging.ledger_schema import AUDIT, ENTRY
from charging.top_ups import adjust, top_up

NOW = datetime(2026, 3, 1, 12)
ORDER = Order("A1", "EUR", 10_000_000, "K1", "shop", "cash")


@pytest.fixture
def opened(ledger):
    open_accounts(ledger, ACCOUNTS.fill(pl.DataFrame({
        "account": ["A1", "A2", "A2"], "currency": ["EUR", "EUR", "USD"],
        "mode": ["prepaid", "postpaid", "postpaid"], "opening_balance_micros": [5, 0, 0],
    })), NOW)
    return ledger


def balance(ledger, account="A1", currency="EUR"):
    found = ledger.balances().filter(account=account, currency=currency)
    return found["balance_micros"].item()


def trail(ledger):
    query = select(AUDIT).order_by(AUDIT.c.audit_number)
    with ledger.reading() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]


def test_a_top_up_is_entered_and_told(opened):
    moved = top_up(opened, ORDER, NOW)
    assert (moved.before_micros, moved.after_micros, moved.repeated) == (5, 10_000_005, False)
    assert (moved.state, moved.valid_to) == ("active", None)
    assert balance(opened) == 10_000_005
    (row,) = trail(opened)
    assert (row["who"], row["why"], row["action"], row["subject"], row["at"]) == (
        "shop", "cash", "top_up", "A1 EUR", NOW)
    assert json.loads(row["before"])["balance_micros"] == 5
    assert json.loads(row["after"])["balance_micros"] == 10_000_005
    assert json.loads(row["after"])["entry_key"] == "top_up:K1"


def test_a_key_is_used_once(opened):
    top_up(opened, ORDER, NOW)
    again = top_up(opened, replace(ORDER, why="told twice"), NOW, NOW + timedelta(days=90))
    assert (again.repeated, again.before_micros, again.after_micros) == (
        True, 10_000_005, 10_000_005)
    for other in ({"amount_micros": 1}, {"account": "A2"}, {"account": "A2", "currency": "USD"}):
        with pytest.raises(LedgerError, match="entry top_up:K1 is there"):
            top_up(opened, replace(ORDER, **other), NOW)
    assert balance(opened) == 10_000_005
    assert len(trail(opened)) == 1
    assert adjust(opened, ORDER, NOW).repeated is False


@pytest.mark.parametrize("amount", [0, -1])
def test_a_top_up_is_positive(opened, amount):
    with pytest.raises(LedgerError, match="more than 0"):
        top_up(opened, replace(ORDER, amount_micros=amount), NOW)
    assert not trail(opened)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"account": "A9"}, "account A9 is not known in EUR; add it to accounts.csv"),
        ({"account": "A2", "currency": "CHF"}, "not known in CHF; it has EUR, USD"),
        ({"key": " "}, "has no key"),
        ({"who": ""}, "has no who"),
        ({"why": ""}, "has no why"),
        ({"amount_micros": 2**63}, "do not fit 64 bits"),
    ],
)
@pytest.mark.parametrize("move", [top_up, adjust])
def test_what_cannot_be_entered(opened, move, change, words):
    with pytest.raises(LedgerError, match=words):
        move(opened, replace(ORDER, **change), NOW)
    assert not trail(opened)


@pytest.mark.parametrize("move", [top_up, adjust])
def test_a_balance_that_would_not_fit(opened, move):
    with pytest.raises(LedgerError, match="64 bits"):
        move(opened, replace(ORDER, amount_micros=2**63 - 1), NOW)
    assert balance(opened) == 5
    assert not trail(opened)
    with opened.reading() as connection:
        assert len(connection.execute(select(ENTRY)).all()) == 3


def test_adjustments_go_both_ways(opened):
    assert adjust(opened, replace(ORDER, amount_micros=-7), NOW).after_micros == -2
    assert adjust(opened, replace(ORDER, amount_micros=3, key="K2"), NOW).after_micros == 1
    assert balance(opened) == 1
    assert [row["action"] for row in trail(opened)] == ["adjustment"] * 2
    with pytest.raises(LedgerError, match="changes nothing"):
        adjust(opened, replace(ORDER, amount_micros=0, key="K3"), NOW)


def test_a_top_up_extends_and_never_shortens(opened):
    long, short = NOW + timedelta(days=90), NOW + timedelta(days=30)
    assert top_up(opened, ORDER, NOW, long).valid_to == long
    assert top_up(opened, replace(ORDER, key="K2"), NOW, short).valid_to == long
    assert top_up(opened, replace(ORDER, key="K3"), NOW).valid_to == long
    past = NOW - timedelta(days=1)
    assert top_up(opened, replace(ORDER, account="A2", key="K4"), NOW, past).valid_to is None


def set_state(ledger, state, account_number=1):
    with ledger.writing() as connection:
        add_states(ledger, connection, pl.DataFrame({
            "account_number": [account_number], "state": [state], "valid_to": [NOW], "why": ["t"],
        }), NOW, who="test")


@pytest.mark.parametrize("state", ["grace", "suspended"])
def test_a_top_up_reactivates(opened, state):
    set_state(opened, state)
    assert top_up(opened, ORDER, NOW).state == state
    later = NOW + timedelta(days=1)
    moved = top_up(opened, replace(ORDER, key="K2"), NOW, later)
    assert (moved.state, moved.valid_to) == ("active", later)
    with opened.reading() as connection:
        assert state_of(connection, 1).state == "active"
    assert json.loads(trail(opened)[-1]["before"])["state"] == state


def test_closed_stays_closed(opened):
    top_up(opened, ORDER, NOW)
    set_state(opened, "closed")
    assert top_up(opened, ORDER, NOW).repeated
    with pytest.raises(LedgerError, match="account A1 is closed"):
        top_up(opened, replace(ORDER, key="K2"), NOW, NOW + timedelta(days=9))
    assert adjust(opened, replace(ORDER, amount_micros=-1), NOW).state == "closed"
    with opened.reading() as connection:
        assert state_of(connection, 1).state == "closed"
    assert balance(opened) == 10_000_004
