"""States of accounts: a history that is only added to; the latest row counts."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

import polars as pl
from sqlalchemy import Connection, func, select

from charging.ledger import Ledger, frame
from charging.ledger_schema import ACCOUNT, ACCOUNT_STATE, BALANCE

State = Literal["active", "grace", "suspended", "closed"]

_TYPES: Final = {
    "account": pl.String(), "currency": pl.String(), "state": pl.String(),
    "valid_to": pl.Datetime("us"),
}


@dataclass(frozen=True, slots=True)
class AccountState:
    """What an account may do, and the end of what was paid for."""

    state: State = "active"
    valid_to: datetime | None = None
    """naive UTC; None: no end"""


def state_of(connection: Connection, account_number: int) -> AccountState:
    """The state of an account; one that never had any is active without end."""
    query = (
        select(ACCOUNT_STATE.c.state, ACCOUNT_STATE.c.valid_to)
        .where(ACCOUNT_STATE.c.account_number == account_number)
        .order_by(ACCOUNT_STATE.c.state_number.desc()).limit(1)
    )
    found = connection.execute(query).first()
    return AccountState(found.state, found.valid_to) if found else AccountState()


def states(connection: Connection) -> pl.DataFrame:
    """The accounts that have a state, by number.

    account_number, account, currency, state, valid_to, amount_micros, reserved_micros.
    """
    latest = select(func.max(ACCOUNT_STATE.c.state_number)).group_by(
        ACCOUNT_STATE.c.account_number
    )
    query = (
        select(
            ACCOUNT.c.account_number, ACCOUNT.c.account, ACCOUNT.c.currency, ACCOUNT_STATE.c.state,
            ACCOUNT_STATE.c.valid_to, BALANCE.c.amount_micros, BALANCE.c.reserved_micros,
        )
        .join_from(
            ACCOUNT_STATE, ACCOUNT, ACCOUNT.c.account_number == ACCOUNT_STATE.c.account_number
        )
        .join(BALANCE, BALANCE.c.account_number == ACCOUNT.c.account_number)
        .where(ACCOUNT_STATE.c.state_number.in_(latest))
        .order_by(ACCOUNT.c.account_number)
    )
    return frame(connection, query, _TYPES)


def add_states(
    ledger: Ledger, connection: Connection, rows: pl.DataFrame, now: datetime, *, who: str
) -> None:
    """Add states (account_number, state, valid_to, why) within a writing transaction."""
    last: int = connection.scalar(select(func.max(ACCOUNT_STATE.c.state_number))) or 0
    ledger.dialect.append(connection, ACCOUNT_STATE, rows.select(
        "account_number", "state", pl.col("valid_to").cast(pl.Datetime("us")), "why",
        at=pl.lit(now, pl.Datetime("us")), who=pl.lit(who),
        state_number=pl.int_range(last + 1, last + 1 + pl.len(), dtype=pl.Int64),
    ))
