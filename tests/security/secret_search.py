"""Where a secret stands: files of every kind that a run writes, read as a reader would read them.

Octets alone would not do: Parquet and DuckDB compress texts, SQLite cuts long ones into pages.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

import duckdb
import polars as pl


def secrets_in(root: Path, marks: Mapping[str, str], beside: Iterable[Path] = ()) -> list[str]:
    """`name of the secret: path` for each file below root that holds one of the secrets.

    `beside` are files and folders where secrets belong.
    """
    passed_over = [path.resolve() for path in beside]
    found = []
    for path in sorted(root.rglob("*")):
        if not path.is_file() or any(path.resolve().is_relative_to(out) for out in passed_over):
            continue
        whole = "\n".join(_texts(path))
        found += [f"{name}: {path.relative_to(root)}" for name in named(whole, marks)]
    return found


def named(text: str, marks: Mapping[str, str]) -> list[str]:
    """Names of the secrets that a text holds, as they are or as in an address."""
    return [name for name, mark in marks.items() if mark in text or quote(mark, "") in text]


def _texts(path: Path) -> Iterator[str]:
    """A file's octets as text, and what a reader of its kind would find."""
    data = path.read_bytes()
    yield data.decode("latin-1")
    if data[:4] == b"PAR1":
        yield from _cells(pl.read_parquet(path, glob=False))
    elif data[:15] == b"SQLite format 3":
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
            yield from connection.iterdump()
        connection.close()
    elif data[8:12] == b"DUCK":
        with duckdb.connect(str(path), read_only=True) as connection:
            for (name,) in connection.sql("select table_name from duckdb_tables()").fetchall():
                yield from _cells(connection.table(name).pl())


def _cells(frame: pl.DataFrame) -> Iterator[str]:
    """Every text and every run of octets in a frame."""
    for column in frame.iter_columns():
        if column.dtype == pl.Binary:
            yield from (value.decode("latin-1") for value in column.drop_nulls().unique())
        elif not column.dtype.is_numeric() and not column.dtype.is_temporal():
            yield from map(str, column.drop_nulls().to_list())
