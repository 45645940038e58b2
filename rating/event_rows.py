"""Located events as the rows of integers that the charging function reads."""

from collections.abc import Mapping
from typing import Final

import numpy as np
import polars as pl

from rating.catalog_tables import SERVICES
from rating.located import Located
from rating.lookup_book import LookupBook
from rating.lookups import local_times
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
from rating.price_batch import table
from rating.validity import Ints

_COLUMNS: Final = 16
_NOTHING: Final = (E_HOLDER, E_SIM, E_PLACE, E_FX, E_IMPORT, E_IMPORT_FX)
"""Columns of which -1 means that there is nothing"""
_SECOND: Final = 1_000_000
_TIMED: Final = SERVICES.index("voice")


def event_rows(
    located: Located, tariff: Ints, spot: Ints, usage: pl.DataFrame, book: LookupBook
) -> Ints:
    """The events as priced by `tariff` without allowances, discounts and tax.

    Events without a tariff (-1) get the rate card of another one. `spot` are numbers of
    `book.spots`; the rows are column-major.
    """
    zone, offset = local_times(located, tariff, usage["utc_offset_s"], book)
    columns: dict[int, Ints | int] = {
        **dict.fromkeys(_NOTHING, -1),
        E_START_S: located.at // _SECOND,
        E_UNITS: located.units,
        E_TIMED: located.service == _TIMED,
        E_CARD: book.cards.of(spot * book.tariffs.height + np.maximum(tariff, 0)),
        E_TARIFF: tariff,
        E_ZONE: zone,
        E_OFFSET_S: offset,
    }
    rows = table(len(tariff), _COLUMNS)
    for number in range(_COLUMNS):
        rows[:, number] = columns.get(number, 0)
    return rows


def rows_at(rows: Ints, places: Ints) -> Ints:
    """The column-major rows at these places."""
    return rows if len(places) == len(rows) else rows.T[:, places].T


def book_of(book: LookupBook, fx: Ints, held: Mapping[str, Ints]) -> Book:
    """All that the charging function reads; `held` are the fields that say what is held."""
    tariffs = book.catalog.tariff_book
    return Book(**tariffs.matrices._asdict(), **tariffs.deck._asdict(), fx=fx, **held)


def nothing_held() -> dict[str, Ints]:
    """The fields of Book that say what is held where nobody holds anything."""
    def zeros(rows: int, columns: int) -> Ints:
        return np.zeros((rows, columns), np.int64)

    return {
        "holding_from": np.zeros(1, np.int64), "holdings": zeros(0, 8), "allowances": zeros(0, 4),
        "clock_from": np.zeros(1, np.int64), "periods": np.zeros(0, np.int64),
        "scope_at": np.zeros(0, np.int64), "scopes": zeros(0, 1), "sizes": np.zeros(2, np.int64),
    }
