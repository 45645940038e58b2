"""Time of the charging function: which band and rate hold at a moment, and until when."""

from rating.price_arrays import (
    DAY_S,
    E_CARD,
    E_OFFSET_S,
    E_TARIFF,
    E_ZONE,
    EP_BANDS,
    EP_FROM_S,
    MAX_INT64,
    S_BAND,
    S_SECOND,
    SH_FROM_S,
    SH_OFFSET_S,
    T_CALENDAR,
    Book,
    Row,
    Table,
)


def last_row(table: Table, low: int, high: int, value: int) -> int:
    """The last row of low … high - 1 that begins with at most the value; row low has to."""
    while high - low > 1:
        middle = (low + high) >> 1
        if table[middle][0] <= value:
            low = middle
        else:
            high = middle
    return low


def last_item(row: Row, low: int, high: int, value: int) -> int:
    """The last of the items low … high - 1 that is at most the value; low - 1 where none is."""
    while high > low:
        middle = (low + high) >> 1
        if row[middle] <= value:
            low = middle + 1
        else:
            high = middle
    return low - 1


def offset_at(event: Row, book: Book, at_s: int) -> tuple[int, int]:
    """What to add for local time at a moment, and when that next changes."""
    zone = event[E_ZONE]
    if zone < 0:
        return event[E_OFFSET_S], MAX_INT64
    end = book.shift_from[zone + 1]
    shift = last_row(book.shifts, book.shift_from[zone], end, at_s)
    until = book.shifts[shift + 1][SH_FROM_S] if shift + 1 < end else MAX_INT64
    return book.shifts[shift][SH_OFFSET_S], until


def band_at(event: Row, book: Book, calendar: int, at_s: int) -> tuple[int, int]:
    """The band at a moment by the calendar, and a moment up to which it surely holds."""
    offset, until = offset_at(event, book, at_s)
    day = (at_s + offset) // DAY_S
    second = at_s + offset - day * DAY_S
    # 1970-01-01 was a Thursday
    kind = (day + 3) % 7
    first = book.holiday_from[calendar]
    holiday = last_item(book.holidays, first, book.holiday_from[calendar + 1], day)
    if holiday >= first and book.holidays[holiday] == day:
        kind = 7
    end = book.day_from[8 * calendar + kind + 1]
    slot = last_row(book.slots, book.day_from[8 * calendar + kind], end, second)
    until_second = book.slots[slot + 1][S_SECOND] if slot + 1 < end else DAY_S
    return book.slots[slot][S_BAND], min(until, at_s + until_second - second)


def rate_at(event: Row, book: Book, at_s: int) -> tuple[int, int, int]:
    """Band and rate at a moment, and a moment up to which both surely hold."""
    band, until = 0, MAX_INT64
    calendar = book.tariffs[event[E_TARIFF]][T_CALENDAR]
    if calendar >= 0:
        band, until = band_at(event, book, calendar, at_s)
    end = book.card_from[event[E_CARD] + 1]
    epoch = last_row(book.epochs, book.card_from[event[E_CARD]], end, at_s)
    if epoch + 1 < end:
        until = min(until, book.epochs[epoch + 1][EP_FROM_S])
    return band, book.band_rates[book.epochs[epoch][EP_BANDS] + band], until


def stretch_end(
    event: Row, book: Book, end_s: int, band: int, rate: int, until: int
) -> tuple[int, int, int, int]:
    """When the band or the rate ends, at most end_s, and band, rate, until from then on."""
    while until < end_s:
        next_band, next_rate, next_until = rate_at(event, book, until)
        if next_band != band or next_rate != rate:
            return until, next_band, next_rate, next_until
        until = next_until
    return end_s, band, rate, until
