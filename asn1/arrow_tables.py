"""Polars tables of what the compiled kernel wrote, on the same memory."""

from functools import cache
from typing import Any, Final

import numpy as np
import polars as pl
import pyarrow as pa

from asn1.arena import Chunk, Piece, filled_columns
from asn1.ber import tag_text
from asn1.layout import Layout, LayoutColumn
from asn1.program import VIEWS
from asn1.records import UNKNOWN_SCHEMA
from asn1.sink import (
    TABLE_LENGTHS,
    TABLE_PARENTS,
    TABLE_PLACES,
    TABLE_RECORDS,
    TABLE_STARTS,
    Integers,
    Octets,
)

ARROW_TYPES: Final = {
    "integer": pa.int64(),
    "time": pa.timestamp("us"),
    "text": pa.string_view(),
    "raw": pa.binary_view(),
}


def tables_of(layout: Layout, chunks: list[list[Chunk]]) -> dict[str, pl.DataFrame]:
    """The tables that have rows, and the first one; of columns those that have values."""
    tables = {}
    for table, name in enumerate(layout.tables):
        if chunks[table]:
            tables[name] = _Table(layout, chunks[table]).frame()
        elif not table:
            tables[name] = _empty_records(layout)
    return tables


def unknown_of(layout: Layout, unknown: Integers) -> pl.DataFrame:
    """The table of unknown elements, from the kernel's words about each."""
    if not len(unknown):
        return pl.DataFrame(schema=UNKNOWN_SCHEMA)
    records, starts, ends, places, numbers = unknown.T
    contexts = pl.Series([context.type_name for context in layout.contexts], dtype=pl.String)
    classes = pl.Series([tag_text(n).removesuffix("0]") for n in range(4)], dtype=pl.String)
    frame = pl.DataFrame(
        {
            "record_index": records, "byte_offset": starts, "byte_length": ends - starts,
            "within": contexts.gather(places >> 2), "tag": classes.gather(places & 3),
            "number": numbers,
        }
    )
    tag = pl.format("{}{}]", "tag", "number")
    return frame.select(pl.exclude("tag", "number"), tag=tag).cast(UNKNOWN_SCHEMA)


def _empty_records(layout: Layout) -> pl.DataFrame:
    return pl.DataFrame(
        schema={
            "record_index": pl.Int32, "byte_offset": pl.Int64, "byte_length": pl.Int64,
            layout.kind_column: pl.Enum(layout.record_names),
        }
    )


class _Table:
    """One table, of the chunks that it was written in."""

    def __init__(self, layout: Layout, chunks: list[Chunk]) -> None:
        self.layout = layout
        self.chunks = chunks
        self.memories = [_filled(chunk) for chunk in chunks]

    def frame(self) -> pl.DataFrame:
        """The table as Polars has it, a chunk for each of ours."""
        columns = sorted({number for memories in self.memories for number in memories})
        frames = [
            self.chunk_frame(chunk, memories, columns)
            for chunk, memories in zip(self.chunks, self.memories, strict=True)
        ]
        return frames[0] if len(frames) == 1 else pl.concat(frames, rechunk=False)

    def chunk_frame(
        self, chunk: Chunk, memories: dict[int, tuple[Piece, int]], columns: list[int]
    ) -> pl.DataFrame:
        """One chunk, with those columns, even where it has no value of them."""
        series = self.keys(chunk)
        for number in columns:
            column = self.layout.columns[number]
            if number in memories:
                array = _array(chunk, column, number, *memories[number])
            else:
                array = _nulls(chunk.rows, column)
            series.append(_series(column.name, array))
        return pl.DataFrame(series)

    def keys(self, chunk: Chunk) -> list[pl.Series]:
        """What each row has beside its columns."""
        places = chunk.row_arrays[TABLE_PLACES][: chunk.rows]
        records = _plain("record_index", chunk, TABLE_RECORDS)
        if TABLE_PARENTS in chunk.row_arrays:
            parents = _plain("parent", chunk, TABLE_PARENTS)
            return [records, parents, _names(self.layout.places)[places].alias("place")]
        return [
            records,
            _plain("byte_offset", chunk, TABLE_STARTS),
            _plain("byte_length", chunk, TABLE_LENGTHS),
            _names(self.layout.record_names)[places].alias(self.layout.kind_column),
        ]


def _filled(chunk: Chunk) -> dict[int, tuple[Piece, int]]:
    """By number, where the columns are that have values: piece, and position in it."""
    return {
        int(piece.columns[position]): (piece, int(position))
        for piece in chunk.pieces
        for position in filled_columns(piece, chunk.rows)
    }


def _plain(name: str, chunk: Chunk, word: int) -> pl.Series:
    numbers = chunk.row_arrays[word][: chunk.rows]
    kind = pa.int32() if numbers.itemsize == 4 else pa.int64()
    # pa.array would do the same, but import pandas first.
    array = pa.Array.from_buffers(kind, chunk.rows, [None, pa.py_buffer(numbers.data)], 0)
    return _series(name, array)


class _Exported:
    """An Arrow array as nothing but what Polars takes it by.

    Shown the array itself, Polars imports pyarrow.compute first, which takes 50 ms.
    """

    def __init__(self, array: "pa.Array[Any]") -> None:
        self.__arrow_c_array__ = array.__arrow_c_array__


def _series(name: str, array: "pa.Array[Any]") -> pl.Series:
    return pl.Series(_Exported(array)).alias(name)


@cache
def _names(names: tuple[str, ...]) -> pl.Series:
    """The names as an Enum of them."""
    return pl.Series(names, dtype=pl.Enum(names))


def _array(
    chunk: Chunk, column: LayoutColumn, number: int, piece: Piece, position: int
) -> "pa.Array[Any]":
    """A column's values, on the memory they were written to."""
    rows, memory = chunk.rows, piece.memory
    cells_at = int(piece.cells_at[position])
    bits_at = piece.bits_at + position * piece.stride
    bits = memory[bits_at : bits_at + (rows + 7) // 8]
    nulls = rows - int(np.bitwise_count(bits).sum())
    views = column.kind in VIEWS
    cells = memory[cells_at : cells_at + rows * (16 if views else 8)]
    heaps = _heaps(chunk, number, piece, position) if views else []
    buffers = [pa.py_buffer(bits.data) if nulls else None]
    buffers += [pa.py_buffer(octets.data) for octets in (cells, *heaps)]
    return pa.Array.from_buffers(ARROW_TYPES[column.kind], rows, buffers, nulls)


def _heaps(chunk: Chunk, number: int, piece: Piece, position: int) -> list[Octets]:
    used = int(chunk.used[number])
    if number in chunk.heaps:
        *full, last = chunk.heaps[number]
        return [*full, last[:used]]
    start = int(piece.heaps_at[position])
    return [piece.memory[start : start + used]] if used else []


def _nulls(rows: int, column: LayoutColumn) -> "pa.Array[Any]":
    """A column without values."""
    sizes = (rows // 8 + 1, 16 * rows)
    buffers: list[pa.Buffer | None] = [pa.py_buffer(bytes(size)) for size in sizes]
    return pa.Array.from_buffers(ARROW_TYPES[column.kind], rows, buffers, rows)
