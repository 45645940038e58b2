"""The ledger on PostgreSQL: opening the database, its transactions, and the bulk statements."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, cast

import polars as pl
import psycopg
from psycopg import errors, sql
from sqlalchemy import (
    URL,
    BigInteger,
    Column,
    Connection,
    FromClause,
    MetaData,
    Select,
    Table,
    Text,
    create_engine,
    delete,
    exc,
    func,
    inspect,
    literal,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, insert

from charging.copy_octets import octets
from charging.ledger_database import Database
from charging.ledger_error import LedgerError
from charging.ledger_schema import METADATA

_WRITER: Final = 0x524D4C47
"""Advisory lock that a writer of the ledger holds until it commits"""
_REACH: Final = {"connect_timeout": "10", "application_name": "ratemill"}
"""What the URL may say otherwise"""
_TIME: Final = "%Y-%m-%d %H:%M:%S%.6f"


def connect_postgres(url: URL, busy_timeout_s: float) -> Database:
    """The database on a PostgreSQL server."""
    shown = url.set(query={n: v for n, v in url.query.items() if "password" not in n})
    where = f"ledger {shown.render_as_string(hide_password=True)}"
    engine = create_engine(
        url.set(drivername="postgresql+psycopg"),
        use_native_hstore=False,  # else each connection asks the server about a type of no use here
        connect_args={"client_encoding": "utf8", **_REACH}
        | {n: v for n, v in url.query.items() if n in _REACH},
    )
    return Database(engine, where, PostgresDialect(busy_timeout_s))


@dataclass(frozen=True, slots=True)
class PostgresDialect:
    """What PostgreSQL does in its own way."""

    busy_timeout_s: float
    name: str = "postgresql"

    def make_durable(self, database: Database) -> None:
        """Nothing: the server sees to it."""

    def refuse_strangers(self, connection: Connection, where: str) -> None:
        """LedgerError where a database that is no ledger has tables of the same names."""
        taken = set(inspect(connection).get_table_names()) & set(METADATA.tables)
        if taken:
            raise LedgerError(where, f"has a table {min(taken)}, but is not a ledger",
                              "give the ledger a database or schema of its own")

    def begin(self, connection: Connection, *, writes: bool) -> None:
        """Begin: one writer at a time, as numbers are dense and the audit trail is a chain.

        A reader sees one state of the ledger however many questions it asks.
        """
        if writes:
            wait = str(int(self.busy_timeout_s * 1000))
            connection.execute(select(func.set_config("lock_timeout", wait, text("true"))))
            connection.execute(select(func.pg_advisory_xact_lock(_WRITER)))
        else:
            connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))

    def append(self, connection: Connection, table: Table, rows: pl.DataFrame) -> None:
        """Add rows whose columns are named as the table's."""
        _copy(connection, table, rows)

    def append_new(self, connection: Connection, table: Table, rows: pl.DataFrame) -> int:
        """Add those rows whose primary key is not there, and say how many."""
        attempt = connection.begin_nested()
        try:
            # Nearly always all are new, and copying them is twice as fast as asking.
            _copy(connection, table, rows)
        except errors.UniqueViolation:
            attempt.rollback()
        else:
            attempt.commit()
            return rows.height
        with _staged(connection, table, rows) as staged:
            new = insert(table).from_select(rows.columns, select(staged))
            return connection.execute(
                new.on_conflict_do_nothing(), execution_options={"preserve_rowcount": True}
            ).rowcount

    def add_to(self, connection: Connection, table: Table, rows: pl.DataFrame, key: str) -> None:
        """Add the rows' numbers to those of the table's rows of the same key, which exist."""
        with _staged(connection, table, rows) as staged:
            connection.execute(
                update(table).where(table.c[key] == staged.c[key])
                .values({n: table.c[n] + staged.c[n] for n in rows.columns if n != key})
            )

    def merge(
        self, connection: Connection, table: Table, rows: pl.DataFrame, *,
        adds: tuple[str, ...], latest: tuple[str, ...] = (),
    ) -> None:
        """Add rows; where the primary key is there, add to some and take the latest of others."""
        with _staged(connection, table, rows) as staged:
            new = insert(table).from_select(rows.columns, select(staged))
            changed = {name: table.c[name] + new.excluded[name] for name in adds} | {
                name: func.greatest(table.c[name], new.excluded[name]) for name in latest
            }
            key = list(table.primary_key.columns)
            connection.execute(new.on_conflict_do_update(index_elements=key, set_=changed))

    def remove(self, connection: Connection, table: Table, rows: pl.DataFrame) -> int:
        """Remove the rows that are equal in all columns given, and say how many there were."""
        with _staged(connection, table, rows) as staged:
            same = (table.c[name] == staged.c[name] for name in rows.columns)
            return connection.execute(delete(table).where(*same)).rowcount

    def listed(self, values: pl.Series) -> FromClause:
        """A table whose only column, `value`, has the values, of any number."""
        kind = BigInteger() if values.dtype.is_integer() else Text()
        array = literal(values.to_list(), ARRAY(kind))
        return func.unnest(array).table_valued("value").render_derived()

    def matching(self, query: Select[Any], name: str, values: pl.Series) -> Select[Any]:
        """The query for those rows whose selected column is among the values, of any number."""
        column = query.selected_columns[name]
        return query.where(column == func.any(literal(values.to_list(), ARRAY(column.type))))

    @contextmanager
    def explained(self, where: str) -> Iterator[None]:
        """Turns what the database complains of into a LedgerError."""
        try:
            yield
        except (exc.DBAPIError, psycopg.Error) as error:
            cause = error.orig if isinstance(error, exc.DBAPIError) else error
            what = " ".join(str(cause).split())
            hint, retry = next(
                ((hint, retry) for kinds, hint, retry in _HINTS if isinstance(cause, kinds)),
                ("nothing was changed", False),
            )
            if any(words in what for words in _TURNED_AWAY):
                hint, retry = "check role, password and database in its address", False
            raise LedgerError(where, what, hint, retry=retry) from error


