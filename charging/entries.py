"""Entries: money that moves by itself, without usage."""

from datetime import datetime
from typing import Final

import polars as pl
from sqlalchemy import Connection, func, select

from charging.ledger import Ledger, frame
from charging.ledger_error import LedgerError
from charging.ledger_schema import BALANCE, ENTRY
from charging.posting_rows import summed

GIVEN: Final = {
    "entry_key": pl.String(), "account_number": pl.Int64(), "kind": pl.String(),
    "amount_micros": pl.Int64(), "subject": pl.String(), "why": pl.String(),
}
"""What an entry is made of, beside its number, time and author"""


def add_entries(
    ledger: Ledger, connection: Connection, entries: pl.DataFrame, now: datetime, *, who: str
) -> pl.DataFrame:
    """Those of the entries (columns GIVEN) that were not there; balances follow them.

    A key that is there stands for the same entry; LedgerError where its account, kind or amount is
    another, but for an opening, which happens once whatever it says later.
    """
    given = entries.select(pl.col(name).cast(kind) for name, kind in GIVEN.items())
    query = select(
        ENTRY.c.entry_key, ENTRY.c.account_number, ENTRY.c.kind, ENTRY.c.amount_micros
    )
    found = frame(
        connection, ledger.dialect.matching(query, "entry_key", given["entry_key"]), GIVEN
    )
    _refuse_other(ledger.where, given, found)
    new = given.join(found, on="entry_key", how="anti", maintain_order="left").unique(
        "entry_key", keep="first", maintain_order=True
    )
    _refuse_other(ledger.where, given, new)
    if new.is_empty():
        return new
    last: int = connection.scalar(select(func.max(ENTRY.c.entry_number))) or 0
    ledger.dialect.append(connection, ENTRY, new.with_columns(
        pl.lit(now, pl.Datetime("us")).alias("at"), pl.lit(who).alias("who"),
        entry_number=pl.int_range(last + 1, last + 1 + new.height, dtype=pl.Int64),
    ))
    changes = summed(ledger.where, new, "account_number")
    ledger.dialect.add_to(
        connection, BALANCE, changes.select("account_number", "amount_micros"), "account_number"
    )
    return new


def _refuse_other(where: str, given: pl.DataFrame, found: pl.DataFrame) -> None:
    """Refuse an entry that is there under the same key, but says something else."""
    facts = ["account_number", "kind", "amount_micros"]
    other = given.filter(pl.col("kind") != "opening").join(
        found, on="entry_key", suffix="_before"
    ).filter(pl.any_horizontal(pl.col(f) != pl.col(f"{f}_before") for f in facts))
    if other.height:
        row = other.row(0, named=True)
        raise LedgerError(
            where, f"entry {row['entry_key']} is there with {row['amount_micros_before']} micros "
            f"({row['kind_before']}), not {row['amount_micros']} ({row['kind']})",
            "a key is for one movement of money: use a new one",
        )
