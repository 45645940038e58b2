"""All that is SQLite's own: opening the file, its transactions, and the bulk statements."""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from sqlalchemy import Connection, Engine, create_engine, event, exc, inspect, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from charging.ledger_error import LedgerError
from charging.ledger_schema import LAYOUT, METADATA

APPLICATION_ID = 0x524D4C47
"""Marks an SQLite file as a ledger ("RMLG"); sqlite_mark.sql writes it, with the layout."""

BUSY_TIMEOUT_S = 60.0
"""A writer holds the ledger for one file's posting: seconds, even for millions of rows."""

_SQL = Path(__file__).parent / "sql"
_OLDEST_SQLITE = (3, 37, 0)


def sql(name: str) -> str:
    """The text of a statement in charging/sql."""
    return (_SQL / f"{name}.sql").read_text("utf-8")


def open_engine(url_or_path: str | Path, busy_timeout_s: float) -> tuple[Engine, str]:
    """An engine on the ledger file, created where absent, and the words for where it is."""
    text = str(url_or_path)
    url = make_url(text if "://" in text else f"sqlite:///{text}")
    where = f"ledger {url.database or url.render_as_string(hide_password=True)}"
    if url.get_backend_name() != "sqlite":
        raise LedgerError(where, f"is on {url.get_backend_name()}", "only SQLite is supported")
    if url.database in {None, "", ":memory:"}:
        raise LedgerError(where, "names no file", "a ledger must outlive its process")
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        raise LedgerError(where, f"SQLite is {sqlite3.sqlite_version}", "3.37 or newer is needed")
    engine = create_engine(url, connect_args={"timeout": busy_timeout_s})
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    try:
        with explained(where):
            _create(engine, where)
    except BaseException:
        engine.dispose()
        raise
    return engine, where


def _prepare(raw: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    """Make a new connection durable, and leave the beginning of transactions to _begin."""
    connection = cast("sqlite3.Connection", raw)
    connection.isolation_level = None
    for statement in _statements(sql("sqlite_connection")):
        connection.execute(statement)


def _begin(connection: Connection) -> None:
    """Begin: a writer takes its lock at once, as a reader that turned writer could deadlock."""
    writes = connection.get_execution_options().get("ledger_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _create(engine: Engine, where: str) -> None:
    """Create the tables in an empty file; refuse one that is not a ledger of this layout."""
    with transaction(engine, where, writes=False) as connection:
        if _is_ledger(connection, where):
            return
    # The mode belongs to the file and stays with it; it cannot change inside a transaction.
    with explained(where), engine.connect() as connection:
        mode = raw_connection(connection).execute("PRAGMA journal_mode = WAL").fetchone()[0]
    if mode != "wal":
        raise LedgerError(where, f"SQLite can keep only a {mode} journal here, not a write-ahead "
                          "log", "put the ledger on a local disk")
    with transaction(engine, where, writes=True) as connection:
        if _is_ledger(connection, where):
            return
        METADATA.create_all(connection)
        for script in ("sqlite_triggers", "sqlite_mark"):
            for statement in _statements(sql(script)):
                connection.exec_driver_sql(statement)


def _is_ledger(connection: Connection, where: str) -> bool:
    """Whether the file is a ledger; False where it is empty."""
    mark = connection.exec_driver_sql("PRAGMA application_id").scalar_one()
    layout = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
    if mark == APPLICATION_ID and layout == LAYOUT:
        return True
    if mark == APPLICATION_ID:
        raise LedgerError(where, f"has layout {layout}, this program knows {LAYOUT}",
                          "use the version of Ratemill that wrote it")
    if mark or inspect(connection).get_table_names():
        raise LedgerError(where, "is an SQLite file but not a ledger", "name another file")
    return False


def _statements(script: str) -> Iterator[str]:
    """The statements of a script one by one, as executing a script would commit first."""
    part = ""
    for line in script.splitlines(keepends=True):
        part += line
        if sqlite3.complete_statement(part):
            yield part
            part = ""


@contextmanager
def transaction(engine: Engine, where: str, *, writes: bool) -> Iterator[Connection]:
    """A connection in one transaction, committed at the end and rolled back on any exception."""
    with (
        explained(where),
        engine.connect().execution_options(ledger_writes=writes) as connection,
        connection.begin(),
    ):
        yield connection


@contextmanager
def explained(where: str) -> Iterator[None]:
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


def raw_connection(connection: Connection) -> sqlite3.Connection:
    """The driver's own connection, in the same transaction."""
    return cast("sqlite3.Connection", connection.connection.driver_connection)


def run_many(connection: Connection, name: str, rows: Iterable[tuple[object, ...]]) -> int:
    """The number of rows that a statement of charging/sql changed, run once for each tuple."""
    return raw_connection(connection).executemany(sql(name), rows).rowcount


def claim_keys(
    connection: Connection, file_number: int, keys: list[tuple[bytes, int]]
) -> list[tuple[int, bytes, int, int]]:
    """The claims of (usage key, record index) that another record had made before.

    Each as (record index, usage key, original file number, original record index). Of a key that
    stands twice in the list, the first is its owner.
    """
    claims = ((key, file_number, record) for key, record in keys)
    if run_many(connection, "claim_keys", claims) == len(keys):
        return []
    owner_of = sql("key_owner")
    execute = raw_connection(connection).execute
    owned = ((record, key, *execute(owner_of, (key,)).fetchone()) for key, record in keys)
    return [row for row in owned if (row[2], row[3]) != (file_number, row[0])]
