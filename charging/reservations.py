"""Reservations: money held back while usage goes on, then charged, given up, or expired."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

import polars as pl
from sqlalchemy import Connection, func, insert, select, update

from charging import audit
from charging.entries import add_entries
from charging.ledger import Ledger, frame
from charging.ledger_error import LedgerError
from charging.ledger_schema import ACCOUNT, ACCOUNT_STATE, BALANCE, RESERVATION

ONLINE: Final = "online"
"""Author of what a running session brings about"""
Reason = Literal["unknown_account", "suspended", "closed", "no_cover"]
State = Literal["pending", "posted", "void", "expired"]
_BARRED: Final[tuple[Reason, ...]] = ("suspended", "closed")
"""States of an account in which nothing is reserved"""


@dataclass(frozen=True, slots=True)
class Reservation:
    """One reservation as the ledger has it."""

    key: str
    account: str
    currency: str
    state: State
    amount_micros: int
    """held back while pending"""
    posted_micros: int
    """charged in the end"""
    expires_at: datetime
    closed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why nothing was reserved."""

    reason: Reason
    available_micros: int
    """what could have been reserved; less than zero where more is owed than the limit"""


@dataclass(frozen=True, slots=True)
class Funds:
    """What decides how much of an account can be reserved."""

    mode: str
    balance_micros: int
    reserved_micros: int
    credit_limit_micros: int | None


@dataclass(frozen=True, slots=True)
class Closing:
    """What closing a reservation changes."""

    state: State
    posted_micros: int
    released_micros: int
    """no longer held back"""


def available(funds: Funds) -> int | None:
    """What can be reserved of an account; None: no limit."""
    if funds.mode == "prepaid":
        return funds.balance_micros - funds.reserved_micros
    if funds.mode == "postpaid" and funds.credit_limit_micros is not None:
        return funds.credit_limit_micros + funds.balance_micros - funds.reserved_micros
    return None


def granted(funds: Funds, wanted_micros: int, *, partial: bool) -> int | Refusal:
    """What of a wanted amount is reserved: all, what is left where `partial`, or nothing."""
    left = available(funds)
    if left is None or wanted_micros <= left:
        return wanted_micros
    return left if partial and left > 0 else Refusal("no_cover", left)


def closing(
    before: Reservation, state: Literal["posted", "void"], charged_micros: int = 0
) -> Closing | None:
    """How a reservation is closed; None where it is closed so already.

    What expired is charged all the same, as it was used. LedgerError where it ended otherwise, or
    more is charged than was held back.
    """
    where = f"reservation {before.key}"
    if not 0 <= charged_micros <= before.amount_micros:
        raise LedgerError(where, f"holds {before.amount_micros} micros back, not {charged_micros}",
                          "charge at most what was reserved, and reserve the rest first")
    if before.state == "pending":
        return Closing(state, charged_micros, before.amount_micros)
    if before.state == "expired":
        return Closing("posted", charged_micros, 0) if state == "posted" else None
    if (before.state, before.posted_micros) != (state, charged_micros):
        raise LedgerError(where, f"is {before.state} with {before.posted_micros} micros charged",
                          "a reservation is closed once")
    return None


def reserve(
    ledger: Ledger, key: str, account: str, currency: str, amount_micros: int,
    expires_at: datetime, now: datetime, *, partial: bool = False,
) -> Reservation | Refusal:
    """What is held back of an account from now on, or why nothing is.

    The same key gives the same reservation, whose expiry stays as it was first; LedgerError where
    it is for another account or amount. What was refused may be asked for again under its key.
    """
    where = f"{ledger.where}: reservation {key}"
    if amount_micros <= 0 or expires_at <= now:
        raise LedgerError(where, f"is of {amount_micros} micros until {expires_at}",
                          "reserve more than nothing, for longer than now")
    with ledger.writing(where) as connection:
        known = _known(connection, key)
        if known:
            _refuse_other(where, known, (account, currency, amount_micros), partial=partial)
            return known
        found = _funds(connection, account, currency)
        if found is None:
            return Refusal("unknown_account", 0)
        number, barred, funds = found
        if barred:
            return Refusal(barred, available(funds) or 0)
        amount = granted(funds, amount_micros, partial=partial)
        if isinstance(amount, Refusal):
            return amount
        connection.execute(insert(RESERVATION).values(
            reservation_key=key, account_number=number, state="pending", amount_micros=amount,
            posted_micros=0, made_at=now, expires_at=expires_at,
        ))
        _hold(connection, number, amount)
        return Reservation(key, account, currency, "pending", amount, 0, expires_at, None)


def settle(
    ledger: Ledger, key: str, charged_micros: int, now: datetime, *, who: str = ONLINE,
    why: str = "",
) -> Reservation:
    """The reservation charged with what was used, the rest no longer held back."""
    return _close(ledger, key, ("posted", charged_micros), now, who, why)


def void(
    ledger: Ledger, key: str, now: datetime, *, who: str = ONLINE, why: str = ""
) -> Reservation:
    """The reservation given up: nothing is charged. One that expired stays so."""
    return _close(ledger, key, ("void", 0), now, who, why)


