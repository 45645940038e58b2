"""Columns of words: texts of few values as Enums, those of a catalog made once."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from mediation.tables import FEW, as_words
from rating.validity import Ints, rows_index

if TYPE_CHECKING:
    from rating.catalog import Catalog


def words_of(column: pl.Series) -> pl.Series:
    """The words of an Enum column, in the order of their numbers."""
    assert isinstance(column.dtype, pl.Enum)
    return column.dtype.categories


def slim(column: pl.Series) -> pl.Series:
    """The Enum column, of no more words than those that occur where its Enum has many."""
    return column if len(words_of(column)) <= FEW else as_words(column.cast(pl.String))


def occurring(count: int, *columns: Ints) -> tuple[Ints, list[Ints]]:
    """Which of `count` rows occur in the columns, and the columns as places among these.

    A row -1 stays -1.
    """
    counts = np.zeros(count + 1, np.int64)
    for rows in columns:
        if rows.max(initial=-1) >= 0:
            counts += np.bincount(rows + 1, minlength=count + 1)
    used = np.flatnonzero(counts[1:])
    # what row -1 finds is the last
    place = np.full(count + 1, -1, np.int64)
    place[used] = np.arange(len(used))
    return used, [place[rows] for rows in columns]


@dataclass(frozen=True, slots=True)
class Words:
    """Texts by row, for columns of words."""

    texts: pl.Series
    few: bool
    """the texts are an Enum, all of which a file of charges may name"""

    @classmethod
    def of(cls, texts: pl.Series) -> "Words":
        """The words of a column of the catalog."""
        words = as_words(texts, FEW)
        return cls(words, isinstance(words.dtype, pl.Enum))

    def columns(self, *columns: Ints) -> list[pl.Series]:
        """For each column of rows their texts, all of one Enum; null where -1.

        Of many texts the Enum has only those that occur.
        """
        texts = self.texts
        if not self.few:
            used, places = occurring(len(texts), *columns)
            texts, columns = as_words(texts[rows_index(used)]), tuple(places)
        return [texts[rows_index(rows)] for rows in columns]


@dataclass(frozen=True, slots=True)
class ChargeWords:
    """What charges say of the catalog's rows, by their numbers."""

    products: Words
    zones: Words
    destinations: Words
    tariffs: Words
    currencies: pl.Series
    tariff_currencies: pl.Series
    roundings: pl.Series
    bands: pl.Series
    destination_lines: pl.Series
    """line in number_plan.csv of each row of the plan, null for ported numbers"""
    tax_lines: pl.Series
    part_lines: pl.Series
    """line in rates.csv of each tier, then of each rate"""

    @classmethod
    def of(cls, catalog: "Catalog") -> "ChargeWords":
        """The words of a catalog."""
        book, tariffs = catalog.lookups, catalog.tariff_book
        plan = catalog.number_plan.rows
        return cls(
            Words.of(catalog.frames["products"]["product"]), Words.of(book.zones),
            Words.of(plan["destination"]), Words.of(book.tariffs["tariff"]),
            as_words(book.currencies), as_words(book.tariffs["currency"]),
            as_words(book.tariffs["rounding"]), as_words(pl.Series(tariffs.bands)),
            plan["line"],
            catalog.frames["taxes"]["line"].cast(pl.Int32),
            pl.concat([tariffs.tiers["rate_line"], tariffs.rates["rate_line"]], rechunk=True),
        )