_HINTS: Final[tuple[tuple[tuple[type[psycopg.Error], ...], str, bool], ...]] = (
    ((errors.LockNotAvailable, errors.DeadlockDetected, errors.SerializationFailure),
     "another process is posting; try again when it is done", True),
    ((errors.NumericValueOutOfRange,), "nothing was changed; a balance would not fit 64 bits",
     False),
    ((errors.InsufficientPrivilege,), "grant the role what it lacks; nothing was changed", False),
    ((errors.DiskFull, errors.OutOfMemory, errors.TooManyConnections),
     "free what the server lacks; nothing was changed", True),
    ((psycopg.OperationalError,), "the server cannot be reached, or ended; try again", True),
)
_TURNED_AWAY: Final = (
    "password authentication failed", "no password supplied", "no pg_hba.conf entry",
    '" does not exist',
)
"""What a server says to whom it does not let in, for which the driver gives no code"""


def _raw(connection: Connection) -> psycopg.Connection:
    """The driver's own connection, in the same transaction."""
    return cast("psycopg.Connection", connection.connection.driver_connection)


def _copy(connection: Connection, table: Table, rows: pl.DataFrame) -> None:
    """Bring rows into a table."""
    made = octets(table, rows)
    statement = (_AS_TEXT if made is None else _AS_OCTETS).format(
        sql.Identifier(table.name), sql.SQL(", ").join(map(sql.Identifier, rows.columns))
    )
    with _raw(connection).cursor() as cursor, cursor.copy(statement) as copy:
        for part in _texts(rows) if made is None else made:
            copy.write(part)


_AS_TEXT: Final = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv)")
_AS_OCTETS: Final = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)")


def _texts(rows: pl.DataFrame) -> Iterator[str]:
    """The rows as CSV."""
    for part in rows.iter_slices(_SLICE_ROWS):
        yield part.write_csv(
            include_header=False, datetime_format=_TIME, quote_style="non_numeric"
        )


_SLICE_ROWS: Final = 100_000
"""Rows held as text at a time"""


@contextmanager
def _staged(connection: Connection, table: Table, rows: pl.DataFrame) -> Iterator[Table]:
    """A temporary table of the rows, there for the length of the block."""
    columns = (Column(name, table.c[name].type) for name in rows.columns)
    staged = Table(f"staged_{table.name}", MetaData(), *columns, prefixes=["TEMPORARY"])
    staged.create(connection)
    _copy(connection, staged, rows)
    yield staged
    staged.drop(connection)
