"""The funnel: where the records of each file went, as figures and as a table to read."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import polars as pl

from ratemill.home import Home
from ratemill.lake import Lake
from ratemill.reconcile import Reconciled, posted_amounts

COUNTS = ("received", "posted", "duplicate", "suspended", "dropped")


class FunnelRow(msgspec.Struct, frozen=True, kw_only=True):
    """One file's figures; counts of records, amounts in micro-units by currency."""

    partner: str
    name: str
    file_id: str
    state: str
    received: int
    decoded: int
    rated: int
    posted: int
    duplicate: int
    suspended: int
    dropped: int
    retail_micros: dict[str, int]
    wholesale_micros: dict[str, int]
    notes: str

    @property
    def rejected(self) -> int:
        """Records suspended or dropped."""
        return self.suspended + self.dropped


def funnel_row(row: dict[str, Any], amounts: Iterable[dict[str, Any]]) -> FunnelRow:
    """The figures of one row of table file; what a stage has not said yet counts as zero."""
    money: dict[str, dict[str, int]] = {"retail": {}, "wholesale": {}}
    for amount in amounts:
        money[amount["leg"]][amount["currency"]] = amount["amount_micros"]
    return FunnelRow(
        partner=row["partner"], name=row["name"], file_id=row["file_id"], state=row["state"],
        received=row["records"] or 0, decoded=row["decoded"] or 0, rated=row["rated"] or 0,
        posted=row["posted"] or 0, duplicate=row["duplicate"] or 0,
        suspended=row["suspended"] or 0, dropped=row["dropped"] or 0,
        retail_micros=money["retail"], wholesale_micros=money["wholesale"],
        notes=row["notes"] or "",
    )


def _funnel_rows(files: pl.DataFrame, amounts: pl.DataFrame) -> list[FunnelRow]:
    """The figures of the rows of table file, in their order."""
    by_file: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for amount in amounts.rows(named=True):
        by_file.setdefault((amount["partner"], amount["file_id"]), []).append(amount)
    return [
        funnel_row(row, by_file.get((row["partner"], row["file_id"]), ()))
        for row in files.rows(named=True)
    ]


def funnel(reconciled: Reconciled) -> list[FunnelRow]:
    """The figures of every reconciled file, in order of arrival."""
    return _funnel_rows(reconciled.files, reconciled.amounts)


def file_status(home: Home) -> list[FunnelRow]:
    """Figures of every file as its last stage left it; a copy's records count with its original."""
    lake = Lake(home.lake)
    rows = _funnel_rows(lake.file_rows(), posted_amounts(lake))
    for copy in lake.arrivals().filter(pl.col("copy_of").is_not_null()).rows(named=True):
        at = next(i for i, r in enumerate(rows)
                  if (r.partner, r.file_id) == (copy["partner"], copy["file_id"]))
        note = f"same bytes as {copy['copy_of']}"
        rows.insert(at + 1, FunnelRow(
            partner=copy["partner"], name=copy["name"], file_id=copy["file_id"], state="copy",
            received=0, decoded=0, rated=0, posted=0, duplicate=0, suspended=0, dropped=0,
            retail_micros={}, wholesale_micros={}, notes=note,
        ))
    return rows


def totals(rows: Sequence[FunnelRow]) -> dict[str, int]:
    """Sums of the five counts of the promise, in its order."""
    return {name: sum(getattr(row, name) for row in rows) for name in COUNTS}


def equation(sums: dict[str, int]) -> str:
    """The promise in figures: in = posted + duplicate + suspended + dropped."""
    right = sum(sums[name] for name in COUNTS[1:])
    sign = "=" if sums["received"] == right else "≠"
    parts = " + ".join(f"{sums[name]:,} {name}" for name in COUNTS[1:])
    return f"{sums['received']:,} in {sign} {parts}"
