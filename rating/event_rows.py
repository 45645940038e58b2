"""Located events as the rows of integers that the charging function reads."""

from collections.abc import Mapping
from typing import Final

import numpy as np
import polars as pl

from rating.catalog_tables import SERVICES
from rating.columns import rows_of
from rating.lookup_book import LookupBook
from rating.lookups import Located, local_times
from rating.price_arrays import (
    E_CARD,
    E_FX,
    E_HOLDER,
    E_IMPORT,
    E_IMPORT_FX,
    E_OFFSET_S,
    E_PLACE,
    E_SIM,
    E_START_S,
    E_TARIFF,
    E_TIMED,
    E_UNITS,
    E_ZONE,
    Book,
)
from rating.rate_cards import Cards
from rating.spots import Spots
from rating.validity import Ints, distinct

_COLUMNS: Final = 16
_NOTHING: Final = (E_HOLDER, E_SIM, E_PLACE, E_FX, E_IMPORT, E_IMPORT_FX)
"""Columns of which -1 means that there is nothing"""
_SECOND: Final = 1_000_000
_TIMED: Final = SERVICES.index("voice")


Columns = dict[int, Ints | int]
"""Columns of rows for the charging function by their numbers: an array, or one value for all"""


def event_columns(
    located: Located, tariff: Ints, card: Ints, usage: pl.DataFrame, book: LookupBook
) -> Columns:
    """The events as priced by `tariff` without allowances, discounts and tax."""
    zone, offset = local_times(located, tariff, usage["utc_offset_s"], book)
    return {
        **dict.fromkeys(_NOTHING, -1),
        E_START_S: located.at // _SECOND,
        E_UNITS: located.units,
        E_TIMED: (located.service == _TIMED).astype(np.int64),
        E_CARD: card,
        E_TARIFF: tariff,
        E_ZONE: zone,
        E_OFFSET_S: offset,
    }


def columns_at(columns: Columns, places: Ints) -> Columns:
    """The columns of the events at these places."""
    return {
        number: column[places] if isinstance(column, np.ndarray) else column
        for number, column in columns.items()
    }


def event_rows(columns: Columns, height: int) -> Ints:
    """A row for each of `height` events."""
    return rows_of(columns, _COLUMNS, height)


def cards_of(tariff: Ints, spots: Spots, book: LookupBook) -> Cards:
    """The rate card of each event; events without a tariff (-1) get that of another one."""
    asked, place = distinct(np.maximum(tariff, 0) * max(spots.count, 1) + spots.spot)
    names, spot = np.divmod(asked, max(spots.count, 1))
    texts = spots.texts(book.zones)[spot].with_columns(tariff=book.tariffs["tariff"][names])
    cards = book.catalog.tariff_book.cards(texts)
    return Cards(pl.Series(cards.card.to_numpy()[place]), *_arrays(cards))


def _arrays(cards: Cards) -> tuple[Ints, Ints, Ints]:
    return cards.card_from, cards.epochs, cards.band_rates


def book_of(book: LookupBook, cards: Cards, fx: Ints, held: Mapping[str, Ints]) -> Book:
    """All that the charging function reads; `held` are the fields that say what is held."""
    matrices = book.catalog.tariff_book.matrices._asdict()
    return Book(
        **matrices, card_from=cards.card_from, epochs=cards.epochs, band_rates=cards.band_rates,
        fx=fx, **held,
    )


def nothing_held() -> dict[str, Ints]:
    """The fields of Book that say what is held where nobody holds anything."""
    def table(rows: int, columns: int) -> Ints:
        return np.zeros((rows, columns), np.int64)

    return {
        "holding_from": np.zeros(1, np.int64), "holdings": table(0, 8), "allowances": table(0, 4),
        "clock_from": np.zeros(1, np.int64), "periods": np.zeros(0, np.int64),
        "scope_at": np.zeros(0, np.int64), "scopes": table(0, 1), "sizes": np.zeros(2, np.int64),
    }


def walking_order(at: Ints, keys: pl.Series, walk: Ints) -> Ints:
    """The events walk by walk, those of one by start and key; those of none (-1) come last."""
    held = np.flatnonzero(walk >= 0)
    if not len(held):
        return np.arange(len(walk))
    span, walks = at[held] - at[held].min(), walk[held]
    # the walk, and as much of the time as there is room for, in one number
    room = 63 - int(walks.max()).bit_length()
    dropped = max(int(span.max()).bit_length() - room, 0)
    code = (walks << min(room, int(span.max()).bit_length())) | (span >> dropped)
    order = np.argsort(code)
    code = code[order]
    same = np.zeros(len(code) + 1, np.bool_)
    np.equal(code[1:], code[:-1], out=same[1:-1])
    tied = np.flatnonzero(same[1:] | same[:-1])
    events = held[order]
    if len(tied):
        events[tied] = events[tied][_by_time(code[tied], at[events[tied]], keys[events[tied]])]
    return np.concatenate([events, np.flatnonzero(walk < 0)])


def _by_time(code: Ints, at: Ints, keys: pl.Series) -> Ints:
    """The places in order of code, time, key."""
    by = pl.DataFrame({"code": code, "at": at, "key": keys})
    order = by.select(pl.arg_sort_by("code", "at", "key")).to_series()
    return order.cast(pl.Int64).to_numpy()
