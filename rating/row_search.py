"""Which row of a dated table holds for a key at a time."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import polars as pl
from numba import njit

from rating.validity import Ints, frozen, ints, taken


class Spread(NamedTuple):
    """Rows sorted by key and start, divided into ranges of keys that have few rows each."""

    keys: Ints
    starts: Ints
    ends: Ints
    first: Ints
    """per range of 2 ** shift keys, from the least key on, its first row; at last their number"""
    shift: int

    @classmethod
    def of(cls, keys: Ints, starts: Ints, ends: Ints) -> "Spread":
        """The rows, sorted; those of one key do not overlap."""
        span = int(keys[-1] - keys[0]) if len(keys) else 0
        shift = max(span.bit_length() - (2 * len(keys)).bit_length(), 0)
        ranges = np.arange((span >> shift) + 1) << shift
        first = np.searchsorted(keys - keys[:1], ranges).astype(np.int64)
        return cls(frozen(keys), frozen(starts), frozen(ends),
                   frozen(np.append(first, len(keys))), shift)

    def rows_at(self, wanted: Ints, at: Ints) -> Ints:
        """Per wanted key and time the row of that key with start <= time < end, -1 for none."""
        found = np.full(len(wanted), -1, np.int64)
        if len(self.keys):
            _search(*self, frozen(wanted), frozen(at), found)
        return found


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _search(  # pragma: no cover - compiled
    keys: Ints, starts: Ints, ends: Ints, first: Ints, shift: int,
    wanted: Ints, at: Ints, found: Ints,
) -> None:
    for i in range(len(wanted)):
        key, time = wanted[i], at[i]
        if key < keys[0] or key > keys[-1]:
            continue
        place = (key - keys[0]) >> shift
        begin, above = first[place], first[place + 1]
        below = begin
        while below < above:
            middle = (below + above) // 2
            if keys[middle] < key or (keys[middle] == key and starts[middle] <= time):
                below = middle + 1
            else:
                above = middle
        row = below - 1
        if row >= begin and keys[row] == key and time < ends[row]:
            found[i] = row


@dataclass(frozen=True, slots=True)
class Dated:
    """The rows of a dated table by an int64 key; those of one key do not overlap."""

    table: Spread
    rows: Ints
    """place in the table that each was made of"""

    @classmethod
    def of(cls, keys: Ints, table: pl.DataFrame) -> "Dated":
        """The rows of a table with valid_from and valid_to; `keys` has one number for each."""
        starts, ends = ints(table["valid_from"]), ints(table["valid_to"])
        order = np.lexsort((starts, keys))
        return cls(Spread.of(keys[order], starts[order], ends[order]), order)

    def rows_at(self, keys: Ints, at: Ints) -> Ints:
        """Per key and time (microseconds since 1970) the row of the table, -1 for none."""
        return taken(self.rows, self.table.rows_at(keys, at))


def search(keys: Ints, starts: Ints, ends: Ints, wanted: Ints, at: Ints) -> Ints:
    """`Spread.rows_at` of rows that are searched but once."""
    return Spread.of(keys, starts, ends).rows_at(wanted, at)


def warm() -> Ints:
    """What a search in one row finds; the search is in numba's cache afterwards."""
    one = np.zeros(1, np.int64)
    return search(one, one, one, one, one)
