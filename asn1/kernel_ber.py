"""Tags and lengths for the compiled kernel, by the rules of asn1.ber; errors are code numbers."""

from typing import Final

from asn1.ber import INDEFINITE, MAX_DEPTH, MAX_TAG_OCTETS, OCTET_STRING
from asn1.machine import (
    big_word_at,
    compiled,
    inlined,
    item,
    out_of_line,
    set_item,
    shift_right,
    word_at,
)
from asn1.sink import (
    DEPTH,
    EOC_MISSING,
    HEADER_CUT,
    LENGTH_BEYOND,
    LENGTH_INVALID,
    OK,
    PAD,
    SEGMENTS,
    SHAPE,
    TAG_INVALID,
    Integers,
    Octets,
)

HUGE: Final = 1 << 62
"""Stands for all lengths from here on: no data is that long."""

Header = tuple[int, int, int, int, int]


@compiled
def long_header(data: Octets, pos: int, limit: int) -> Header:
    """What `read_header` returns, for tags and lengths of any size."""
    out_of_line()
    first = item(data, pos)
    number, at, code = first & 31, pos + 1, OK
    if number == 31:
        number, at, code = long_tag(data, at, limit)
    length = 0
    if not code:
        length, at, code = long_length(data, at, limit, first)
    if not code and length > limit - at:
        code = LENGTH_BEYOND
    if code:
        return pos, 0, first, 0, code
    return at, number, first, length, OK


@compiled
def long_tag(data: Octets, pos: int, limit: int) -> tuple[int, int, int]:
    """The tag number in the octets at pos, the offset behind them, and the error's code."""
    number = 0
    for at in range(pos, min(limit, pos + MAX_TAG_OCTETS)):
        octet = item(data, at)
        number = number << 7 | octet & 127
        if octet < 128:
            return number, at + 1, OK
    return 0, pos, TAG_INVALID if limit - pos >= MAX_TAG_OCTETS else HEADER_CUT


@compiled
def long_length(data: Octets, pos: int, limit: int, first: int) -> tuple[int, int, int]:
    """The length in the octets at pos, the offset behind them, and the error's code."""
    if pos >= limit:
        return 0, pos, HEADER_CUT
    length = item(data, pos)
    pos += 1
    if length < 128:
        return length, pos, OK
    count = length & 127
    if count == 0:
        return INDEFINITE, pos, OK if first & 32 else LENGTH_INVALID
    if count == 127:
        return 0, pos, LENGTH_INVALID
    if count > limit - pos:
        return 0, pos, HEADER_CUT
    length = 0
    for at in range(pos, pos + count):
        length = HUGE if length >> 54 else length << 8 | item(data, at)
    return length, pos + count, OK


@inlined
def read_header(data: Octets, pos: int, limit: int) -> Header:
    """The offset of the content, tag number, first octet, length (or INDEFINITE), and error."""
    word = word_at(data, pos)
    first = word & 255
    number = first & 31
    octets = 1
    if number == 31:
        number = word >> 8 & 255
        octets = 2
        if number > 127:
            low = word >> 16 & 255
            if low > 127:
                return long_header(data, pos, limit)
            number = (number & 127) << 7 | low
            octets = 3
    length = word >> 8 * octets & 255
    at = pos + octets + 1
    if length > 127:
        count = length & 127
        if count > 7:
            return long_header(data, pos, limit)
        if count == 0:
            if not first & 32:
                return pos, 0, first, 0, HEADER_CUT if at > limit else LENGTH_INVALID
            length = INDEFINITE
        else:
            length = shift_right(big_word_at(data, at), 64 - 8 * count)
            at += count
    if at > limit:
        return pos, 0, first, 0, HEADER_CUT
    if length > limit - at:
        return pos, 0, first, 0, LENGTH_BEYOND
    return at, number, first, length, OK


@inlined
def ends_here(data: Octets, pos: int, limit: int) -> bool:
    """Whether the two end-of-contents octets stand at pos, before limit."""
    return pos + 2 <= limit and word_at(data, pos) & 0xFFFF == 0


@compiled
def skip(data: Octets, pos: int, length: int, limit: int) -> tuple[int, int]:
    """The offset behind the element whose content is at pos; or that of an error, and its code."""
    out_of_line()
    if length != INDEFINITE:
        return pos + length, OK
    depth = 1
    while depth > 0:
        if ends_here(data, pos, limit):
            pos += 2
            depth -= 1
            continue
        if pos >= limit:
            return pos, EOC_MISSING
        at, _, _, length, code = long_header(data, pos, limit)
        if code:
            return pos, code
        if length == INDEFINITE:
            depth += 1
            if depth > MAX_DEPTH:
                return pos, DEPTH
            pos = at
        else:
            pos = at + length
    return pos, OK


@compiled
def join(  # noqa: C901  one loop over all levels: segments may nest
    data: Octets, pos: int, length: int, limit: int, depth: int, joined: Octets, words: Integers
) -> tuple[int, int, int]:
    """Copies the segments of the string whose content is at pos into joined, as far as it goes.

    Returns the offset behind the string, or that of an error; how many octets the segments have;
    and the error's code.
    """
    out_of_line()
    size = 0
    level = 0
    stop = -1
    if length != INDEFINITE:
        stop = limit = pos + length
    while True:
        ended = pos == stop
        if stop < 0 and ends_here(data, pos, limit):
            pos += 2
            ended = True
        if ended:
            level -= 1
            if level < 0:
                return pos, size, OK
            stop = item(words, SEGMENTS + 2 * level)
            limit = item(words, SEGMENTS + 2 * level + 1)
            continue
        if pos >= limit:
            return pos, size, EOC_MISSING
        at, first, length, code = segment(data, pos, limit, depth + level)
        if code:
            return pos, size, code
        if first & 32:
            set_item(words, SEGMENTS + 2 * level, stop)
            set_item(words, SEGMENTS + 2 * level + 1, limit)
            level += 1
            stop = -1
            if length != INDEFINITE:
                stop = limit = at + length
            pos = at
            continue
        for n in range(min(length, joined.size - PAD - size)):
            set_item(joined, size + n, item(data, at + n))
        size += length
        pos = at + length


@compiled
def segment(data: Octets, pos: int, limit: int, depth: int) -> tuple[int, int, int, int]:
    """Offset of the content, first octet, length and error of a segment inside that depth."""
    at, number, first, length, code = long_header(data, pos, limit)
    if not code:
        if number != OCTET_STRING >> 2 or first >> 6 != OCTET_STRING & 3:
            code = SHAPE
        elif first & 32 and depth >= MAX_DEPTH:
            code = DEPTH
    return at, first, length, code
