"""What waits in suspense, file by file: records, and the partner's charge for them."""

from dataclasses import dataclass, field
from typing import Final

import polars as pl

from mediation.schema import REJECT
from ratemill.lake import Lake

_FILE: Final = ["partner", "file_id"]
_INT64_MAX: Final = (1 << 63) - 1
_ROW: Final = {
    "partner": pl.String(), "file_id": pl.String(), "currency": pl.String(), "records": pl.Int64(),
    "micros": pl.Int64(),
}
"""Currency is null, and micros 0, for records that state no charge."""


@dataclass(slots=True)
class Risk:
    """What waits: records, their charges in micro-units by currency, records without a charge."""

    records: int = 0
    micros: dict[str, int] = field(default_factory=dict)
    without_money: int = 0


def at_risk(lake: Lake, files: pl.DataFrame) -> pl.DataFrame:
    """Suspended records of these files (table file) and their charges, by file and currency.

    Sums beyond 64 bits are given as the greatest number: a charge that cannot be meant is at risk
    like any other.
    """
    paths = lake.rejects_of(files.filter(pl.col("suspended") > 0))
    found = lake.scan(REJECT, paths, *_FILE, "outcome", "record_index", "currency",
                      "money_at_risk_micros")
    money = pl.col("money_at_risk_micros")
    return (
        found.filter(pl.col("outcome") == "suspended", pl.col("record_index").is_not_null())
        .with_columns(currency=pl.when(money.is_not_null()).then("currency"))
        .group_by(*_FILE, "currency")
        .agg(
            records=pl.len().cast(pl.Int64),
            micros=money.cast(pl.Int128).sum().clip(-_INT64_MAX, _INT64_MAX).cast(pl.Int64),
        )
        .sort(*_FILE, "currency")
        .collect()
        .select(pl.col(name).cast(kind) for name, kind in _ROW.items())
    )


def risks(found: pl.DataFrame, *by: str) -> dict[tuple[str, ...], Risk]:
    """What `at_risk` gave, by the values of some of its columns."""
    sums: dict[tuple[str, ...], Risk] = {}
    for row in found.iter_rows(named=True):
        risk = sums.setdefault(tuple(row[name] for name in by), Risk())
        risk.records += row["records"]
        if row["currency"] is None:
            risk.without_money += row["records"]
        else:
            so_far = risk.micros.get(row["currency"], 0)
            risk.micros[row["currency"]] = max(-_INT64_MAX, min(so_far + row["micros"], _INT64_MAX))
    return sums
