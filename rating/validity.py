"""Numbers for names and times, and arrays of values by number."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

Ints = npt.NDArray[np.int64]

Flags = npt.NDArray[np.bool_]

Octets = npt.NDArray[np.uint8]


def ints(values: pl.Series, missing: int = -1) -> Ints:
    """The values as int64, `missing` for null; a time in microseconds since 1970."""
    numbers = values.to_physical().cast(pl.Int64)
    if not numbers.null_count():
        return numbers.to_numpy()
    # without branches, which `fill_null` and `np.where` take longer for
    first, (bits, known) = memory(numbers)
    chosen = slice(first, first + len(numbers))
    found: Ints = known.view(np.int64)[chosen] - missing
    found *= np.unpackbits(bits, bitorder="little")[chosen]
    found += missing
    return found


def memory(values: pl.Series) -> tuple[int, list[Octets]]:
    """Where a column begins in its memory, and the parts of that: what is not null, and values."""
    array: Any = values.to_arrow()
    return array.offset, [np.frombuffer(part or b"", np.uint8) for part in array.buffers()]


def frozen(values: Ints) -> Ints:
    """The values, read-only: what is compiled for tables is compiled once."""
    fixed = np.ascontiguousarray(values).view()
    fixed.setflags(write=False)
    return fixed


def names_of(*columns: pl.Series) -> pl.Series:
    """All texts of the columns but the empty one, each once, in order."""
    texts = pl.concat([column.cast(pl.String).rename("name") for column in columns])
    known = texts.drop_nulls().unique().sort()
    return known.filter(known != "")


def numbered(texts: pl.Series, names: pl.Series | Iterable[str]) -> Ints:
    """Per text its place among the names, -1 where it is none of them."""
    if isinstance(texts.dtype, pl.Enum):
        words = texts.dtype.categories
        # the null of an Enum comes after its words
        of_word = np.append(numbered(words, names), -1)
        return of_word[ints(texts, len(words))]
    return ints(texts.cast(pl.Enum(names), strict=False))


def gathered(values: pl.Series, rows: Ints) -> pl.Series:
    """The values of the rows; null where a row is -1."""
    if not len(values):
        return values.extend_constant(None, len(rows))
    return values[rows_index(rows)]


def rows_index(rows: Ints) -> pl.Series:
    """Rows for `Series[...]`, which gives null where a row is -1."""
    if rows.min(initial=0) >= 0:
        return pl.Series(rows.astype(np.uint32))
    return pl.Series(rows).cast(pl.UInt32, strict=False)


def taken(values: Ints, rows: Ints, missing: int = -1) -> Ints:
    """The values of the rows, `missing` where a row is -1."""
    if not len(values):
        return np.full(len(rows), missing, np.int64)
    found = values[rows]
    if len(rows) and rows.min() < 0:
        found[rows < 0] = missing
    return found


@dataclass(frozen=True, slots=True)
class Epochs:
    """The times at which the set of valid rows of a table may change."""

    changes: Ints

    @classmethod
    def of(cls, table: pl.DataFrame) -> "Epochs":
        """The epochs of a table with valid_from and valid_to."""
        return cls(np.unique(np.concatenate([ints(table["valid_from"]), ints(table["valid_to"])])))

    def at(self, time: Ints) -> Ints:
        """The number of each time's epoch: of the changes up to it, and it included."""
        if not len(time):
            return np.zeros(0, np.int64)
        least, most = self.changes.searchsorted([time.min(), time.max()], side="right")
        if least == most:
            return np.full(len(time), least)
        return self.changes.searchsorted(time, side="right").astype(np.int64)

    @property
    def count(self) -> int:
        """How many epochs there are."""
        return len(self.changes) + 1

    def begin(self, epochs: Ints) -> pl.Series:
        """A time in each epoch; before the first change nothing is valid: null."""
        times = pl.Series(taken(self.changes, epochs - 1, 0), dtype=pl.Int64)
        known = pl.Series(epochs > 0)
        return times.to_frame("at").select(
            pl.when(known).then("at").cast(pl.Datetime("us"))
        ).to_series()
