"""Allowances of the charging function: what covers units, in which order, and counters."""

from rating.price_arrays import (
    A_COUNTER,
    A_PRIORITY,
    A_QUANTITY,
    A_ROLL,
    D_BEFORE,
    D_BUCKET,
    D_HOLDING,
    D_TAKEN,
    D_UNITS,
    E_HOLDER,
    E_PLACE,
    E_SIM,
    E_START_S,
    H_ALLOWANCE,
    H_BUCKET,
    H_CLOCK,
    H_FROM_S,
    H_PERIOD,
    H_SIM,
    H_TO_S,
    MAX_INT64,
    MIN_S,
    NO_ROOM,
    R_COUNTER,
    SC_COST,
    X_DRAWS,
    Book,
    Row,
    Sheet,
)
from rating.price_time import last_item


def add_draw(sheet: Sheet, holding: int, bucket: int, units: int, taken: int) -> bool:
    """Whether there was room to write the draw; only then it was made."""
    at = sheet.result[X_DRAWS]
    if at == len(sheet.draws):
        return False
    draw = sheet.draws[at]
    draw[D_HOLDING] = holding
    draw[D_BUCKET] = bucket
    draw[D_UNITS] = units
    draw[D_TAKEN] = taken
    draw[D_BEFORE] = sheet.used[bucket]
    sheet.used[bucket] += taken
    sheet.result[X_DRAWS] = at + 1
    return True


def held(event: Row, holding: Row) -> bool:
    """Whether the holding is one of the event's SIM and granted at its start."""
    return (
        holding[H_SIM] in (-1, event[E_SIM])
        and holding[H_FROM_S] <= event[E_START_S] < holding[H_TO_S]
    )


def unit_cost(event: Row, book: Book, holding: Row, band: int) -> int:
    """What the holding asks for a unit of usage in the band, scaled; -1 where it covers none."""
    allowance = holding[H_ALLOWANCE]
    if book.allowances[allowance][A_COUNTER] == 1 or not held(event, holding):
        return -1
    places, bands = book.sizes[0], book.sizes[1]
    scope = book.scope_at[(allowance * places + event[E_PLACE]) * bands + band]
    return book.scopes[scope][SC_COST] if scope >= 0 else -1


def period_at(event: Row, book: Book, holding: Row) -> int:
    """The number of the holding's period at the start of the event."""
    clock = holding[H_CLOCK]
    if clock < 0:
        return 0
    first = book.clock_from[clock]
    return last_item(book.periods, first, book.clock_from[clock + 1], event[E_START_S]) - first


def expiry(book: Book, holding: Row, period: int) -> int:
    """When the last period ends in which what is left of this one can be used."""
    clock = holding[H_CLOCK]
    if clock < 0:
        return holding[H_TO_S]
    after = book.clock_from[clock] + period + book.allowances[holding[H_ALLOWANCE]][A_ROLL] + 1
    return book.periods[after] if after < book.clock_from[clock + 1] else MAX_INT64


def next_to_draw(
    event: Row, book: Book, band: int, low: int, high: int, last: tuple[int, int, int]
) -> tuple[int, int, int]:
    """Expiry, holding, period: the least of the holdings low … high - 1 after the last one.

    The holding is -1 where there is none.
    """
    least = (MAX_INT64, -1, -1)
    for number in range(low, high):
        holding = book.holdings[number]
        if unit_cost(event, book, holding, band) < 0:
            continue
        now = period_at(event, book, holding)
        oldest = now - book.allowances[holding[H_ALLOWANCE]][A_ROLL]
        for period in range(max(oldest, holding[H_PERIOD]), now + 1):
            found = (expiry(book, holding, period), number, period)
            if found > last:
                # its later periods do not expire before this one
                if least[1] < 0 or found < least:
                    least = found
                break
    return least


def cover(event: Row, book: Book, sheet: Sheet, band: int, units: int) -> int:
    """How many of the units allowances cover, drawn on them; -NO_ROOM where draws have none."""
    low = book.holding_from[event[E_HOLDER]]
    end = book.holding_from[event[E_HOLDER] + 1]
    covered = 0
    while low < end and covered < units:
        priority = book.allowances[book.holdings[low][H_ALLOWANCE]][A_PRIORITY]
        high = low + 1
        while high < end and (
            book.allowances[book.holdings[high][H_ALLOWANCE]][A_PRIORITY] == priority
        ):
            high += 1
        last = (MIN_S, -1, -1)
        while covered < units:
            last = next_to_draw(event, book, band, low, high, last)
            if last[1] < 0:
                break
            holding = book.holdings[last[1]]
            bucket = holding[H_BUCKET] + last[2] - holding[H_PERIOD]
            cost = unit_cost(event, book, holding, band)
            taken = units - covered
            if cost > 0:
                left = book.allowances[holding[H_ALLOWANCE]][A_QUANTITY] - sheet.used[bucket]
                taken = min(taken, max(left, 0) // cost)
            if taken > 0 and not add_draw(sheet, last[1], bucket, taken, taken * cost):
                return -NO_ROOM
            covered += taken
        low = high
    return covered


def counter_of(event: Row, book: Book, rate: int) -> tuple[int, int]:
    """Holding and bucket of the rate's counter; -1 where it has none or the holder does not."""
    counter = book.rates[rate][R_COUNTER]
    if counter >= 0 and event[E_HOLDER] >= 0:
        end = book.holding_from[event[E_HOLDER] + 1]
        for number in range(book.holding_from[event[E_HOLDER]], end):
            holding = book.holdings[number]
            if holding[H_ALLOWANCE] == counter and held(event, holding):
                period = period_at(event, book, holding)
                if period >= holding[H_PERIOD]:
                    return number, holding[H_BUCKET] + period - holding[H_PERIOD]
    return -1, -1
