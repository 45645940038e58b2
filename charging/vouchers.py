"""Vouchers: numbers that are worth money once, made in batches.

A number is 20 symbols of Crockford's base 32: 95 random bits and a check symbol. The ledger keeps
only HMAC-SHA256 of it with its batch's salt. That is enough for who steals the ledger: 95 bits are
out of reach of guessing however quick the hash, even for any one of a million vouchers, so that
nobody need wait for a slow one; the salts make guesses for one batch worth nothing for another.
"""

import hmac
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import polars as pl
from sqlalchemy import Connection, RowMapping, Select, delete, func, insert, select, update

from charging import audit
from charging.account_money import Moved, Order, Wallet, move, wallet
from charging.ledger import Ledger
from charging.ledger_error import LedgerError
from charging.ledger_schema import VOUCHER, VOUCHER_BATCH, VOUCHER_GUESS
from charging.voucher_number import drawn, read, written

MOST_VOUCHERS: Final = 1_000_000
"""Vouchers of a batch: their numbers are in memory together"""
WRONG_PER_ACCOUNT: Final = 5
"""Wrong numbers that an account may give within GUESS_TIME"""
WRONG_IN_ALL: Final = 1_000
"""Wrong numbers that all accounts together may give within GUESS_TIME"""
GUESS_TIME: Final = timedelta(minutes=15)
_SALT_OCTETS: Final = 16


@dataclass(frozen=True, slots=True)
class VoucherBatch:
    """Vouchers that are made together."""

    batch: str
    """its name, used once"""
    currency: str
    amount_micros: int
    count: int
    valid_from: datetime
    """naive UTC"""
    valid_to: datetime
    """naive UTC, exclusive"""


def _nowhere(_numbers: Sequence[str]) -> None:
    """Where numbers go that only the caller wants."""


def make_batch(
    ledger: Ledger, batch: VoucherBatch, now: datetime, *, who: str, why: str,
    random: Callable[[int], bytes] = secrets.token_bytes,
    deliver: Callable[[Sequence[str]], None] = _nowhere,
) -> list[str]:
    """The numbers of a new batch, told this once.

    `deliver` is called with them before the batch counts: where it fails, no voucher was made.
    LedgerError for a batch that is there, as its numbers cannot be told again.
    """
    _refuse_bad(ledger.where, batch, who, why)
    salt = random(_SALT_OCTETS)
    numbers = [drawn(random) for _ in range(batch.count)]
    rows = pl.DataFrame({
        "secret_hash": [_hash(salt, number) for number in numbers], "voucher_batch": batch.batch,
    })
    facts = {
        "currency": batch.currency, "amount_micros": batch.amount_micros, "vouchers": batch.count,
        "valid_from": batch.valid_from, "valid_to": batch.valid_to, "state": "open",
    }
    shown = [written(number) for number in numbers]
    with ledger.writing() as connection:
        if _batch_state(connection, batch.batch):
            raise LedgerError(ledger.where, f"voucher batch {batch.batch} is there already",
                              "its numbers cannot be told again; name another")
        connection.execute(
            insert(VOUCHER_BATCH).values(voucher_batch=batch.batch, salt=salt.hex(), **facts)
        )
        ledger.dialect.append(connection, VOUCHER, rows)
        audit.record(connection, now, who=who, action="voucher_batch", subject=batch.batch,
                     why=why, after=facts)
        deliver(shown)
    return shown


def redeem(
    ledger: Ledger, secret: str, account: str, currency: str, now: datetime, *, who: str,
    valid_to: datetime | None = None,
) -> Moved:
    """Put a voucher's money on an account; `valid_to` (naive UTC) extends the account's validity.

    A voucher that the same account has redeemed is a repetition. LedgerError says the same of every
    other that cannot be redeemed, whether it is used, expired, blocked, of another currency or
    none; each counts as a wrong number. An account that gave too many is refused without a look.
    """
    number = read(secret)
    if number is None:
        raise LedgerError(ledger.where, "this is no voucher number",
                          "look for a mistyped symbol: it has 20 letters and digits")
    # Counted as wrong first, in a transaction of its own: whatever becomes of the next one, and
    # however many guess at once, nobody looks more often than he may.
    guess = _counted(ledger, account, currency, now)
    with ledger.writing() as connection:
        owner = _owner(ledger.where, connection, account, currency)
        found = _found(ledger, connection, number, currency)
        if found is None or not _redeemable(found, owner.number, now):
            raise LedgerError(ledger.where, "the voucher is not accepted",
                              "look at its number, its last day and its currency")
        order = Order(account, currency, found["amount_micros"], found["secret_hash"], who,
                      f"voucher of batch {found['voucher_batch']}")
        moved = move(ledger, connection, "voucher", order, now, valid_to)
        connection.execute(
            update(VOUCHER)
            .where(VOUCHER.c.secret_hash == order.key, VOUCHER.c.redeemed_by.is_(None))
            .values(redeemed_by=owner.number, redeemed_at=now)
        )
        connection.execute(delete(VOUCHER_GUESS).where(VOUCHER_GUESS.c.guess_number == guess))
    return moved


