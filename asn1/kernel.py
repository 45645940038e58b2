"""The compiled kernel: one pass over a list of records, values written straight to their columns.

It does what asn1.walker.read_records does, and nothing else, on memory that asn1.arena provides.
"""

from asn1.ber import INDEFINITE, MAX_BAD_RECORDS
from asn1.kernel_ber import ends_here, read_header, skip
from asn1.kernel_elements import frame_at, node_of, note_fault, open_row, set_frame, step
from asn1.kernel_values import INLINE
from asn1.machine import (
    compiled,
    inlined,
    integers_at,
    item,
    octets_at,
    out_of_line,
    peek8,
    peek64,
    poke8,
    poke64,
    set_item,
    shift_right,
)
from asn1.native import RECORDS, WIDTH
from asn1.program import Program
from asn1.sink import (
    AT,
    BAD_RECORDS,
    COLUMN_BITS,
    COLUMN_CELLS,
    COLUMN_COUNT,
    COLUMN_HEAP_USED,
    COLUMN_LAST,
    COLUMN_ROOM,
    COLUMNS,
    END,
    EOC_MISSING,
    EOC_UNEXPECTED,
    EVENT_UNKNOWN,
    FAULT_WORDS,
    FAULTS,
    FULL,
    HEADER_CUT,
    INDEX,
    LIMIT,
    LIST_DONE,
    LIST_FULL,
    LIST_LOST,
    LOST_AT,
    LOST_CODE,
    MARKS,
    OK,
    ROWS,
    SHAPE,
    START,
    TABLE_COUNT,
    TABLE_LENGTHS,
    TABLE_STARTS,
    TABLES,
    TOO_MANY_BAD,
    UNKNOWN,
    Integers,
    Octets,
    Sink,
)


@inlined
def read_record(  # noqa: C901  one loop, whose state stays in registers
    data: Octets, at: int, length: int, node: int, program: Program, sink: Sink
) -> tuple[int, int]:
    """Reads the content of a record into rows; the offset behind it or of an error, and code."""
    pos = at
    context = node >> 40
    limit = item(sink.words, LIMIT)
    stop = -1
    if length != INDEFINITE:
        stop = limit = at + length
    depth = 1
    while True:
        if pos == stop:
            depth -= 1
            if depth == 0:
                return pos, OK
            stop, limit, context = frame_at(sink.words, depth)
            continue
        if stop < 0:
            if ends_here(data, pos, limit):
                pos += 2
                depth -= 1
                if depth == 0:
                    return pos, OK
                stop, limit, context = frame_at(sink.words, depth)
                continue
            if pos >= limit:
                return pos, EOC_MISSING
        pos, code, node, inner = step(data, pos, depth, limit, context, program, sink)
        if code:
            return pos, code
        if node:
            set_frame(sink.words, depth, stop, limit, context)
            depth += 1
            context = node >> 40
            stop = inner
            if inner >= 0:
                limit = inner


@compiled
def roll_back(program: Program, sink: Sink) -> None:
    """Takes back all rows and values since the marks."""
    out_of_line()
    words = sink.words
    for column in range(item(words, COLUMN_COUNT)):
        meta = COLUMNS + (column << 3)
        set_item(words, meta + COLUMN_LAST, -1)
        table = item(program.column_tables, column)
        views = table < 0
        table = ~table if views else table
        end = min(item(words, ROWS + table), item(words, meta + COLUMN_ROOM))
        for row in range(item(words, MARKS + table), end):
            bits = item(words, meta + COLUMN_BITS) + (row >> 3)
            if peek8(bits) >> (row & 7) & 1:
                poke8(bits, peek8(bits) ^ 1 << (row & 7))
                clear(words, meta, row, views)
    for table in range(item(words, TABLE_COUNT)):
        set_item(words, ROWS + table, item(words, MARKS + table))


@inlined
def clear(words: Integers, meta: int, row: int, views: bool) -> None:  # noqa: FBT001
    """Makes a cell zero again, and gives back its part of the heap and all behind it."""
    cell = item(words, meta + COLUMN_CELLS) + row * (16 if views else 8)
    if views:
        if peek64(cell) & 0xFFFFFFFF > INLINE:
            used = min(shift_right(peek64(cell + 8), 32), item(words, meta + COLUMN_HEAP_USED))
            set_item(words, meta + COLUMN_HEAP_USED, used)
        poke64(cell + 8, 0)
    poke64(cell, 0)


