"""Texts to numbers and times, compiled; as `mediation.value_kernel`, which leaves doubts too."""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from asn1.compiled import njit
from asn1.machine import peek8
from mediation.value_kernel import DOUBT, PLUS, VALUE, Asked, Ints, Octets, Texts, given

Numbers = npt.NDArray[np.int32]

MINUS: Final = 45
POINT: Final = 46
COLON: Final = 58
DIGITS_MAX: Final = 18
"""A number of so many digits fits 64 bits whatever they are"""
MICROS: Final = 1_000_000
UP: Final = 1
DOWN: Final = 2
NEAREST: Final = 3

# Steps of a time's form: octets that stand there, and from here on parts of the time.
YEAR: Final = 256
MONTH: Final = 257
DAY: Final = 258
HOUR: Final = 259
MINUTE: Final = 260
SECOND: Final = 261
FRACTION: Final = 262
YEAR_MIN: Final = 1900
YEAR_MAX: Final = 2200
NO_DAY: Final = 1 << 40
HOUR_MICROS: Final = 3_600_000_000
NO_OFFSET: Final = 1 << 40
"""Of an hour in which the clocks change, and of a text that is no offset"""


class NumberForm(NamedTuple):
    """The numbers that are read, and what is done with them, in this order."""

    plus: int
    minus: int
    """Whether these signs may stand there"""
    mark: int
    """The decimal mark; 0 for whole numbers"""
    wholes: int
    decimals: int
    """The most digits before and after the mark"""
    bare: int
    """Whether the mark may stand first"""
    places: int
    """The number is taken in units of 10 to the minus this"""
    divisor: int
    """Must divide it"""
    scale: int
    rounding: int
    """From micro-seconds to seconds; 0 for none"""
    largest: int
    """The most that the column holds"""


@njit(cache=True, nogil=True, _nrt=False, forceinline=True)
def _digits(start: int, end: int) -> tuple[int, int]:  # pragma: no cover - compiled
    """The number that begins there, of DIGITS_MAX digits at most, and where it ends."""
    number, at = 0, start
    end = min(end, start + DIGITS_MAX)
    while at < end:
        digit = peek8(at) - 48
        if not 0 <= digit <= 9:
            break
        number = number * 10 + digit
        at += 1
    return number, at


@njit(cache=True, nogil=True, _nrt=False, forceinline=True)
def _ten_to(power: int) -> int:  # pragma: no cover - compiled
    number = 1
    for _ in range(power):
        number *= 10
    return number


@njit(cache=True, nogil=True, _nrt=False, forceinline=True)
def _number(
    start: int, end: int, form: NumberForm
) -> tuple[int, int]:  # pragma: no cover - compiled
    """VALUE or DOUBT, and the number as it is written, in the form's places."""
    sign = peek8(start)
    at = start + ((sign == MINUS and form.minus) or (sign == PLUS and form.plus))
    whole, after = _digits(at, end)
    wholes, decimals, fraction = after - at, 0, 0
    if after < end and form.mark and peek8(after) == form.mark:
        fraction, last = _digits(after + 1, end)
        decimals, after = last - after - 1, last
        if decimals == 0 or decimals > form.decimals:
            return DOUBT, 0
    if after < end or wholes > form.wholes or (wholes == 0 and not (form.bare and decimals)):
        return DOUBT, 0
    value = whole * _ten_to(form.places) + fraction * _ten_to(form.places - decimals)
    return VALUE, -value if sign == MINUS else value


