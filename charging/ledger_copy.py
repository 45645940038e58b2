"""All rows of a ledger as Parquet files, one a table, and an empty ledger filled from them.

A copy is of no database: what was saved from SQLite can be loaded into PostgreSQL.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import Connection, DateTime, Integer, Table, func, select

from charging.check_postings import chunks
from charging.ledger import Ledger
from charging.ledger_error import LedgerError
from charging.ledger_schema import METADATA

_ROWS: Final = 100_000
"""Rows in memory at a time"""


def save_tables(connection: Connection, folder: Path) -> dict[str, int]:
    """The number of rows of each table by its name, all written below the folder."""
    return {str(table.name): _save(connection, table, folder) for table in METADATA.sorted_tables}


def load_tables(ledger: Ledger, folder: Path, rows: Mapping[str, int]) -> bool:
    """Fill an empty ledger with what `save_tables` wrote; False where the same is in it already.

    In one transaction. LedgerError where the ledger has other rows, or a file lacks some.
    """
    with ledger.writing() as connection:
        there = {str(table.name): _count(connection, table) for table in METADATA.sorted_tables}
        if there == dict(rows) and any(there.values()):
            _refuse_other(ledger, connection, folder)
            return False
        full = [name for name, count in there.items() if count]
        if full:
            raise LedgerError(ledger.where, f"is not empty: {', '.join(full)} have rows",
                              "name an empty database in RATEMILL_LEDGER")
        for table in METADATA.sorted_tables:
            added = sum(_load(ledger, connection, table, folder))
            if added != rows[table.name]:
                raise LedgerError(ledger.where, f"{added} rows of {table.name} are in the copy, "
                                  f"not {rows[table.name]}", "use another copy")
    return True


def _types(table: Table) -> dict[str, pl.DataType]:
    """The types of a table's columns."""
    def kind(column: Any) -> pl.DataType:  # noqa: ANN401
        if isinstance(column, DateTime):
            return pl.Datetime("us")
        return pl.Int64() if isinstance(column, Integer) else pl.String()

    return {column.name: kind(column.type) for column in table.columns}


def _path(table: Table, folder: Path) -> Path:
    return folder / f"{table.name}.parquet"


def _count(connection: Connection, table: Table) -> int:
    return connection.execute(select(func.count()).select_from(table)).scalar_one()


def _save(connection: Connection, table: Table, folder: Path) -> int:
    types = _types(table)
    schema = pl.DataFrame(schema=types).to_arrow().schema
    saved = 0
    with pq.ParquetWriter(_path(table, folder), schema, compression="zstd") as writer:
        for rows in _read(connection, table, types):
            writer.write_table(rows.to_arrow().cast(schema))
            saved += rows.height
    return saved


def _read(
    connection: Connection, table: Table, types: Mapping[str, pl.DataType]
) -> Iterator[pl.DataFrame]:
    """The rows of a table by primary key, some at a time."""
    query = select(table).order_by(*table.primary_key.columns)
    if all(kind == pl.Int64 for kind in types.values()):
        yield from chunks(connection, query)
        return
    with connection.execute(query, execution_options={"yield_per": _ROWS}) as result:
        for part in result.partitions():
            yield pl.DataFrame([tuple(row) for row in part], schema=types, orient="row")


def _load(
    ledger: Ledger, connection: Connection, table: Table, folder: Path
) -> Iterator[int]:
    """Add a table's rows; their numbers, some at a time."""
    for rows in _batches(table, folder):
        ledger.dialect.append(connection, table, rows)
        yield rows.height


def _batches(table: Table, folder: Path) -> Iterator[pl.DataFrame]:
    with pq.ParquetFile(_path(table, folder)) as file:
        for batch in file.iter_batches(_ROWS):
            rows = pl.from_arrow(pa.Table.from_batches([batch]))
            assert isinstance(rows, pl.DataFrame)
            yield rows


def _refuse_other(ledger: Ledger, connection: Connection, folder: Path) -> None:
    """LedgerError where the audit trail, which seals all before, ends otherwise than the copy's."""
    audit = METADATA.tables["audit"]
    query = select(audit.c.hash).order_by(audit.c.audit_number.desc()).limit(1)
    last = None
    for rows in _batches(audit, folder):
        last = rows["hash"][-1]
    if connection.scalar(query) != last:
        raise LedgerError(ledger.where, "is not empty: it has other rows than the copy",
                          "name an empty database in RATEMILL_LEDGER")
