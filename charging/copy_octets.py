"""Rows of whole numbers as PostgreSQL's binary COPY takes them, made by columns."""

from collections.abc import Iterator
from typing import Final

import polars as pl
from sqlalchemy import BigInteger, Integer, SmallInteger, Table

_SIGNATURE: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
"""No flags, no extension of the header"""
_END: Final = (-1).to_bytes(2, "big", signed=True)
_SLICE_ROWS: Final = 50_000
"""Rows held as octets at a time"""


_SIZES: Final[dict[pl.DataType, int]] = {pl.Int16(): 2, pl.Int32(): 4, pl.Int64(): 8}


def octets(table: Table, rows: pl.DataFrame) -> Iterator[bytes] | None:
    """The rows as octets; None where one is not of whole numbers that fit the table's columns."""
    kinds = [_kind(table, name) for name in rows.columns]
    if None in kinds:
        return None
    fitting = rows.select(
        pl.col(name).cast(kind, strict=False)
        for name, kind in zip(rows.columns, kinds, strict=True) if kind is not None
    )
    return None if sum(fitting.null_count().row(0)) else _parts(fitting)


def _kind(table: Table, name: str) -> pl.DataType | None:
    """What a column of the table holds, where that is whole numbers."""
    kind = table.c[name].type
    if isinstance(kind, BigInteger):
        return pl.Int64()
    if isinstance(kind, SmallInteger):
        return pl.Int16()
    return pl.Int32() if isinstance(kind, Integer) else None


def _parts(rows: pl.DataFrame) -> Iterator[bytes]:
    """Header, rows and trailer; before each value stands its length."""
    import numpy as np

    sizes = [_SIZES[kind] for kind in rows.dtypes]
    fields = [("fields", ">i2")]
    for number, size in enumerate(sizes):
        fields += [(f"size{number}", ">i4"), (f"value{number}", f">i{size}")]
    yield _SIGNATURE
    for part in rows.iter_slices(_SLICE_ROWS):
        made = np.empty(part.height, np.dtype(fields))
        made["fields"] = len(sizes)
        for number, (size, column) in enumerate(zip(sizes, part, strict=True)):
            made[f"size{number}"] = size
            made[f"value{number}"] = column.to_numpy()
        yield made.tobytes()
    yield _END
