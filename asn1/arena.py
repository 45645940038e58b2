"""The memory that the compiled kernel writes a layout's tables to.

Rows are written where they stay. Room for them is judged in advance, and is addresses more than
memory: pages that are never written are never there. Where it was too small, the table goes on in
another chunk, a column's heap in another piece; a column that was empty so far gets its own piece.
"""

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from asn1.layout import Layout
from asn1.program import program_of
from asn1.sink import (
    COLUMN_BITS,
    COLUMN_CELLS,
    COLUMN_COUNT,
    COLUMN_HEAP,
    COLUMN_HEAP_NUMBER,
    COLUMN_HEAP_ROOM,
    COLUMN_HEAP_USED,
    COLUMN_LAST,
    COLUMN_ROOM,
    COLUMN_WORDS,
    COLUMNS,
    FAULT_WORDS,
    FULL_FAULTS,
    FULL_UNKNOWN,
    MAX_HEAP,
    PAD,
    ROWS,
    SLACK,
    TABLE_COUNT,
    TABLE_FIRST,
    TABLE_LENGTHS,
    TABLE_PARENTS,
    TABLE_PLACES,
    TABLE_RECORDS,
    TABLE_ROOM,
    TABLE_STARTS,
    TABLE_WORDS,
    TABLES,
    UNKNOWN_WORDS,
    Integers,
    Octets,
    Sink,
)

LINE: Final = 64
"""Octets of a cache line."""
SKEW: Final = 9 * LINE
"""Columns must not lie powers of two apart: they would share the few lines of one cache set."""
ROW_ARRAYS: Final = (
    (TABLE_RECORDS, np.dtype(np.int32)), (TABLE_PARENTS, np.dtype(np.int32)),
    (TABLE_PLACES, np.dtype(np.uint16)), (TABLE_STARTS, np.dtype(np.int64)),
    (TABLE_LENGTHS, np.dtype(np.int64)),
)
"""What each row has beside its columns. Records have no parents, other rows no starts and lengths.
"""


@dataclass(frozen=True, slots=True)
class Piece:
    """Columns of a chunk in one piece of memory, and where in it their parts are.

    `bits_at` is the first column's; the others follow at distances of `stride`.
    """

    memory: Octets
    columns: Integers
    cells_at: Integers
    bits_at: int
    stride: int
    heaps_at: Integers


@dataclass(slots=True)
class Chunk:
    """Rows of one table: those there is room for, and in the end those that it has.

    `row_arrays` are by the words of asn1.sink. `used` has each column's octets in its last heap;
    `heaps` all heaps of those columns that filled more than one.
    """

    room: int
    row_arrays: dict[int, Octets]
    pieces: list[Piece]
    heaps: dict[int, list[Octets]] = field(default_factory=dict)
    rows: int = 0
    used: Integers = field(default_factory=lambda: np.zeros(0, np.int64))


