"""What charges that stand have used of allowances and counters."""

from typing import Final

import polars as pl
from sqlalchemy import Connection, select

from charging.ledger import Ledger, frame
from charging.ledger_schema import ALLOWANCE_USE

_KEY: Final = ["holder", "allowance", "period_start", "scale"]
_TYPES: Final = {
    "holder": pl.String(), "allowance": pl.String(), "period_start": pl.Datetime("us"),
    "last_event_at": pl.Datetime("us"),
}


def drawn(rows: pl.DataFrame) -> pl.DataFrame:
    """What rows with used_by, started_at and draws used, summed: columns of ALLOWANCE_USE."""
    draws = rows.select("used_by", "started_at", "draws").filter(pl.col("draws").list.len() > 0)
    each = draws.explode("draws").unnest("draws")
    return each.group_by(
        pl.col("holder").fill_null(pl.format("account:{}", "used_by")),
        pl.col("allowance").cast(pl.String), "period_start", "scale",
    ).agg(
        used=pl.col("taken").sum(), last_event_at=pl.col("started_at").max()
    ).filter(pl.col("used") != 0).sort(_KEY)


def use(ledger: Ledger, connection: Connection, used: pl.DataFrame) -> None:
    """Add what was used, as `drawn` gives it; what is given back is negative."""
    if used.height:
        ledger.dialect.merge(
            connection, ALLOWANCE_USE, used, adds=("used",), latest=("last_event_at",)
        )
        back = used.filter(pl.col("used") <= 0)
        nothing = back.select(*_KEY, used=pl.lit(0, pl.Int64))
        ledger.dialect.remove(connection, ALLOWANCE_USE, nothing)


def used(ledger: Ledger, holders: pl.Series | None = None) -> pl.DataFrame:
    """What is used (columns of ALLOWANCE_USE) by these holders, or by all."""
    with ledger.reading() as connection:
        return used_in(ledger, connection, holders)


def used_in(
    ledger: Ledger, connection: Connection, holders: pl.Series | None = None
) -> pl.DataFrame:
    """What is used, as `used` gives it, within a transaction."""
    query = select(ALLOWANCE_USE)
    if holders is not None:
        query = ledger.dialect.matching(query, "holder", holders)
    return frame(connection, query, _TYPES).sort(_KEY)
