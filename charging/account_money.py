"""One movement of money on one account, asked for by a person or a voucher."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import polars as pl
from sqlalchemy import Connection, select

from charging import audit
from charging.account_state import AccountState, State, add_states, state_of
from charging.entries import GIVEN, add_entries
from charging.ledger import Ledger
from charging.ledger_error import LedgerError
from charging.ledger_schema import ACCOUNT, BALANCE

_INT64: Final = range(-(2**63), 2**63)


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked for."""

    account: str
    currency: str
    amount_micros: int
    """money in is positive"""
    key: str
    """makes a repetition harmless: one key, one movement"""
    who: str
    why: str


@dataclass(frozen=True, slots=True)
class Wallet:
    """An account in one currency as it is now."""

    number: int
    mode: str
    balance_micros: int
    status: AccountState


@dataclass(frozen=True, slots=True)
class Moved:
    """What a movement did; where it is repeated, nothing, and the balance is that of now."""

    account: str
    currency: str
    kind: str
    amount_micros: int
    before_micros: int
    after_micros: int
    state: State
    valid_to: datetime | None
    repeated: bool


def wallet(where: str, connection: Connection, account: str, currency: str) -> Wallet:
    """The account; LedgerError where the ledger does not know it."""
    query = (
        select(ACCOUNT.c.account_number, ACCOUNT.c.mode, BALANCE.c.amount_micros)
        .join_from(ACCOUNT, BALANCE, ACCOUNT.c.account_number == BALANCE.c.account_number)
        .where(ACCOUNT.c.account == account, ACCOUNT.c.currency == currency)
    )
    found = connection.execute(query).first()
    if not found:
        others = currencies(connection, account)
        raise LedgerError(
            where, f"account {account} is not known in {currency}",
            f"it has {', '.join(others)}" if others else
            "add it to accounts.csv; `ratemill run` opens it",
        )
    return Wallet(
        found.account_number, found.mode, found.amount_micros,
        state_of(connection, found.account_number),
    )


def currencies(connection: Connection, account: str) -> list[str]:
    """The currencies that an account has balances in."""
    query = select(ACCOUNT.c.currency).where(ACCOUNT.c.account == account)
    return list(connection.scalars(query.order_by(ACCOUNT.c.currency)))


def move(
    ledger: Ledger, connection: Connection, kind: str, order: Order, now: datetime,
    valid_to: datetime | None = None,
) -> Moved:
    """Enter the money under the key KIND:KEY, within a writing transaction.

    `valid_to` (naive UTC) makes the account active until then, and never shortens what it had.
    """
    _refuse_unusable(ledger.where, order)
    found = wallet(ledger.where, connection, order.account, order.currency)
    entry = {
        "entry_key": f"{kind}:{order.key}", "account_number": found.number, "kind": kind,
        "amount_micros": order.amount_micros, "subject": None, "why": order.why,
    }
    new = add_entries(
        ledger, connection, pl.DataFrame([entry], schema=GIVEN), now, who=order.who
    )
    status, after_micros = found.status, found.balance_micros
    if new.height:
        status = extended(found.status, valid_to, now)
        after_micros += order.amount_micros
        if status != found.status:
            add_states(ledger, connection, pl.DataFrame(
                [(found.number, status.state, status.valid_to, order.why)],
                schema={"account_number": pl.Int64(), "state": pl.String(),
                        "valid_to": pl.Datetime("us"), "why": pl.String()}, orient="row",
            ), now, who=order.who)
        audit.record(
            connection, now, who=order.who, action=kind, why=order.why,
            subject=f"{order.account} {order.currency}",
            before=_told(found.balance_micros, found.status),
            after=_told(after_micros, status) | {"entry_key": entry["entry_key"]},
        )
    return Moved(
        order.account, order.currency, kind, order.amount_micros, found.balance_micros,
        after_micros, status.state, status.valid_to, repeated=not new.height,
    )


def extended(status: AccountState, valid_to: datetime | None, now: datetime) -> AccountState:
    """The state of an account whose validity is extended to `valid_to`, if any; closed stays."""
    if valid_to is None or status.state == "closed":
        return status
    latest = max(valid_to, status.valid_to or valid_to)
    return AccountState("active", latest) if latest > now else status


def _told(balance_micros: int, status: AccountState) -> dict[str, object]:
    return {"balance_micros": balance_micros, "state": status.state, "valid_to": status.valid_to}


def _refuse_unusable(where: str, order: Order) -> None:
    """Refuse an order that lacks what the trail needs, or that no balance can take."""
    lacking = [name for name in ("key", "who", "why") if not getattr(order, name).strip()]
    if lacking:
        raise LedgerError(where, f"an order for account {order.account} has no {lacking[0]}",
                          "say it: the audit trail keeps it for good")
    if order.amount_micros not in _INT64:
        raise LedgerError(where, f"{order.amount_micros} micros do not fit 64 bits",
                          "look for a wrong unit")
