"""Parts and draws of many events as the list columns of table charge."""

from typing import Final

import numpy as np
import polars as pl
import pyarrow as pa

from rating.columns import columns_of
from rating.price_arrays import (
    PT_AMOUNT,
    PT_BAND,
    PT_RATE,
    PT_TIER,
    PT_UNITS,
    X_DRAW_FROM,
    X_DRAWS,
    X_PART_FROM,
    X_PARTS,
)
from rating.price_batch import Priced
from rating.schema import CHARGE
from rating.tariff_book import TariffBook
from rating.validity import Ints, gathered

_MOST_WORDS: Final = 256


def part_lists(priced: Priced, results: Ints, book: TariffBook) -> pl.Series:
    """Column parts of the events with these results (columns)."""
    which, lengths = _slices(results[X_PART_FROM], results[X_PARTS])
    parts = columns_of(priced.parts, which)
    rate, tier = parts[PT_RATE], parts[PT_TIER]
    line = gathered(book.tiers["rate_line"], tier)
    if len(tier) and tier.min() < 0:
        line = line.zip_with(pl.Series(tier >= 0), gathered(book.rates["rate_line"], rate))
    return _listed("parts", pl.DataFrame({
        "band": pl.Series(book.bands, dtype=pl.Enum(book.bands))[parts[PT_BAND]],
        "rate_line": line,
        "units": parts[PT_UNITS],
        "price_micros": gathered(book.tiers["price_micros"], tier),
        "price_units": gathered(book.tiers["price_units"], tier),
        "amount_micros": parts[PT_AMOUNT],
    }), lengths)


def draw_rows(priced: Priced, results: Ints) -> tuple[Ints, Ints]:
    """The draws of the events with these results (columns), and how many each event has."""
    which, lengths = _slices(results[X_DRAW_FROM], results[X_DRAWS])
    return priced.draws[which], lengths


def draw_lists(drawn: pl.DataFrame, lengths: Ints) -> pl.Series:
    """Column draws of the draws in order, and of how many each event has."""
    names = [field.name for field in CHARGE.polars["draws"].inner.fields]  # type: ignore[attr-defined]
    drawn = drawn.with_columns(as_words(drawn["allowance"]))
    return _listed("draws", drawn.select(names), lengths)


def as_words(texts: pl.Series) -> pl.Series:
    """The texts as an Enum of those that occur; as they are where these are many.

    A file of charges names all values of an Enum, used or not.
    """
    values = texts.drop_nulls().unique(maintain_order=True)
    return texts.cast(pl.Enum(values)) if len(values) <= _MOST_WORDS else texts


def empty_lists(kind: pl.DataType, height: int) -> pl.Series:
    """A list column of this type with nothing in its lists."""
    return pl.Series([[]], dtype=kind).new_from_index(0, height)


def _slices(begin: Ints, end: Ints) -> tuple[Ints, Ints]:
    """The rows of the slices one after the other, and the length of each."""
    lengths = end - begin
    total = int(lengths.sum())
    first = np.cumsum(lengths) - lengths
    return np.arange(total) + np.repeat(begin - first, lengths), lengths


def _listed(name: str, flat: pl.DataFrame, lengths: Ints) -> pl.Series:
    """The rows as lists of these lengths."""
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    values = flat.to_struct(name).to_arrow(compat_level=pl.CompatLevel.newest())
    lists = pa.LargeListArray.from_arrays(pa.array(offsets, pa.int64()), values)
    return pl.Series(name, lists)
