"""Elements for the compiled kernel: what one does in its place, by its node."""

from typing import Final

from asn1.ber import INDEFINITE, MAX_DEPTH, MAX_SOFT_FAULTS
from asn1.kernel_ber import join, long_header, read_header, skip
from asn1.kernel_values import full, put, put_joined
from asn1.layout import K_GROUP, K_PASS, K_UNSIGNED
from asn1.machine import compiled, guard, inlined, item, out_of_line, poke16, poke32, set_item
from asn1.program import Program
from asn1.sink import (
    BAD_RECORDS,
    DEPTH,
    EOC_UNEXPECTED,
    FAULT_WORDS,
    FAULTS,
    FRAMES,
    FULL,
    FULL_FAULTS,
    FULL_JOINED,
    FULL_ROWS,
    FULL_UNKNOWN,
    INDEX,
    OK,
    PAD,
    ROWS,
    SHAPE,
    START,
    TABLE_FIRST,
    TABLE_PARENTS,
    TABLE_PLACES,
    TABLE_RECORDS,
    TABLE_ROOM,
    TABLES,
    TIME,
    UNKNOWN,
    UNKNOWN_WORDS,
    Integers,
    Octets,
    Sink,
)

APPLICATION: Final = 1


@inlined
def node_of(program: Program, context: int, number: int, first: int) -> int:
    """The node of the tag in the context, 0 when it has none."""
    if first >> 6 == APPLICATION and number < program.width:
        return item(program.nodes, context + number)
    return 0


@inlined
def open_row(words: Integers, node: int, table: int) -> int:
    """Starts a row, with its record's number, place, and parent; FULL when there is no room."""
    row = item(words, ROWS + table)
    meta = TABLES + (table << 3)
    if row >= item(words, meta + TABLE_ROOM):
        return full(words, FULL_ROWS, table, 0)
    guard(row, item(words, meta + TABLE_ROOM))
    set_item(words, ROWS + table, row + 1)
    poke16(item(words, meta + TABLE_PLACES) + 2 * row, node >> 24 & 0xFFFF)
    parent = node >> 16 & 255
    number = item(words, TABLES + (parent << 3) + TABLE_FIRST) + item(words, ROWS + parent) - 1
    poke32(item(words, meta + TABLE_PARENTS) + 4 * row, number)
    # Records have no parent, and only one array for both.
    poke32(item(words, meta + TABLE_RECORDS) + 4 * row, item(words, INDEX))
    return OK


@compiled
def note_fault(sink: Sink, offset: int, code: int) -> int:
    """Notes a fault; its end is that of the record, not known yet."""
    out_of_line()
    count = item(sink.words, FAULTS)
    at = count * FAULT_WORDS
    if at + FAULT_WORDS > sink.faults.size:
        return full(sink.words, FULL_FAULTS, 0, 0)
    set_item(sink.faults, at, item(sink.words, INDEX))
    set_item(sink.faults, at + 1, item(sink.words, START))
    set_item(sink.faults, at + 3, offset)
    set_item(sink.faults, at + 4, code)
    set_item(sink.words, FAULTS, count + 1)
    return OK


