"""Reads a list of records by the compiled kernel.

The first thousand records are read to see how much room the whole list will need, and then again.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from asn1.arena import Arena, Chunk, filled_columns
from asn1.arrow_tables import tables_of, unknown_of
from asn1.layout import Layout
from asn1.native import read_list
from asn1.program import program_of
from asn1.records import Fault, Records, RecordTooLargeError, Span
from asn1.sink import (
    AT,
    CODES,
    COLUMN_HEAP_ROOM,
    COLUMN_HEAP_USED,
    END,
    FAULT_WORDS,
    FAULTS,
    FULL_COLUMN,
    FULL_HEAP,
    FULL_NEEDED,
    FULL_NUMBER,
    FULL_OF,
    FULL_ROWS,
    INDEX,
    LIMIT,
    LIST_FULL,
    LIST_LOST,
    LOST_AT,
    LOST_CODE,
    MAX_HEAP,
    PAD,
    TABLE_FIRST,
    TABLE_ROOM,
    UNKNOWN,
    UNKNOWN_WORDS,
    Integers,
    Octets,
)

SAMPLE_ROWS: Final = 1024
"""Records to judge a list by; other tables may have four times as many rows."""
SMALL_HEAP: Final = 1 << 14
"""Octets of a heap that nothing is known of."""
MARGIN: Final = 1.08
"""Room is made for that much more than the records read so far let expect."""
MAX_GROWTH: Final = 16
"""What was too small grows by no more at a time: one record says little about the others."""


class Padded:
    """Octets, with zeros behind them: the kernel reads whole words."""

    def __init__(self, array: Octets) -> None:
        self.array = array

    @classmethod
    def of(cls, data: bytes) -> "Padded":
        """A copy of the data."""
        padded = cls(np.zeros(len(data) + PAD, np.uint8))
        padded.octets[:] = data
        return padded

    @classmethod
    def from_file(cls, path: Path) -> "Padded":
        """A file's octets, of which there is no other copy."""
        size = path.stat().st_size
        padded = cls(np.empty(size + PAD, np.uint8))
        with path.open("rb") as file:
            read = file.readinto(padded.octets)
        # The file may have become shorter, or longer, since its size was asked.
        padded.array = padded.array[: read + PAD]
        padded.array[read:] = 0
        return padded

    def __len__(self) -> int:
        return len(self.array) - PAD

    @property
    def octets(self) -> memoryview:
        """The octets themselves."""
        return self.array.data[: len(self)]


def read_records(data: Padded, span: Span, layout: Layout, first_index: int = 0) -> Records:
    """The list of records in the span; record numbers count from first_index."""
    if not 0 <= span.start <= span.limit <= len(data):
        raise ValueError(f"{span} does not lie in {len(data)} octets")
    return _Run(data, span, layout, first_index).records()


