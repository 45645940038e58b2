"""Where the compiled kernel's results go: an array of words, known to it and to plain Python."""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]
Octets = npt.NDArray[np.uint8]

LIST_DONE, LIST_LOST, LIST_FULL = range(3)
"""What the kernel returns: the list is read, or cannot be read on, or there was no room."""
CODES: Final = (
    "", "HEADER_CUT", "LENGTH_BEYOND", "EOC_MISSING", "EOC_UNEXPECTED", "TAG_INVALID",
    "LENGTH_INVALID", "DEPTH", "SHAPE", "VALUE", "REPEATED", "EVENT_UNKNOWN", "TOO_MANY_BAD",
    "TIME", "NEGATIVE",
)
"""What code numbers mean; 0 is none, from TIME on they are soft."""
(
    OK, HEADER_CUT, LENGTH_BEYOND, EOC_MISSING, EOC_UNEXPECTED, TAG_INVALID,
    LENGTH_INVALID, DEPTH, SHAPE, VALUE, REPEATED, EVENT_UNKNOWN, TOO_MANY_BAD, TIME, NEGATIVE,
) = range(15)
FULL: Final = 100
"""No error: there is no room for the result, which `Sink.words` say more about."""
PAD: Final = 64
"""Octets that must be readable behind the data: whole words are read."""
MAX_HEAP: Final = (1 << 31) - 1
"""Views count octets and offsets in 32 bits, signed."""
SLACK: Final = 16
"""Octets of room behind a string: strings are written in whole words."""

(
    AT, INDEX, START, END, LIMIT, FAULTS, UNKNOWN, LOST_AT, LOST_CODE, FULL_OF, FULL_NUMBER,
    FULL_NEEDED, TABLE_COUNT, COLUMN_COUNT, DATE, DATE_START, BAD_RECORDS,
) = range(17)
"""Where reading goes on, and with which record number; where the current record starts; the list's
end, or -1, and the limit; how many faults and unknown elements are noted; where and why reading
broke off; what was full, which one, and how much it needs at least; how many tables and columns
there are; a date's eight digits as a word, with its microseconds; and how many of the faults are
bad records."""

FRAMES: Final = 32
"""From here on three words for each open group: where it stops, -1 when that is not known before;
limit; context."""
SEGMENTS: Final = 160
"""From here on two words for each open segment of a string: where it stops, limit."""
ROWS: Final = 256
"""From here on the number of rows in each table's current chunk."""
MARKS: Final = 320
"""From here on the same at the start of the record."""
TABLES: Final = 384
COLUMNS: Final = 896
MAX_TABLES: Final = MARKS - ROWS

TABLE_WORDS: Final = 8
(
    TABLE_ROOM, TABLE_FIRST, TABLE_RECORDS, TABLE_PARENTS, TABLE_PLACES, TABLE_STARTS,
    TABLE_LENGTHS,
) = range(7)
"""Words of a table, from TABLES on: rows there is room for in its chunk; the number of the chunk's
first row; addresses of the rows' record numbers, parents and places, and of the offsets and lengths
of records."""

COLUMN_WORDS: Final = 8
(
    COLUMN_CELLS, COLUMN_BITS, COLUMN_ROOM, COLUMN_HEAP, COLUMN_HEAP_USED, COLUMN_HEAP_ROOM,
    COLUMN_HEAP_NUMBER, COLUMN_LAST,
) = range(8)
"""Words of a column, from COLUMNS on: addresses of its cells (an integer, or the two words of a
view), and of its validity bits; rows there is room for; address of its current heap, octets used
and octets there is room for; the heap's number among the chunk's; the last row with a value, or -1.
"""

FULL_ROWS, FULL_COLUMN, FULL_HEAP, FULL_FAULTS, FULL_UNKNOWN, FULL_JOINED = range(6)

FAULT_WORDS: Final = 5
"""Record number, its offset and its end, offset of the fault, code."""
UNKNOWN_WORDS: Final = 5
"""Record number, offset, end, context << 2 | class, tag number."""


class Sink(NamedTuple):
    """Words as above; faults and unknown elements, in words; room to join a string's segments."""

    words: Integers
    faults: Integers
    unknown: Integers
    joined: Octets
