"""What a re-rating changes, to read and to keep: texts, JSON, and tables in a folder."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import polars as pl

from ratemill.money import decimal_text
from ratemill.rerate_compute import Rerated
from ratemill.screen import out, plain_table

_SHOWN: Final = 20
_SUMS: Final = ("legs", "changed", "before", "after", "difference")
_DECILES: Final = 10
RERATED: Final = {
    "totals": "By currency", "partners": "By partner", "zones": "By zone",
    "accounts": "Accounts with the greatest difference",
}
"""Tables that tell what a re-rating changes, with their titles"""
WHAT_IF: Final = {
    "totals": "By currency", "products": "By product", "zones": "By zone",
    "deciles": "By account: ten groups, 1 paid most before",
}
"""Tables that tell what another catalog would have earned, with their titles"""


class Report(msgspec.Struct, frozen=True):
    """The difference; amounts in micro-units, a row for each value and currency."""

    where: str
    catalog_version: str
    selected: int
    followers: int
    unpriced: int
    no_price: list[dict[str, Any]]
    """records that lose their price, by code and partner"""
    tables: dict[str, list[dict[str, Any]]]
    posted: str = ""
    """key of the correction that was posted"""
    postings: int = 0
    repeated: bool = False


def report_of(
    where: str, found: Rerated, names: Sequence[str], key: str = "", postings: int = 0
) -> Report:
    """The report with these of the tables, the first rows of each."""
    tables = tables_of(found)
    return Report(
        where, found.catalog_version, found.selected, found.followers, found.unpriced,
        found.codes.rows(named=True),
        {name: tables[name].head(_SHOWN).rows(named=True) for name in names}, key, postings,
    )


def tables_of(found: Rerated) -> dict[str, pl.DataFrame]:
    """The difference by all it is told by; of accounts only those that something changes for."""
    sums = found.difference
    changed = sums["accounts"].filter(pl.col("changed") > 0)
    return {**sums, "accounts": changed, "deciles": _deciles(sums["accounts"])}


def unequal_sums(difference: Mapping[str, pl.DataFrame]) -> list[str]:
    """By what (rerate_sums.BY) a difference comes to other sums in all than its totals."""
    by, sums = ["leg", "currency"], pl.col(_SUMS).cast(pl.Int128).sum()
    totals, wrong = difference["totals"], []
    for name, frame in difference.items():
        # what subscribers pay is told of the retail legs alone
        legs = ["retail"] if name in {"accounts", "products"} else ["retail", "wholesale"]
        wanted, found = (
            rows.group_by(by).agg(sums).sort(by)
            for rows in (totals.filter(pl.col("leg").is_in(legs)), frame)
        )
        if not wanted.equals(found):
            wrong.append(name)
    return wrong


def _deciles(accounts: pl.DataFrame) -> pl.DataFrame:
    """The accounts in ten groups of equal number, by what they paid before: 1 paid most."""
    ranked = accounts.sort("currency", "before", "account", descending=[False, True, False])
    place = pl.int_range(pl.len()).over("currency")
    return ranked.with_columns(
        decile=1 + place * _DECILES // pl.len().over("currency")
    ).group_by("decile", "currency").agg(
        pl.len().alias("accounts").cast(pl.Int64), pl.col(_SUMS).sum()
    ).sort("currency", "decile")


def write_tables(found: Rerated, names: Sequence[str], folder: Path) -> None:
    """Write the tables to a folder, each as CSV and as Parquet."""
    folder.mkdir(parents=True, exist_ok=True)
    tables = {**tables_of(found), "no_price": found.codes}
    for name in (*names, "no_price"):
        tables[name].write_csv(folder / f"{name}.csv")
        tables[name].write_parquet(folder / f"{name}.parquet")


def show(report: Report, titles: dict[str, str]) -> None:
    """Print the report; titles name its tables."""
    out.print(f"{report.selected:,} records by catalog {report.catalog_version[:8]}"
              + (f", and {report.followers:,} that share allowances with them"
                 if report.followers else ""))
    for name, title in titles.items():
        rows = report.tables[name]
        if rows:
            out.print(f"\n[bold]{title}[/]")
            out.print(_table(rows))
    if report.no_price:
        out.print("\n[bold]No price any more: to suspense[/]")
        out.print(plain_table(("code", "partner", "records"),
                              [tuple(row.values()) for row in report.no_price]))
    if report.unpriced:
        out.print(f"\n{report.unpriced:,} further records have no price and stay as they are.")


def _table(rows: Sequence[dict[str, Any]]) -> Any:  # noqa: ANN401 (a table of rich)
    """The rows with amounts as text."""
    names = list(rows[0])
    return plain_table(names, [
        tuple(decimal_text(row[n]) if n in _SUMS[2:] else row[n] for n in names) for row in rows
    ])
