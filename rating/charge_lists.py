"""Parts and draws of many events as the list columns of table charge."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import polars as pl
import pyarrow as pa

from rating.allowance_held import Held
from rating.charge_words import ChargeWords, slim
from rating.price_arrays import PT_AMOUNT, PT_BAND, PT_RATE, PT_TIER, PT_UNITS
from rating.row_spans import bounds, spread
from rating.schema import CHARGE
from rating.tariff_book import TariffBook
from rating.validity import Ints, rows_index

_DRAW: Final = [
    field.name for field in CHARGE.polars["draws"].inner.fields  # type: ignore[attr-defined]
]


class Slices(NamedTuple):
    """Slices of a matrix, one after the other."""

    rows: Ints | slice
    """of the matrix, in the order of the slices"""
    offsets: Ints
    """where each slice begins among them; at last how many there are"""

    @classmethod
    def of(cls, begin: Ints, end: Ints) -> "Slices":
        """The slices from `begin` to `end`."""
        offsets = bounds(end - begin)
        if np.array_equal(begin, offsets[:-1]):
            return cls(slice(int(offsets[-1])), offsets)
        return cls(spread(begin, end - begin)[1], offsets)

    def columns(self, matrix: Ints) -> Ints:
        """The columns of the slices of a column-major matrix: first index column, second row."""
        taken: Ints = matrix.T[:, self.rows]
        return taken


def part_lists(parts: Ints, slices: Slices, book: TariffBook, words: ChargeWords) -> pl.Series:
    """Column parts: these slices of the matrix of parts."""
    columns = slices.columns(parts)
    rate, tier = columns[PT_RATE], columns[PT_TIER]
    tiers, priced = book.tiers, rows_index(tier)
    line = np.where(tier < 0, rate + tiers.height, tier)
    return _listed("parts", [
        words.bands[rows_index(columns[PT_BAND])].alias("band"),
        words.part_lines[rows_index(line)], pl.Series("units", columns[PT_UNITS]),
        tiers["price_micros"][priced], tiers["price_units"][priced],
        pl.Series("amount_micros", columns[PT_AMOUNT]),
    ], slices.offsets)


def draw_lists(draws: Ints, slices: Slices, held: Held) -> pl.Series:
    """Column draws: these slices of the matrix of draws."""
    drawn = held.drawn(slices.columns(draws).T)
    columns = [drawn[name] if name != "allowance" else slim(drawn[name]) for name in _DRAW]
    return _listed("draws", columns, slices.offsets)


def empty_lists(kind: pl.DataType, height: int) -> pl.Series:
    """A list column of this type with nothing in its lists."""
    none = pl.Series([], dtype=kind).to_arrow(compat_level=pl.CompatLevel.newest())
    assert isinstance(none, pa.LargeListArray)
    return _lists("", none.values, np.zeros(height + 1, np.int64))


def _listed(name: str, columns: Sequence[pl.Series], offsets: Ints) -> pl.Series:
    """The columns as lists of structs."""
    values = pl.DataFrame(columns).to_struct(name).to_arrow(compat_level=pl.CompatLevel.newest())
    return _lists(name, values, offsets)


def _lists(name: str, values: "pa.Array[Any]", offsets: Ints) -> pl.Series:
    lists = pa.Array.from_buffers(
        pa.large_list(values.type), len(offsets) - 1, [None, pa.py_buffer(offsets.data)],
        children=[values],
    )
    return pl.Series(name, lists)
