"""Digests of the accounts that the catalog opened, so that only what is new is looked at."""

from typing import Final

import polars as pl
from sqlalchemy import Connection, delete, select

from charging.ledger import Ledger, frame
from charging.ledger_schema import OPENED_PART

_PARTS: Final = 4096
"""An account that is new has about one in so many others looked at with it"""
_DIGEST: Final = {"part": pl.Int64(), "first": pl.Int64(), "second": pl.Int64()}
_SEEDS: Final = {"first": 1, "second": 2}
"""Two hashes of 64 bits: that a change goes unseen is one chance in 2**128"""
_SAID: Final = ("account", "currency", "mode", "credit_limit_micros")
"""Columns of accounts that count after their opening"""


def part_of(accounts: pl.DataFrame) -> pl.Series:
    """The part that each account belongs to.

    Another release of Polars may divide otherwise: then all of them are looked at once.
    """
    return (accounts["account"].hash(0) % _PARTS).cast(pl.Int64).alias("part")


def digests(accounts: pl.DataFrame) -> pl.DataFrame:
    """part, first and second: the digest of the accounts of each part, in any order."""
    said = accounts.select(_SAID)
    rows = pl.DataFrame([part_of(said), *(
        # sums go round within their 64 bits
        said.hash_rows(seed).reinterpret(signed=True).alias(name)
        for name, seed in _SEEDS.items()
    )])
    return rows.group_by("part").agg(pl.col(*_SEEDS).sum()).sort("part")


def other_parts(connection: Connection, now: pl.DataFrame) -> pl.DataFrame:
    """Those of the digests that are not the ones noted."""
    columns = (OPENED_PART.c.part, OPENED_PART.c.first, OPENED_PART.c.second)
    noted = frame(connection, select(*columns), _DIGEST)
    return now.join(noted, on=list(_DIGEST), how="anti", maintain_order="left")


def note_parts(ledger: Ledger, connection: Connection, opened: pl.DataFrame) -> None:
    """Note digests of parts whose accounts are all opened as the catalog says."""
    parts = ledger.dialect.listed(opened["part"])
    connection.execute(delete(OPENED_PART).where(OPENED_PART.c.part.in_(select(parts.c.value))))
    ledger.dialect.append(connection, OPENED_PART, opened.select(*_DIGEST))
