"""Values for the compiled kernel: octets into the cells of a column."""

from typing import Final

from asn1.layout import K_BCD, K_TEXT, K_TIME, K_UNSIGNED
from asn1.machine import (
    big_word_at,
    compiled,
    guard,
    inlined,
    item,
    out_of_line,
    peek8,
    peek64,
    poke8,
    poke64,
    prefetch,
    set_item,
    shift_right,
    word_at,
)
from asn1.sink import (
    COLUMN_BITS,
    COLUMN_CELLS,
    COLUMN_HEAP,
    COLUMN_HEAP_NUMBER,
    COLUMN_HEAP_ROOM,
    COLUMN_HEAP_USED,
    COLUMN_LAST,
    COLUMN_ROOM,
    COLUMNS,
    DATE,
    DATE_START,
    FULL,
    FULL_COLUMN,
    FULL_HEAP,
    FULL_NEEDED,
    FULL_NUMBER,
    FULL_OF,
    NEGATIVE,
    OK,
    REPEATED,
    SLACK,
    TIME,
    VALUE,
    Integers,
    Octets,
    Sink,
)

INLINE: Final = 12
"""Octets that fit a view itself; longer ones are in the heap (Arrow's view layout)."""
SPACE: Final = 32
NO_TIME: Final = -(1 << 62)
DAY: Final = 86_400_000_000
"""Microseconds."""

HIGH_BITS: Final = -0x7F7F7F7F7F7F7F80
HIGH_HALVES: Final = -0x0F0F0F0F0F0F0F10
ZEROS: Final = 0x3030303030303030
SIXES: Final = 0x0606060606060606


@compiled
def full(state: Integers, what: int, number: int, needed: int) -> int:
    """FULL, with what is full written down."""
    out_of_line()
    set_item(state, FULL_OF, what)
    set_item(state, FULL_NUMBER, number)
    set_item(state, FULL_NEEDED, needed)
    return FULL


@inlined
def put(
    source: Octets, pos: int, length: int, kind: int, column: int, row: int, words: Integers
) -> int:
    """Writes the value into the column's cell of the row; 0, FULL, or the code of its fault."""
    meta = COLUMNS + (column << 3)
    if row >= item(words, meta + COLUMN_ROOM):
        return full(words, FULL_COLUMN, column, 0)
    guard(row, item(words, meta + COLUMN_ROOM))
    bits = item(words, meta + COLUMN_BITS) + (row >> 3)
    if item(words, meta + COLUMN_LAST) == row:
        return REPEATED
    cell = item(words, meta + COLUMN_CELLS)
    code = OK
    if kind <= K_UNSIGNED:
        code = put_number(source, pos, length, kind, cell + 8 * row)
    elif kind == K_TIME:
        code = put_time(source, pos, length, cell + 8 * row, words)
        if code:
            return code if code == TIME else OK
    elif kind == K_BCD:
        code = put_digits(source, pos, length, cell + 16 * row, meta, words)
    else:
        code = put_octets(source, pos, length, kind, cell + 16 * row, meta, words)
    if code and code != NEGATIVE:
        return code
    set_item(words, meta + COLUMN_LAST, row)
    poke8(bits, peek8(bits) | 1 << (row & 7))
    return code


@inlined
def put_number(source: Octets, pos: int, length: int, kind: int, cell: int) -> int:
    """Writes an integer."""
    if length == 0:
        return VALUE
    if length > 8:
        return put_long_number(source, pos, length, cell)
    spare = 64 - 8 * length
    number = big_word_at(source, pos)
    code = OK
    if kind == K_UNSIGNED:
        number = shift_right(number, spare)
        if number < 0:
            return VALUE
    else:
        number >>= spare
        if number < 0:
            code = NEGATIVE
    prefetch(cell + 128)
    poke64(cell, number)
    return code


@compiled
def put_long_number(source: Octets, pos: int, length: int, cell: int) -> int:
    """Writes an integer of more than eight octets, which fits after all if zeros stand first."""
    out_of_line()
    end = pos + length
    while pos < end and item(source, pos) == 0:
        pos += 1
    if end - pos > 8 or (end - pos == 8 and item(source, pos) > 127):
        return VALUE
    number = 0
    while pos < end:
        number = number << 8 | item(source, pos)
        pos += 1
    poke64(cell, number)
    return OK


