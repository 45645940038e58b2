"""Rows of all tables of a layout, gathered as Python lists, and the data frames made of them."""

from collections import defaultdict
from typing import Any, Final

import polars as pl

from asn1.layout import Layout, LayoutColumn
from asn1.records import UNKNOWN_SCHEMA

_TYPES: Final[dict[str, pl.DataType]] = {
    "integer": pl.Int64(),
    "text": pl.String(),
    "raw": pl.Binary(),
    "time": pl.Datetime("us"),
}

_Keys = tuple[list[int], list[int], list[int]]
"""Of each row its record, its parent's row and its place."""
_Cells = tuple[list[int], list[Any]]
"""The rows that have a value, and the values."""


class RowLists:
    """The keys of each table's rows, and the cells of each column, by number.

    `last` is the number of the last row of each table, -1 when there is none. Tables and columns
    come into being when used: most of a grammar's hundreds never are.
    """

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.last = [-1] * len(layout.tables)
        self.keys: defaultdict[int, _Keys] = defaultdict(lambda: ([], [], []))
        self.cells: defaultdict[int, _Cells] = defaultdict(lambda: ([], []))
        self.spans: list[tuple[int, int]] = []
        """Offset and length of each record that was kept."""

    def open_row(self, table: int, parent: int, place: int, record: int) -> None:
        """A new row of the table, below the last one of the parent table."""
        self.last[table] += 1
        records, parents, places = self.keys[table]
        records.append(record)
        parents.append(self.last[parent])
        places.append(place)

    def mark(self) -> list[int]:
        """A state to roll back to."""
        return self.last.copy()

    def roll_back(self, mark: list[int]) -> None:
        """Forgets the rows opened since mark, and their values."""
        for table, keys in self.keys.items():
            for values in keys:
                del values[mark[table] + 1 :]
        for column, (rows, values) in self.cells.items():
            last = mark[self.layout.columns[column].table]
            while rows and rows[-1] > last:
                rows.pop()
                values.pop()
        self.last[:] = mark

    def frames(self) -> dict[str, pl.DataFrame]:
        """The tables that have rows, and that of the records; columns that have a value."""
        return {
            name: pl.DataFrame([*self._keys(table), *self._columns(table)])
            for table, name in enumerate(self.layout.tables)
            if not table or self.last[table] >= 0
        }

    def _keys(self, table: int) -> list[pl.Series]:
        records, parents, places = self.keys[table]
        index = pl.Series("record_index", records, pl.Int32)
        if table:
            rows = pl.Series("parent", parents, pl.Int32)
            return [index, rows, _names("place", places, self.layout.places)]
        return [
            index,
            pl.Series("byte_offset", [start for start, _ in self.spans], pl.Int64),
            pl.Series("byte_length", [length for _, length in self.spans], pl.Int64),
            _names(self.layout.kind_column, places, self.layout.record_names),
        ]

    def _columns(self, table: int) -> list[pl.Series]:
        return [
            self._series(column, *self.cells[number])
            for number, column in enumerate(self.layout.columns)
            if column.table == table and number in self.cells and self.cells[number][0]
        ]

    def _series(self, column: LayoutColumn, rows: list[int], values: list[Any]) -> pl.Series:
        height = self.last[column.table] + 1
        if len(rows) < height:
            spread: list[Any] = [None] * height
            for row, value in zip(rows, values, strict=True):
                spread[row] = value
            values = spread
        return pl.Series(column.name, values, _TYPES[column.kind])


def unknown_frame(rows: list[tuple[int, int, int, str, str]]) -> pl.DataFrame:
    """The table of elements that the grammar has no place for."""
    return pl.DataFrame(rows, schema=UNKNOWN_SCHEMA, orient="row")


def _names(name: str, codes: list[int], names: tuple[str, ...]) -> pl.Series:
    return pl.Series(name, codes, pl.UInt32).cat.to(pl.Enum(names))
