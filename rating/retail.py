"""What the account pays: its product's tariff, allowances, discounts, exchange rate and tax."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from rating.allowance_held import Held
from rating.allowance_holders import Askers
from rating.allowance_use import Use
from rating.conversions import NONE, SAME
from rating.event_rows import book_of, event_rows, nothing_held, rows_at
from rating.located import Located
from rating.lookup_book import LookupBook
from rating.price_arrays import (
    E_FIXED,
    E_FX,
    E_HOLDER,
    E_IMPORT,
    E_IMPORT_FX,
    E_PERCENT,
    E_PLACE,
    E_SIM,
    E_TAX,
    X_STATUS,
)
from rating.price_batch import Priced, price_batch
from rating.validity import Flags, Ints, ints, numbered
from rating.walking_order import walking_order


@dataclass(frozen=True, slots=True)
class Asked:
    """Events with all that decides their price but what is held; one value an event in each."""

    usage: pl.DataFrame
    """the rows of these events alone"""
    located: Located
    spot: Ints
    """numbers of the spots of the book"""
    rows: Ints
    """for the charging function, nothing held yet"""
    fx_row: Ints
    """SAME, NONE or row of the exchange matrix"""
    tax_row: Ints
    tax_missing: Flags
    import_missing: Flags
    """a charge is stated, but no exchange rate leads to the tariff's currency"""


@dataclass(frozen=True, slots=True)
class Retail:
    """The retail legs of priced events; one value an event in each but the first three."""

    priced: Priced
    held: Held
    fx: Ints
    place: Ints
    """row of the results"""
    tariff: Ints
    payer: Ints
    currency: Ints
    fx_row: Ints
    tax_row: Ints


def ask(usage: pl.DataFrame, located: Located, spot: Ints, book: LookupBook) -> Asked:
    """What the catalog says of the events; `usage` has their rows alone, in their order."""
    at = located.at
    fx_row = book.conversions.rows_at(book.tariff_currency[located.tariff], located.currency, at)
    tax_row = book.tax_rates.rows_at(located.tax, located.serving, at)
    rows = event_rows(located, located.tariff, spot, usage, book)
    rows[:, E_PERCENT], rows[:, E_FIXED] = book.discounts.sums(
        located.product_number, located.account, spot, at, book.spots
    )
    rows[:, E_FX], rows[:, E_TAX] = np.maximum(fx_row, SAME), book.tax_rates.ppm(tax_row)
    import_missing = _import(rows, usage, located, book)
    return Asked(usage, located, spot, rows, fx_row, tax_row,
                 (located.tax >= 0) & (tax_row < 0), import_missing)


def _import(rows: Ints, usage: pl.DataFrame, located: Located, book: LookupBook) -> Flags:
    """Add what the partner states, for tariffs that mark it up."""
    lacking = np.zeros(len(rows), np.bool_)
    asked = np.flatnonzero(book.imported_tariffs[located.tariff])
    if len(asked):
        stated = usage[asked].select(
            charge=pl.when(pl.col("partner_currency").is_not_null()).then("partner_charge_micros"),
            currency="partner_currency",
        )
        charge = ints(stated["charge"])
        source = numbered(stated["currency"], book.currencies)
        target = book.tariff_currency[located.tariff[asked]]
        fx = book.conversions.rows_at(source, target, located.at[asked])
        rows[asked, E_IMPORT] = np.where(fx == NONE, -1, charge)
        rows[asked, E_IMPORT_FX] = np.maximum(fx, SAME)
        lacking[asked] = (charge >= 0) & (fx == NONE)
    return lacking


def try_without_state(asked: Asked, places: Ints, book: LookupBook) -> Ints:
    """The status that these events would have if nobody held anything."""
    if not len(places):
        return places
    table = book_of(book, book.catalog.exchange.matrix, nothing_held())
    rows = rows_at(asked.rows, places)
    priced = price_batch(rows, np.arange(len(places)), table, np.zeros(0, np.int64))
    status: Ints = priced.results[:, X_STATUS]
    return status


def price_retail(
    asked: Asked, places: Ints, state: pl.DataFrame | Use, book: LookupBook
) -> tuple[Priced, Held]:
    """What these events cost with what is held; the rows of the results are those of `places`."""
    located, keys = asked.located.take(places), asked.usage["usage_key"]
    whole = len(places) == len(asked.rows)
    held = book.catalog.allowance_book.hold(
        _askers(located, asked.spot[places], book), book.places_asked, state
    )
    rows = rows_at(asked.rows, places)
    rows[:, E_HOLDER], rows[:, E_SIM], rows[:, E_PLACE] = held.holder, held.sim, held.place
    order = walking_order(located.at, keys if whole else keys[places], held.walk)
    table = book_of(book, book.catalog.exchange.matrix, held.matrices._asdict())
    return price_batch(rows, order, table, held.used), held


def _askers(located: Located, spot: Ints, book: LookupBook) -> Askers:
    """The events as the allowance book asks for them."""
    sim = np.full(len(located.row), -1, np.int64)
    if book.catalog.allowance_book.has_sims:
        sim = book.allowance_sims[located.sim]
    return Askers(
        located.account, book.allowance_products[located.product_number],
        book.allowance_tariffs[located.tariff], sim, located.at,
        book.spot_of_partner(spot, located.partner),
    )