class Arena:
    """Tables being filled. rows, tables and columns are the kernel's words about them."""

    def __init__(self, layout: Layout) -> None:
        tables, columns = len(layout.tables), len(layout.columns)
        words = np.zeros(COLUMNS + columns * COLUMN_WORDS, np.int64)
        words[TABLE_COUNT] = tables
        words[COLUMN_COUNT] = columns
        self.sink = Sink(
            words, np.zeros(256 * FAULT_WORDS, np.int64), np.zeros(1024 * UNKNOWN_WORDS, np.int64),
            np.zeros(1024 + PAD, np.uint8),
        )
        self.rows = words[ROWS : ROWS + tables]
        self.tables = words[TABLES : TABLES + tables * TABLE_WORDS].reshape(tables, TABLE_WORDS)
        self.columns = words[COLUMNS:].reshape(columns, COLUMN_WORDS)
        self.chunks: list[list[Chunk]] = [[] for _ in layout.tables]
        self.views = program_of(layout).column_tables < 0

    def add_chunk(self, table: int, room: int, columns: Integers, heaps: Integers) -> None:
        """Goes on with the table in a new chunk of those columns, with that room for each's heap.

        An empty chunk, whose room was too small for one record, is given up.
        """
        if self.chunks[table]:
            self.end_chunk(table)
        chunk = Chunk(room, {}, [])
        self.chunks[table].append(chunk)
        unwanted = {TABLE_STARTS, TABLE_LENGTHS} if table else {TABLE_PARENTS}
        wanted = [(word, kind) for word, kind in ROW_ARRAYS if word not in unwanted]
        sizes = np.array([kind.itemsize * room for _, kind in wanted], np.int64)
        memory, starts = _memory(sizes)
        for (word, kind), start, size in zip(wanted, starts, sizes, strict=True):
            chunk.row_arrays[word] = memory[start : start + size].view(kind)
            self.tables[table, word] = memory.ctypes.data + start
        if not table:
            self.tables[0, TABLE_PARENTS] = self.tables[0, TABLE_RECORDS]
        self.tables[table, TABLE_ROOM] = room
        if len(columns):
            self.add_columns(table, columns, heaps)

    def add_columns(self, table: int, columns: Integers, heaps: Integers) -> None:
        """Makes room in the table's current chunk for columns that it did not have."""
        chunk = self.chunks[table][-1]
        views = self.views[columns]
        stride = (chunk.room // 8 + 1 + LINE - 1) // LINE * LINE + SKEW
        heap_sizes = np.where(views, np.minimum(heaps, MAX_HEAP), 0)
        cell_sizes = np.where(views, 16, 8) * chunk.room
        memory, starts = _memory(
            np.concatenate([np.array([stride * len(columns)]), cell_sizes, heap_sizes])
        )
        cells_at, heaps_at = starts[1 : 1 + len(columns)], starts[1 + len(columns) :]
        chunk.pieces.append(Piece(memory, columns, cells_at, int(starts[0]), stride, heaps_at))
        words = np.zeros((len(columns), COLUMN_WORDS), np.int64)
        address = memory.ctypes.data
        words[:, COLUMN_CELLS] = address + cells_at
        words[:, COLUMN_BITS] = address + starts[0] + stride * np.arange(len(columns))
        words[:, COLUMN_ROOM] = chunk.room
        words[:, COLUMN_HEAP] = address + heaps_at
        words[:, COLUMN_HEAP_ROOM] = heap_sizes
        words[:, COLUMN_LAST] = -1
        self.columns[columns] = words

    def add_heap(self, table: int, column: int, room: int) -> None:
        """Goes on with a column's heap in a new piece of memory; an empty heap is given up."""
        chunk, words = self.chunks[table][-1], self.columns[column]
        if column not in chunk.heaps:
            chunk.heaps[column] = [first_heap(chunk, column)]
        heaps = chunk.heaps[column]
        full = heaps.pop()[: words[COLUMN_HEAP_USED]]
        if len(full):
            heaps.append(full)
        heaps.append(np.zeros(min(room, MAX_HEAP), np.uint8))
        words[COLUMN_HEAP] = heaps[-1].ctypes.data
        words[COLUMN_HEAP_USED] = 0
        words[COLUMN_HEAP_ROOM] = heaps[-1].size
        words[COLUMN_HEAP_NUMBER] = len(heaps) - 1

    def end_chunk(self, table: int) -> None:
        """Takes the rows of the table's current chunk as complete."""
        chunk = self.chunks[table][-1]
        chunk.rows = int(self.rows[table])
        chunk.used = self.columns[:, COLUMN_HEAP_USED].copy()
        self.rows[table] = 0
        self.tables[table, TABLE_FIRST] += chunk.rows
        self.tables[table, TABLE_ROOM] = 0
        for piece in chunk.pieces:
            self.columns[piece.columns, COLUMN_ROOM] = 0
        if not chunk.rows:
            self.chunks[table].pop()

    def grow(self, what: int, needed: int) -> None:
        """Makes room for faults, unknown elements, or the segments of a string of needed octets."""
        if what == FULL_FAULTS:
            self.sink = self.sink._replace(faults=_doubled(self.sink.faults))
        elif what == FULL_UNKNOWN:
            self.sink = self.sink._replace(unknown=_doubled(self.sink.unknown))
        else:
            self.sink = self.sink._replace(joined=np.zeros(needed + PAD, np.uint8))


def filled_columns(piece: Piece, rows: int) -> Integers:
    """The positions in the piece of the columns with a value in those rows."""
    shape = (len(piece.columns), piece.stride)
    bits = piece.memory[piece.bits_at : piece.bits_at + shape[0] * shape[1]].reshape(shape)
    return np.flatnonzero(bits[:, : (rows + 7) // 8].any(axis=1))


def first_heap(chunk: Chunk, column: int) -> Octets:
    """The column's heap in its piece, and all behind it."""
    for piece in chunk.pieces:
        (found,) = np.nonzero(piece.columns == column)
        if len(found):
            return piece.memory[piece.heaps_at[found[0]] :]
    raise KeyError(column)


def _memory(sizes: Integers) -> tuple[Octets, Integers]:
    """Zeroed memory for parts of those sizes, and where in it each starts."""
    ends = np.cumsum((sizes + SLACK + LINE - 1) // LINE * LINE + SKEW)
    starts = np.concatenate([[0], ends[:-1]])
    return np.zeros(int(ends[-1]), np.uint8), starts


def _doubled(array: Integers) -> Integers:
    return np.concatenate([array, np.zeros_like(array)])
