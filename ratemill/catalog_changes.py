"""What differs between two versions of the catalog, counted by table."""

from pathlib import Path

import msgspec
import polars as pl

from rating.catalog_read import Findings, read_text
from rating.catalog_tables import TABLES, CatalogTable


class TableChange(msgspec.Struct, frozen=True):
    """The rows of one table that one version has and the other has not, or has otherwise."""

    table: str
    added: int
    removed: int
    changed: int

    def __str__(self) -> str:
        """The change in words."""
        counts = f"{self.added:,} added, {self.removed:,} removed, {self.changed:,} changed"
        return f"{self.table}: {counts}"


def changes(before: Path, after: Path) -> list[TableChange]:
    """The tables that differ between two folders; a file that is not there has no rows."""
    found = (_change(table, _rows(before, table), _rows(after, table)) for table in TABLES)
    return [change for change in found if change.added or change.removed or change.changed]


def _rows(folder: Path, table: CatalogTable) -> pl.DataFrame:
    """The table's cells without line numbers: a row that only moved has not changed."""
    unread: Findings = []
    return read_text(folder, table, unread).drop("line").unique()


def _change(table: CatalogTable, before: pl.DataFrame, after: pl.DataFrame) -> TableChange:
    """The rows told apart by the table's key and first day; by the whole row without a key."""
    names = [c.name for c in table.columns]
    gone = before.join(after, on=names, how="anti")
    new = after.join(before, on=names, how="anti")
    key = _key(table) or names
    changed = new.join(gone, on=key, how="semi").height
    return TableChange(table.name, new.height - changed,
                       gone.height - gone.join(new, on=key, how="semi").height, changed)


def _key(table: CatalogTable) -> list[str]:
    """The columns that name a row over time; empty when the table has no such key."""
    optional = {c.name for c in table.columns if c.empty}
    for key in table.keys:
        if len(key) > 1 or key[0] not in optional:
            return [*key, *(["valid_from"] if table.dated else [])]
    return []
