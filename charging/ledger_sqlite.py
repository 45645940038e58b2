"""The ledger on SQLite: opening the file, its transactions, and the bulk statements."""

import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, cast

import msgspec
import polars as pl
from sqlalchemy import (
    URL,
    BindParameter,
    Connection,
    FromClause,
    Select,
    Table,
    and_,
    bindparam,
    column,
    create_engine,
    delete,
    event,
    exc,
    func,
    inspect,
    or_,
    select,
    update,
    values,
)
from sqlalchemy.dialects.sqlite import Insert
from sqlalchemy.dialects.sqlite import insert as insert_or
from sqlalchemy.engine.interfaces import DBAPIConnection, Dialect
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.sql.dml import UpdateBase

from charging.ledger_database import Database
from charging.ledger_error import LedgerError

APPLICATION_ID: Final = 0x524D4C47
"""Marks an SQLite file as a ledger ("RMLG"), as its first migration writes"""

_SQL: Final = Path(__file__).parent / "sql"
_OLDEST_SQLITE: Final = (3, 37, 0)
_TOGETHER: Final = 100
"""Rows of one statement: as many by themselves take twice as long"""
_OWNER_ONLY: Final = 0o600
_TIME: Final = "%Y-%m-%d %H:%M:%S.%6f"
"""As SQLAlchemy keeps a DateTime in SQLite"""


def connect_sqlite(url: URL, busy_timeout_s: float) -> Database:
    """The database in a file, made where absent."""
    where = f"ledger {url.database or url.render_as_string(hide_password=True)}"
    if url.database in {None, "", ":memory:"}:
        raise LedgerError(where, "names no file", "a ledger must outlive its process")
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        raise LedgerError(where, f"SQLite is {sqlite3.sqlite_version}", "3.37 or newer is needed")
    engine = create_engine(url.set(drivername="sqlite"), connect_args={"timeout": busy_timeout_s})
    event.listen(engine, "do_connect", _make_private)
    event.listen(engine, "connect", _prepare)
    return Database(engine, where, SqliteDialect())


class SqliteDialect:
    """What SQLite does in its own way."""

    name = "sqlite"

    def make_durable(self, database: Database) -> None:
        """Keep a write-ahead log: readers go on while one writes."""
        # The mode belongs to the file and stays with it; it cannot change inside a transaction.
        with self.explained(database.where), database.engine.connect() as connection:
            mode = _raw(connection).execute("PRAGMA journal_mode = WAL").fetchone()[0]
        if mode != "wal":
            raise LedgerError(database.where, f"SQLite can keep only a {mode} journal here, not a "
                              "write-ahead log", "put the ledger on a local disk")

    def refuse_strangers(self, connection: Connection, where: str) -> None:
        """LedgerError where a database that is no ledger is used by something else."""
        mark = connection.exec_driver_sql("PRAGMA application_id").scalar_one()
        if mark == APPLICATION_ID:
            raise LedgerError(where, "is of a layout that was never delivered",
                              "move the file away: a new one is made in its place")
        if mark or inspect(connection).get_table_names():
            raise LedgerError(where, "is an SQLite file but not a ledger", "name another file")

    def begin(self, connection: Connection, *, writes: bool) -> None:
        """Begin: a writer takes its lock at once, as a reader that turned writer could deadlock."""
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    def append(self, connection: Connection, table: Table, rows: pl.DataFrame) -> None:
        """Add rows whose columns are named as the table's."""
        _insert(connection, insert_or(table), rows)

    def append_new(self, connection: Connection, table: Table, rows: pl.DataFrame) -> int:
        """Add those rows whose primary key is not there, and say how many."""
        return _insert(connection, insert_or(table).on_conflict_do_nothing(), rows)

    def add_to(self, connection: Connection, table: Table, rows: pl.DataFrame, key: str) -> None:
        """Add the rows' numbers to those of the table's rows of the same key, which exist."""
        def statement(together: int) -> UpdateBase:
            names = [column(name, table.c[name].type) for name in rows.columns]
            new = values(*names, name="new").data(_bound(rows.columns, together)).cte("new")
            return update(table).where(table.c[key] == new.c[key]).values(
                {name: table.c[name] + new.c[name] for name in rows.columns if name != key}
            )

        _run_many(connection, statement, rows)

    def merge(
        self, connection: Connection, table: Table, rows: pl.DataFrame, *,
        adds: tuple[str, ...], latest: tuple[str, ...] = (),
    ) -> None:
        """Add rows; where the primary key is there, add to some and take the latest of others."""
        new = insert_or(table)
        changed = {name: table.c[name] + new.excluded[name] for name in adds} | {
            name: func.max(table.c[name], new.excluded[name]) for name in latest
        }
        key = list(table.primary_key.columns)
        _insert(connection, new.on_conflict_do_update(index_elements=key, set_=changed), rows)

    def remove(self, connection: Connection, table: Table, rows: pl.DataFrame) -> int:
        """Remove the rows that are equal in all columns given, and say how many there were."""
        def statement(together: int) -> UpdateBase:
            same = (
                and_(*(table.c[n] == value for n, value in zip(rows.columns, row, strict=True)))
                for row in _bound(rows.columns, together)
            )
            return delete(table).where(or_(*same))

        return _run_many(connection, statement, rows)

    def listed(self, values: pl.Series) -> FromClause:
        """A table whose only column, `value`, has the values, of any number."""
        texts = msgspec.json.encode(values.to_list()).decode()
        return func.json_each(texts).table_valued("value")

    def matching(self, query: Select[Any], name: str, values: pl.Series) -> Select[Any]:
        """The query for those rows whose selected column is among the values, of any number."""
        return query.where(query.selected_columns[name].in_(select(self.listed(values).c.value)))

    @contextmanager
    def explained(self, where: str) -> Iterator[None]:
        """Turns what the database complains of into a LedgerError."""
        try:
            yield
        except (exc.DBAPIError, sqlite3.Error) as error:
            cause = error.orig if isinstance(error, exc.DBAPIError) else error
            code = getattr(cause, "sqlite_errorcode", None)
            # The low octet is the primary code; above it stands the detail.
            primary = code & 0xFF if code is not None else None
            hint, retry = _HINTS.get(primary, ("nothing was changed", False))
            raise LedgerError(where, str(cause), hint, retry=retry) from error


