"""The two legs of priced events as rows of table charge."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from rating.catalog_tables import DIRECTIONS, SERVICES
from rating.charge_lists import as_words, draw_lists, draw_rows, empty_lists, part_lists
from rating.columns import columns_of
from rating.conversions import rate_text
from rating.lookup_book import UNIT_NAMES, LookupBook
from rating.lookups import Located
from rating.price_arrays import (
    FX_DEN,
    FX_NUM,
    X_ADJUST,
    X_AMOUNT,
    X_BILLED,
    X_COVERED,
    X_DISCOUNT,
    X_NANOS,
    X_NET,
    X_RATE,
    X_ROUNDING,
    X_SETUP,
    X_TARIFF_AMOUNT,
    X_TAX,
)
from rating.price_batch import Priced
from rating.retail import Retail
from rating.schema import CHARGE
from rating.spots import OTHER
from rating.validity import Ints, distinct, gathered
from rating.wholesale import Wholesale
from rating.zone_chains import RELATIONS

_AMOUNTS = {
    "setup_fee_micros": X_SETUP, "adjustment_micros": X_ADJUST, "discount_micros": X_DISCOUNT,
    "rounding_micros": X_ROUNDING, "covered_units": X_COVERED,
}
"""Columns of both legs that are 0 where nothing was priced by us"""


_LEG, _SOURCE = pl.Enum(["retail", "wholesale"]), pl.Enum(["tariff", "partner"])


@dataclass(frozen=True, slots=True)
class Legs:
    """What both legs of the events are made of."""

    usage: pl.DataFrame
    located: Located
    book: LookupBook

    def rows(self, retail: Retail, wholesale: Wholesale) -> pl.DataFrame:
        """Table charge: the retail legs in the order of usage, then the wholesale legs.

        Words are Enums.
        """
        shared = self._shared()
        paid = shared | self._retail(retail)
        owed = shared | self._wholesale(wholesale)
        owed["draws"] = empty_lists(paid["draws"].dtype, len(self.located.row))
        return CHARGE.fill(pl.concat([
            pl.DataFrame({name: leg[name] for name in CHARGE.names}) for leg in (paid, owed)
        ]))

    def _shared(self) -> dict[str, pl.Series]:
        """The columns that are the same in both legs."""
        located, book = self.located, self.book
        taken = self.usage.select(
            "partner", "file_id", "record_index", "usage_key", "started_at"
        )
        if len(located.row) < taken.height:
            taken = taken[located.row]
        plan = book.catalog.number_plan.rows
        relations = pl.Series([None, *RELATIONS[1:]], dtype=pl.Enum(RELATIONS[1:]))
        return {
            **{column.name: column for column in taken},
            "partner": as_words(taken["partner"]),
            "file_id": as_words(taken["file_id"]),
            "service": _words([*SERVICES, OTHER])[located.service],
            "direction": _words([*DIRECTIONS, OTHER])[located.direction],
            "used_by": book.catalog.frames["accounts"]["account"][located.account],
            "serving_zone": as_words(book.zones)[located.serving],
            "destination": gathered(plan["destination"], located.plan),
            "destination_prefix": gathered(plan["destination_prefix"], located.plan),
            "destination_zone": as_words(book.zones)[located.destination],
            "relation": relations[located.relation],
            "unit": _words([*UNIT_NAMES, OTHER])[located.service],
            "used_units": pl.Series(located.units),
            "revision": _constant(0, pl.Int32(), len(located.row)),
            "catalog_version": _constant(
                book.catalog.version, pl.Enum([book.catalog.version]), len(located.row)
            ),
        }

    def _retail(self, leg: Retail) -> dict[str, pl.Series]:
        book, size = self.book, len(self.located.row)
        results = _results(leg.priced, leg.place)
        draws, lengths = draw_rows(leg.priced, results)
        taxes = book.tax_rates
        return {
            **self._priced(leg.priced, results, leg.place, leg.tariff),
            "leg": _constant("retail", _LEG, size),
            "account": book.catalog.frames["accounts"]["account"][leg.payer],
            "product": self._products()[self.located.product],
            "currency": book.currencies[leg.currency],
            "amount_micros": pl.Series(results[X_AMOUNT]),
            "net_micros": pl.Series(results[X_NET]),
            "tax_micros": pl.Series(results[X_TAX]),
            "tax_ppm": gathered(taxes.rows["percent_ppm"], leg.tax_row),
            "tax_row": taxes.line(leg.tax_row),
            "source": _constant("tariff", _SOURCE, size),
            "expected_micros": _constant(None, pl.Int64(), size),
            "draws": draw_lists(leg.held.drawn(draws), lengths) if len(draws)
            else empty_lists(CHARGE.polars["draws"], size),
            **self._exchange(leg.fx_row, leg.fx),
        }

    def _wholesale(self, leg: Wholesale) -> dict[str, pl.Series]:
        size = len(self.located.row)
        net = np.where(leg.stated, leg.charge, leg.expected)
        tax = np.where(leg.stated, leg.tax, 0)
        currency = gathered(self.book.currencies, leg.currency)
        stated = pl.Series(leg.stated)
        known = pl.Series(leg.has_expected)
        return {
            **self._priced(leg.priced, _results(leg.priced, leg.place), leg.place, leg.tariff),
            "leg": _constant("wholesale", _LEG, size),
            "account": pl.DataFrame({"partner": leg.partner})
            .select(pl.format("partner:{}", "partner")).to_series(),
            "product": _constant(None, self._products().dtype, size),
            "currency": currency.zip_with(~stated, leg.partner_currency),
            "amount_micros": pl.Series(net + tax),
            "net_micros": pl.Series(net),
            "tax_micros": pl.Series(tax),
            "tax_ppm": _constant(None, pl.Int64(), size),
            "tax_row": _constant(None, pl.String(), size),
            "source": pl.Series(["tariff", "partner"], dtype=_SOURCE)[leg.stated.astype(np.int64)],
            "expected_micros": _where(known, pl.Series(leg.expected)),
            **self._exchange(leg.fx_row, leg.fx),
        }

    def _priced(
        self, priced: Priced, results: Ints, place: Ints, tariff: Ints
    ) -> dict[str, pl.Series]:
        """The columns that say how a tariff priced the events; `place` is -1 where it did not."""
        book = self.book.catalog.tariff_book
        ours = place >= 0
        rate, billed = results[X_RATE], results[X_BILLED]
        if not ours.all():
            rate, tariff = np.where(ours, rate, -1), np.where(ours, tariff, -1)
            billed = np.where(ours, billed, self.located.units)
        known = pl.Series(ours)
        return {
            **{name: pl.Series(results[at]) for name, at in _AMOUNTS.items()},
            "billed_units": pl.Series(billed),
            "tariff": gathered(as_words(self.book.tariffs["tariff"]), tariff),
            "tariff_currency": gathered(as_words(self.book.tariffs["currency"]), tariff),
            "rounding": gathered(as_words(self.book.tariffs["rounding"]), tariff),
            "rate_row": gathered(book.rates["rate_row"], rate),
            "first_interval": gathered(book.rates["first_interval"], rate),
            "next_interval": gathered(book.rates["next_interval"], rate),
            "tariff_amount_micros": _where(known, pl.Series(results[X_TARIFF_AMOUNT])),
            "unrounded_nanos": _where(known, pl.Series(results[X_NANOS])),
            "parts": part_lists(priced, results, book),
        }

    def _products(self) -> pl.Series:
        return as_words(self.book.catalog.frames["products"]["product"])

    def _exchange(self, row: Ints, matrix: Ints) -> dict[str, pl.Series]:
        """What one unit of the tariff's currency is, and where that stands."""
        book = self.book.catalog.exchange
        asked, place = distinct(row + 1)
        texts, lines = [], []
        for one in (asked - 1).tolist():
            given = one >= 0
            texts.append(rate_text(int(matrix[one, FX_NUM]), int(matrix[one, FX_DEN])) if given
                         else None)
            lines.append(book.line(one) if given and one < len(book.matrix) else None)
        return {
            "exchange_rate": pl.Series(texts, dtype=pl.String)[place],
            "exchange_row": pl.Series(lines, dtype=pl.String)[place],
        }


def _words(texts: Sequence[str]) -> pl.Series:
    """The texts as words."""
    return as_words(pl.Series(texts, dtype=pl.String))


def _results(priced: Priced, place: Ints) -> Ints:
    """The columns of the results for each place; zeros where it is -1."""
    whole = np.array_equal(place, np.arange(len(priced.results)))
    columns = columns_of(priced.results, None if whole else place)
    if not whole:
        columns[:, place < 0] = 0
    return columns


def _constant(value: object, kind: pl.DataType, height: int) -> pl.Series:
    return pl.Series([value], dtype=kind).new_from_index(0, height)


def _where(known: pl.Series, values: pl.Series) -> pl.Series:
    """The values, null where they are not known."""
    if known.all():
        return values
    return values.zip_with(known, pl.Series([None], dtype=values.dtype))
