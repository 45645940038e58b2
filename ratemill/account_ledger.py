"""What the ledger alone knows of an account: balance, state, money without usage, corrections."""

from datetime import datetime
from difflib import get_close_matches
from typing import Any

import msgspec
from sqlalchemy import Connection, func, select

from charging.account_state import AccountState, state_of
from charging.ledger import Ledger
from charging.ledger_schema import ACCOUNT, BALANCE, BATCH, ENTRY, RESERVATION
from ratemill.errors import RatemillError


class MoneyEntry(msgspec.Struct, frozen=True):
    """Money that moved without usage."""

    kind: str
    at: datetime
    amount_micros: int
    who: str
    why: str


class Reservation(msgspec.Struct, frozen=True):
    """Money that is held back for something that goes on."""

    key: str
    amount_micros: int
    expires_at: datetime


class Correction(msgspec.Struct, frozen=True):
    """A posting batch that changed what was charged before."""

    kind: str
    who: str
    why: str


class InOneCurrency(msgspec.Struct, frozen=True):
    """An account in one currency as the ledger has it; times are UTC."""

    account: str
    currency: str
    mode: str
    credit_limit_micros: int | None
    balance_micros: int
    reserved_micros: int
    state: AccountState
    entries: list[MoneyEntry]
    """all there ever were, in order"""
    reservations: list[Reservation]


class OnLedger(msgspec.Struct, frozen=True):
    """All that one state of the ledger says of an account."""

    currencies: list[InOneCurrency]
    corrections: dict[int, Correction]
    """by batch number"""
    last_batch: int


def on_ledger(ledger: Ledger, account: str) -> OnLedger:
    """What the ledger says of an account; RatemillError with near names where it has none such."""
    query = (
        select(ACCOUNT, BALANCE.c.amount_micros, BALANCE.c.reserved_micros)
        .join_from(ACCOUNT, BALANCE, ACCOUNT.c.account_number == BALANCE.c.account_number)
        .where(ACCOUNT.c.account == account).order_by(ACCOUNT.c.currency)
    )
    corrections = select(BATCH.c.batch_number, BATCH.c.kind, BATCH.c.who, BATCH.c.why).where(
        BATCH.c.kind != "file"
    )
    with ledger.reading() as connection:
        found = connection.execute(query).mappings().all()
        if not found:
            raise RatemillError(account, "the ledger has no account of this name",
                                _near(connection, account))
        return OnLedger(
            [_in_one_currency(connection, dict(row)) for row in found],
            {number: Correction(kind, who, why)
             for number, kind, who, why in connection.execute(corrections)},
            connection.scalar(select(func.max(BATCH.c.batch_number))) or 0,
        )


def _in_one_currency(connection: Connection, row: dict[str, Any]) -> InOneCurrency:
    number = row["account_number"]
    entries = select(
        ENTRY.c.kind, ENTRY.c.at, ENTRY.c.amount_micros, ENTRY.c.who, ENTRY.c.why
    ).where(ENTRY.c.account_number == number).order_by(ENTRY.c.entry_number)
    pending = select(
        RESERVATION.c.reservation_key, RESERVATION.c.amount_micros, RESERVATION.c.expires_at
    ).where(RESERVATION.c.account_number == number, RESERVATION.c.state == "pending")
    return InOneCurrency(
        row["account"], row["currency"], row["mode"], row["credit_limit_micros"],
        row["amount_micros"], row["reserved_micros"], state_of(connection, number),
        [MoneyEntry(*entry) for entry in connection.execute(entries)],
        [Reservation(*one) for one in
         connection.execute(pending.order_by(RESERVATION.c.expires_at))],
    )


def _near(connection: Connection, account: str) -> str:
    """Names that may be meant."""
    names = connection.scalars(select(ACCOUNT.c.account).distinct()).all()
    by_lower = {name.lower(): name for name in names}
    near = [by_lower[name] for name in get_close_matches(account.lower(), by_lower, 5, 0.5)]
    if near:
        return f"is it {', '.join(near)}?"
    return "`ratemill account list` names them" if names else "nothing was posted yet"