@inlined
def put_time(source: Octets, pos: int, length: int, cell: int, words: Integers) -> int:
    """Writes microseconds since 1970; -1 for a blank time, which leaves the cell null."""
    if length != 14:
        return no_time(source, pos, length)
    date = word_at(source, pos)
    if date != item(words, DATE):
        start = microseconds(date)
        if start == NO_TIME:
            return no_time(source, pos, length)
        set_item(words, DATE, date)
        set_item(words, DATE_START, start)
    # The last eight octets: the two digits of the day once more, then hours to seconds.
    word = word_at(source, pos + 6)
    digits = word - ZEROS
    if ((word & HIGH_HALVES) ^ ZEROS) | ((digits + SIXES) & HIGH_HALVES):
        return no_time(source, pos, length)
    pairs = digits * 10 + (digits >> 8)
    hour = pairs >> 16 & 255
    minute = pairs >> 32 & 255
    second = pairs >> 48 & 255
    if hour > 23 or minute > 59 or second > 59:
        return no_time(source, pos, length)
    prefetch(cell + 128)
    poke64(cell, item(words, DATE_START) + ((hour * 60 + minute) * 60 + second) * 1_000_000)
    return OK


@compiled
def no_time(source: Octets, pos: int, length: int) -> int:
    """What is said of octets that are no time: TIME, or -1 when they are only spaces."""
    out_of_line()
    for n in range(length):
        if item(source, pos + n) != SPACE:
            return TIME
    return -1


@compiled
def microseconds(word: int) -> int:
    """The start of the day whose eight digits the word holds, or NO_TIME."""
    out_of_line()
    digits = word - ZEROS
    if ((word & HIGH_HALVES) ^ ZEROS) | ((digits + SIXES) & HIGH_HALVES):
        return NO_TIME
    pairs = digits * 10 + (digits >> 8)
    year = (pairs & 255) * 100 + (pairs >> 16 & 255)
    month = pairs >> 32 & 255
    day = pairs >> 48 & 255
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    days = 30 + (month + (month >> 3) & 1)
    if month == 2:
        days = 29 if leap else 28
    if year < 1 or month < 1 or month > 12 or day < 1 or day > days:
        return NO_TIME
    # Years from March on, so that the leap day is the last one.
    if month <= 2:
        year -= 1
        month += 12
    count = year * 365 + year // 4 - year // 100 + year // 400
    count += (153 * (month - 3) + 2) // 5 + day - 1
    return (count - 719_468) * DAY


@inlined
def hexadecimal(half: int) -> int:
    """Four octets (the low half of a word) as eight hexadecimal digits."""
    word = half & 0xFFFFFFFF
    word = (word | word << 16) & 0x0000FFFF0000FFFF
    word = (word | word << 8) & 0x00FF00FF00FF00FF
    values = (word >> 4 & 0x000F000F000F000F) | (word & 0x000F000F000F000F) << 8
    letters = (values + SIXES) >> 4 & 0x0101010101010101
    return values + ZEROS + letters * 39


@inlined
def cut(word: int, octets: int) -> int:
    """The first octets of the word, of which there are 8; 0 for none or fewer."""
    if octets >= 8:
        return word
    if octets <= 0:
        return 0
    return word & ((1 << 8 * octets) - 1)


@inlined
def put_inline(cell: int, size: int, low: int, high: int) -> None:
    """Writes a view that holds its octets itself: at most twelve, the rest of the words zero."""
    prefetch(cell + 128)
    poke64(cell, size | low << 32)
    poke64(cell + 8, shift_right(low, 32) | high << 32)


@inlined
def heap_for(size: int, meta: int, words: Integers) -> int:
    """The address of the column's free heap; 0, and FULL, when it has not that much room."""
    used = item(words, meta + COLUMN_HEAP_USED)
    if item(words, meta + COLUMN_HEAP_ROOM) - used < size + SLACK:
        full(words, FULL_HEAP, meta - COLUMNS >> 3, size + SLACK)
        return 0
    return item(words, meta + COLUMN_HEAP) + used


@inlined
def put_outside(cell: int, size: int, start: int, meta: int, words: Integers) -> None:
    """Writes a view of octets that are at the end of the heap, and takes them in."""
    used = item(words, meta + COLUMN_HEAP_USED)
    set_item(words, meta + COLUMN_HEAP_USED, used + size)
    prefetch(cell + 128)
    poke64(cell, size | start << 32)
    poke64(cell + 8, item(words, meta + COLUMN_HEAP_NUMBER) | used << 32)


