"""What the partner is owed: what it states, and what its agreement gives."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from rating.conversions import NONE, SAME, Stated
from rating.event_rows import book_of, event_rows, nothing_held
from rating.located import Located
from rating.lookup_book import LookupBook
from rating.price_arrays import E_FX, OVERFLOW, PRICED, X_NET, X_STATUS
from rating.price_batch import Priced, price_batch
from rating.validity import Flags, Ints, ints, numbered, taken

_MOST: Final = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class Wholesale:
    """The wholesale legs; one value an event in each but `priced` and `fx`."""

    priced: Priced
    place: Ints
    """row of the results, -1 where the agreement gives nothing"""
    tariff: Ints
    currency: Ints
    """number of the tariff's currency"""
    fx: Ints
    """exchange matrix"""
    fx_row: Ints
    expected: Ints
    """what the agreement gives before tax, in the currency of what is owed"""
    has_expected: Flags
    stated: Flags
    charge: Ints
    tax: Ints
    partner: pl.Series
    partner_currency: pl.Series
    missing: Flags
    """nothing is stated, and nothing agreed"""
    too_large: Flags

    def take(self, places: Ints) -> "Wholesale":
        """Only the events at these places."""
        if len(places) == len(self.place):
            return self
        return Wholesale(
            self.priced, self.place[places], self.tariff[places], self.currency[places], self.fx,
            self.fx_row[places], self.expected[places], self.has_expected[places],
            self.stated[places], self.charge[places], self.tax[places],
            self.partner[places], self.partner_currency[places], self.missing[places],
            self.too_large[places],
        )


def price_wholesale(
    usage: pl.DataFrame, located: Located, spot: Ints, book: LookupBook
) -> Wholesale:
    """The wholesale leg of each event; `usage` has the events' rows alone, in their order."""
    stated = (usage["partner_charge_micros"].is_not_null()
              & usage["partner_currency"].is_not_null()).to_numpy()
    charge, tax = ints(usage["partner_charge_micros"], 0), ints(usage["partner_tax_micros"], 0)
    tariff = located.agreed
    currency = taken(book.tariff_currency, tariff)
    fx, fx_row = _conversion(usage, located, currency, stated, book)
    rows = event_rows(located, tariff, spot, usage, book)
    rows[:, E_FX] = np.maximum(fx_row, SAME)
    priced = price_batch(
        rows, np.flatnonzero(tariff >= 0), book_of(book, fx, nothing_held()), np.zeros(0, np.int64)
    )
    status = priced.results[:, X_STATUS]
    ours = status == PRICED
    return Wholesale(
        priced, np.where(ours, np.arange(len(ours)), -1), tariff, currency, fx,
        np.where(ours, rows[:, E_FX], SAME), priced.results[:, X_NET],
        ours & (fx_row != NONE), stated, charge, tax, usage["partner"], usage["partner_currency"],
        missing=~stated & ~ours & (status != OVERFLOW),
        too_large=np.where(stated, charge > _MOST - np.maximum(tax, 0), status == OVERFLOW),
    )


def _conversion(
    usage: pl.DataFrame, located: Located, currency: Ints,
    stated: Flags, book: LookupBook
) -> tuple[Ints, Ints]:
    """The exchange matrix, and per event its row, SAME or NONE.

    What is not stated is owed in the agreement's currency.
    """
    theirs = numbered(usage["partner_currency"], book.currencies)
    asked = stated & (currency >= 0)
    found = book.conversions.rows_at(currency, theirs, located.at)
    found[~asked] = SAME
    matrix = book.catalog.exchange.matrix
    nanos = usage["partner_per_sdr_nanos"]
    if nanos.null_count() == nanos.len():
        return matrix, found
    own = Stated.of(matrix, ints(nanos))
    in_sdr = currency == numbered(pl.Series(["SDR"]), book.currencies)[0]
    used = asked & in_sdr & (own.row >= 0) & (found != SAME)
    return own.matrix, np.where(used, own.row, found)