@dataclass(slots=True)
class _Run:
    data: Padded
    span: Span
    layout: Layout
    first_index: int
    arena: Arena = field(init=False)
    column_tables: Integers = field(init=False)

    def records(self) -> Records:
        """The list of records."""
        tables = program_of(self.layout).column_tables
        self.column_tables = np.where(tables < 0, ~tables, tables)
        self.start()
        while (status := self.advance()) == LIST_FULL and self.is_new_table():
            self.make_room()
        if status == LIST_FULL:
            self.start_again()
            while (status := self.advance()) == LIST_FULL:
                self.make_room()
        return self.result(status)

    def start(self) -> None:
        """An arena without any room, and the kernel at the start of the list."""
        self.arena = Arena(self.layout)
        words = self.arena.sink.words
        words[AT] = self.span.start
        words[INDEX] = self.first_index
        words[END] = -1 if self.span.end is None else self.span.end
        words[LIMIT] = self.span.limit

    def advance(self) -> int:
        """Lets the kernel read on until the list is done or lost, or there is no room in tables."""
        while True:
            status = read_list(self.data.array, program_of(self.layout), self.arena.sink)
            words = self.arena.sink.words
            if status != LIST_FULL or words[FULL_OF] in {FULL_ROWS, FULL_COLUMN, FULL_HEAP}:
                return status
            self.arena.grow(int(words[FULL_OF]), int(words[FULL_NEEDED]))

    def is_new_table(self) -> bool:
        """Whether what was full is a table that had no row before."""
        words = self.arena.sink.words
        return words[FULL_OF] == FULL_ROWS and not self.arena.chunks[words[FULL_NUMBER]]

    def start_again(self) -> None:
        """Room for the whole list, as its first records let expect."""
        sample = self.arena
        heaps = sample.columns[:, COLUMN_HEAP_USED]
        scale = (self.still_to_come(int(sample.sink.words[AT])) + 1) * MARGIN
        self.start()
        for table, chunks in enumerate(sample.chunks):
            count = int(sample.rows[table])
            if count:
                columns = filled(chunks[0], count)
                room = min(int(count * scale) + SAMPLE_ROWS, self.affordable(columns))
                sizes = (heaps[columns] * scale).astype(np.int64) + SMALL_HEAP
                self.arena.add_chunk(table, room, columns, sizes)

    def make_room(self) -> None:
        """More room where there was none."""
        words = self.arena.sink.words
        number, needed = int(words[FULL_NUMBER]), int(words[FULL_NEEDED])
        if words[FULL_OF] == FULL_ROWS:
            if self.is_new_table():
                self.first_rows(number)
            else:
                self.more_rows(number)
            return
        table = int(self.column_tables[number])
        if words[FULL_OF] == FULL_COLUMN:
            self.arena.add_columns(table, np.array([number]), np.array([SMALL_HEAP]))
        else:
            used, room = (
                int(n) for n in self.arena.columns[number, [COLUMN_HEAP_USED, COLUMN_HEAP_ROOM]]
            )
            # When nothing is used, one record alone has more than that.
            least = needed if used else needed + 2 * room
            if least > MAX_HEAP:
                raise RecordTooLargeError(
                    f"offset {words[AT]}: record {words[INDEX]} has over {MAX_HEAP // 2} octets in "
                    f"{self.layout.columns[number].name}, where real ones have some thousand"
                )
            self.arena.add_heap(table, number, max(self.expected(room, room), least))

    def first_rows(self, table: int) -> None:
        """Room for the first rows of a table, whatever they hold."""
        octets = self.span.limit - self.span.start
        columns = np.flatnonzero(self.column_tables == table)
        room = min(octets // 2 + 1, SAMPLE_ROWS * (4 if table else 1))
        heap = min(4 * octets, SMALL_HEAP)
        self.arena.add_chunk(table, room, columns, np.full(len(columns), heap))

    def more_rows(self, table: int) -> None:
        """Room for the rows of a table that are still to come."""
        arena = self.arena
        rows = int(arena.rows[table])
        columns = filled(arena.chunks[table][-1], rows)
        heaps = arena.columns[columns]
        first, room = (int(n) for n in arena.tables[table, [TABLE_FIRST, TABLE_ROOM]])
        expected = self.expected(first + room, room)
        if rows:
            expected = min(expected, self.affordable(columns))
            scale = expected / rows * MARGIN
            sizes = (heaps[:, COLUMN_HEAP_USED] * scale).astype(np.int64) + SMALL_HEAP
        else:
            # One record alone has more rows than that.
            expected = max(expected, 2 * room)
            sizes = heaps[:, COLUMN_HEAP_ROOM]
        arena.add_chunk(table, expected, columns, sizes)

    def expected(self, seen: int, room: int) -> int:
        """What is still to come of something that was seen so often, and filled its room."""
        more = self.still_to_come(int(self.arena.sink.words[LOST_AT]))
        return min(int(seen * more * MARGIN) + SAMPLE_ROWS, room * MAX_GROWTH)

    def affordable(self, columns: Integers) -> int:
        """How many rows of those columns may be made room for at a time."""
        octets = self.span.limit - self.span.start
        return (8 * octets + (1 << 20)) // (32 + 16 * len(columns))

    def still_to_come(self, at: int) -> float:
        """How many times the list up to that offset its rest is."""
        start, limit = self.span.start, self.span.limit
        return (limit - start) / max(1, at - start) - 1

    def result(self, status: int) -> Records:
        """What has been read."""
        arena, words = self.arena, self.arena.sink.words
        for table, chunks in enumerate(arena.chunks):
            if chunks:
                arena.end_chunk(table)
        faults = arena.sink.faults[: words[FAULTS] * FAULT_WORDS].reshape(-1, FAULT_WORDS)
        unknown = arena.sink.unknown[: words[UNKNOWN] * UNKNOWN_WORDS].reshape(-1, UNKNOWN_WORDS)
        lost = (int(words[LOST_AT]), CODES[words[LOST_CODE]]) if status == LIST_LOST else None
        return Records(
            tables_of(self.layout, arena.chunks),
            [Fault(i, start, end, at, CODES[code]) for i, start, end, at, code in faults.tolist()],
            unknown_of(self.layout, unknown),
            int(words[INDEX]) - self.first_index,
            int(words[AT]),
            lost,
        )


def filled(chunk: Chunk, rows: int) -> Integers:
    """The chunk's columns with a value in those rows."""
    columns = [piece.columns[filled_columns(piece, rows)] for piece in chunk.pieces]
    return np.concatenate([np.zeros(0, np.int64), *columns])
