"""The life cycle of accounts: active, grace, suspended, closed, by date and balance."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import polars as pl
from sqlalchemy import Connection

from charging import audit
from charging.account_state import State, add_states, states
from charging.entries import add_entries
from charging.holds import refuse_while_held
from charging.ledger import Ledger

_CHANGED: Final = {
    "account_number": pl.Int64(), "account": pl.String(), "currency": pl.String(),
    "before": pl.String(), "state": pl.String(), "valid_to": pl.Datetime("us"),
    "balance_micros": pl.Int64(), "forfeited_micros": pl.Int64(),
}


@dataclass(frozen=True, slots=True)
class Rules:
    """How long an account lives after the end of its validity."""

    grace_days: int
    """days of grace for an account with money left"""
    suspend_after_days: int
    """days of grace for an account with nothing left"""
    close_after_days: int
    """days that an account is suspended before it is closed"""


def next_state(
    state: State, valid_to: datetime | None, balance_micros: int, now: datetime, rules: Rules
) -> State:
    """The state of an account at `now`; times are naive UTC.

    It depends on how it got there only in this: closed stays closed, and without a longer validity
    suspended does not become grace again.
    """
    if state == "closed" or valid_to is None:
        return state
    if now < valid_to:
        return "active"
    grace = rules.grace_days if balance_micros > 0 else rules.suspend_after_days
    suspended = valid_to + timedelta(days=grace)
    if now >= suspended + timedelta(days=rules.close_after_days):
        return "closed"
    return "suspended" if now >= suspended or state == "suspended" else "grace"


def run(
    ledger: Ledger, rules: Rules, now: datetime, *, who: str, dry_run: bool = False
) -> pl.DataFrame:
    """Bring all accounts to the state they have at `now`; the accounts that change.

    account_number, account, currency, before, state, valid_to, balance_micros, forfeited_micros.
    What is left on an account that is closed is forfeited, by an entry of kind expiry; one with
    money held back by a reservation is closed when that has ended. LedgerError on hold.
    """
    if dry_run:
        with ledger.reading() as connection:
            return _changes(connection, rules, now)
    with ledger.writing() as connection:
        refuse_while_held(ledger, connection)
        changed = _changes(connection, rules, now)
        if changed.height:
            _write(ledger, connection, changed, now, who)
    return changed


def _changes(connection: Connection, rules: Rules, now: datetime) -> pl.DataFrame:
    rows = []
    for number, account, currency, before, valid_to, balance, reserved in states(
        connection
    ).iter_rows():
        state = next_state(before, valid_to, balance, now, rules)
        if state == "closed" and reserved:
            state = "suspended"
        if state != before:
            forfeited = max(balance, 0) if state == "closed" else 0
            rows.append((number, account, currency, before, state, valid_to, balance, forfeited))
    return pl.DataFrame(rows, schema=_CHANGED, orient="row")


def _write(
    ledger: Ledger, connection: Connection, changed: pl.DataFrame, now: datetime, who: str
) -> None:
    why = pl.format("{} after {}, valid until {}", "state", "before",
                    pl.col("valid_to").dt.strftime("%Y-%m-%d %H:%M"))
    add_states(ledger, connection, changed.with_columns(why=why), now, who=who)
    add_entries(ledger, connection, changed.filter(pl.col("forfeited_micros") > 0).select(
        pl.format("expiry:{}:{}", "currency", "account").alias("entry_key"),
        "account_number",
        pl.lit("expiry").alias("kind"),
        -pl.col("forfeited_micros").alias("amount_micros"),
        pl.lit(None, pl.String).alias("subject"),
        pl.lit("left when the account was closed").alias("why"),
    ), now, who=who)
    named = [
        (f"{row['account']} {row['currency']}", row) for row in changed.iter_rows(named=True)
    ]
    audit.record(
        connection, now, who=who, action="life_cycle", subject=f"{changed.height} accounts",
        why="the end of their validity",
        before={name: {"state": r["before"], "balance_micros": r["balance_micros"]}
                for name, r in named},
        after={name: {"state": r["state"],
                      "balance_micros": r["balance_micros"] - r["forfeited_micros"]}
               for name, r in named},
    )
