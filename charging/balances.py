"""Postings put on balances, with all that follows them."""

from collections.abc import Mapping
from datetime import datetime

import polars as pl
from sqlalchemy import Connection, func, insert, select

from charging.accounts import doubtful, numbered
from charging.ledger import Ledger
from charging.ledger_schema import BALANCE, BATCH, FILE_TOTAL, POSTING
from charging.overdraft import Policy, covered, uncovered
from charging.posting_id import unpacked
from charging.posting_rows import narrow, sum_type, summed

_CHARGE = ["posting_id", "batch_number", "account", "currency", "amount_micros"]
_POSTING = ["posting_id", "account_number", "amount_micros", "batch_number"]


def put_charges(
    ledger: Ledger, connection: Connection, where: str, rows: pl.DataFrame,
    policies: Mapping[str, Policy],
) -> pl.DataFrame:
    """The postings that charges come to, on the ledger: as `put` gives them.

    `rows` is what posting_rows gives, with posting_id and batch_number.
    """
    if rows.is_empty():
        return _NOTHING
    charges = numbered(ledger, connection, rows.select(_CHARGE))
    amount = pl.col("amount_micros").cast(sum_type(rows))
    changes = charges.group_by("account_number").agg(
        less=amount.clip(upper_bound=0).sum().cast(pl.Int128),
        more=amount.clip(lower_bound=0).sum().cast(pl.Int128), postings=pl.len().cast(pl.Int64),
    )
    known = doubtful(ledger, connection, changes).join(changes, on="account_number")
    # The balances after it fit as well, or all of it is refused.
    narrow(where, known.with_columns(
        amount_micros=pl.col("amount_micros") + pl.col("less") + pl.col("more")
    ), "account", "currency")
    sums = narrow(where, changes.select(
        "account_number", "postings", amount_micros=pl.col("less") + pl.col("more")
    ), "account_number")
    short = uncovered(known)
    if short.is_empty():
        return _put(ledger, connection, where, charges, sums)
    policy = pl.col("product").replace_strict(policies, default="negative", return_dtype=pl.String)
    split = covered(
        charges.join(short, on="account_number", how="semi").join(
            rows.select("posting_id", "started_at", "head", "rest", policy=policy), on="posting_id"
        ), short,
    )
    names = split.join(ledger.numbers, on="account_number")
    charges, sums = (
        side.join(short, on="account_number", how="anti", maintain_order="left")
        for side in (charges, sums)
    )
    return _put(
        ledger, connection, where, pl.concat([charges, names.select(charges.columns)]),
        pl.concat([sums, summed(where, split, "account_number").select(sums.columns)]),
    )


def put(
    ledger: Ledger, connection: Connection, where: str, postings: pl.DataFrame,
    accounts: pl.DataFrame,
) -> pl.DataFrame:
    """The postings, now on the ledger, with account and currency, in order of their id.

    `postings` has posting_id, account_number, amount_micros and batch_number; `accounts` names the
    accounts by account_number. Balances and the totals of files follow.
    """
    if postings.is_empty():
        return _NOTHING
    named = postings.select(_POSTING).join(
        accounts.select("account_number", "account", "currency"), on="account_number",
        how="left",
    )
    return _put(ledger, connection, where, named, summed(where, postings, "account_number"))


_NOTHING = pl.DataFrame(
    schema=dict.fromkeys(_POSTING, pl.Int64) | {"account": pl.String, "currency": pl.String}
)


def _put(
    ledger: Ledger, connection: Connection, where: str, postings: pl.DataFrame, sums: pl.DataFrame
) -> pl.DataFrame:
    """The postings as `put` gives them; `sums` has what they change each balance by."""
    named = postings.select(_NOTHING.columns).sort("posting_id")
    ledger.dialect.append(connection, POSTING, named.select(_POSTING))
    ledger.dialect.add_to(connection, BALANCE, sums.sort("account_number"), "account_number")
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
