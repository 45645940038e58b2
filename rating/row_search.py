"""Which row of a dated table holds for a key at a time, and which rows those lead to for events."""

from typing import Final, NamedTuple

import numpy as np
import polars as pl

from asn1.compiled import njit
from rating.catalog_tables import SERVICES
from rating.located import Located, Stated
from rating.row_spans import bounds, interleaved
from rating.validity import Ints, frozen, ints

VALUE: Final = 3
"""Column of a Spread's rows in which what they say begins"""
_VOICE: Final = SERVICES.index("voice")
_DATA: Final = SERVICES.index("data")
_MANY: Final = 1 << 61
"""More units than any event may have; twice as many fit 64 bits"""


class Spread(NamedTuple):
    """Dated rows sorted by key and start, divided into ranges of keys that have few rows each."""

    rows: Ints
    """key, start, end (half-open), then what the row says; those of one key do not overlap"""
    first: Ints
    """per range of 2 ** shift keys, from the least key on, its first row; at last their number"""
    shift: int

    @classmethod
    def of(cls, keys: Ints, starts: Ints, ends: Ints, *values: Ints) -> "Spread":
        """The rows, sorted."""
        first, shift = ranges(keys)
        return cls(frozen(interleaved([keys, starts, ends, *values])), first, shift)

    @classmethod
    def dated(cls, keys: Ints, table: pl.DataFrame, *values: Ints) -> "Spread":
        """The rows of a table with valid_from and valid_to; `keys` has one number for each.

        They say their place in the table, then the values.
        """
        starts, ends = ints(table["valid_from"]), ints(table["valid_to"])
        order = np.lexsort((starts, keys))
        columns = (keys, starts, ends, np.arange(len(keys)), *values)
        return cls.of(*(column[order] for column in columns))

    def rows_at(self, wanted: Ints, at: Ints) -> Ints:
        """Per wanted key and time the row of that key with start <= time < end, -1 for none."""
        found = np.empty(len(wanted), np.int64)
        _search(self, frozen(wanted), frozen(at), found)
        return found


def ranges(keys: Ints) -> tuple[Ints, int]:
    """Where ranges of 2 ** shift keys begin among ascending keys, at last their end; the shift."""
    if not len(keys):
        return frozen(np.zeros(1, np.int64)), 0
    shift = max(int(keys[-1] - keys[0]).bit_length() - (2 * len(keys)).bit_length(), 0)
    return frozen(bounds(np.bincount((keys - keys[0]) >> shift))), shift


# Without reference counts (_nrt) a search takes a third of the time.
@njit(cache=True, nogil=True, _nrt=False)
def _row_at(spread: Spread, key: int, time: int) -> int:  # pragma: no cover - compiled
    rows = spread.rows
    if len(rows) == 0 or key < rows[0, 0] or key > rows[-1, 0]:
        return -1
    place = (key - rows[0, 0]) >> spread.shift
    begin, above = spread.first[place], spread.first[place + 1]
    # mostly a range has one row; a guess that comes true lets the processor read ahead
    if rows[begin, 0] == key and rows[begin, 1] <= time < rows[begin, 2]:
        return int(begin)
    below = begin
    while below < above:
        middle = (below + above) // 2
        if rows[middle, 0] < key or (rows[middle, 0] == key and rows[middle, 1] <= time):
            below = middle + 1
        else:
            above = middle
    row: int = below - 1
    if row >= begin and rows[row, 0] == key and time < rows[row, 2]:
        return row
    return -1


@njit(cache=True, nogil=True, _nrt=False)
def _search(  # pragma: no cover - compiled
    spread: Spread, wanted: Ints, at: Ints, found: Ints
) -> None:
    for i in range(len(wanted)):
        found[i] = _row_at(spread, wanted[i], at[i])


class Tables(NamedTuple):
    """What the rows that an event is led to say; -1 where there is nothing."""

    sims: Spread
    """by IMSI: row of accounts, number of the product, payer (row of accounts), the payer's
    currency and tax class"""
    products: Spread
    """by number of the product: row of products, tariff, tax class"""
    networks: Spread
    """by number of the network: row of networks, zone"""
    agreements: Spread
    """by number of the partner: row of agreements, tariff"""
    called: Ints
    """by service and direction: whether events have a destination"""
    zones: int
    """how many numbers zones have; the last is that of `*`"""
    relations: int
    """how many there are"""


@njit(cache=True, nogil=True, _nrt=False)
def locate_events(  # pragma: no cover - compiled
    events: Located, stated: Stated, tables: Tables
) -> int:
    """Fill in what follows from SIM, number and names of the events; how many lack something."""
    lacking = 0
    # what is far away in memory in a short loop of its own: many of these are under way at once
    for i in range(len(events.at)):
        if stated.imsi[i] >= 0:
            events.sim[i] = _row_at(tables.sims, stated.imsi[i], events.at[i])
        sim = events.sim[i]
        events.account[i] = tables.sims.rows[sim, VALUE] if sim >= 0 else -1
        events.product_number[i] = tables.sims.rows[sim, VALUE + 1] if sim >= 0 else -1
        events.payer[i] = tables.sims.rows[sim, VALUE + 2] if sim >= 0 else -1
        events.currency[i] = tables.sims.rows[sim, VALUE + 3] if sim >= 0 else -1
        events.tax[i] = tables.sims.rows[sim, VALUE + 4] if sim >= 0 else -1
    for i in range(len(events.at)):
        time, service, direction = events.at[i], events.service[i], events.direction[i]
        product = tariff = -1
        row = _row_at(tables.products, events.product_number[i], time)
        if row >= 0:
            product, tariff = tables.products.rows[row, VALUE], tables.products.rows[row, VALUE + 1]
            if events.tax[i] < 0:
                events.tax[i] = tables.products.rows[row, VALUE + 2]
        network = serving = -1
        row = _row_at(tables.networks, events.network_name[i], time)
        if row >= 0:
            network = tables.networks.rows[row, VALUE]
            serving = tables.networks.rows[row, VALUE + 1]
        destination = events.destination[i]
        if not tables.called[service, direction]:
            events.plan[i], destination = -1, tables.zones - 1
        row = _row_at(tables.agreements, events.partner[i], time)
        events.agreed[i] = tables.agreements.rows[row, VALUE + 1] if row >= 0 else -1
        units = stated.events[i]
        if service == _VOICE:
            units = stated.duration[i]
        elif service == _DATA:
            units = (min(max(stated.up[i], -_MANY), _MANY)
                     + min(max(stated.down[i], -_MANY), _MANY))
        events.units[i] = units
        events.product[i], events.tariff[i] = product, tariff
        events.network[i], events.serving[i] = network, serving
        events.destination[i] = destination
        place = (service * tables.called.shape[1] + direction) * tables.relations
        place = (place + events.relation[i]) * tables.zones + serving
        events.place[i] = place * tables.zones + destination
        lacking += tariff < 0 or serving < 0 or destination < 0
    return lacking
