"""Exchange rates for the events of a batch, those of the files themselves among them."""

from dataclasses import dataclass
from math import gcd
from typing import Final

import numpy as np
import polars as pl

from rating.exchange import ExchangeBook
from rating.validity import Epochs, Ints, distinct, ints

_NANOS: Final = 1_000_000_000
SAME: Final = -1
NONE: Final = -2


@dataclass(frozen=True, slots=True)
class Conversions:
    """The exchange rates of the catalog for search by numbers of currencies."""

    book: ExchangeBook
    currencies: pl.Series
    epochs: Epochs

    @classmethod
    def of(cls, book: ExchangeBook, currencies: pl.Series) -> "Conversions":
        """The rates of a book; `currencies` are the names in the order of their numbers."""
        return cls(book, currencies, Epochs.of(book.rates))

    def rows_at(self, source: Ints, target: Ints, at: Ints) -> Ints:
        """Per event the row of the exchange matrix, SAME or NONE."""
        found = np.where(source == target, SAME, NONE)
        found[(source < 0) | (target < 0)] = NONE
        rest = np.flatnonzero((source != target) & (source >= 0) & (target >= 0))
        if len(rest):
            size = len(self.currencies)
            key = (source[rest] * size + target[rest]) * self.epochs.count
            asked, place = distinct(key + self.epochs.at(at[rest]))
            pair, epoch = np.divmod(asked, self.epochs.count)
            begin = self.epochs.begin(epoch)
            rows = self.book.rows(pl.DataFrame({
                "from": self.currencies[pair // size], "to": self.currencies[pair % size],
                "at": begin,
            }))
            found[rest] = np.where(epoch > 0, ints(rows.fill_null(NONE)), NONE)[place]
        return found


@dataclass(frozen=True, slots=True)
class Stated:
    """The rates that files state against SDR, as rows behind those of the catalog."""

    matrix: Ints
    """FX_NUM, FX_DEN: the catalog's rows, then the files'"""
    row: Ints
    """per event its row, SAME where the file states none"""

    @classmethod
    def of(cls, matrix: Ints, per_sdr_nanos: Ints) -> "Stated":
        """The catalog's matrix with the rates of the events (-1: none stated) behind it."""
        row = np.full(len(per_sdr_nanos), SAME, np.int64)
        stated = np.flatnonzero(per_sdr_nanos > 0)
        if not len(stated):
            return cls(matrix, row)
        asked, place = distinct(per_sdr_nanos[stated])
        row[stated] = len(matrix) + place
        return cls(np.concatenate([matrix, [_reduced(int(nanos)) for nanos in asked]]), row)


def _reduced(nanos: int) -> tuple[int, int]:
    shared = gcd(nanos, _NANOS)
    return nanos // shared, _NANOS // shared


def rate_text(num: int, den: int) -> str:
    """A ratio as decimal text, `1.0842`, or as `num/den` where that has no end."""
    places, rest = 0, den
    while rest % 10 == 0:
        rest, places = rest // 10, places + 1
    for prime, other in ((2, 5), (5, 2)):
        while rest % prime == 0:
            rest, num, places = rest // prime, num * other, places + 1
    if rest != 1:
        return f"{num}/{den}"
    digits = f"{num:0{places + 1}}"
    if not places:
        return digits
    return f"{digits[:-places]}.{digits[-places:]}".rstrip("0").rstrip(".")