@compiled
def pass_over(
    data: Octets, pos: int, limit: int, context: int, program: Program, sink: Sink
) -> tuple[int, int]:
    """Notes an element without a node, and passes over it.

    Returns the offset behind it, or that of an error, and the error's code.
    """
    out_of_line()
    at, number, first, length, _ = long_header(data, pos, limit)
    if number == 0 and first >> 6 == 0:
        return pos, EOC_UNEXPECTED
    if node_of(program, program.records, number, first):
        # A length too large has swallowed a record: that must not pass as an unknown element.
        return pos, SHAPE
    behind, code = skip(data, at, length, limit)
    if code:
        return behind, code
    count = item(sink.words, UNKNOWN)
    word = count * UNKNOWN_WORDS
    if word + UNKNOWN_WORDS > sink.unknown.size:
        return pos, full(sink.words, FULL_UNKNOWN, 0, 0)
    set_item(sink.unknown, word, item(sink.words, INDEX))
    set_item(sink.unknown, word + 1, pos)
    set_item(sink.unknown, word + 2, behind)
    set_item(sink.unknown, word + 3, context // program.width << 2 | first >> 6)
    set_item(sink.unknown, word + 4, number)
    set_item(sink.words, UNKNOWN, count + 1)
    return behind, OK


@compiled
def put_segments(
    data: Octets, at: int, length: int, limit: int, depth: int, node: int, row: int, sink: Sink
) -> tuple[int, int]:
    """Writes the value of a constructed element, as `put_element` does; it must be a string.

    Returns -1 for an error at the element's own tag.
    """
    out_of_line()
    if node & 255 <= K_UNSIGNED:
        return -1, SHAPE
    if depth > MAX_DEPTH:
        return -1, DEPTH
    behind, size, code = join(data, at, length, limit, depth, sink.joined, sink.words)
    if code:
        return behind, code
    if size > sink.joined.size - PAD:
        return -1, full(sink.words, FULL_JOINED, 0, size)
    code = put_joined(size, node & 255, node >> 40, row, sink)
    return (behind, code) if code == OK or TIME <= code < FULL else (-1, code)


@inlined
def put_element(  # noqa: PLR0913, PLR0917  what the header says stays in registers
    data: Octets, pos: int, at: int, first: int, length: int, limit: int, depth: int, node: int,
    row: int, sink: Sink,
) -> tuple[int, int]:
    """Writes an element's value; the offset behind it or of an error, and the error's code."""
    if first & 32:
        behind, code = put_segments(data, at, length, limit, depth, node, row, sink)
        if behind < 0:
            return pos, code
        if code and code < TIME:
            return behind, code
    else:
        behind = at + length
        code = put(data, at, length, node & 255, node >> 40, row, sink.words)
        if code and (code < TIME or code == FULL):
            return pos, code
    if code and item(sink.words, FAULTS) - item(sink.words, BAD_RECORDS) < MAX_SOFT_FAULTS:
        code = note_fault(sink, pos, code)
        if code:
            return pos, code
    return behind, OK


@inlined
def frame_at(words: Integers, depth: int) -> tuple[int, int, int]:
    """Where the open group at that depth stops (-1 when indefinite), its limit, its context."""
    at = FRAMES + 3 * depth
    return item(words, at), item(words, at + 1), item(words, at + 2)


@inlined
def set_frame(words: Integers, depth: int, stop: int, limit: int, context: int) -> None:
    """Keeps what `frame_at` returns."""
    at = FRAMES + 3 * depth
    set_item(words, at, stop)
    set_item(words, at + 1, limit)
    set_item(words, at + 2, context)


@inlined
def step(  # noqa: PLR0911  what is behind it, and why not
    data: Octets, pos: int, depth: int, limit: int, context: int, program: Program, sink: Sink
) -> tuple[int, int, int, int]:
    """Reads one element: a value in whole, of a group only the start.

    Returns the offset behind that or of an error; the error's code; a group's node, or 0; and
    where the group stops, -1 when it is indefinite.
    """
    at, number, first, length, code = read_header(data, pos, limit)
    if code:
        return pos, code, 0, 0
    node = node_of(program, context, number, first)
    kind = node & 255
    if kind == 0:
        behind, code = pass_over(data, pos, limit, context, program, sink)
        return behind, code, 0, 0
    if kind == K_PASS:
        if length != INDEFINITE:
            return at + length, OK, 0, 0
        behind, code = skip(data, at, length, limit)
        return behind, code, 0, 0
    table = node >> 16 & 255
    opens = node >> 8 & 255
    if opens:
        table = opens - 1
        code = open_row(sink.words, node, table)
        if code:
            return pos, code, 0, 0
    if kind == K_GROUP:
        if not first & 32:
            return pos, SHAPE, 0, 0
        if depth == MAX_DEPTH:
            return pos, DEPTH, 0, 0
        return at, OK, node, -1 if length == INDEFINITE else at + length
    row = item(sink.words, ROWS + table) - 1
    behind, code = put_element(
        data, pos, at, first, length, limit, depth + 1, node, row, sink
    )
    return behind, code, 0, 0