@inlined
def try_record(
    data: Octets, start: int, at: int, length: int, node: int, program: Program, sink: Sink
) -> tuple[int, int]:
    """Reads a record, in whole or not at all; the offset behind it or of an error, and code."""
    words = sink.words
    faults = item(words, FAULTS)
    unknown = item(words, UNKNOWN)
    for table in range(item(words, TABLE_COUNT)):
        set_item(words, MARKS + table, item(words, ROWS + table))
    code = open_row(words, node, 0)
    if code:
        return start, code
    end, code = read_record(data, at, length, node, program, sink)
    if code:
        roll_back(program, sink)
        set_item(words, UNKNOWN, unknown)
        set_item(words, FAULTS, faults)
        return end, code
    row = item(words, ROWS) - 1
    poke64(item(words, TABLES + TABLE_STARTS) + 8 * row, start)
    poke64(item(words, TABLES + TABLE_LENGTHS) + 8 * row, end - start)
    return end, OK


@inlined
def note_bad(sink: Sink, pos: int, offset: int, code: int) -> tuple[int, int]:
    """Notes a record that is not read; where and why that cannot be done, if so."""
    bad = item(sink.words, BAD_RECORDS) + 1
    if bad > MAX_BAD_RECORDS:
        return pos, TOO_MANY_BAD
    code = note_fault(sink, offset, code)
    if not code:
        set_item(sink.words, BAD_RECORDS, bad)
    return offset, code


@inlined
def pass_record(data: Octets, pos: int, program: Program, sink: Sink) -> tuple[int, int, int]:
    """Passes one record, good or bad.

    Returns the offset behind it; and where and why that cannot be found, or FULL as the reason.
    """
    limit = item(sink.words, LIMIT)
    set_item(sink.words, START, pos)
    at, number, first, length, code = read_header(data, pos, limit)
    if code:
        return pos, pos, code
    if number == 0 and first >> 6 == 0:
        return pos, pos, EOC_UNEXPECTED
    node = node_of(program, program.records, number, first)
    faults = item(sink.words, FAULTS)
    end, code = pos, SHAPE if node else EVENT_UNKNOWN
    if node and first & 32:
        end, code = try_record(data, pos, at, length, node, program, sink)
    if code == FULL:
        return pos, end, FULL
    if code:
        offset = end
        end, lost = skip(data, at, length, limit)
        if lost:
            return pos, end, lost
        offset, code = note_bad(sink, pos, offset, code)
        if code:
            return pos, offset, code
    for fault in range(faults, item(sink.words, FAULTS)):
        set_item(sink.faults, fault * FAULT_WORDS + 2, end)
    return end, pos, OK


@inlined
def list_end(data: Octets, pos: int, words: Integers) -> tuple[int, int]:
    """The offset behind the list when it ends at pos, else -1; and why it is lost, if it is."""
    end = item(words, END)
    limit = item(words, LIMIT)
    if end < 0:
        if pos >= limit:
            return -1, EOC_MISSING
        return (pos + 2 if ends_here(data, pos, limit) else -1), OK
    if pos >= end:
        return pos, OK
    return -1, HEADER_CUT if pos >= limit else OK


def read_list(call: int) -> int:
    """Reads the list of records that sink.words says, and goes on where it was FULL before.

    The call is the address of what `asn1.native` says. Returns LIST_DONE, LIST_LOST or LIST_FULL.
    """
    data, nodes, columns = octets_at(call), integers_at(call + 16), integers_at(call + 32)
    program = Program(nodes, columns, peek64(call + WIDTH), peek64(call + RECORDS))
    words, faults, unknown = integers_at(call + 48), integers_at(call + 64), integers_at(call + 80)
    sink = Sink(words, faults, unknown, octets_at(call + 96))
    pos = item(words, AT)
    while True:
        behind, code = list_end(data, pos, words)
        if behind >= 0:
            set_item(words, AT, behind)
            return LIST_DONE
        offset = pos
        if not code:
            behind, offset, code = pass_record(data, pos, program, sink)
        if code:
            set_item(words, AT, pos)
            set_item(words, LOST_AT, offset)
            set_item(words, LOST_CODE, code)
            return LIST_FULL if code == FULL else LIST_LOST
        pos = behind
        set_item(words, INDEX, item(words, INDEX) + 1)
