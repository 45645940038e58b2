"""Reservations on both databases: held back, charged, given up, expired; each once."""

from datetime import datetime, timedelta

import polars as pl
import pytest
from sqlalchemy import insert

from charging.accounts import open_accounts
from charging.ledger import LedgerError
from charging.ledger_answers import ACCOUNTS
from charging.ledger_schema import ACCOUNT_STATE
from charging.reservations import (
    Funds,
    Refusal,
    available,
    expire,
    granted,
    reserve,
    settle,
    void,
)

NOW = datetime(2026, 3, 1, 12)
LATER = NOW + timedelta(minutes=10)


@pytest.fixture
def opened(ledger):
    """A1 prepaid with 100, A2 postpaid with a limit of 50, A3 postpaid without one."""
    open_accounts(ledger, ACCOUNTS.fill(pl.DataFrame({
        "account": ["A1", "A2", "A3"], "currency": ["EUR"] * 3,
        "mode": ["prepaid", "postpaid", "postpaid"],
        "opening_balance_micros": [100, 0, 0], "credit_limit_micros": [None, 50, None],
    })), NOW)
    return ledger


def funds(ledger, account="A1"):
    row = ledger.balances().filter(account=account).row(0, named=True)
    return row["balance_micros"], row["reserved_micros"]


def reserved(ledger, key="r1", amount=60, account="A1", **options):
    return reserve(ledger, key, account, "EUR", amount, LATER, NOW, **options)


@pytest.mark.parametrize(("mode", "balance", "held", "limit", "left"), [
    ("prepaid", 100, 30, None, 70), ("prepaid", -5, 0, None, -5), ("postpaid", -20, 10, 50, 20),
    ("postpaid", -20, 10, None, None), ("partner", 0, 0, None, None),
])
def test_what_can_be_reserved(mode, balance, held, limit, left):
    assert available(Funds(mode, balance, held, limit)) == left


def test_a_part_is_granted_only_where_it_is_asked_for():
    some = Funds("prepaid", 100, 60, None)
    assert granted(some, 40, partial=False) == 40
    assert granted(some, 41, partial=False) == Refusal("no_cover", 40)
    assert granted(some, 41, partial=True) == 40
    assert granted(Funds("prepaid", 0, 0, None), 1, partial=True) == Refusal("no_cover", 0)


def test_reserved_is_held_back_and_not_charged(opened):
    one = reserved(opened)
    assert (one.state, one.amount_micros, one.closed_at) == ("pending", 60, None)
    assert funds(opened) == (100, 60)
    assert reserved(opened, "r2", 41) == Refusal("no_cover", 40)
    assert reserved(opened, "r2", 41, partial=True).amount_micros == 40
    assert funds(opened) == (100, 100)


def test_postpaid_goes_to_its_limit_and_partners_without_one(opened):
    assert reserved(opened, "r1", 51, "A2") == Refusal("no_cover", 50)
    assert reserved(opened, "r1", 50, "A2").amount_micros == 50
    assert reserved(opened, "r3", 10**12, "A3").amount_micros == 10**12
    assert reserved(opened, "r4", 1, "nobody") == Refusal("unknown_account", 0)


def test_the_same_key_does_nothing_again(opened):
    assert reserved(opened) == reserved(opened)
    assert reserved(opened, amount=80, partial=True).amount_micros == 60
    assert funds(opened) == (100, 60)
    with pytest.raises(LedgerError, match="is there with 60 micros of A1 EUR, not 61 of A1 EUR"):
        reserved(opened, amount=61)
    with pytest.raises(LedgerError, match="not 60 of A2 EUR"):
        reserved(opened, account="A2")


def test_settled_charges_what_was_used_and_releases_the_rest(opened):
    reserved(opened)
    done = settle(opened, "r1", 45, LATER)
    assert (done.state, done.posted_micros, done.closed_at) == ("posted", 45, LATER)
    assert funds(opened) == (55, 0)
    assert settle(opened, "r1", 45, LATER) == done
    assert funds(opened) == (55, 0)
    with pytest.raises(LedgerError, match="posted with 45 micros charged"):
        settle(opened, "r1", 44, LATER)
    with pytest.raises(LedgerError, match="closed once"):
        void(opened, "r1", LATER)


def test_no_more_is_charged_than_was_reserved(opened):
    reserved(opened)
    for wrong in (61, -1):
        with pytest.raises(LedgerError, match="holds 60 micros back"):
            settle(opened, "r1", wrong, LATER)
    assert funds(opened) == (100, 60)
    with pytest.raises(LedgerError, match="not known"):
        settle(opened, "r2", 1, LATER)


def test_settled_with_nothing_charges_nothing(opened):
    reserved(opened)
    assert settle(opened, "r1", 0, LATER).state == "posted"
    assert funds(opened) == (100, 0)


def test_void_gives_all_back(opened):
    reserved(opened)
    assert void(opened, "r1", LATER).state == "void"
    assert void(opened, "r1", LATER).state == "void"
    assert funds(opened) == (100, 0)
    with pytest.raises(LedgerError, match="is void"):
        settle(opened, "r1", 10, LATER)


def test_expired_holds_nothing_and_is_charged_all_the_same(opened):
    reserved(opened)
    reserved(opened, "r2", 20)
    reserved(opened, "r3", 5, "A2")
    assert expire(opened, NOW) == 0
    assert funds(opened) == (100, 80)
    assert expire(opened, LATER) == 3
    assert expire(opened, LATER) == 0
    assert (funds(opened), funds(opened, "A2")) == ((100, 0), (0, 0))
    assert settle(opened, "r1", 50, LATER).state == "posted"
    assert void(opened, "r2", LATER).state == "expired"
    assert funds(opened) == (50, 0)


def test_nothing_is_reserved_for_no_time_or_of_no_amount(opened):
    with pytest.raises(LedgerError, match="more than nothing"):
        reserve(opened, "r1", "A1", "EUR", 0, LATER, NOW)
    with pytest.raises(LedgerError, match="longer than now"):
        reserve(opened, "r1", "A1", "EUR", 1, NOW, NOW)


@pytest.mark.parametrize("state", ["suspended", "closed"])
def test_nothing_is_reserved_of_an_account_that_is_not_served(opened, state):
    with opened.writing() as connection:
        connection.execute(insert(ACCOUNT_STATE).values(
            state_number=1, account_number=1, state=state, at=NOW, who="x", why="y",
        ))
    assert reserved(opened) == Refusal(state, 100)
