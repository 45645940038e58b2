"""Postings put on balances, with all that follows them."""

from collections.abc import Mapping
from datetime import datetime

import polars as pl
from sqlalchemy import Connection, func, insert, select

from charging.accounts import doubtful, numbered
from charging.ledger import Ledger
from charging.ledger_schema import BALANCE, BATCH, FILE_TOTAL, POSTING
from charging.overdraft import Policy, covered
from charging.posting_id import unpacked
from charging.posting_rows import narrow, summed

_CHARGE = ["posting_id", "batch_number", "account", "currency", "amount_micros", "started_at",
           "head", "rest"]
_POSTING = ["posting_id", "account_number", "amount_micros", "batch_number"]


def put_charges(
    ledger: Ledger, connection: Connection, where: str, rows: pl.DataFrame,
    policies: Mapping[str, Policy],
) -> pl.DataFrame:
    """The postings that charges come to, on the ledger: as `put` gives them.

    `rows` is what posting_rows gives, with posting_id and batch_number.
    """
    policy = pl.col("product").replace_strict(policies, default="negative", return_dtype=pl.String)
    charges = numbered(ledger, connection, rows.select(*_CHARGE, policy=policy))
    amount = pl.col("amount_micros").cast(pl.Int128)
    changes = charges.group_by("account_number").agg(
        less=amount.clip(upper_bound=0).sum(), more=amount.clip(lower_bound=0).sum()
    )
    known = doubtful(ledger, connection, changes).join(changes, on="account_number")
    # The balances after it fit as well, or all of it is refused.
    narrow(where, known.with_columns(
        amount_micros=pl.col("amount_micros") + pl.col("less") + pl.col("more")
    ), "account", "currency")
    return put(ledger, connection, where, covered(charges, known), ledger.numbers)


def put(
    ledger: Ledger, connection: Connection, where: str, postings: pl.DataFrame,
    accounts: pl.DataFrame,
) -> pl.DataFrame:
    """The postings, now on the ledger, with account and currency, in order of their id.

    `postings` has posting_id, account_number, amount_micros and batch_number; `accounts` names the
    accounts by account_number. Balances and the totals of files follow.
    """
    ordered = postings.select(_POSTING).sort("posting_id")
    if ordered.is_empty():
        return ordered.with_columns(account=pl.lit(""), currency=pl.lit(""))
    ledger.dialect.append(connection, POSTING, ordered)
    ledger.dialect.add_to(
        connection, BALANCE, summed(where, ordered, "account_number"), "account_number"
    )
    named = ordered.join(
        accounts.select("account_number", "account", "currency"), on="account_number",
        maintain_order="left",
    )
    parts = unpacked(pl.col("posting_id"))
    by = ("file_number", "leg", "kind")
    totals = summed(where, named.with_columns(**{n: parts[n] for n in by}), *by, "currency")
    ledger.dialect.merge(
        connection, FILE_TOTAL, totals, adds=("postings", "amount_micros")
    )
    return named


def next_batch(connection: Connection) -> int:
    """The number that the next batch has."""
    return (connection.scalar(select(func.max(BATCH.c.batch_number))) or 0) + 1


def add_batch(
    connection: Connection, number: int, now: datetime, *, kind: str, key: str, who: str, why: str,
    postings: int,
) -> None:
    """Add the batch that postings of this number are of."""
    connection.execute(insert(BATCH).values(
        batch_number=number, kind=kind, batch_key=key, at=now, who=who, why=why, postings=postings,
    ))
