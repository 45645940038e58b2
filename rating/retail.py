"""What the account pays: its product's tariff, allowances, discounts, exchange rate and tax."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from rating.allowance_held import Held
from rating.catalog_tables import DIRECTIONS, SERVICES
from rating.conversions import NONE, SAME
from rating.event_rows import (
    Columns,
    book_of,
    cards_of,
    columns_at,
    event_columns,
    event_rows,
    nothing_held,
    walking_order,
)
from rating.lookup_book import LookupBook
from rating.lookups import Located
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
from rating.rate_cards import Cards
from rating.spots import OTHER, Spots
from rating.validity import Flags, Ints, gathered, ints, numbered, taken
from rating.zone_chains import RELATIONS

_SERVICE: Final = pl.Enum([*SERVICES, OTHER])
_DIRECTION: Final = pl.Enum([*DIRECTIONS, OTHER])
_RELATION: Final = pl.Enum(RELATIONS)


@dataclass(frozen=True, slots=True)
class Asked:
    """Events with all that decides their price but what is held; one value an event in each."""

    usage: pl.DataFrame
    """the rows of these events alone"""
    located: Located
    spots: Spots
    cards: Cards
    columns: Columns
    """for the charging function, nothing held yet"""
    payer: Ints
    """row of accounts"""
    currency: Ints
    """number of the payer's currency"""
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


def ask(usage: pl.DataFrame, located: Located, spots: Spots, book: LookupBook) -> Asked:
    """What the catalog says of the events; `usage` has their rows alone, in their order."""
    payer = book.payer[located.account]
    currency = book.account_currency[payer]
    fx_row = book.conversions.rows_at(book.tariff_currency[located.tariff], currency, located.at)
    own = book.account_tax[payer]
    tax = np.where(own >= 0, own, book.product_tax[located.product])
    tax_row = book.tax_rates.rows_at(tax, located.serving, book.zones, located.at)
    product = book.sim_product[located.sim]
    percent, fixed = book.discounts.sums(product, located.account, spots, book.zones, located.at)
    cards = cards_of(located.tariff, spots, book)
    columns = event_columns(located, located.tariff, cards.card.to_numpy(), usage, book)
    columns |= {E_PERCENT: percent, E_FIXED: fixed, E_FX: np.maximum(fx_row, SAME),
                E_TAX: book.tax_rates.ppm(tax_row)}
    import_missing = _import(columns, usage, located, book)
    return Asked(usage, located, spots, cards, columns, payer, currency, fx_row, tax_row,
                 (tax >= 0) & (tax_row < 0), import_missing)


def _import(columns: Columns, usage: pl.DataFrame, located: Located, book: LookupBook) -> Flags:
    """Add what the partner states, for tariffs that mark it up."""
    size = len(located.row)
    lacking = np.zeros(size, np.bool_)
    asked = np.flatnonzero(taken(book.imported_tariffs, located.tariff, 0))
    if len(asked):
        stated = usage[asked].select(
            charge=pl.when(pl.col("partner_currency").is_not_null()).then("partner_charge_micros"),
            currency="partner_currency",
        )
        charge = ints(stated["charge"])
        source = numbered(stated["currency"], book.currencies)
        target = book.tariff_currency[located.tariff[asked]]
        fx = book.conversions.rows_at(source, target, located.at[asked])
        charged, row = np.full(size, -1, np.int64), np.full(size, -1, np.int64)
        charged[asked] = np.where(fx == NONE, -1, charge)
        row[asked] = np.maximum(fx, SAME)
        columns |= {E_IMPORT: charged, E_IMPORT_FX: row}
        lacking[asked] = (charge >= 0) & (fx == NONE)
    return lacking


def try_without_state(asked: Asked, places: Ints, book: LookupBook) -> Ints:
    """The status that these events would have if nobody held anything."""
    table = book_of(book, asked.cards, book.catalog.exchange.matrix, nothing_held())
    rows = event_rows(columns_at(asked.columns, places), len(places))
    priced = price_batch(rows, np.arange(len(places)), table, np.zeros(0, np.int64))
    status: Ints = priced.results[:, X_STATUS]
    return status


def price_retail(
    asked: Asked, places: Ints, state: pl.DataFrame, book: LookupBook
) -> tuple[Priced, Held]:
    """What these events cost with what is held; the rows of the results are those of `places`."""
    size = len(asked.located.row)
    whole = len(places) == size
    usage = asked.usage if whole else asked.usage[places]
    held = book.catalog.allowance_book.hold(_holders(asked, places, usage, book), state)
    columns = asked.columns if whole else columns_at(asked.columns, places)
    rows = event_rows(
        columns | {E_HOLDER: held.holder, E_SIM: held.sim, E_PLACE: held.place}, len(places)
    )
    order = walking_order(asked.located.at[places], usage["usage_key"], held.walk)
    table = book_of(
        book, asked.cards, book.catalog.exchange.matrix, held.matrices._asdict()
    )
    return price_batch(rows, order, table, held.used), held


def _holders(asked: Asked, places: Ints, usage: pl.DataFrame, book: LookupBook) -> pl.DataFrame:
    """The events as the allowance book asks for them."""
    located, spots, catalog = asked.located.take(places), asked.spots, book.catalog
    spot = spots.spot[places]
    zones = pl.Enum(book.zones)

    def named(numbers: Ints, kind: pl.Enum) -> pl.Series:
        return pl.Series(numbers.astype(np.uint32)).cat.to(kind)

    return pl.DataFrame({
        "account_no": located.account,
        "imsi": gathered(catalog.identity["imsi"], located.sim)
        if catalog.allowance_book.has_sims else None,
        "place_key": (located.partner + 1) * spots.count + spot,
        "product": named(book.sim_product[located.sim], pl.Enum(book.products)),
        "tariff": named(located.tariff, pl.Enum(book.tariffs["tariff"])),
        "started_at": usage["started_at"],
        "service": named(spots.service, _SERVICE)[spot],
        "direction": named(spots.direction, _DIRECTION)[spot],
        "relation": named(spots.relation, _RELATION)[spot],
        "serving_zone": named(spots.serving, zones)[spot],
        "destination_zone": named(spots.destination, zones)[spot],
        "partner": usage["partner"],
    })
