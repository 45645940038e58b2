"""Whose a usage key is: each is posted once, whoever brings it."""

import polars as pl
from sqlalchemy import Connection, Table, select

from charging.ledger import Ledger, frame
from charging.ledger_schema import USAGE_KEY, USAGE_KEY_TWIN

_CLAIM = ["head", "rest", "record"]


def claim(ledger: Ledger, connection: Connection, claims: pl.DataFrame) -> pl.DataFrame:
    """The claims (head, rest, record) that fail, with original_record, whose the key is.

    Of a key that stands twice among the claims, the record of the least id is its owner. In order
    of record.
    """
    if claims.is_empty():
        return claims.select(*_CLAIM, original_record="record")
    head, rest = (pl.col(name) != pl.col(name).shift() for name in ("head", "rest"))
    ordered = _ordered(claims.select(_CLAIM))
    first = ordered.filter((head | rest).fill_null(value=True))
    # All of one head but the first would be taken for repetitions of it.
    twins = _twins(ledger, connection, first["head"])
    heads = first.join(twins, on=["head", "rest"], how="anti", maintain_order="left").filter(
        head.fill_null(value=True)
    )
    dialect = ledger.dialect
    if (
        dialect.append_new(connection, USAGE_KEY, heads) == heads.height
        and heads.height == ordered.height
    ):
        return ordered.clear().with_columns(original_record=pl.col("record"))
    owners = _rows(ledger, connection, USAGE_KEY, first["head"])
    # Another usage has the same first 64 bits: rarer than a fault of the machine, but not a fault.
    alike = first.join(owners.select("head", other="rest"), on="head").filter(
        pl.col("rest") != pl.col("other")
    )
    dialect.append_new(connection, USAGE_KEY_TWIN, alike.select(_CLAIM))
    owners = pl.concat([owners, _twins(ledger, connection, first["head"])])
    theirs = ordered.join(
        owners.rename({"record": "original_record"}), on=["head", "rest"], how="left"
    )
    return theirs.filter(pl.col("record") != pl.col("original_record")).sort("record")


def _ordered(claims: pl.DataFrame) -> pl.DataFrame:
    """The claims in order of head, rest and record, each once."""
    other = pl.any_horizontal(pl.col(name) != pl.col(name).shift() for name in _CLAIM)
    each = claims.sort("record").filter(other.fill_null(value=True))
    ordered = each.sort("head")
    if not (ordered["head"] == ordered["head"].shift()).any():
        return ordered
    return each.sort(_CLAIM).filter(other.fill_null(value=True))


def owned(ledger: Ledger, connection: Connection, keys: pl.DataFrame) -> pl.DataFrame:
    """Those of the keys (head, rest, record) that are their records'."""
    heads = keys["head"].unique()
    found = pl.concat([
        _rows(ledger, connection, USAGE_KEY, heads), _twins(ledger, connection, heads)
    ])
    return keys.select(_CLAIM).join(found, on=_CLAIM, how="semi")


def free(ledger: Ledger, connection: Connection, keys: pl.DataFrame) -> int:
    """The number of the keys (head, rest, record) that were their records' and are nobody's now."""
    mine = keys.select(_CLAIM)
    return sum(
        ledger.dialect.remove(connection, table, mine) for table in (USAGE_KEY, USAGE_KEY_TWIN)
    )


def _twins(ledger: Ledger, connection: Connection, heads: pl.Series) -> pl.DataFrame:
    """The keys with one of these heads that are not the first with it: there are none for ages."""
    found = connection.execute(select(USAGE_KEY_TWIN.c.head).limit(1)).first()
    return _rows(ledger, connection, USAGE_KEY_TWIN, heads if found else heads.clear())


def _rows(
    ledger: Ledger, connection: Connection, table: Table, heads: pl.Series
) -> pl.DataFrame:
    """Head, rest and record of the keys with one of these heads."""
    query = select(table.c.head, table.c.rest, table.c.record)
    return frame(connection, ledger.dialect.matching(query, "head", heads))
