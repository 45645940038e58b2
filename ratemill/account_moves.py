"""What usage moved an account's balance, from the detail in the lake."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import duckdb

from charging.schema import POSTING
from mediation.tables import Table
from ratemill.lake import Lake
from rating.schema import CHARGE

_SQL: Final = Path(__file__).parent / "sql"
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Period:
    """A span of posting times, half-open, naive UTC."""

    begin: datetime
    finish: datetime


@dataclass(frozen=True, slots=True)
class Moves:
    """The postings of one account with the charges behind them, looked at over a period."""

    _connection: duckdb.DuckDBPyConnection
    _period: Period

    def rows(self, name: str, **more: object) -> list[Row]:
        """The rows of the query `statement_NAME.sql`."""
        found = _run(self._connection, f"statement_{name}", {
            "begin": self._period.begin, "finish": self._period.finish, **more,
        })
        names = [column[0] for column in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


@contextmanager
def moves(lake: Lake, account: str, period: Period, last_batch: int) -> Iterator[Moves]:
    """The account's moves up to a posting batch; only files with any of them are read whole."""
    with duckdb.connect() as connection:
        _view(connection, lake, POSTING, lake.files(POSTING))
        wanted = {"account": account, "last_batch": last_batch}
        _run(connection, "statement_posting", wanted)
        files = connection.execute("select distinct partner, file_id from account_posting")
        paths = [
            lake.path(CHARGE, partner, file_id, "rate") for partner, file_id in files.fetchall()
        ]
        present = [path for path in paths if path.exists()]
        _view(connection, lake, CHARGE, [*present, *lake.corrections(CHARGE)])
        _run(connection, "statement_move", {})
        _run(connection, "statement_charged", {"begin": period.begin, "finish": period.finish})
        yield Moves(connection, period)


def _view(
    connection: duckdb.DuckDBPyConnection, lake: Lake, table: Table, paths: list[Path]
) -> None:
    """A view over the files; an empty one gives it its columns."""
    empty = lake.root / f"{table.name}.empty.parquet"
    if not empty.exists():
        lake.write(table, empty, table.empty())
    connection.read_parquet([str(path) for path in (empty, *paths)]).create_view(table.name)


def _run(
    connection: duckdb.DuckDBPyConnection, name: str, given: Mapping[str, object]
) -> duckdb.DuckDBPyConnection:
    text = (_SQL / f"{name}.sql").read_text("utf-8")
    # a value that a query does not name is refused
    return connection.execute(text, {k: v for k, v in given.items() if f"${k}" in text})
