"""Columns of the lines of a text file as Polars texts on the file's own octets."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from mediation.lines import DOUBLED, WIDE, Lines, Offsets, TextFile, cut_lines, starting_with
from mediation.threads import each

WINDOW: Final = 30
"""Views count places in 32 bits: every 2 to the power of this octets another buffer begins"""
_SHARED_ROWS: Final = 20_000
"""Rows from which on a second thread is worth starting"""
_NO_QUOTE: Final = -1
_ALL_KNOWN: Final = 0xFF
_WIDEST: Final = 3
"""Octets of UTF-8 that one of a code page may become"""
_SLACK: Final = 8
_Run = Callable[..., int]


def texts_by_part(
    text: TextFile, lines: Lines, kinds: Offsets, places: Offsets, quote: str
) -> list[pl.Series]:
    """Columns of delimited lines; null where a line has none, or an empty one without quotes.

    `places` has a row for each kind of line: the number of each column in it, -1 for none.
    """
    from mediation.line_kernel import part_texts

    mark = ord(quote) if quote else _NO_QUOTE
    return _texts(part_texts, text, lines, kinds, places, places.shape[1], mark)


def texts_by_place(
    text: TextFile, lines: Lines, kinds: Offsets, places: Offsets
) -> list[pl.Series]:
    """Columns of lines of fixed width, without blanks around them.

    `places` has a row for each kind of line: start and size of each column, -1 for none.
    """
    from mediation.line_kernel import slice_texts

    found = _texts(slice_texts, text, lines, kinds, places, places.shape[1] // 2, _NO_QUOTE)
    if not lines.noted(WIDE).any():
        return found
    # Not all blanks are ASCII.
    return [column.str.strip_chars() for column in found]


def _texts(
    run: _Run, text: TextFile, lines: Lines, kinds: Offsets, places: Offsets, count: int, quote: int
) -> list[pl.Series]:
    import pyarrow as pa

    octets = np.frombuffer(text.data, np.uint8)
    views = np.empty((count, len(lines), 2), np.int64)
    known = np.full((count, -(-len(lines) // 8)), _ALL_KNOWN, np.uint8)
    windows = [
        pa.py_buffer(octets[at:].data) for at in range(0, len(octets) or 1, 1 << WINDOW)
    ]
    spans = _spans(len(lines), len(octets))
    heaps = [np.empty(size + _SLACK, np.uint8) for size in _heap_sizes(lines, spans)]

    def fill(number: int) -> int:
        rewriting = quote, len(windows) + number, _charset(text.encoding), heaps[number]
        return run(octets, lines.arrays, lines.parts, kinds, places, rewriting, (views, known),
                   spans[number])

    used = each(fill, range(len(spans)), threads=min(len(spans), 2) or 1)
    buffers = [*windows, *(pa.py_buffer(h[:n].data) for h, n in zip(heaps, used, strict=True))]
    return [
        _series(len(lines), cells, bits, buffers) for cells, bits in zip(views, known, strict=True)
    ]


def _series(
    rows: int, cells: Offsets, bits: NDArray[np.uint8], buffers: Sequence[Any]
) -> pl.Series:
    import pyarrow as pa

    known = None if (bits == _ALL_KNOWN).all() else pa.py_buffer(bits.data)
    own = [known, pa.py_buffer(cells.data)]
    array = pa.Array.from_buffers(pa.string_view(), rows, [*own, *buffers])
    return pl.Series(array, dtype=pl.String)


def _spans(rows: int, octets: int) -> list[tuple[int, int]]:
    """First row and end of the parts that the rows are read in; eight rows share an octet."""
    parts = max(2 if rows >= _SHARED_ROWS else 1, octets >> WINDOW)
    step = max(-(-rows // (8 * parts)) * 8, 8)
    return [(first, min(first + step, rows)) for first in range(0, rows, step)]


def _heap_sizes(lines: Lines, spans: Sequence[tuple[int, int]]) -> list[int]:
    """Room for the texts of each part that differ from the file's octets."""
    sizes = np.where(lines.noted(DOUBLED | WIDE), lines.ends - lines.starts, 0)
    return [_WIDEST * int(sizes[first:end].sum()) for first, end in spans]


@cache
def _charset(encoding: str) -> NDArray[np.uint8]:
    """For each octet the number of octets of its character in UTF-8, and these.

    An octet of UTF-8 itself stays.
    """
    table = np.zeros((256, 4), np.uint8)
    for octet in range(256):
        one = bytes([octet])
        if encoding != "utf-8":
            one = one.decode(encoding, "ignore").encode()
        table[octet, : len(one) + 1] = len(one), *one
    return table.ravel()


def warm() -> None:
    """Compile what this module and the lines need, for no later process to do it."""
    text = TextFile(b"a", "utf-8")
    lines = cut_lines(text.data, ",", '"')
    starting_with(text.data, lines, text.data)
    kinds = np.zeros(1, np.int64)
    texts_by_part(text, lines, kinds, np.zeros((1, 1), np.int64), '"')
    texts_by_place(text, lines, kinds, np.zeros((1, 2), np.int64))
