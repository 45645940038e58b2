"""Lines and columns of delimited text, found one by one: what the compiled pass must find."""

import itertools
from dataclasses import dataclass


@dataclass(frozen=True)
class PlainLine:
    """A line's octets, where it begins, and its columns; none of a line with a quote astray."""

    start: int
    text: bytes
    columns: tuple[bytes, ...] | None


def plain_lines(data: bytes, delimiter: bytes, quote: bytes) -> list[PlainLine]:
    """All lines that are not empty."""
    found = []
    at = 3 if data.startswith(b"\xef\xbb\xbf") else 0
    while at < len(data):
        start, cuts, torn = at, [], False
        while at < len(data) and data[at : at + 1] != b"\n":
            opens = at == start or data[at - 1 : at] == delimiter
            if data[at : at + 1] == quote and not torn:
                close = _closing(data, delimiter, quote, at) if opens else -1
                torn, at = close < 0, max(close, at)
            elif data[at : at + 1] == delimiter:
                cuts.append(at)
            at += 1
        end = at - 1 if at > start and data[at - 1 : at] == b"\r" else at
        if end > start:
            bounds = [start - 1, *cuts, end]
            columns = tuple(data[a + 1 : b] for a, b in itertools.pairwise(bounds))
            found.append(PlainLine(start, data[start:end], None if torn else columns))
        at += 1
    return found


def _closing(data: bytes, delimiter: bytes, quote: bytes, opening: int) -> int:
    at = opening + 1
    while (at := data.find(quote, at)) >= 0:
        after = data[at + 1 : at + 2]
        if after in {b"", b"\n", delimiter} or data[at + 1 : at + 3] in {b"\r", b"\r\n"}:
            return at
        if after != quote:
            return -1
        at += 2
    return -1


def plain_cell(column: bytes, quote: str, encoding: str) -> str | None:
    """The text of a column; null for an empty one without quotes."""
    text = column.decode(encoding)
    if quote and text.startswith(quote):
        return text[1:-1].replace(2 * quote, quote)
    return text or None
