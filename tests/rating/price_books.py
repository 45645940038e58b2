"""Small books for the charging function, as lists, and what an event costs at one both ways."""

from collections.abc import Sequence

import numpy as np

from rating import price_arrays as cols
from rating.price_arrays import MIN_S, Book
from rating.price_batch import price_batch
from rating.price_single import Single, price_single

COLUMNS = {
    "tariffs": 6, "rates": 10, "tiers": 2, "epochs": 2, "slots": 2, "shifts": 2, "fx": 2,
    "holdings": 8, "allowances": 4, "scopes": 1,
}
DAY_S = 86_400
MONTH_S = 30 * DAY_S
FOREVER = 2**60


def tariff(calendar=-1, stage=cols.STAGE_EVENT, mode=cols.HALF_UP, unit=1, tax_included=0,
           intervals=cols.INTERVALS_UP):
    return [calendar, stage, mode, unit, tax_included, intervals]


# columns in their order
def rate(  # noqa: PLR0913, PLR0917
    setup=0, minimum=-1, maximum=-1, first=1, following=1, tier=0, tiers=1,
    counter=-1, markup=-1, scale=1,
):
    return [setup, minimum, maximum, first, following, tier, tiers, counter, markup, scale]


def event(  # noqa: PLR0913, PLR0917
    units, start_s=0, timed=0, card=0, tariff=0, zone=-1, offset_s=0, holder=-1, sim=-1,
    place=0, percent=0, fixed=0, fx=-1, tax=0, charge=-1, charge_fx=-1,
):
    return [start_s, units, timed, card, tariff, zone, offset_s, holder, sim, place, percent, fixed,
            fx, tax, charge, charge_fx]


def holding(allowance=0, sim=-1, from_s=0, to_s=FOREVER, clock=-1, bucket=0, period=0, line=0):
    return [allowance, sim, from_s, to_s, clock, bucket, period, line]


def allowance(quantity=100, priority=0, roll=0, counter=0):
    return [priority, quantity, roll, counter]


def book(rates=None, tiers=((0, 60),), tariffs=None, bands=1, **tables) -> Book:
    """One card, on which rate i is that of band i, unless epochs and band_rates say otherwise."""
    rates = rates or [rate()]
    given = {
        "tariffs": tariffs or [tariff()], "rates": rates, "tiers": list(tiers),
        "card_from": [0, 1], "epochs": [[MIN_S, 0]],
        "band_rates": [min(band, len(rates) - 1) for band in range(bands)],
        "day_from": list(range(9)), "slots": [[0, 0]] * 8,
        "holiday_from": [0, 0], "holidays": [],
        "shift_from": [0, 1], "shifts": [[MIN_S, 0]], "fx": [],
        "holding_from": [0, len(tables.get("holdings", []))], "holdings": [], "allowances": [],
        "clock_from": [0, 100], "periods": [MONTH_S * n for n in range(100)],
        "scope_at": [0] * len(tables.get("allowances", [])) * bands, "scopes": [[1]],
        "sizes": [1, bands],
    }
    return Book(**(given | tables))


def arrays(book: Book) -> Book:
    """The book as the compiled function wants it."""
    return Book(*(
        np.array(table, np.int64).reshape(-1, *([COLUMNS[name]] if name in COLUMNS else []))
        for name, table in zip(Book._fields, book, strict=True)
    ))


def priced(events: Sequence[Sequence[int]], book: Book, used: list[int]) -> list[Single]:
    """What the events cost, one after the other; `used` grows."""
    return [price_single(row, book, used) for row in events]


def priced_at_once(events: Sequence[Sequence[int]], book: Book, used: list[int]) -> list[Single]:
    """The same of the compiled function, in the shape of the other."""
    grown = np.array(used, np.int64)
    table = np.array(events, np.int64).reshape(-1, 16)
    got = price_batch(table, np.arange(len(table)), arrays(book), grown)
    used[:] = grown.tolist()
    singles = []
    for row in got.results.tolist():
        parts = got.parts[row[cols.X_PART_FROM] : row[cols.X_PARTS]].tolist()
        draws = got.draws[row[cols.X_DRAW_FROM] : row[cols.X_DRAWS]].tolist()
        row[cols.X_PARTS] -= row[cols.X_PART_FROM]
        row[cols.X_DRAWS] -= row[cols.X_DRAW_FROM]
        row[cols.X_PART_FROM] = row[cols.X_DRAW_FROM] = 0
        singles.append(Single(row, parts, draws))
    return singles


def price_one(row, book, used=None) -> Single:
    """What one event costs, found both ways alike."""
    used = [0] * 40 if used is None else used
    at_once = list(used)
    (want,) = priced([row], book, used)
    (got,) = priced_at_once([row], book, at_once)
    assert (got, at_once) == (want, used)
    return want


MONDAY_S = 4 * DAY_S  # 1970-01-05
TWO_BANDS = [rate(first=60, following=60, tier=0, scale=60),
             rate(first=60, following=60, tier=1, scale=60)]
MINUTE_PRICES = [[0, 600_000], [0, 60_000]]  # of a second, in sixtieths of a micro-unit


def days(*slots):
    """The same slots every day."""
    return {"slots": [list(slot) for slot in slots] * 8,
            "day_from": [len(slots) * day for day in range(9)], "bands": 2}


def parts(single):
    """Band, rate, tier, units and amount of each part."""
    return [tuple(part) for part in single.parts]


def draws(single):
    """Holding, bucket, units, taken and before of each draw."""
    return [tuple(draw) for draw in single.draws]


def amounts(single):
    """Status and amount due."""
    return single.result[cols.X_STATUS], single.result[cols.X_AMOUNT]
