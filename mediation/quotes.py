"""Which quotes of a delimited file enclose a column, and which stand out of place."""

import re
from bisect import bisect_left
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from mediation.lines import BOM, NOWHERE, Lines, Marks, Offsets
from mediation.profile import Format

_LF, _CR = 10, 13


KEPT: Final = "\x10\x10"
"""Stands for an escaped escape while a file is read: control characters that no CDR holds"""


def doubled(data: bytes, form: Format) -> bytes:
    """The octets with escaped quotes doubled instead, each at its place."""
    escape, quote = form.escape.encode(), form.quote.encode()
    if not escape or escape not in data:
        return data
    escaped = re.compile(re.escape(escape) + b"([" + re.escape(escape + quote) + b"])")
    return escaped.sub(lambda m: KEPT.encode() if m[1] == escape else quote * 2, data)


def unescaped(text: pl.Expr, form: Format) -> pl.Expr:
    """A column's text with its escapes read back."""
    return text.str.replace_all(KEPT, form.escape, literal=True) if form.escape else text


@dataclass(frozen=True, slots=True)
class Quotes:
    """Places of opening and closing quotes in turn, and of quotes that are neither."""

    spans: Offsets
    strays: Offsets


def quotes_of(data: bytes, delimiter: int, quote: str) -> Quotes:
    """The quotes of a file; none where the profile has no quote."""
    if not quote or quote.encode() not in data:
        return Quotes(NOWHERE, NOWHERE)
    octets = np.frombuffer(data, np.uint8)
    places = np.flatnonzero(octets == ord(quote))
    first = len(BOM) if data.startswith(BOM) else 0
    # In a sound file every odd quote opens and every even one closes; a doubled quote inside a
    # column closes and opens again, with no octet between.
    before = octets[np.maximum(places - 1, 0)]
    after = octets[np.minimum(places + 1, len(octets) - 1)]
    opens = (before == delimiter) | (before == _LF) | (places == first)
    closes = (after == delimiter) | _ends_line(octets, places + 1)
    sound = len(places) % 2 == 0 and bool(
        np.all(opens[0::2] | np.concatenate([[False], places[2::2] == places[1:-1:2] + 1]))
        and np.all(closes[1::2] | np.concatenate([places[1:-1:2] + 1 == places[2::2], [False]]))
    )
    if sound:
        return Quotes(places, NOWHERE)
    return _one_by_one(data, places, opens, closes)


def _ends_line(octets: NDArray[np.uint8], places: Offsets) -> Marks:
    """Whether LF, CRLF or the end of the file stands at each place."""
    last = len(octets) - 1
    here = np.where(places > last, _LF, octets[np.minimum(places, last)])
    behind = np.where(places >= last, _LF, octets[np.minimum(places + 1, last)])
    return np.asarray((here == _LF) | ((here == _CR) & (behind == _LF)))


def _one_by_one(data: bytes, places: Offsets, opens: Marks, closes: Marks) -> Quotes:
    """The same for a file with a quote out of place, which costs only the line it stands in."""
    at, opening, closing = places.tolist(), opens.tolist(), closes.tolist()
    spans: list[int] = []
    strays: list[int] = []
    i, last = 0, len(at) - 1
    while i <= last:
        end = i + 1
        while end < last and not closing[end] and at[end + 1] == at[end] + 1:
            end += 2
        if opening[i] and end <= last and closing[end]:
            spans += (at[i], at[end])
            i = end + 1
            continue
        strays.append(at[i])
        line_end = data.find(b"\n", at[i])
        i = bisect_left(at, line_end) if line_end >= 0 else len(at)
    return Quotes(np.array(spans, np.int64), np.array(strays, np.int64))


def holding(lines: Lines, places: Offsets) -> Marks:
    """Which lines hold at least one of the places."""
    if not len(places):
        return np.zeros(len(lines), bool)
    held = np.searchsorted(places, lines.ends) - np.searchsorted(places, lines.starts)
    return np.asarray(held > 0)
