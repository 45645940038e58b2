"""The one charging function: what an event costs at a rate card, in integers only.

The sidecar calls these functions as they stand, `rating.price_batch` compiles this very source.
So they know plain integers and indexable rows of integers (lists, tuples or int64 arrays), and
check for overflow before each product and sum: Python would not need it, 64 bits do.

A rate card says which rate holds in which minute of the local week: `slot_minute` ascending from
0 (Monday 00:00), `slot_rate` the rate from that minute on, as an index into the rate rows
(`setup_fee`, `first`, `following`, `price_micros`, `price_units`), or -1 where there is none.

- Intervals are those of the rate in force at the start; a started interval is billed whole.
- An interval is billed at the rate in force when it starts, so the billed units do not depend on
  where rates change. Volume and events are billed at the rate in force when the event starts.
- Amounts are rounded half up once for each stretch at one rate; the set-up fee comes on top.
- An event of zero units costs nothing, not even the set-up fee.
- Local time is UTC with the offset at the start, also when clocks change during the event.
"""

from collections.abc import MutableSequence, Sequence

WEEK_S = 604_800
MAX_INT64 = 9_223_372_036_854_775_807
MAX_UNITS = 1_152_921_504_606_846_976
"""Largest units and intervals (2**60): rounding up then stays within 64 bits"""
MAX_TIMED_S = 31_622_400
"""Longest event priced by time, 366 days: bounds the walk over the week's slots"""

PRICED = 0
RATE_MISSING = 1
OVERFLOW = 2

Row = Sequence[int]
Out = MutableSequence[int]


def week_second(epoch_s: int, offset_s: int) -> int:
    """Second of the local week, from Monday 00:00, of a UTC time in seconds since 1970."""
    # 1970-01-01 was a Thursday
    return (epoch_s + offset_s + 259_200) % WEEK_S


def round_up(units: int, first: int, following: int) -> int:
    """Units rounded up to whole intervals: one first interval, then further ones."""
    if units <= 0:
        return 0
    if units <= first:
        return first
    return first + (units - first + following - 1) // following * following


def ratio_amount(units: int, price_micros: int, price_units: int) -> int:
    """Price of units at price_micros for price_units, half up, in micro-units; -1 on overflow."""
    whole = units // price_units
    rest = units % price_units
    if price_micros > 0 and (
        whole > MAX_INT64 // price_micros or rest > MAX_INT64 // price_micros
    ):
        return -1
    part = rest * price_micros
    amount = part // price_units
    if part % price_units >= price_units - part % price_units:
        amount += 1
    base = whole * price_micros
    if amount > MAX_INT64 - base:
        return -1
    return base + amount


def slot_at(slot_minute: Row, second: int) -> int:
    """Index of the slot that holds at a second of the week."""
    slot = len(slot_minute) - 1
    while slot_minute[slot] * 60 > second:
        slot -= 1
    return slot


def stretch_end(slot_minute: Row, slot_rate: Row, week_s: int, elapsed: int, units: int) -> int:
    """Seconds from the start at which the rate in force at `elapsed` ends, at most `units`."""
    count = len(slot_minute)
    second = (week_s + elapsed) % WEEK_S
    slot = slot_at(slot_minute, second)
    rate = slot_rate[slot]
    for _ in range(count):
        upto = WEEK_S
        if slot + 1 < count:
            upto = slot_minute[slot + 1] * 60
        elapsed += upto - second
        if elapsed >= units:
            return units
        slot = (slot + 1) % count
        second = slot_minute[slot] * 60
        if slot_rate[slot] != rate:
            return elapsed
    return units


# compiled for arrays, so no records of arguments
def price_event(  # noqa: PLR0913, PLR0917
    week_s: int, units: int, timed: int,
    slot_minute: Row, slot_rate: Row,
    setup_fee: Row, first: Row, following: Row, price_micros: Row, price_units: Row,
    out_rate: Out, out_units: Out, out_amount: Out, at: int,
) -> tuple[int, int, int, int, int]:
    """Status, amount in micro-units, billed units, rate at the start, and number of parts.

    `timed` is 1 where units are seconds. Parts (rate, billed units, amount) are written to the
    three out rows from `at` on as far as they have room; the number counts all of them.
    """
    start_rate = slot_rate[slot_at(slot_minute, week_s)]
    if units < 0 or units > MAX_UNITS or (timed == 1 and units > MAX_TIMED_S):
        return OVERFLOW, 0, 0, start_rate, 0
    if start_rate < 0:
        return RATE_MISSING, 0, 0, start_rate, 0
    if units == 0:
        return PRICED, 0, 0, start_rate, 0
    total = round_up(units, first[start_rate], following[start_rate])
    amount = setup_fee[start_rate]
    billed = 0
    elapsed = 0
    parts = 0
    while billed < total:
        rate = start_rate
        end = units
        if timed == 1:
            rate = slot_rate[slot_at(slot_minute, (week_s + elapsed) % WEEK_S)]
            end = stretch_end(slot_minute, slot_rate, week_s, elapsed, units)
        upto = round_up(end, first[start_rate], following[start_rate])
        elapsed = end
        if upto == billed:
            continue
        if rate < 0:
            return RATE_MISSING, 0, 0, start_rate, 0
        part = ratio_amount(upto - billed, price_micros[rate], price_units[rate])
        if part < 0 or part > MAX_INT64 - amount:
            return OVERFLOW, 0, 0, start_rate, 0
        if at + parts < len(out_rate):
            out_rate[at + parts] = rate
            out_units[at + parts] = upto - billed
            out_amount[at + parts] = part
        amount += part
        parts += 1
        billed = upto
    return PRICED, amount, billed, start_rate, parts


def price_events(  # noqa: PLR0913, PLR0917
    start_s: Row, offset_s: Row, units: Row, timed: Row, card: Row,
    card_from: Row, card_minute: Row, card_rate: Row,
    setup_fee: Row, first: Row, following: Row, price_micros: Row, price_units: Row,
    status: Out, amount: Out, billed: Out, rate: Out, part_from: Out,
    out_rate: Out, out_units: Out, out_amount: Out,
) -> int:
    """Number of parts of all events, each priced by `price_event` at its card.

    Times are seconds since 1970 UTC and the local offset to add. Card c holds the slots from
    card_from[c] to card_from[c + 1]. Event i's results go to the place i of status … rate, its
    parts to the places from part_from[i] on. Where the number returned exceeds the out rows,
    parts are lost and the caller comes back with longer ones.
    """
    at = 0
    for i in range(len(units)):
        low = card_from[card[i]]
        high = card_from[card[i] + 1]
        status[i], amount[i], billed[i], rate[i], parts = price_event(
            week_second(start_s[i], offset_s[i]), units[i], timed[i],
            card_minute[low:high], card_rate[low:high],
            setup_fee, first, following, price_micros, price_units,
            out_rate, out_units, out_amount, at,
        )
        part_from[i] = at
        at += parts
    part_from[len(units)] = at
    return at
