"""What the ledger asks of its database, and which of the two it is."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import polars as pl
from sqlalchemy import URL, Connection, Engine, FromClause, Select, Table, exc, make_url

from charging.ledger_error import LedgerError

BUSY_TIMEOUT_S: Final = 60.0
"""One writer at a time: it holds the ledger for a batch of files, seconds for millions of rows."""


class Dialect(Protocol):
    """All that the two databases do differently."""

    @property
    def name(self) -> str:
        """As SQLAlchemy calls it."""
        ...

    def make_durable(self, database: "Database") -> None:
        """What an empty database needs before its first transaction."""
        ...

    def refuse_strangers(self, connection: Connection, where: str) -> None:
        """LedgerError where a database that is no ledger is used by something else."""
        ...

    def begin(self, connection: Connection, *, writes: bool) -> None:
        """Begin a transaction; a writer waits for the one before him."""
        ...

    def append(self, connection: Connection, table: Table, rows: pl.DataFrame) -> None:
        """Add rows whose columns are named as the table's."""
        ...

    def append_new(self, connection: Connection, table: Table, rows: pl.DataFrame) -> int:
        """Add those rows whose primary key is not there, and say how many."""
        ...

    def add_to(self, connection: Connection, table: Table, rows: pl.DataFrame, key: str) -> None:
        """Add the rows' numbers to those of the table's rows of the same key, which exist."""
        ...

    def merge(
        self, connection: Connection, table: Table, rows: pl.DataFrame, *,
        adds: tuple[str, ...], latest: tuple[str, ...] = (),
    ) -> None:
        """Add rows; where the primary key is there, add to some and take the latest of others."""
        ...

    def remove(self, connection: Connection, table: Table, rows: pl.DataFrame) -> int:
        """Remove the rows that are equal in all columns given, and say how many there were."""
        ...

    def listed(self, values: pl.Series) -> FromClause:
        """A table whose only column, `value`, has the values, of any number."""
        ...

    def matching(self, query: Select[Any], name: str, values: pl.Series) -> Select[Any]:
        """The query for those rows whose selected column is among the values, of any number."""
        ...

    def explained(self, where: str) -> AbstractContextManager[None]:
        """Turns what the database complains of into a LedgerError."""
        ...


@dataclass(frozen=True, slots=True)
class Database:
    """An open database: its engine, the words for where it is, and its dialect."""

    engine: Engine
    where: str
    dialect: Dialect

    @contextmanager
    def transaction(self, where: str, *, writes: bool) -> Iterator[Connection]:
        """A connection in one transaction, committed at the end, rolled back on any exception."""
        with (
            self.dialect.explained(where),
            self.engine.connect() as connection,
            connection.begin(),
        ):
            self.dialect.begin(connection, writes=writes)
            yield connection


def open_database(url_or_path: str | Path, busy_timeout_s: float = BUSY_TIMEOUT_S) -> Database:
    """The database of a ledger, its tables made where it is empty.

    LedgerError where it cannot be used.
    """
    from charging.ledger_migrations import make_ready

    database = connect(url_or_path, busy_timeout_s)
    try:
        make_ready(database)
    except BaseException:
        database.engine.dispose()
        raise
    return database


def connect(url_or_path: str | Path, busy_timeout_s: float = BUSY_TIMEOUT_S) -> Database:
    """The database that a URL or path names, whatever is in it."""
    text = str(url_or_path)
    try:
        url = make_url(text) if "://" in text else URL.create("sqlite", database=text)
    except (exc.ArgumentError, ValueError) as error:
        # Neither message repeats the address, which may hold a password.
        raise LedgerError("ledger", "its address is no URL that can be read",
                          "as in postgresql://role:password@host/database") from error
    backend = url.drivername.partition("+")[0]
    if backend == "sqlite":
        from charging.ledger_sqlite import connect_sqlite

        return connect_sqlite(url, busy_timeout_s)
    if backend in {"postgresql", "postgres"}:
        from charging.ledger_postgres import connect_postgres

        return connect_postgres(url, busy_timeout_s)
    raise LedgerError(f"ledger {url.render_as_string(hide_password=True)}",
                      f"is on {backend}", "only SQLite and PostgreSQL are supported")