@inlined
def put_digits(source: Octets, pos: int, length: int, cell: int, meta: int, words: Integers) -> int:
    """Writes the digits of packed octets, without the fillers at their end."""
    size = 2 * length
    if length > 0 and item(source, pos + length - 1) & 15 == 15:
        size = without_fillers(source, pos, length)
    if size > 16:
        return put_many_digits(source, pos, size, cell, meta, words)
    word = word_at(source, pos)
    low = cut(hexadecimal(word), size)
    high = cut(hexadecimal(shift_right(word, 32)), size - 8)
    if size <= INLINE:
        put_inline(cell, size, low, high)
        return OK
    heap = heap_for(16, meta, words)
    if heap == 0:
        return FULL
    poke64(heap, low)
    poke64(heap + 8, high)
    put_outside(cell, size, low, meta, words)
    return OK


@compiled
def without_fillers(source: Octets, pos: int, length: int) -> int:
    """How many digits there are before the F at the end."""
    out_of_line()
    while length > 0 and item(source, pos + length - 1) == 255:
        length -= 1
    if length > 0 and item(source, pos + length - 1) & 15 == 15:
        return 2 * length - 1
    return 2 * length


@compiled
def put_many_digits(
    source: Octets, pos: int, size: int, cell: int, meta: int, words: Integers
) -> int:
    """Writes more than sixteen digits."""
    out_of_line()
    heap = heap_for(size, meta, words)
    if heap == 0:
        return FULL
    for n in range(0, size, 8):
        octets = 0
        for m in range(min(4, size + 1 - n >> 1)):
            octets |= item(source, pos + (n >> 1) + m) << 8 * m
        poke64(heap + n, hexadecimal(octets))
    put_outside(cell, size, peek64(heap), meta, words)
    return OK


@inlined
def put_octets(
    source: Octets, pos: int, length: int, kind: int, cell: int, meta: int, words: Integers
) -> int:
    """Writes octets as they are, or as text without the spaces around it."""
    if kind == K_TEXT and length > 0:
        while length > 0 and item(source, pos + length - 1) == SPACE:
            length -= 1
        while length > 0 and item(source, pos) == SPACE:
            pos += 1
            length -= 1
    if length > INLINE:
        return put_long(source, pos, length, kind, cell, meta, words)
    low = cut(word_at(source, pos), length)
    high = cut(word_at(source, pos + 8), length - 8)
    if kind == K_TEXT and (low | high) & HIGH_BITS:
        return put_latin(source, pos, length, cell, meta, words)
    put_inline(cell, length, low, high)
    return OK


@inlined
def put_long(
    source: Octets, pos: int, length: int, kind: int, cell: int, meta: int, words: Integers
) -> int:
    """Writes more than twelve octets."""
    heap = heap_for(length, meta, words)
    if heap == 0:
        return FULL
    high_bits = 0
    done = 0
    while done + 8 <= length:
        word = word_at(source, pos + done)
        high_bits |= word
        poke64(heap + done, word)
        done += 8
    word = cut(word_at(source, pos + done), length - done)
    poke64(heap + done, word)
    if kind == K_TEXT and (high_bits | word) & HIGH_BITS:
        return put_latin(source, pos, length, cell, meta, words)
    put_outside(cell, length, peek64(heap), meta, words)
    return OK


@compiled
def put_latin(source: Octets, pos: int, length: int, cell: int, meta: int, words: Integers) -> int:
    """Writes Latin-1 text as UTF-8."""
    out_of_line()
    heap = heap_for(2 * length, meta, words)
    if heap == 0:
        return FULL
    size = 0
    for n in range(length):
        octet = item(source, pos + n)
        if octet < 128:
            poke8(heap + size, octet)
            size += 1
        else:
            poke8(heap + size, 0xC0 | octet >> 6)
            poke8(heap + size + 1, 0x80 | octet & 63)
            size += 2
    if size > INLINE:
        put_outside(cell, size, peek64(heap), meta, words)
    else:
        put_inline(cell, size, cut(peek64(heap), size), cut(peek64(heap + 8), size - 8))
    return OK


@compiled
def put_joined(size: int, kind: int, column: int, row: int, sink: Sink) -> int:
    """Writes the value of a string that came in segments."""
    out_of_line()
    return put(sink.joined, 0, size, kind, column, row, sink.words)