_HINTS: dict[int | None, tuple[str, bool]] = {
    sqlite3.SQLITE_BUSY: ("another process is posting; try again when it is done", True),
    sqlite3.SQLITE_READONLY: ("make the file and its folder writable", False),
    sqlite3.SQLITE_CANTOPEN: ("its folder must exist and be writable", False),
    sqlite3.SQLITE_NOTADB: ("it is not a ledger; name another file", False),
    sqlite3.SQLITE_FULL: ("free some disk space; nothing was changed", True),
    sqlite3.SQLITE_CONSTRAINT: (
        "nothing was changed; REAL means that a balance would not fit 64 bits", False
    ),
    sqlite3.SQLITE_CORRUPT: ("restore the file from a backup", False),
}


def _make_private(
    _dialect: Dialect, _entry: ConnectionPoolEntry, places: Sequence[str],
    options: Mapping[str, Any],
) -> None:
    """Make the file where absent, for its owner alone: SQLite gives the log beside it that mode."""
    if not options.get("uri"):
        # Where this cannot be done the file is there, or SQLite says better what is wrong.
        with suppress(OSError):
            os.close(os.open(places[0], os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY))


def _prepare(raw: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    """Make a new connection durable, and leave the beginning of transactions to the dialect."""
    connection = cast("sqlite3.Connection", raw)
    connection.isolation_level = None
    for statement in _statements("sqlite_connection"):
        connection.execute(statement)


def _statements(name: str) -> Iterator[str]:
    """The statements of a script one by one, as executing a script would commit first."""
    part = ""
    for line in (_SQL / f"{name}.sql").read_text("utf-8").splitlines(keepends=True):
        part += line
        if sqlite3.complete_statement(part):
            yield part
            part = ""


def _raw(connection: Connection) -> sqlite3.Connection:
    """The driver's own connection, in the same transaction."""
    return cast("sqlite3.Connection", connection.connection.driver_connection)


def _insert(connection: Connection, new: Insert, rows: pl.DataFrame) -> int:
    """The number of rows that an insertion of the frame's changed."""
    def statement(together: int) -> UpdateBase:
        return new.values([
            dict(zip(rows.columns, row, strict=True)) for row in _bound(rows.columns, together)
        ])

    return _run_many(connection, statement, rows)


def _bound(names: Sequence[str], together: int) -> list[tuple[BindParameter[Any], ...]]:
    """A parameter for each of the names in each of so many rows."""
    return [tuple(bindparam(f"{name}:{n}") for name in names) for n in range(together)]


def _run_many(
    connection: Connection, statement: Callable[[int], UpdateBase], rows: pl.DataFrame
) -> int:
    """The number of rows that were changed by the statement of so many rows of the frame."""
    changed, at_once = 0, rows.height - rows.height % _TOGETHER
    for part, together in ((rows[:at_once], _TOGETHER), (rows[at_once:], 1)):
        if part.is_empty():
            continue
        compiled = statement(together).compile(dialect=connection.dialect)
        order = [name.rsplit(":", 1)[0] for name in (compiled.positiontup or ())[:rows.width]]
        values_of = _values(part.select(order), together)
        changed += _raw(connection).executemany(str(compiled), values_of).rowcount
    return changed


def _values(rows: pl.DataFrame, together: int) -> Iterator[list[object]]:
    """The values of so many rows at a time, row by row, as SQLite takes them."""
    every: list[object] = [None] * (rows.height * rows.width)
    for at, of_column in enumerate(rows):
        is_time = isinstance(of_column.dtype, pl.Datetime)
        every[at::rows.width] = (
            of_column.dt.strftime(_TIME) if is_time else of_column
        ).to_list()
    step = rows.width * together
    return (every[at:at + step] for at in range(0, len(every), step))
