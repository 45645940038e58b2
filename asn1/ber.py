"""Tags and lengths of the Basic Encoding Rules (X.690), read under bounds.

The offset of an error is that of the tag of the element at fault; of missing end-of-contents octets
the place where they should be. Octets at or behind the bound never decide anything.
"""

from typing import Final, Literal

MAX_BAD_RECORDS: Final = 250_000
"""Records of one list that may be bad: each is told by itself, and a few octets can be one."""
MAX_SOFT_FAULTS: Final = 250_000
"""Values of one list that cannot be meant and are told by themselves."""
MAX_DEPTH: Final = 32
"""Real files nest some 11 deep; more is damage, and would exhaust the stack."""
MAX_TAG_OCTETS: Final = 9
"""Octets of a tag number after the first: 63 bits, so that tag numbers stay machine integers."""
INDEFINITE: Final = -1
FILLER: Final = b"\0 \r\n"
"""Octets that senders leave behind the end of a file."""
NO_LIMIT: Final = 1 << 63
OCTET_STRING: Final = 4 << 2
"""The tag of an OCTET STRING and of the segments of a constructed one."""

Code = Literal[
    "HEADER_CUT", "LENGTH_BEYOND", "EOC_MISSING", "EOC_UNEXPECTED", "TAG_INVALID", "LENGTH_INVALID",
    "DEPTH", "SHAPE", "VALUE", "REPEATED", "EVENT_UNKNOWN", "TOO_MANY_BAD", "TIME", "NEGATIVE",
]
CUT_CODES: Final = frozenset({"HEADER_CUT", "LENGTH_BEYOND", "EOC_MISSING"})
"""What reading data that stops too early can give; damage inside can give the same."""
SOFT: Final = frozenset({"NEGATIVE", "TIME"})
"""What is wrong with a value of a record that is readable all the same."""

Octets = bytes | memoryview


class BerError(Exception):
    """Octets that are not BER, or not of the grammar's shape: where, which rule, what was found."""

    def __init__(self, offset: int, code: Code, detail: str) -> None:
        super().__init__(f"offset {offset}: {code}: {detail}")
        self.offset = offset
        self.code: Code = code
        self.detail = detail


def read_header(data: Octets, pos: int, end: int) -> tuple[int, int, int]:
    """The identifier, the content's length and its offset, of the element at pos.

    The identifier is tag number << 3 | class << 1 | constructed; shifted right by one it is a tag
    as `tag_text` takes it. The length is INDEFINITE where the element ends by end-of-contents
    octets (X.690 8.1.3.6). Raises BerError when header or content reach beyond end.
    """
    start = pos
    try:
        first = data[pos]
        pos += 1
        if first & 31 == 31:
            number, pos = _long_tag(data, pos, end)
            ident = number << 3 | first >> 5
        else:
            ident = (first & 31) << 3 | first >> 5
        length = data[pos]
        pos += 1
        if length > 127:
            length, pos = _long_length(data, pos, ident, start, end)
    except IndexError:
        raise BerError(start, "HEADER_CUT", "the data ends inside a tag or length") from None
    if pos > end:
        raise BerError(start, "HEADER_CUT", f"tag and length reach beyond the end at {end}")
    if length > end - pos:
        raise BerError(
            start, "LENGTH_BEYOND",
            f"{tag_text(ident >> 1)} of {length} octets reaches beyond the end at {end}",
        )
    return ident, length, pos


def _long_tag(data: Octets, pos: int, end: int) -> tuple[int, int]:
    number = 0
    for at in range(pos, pos + MAX_TAG_OCTETS):
        octet = data[at]
        number = number << 7 | octet & 127
        if octet < 128:
            return number, at + 1
    if at >= end:
        raise IndexError
    raise BerError(pos - 1, "TAG_INVALID", f"tag number of more than {MAX_TAG_OCTETS} octets")


def _long_length(data: Octets, pos: int, ident: int, start: int, end: int) -> tuple[int, int]:
    if pos > end:
        raise IndexError
    count = data[pos - 1] & 127
    if count == 0:
        if not ident & 1:
            raise BerError(start, "LENGTH_INVALID", "primitive element of indefinite length")
        return INDEFINITE, pos
    if count == 127:
        raise BerError(start, "LENGTH_INVALID", "length octet FF is reserved")
    octets = data[pos : pos + count]
    if len(octets) < count:
        raise IndexError
    return int.from_bytes(octets, "big"), pos + count


def at_end_of_contents(data: Octets, pos: int, end: int) -> bool:
    """Whether the two end-of-contents octets stand at pos, before end."""
    return pos + 2 <= end and data[pos] == 0 and data[pos + 1] == 0


def skip(data: Octets, pos: int, length: int, end: int) -> int:
    """The offset behind the element whose content is at pos, looking at structure only.

    The depth of nesting counts from 1 for that element, and no definite one is looked into.
    """
    if length != INDEFINITE:
        return pos + length
    open_elements = 1
    while open_elements:
        if at_end_of_contents(data, pos, end):
            pos += 2
            open_elements -= 1
            continue
        if pos >= end:
            raise BerError(pos, "EOC_MISSING", "the end-of-contents octets are missing")
        start = pos
        _, length, pos = read_header(data, pos, end)
        if length != INDEFINITE:
            pos += length
            continue
        open_elements += 1
        if open_elements > MAX_DEPTH:
            raise BerError(start, "DEPTH", f"nested deeper than {MAX_DEPTH}")
    return pos


def string_octets(
    data: Octets, ident: int, pos: int, length: int, end: int, depth: int = 0
) -> tuple[bytes, int]:
    """The octets of a string whose content is at pos, segments joined, and the offset behind it.

    depth is that of the string itself, which the caller has found to be in bounds.
    """
    if not ident & 1:
        return bytes(data[pos : pos + length]), pos + length
    limit = end if length == INDEFINITE else pos + length
    parts: list[bytes] = []
    while True:
        if length != INDEFINITE and pos == limit:
            return b"".join(parts), pos
        if length == INDEFINITE and at_end_of_contents(data, pos, limit):
            return b"".join(parts), pos + 2
        if pos >= limit:
            raise BerError(pos, "EOC_MISSING", "the end-of-contents octets are missing")
        start = pos
        inner, size, pos = read_header(data, pos, limit)
        if inner >> 1 != OCTET_STRING:
            raise BerError(start, "SHAPE", f"{tag_text(inner >> 1)} as the segment of a string")
        if inner & 1 and depth >= MAX_DEPTH:
            raise BerError(start, "DEPTH", f"nested deeper than {MAX_DEPTH}")
        part, pos = string_octets(data, inner, pos, size, limit, depth + 1)
        parts.append(part)


def tag_text(tag: int) -> str:
    """A tag (number << 2 | class) as people write it: [APPLICATION 69], [UNIVERSAL 4], [0]."""
    word = ("UNIVERSAL ", "APPLICATION ", "", "PRIVATE ")[tag & 3]
    return f"[{word}{tag >> 2}]"
