"""The two legs of priced events as rows of table charge."""

from dataclasses import dataclass
from functools import cached_property
from typing import Final, NamedTuple

import numpy as np
import polars as pl

from mediation.tables import as_words
from rating.catalog_tables import DIRECTIONS, SERVICES
from rating.charge_lists import Slices, draw_lists, empty_lists, part_lists
from rating.charge_words import occurring, words_of
from rating.conversions import rate_text
from rating.located import Located
from rating.lookup_book import UNIT_NAMES, LookupBook
from rating.price_arrays import (
    FX_DEN,
    FX_NUM,
    X_ADJUST,
    X_AMOUNT,
    X_BILLED,
    X_COVERED,
    X_DISCOUNT,
    X_DRAW_FROM,
    X_DRAWS,
    X_NANOS,
    X_NET,
    X_PART_FROM,
    X_PARTS,
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
from rating.validity import Flags, Ints, rows_index
from rating.wholesale import Wholesale
from rating.zone_chains import RELATIONS

_AMOUNTS: Final = {
    "setup_fee_micros": X_SETUP, "adjustment_micros": X_ADJUST, "discount_micros": X_DISCOUNT,
    "rounding_micros": X_ROUNDING, "covered_units": X_COVERED,
}
"""Columns of both legs that are 0 where nothing was priced by us"""
_OURS: Final = {"tariff_amount_micros": X_TARIFF_AMOUNT, "unrounded_nanos": X_NANOS}
"""Columns of both legs that are null there"""
_TAKEN: Final = ("record_index", "usage_key", "started_at")
"""Columns that charges have from the usage as they are"""
_LEGS: Final = pl.Enum(["retail", "wholesale"])
_NO_WORDS: Final = pl.Enum([])
_SOURCES: Final = as_words(pl.Series(["tariff", "partner"]))
_SERVICE_WORDS: Final = as_words(pl.Series([*SERVICES, OTHER]))
_DIRECTION_WORDS: Final = as_words(pl.Series([*DIRECTIONS, OTHER]))
_UNIT_WORDS: Final = as_words(pl.Series([*UNIT_NAMES, OTHER]))
_RELATION_WORDS: Final = as_words(pl.Series([None, *RELATIONS[1:]]))

_Columns = dict[str, pl.Series]


class _Leg(NamedTuple):
    """How a tariff priced the events of one leg."""

    priced: Priced
    place: Ints
    """row of the results, -1 where there is none"""
    whole: bool
    """each event's row is at its own place"""
    ours: Flags

    @classmethod
    def of(cls, priced: Priced, place: Ints) -> "_Leg":
        whole = np.array_equal(place, np.arange(len(priced.results)))
        return cls(priced, place, whole, place >= 0)

    def column(self, at: int, missing: int = 0) -> Ints:
        """A column of the results."""
        values: Ints = self.priced.results[:, at]
        if self.whole:
            return values
        if not len(values):
            return np.full(len(self.place), missing, np.int64)
        return np.where(self.ours, values[self.place], missing)

    def known(self, values: Ints) -> Ints:
        """The values, -1 where there is no result."""
        return values if self.whole else np.where(self.ours, values, -1)


@dataclass(frozen=True)
class Legs:
    """What both legs of the events are made of."""

    usage: pl.DataFrame
    located: Located
    book: LookupBook

    def rows(self, retail: Retail, wholesale: Wholesale) -> pl.DataFrame:
        """Table charge: the retail legs in the order of usage, then the wholesale legs.

        Words are Enums.
        """
        legs = _Leg.of(retail.priced, retail.place), _Leg.of(wholesale.priced, wholesale.place)
        shared, both = self._shared(), self._both(retail, wholesale, legs)
        paid = shared | both[0] | self._priced(legs[0]) | self._retail(retail, legs[0])
        paid["account"] = self._payers(retail, shared["used_by"])
        owed = shared | both[1] | self._priced(legs[1]) | self._wholesale(wholesale)
        owed["draws"] = empty_lists(paid["draws"].dtype, self._size)
        charges = [pl.DataFrame([leg[name].alias(name) for name in CHARGE.names])
                   for leg in (paid, owed)]
        return charges[0].vstack(charges[1])

    @property
    def _size(self) -> int:
        return len(self.located.row)

    @cached_property
    def _partner(self) -> pl.Series:
        """The partner of each event, as words."""
        return as_words(self._usage("partner"))

    def _usage(self, name: str) -> pl.Series:
        """A column of the usage, for the events that have a price."""
        column = self.usage[name].rechunk()
        if self._size == len(column):
            return column
        return column[rows_index(self.located.row)]

    def _shared(self) -> _Columns:
        """The columns that are the same in both legs."""
        located, words = self.located, self.book.catalog.charge_words
        accounts = self.book.catalog.frames["accounts"]["account"]
        version = self.book.catalog.version
        service, plan = rows_index(located.service), rows_index(located.plan)
        return {
            **{name: self._usage(name) for name in _TAKEN},
            "partner": self._partner,
            "file_id": as_words(self._usage("file_id")),
            "service": _SERVICE_WORDS[service],
            "direction": _DIRECTION_WORDS[rows_index(located.direction)],
            "used_by": accounts[rows_index(located.account)],
            "serving_zone": words.zones.columns(located.serving)[0],
            "destination": words.destinations.columns(located.plan)[0],
            "destination_line": words.destination_lines[plan],
            "destination_zone": words.zones.columns(located.destination)[0],
            "relation": _RELATION_WORDS[rows_index(located.relation)],
            "unit": _UNIT_WORDS[service],
            "used_units": pl.Series(located.units),
            "revision": _constant(0, pl.Int32(), self._size),
            "catalog_version": _constant(version, pl.Enum([version]), self._size),
        }

    def _both(
        self, retail: Retail, wholesale: Wholesale, legs: tuple[_Leg, _Leg]
    ) -> tuple[_Columns, _Columns]:
        """The words that differ between the legs."""
        words = self.book.catalog.charge_words
        tariffs = [legs[0].known(retail.tariff), legs[1].known(wholesale.tariff)]
        indexes = [rows_index(tariff) for tariff in tariffs]
        rates, lines = self._exchange(wholesale.fx, retail.fx_row, wholesale.fx_row)
        columns = {
            "tariff": words.tariffs.columns(*tariffs),
            "tariff_currency": [words.tariff_currencies[index] for index in indexes],
            "rounding": [words.roundings[index] for index in indexes],
            "currency": self._currencies(retail, wholesale),
            "exchange_rate": rates,
            "exchange_row": lines,
            "product": words.products.columns(self.located.product, np.full(self._size, -1)),
        }
        paid, owed = ({name: pair[at] for name, pair in columns.items()} for at in (0, 1))
        return paid, owed

    def _currencies(self, retail: Retail, wholesale: Wholesale) -> list[pl.Series]:
        """The currency of both legs: of the account; as stated, else of the tariff."""
        names, owed = self.book.catalog.charge_words.currencies, wholesale.currency
        if wholesale.stated.any():
            theirs = as_words(wholesale.partner_currency)
            numbers = {name: number for number, name in enumerate(names)}
            number = np.array([numbers.setdefault(n, len(numbers)) for n in words_of(theirs)])
            own = number[theirs.to_physical().fill_null(0).to_numpy()]
            owed = np.where(wholesale.stated, own, owed)
            if len(numbers) > len(names):
                names = as_words(pl.Series(list(numbers)))
        return [names[rows_index(number)] for number in (retail.currency, owed)]

    def _exchange(self, matrix: Ints, *rows: Ints) -> list[list[pl.Series]]:
        """What one unit of the tariff's currency is, and where that stands, for both legs."""
        book = self.book.catalog.exchange
        used, places = occurring(len(matrix), *rows)
        if not len(used):
            return [[_constant(None, _NO_WORDS, self._size)] * len(rows)] * 2
        texts = [rate_text(int(matrix[row, FX_NUM]), int(matrix[row, FX_DEN])) for row in used]
        lines = [book.line(row) if row < len(book.matrix) else None for row in used.tolist()]
        return [
            [words[rows_index(place)] for place in places] for words in (
                as_words(pl.Series(texts)), as_words(pl.Series(lines, dtype=pl.String)),
            )
        ]

    def _retail(self, given: Retail, leg: _Leg) -> _Columns:
        catalog, size = self.book.catalog, self._size
        taxed = rows_index(given.tax_row)
        draws = Slices.of(leg.column(X_DRAW_FROM), leg.column(X_DRAWS))
        return {
            "leg": _constant("retail", _LEGS, size),
            "amount_micros": pl.Series(leg.column(X_AMOUNT)),
            "net_micros": pl.Series(leg.column(X_NET)),
            "tax_micros": pl.Series(leg.column(X_TAX)),
            "tax_ppm": self.book.tax_rates.rows["percent_ppm"][taxed],
            "tax_line": catalog.charge_words.tax_lines[taxed],
            "source": _constant("tariff", _SOURCES.dtype, size),
            "expected_micros": _constant(None, pl.Int64(), size),
            "draws": draw_lists(leg.priced.draws, draws, given.held) if draws.offsets[-1]
            else empty_lists(CHARGE.polars["draws"], size),
        }

    def _payers(self, given: Retail, users: pl.Series) -> pl.Series:
        if np.array_equal(given.payer, self.located.account):
            return users
        return self.book.catalog.frames["accounts"]["account"][rows_index(given.payer)]

    def _wholesale(self, given: Wholesale) -> _Columns:
        size = self._size
        net = np.where(given.stated, given.charge, given.expected)
        tax = np.where(given.stated, given.tax, 0)
        accounts = "partner:" + words_of(self._partner)
        return {
            "leg": _constant("wholesale", _LEGS, size),
            "account": accounts[self._partner.to_physical()],
            "amount_micros": pl.Series(net + tax),
            "net_micros": pl.Series(net),
            "tax_micros": pl.Series(tax),
            "tax_ppm": _constant(None, pl.Int64(), size),
            "tax_line": _constant(None, pl.Int32(), size),
            "source": _SOURCES[rows_index(given.stated.astype(np.int64))],
            "expected_micros": _where(given.has_expected, given.expected),
        }

    def _priced(self, leg: _Leg) -> _Columns:
        """The columns that say how a tariff priced the events."""
        book = self.book.catalog.tariff_book
        rate, billed = rows_index(leg.column(X_RATE, -1)), leg.column(X_BILLED)
        if not leg.whole:
            billed = np.where(leg.ours, billed, self.located.units)
        parts = Slices.of(leg.column(X_PART_FROM), leg.column(X_PARTS))
        return {
            **{name: pl.Series(leg.column(at)) for name, at in _AMOUNTS.items()},
            **{name: _where(leg.ours, leg.column(at)) for name, at in _OURS.items()},
            "billed_units": pl.Series(billed),
            "rate_line": book.rates["rate_line"][rate],
            "first_interval": book.rates["first_interval"][rate],
            "next_interval": book.rates["next_interval"][rate],
            "parts": part_lists(leg.priced.parts, parts, book, self.book.catalog.charge_words),
        }


def _constant(value: object, kind: pl.DataType, height: int) -> pl.Series:
    return pl.Series([value], dtype=kind).new_from_index(0, height)


def _where(known: Flags, values: Ints) -> pl.Series:
    """The values, null where they are not known."""
    column = pl.Series(values)
    if known.all():
        return column
    return column.zip_with(pl.Series(known), pl.Series([None], dtype=pl.Int64))
