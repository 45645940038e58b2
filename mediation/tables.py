"""How a flowing table is declared, and the check that every stage ends with."""

from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Literal

import polars as pl
import pyarrow as pa

Kind = Literal["text", "word", "int32", "int64", "bool", "time", "bytes", "parts", "draws"]

_STRUCTS: dict[str, dict[str, str]] = {
    "parts": {
        "band": "word", "rate_line": "int32", "units": "int64", "price_micros": "int64",
        "price_units": "int64", "amount_micros": "int64",
    },
    "draws": {
        "allowance": "word", "holder": "text", "period_start": "time", "units": "int64",
        "before": "int64", "taken": "int64", "scale": "int64",
    },
}
"""Kinds that are lists of structs: the fields of one element with their kinds"""
_WITH_WORDS = ("word", *_STRUCTS)
FEW: Final = 256
"""Most different values for which text is better kept as words"""

_ARROW: dict[str, pa.DataType] = {
    "text": pa.large_string(),
    # text of few different values: a frame may hold it as Enum, which is quicker to make and write
    "word": pa.large_string(),
    "int32": pa.int32(),
    "int64": pa.int64(),
    "bool": pa.bool_(),
    "time": pa.timestamp("us"),
    "bytes": pa.large_binary(),
}
_POLARS: dict[str, pl.DataType] = {
    "text": pl.String(),
    "word": pl.String(),
    "int32": pl.Int32(),
    "int64": pl.Int64(),
    "bool": pl.Boolean(),
    "time": pl.Datetime("us"),
    "bytes": pl.Binary(),
}
for _name, _fields in _STRUCTS.items():
    _ARROW[_name] = pa.large_list(pa.struct([(n, _ARROW[k]) for n, k in _fields.items()]))
    _POLARS[_name] = pl.List(pl.Struct({n: _POLARS[k] for n, k in _fields.items()}))


class TableError(Exception):
    """A stage produced a table that is not the declared one: a bug, never bad input."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name (the unit last), kind, whether nulls are allowed, and its meaning."""

    name: str
    kind: Kind
    doc: str
    null: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """A named table: its grain in one sentence and its columns in order.

    Each is declared once and is itself alone: it is the key of much that is looked up.
    """

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
        return dict(_types(self))

    def empty(self) -> pl.DataFrame:
        """A frame of this table with no rows."""
        return _empty(self).clone()

    def fill(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The frame's columns of this table in order and type; absent nullable ones as nulls."""
        have = frame.schema
        fitting = [_fits(c, have.get(c.name)) for c in self.columns]
        if all(fitting) and frame.columns == self.names:
            # what only looks like a copy of a large frame is one
            return conform(self, frame)
        return conform(
            self,
            frame.select(
                pl.col(c.name) if fits
                else (pl.col(c.name) if c.name in have else pl.lit(None))
                .cast(_POLARS[c.kind]).alias(c.name)
                for c, fits in zip(self.columns, fitting, strict=True)
            ),
        )

    def plain(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The frame with its words as String, as frames of several origins can be put together."""
        have, want = frame.schema, self.polars
        words = [pl.col(name).cast(kind) for name, kind in want.items()
                 if name in have and have[name] != kind and _spelt(have[name]) == kind]
        return frame.with_columns(words) if words else frame

    def worded(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The frame with those words that are String and FEW as Enums of what occurs."""
        have = frame.schema
        texts = [frame[c.name] for c in self.columns
                 if c.kind == "word" and have.get(c.name) == pl.String]
        return frame.with_columns(as_words(text, FEW) for text in texts) if texts else frame


@cache
def _types(table: Table) -> dict[str, pl.DataType]:
    """The table's Polars schema, which is asked for with every frame."""
    return {c.name: _POLARS[c.kind] for c in table.columns}


@cache
def _empty(table: Table) -> pl.DataFrame:
    """The table's frame without rows: making one takes longer than most of what is done to it."""
    return pl.DataFrame(schema=table.polars)


def as_words(texts: pl.Series, most: int | None = None) -> pl.Series:
    """The texts as an Enum of those that occur, in their order; as they are where more differ."""
    if isinstance(texts.dtype, pl.Enum):
        return texts
    values = texts.drop_nulls().unique(maintain_order=True)
    return texts if most is not None and len(values) > most else texts.cast(pl.Enum(values))


def _fits(column: Column, kind: pl.DataType | None) -> bool:
    """Whether a column of this type is as declared."""
    want = _POLARS[column.kind]
    return kind == want or (
        kind is not None and column.kind in _WITH_WORDS and _spelt(kind) == want
    )


def _spelt(kind: pl.DataType) -> pl.DataType:
    """The type with its words as String."""
    if isinstance(kind, pl.Enum):
        return pl.String()
    if isinstance(kind, pl.List):
        return pl.List(_spelt(_instance(kind.inner)))
    if isinstance(kind, pl.Struct):
        return pl.Struct({f.name: _spelt(_instance(f.dtype)) for f in kind.fields})
    return kind


def _instance(kind: Any) -> pl.DataType:  # noqa: ANN401
    """The type, which Polars may hold as its class."""
    made: pl.DataType = kind if isinstance(kind, pl.DataType) else kind()
    return made


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
    wrong = [f"{c.name} is {have[c.name]}, declared {want[c.name]}"
             for c in table.columns if not _fits(c, have[c.name])]
    if wrong:
        raise TableError(f"{table.name}: {'; '.join(wrong)}")
    if frame.is_empty():
        return frame
    nulls = {c.name: frame[c.name].null_count() for c in table.columns if not c.null}
    holes = [f"{name} has {count} nulls" for name, count in nulls.items() if count]
    if holes:
        raise TableError(f"{table.name}: {'; '.join(holes)}")
    return frame
