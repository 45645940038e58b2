"""How a flowing table is declared, and the check that every stage ends with."""

from dataclasses import dataclass
from typing import Literal

import polars as pl
import pyarrow as pa

Kind = Literal["text", "int32", "int64", "bool", "time", "bytes", "bands"]

_ARROW: dict[str, pa.DataType] = {
    "text": pa.large_string(),
    "int32": pa.int32(),
    "int64": pa.int64(),
    "bool": pa.bool_(),
    "time": pa.timestamp("us"),
    "bytes": pa.large_binary(),
    "bands": pa.large_list(
        pa.struct(
            [
                ("band", pa.large_string()),
                ("units", pa.int64()),
                ("price_micros", pa.int64()),
                ("price_units", pa.int64()),
                ("amount_micros", pa.int64()),
            ]
        )
    ),
}
_POLARS: dict[str, pl.DataType] = {
    "text": pl.String(),
    "int32": pl.Int32(),
    "int64": pl.Int64(),
    "bool": pl.Boolean(),
    "time": pl.Datetime("us"),
    "bytes": pl.Binary(),
    "bands": pl.List(
        pl.Struct(
            {
                "band": pl.String(),
                "units": pl.Int64(),
                "price_micros": pl.Int64(),
                "price_units": pl.Int64(),
                "amount_micros": pl.Int64(),
            }
        )
    ),
}


class TableError(Exception):
    """A stage produced a table that is not the declared one: a bug, never bad input."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name (the unit last), kind, whether nulls are allowed, and its meaning."""

    name: str
    kind: Kind
    doc: str
    null: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A named table: its grain in one sentence and its columns in order."""

    name: str
    grain: str
    columns: tuple[Column, ...]

    @property
    def names(self) -> list[str]:
        """The column names in order."""
        return [c.name for c in self.columns]

    @property
    def arrow(self) -> pa.Schema:
        """The pyarrow schema, with each column's meaning as field metadata."""
        return pa.schema(
            [
                pa.field(c.name, _ARROW[c.kind], nullable=c.null, metadata={"doc": c.doc})
                for c in self.columns
            ]
        )

    @property
    def polars(self) -> dict[str, pl.DataType]:
        """The Polars schema, column name to type, in order."""
        return {c.name: _POLARS[c.kind] for c in self.columns}

    def empty(self) -> pl.DataFrame:
        """A frame of this table with no rows."""
        return pl.DataFrame(schema=self.polars)

    def fill(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The frame's columns of this table in order and type; absent nullable ones as nulls."""
        return conform(
            self,
            frame.select(
                (pl.col(c.name) if c.name in frame.columns else pl.lit(None))
                .cast(_POLARS[c.kind])
                .alias(c.name)
                for c in self.columns
            ),
        )


def conform(table: Table, frame: pl.DataFrame) -> pl.DataFrame:
    """The same frame, refused with TableError for wrong names, order, types or nulls."""
    want, have = table.polars, dict(frame.schema)
    if list(have) != list(want):
        missing = [n for n in want if n not in have]
        extra = [n for n in have if n not in want]
        raise TableError(
            f"{table.name}: columns differ: missing {missing}, not declared {extra}; "
            "the declared order counts too"
        )
    wrong = [f"{n} is {have[n]}, declared {want[n]}" for n in want if have[n] != want[n]]
    if wrong:
        raise TableError(f"{table.name}: {'; '.join(wrong)}")
    required = [c.name for c in table.columns if not c.null]
    nulls = frame.select(pl.col(required).null_count()).row(0) if required else ()
    holes = [f"{n} has {k} nulls" for n, k in zip(required, nulls, strict=True) if k]
    if holes:
        raise TableError(f"{table.name}: {'; '.join(holes)}")
    return frame
