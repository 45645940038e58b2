"""Exchange rates for the events of a batch, those of the files themselves among them."""

from dataclasses import dataclass
from math import gcd
from typing import Final

import numpy as np
import polars as pl

from rating.exchange import ExchangeBook
from rating.numbering import Answers, distinct
from rating.validity import Epochs, Ints, ints

_NANOS: Final = 1_000_000_000
SAME: Final = -1
NONE: Final = SAME - 1


class Conversions:
    """The exchange rates of the catalog for search by numbers of currencies."""

    def __init__(self, book: ExchangeBook, currencies: pl.Series) -> None:
        """The rates of a book; `currencies` are the names in the order of their numbers."""
        self._book, self._currencies = book, currencies
        self._epochs = Epochs.of(book.rates)
        self._found = Answers(self._find)

    def rows_at(self, source: Ints, target: Ints, at: Ints) -> Ints:
        """Per event the row of the exchange matrix, SAME or NONE."""
        unknown = (source | target) < 0
        found = SAME - unknown.astype(np.int64)
        rest = np.flatnonzero((source != target) & ~unknown)
        if len(rest):
            pair = source[rest] * len(self._currencies) + target[rest]
            found[rest] = self._found.of(
                pair * self._epochs.count + self._epochs.at(at[rest])
            )
        return found

    def _find(self, asked: Ints) -> Ints:
        pair, epoch = np.divmod(asked, self._epochs.count)
        source, target = np.divmod(pair, len(self._currencies))
        rows = self._book.rows(pl.DataFrame({
            "from": self._currencies[source], "to": self._currencies[target],
            "at": self._epochs.begin(epoch),
        }))
        return np.where(epoch > 0, ints(rows, NONE), NONE)


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