def block_batch(ledger: Ledger, batch: str, now: datetime, *, who: str, why: str) -> bool:
    """Whether the batch was open until now; from now on no voucher of it is redeemed."""
    _refuse_blank(ledger.where, who, why)
    with ledger.writing() as connection:
        state = _batch_state(connection, batch)
        if state is None:
            raise LedgerError(ledger.where, f"voucher batch {batch} is not known",
                              "`ratemill voucher list` shows all")
        if state == "blocked":
            return False
        connection.execute(
            update(VOUCHER_BATCH).where(VOUCHER_BATCH.c.voucher_batch == batch)
            .values(state="blocked")
        )
        audit.record(connection, now, who=who, action="voucher_block", subject=batch, why=why,
                     before={"state": state}, after={"state": "blocked"})
    return True


def batches(ledger: Ledger) -> list[dict[str, Any]]:
    """All batches by name: what they are, and how many vouchers of them are redeemed."""
    used = func.count(VOUCHER.c.redeemed_at).label("redeemed")
    kept = [column for column in VOUCHER_BATCH.columns if column.name != "salt"]
    query = (
        select(*kept, used)
        .join_from(VOUCHER_BATCH, VOUCHER, VOUCHER.c.voucher_batch == VOUCHER_BATCH.c.voucher_batch)
        .group_by(*kept).order_by(VOUCHER_BATCH.c.voucher_batch)
    )
    with ledger.reading() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]


def _counted(ledger: Ledger, account: str, currency: str, now: datetime) -> int:
    """The number under which this attempt counts as wrong until it proves right."""
    with ledger.writing() as connection:
        owner = _owner(ledger.where, connection, account, currency)
        guess = VOUCHER_GUESS.c
        connection.execute(delete(VOUCHER_GUESS).where(guess.at <= now - GUESS_TIME))
        mine, everybody, last = connection.execute(select(
            func.count(guess.guess_number).filter(guess.account_number == owner.number),
            func.count(guess.guess_number),
            func.coalesce(func.max(guess.guess_number), 0),
        )).one()
        if mine >= WRONG_PER_ACCOUNT or everybody >= WRONG_IN_ALL:
            raise LedgerError(ledger.where, "too many wrong voucher numbers", "wait "
                              f"{GUESS_TIME // timedelta(minutes=1)} minutes", retry=True)
        connection.execute(insert(VOUCHER_GUESS).values(
            guess_number=last + 1, account_number=owner.number, at=now
        ))
        return int(last) + 1


def _owner(where: str, connection: Connection, account: str, currency: str) -> Wallet:
    """The account; LedgerError where it is closed or not known."""
    owner = wallet(where, connection, account, currency)
    if owner.status.state == "closed":
        raise LedgerError(where, f"account {account} is closed",
                          "a closed account stays closed: redeem the voucher for another")
    return owner


def _found(
    ledger: Ledger, connection: Connection, number: str, currency: str
) -> RowMapping | None:
    """The voucher of this number and currency with what its batch says."""
    salts = connection.scalars(
        select(VOUCHER_BATCH.c.salt).where(VOUCHER_BATCH.c.currency == currency)
    )
    hashes = pl.Series([_hash(bytes.fromhex(salt), number) for salt in salts], dtype=pl.String)
    batch = VOUCHER_BATCH.c
    query: Select[Any] = select(
        VOUCHER.c.secret_hash, VOUCHER.c.voucher_batch, VOUCHER.c.redeemed_by,
        batch.amount_micros, batch.valid_from, batch.valid_to, batch.state,
    ).join_from(VOUCHER, VOUCHER_BATCH, VOUCHER.c.voucher_batch == batch.voucher_batch)
    matching = ledger.dialect.matching(query, "secret_hash", hashes)
    return connection.execute(matching).mappings().first()


def _redeemable(found: RowMapping, account_number: int, now: datetime) -> bool:
    if found["redeemed_by"] is not None:
        return bool(found["redeemed_by"] == account_number)
    return bool(found["state"] == "open" and found["valid_from"] <= now < found["valid_to"])


def _batch_state(connection: Connection, batch: str) -> str | None:
    query = select(VOUCHER_BATCH.c.state).where(VOUCHER_BATCH.c.voucher_batch == batch)
    state: str | None = connection.scalar(query)
    return state


def _hash(salt: bytes, number: str) -> str:
    return hmac.digest(salt, number.encode(), "sha256").hex()


def _refuse_blank(where: str, who: str, why: str) -> None:
    for name, text in (("name", who), ("reason", why)):
        if not text.strip():
            raise LedgerError(where, f"no {name} is given",
                              "say it: the audit trail keeps it for good")


def _refuse_bad(where: str, batch: VoucherBatch, who: str, why: str) -> None:
    """Refuse a batch that cannot be meant."""
    _refuse_blank(where, who, why)
    if not batch.batch.strip():
        raise LedgerError(where, "the voucher batch has no name", "name it")
    if not 0 < batch.amount_micros < 2**63:
        raise LedgerError(where, "a voucher is worth more than 0", "give an amount")
    if not 0 < batch.count <= MOST_VOUCHERS:
        raise LedgerError(where, f"a batch has from 1 to {MOST_VOUCHERS} vouchers",
                          "make several batches")
    if batch.valid_from >= batch.valid_to:
        raise LedgerError(where, f"voucher batch {batch.batch} is never valid",
                          "let it end after it begins")