@njit(cache=True, nogil=True, _nrt=False, forceinline=True)
def _in_column(value: int, form: NumberForm) -> tuple[int, int]:  # pragma: no cover - compiled
    """VALUE or DOUBT, and the number as its column has it."""
    if form.divisor > 1:
        if value % form.divisor:
            return DOUBT, 0
        value //= form.divisor
    bound = (1 << 62) // form.scale
    if not -bound <= value <= bound:
        return DOUBT, 0
    value *= form.scale
    if form.rounding == UP:
        value = -(-value // MICROS)
    elif form.rounding == DOWN:
        value //= MICROS
    elif form.rounding == NEAREST:
        value = (value + MICROS // 2) // MICROS
    if not -form.largest <= value <= form.largest:
        return DOUBT, 0
    return VALUE, value


@njit(cache=True, nogil=True, _nrt=False)
def read_numbers(
    texts: Texts, asked: Asked, form: NumberForm, values: Ints, states: Octets
) -> None:  # pragma: no cover - compiled
    """Numbers of the form."""
    for row in range(len(states)):
        state, start, end = given(texts, asked, row)
        number = 0
        if state == VALUE:
            state, number = _number(start, end, form)
        if state == VALUE:
            state, number = _in_column(number, form)
        values[row], states[row] = number, state


@njit(cache=True, nogil=True, _nrt=False, forceinline=True)
def _hours(start: int, end: int) -> tuple[int, int]:  # pragma: no cover - compiled
    """VALUE or DOUBT, and the seconds of hours, minutes and seconds."""
    at = start + (peek8(start) == MINUS)
    hours, after = _digits(at, end)
    size = after - at
    if after == end:
        if not 5 <= size <= 9:
            return DOUBT, 0
        hours, minutes, seconds = hours // 10_000, hours // 100 % 100, hours % 100
    else:
        if not 1 <= size <= 5 or end - after != 6:
            return DOUBT, 0
        minutes, middle = _digits(after + 1, after + 3)
        seconds, last = _digits(after + 4, after + 6)
        marks = peek8(after) == COLON and peek8(after + 3) == COLON
        if not marks or middle != after + 3 or last != end:
            return DOUBT, 0
    if minutes > 59 or seconds > 59:
        return DOUBT, 0
    value = hours * 3600 + minutes * 60 + seconds
    return VALUE, value if at == start else -value


@njit(cache=True, nogil=True, _nrt=False)
def read_hours(
    texts: Texts, asked: Asked, form: NumberForm, values: Ints, states: Octets
) -> None:  # pragma: no cover - compiled
    """Durations as hours, minutes and seconds."""
    for row in range(len(states)):
        state, start, end = given(texts, asked, row)
        number = 0
        if state == VALUE:
            state, number = _hours(start, end)
        if state == VALUE:
            state, number = _in_column(number, form)
        values[row], states[row] = number, state


@njit(cache=True, nogil=True, _nrt=False, forceinline=True)
def _two(at: int) -> int:  # pragma: no cover - compiled
    """The number of two digits there, or below zero."""
    tens, ones = peek8(at) - 48, peek8(at + 1) - 48
    return tens * 10 + ones if 0 <= tens <= 9 and 0 <= ones <= 9 else -1


@njit(cache=True, nogil=True, _nrt=False)
def _day(year: int, month: int, day: int) -> int:  # pragma: no cover - compiled
    """The day since 1970, or NO_DAY where the calendar has none or it is far from ours."""
    if not YEAR_MIN <= year <= YEAR_MAX or not 1 <= month <= 12 or day < 1:
        return NO_DAY
    days = 30 + (month + (month >> 3) & 1)
    if month == 2:
        days = 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    if day > days:
        return NO_DAY
    # Years from March on, so that the leap day is the last one.
    if month <= 2:
        year -= 1
        month += 12
    count = year * 365 + year // 4 - year // 100 + year // 400
    return int(count + (153 * (month - 3) + 2) // 5 + day - 719_469)


@njit(cache=True, nogil=True, _nrt=False)
def _offset(start: int, end: int) -> tuple[int, int]:  # pragma: no cover - compiled
    """VALUE or DOUBT, and the seconds of Z, +hhmm or +hh:mm with blanks before."""
    while start < end and (peek8(start) == 32 or 9 <= peek8(start) <= 13):
        start += 1
    size = end - start
    if size == 1 and peek8(start) == 90:
        return VALUE, 0
    sign = peek8(start) if size in (5, 6) else 0
    if (sign not in (PLUS, MINUS)) or (size == 6 and peek8(start + 3) != COLON):
        return DOUBT, 0
    hours, minutes = _two(start + 1), _two(end - 2)
    if not 0 <= hours <= 14 or not 0 <= minutes <= 59:
        return DOUBT, 0
    seconds = hours * 3600 + minutes * 60
    return VALUE, -seconds if sign == MINUS else seconds


@njit(cache=True, nogil=True, _nrt=False)
def _fraction(at: int, end: int) -> tuple[int, int]:  # pragma: no cover - compiled
    """The micro-seconds behind a point, where there is one, and where they end; -1 for doubt."""
    if at == end or peek8(at) != POINT:
        return 0, at
    number, last = _digits(at + 1, min(end, at + 7))
    if last == at + 1 or (last < end and 48 <= peek8(last) <= 57):
        return 0, -1
    return number * _ten_to(7 - (last - at)), last


@njit(cache=True, nogil=True, _nrt=False, forceinline=True)
def _parts(start: int, end: int, steps: Ints, parts: Ints) -> int:  # pragma: no cover - compiled
    """Where the text's time ends, with its parts from YEAR on written down; -1 for doubt."""
    at = start
    for step in steps:
        if step == FRACTION:
            parts[step - YEAR], at = _fraction(at, end)
            if at < 0:
                return -1
        elif step < YEAR:
            if at == end or peek8(at) != step:
                return -1
            at += 1
        else:
            size = 4 if step == YEAR else 2
            if end - at < size:
                return -1
            number = _two(at)
            if step == YEAR:
                low = _two(at + 2)
                number = number * 100 + low if number >= 0 and low >= 0 else -1
            parts[step - YEAR] = number
            at += size
    return at


@njit(cache=True, nogil=True, _nrt=False, forceinline=True)
def _moment(parts: Ints) -> tuple[int, int]:  # pragma: no cover - compiled
    """VALUE or DOUBT, and the micro-seconds since 1970 of a time's parts."""
    days = _day(parts[0], parts[1], parts[2])
    hour, minute, second = parts[3], parts[4], parts[5]
    if days == NO_DAY or not (0 <= hour <= 23 and 0 <= minute <= 59 and 0 <= second <= 59):
        return DOUBT, 0
    seconds = days * 86_400 + hour * 3600 + minute * 60 + second
    return VALUE, seconds * MICROS + parts[6]


@njit(cache=True, nogil=True, _nrt=False)
def read_times(
    texts: Texts, asked: Asked, steps: Ints, with_offset: int, parts: Ints, found: Ints,
    states: Octets,
) -> None:  # pragma: no cover - compiled
    """Times as the steps say: as shown in micro-seconds, and in a second row the offset in seconds.

    `parts` has room for seven numbers, zero where no step gives them.
    """
    for row in range(len(states)):
        state, start, end = given(texts, asked, row)
        moment, offset = 0, 0
        if state == VALUE:
            after = _parts(start, end, steps, parts)
            state, moment = _moment(parts)
            if after < 0 or (after < end and not with_offset):
                state = DOUBT
            elif with_offset and state == VALUE:
                state, offset = _offset(after, end)
        found[0, row], found[1, row], states[row] = moment, offset, state


@njit(cache=True, nogil=True, _nrt=False)
def hour_range(values: Ints, states: Octets) -> tuple[int, int]:  # pragma: no cover - compiled
    """The first and the last hour since 1970 that a value lies in; (0, -1) for none."""
    low, high = NO_DAY, -NO_DAY
    for row in range(len(states)):
        if states[row] == VALUE:
            hour = values[row] // HOUR_MICROS
            low, high = min(low, hour), max(high, hour)
    return (low, high) if low <= high else (0, -1)


@njit(cache=True, nogil=True, _nrt=False)
def mark_hours(
    values: Ints, states: Octets, low: int, seen: Octets
) -> None:  # pragma: no cover - compiled
    """Sets 1 for each hour from `low` on that a value lies in."""
    for row in range(len(states)):
        if states[row] == VALUE:
            seen[values[row] // HOUR_MICROS - low] = 1


@njit(cache=True, nogil=True, _nrt=False)
def shift_hours(
    values: Ints, states: Octets, low: int, table: Ints, local: int, offsets: Ints
) -> None:  # pragma: no cover - compiled
    """Gives each value the offset in seconds that the table has for its hour, or DOUBT.

    Local values become UTC.
    """
    for row in range(len(states)):
        if states[row] == VALUE:
            offset = table[values[row] // HOUR_MICROS - low]
            if offset == NO_OFFSET:
                states[row] = DOUBT
            else:
                offsets[row] = offset
                values[row] -= offset * MICROS * local


@njit(cache=True, nogil=True, _nrt=False)
def shift_each(
    values: Ints, states: Octets, table: Ints, numbers: Numbers, local: int, offsets: Ints
) -> None:  # pragma: no cover - compiled
    """As `shift_hours`, with a table by the number that each row has."""
    for row in range(len(states)):
        if states[row] == VALUE:
            offset = table[numbers[row]]
            if offset == NO_OFFSET:
                states[row] = DOUBT
            else:
                offsets[row] = offset
                values[row] -= offset * MICROS * local