def expire(ledger: Ledger, now: datetime, *, who: str = ONLINE) -> int:
    """The number of pending reservations that are past their time, and hold nothing from now on."""
    due = (RESERVATION.c.state == "pending") & (RESERVATION.c.expires_at <= now)
    with ledger.writing() as connection:
        held = func.sum(RESERVATION.c.amount_micros)
        by_account = frame(connection, select(
            RESERVATION.c.account_number, (-held).label("reserved_micros")
        ).where(due).group_by(RESERVATION.c.account_number))
        if by_account.is_empty():
            return 0
        released = by_account.with_columns(pl.col("reserved_micros").cast(pl.Int64))
        ledger.dialect.add_to(connection, BALANCE, released, "account_number")
        count = connection.execute(
            update(RESERVATION).where(due).values(state="expired", closed_at=now)
        ).rowcount
        audit.record(
            connection, now, who=who, action="expire", subject="reservations", why="",
            after={"reservations": count, "released_micros": -released["reserved_micros"].sum()},
        )
    return count


def _close(
    ledger: Ledger, key: str, end: tuple[Literal["posted", "void"], int], now: datetime,
    who: str, why: str,
) -> Reservation:
    where = f"{ledger.where}: reservation {key}"
    with ledger.writing(where) as connection:
        before = _known(connection, key)
        if before is None:
            raise LedgerError(where, "is not known", "reserve first")
        change = closing(before, *end)
        if change is None:
            return before
        of = select(RESERVATION.c.account_number).where(_is(key))
        number: int = connection.execute(of).scalar_one()
        connection.execute(update(RESERVATION).where(_is(key)).values(
            state=change.state, posted_micros=change.posted_micros, closed_at=now
        ))
        _hold(connection, number, -change.released_micros)
        if change.posted_micros:
            entry = pl.DataFrame([{
                "entry_key": f"reservation:{key}", "account_number": number,
                "kind": "reservation", "amount_micros": -change.posted_micros, "subject": key,
                "why": why,
            }])
            add_entries(ledger, connection, entry, now, who=who)
        audit.record(
            connection, now, who=who, action=end[0].replace("posted", "settle"),
            subject=f"reservation {key}", why=why, before={"state": before.state},
            after={"state": change.state, "posted_micros": change.posted_micros},
        )
        return _existing(connection, key)


def _is(key: str) -> Any:  # noqa: ANN401
    return RESERVATION.c.reservation_key == key


def _known(connection: Connection, key: str) -> Reservation | None:
    """The reservation of a key, where there is one."""
    query = (
        select(
            RESERVATION.c.reservation_key.label("key"), ACCOUNT.c.account, ACCOUNT.c.currency,
            RESERVATION.c.state, RESERVATION.c.amount_micros, RESERVATION.c.posted_micros,
            RESERVATION.c.expires_at, RESERVATION.c.closed_at,
        )
        .join_from(RESERVATION, ACCOUNT, ACCOUNT.c.account_number == RESERVATION.c.account_number)
        .where(_is(key))
    )
    row = connection.execute(query).mappings().one_or_none()
    return _reservation(row) if row else None


def _existing(connection: Connection, key: str) -> Reservation:
    found = _known(connection, key)
    assert found is not None
    return found


def _reservation(row: Mapping[Any, Any]) -> Reservation:
    return Reservation(**dict(row))


def _refuse_other(
    where: str, known: Reservation, asked: tuple[str, str, int], *, partial: bool
) -> None:
    """Refuse a reservation that is there under the same key for something else."""
    account, currency, amount = asked
    fits = known.amount_micros == amount or (partial and known.amount_micros < amount)
    if (known.account, known.currency) != (account, currency) or not fits:
        raise LedgerError(
            where, f"is there with {known.amount_micros} micros of {known.account} "
            f"{known.currency}, not {amount} of {account} {currency}",
            "a key is for one reservation: use a new one",
        )


def _funds(
    connection: Connection, account: str, currency: str
) -> tuple[int, Reason | None, Funds] | None:
    """Number of an account, why nothing of it is reserved at all, and its funds."""
    query = (
        select(ACCOUNT, BALANCE.c.amount_micros, BALANCE.c.reserved_micros)
        .join_from(ACCOUNT, BALANCE, ACCOUNT.c.account_number == BALANCE.c.account_number)
        .where(ACCOUNT.c.account == account, ACCOUNT.c.currency == currency)
    )
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    state = connection.scalar(
        select(ACCOUNT_STATE.c.state)
        .where(ACCOUNT_STATE.c.account_number == row.account_number)
        .order_by(ACCOUNT_STATE.c.state_number.desc()).limit(1)
    )
    barred = next((reason for reason in _BARRED if reason == state), None)
    return row.account_number, barred, Funds(
        row.mode, row.amount_micros, row.reserved_micros, row.credit_limit_micros
    )


def _hold(connection: Connection, account_number: int, by_micros: int) -> None:
    """Hold more of an account back, or less."""
    connection.execute(
        update(BALANCE).where(BALANCE.c.account_number == account_number)
        .values(reserved_micros=BALANCE.c.reserved_micros + by_micros)
    )
